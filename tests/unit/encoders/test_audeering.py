"""The age-gender model: against plain operations on its parts."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from fairser.core.errors import InputError
from fairser.encoders.audeering import GENDERS, AgeGenderModel, make
from fairser.encoders.base import Settings
from fairser.encoders.heads import HeadEncoder
from unit.encoders.tiny import write_age_gender

from transformers import Wav2Vec2Config, Wav2Vec2FeatureExtractor, Wav2Vec2Model  # isort: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_age_gender(tmp_path)


def load(folder: Path) -> HeadEncoder:
    return make(Settings(folder, "cpu"))


def noise(clips: int = 4, samples: int = 4000) -> torch.Tensor:
    waveforms = torch.randn(clips, samples, generator=torch.Generator().manual_seed(0))
    return waveforms * torch.linspace(0.05, 0.5, clips)[:, None] + 0.1


def test_probabilities_by_hand(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    processor = Wav2Vec2FeatureExtractor.from_pretrained(folder)
    trunk = Wav2Vec2Model(Wav2Vec2Config.from_pretrained(folder)).eval()
    inner = {
        name.removeprefix("wav2vec2.")
        .replace("weight_g", "parametrizations.weight.original0")
        .replace("weight_v", "parametrizations.weight.original1"): value
        for name, value in weights.items()
        if name.startswith("wav2vec2.")
    }
    trunk.load_state_dict(inner)
    expected = []
    for waveform in noise():
        values = processor(waveform.numpy(), sampling_rate=16000, return_tensors="pt")[
            "input_values"
        ]
        with torch.no_grad():
            pooled = trunk(values).last_hidden_state[0].mean(dim=0)
        hidden = torch.tanh(weights["gender.dense.weight"] @ pooled + weights["gender.dense.bias"])
        logits = weights["gender.out_proj.weight"] @ hidden + weights["gender.out_proj.bias"]
        female, male, _child = logits.exp() / logits.exp().sum()
        expected.append([female / (female + male), male / (female + male)])

    encoder = load(folder)
    found = encoder(noise())
    assert (encoder.layers, encoder.dim) == (1, 2)
    assert (found.shape, found.dtype) == ((4, 1, 2), torch.float32)
    torch.testing.assert_close(found[:, 0], torch.tensor(expected), rtol=1e-5, atol=1e-6)
    assert found[:, 0, 0].std() > 1e-3
    assert not found.is_inference()


def test_a_child_is_neither_female_nor_male(folder: Path) -> None:
    assert GENDERS == ("female", "male", "child")
    encoder = load(folder)
    out = encoder.model.gender.out_proj
    expected = encoder(noise())
    out.bias.data[2] += 50
    torch.testing.assert_close(encoder(noise()), expected)
    out.bias.data[0] += 50
    torch.testing.assert_close(encoder(noise())[:, 0], torch.tensor([[1.0, 0.0]] * 4))
    out.bias.data[1] += 100
    torch.testing.assert_close(encoder(noise())[:, 0], torch.tensor([[0.0, 1.0]] * 4))


def test_names_of_the_parameters(folder: Path) -> None:
    names = {name.split(".", 1)[0] for name in load_file(folder / "model.safetensors")}
    assert names == {"wav2vec2", "age", "gender"}
    model = AgeGenderModel(Wav2Vec2Config.from_pretrained(folder))
    heads = {
        name: tuple(value.shape)
        for name, value in model.state_dict().items()
        if not name.startswith("wav2vec2.")
    }
    assert heads == {
        "age.dense.weight": (32, 32),
        "age.dense.bias": (32,),
        "age.out_proj.weight": (1, 32),
        "age.out_proj.bias": (1,),
        "gender.dense.weight": (32, 32),
        "gender.dense.bias": (32,),
        "gender.out_proj.weight": (3, 32),
        "gender.out_proj.bias": (3,),
    }


@pytest.mark.parametrize("safetensors", [True, False])
def test_both_formats_of_weights(tmp_path: Path, safetensors: bool) -> None:
    first = write_age_gender(tmp_path / "first")
    second = write_age_gender(tmp_path / "second", safetensors=safetensors)
    assert torch.equal(load(first)(noise()), load(second)(noise()))


def test_a_batch_of_equal_lengths_is_the_clips_one_by_one(folder: Path) -> None:
    encoder = load(folder)
    alone = torch.cat([encoder(waveform[None]) for waveform in noise(5)])
    torch.testing.assert_close(encoder(noise(5)), alone, rtol=1e-5, atol=1e-6)


def test_loudness_and_the_corpus_do_not_matter(folder: Path) -> None:
    expected = load(folder)(noise())
    torch.testing.assert_close(load(folder)(3 * noise() + 1), expected, rtol=1e-4, atol=1e-4)
    other = make(Settings(folder, "cpu", mean=0.1, std=0.2))
    assert torch.equal(other(noise()), expected)


def test_dropout_is_off(folder: Path) -> None:
    encoder = load(folder)
    assert not encoder.model.training
    assert torch.equal(encoder(noise()), encoder(noise()))


def test_the_shortest_clip(folder: Path) -> None:
    assert load(folder)(noise(2, 400)).isfinite().all()
    with pytest.raises(InputError, match="age-gender model, which needs 400"):
        load(folder)(noise(2, 399))
