"""Memory and speed of one encoder of the published size, with random weights, on a CPU."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from shared.measuring import peak_mb

from fairser.audio import torchaudio_cpu  # noqa: F401  before transformers
from fairser.encoders.base import Encoder, Settings, make_encoder
from fairser.encoders.spectrograms import FilterBankStates, WhisperStates, WhisperTrunk
from fairser.encoders.speech import SpeechEncoder
from unit.encoders.sizes import LARGE, XLS_R

from transformers import SeamlessM4TFeatureExtractor, WhisperFeatureExtractor  # isort: skip
from transformers import Wav2Vec2BertConfig, Wav2Vec2BertModel, WhisperConfig  # isort: skip
from transformers import Wav2Vec2Config, Wav2Vec2Model, WavLMConfig, WavLMModel  # isort: skip

CPU = torch.device("cpu")
# Layers, width, heads and bands of Whisper's encoder by size.
WHISPER = {"base": (6, 512, 8, 80), "small": (12, 768, 12, 80), "large-v3": (32, 1280, 20, 128)}


@dataclass(frozen=True)
class Cost:
    """What an encoder costs.

    Attributes:
        layers, dim: of its features.
        millions: of parameters.
        peak: largest resident memory of the process, in MiB.
        seconds: of one core for all clips, in each round; other work on the machine counts little.
    """

    layers: int
    dim: int
    millions: float
    peak: float
    seconds: list[float]


def _waveform(model_class: Any, config: Any, small: bool) -> SpeechEncoder:
    return SpeechEncoder(_random(model_class, _shrunk(config, small)), False, Settings(), CPU)


def _whisper(size: str, small: bool) -> WhisperStates:
    layers, width, heads, bands = WHISPER[size]
    config = WhisperConfig(
        encoder_layers=layers,
        d_model=width,
        encoder_attention_heads=heads,
        encoder_ffn_dim=4 * width,
        num_mel_bins=bands,
    )
    seconds = 30
    if small:
        config.encoder_layers, config.max_source_positions, seconds = 1, 100, 2
    extractor = WhisperFeatureExtractor(feature_size=bands, chunk_length=seconds)
    return WhisperStates(_random(WhisperTrunk, config), extractor, Settings(), CPU)


def _filter_bank(small: bool) -> FilterBankStates:
    model = _random(Wav2Vec2BertModel, _shrunk(Wav2Vec2BertConfig(), small))
    return FilterBankStates(model, SeamlessM4TFeatureExtractor(), Settings(), CPU)


def _functionals(features: str, _small: bool) -> Encoder:
    return make_encoder("opensmile", Settings(options={"features": features}))


MAKERS: dict[str, Callable[[bool], Encoder]] = {
    "fbank": lambda _: make_encoder("fbank", Settings()),
    "eGeMAPSv02": lambda small: _functionals("eGeMAPSv02", small),
    "ComParE_2016": lambda small: _functionals("ComParE_2016", small),
    "WavLM Base+": lambda small: _waveform(WavLMModel, WavLMConfig(), small),
    "WavLM Large": lambda small: _waveform(WavLMModel, WavLMConfig(**LARGE), small),
    "wav2vec 2.0 Large": lambda small: _waveform(Wav2Vec2Model, Wav2Vec2Config(**LARGE), small),
    "XLS-R 1B": lambda small: _waveform(Wav2Vec2Model, Wav2Vec2Config(**XLS_R), small),
    "w2v-BERT 2.0": _filter_bank,
    **{f"Whisper {size}": lambda small, size=size: _whisper(size, small) for size in WHISPER},
}


def cost(name: str, clips: int, seconds: float, rounds: int, small: bool) -> Cost:
    """What the encoder costs, clip by clip; ``small`` takes one layer and short windows."""
    torch.manual_seed(0)
    encoder = MAKERS[name](small)
    waveforms = 0.1 * torch.randn(clips, round(16_000 * seconds))
    model = getattr(encoder, "model", None)
    count = sum(parameter.numel() for parameter in model.parameters()) if model else 0

    def work() -> float:
        start = time.process_time()
        for waveform in waveforms:
            assert encoder(waveform[None]).isfinite().all()
        return time.process_time() - start

    times = [work() for _ in range(rounds)]
    return Cost(encoder.layers, encoder.dim, count / 1e6, peak_mb(), times)


def _shrunk(config: Any, small: bool) -> Any:
    if small:
        config.num_hidden_layers = 1
    return config


def _random(model_class: Any, config: Any) -> Any:
    """A model with small random weights, which takes no more memory than they do."""
    with torch.device("meta"):
        model = model_class(config)
    model = model.to_empty(device=CPU).eval().requires_grad_(False)
    for tensor in (*model.parameters(), *model.buffers()):
        if tensor.is_floating_point():
            tensor.uniform_(-0.02, 0.02)
    return model
