"""Speech encoders of ``transformers`` whose input is a spectrogram: Whisper and w2v-BERT 2.0.

The spectrogram is the one of the model's own feature extractor.
"""

from typing import Any

import torch

from fairser.audio.waveforms import SAMPLE_RATE
from fairser.core.errors import InputError
from fairser.encoders.base import Settings
from fairser.encoders.loading import load
from fairser.encoders.speech import SpeechEncoder
from fairser.pretrained.devices import choose

from transformers import AutoModel, SeamlessM4TFeatureExtractor  # isort: skip
from transformers import WhisperFeatureExtractor, WhisperPreTrainedModel  # isort: skip
from transformers.models.whisper.modeling_whisper import WhisperEncoder  # isort: skip

# Windows of Whisper that are computed at a time; each takes as much as 30 s of audio.
WINDOWS = {"cpu": 1, "mps": 2, "cuda": 4}
WINDOW, HOP = 400, 160  # samples of a frame of w2v-BERT's filter bank, and between two frames


class WhisperTrunk(WhisperPreTrainedModel):
    """The encoder of Whisper alone: its decoder is not loaded."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.encoder = WhisperEncoder(config)
        self.post_init()

    def forward(self, inputs: torch.Tensor, output_hidden_states: bool = False) -> Any:
        """Hidden states of log-mel spectrograms [B, band, frame] of a whole window."""
        return self.encoder(inputs, output_hidden_states=output_hidden_states)


class WhisperStates(SpeechEncoder):
    """Hidden states of Whisper's encoder (Radford et al. 2023).

    It computes on windows of 30 s, which silence fills, as in its training. Only the frames of the
    clip are kept: one for each 320 samples, of which the last may be cut short.
    """

    def __init__(
        self, model: Any, extractor: Any, settings: Settings, device: torch.device
    ) -> None:
        super().__init__(model, False, settings, device, extractor.n_fft)
        self.extractor = extractor
        self.step = 2 * extractor.hop_length  # the second convolution has stride 2

    def prepare(self, waveforms: torch.Tensor) -> torch.Tensor:
        """Log-mel spectrograms [B, band, frame] of windows."""
        made = self.extractor(
            [*waveforms.cpu().float().numpy()], sampling_rate=SAMPLE_RATE, return_tensors="pt"
        )
        return made["input_features"].to(self.device)

    def _states(self, waveforms: torch.Tensor) -> tuple[torch.Tensor, ...]:
        samples, longest = waveforms.shape[1], self.extractor.n_samples
        if samples > longest:
            raise InputError(
                f"A clip of {samples} samples at 16 kHz is too long for Whisper, which takes "
                f"{longest / SAMPLE_RATE:g} s; set 'encoder.seconds' to at most that."
            )
        frames = -(-samples // self.step)
        parts = [
            [state[:, :frames] for state in super(WhisperStates, self)._states(part)]
            for part in waveforms.split(WINDOWS.get(self.device.type, 1))
        ]
        # A copy: a slice would keep the frames of silence in memory.
        return tuple(torch.cat(layer) for layer in zip(*parts, strict=True))


class FilterBankStates(SpeechEncoder):
    """Hidden states of w2v-BERT 2.0 (Seamless Communication 2023), on pairs of frames of 10 ms.

    Each band of the filter bank gets mean 0 and variance 1 over the clip. A last frame without a
    partner is left out, where the feature extractor would pad it and mask it.
    """

    def __init__(
        self, model: Any, extractor: Any, settings: Settings, device: torch.device
    ) -> None:
        shortest = WINDOW + (extractor.stride - 1) * HOP
        super().__init__(model, False, settings, device, shortest)
        self.extractor = extractor

    def prepare(self, waveforms: torch.Tensor) -> torch.Tensor:
        """Filter banks [B, frame, value] of waveforms that are standardised by the corpus."""
        waveforms = (waveforms.cpu().float() - self.mean) / self.std
        made = self.extractor(
            [*waveforms.numpy()],
            sampling_rate=SAMPLE_RATE,
            padding=False,
            pad_to_multiple_of=None,
            return_tensors="pt",
        )
        return made["input_features"].to(self.device)


def make_whisper(settings: Settings) -> WhisperStates:
    """Whisper in the settings' folder.

    Raises:
        InputError: see :func:`fairser.encoders.loading.load`; the waveforms are standardised.
    """
    device = choose(settings.device)
    if (settings.mean, settings.std) != (0.0, 1.0):
        raise InputError(
            "'encoder.waveforms' is corpus, but Whisper takes samples at their own level, between "
            "-1 and 1: its log-mel spectrogram is not normalised. Set 'encoder.waveforms' to raw."
        )
    model, extractor = load(settings, WhisperTrunk, WhisperFeatureExtractor, ("num_mel_bins",))
    positions = 2 * model.config.max_source_positions  # frames of the spectrogram
    if (extractor.feature_size, extractor.nb_max_frames) != (model.config.num_mel_bins, positions):
        raise _unequal(settings, f"{extractor.nb_max_frames} x {extractor.feature_size} values")
    return WhisperStates(model, extractor, settings, device)


def make_filter_bank(settings: Settings) -> FilterBankStates:
    """w2v-BERT 2.0 in the settings' folder.

    Raises:
        InputError: see :func:`fairser.encoders.loading.load`.
    """
    device = choose(settings.device)
    needed = ("feature_projection_input_dim",)
    model, extractor = load(settings, AutoModel, SeamlessM4TFeatureExtractor, needed)
    values = extractor.num_mel_bins * extractor.stride
    if values != model.config.feature_projection_input_dim:
        raise _unequal(settings, f"frames x {values} values")
    return FilterBankStates(model, extractor, settings, device)


def _unequal(settings: Settings, found: str) -> InputError:
    return InputError(
        f"{settings.folder}: preprocessor_config.json makes spectrograms of {found}, which "
        "config.json does not take. Download the model again."
    )
