"""Gender probabilities of audio classifiers: against plain operations, whatever the labels."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from fairser.encoders.base import Encoder, Settings, make_encoder
from unit.corpora.builders import assert_refused
from unit.encoders.tiny import write_age_gender, write_gender_classifier

from transformers import AutoModel, Wav2Vec2FeatureExtractor  # isort: skip


def load(folder: Path) -> Encoder:
    return make_encoder("gender_classifier", Settings(folder, "cpu"))


def noise(clips: int = 4, samples: int = 4000) -> torch.Tensor:
    waveforms = torch.randn(clips, samples, generator=torch.Generator().manual_seed(0))
    return waveforms * torch.linspace(0.05, 0.5, clips)[:, None] + 0.1


@pytest.mark.parametrize(
    "labels", [("female", "male"), ("Male", "Female"), ("child", "male", "other", "female")]
)
def test_probabilities_by_hand(tmp_path: Path, labels: tuple[str, ...]) -> None:
    folder = write_gender_classifier(tmp_path, labels)
    weights = load_file(folder / "model.safetensors")
    processor = Wav2Vec2FeatureExtractor.from_pretrained(folder)
    trunk = AutoModel.from_pretrained(folder).eval()
    places = [[name.lower() for name in labels].index(one) for one in ("female", "male")]
    expected = []
    for waveform in noise():
        inputs = processor(waveform.numpy(), sampling_rate=16000, return_tensors="pt")
        with torch.no_grad():
            frames = trunk(inputs["input_values"]).last_hidden_state[0]
        projected = frames @ weights["projector.weight"].T + weights["projector.bias"]
        logits = weights["classifier.weight"] @ projected.mean(dim=0) + weights["classifier.bias"]
        shares = logits.softmax(dim=0)[places]
        expected.append(shares / shares.sum())
    encoder = load(folder)
    found = encoder(noise())
    assert (encoder.layers, encoder.dim) == (1, 2)
    assert (found.shape, found.dtype) == ((4, 1, 2), torch.float32)
    torch.testing.assert_close(found[:, 0], torch.stack(expected), rtol=1e-4, atol=1e-5)
    assert found[:, 0, 0].std() > 1e-3
    alone = torch.cat([encoder(waveform[None]) for waveform in noise()])
    torch.testing.assert_close(found, alone, rtol=1e-5, atol=1e-6)


def test_models_that_do_not_tell_gender(tmp_path: Path) -> None:
    folder = write_gender_classifier(tmp_path / "a", ("happy", "sad"))
    assert_refused((str(folder), "happy, sad", "id2label"), load, folder)
    folder = write_age_gender(tmp_path / "b")
    config = folder / "config.json"
    labels = {"id2label": {"0": "female", "1": "male"}}
    config.write_text(json.dumps(json.loads(config.read_text()) | labels))
    assert_refused((str(folder), "lacks weights", "classifier"), load, folder)


def test_the_shortest_clip(tmp_path: Path) -> None:
    encoder = load(write_gender_classifier(tmp_path))
    assert encoder(noise(2, 400)).isfinite().all()
    assert_refused(("gender classifier", "needs 400"), encoder, noise(2, 399))
