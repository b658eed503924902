"""Speech models of ``transformers`` from a local folder in the layout of the Hugging Face hub.

Nothing is downloaded and no code of the folder is run.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fairser.audio import torchaudio_cpu  # noqa: F401  before transformers
from fairser.audio.waveforms import SAMPLE_RATE
from fairser.core.errors import InputError
from fairser.core.words import shortened
from fairser.encoders.base import Settings, weights_folder
from fairser.pretrained.devices import PRECISIONS

from transformers import AutoConfig, AutoFeatureExtractor, Wav2Vec2FeatureExtractor  # isort: skip
from transformers.utils import logging  # isort: skip

MASK = "masked_spec_embed"  # the embedding of masked frames, which features don't depend on
# Weights in files that features don't depend on: heads of pre-training and fine-tuning, and the
# decoder of Whisper.
UNUSED = re.compile(
    r"(\w+\.)?(masked_spec_embed|quantizer|project_\w+|projector|lm_head|classifier|final_proj"
    r"|label_embs_concat|label_embeddings_concat|speaker_proj|layer_norm_for_extract"
    r"|layer_weights|decoder|proj_out)(\.|$)"
)
# Settings of every encoder of waveforms.
WAVEFORMS = ("conv_kernel", "conv_stride", "num_hidden_layers", "hidden_size")
LOCAL: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}


def model_type(settings: Settings) -> str:
    """The type of the model in the settings' folder, such as ``wavlm``.

    Raises:
        InputError: the folder holds no configuration of a model.
    """
    folder = weights_folder(settings)
    with _explained(folder):
        return str(AutoConfig.from_pretrained(folder, **LOCAL).model_type)


def load(
    settings: Settings,
    model_class: Any,
    extractor_class: Any = Wav2Vec2FeatureExtractor,
    needed: tuple[str, ...] = WAVEFORMS,
) -> tuple[Any, Any]:
    """A frozen model from the settings' folder, and its feature extractor.

    It is in inference mode, without SpecAugment and layer dropping.

    Args:
        settings: of which folder and precision are used.
        model_class: whose ``from_pretrained`` reads the weights.
        extractor_class: that the model is used with.
        needed: settings that ``config.json`` must have.

    Raises:
        InputError: the folder holds no such model for 16 kHz, or its weights are missing,
            incomplete or of other shapes than its configuration says.
    """
    folder, dtype = weights_folder(settings), PRECISIONS[settings.precision]
    logging.set_verbosity_error()  # it would warn of what is refused below
    logging.disable_progress_bar()
    with _explained(folder):
        config = AutoConfig.from_pretrained(folder, **LOCAL)
        _check_config(config, needed, folder)
        extractor = AutoFeatureExtractor.from_pretrained(folder, **LOCAL)
        _check_extractor(extractor, extractor_class, folder)
        model, info = model_class.from_pretrained(
            folder,
            config=config,
            dtype=dtype,
            use_safetensors=any(folder.glob("model*.safetensors")),
            weights_only=True,  # of a .bin file; else its pickle could run code
            output_loading_info=True,
            local_files_only=True,
        )
    _check_weights(info, folder)
    model.config.apply_spec_augment = False
    model.config.layerdrop = 0.0
    return model.eval().requires_grad_(False), extractor


@contextmanager
def _explained(folder: Path) -> Iterator[None]:
    """Turn what transformers raises for faulty files into an InputError."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # it has no class of errors for them
        reason = " ".join(str(error).split())[:300]
        raise InputError(
            f"{folder}: not readable as a speech model of transformers ({reason}); download it "
            "again."
        ) from error


def _check_config(config: Any, needed: tuple[str, ...], folder: Path) -> None:
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


def _check_extractor(extractor: Any, expected: Any, folder: Path) -> None:
    if not isinstance(extractor, expected):
        raise InputError(
            f"{folder}: preprocessor_config.json asks for {type(extractor).__name__}, but the "
            f"model of config.json takes {expected.__name__}: the files don't belong together. "
            "Download the model again, or use one such as WavLM."
        )
    if extractor.sampling_rate != SAMPLE_RATE:
        raise InputError(
            f"{folder}: preprocessor_config.json says {extractor.sampling_rate} Hz; use a model "
            f"for {SAMPLE_RATE} Hz."
        )


def _check_weights(info: dict[str, Any], folder: Path) -> None:
    """Refuse a model of which weights would be random, or of whose file weights would be lost."""
    lacking = [name for name in info["missing_keys"] if not name.endswith(MASK)]
    unused = [name for name in info["unexpected_keys"] if not UNUSED.match(name)]
    faults = {
        "lacks weights": lacking,
        "holds weights that the model has no place for": unused,
        "holds weights of other shapes": [entry[0] for entry in info["mismatched_keys"]],
    }
    for fault, keys in faults.items():
        if names := sorted(keys):
            raise InputError(
                f"{folder}: {fault} ({', '.join(shortened(names, 3))}); config.json and weights "
                "don't belong together. Download the model again."
            )
