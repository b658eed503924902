"""Loading a speech LLM of any family, with what prepares its inputs."""

from pathlib import Path
from typing import Any

import torch

from fairser.audio import torchaudio_cpu  # noqa: F401  before transformers and peft
from fairser.core.errors import InputError
from fairser.core.words import shortened
from fairser.llm.families import FAMILIES, Family
from fairser.pretrained import devices

import transformers  # isort: skip
from peft.tuners.lora import LoraLayer  # isort: skip
from transformers import AutoConfig, BitsAndBytesConfig  # isort: skip
from transformers.utils import logging  # isort: skip

REASON = 300  # characters of an error of transformers
LOCAL: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}


def read_family(folder: Path) -> Family:
    """The family of the model in a folder.

    Raises:
        InputError: the folder holds no model of a known family.
    """
    try:
        kind = AutoConfig.from_pretrained(folder, **LOCAL).model_type
    except Exception as error:  # transformers raises many kinds for a faulty file
        raise _unreadable(folder, error) from error
    if kind not in FAMILIES:
        known = ", ".join(family.title for family in FAMILIES.values())
        raise InputError(
            f"{folder}: a model of type '{kind}'; 'llm.model' must be one of: {known}."
        )
    return FAMILIES[kind]


def load_processor(folder: Path) -> Any:
    """Tokenizer, feature extractor and chat template of a model, with left padding.

    Raises:
        InputError: the folder holds no model of a known family, or files of its own are faulty.
    """
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    family = read_family(folder)
    try:
        processor = getattr(transformers, family.processor).from_pretrained(folder, **LOCAL)
    except Exception as error:
        raise _unreadable(folder, error) from error
    processor.tokenizer.padding_side = "left"
    return processor


def load_model(
    folder: Path, precision: str = "bfloat16", quantise: str | None = None, device: str = "auto"
) -> Any:
    """The frozen model on its device, or spread by accelerate over several GPUs.

    ``4bit`` holds the linear layers in NF4 (bitsandbytes). The other settings are those of
    :mod:`fairser.pretrained.devices`. Adapters that belong to the published model, as in Granite
    Speech, become part of its weights.

    Raises:
        InputError: weights are missing or of other shapes; 4 bits without a GPU or bitsandbytes.
    """
    logging.set_verbosity_error()
    family = read_family(folder)
    chosen, dtype = devices.choose(device), devices.PRECISIONS[precision]
    several = chosen.type == "cuda" and torch.cuda.device_count() > 1
    extra: dict[str, Any] = {"device_map": "auto"} if several else {"device_map": {"": chosen}}
    if quantise:
        extra["quantization_config"] = _four_bits(dtype, chosen)
    try:
        loaded: Any = getattr(transformers, family.model).from_pretrained(
            folder,
            dtype=dtype,
            use_safetensors=any(folder.glob("model*.safetensors")),
            weights_only=True,  # else the pickle of a .bin file could run code
            local_files_only=True,
            output_loading_info=True,
            **extra,
        )
    except Exception as error:
        raise InputError(
            f"{folder}: the weights can't be loaded ({_reason(error)}); fetch the model again, or, "
            "if memory ran out, set 'llm.quantise' to 4bit."
        ) from error
    model, info = loaded
    lost = sorted([*info["missing_keys"], *(entry[0] for entry in info["mismatched_keys"])])
    if lost:
        raise InputError(
            f"{folder}: lacks weights or has them in other shapes ({', '.join(shortened(lost, 3))})"
            "; config.json and weights don't belong together. Fetch the model again."
        )
    merged = _merge_adapters(model)
    if getattr(model.config, "has_lora_adapter", False) and not merged:
        raise InputError(
            f"{folder}: config.json says that the model has an adapter for speech, but its files, "
            "adapter_config.json and adapter_model.safetensors, are missing or of other layers. "
            "Fetch the model again."
        )
    return model.eval().requires_grad_(False)


def _merge_adapters(model: Any) -> bool:
    """Put the layers that an adapter of the published model is in back, with its change added.

    Else the adapters of a training, of the same name, would replace it. Returns whether any adapter
    changes anything; one whose weights were not found does not.
    """
    changes = False
    adapted: dict[str, Any] = {
        name: layer for name, layer in model.named_modules() if isinstance(layer, LoraLayer)
    }
    for name, layer in adapted.items():
        changes |= any(bool(part.weight.any()) for part in layer.lora_B.values())
        layer.merge()
        model.set_submodule(name, layer.get_base_layer())
    if hasattr(model, "peft_config"):
        del model.peft_config
        model._hf_peft_config_loaded = False
    return changes


def _unreadable(folder: Path, error: Exception) -> InputError:
    return InputError(
        f"{folder}: not readable as a model of transformers ({_reason(error)}); fetch it again."
    )


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:REASON]


def _four_bits(dtype: torch.dtype, device: torch.device) -> BitsAndBytesConfig:
    if device.type != "cuda":
        raise InputError("'llm.quantise' is 4bit, which needs a GPU (cuda); set it to null here.")
    try:
        import bitsandbytes  # noqa: F401
    except ImportError as error:
        raise InputError(
            "'llm.quantise' is 4bit, but the package bitsandbytes is missing: "
            "`pip install bitsandbytes`."
        ) from error
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_compute_dtype=dtype,
    )
