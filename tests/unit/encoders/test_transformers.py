"""Self-supervised encoders: what they say, against transformers itself and plain operations."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from fairser.core.errors import InputError
from fairser.encoders.base import Settings
from fairser.encoders.speech import SpeechEncoder
from fairser.encoders.transformers import make
from unit.encoders.tiny import (
    OLD_NAMES,
    write_data2vec,
    write_hubert,
    write_unispeech_sat,
    write_wav2vec2,
    write_wavlm,
)

from transformers import AutoModel, Wav2Vec2FeatureExtractor  # isort: skip

FAMILIES: dict[str, Callable[..., Path]] = {
    "wavlm": write_wavlm,
    "wavlm large": lambda folder, **more: write_wavlm(folder, True, **more),
    "wav2vec2 with group norm": lambda folder, **more: write_wav2vec2(folder, False, **more),
    "wav2vec2 with layer norm": write_wav2vec2,  # XLS-R in all its sizes
    "hubert": write_hubert,
    "hubert large": lambda folder, **more: write_hubert(folder, True, **more),
    "data2vec": write_data2vec,
    "unispeech-sat": write_unispeech_sat,
}
MEAN, STD = 0.02, 0.3


def noise(clips: int = 3, samples: int = 4000) -> torch.Tensor:
    """Waves of different loudness and offset."""
    waveforms = torch.randn(clips, samples, generator=torch.Generator().manual_seed(0))
    return waveforms * torch.linspace(0.05, 0.5, clips)[:, None] + 0.01


def load(folder: Path, **more: float) -> SpeechEncoder:
    return make(Settings(folder, "cpu", **more))  # type: ignore[arg-type]


@pytest.fixture(params=FAMILIES)
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return FAMILIES[request.param](tmp_path / "model")


def test_features_are_the_means_of_the_hidden_states_of_transformers(folder: Path) -> None:
    processor = Wav2Vec2FeatureExtractor.from_pretrained(folder)
    standardised = [((waveform - MEAN) / STD).numpy() for waveform in noise()]
    inputs = processor(standardised, sampling_rate=16000, return_tensors="pt")["input_values"]
    model = AutoModel.from_pretrained(folder).eval()
    with torch.no_grad():
        output = model(inputs, output_hidden_states=True)
    states = [*output.hidden_states[:-1], output.last_hidden_state]
    expected = torch.stack([state.mean(dim=1) for state in states], dim=1)

    encoder = load(folder, mean=MEAN, std=STD)
    found = encoder(noise())
    assert (encoder.layers, encoder.dim) == (3, 32)
    assert (found.shape, found.dtype) == ((3, 3, 32), torch.float32)
    assert expected.abs().mean() > 0.1
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    assert not found.requires_grad
    assert not found.is_inference()  # a head can be trained on it


def test_hidden_states_are_inputs_of_the_layers_and_the_end_of_the_encoder(folder: Path) -> None:
    encoder = load(folder)
    seen = []
    for layer in encoder.model.encoder.layers:
        layer.register_forward_pre_hook(lambda _module, given: seen.append(given[0].clone()))
    encoder.model.encoder.register_forward_hook(
        lambda _module, _given, output: seen.append(output.last_hidden_state.clone())
    )
    states = encoder.hidden_states(noise())
    assert states.shape == (3, 3, 12, 32)
    assert torch.equal(states, torch.stack(seen, dim=1))
    torch.testing.assert_close(encoder(noise()), states.mean(dim=2), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("safetensors", [True, False])
@pytest.mark.parametrize("family", FAMILIES)
def test_every_weight_is_the_one_in_the_file(
    tmp_path: Path, family: str, safetensors: bool
) -> None:
    folder = FAMILIES[family](tmp_path / "model", safetensors=safetensors)
    if safetensors:
        stored = load_file(folder / "model.safetensors")
    else:
        stored = torch.load(folder / "pytorch_model.bin", weights_only=True)
    assert not any("parametrizations" in name for name in stored)
    model = load(folder).model
    for name, value in model.state_dict().items():
        for new, old in OLD_NAMES.items():
            name = name.replace(f"parametrizations.weight.{new}", old)
        prefixed = f"{model.base_model_prefix}.{name}"
        assert torch.equal(value, stored[prefixed if prefixed in stored else name]), name


def test_a_batch_of_equal_lengths_is_the_clips_one_by_one(folder: Path) -> None:
    encoder = load(folder)
    alone = torch.cat([encoder(waveform[None]) for waveform in noise(5)])
    torch.testing.assert_close(encoder(noise(5)), alone, rtol=1e-5, atol=1e-5)


def test_loading_twice_and_hearing_twice_gives_the_same(folder: Path) -> None:
    encoder = load(folder)
    first = encoder(noise())
    assert torch.equal(encoder(noise()), first)
    assert torch.equal(load(folder)(noise()), first)


def test_the_model_is_frozen_and_without_augmentation(folder: Path) -> None:
    encoder = load(folder)
    assert not encoder.model.training
    assert not any(parameter.requires_grad for parameter in encoder.model.parameters())
    assert not encoder.hidden_states(noise()).requires_grad
    encoder.model.train()
    for module in encoder.model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
        if hasattr(module, "dropout") and isinstance(module.dropout, float):
            module.dropout = 0.0  # of the attention
    encoder.model.config.feat_quantizer_dropout = 0.0
    still = encoder.hidden_states(noise())  # neither masked nor with layers left out
    torch.testing.assert_close(still, load(folder).hidden_states(noise()), rtol=1e-4, atol=1e-4)


def test_hidden_states_carry_gradients_where_a_parameter_has_them(folder: Path) -> None:
    encoder = load(folder)
    weight = encoder.model.encoder.layers[0].feed_forward.output_dense.weight.requires_grad_()
    states = encoder.hidden_states(noise())
    states[:, 1:].square().mean().backward()
    assert weight.grad is not None
    assert weight.grad.abs().max() > 0


@pytest.mark.parametrize("do_normalize", [True, False])
@pytest.mark.parametrize(("mean", "std"), [(0.0, 1.0), (MEAN, STD)])
def test_preparation_is_the_corpus_then_the_processor(
    tmp_path: Path, do_normalize: bool, mean: float, std: float
) -> None:
    folder = write_wav2vec2(tmp_path, do_normalize=do_normalize)
    processor = Wav2Vec2FeatureExtractor.from_pretrained(folder)
    expected = [
        processor(((waveform - mean) / std).numpy(), sampling_rate=16000)["input_values"][0]
        for waveform in noise()
    ]
    found = load(folder, mean=mean, std=std).prepare(noise())
    torch.testing.assert_close(found, torch.from_numpy(np.stack(expected)), rtol=1e-5, atol=1e-5)
    spread = found.std(dim=1)
    assert (spread.max() / spread.min() < 1.01) == do_normalize


@pytest.mark.parametrize("do_normalize", [True, False])
def test_silence_is_finite(tmp_path: Path, do_normalize: bool) -> None:
    encoder = load(write_wav2vec2(tmp_path, do_normalize=do_normalize))
    assert encoder(torch.zeros(1, 4000)).isfinite().all()


def differences(encoder: SpeechEncoder) -> tuple[float, float]:
    """By how much, beside their size, the hidden states change by padding.

    Without and with the attention mask that tells the model of it.
    """
    model = encoder.model
    waveform = encoder.prepare(noise(1))
    padded = torch.nn.functional.pad(waveform, (0, 4000))
    mask = torch.ones_like(padded, dtype=torch.long)
    mask[:, 4000:] = 0
    with torch.no_grad():
        alone = model(waveform).last_hidden_state
        others = [
            model(padded).last_hidden_state[:, : alone.shape[1]],
            model(padded, attention_mask=mask).last_hidden_state[:, : alone.shape[1]],
        ]
    without, told = (((other - alone).norm() / alone.norm()).item() for other in others)
    return without, told


@pytest.mark.filterwarnings("ignore:Support for mismatched key_padding_mask")  # WavLM's own
def test_padding_changes_a_model_with_group_norm_even_with_a_mask(tmp_path: Path) -> None:
    """Why batches are of equal length: the first norm is over all frames, padding included."""
    without, told = differences(load(write_wavlm(tmp_path)))
    assert without > 0.05
    assert told > 0.05


def test_padding_does_not_change_a_model_with_layer_norm_and_a_mask(tmp_path: Path) -> None:
    without, told = differences(load(write_wav2vec2(tmp_path)))
    assert without > 0.01
    assert told < 1e-5


@pytest.mark.parametrize(("precision", "close"), [("bfloat16", 0.05), ("float16", 0.005)])
def test_lower_precisions(tmp_path: Path, precision: str, close: float) -> None:
    # Sixteen channels in a group: of eight, oneDNN's bfloat16 convolution is wrong with AMX.
    write_wavlm(tmp_path, dim=64)
    exact, found = load(tmp_path)(noise()), make(Settings(tmp_path, "cpu", precision))(noise())
    assert found.dtype == torch.float32
    assert not torch.equal(found, exact)
    assert (found - exact).abs().max() < close * exact.abs().max()


def test_the_shortest_clip(folder: Path) -> None:
    encoder = load(folder)
    assert encoder.shortest == 400
    assert encoder.hidden_states(noise(2, 400)).shape == (2, 3, 1, 32)
    assert encoder.hidden_states(noise(2, 719)).shape == (2, 3, 1, 32)
    assert encoder.hidden_states(noise(2, 720)).shape == (2, 3, 2, 32)
    assert encoder(noise(2, 400)).isfinite().all()
    with pytest.raises(InputError, match=r"399 samples .* too short .* needs 400"):
        encoder(noise(2, 399))


@pytest.mark.parametrize("normalised", [True, False])
def test_all_of_a_batch_goes_to_the_device_of_the_model(folder: Path, normalised: bool) -> None:
    """The device without values stands in for a GPU: it takes no tensor of the CPU either."""
    found = load(folder, mean=MEAN, std=STD)
    elsewhere = torch.device("meta")
    settings = Settings(mean=MEAN, std=STD)
    moved = SpeechEncoder(found.model, normalised, settings, elsewhere)
    assert moved.prepare(noise()).device == elsewhere
    states = moved.hidden_states(noise())
    assert states.device == elsewhere
    assert states.shape == load(folder).hidden_states(noise()).shape
    with pytest.raises(RuntimeError):
        moved.model(noise(), output_hidden_states=True)
