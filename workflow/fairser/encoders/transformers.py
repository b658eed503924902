"""Self-supervised speech encoders of ``transformers``: WavLM, wav2vec 2.0, HuBERT and others.

Every model that passes waveforms through strided convolutions into a Transformer, such as XLS-R,
data2vec-audio and UniSpeech-SAT. Weights come from a local folder in the layout of the Hugging
Face hub; nothing is downloaded and no code of the folder is run.
"""

import re
from pathlib import Path
from typing import Any

import torch

from fairser.audio import torchaudio_cpu  # noqa: F401  before transformers
from fairser.audio.waveforms import SAMPLE_RATE
from fairser.core.errors import InputError
from fairser.core.words import shortened
from fairser.encoders.base import Settings, check_length, weights_folder
from fairser.pretrained.devices import PRECISIONS, choose

from transformers import AutoConfig, AutoFeatureExtractor, AutoModel  # isort: skip
from transformers import Wav2Vec2FeatureExtractor  # isort: skip
from transformers.utils import logging  # isort: skip

# Weights that features don't depend on: the embedding of masked frames, and heads of pre-training
# and fine-tuning.
HARMLESS = re.compile(
    r"(\w+\.)?(masked_spec_embed|quantizer|project_\w+|projector|lm_head|classifier|final_proj"
    r"|label_embs_concat|label_embeddings_concat|speaker_proj|layer_norm_for_extract"
    r"|layer_weights)(\.|$)"
)

ENCODER = {
    "title": "speech encoder of transformers",
    "sections": ["encoder"],
    "files": "transformers",
    "standardise": False,
    "finetune": True,
}


class SpeechEncoder:
    """The hidden states of a frozen encoder, each as mean over the frames.

    Its layers are the input of each Transformer layer and the output of the last.

    Args:
        model: of :func:`load`.
        normalised: whether each clip gets mean 0 and variance 1.
        settings: of which mean and standard deviation of the corpus are used.
        device: where to compute.
    """

    def __init__(
        self, model: Any, normalised: bool, settings: Settings, device: torch.device
    ) -> None:
        self.model, self.device, self.normalised = model.to(device), device, normalised
        self.mean, self.std = settings.mean, settings.std
        self.layers = self.model.config.num_hidden_layers + 1
        self.dim = self.model.config.hidden_size
        self.shortest = receptive_field(self.model.config)

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


def make(settings: Settings) -> SpeechEncoder:
    """The encoder in the settings' folder.

    Raises:
        InputError: the folder holds no speech encoder for 16 kHz, or its weights are missing,
            incomplete or of other shapes than its configuration says.
    """
    device = choose(settings.device)
    model, normalised = load(settings, AutoModel)
    return SpeechEncoder(model, normalised, settings, device)


def load(settings: Settings, model_class: Any) -> tuple[Any, bool]:
    """A frozen model from the settings' folder, and whether its clips are normalised.

    It is in inference mode, without SpecAugment and layer dropping.

    Args:
        settings: of which folder and precision are used.
        model_class: whose ``from_pretrained`` reads the weights.

    Raises:
        InputError: see :func:`make`.
    """
    folder, dtype = weights_folder(settings), PRECISIONS[settings.precision]
    local: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    logging.set_verbosity_error()  # it would warn of what is refused below
    logging.disable_progress_bar()
    try:
        config = AutoConfig.from_pretrained(folder, **local)
        _check_config(config, folder)
        extractor = AutoFeatureExtractor.from_pretrained(folder, **local)
        _check_extractor(extractor, folder)
        model, info = model_class.from_pretrained(
            folder,
            config=config,
            dtype=dtype,
            use_safetensors=any(folder.glob("model*.safetensors")),
            weights_only=True,  # of a .bin file; else its pickle could run code
            output_loading_info=True,
            local_files_only=True,
        )
    except InputError:
        raise
    except Exception as error:  # transformers has no class of errors for faulty files
        reason = " ".join(str(error).split())[:300]
        raise InputError(
            f"{folder}: not readable as a speech model of transformers ({reason}); download it "
            "again."
        ) from error
    _check_weights(info, folder)
    model.config.apply_spec_augment = False
    model.config.layerdrop = 0.0
    return model.eval().requires_grad_(False), extractor.do_normalize


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


def _check_config(config: Any, folder: Path) -> None:
    needed = ("conv_kernel", "conv_stride", "num_hidden_layers", "hidden_size")
    lacking = [name for name in needed if not hasattr(config, name)]
    if lacking:
        raise InputError(
            f"{folder}: a model of type '{config.model_type}' is no encoder of waveforms (its "
            f"config.json has no '{lacking[0]}'); use one such as WavLM, wav2vec 2.0 or HuBERT."
        )
    if getattr(config, "add_adapter", False):
        raise InputError(
            f"{folder}: config.json puts an adapter on top of the encoder ('add_adapter'), which "
            "is not supported; use the encoder without it."
        )


def _check_extractor(extractor: Any, folder: Path) -> None:
    if not isinstance(extractor, Wav2Vec2FeatureExtractor):
        raise InputError(
            f"{folder}: preprocessor_config.json asks for {type(extractor).__name__}, which gives "
            "no waveforms; use an encoder such as WavLM, wav2vec 2.0 or HuBERT."
        )
    if extractor.sampling_rate != SAMPLE_RATE:
        raise InputError(
            f"{folder}: preprocessor_config.json says {extractor.sampling_rate} Hz; use a model "
            f"for {SAMPLE_RATE} Hz."
        )


def _check_weights(info: dict[str, Any], folder: Path) -> None:
    """Refuse a model of which weights would be random, or of whose file weights would be lost."""
    faults = {
        "lacks weights": info["missing_keys"],
        "holds weights that the model has no place for": info["unexpected_keys"],
        "holds weights of other shapes": [entry[0] for entry in info["mismatched_keys"]],
    }
    for fault, keys in faults.items():
        names = sorted(name for name in keys if not HARMLESS.match(name))
        if names:
            raise InputError(
                f"{folder}: {fault} ({', '.join(shortened(names, 3))}); config.json and weights "
                "don't belong together. Download the model again."
            )
