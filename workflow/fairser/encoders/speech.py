"""Hidden states of self-supervised speech models, pooled over the frames of a clip."""

from typing import Any

import torch

from fairser.encoders.base import Settings, check_length


class SpeechEncoder:
    """The hidden states of a frozen encoder, each as mean over the frames.

    Its layers are the input of each Transformer layer and the output of the last.

    Args:
        model: of :func:`fairser.encoders.loading.load`.
        normalised: whether each clip gets mean 0 and variance 1.
        settings: of which mean and standard deviation of the corpus are used.
        device: where to compute.
        shortest: samples of the shortest clip; by default those that the convolutions need.
    """

    def __init__(
        self,
        model: Any,
        normalised: bool,
        settings: Settings,
        device: torch.device,
        shortest: int | None = None,
    ) -> None:
        self.model, self.device, self.normalised = model.to(device), device, normalised
        self.mean, self.std = settings.mean, settings.std
        self.layers = self.model.config.num_hidden_layers + 1
        self.dim = self.model.config.hidden_size
        self.shortest = shortest or receptive_field(self.model.config)

    def __call__(self, waveforms: torch.Tensor) -> torch.Tensor:
        """Features [B, L, D]; see :class:`fairser.encoders.base.Encoder`."""
        with torch.inference_mode():
            means = [state.float().mean(dim=1) for state in self._states(waveforms)]
            pooled = torch.stack(means, dim=1)
        return pooled.to("cpu", copy=True)  # a tensor of inference mode could not be trained on

    def hidden_states(self, waveforms: torch.Tensor) -> torch.Tensor:
        """Hidden states [B, L, T, D] of waveforms [B, sample], on the device, in the model's type.

        They have gradients where a parameter of the model has them.
        """
        return torch.stack(self._states(waveforms), dim=1)

    def prepare(self, waveforms: torch.Tensor) -> torch.Tensor:
        """Inputs of the model [B, sample]: standardised by the corpus, then perhaps by the clip.

        The second step is that of the model's own processor, and depends on its configuration.
        """
        waveforms = (waveforms.to(self.device) - self.mean) / self.std
        return normalise(waveforms) if self.normalised else waveforms

    def _states(self, waveforms: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """L hidden states [B, T, D], the last one after the encoder's final layer norm, if any.

        In models with that norm (XLS-R and most large ones), only ``last_hidden_state`` has passed
        it: their last entry of ``hidden_states`` has in transformers 4 and S3PRL, but not in 5.
        """
        check_length(waveforms, self.shortest, f"the encoder '{self.model.config.model_type}'")
        inputs = self.prepare(waveforms).to(self.model.dtype)
        output = self.model(inputs, output_hidden_states=True)
        return (*output.hidden_states[:-1], output.last_hidden_state)


def normalise(waveforms: torch.Tensor) -> torch.Tensor:
    """Each waveform of [B, sample] with mean 0 and variance 1, as the processors do it."""
    variance, mean = torch.var_mean(waveforms, dim=1, correction=0, keepdim=True)
    return (waveforms - mean) / (variance + 1e-7).sqrt()


def receptive_field(config: Any) -> int:
    """Samples that the convolutions need for one frame: 400 for most models."""
    samples = 1
    for kernel, stride in reversed([*zip(config.conv_kernel, config.conv_stride, strict=True)]):
        samples = (samples - 1) * stride + kernel
    return samples
