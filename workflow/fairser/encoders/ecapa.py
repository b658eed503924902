"""Speaker embeddings by ECAPA-TDNN (Desplanques et al. 2020) with speechbrain's classes.

Published as ``speechbrain/spkrec-ecapa-voxceleb``. speechbrain itself would build any class and run
any code that the model's ``hyperparams.yaml`` names; here the file is data, which gives arguments
to the three expected classes and nothing else.
"""

from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
import yaml

from fairser.audio import torchaudio_cpu  # noqa: F401  before speechbrain
from fairser.audio.waveforms import SAMPLE_RATE
from fairser.core.errors import InputError
from fairser.encoders.base import Settings, check_length, weights_folder
from fairser.pretrained.devices import PRECISIONS, choose

from speechbrain.lobes.features import Fbank  # isort: skip
from speechbrain.lobes.models.ECAPA_TDNN import ECAPA_TDNN  # isort: skip
from speechbrain.processing.features import InputNormalization  # isort: skip

HYPERPARAMS, WEIGHTS = "hyperparams.yaml", "embedding_model.ckpt"
CLASSES: dict[str, Any] = {
    "compute_features": Fbank,
    "mean_var_norm": InputNormalization,
    "embedding_model": ECAPA_TDNN,
}
HOP = 160  # samples between frames
PLAIN = (bool, int, float, str)

ENCODER = {
    "title": "ECAPA-TDNN",
    "sections": ["embedding"],
    "files": "ecapa",
    "standardise": False,
}


@dataclass(frozen=True)
class Tagged:
    """A value with a tag of HyperPyYAML, such as ``!new:path`` or ``!ref <name>``, as data."""

    tag: str
    value: Any


class _Loader(yaml.SafeLoader):
    """YAML with unknown tags as data."""


def _tagged(loader: _Loader, tag: str, node: yaml.Node) -> Tagged:
    if isinstance(node, yaml.MappingNode):
        return Tagged(tag, loader.construct_mapping(node, deep=True))
    return Tagged(tag, node.value)


_Loader.add_multi_constructor(None, _tagged)  # None: any tag that the safe loader does not know


class SpeakerEncoder:
    """Embeddings of the voice, one layer of 192 values; ``dtype`` is that of the network alone."""

    layers = 1

    def __init__(
        self,
        features: torch.nn.Module,
        norm: torch.nn.Module,
        model: Any,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        self.features, self.norm, self.model = (
            part.to(device).eval().requires_grad_(False) for part in (features, norm, model)
        )
        self.device, self.dtype = device, dtype
        self.dim = model.fc.conv.out_channels
        convolutions = (part for part in model.modules() if isinstance(part, torch.nn.Conv1d))
        reach = max(part.dilation[0] * (part.kernel_size[0] - 1) // 2 for part in convolutions)
        self.shortest = reach * HOP  # padding by reflection needs more frames than it pads

    def __call__(self, waveforms: torch.Tensor) -> torch.Tensor:
        """Embeddings [B, 1, 192]; see :class:`fairser.encoders.base.Encoder`."""
        check_length(waveforms, self.shortest, "ECAPA-TDNN")
        whole = torch.ones(len(waveforms), device=self.device)  # relative lengths
        with torch.inference_mode():
            bands = self.norm(self.features(waveforms.to(self.device)), whole)
            with torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32):
                embeddings = self.model(bands, whole)
            embeddings = embeddings.float()
        return embeddings.to("cpu", copy=True)


def make(settings: Settings) -> SpeakerEncoder:
    """The model in the settings' folder.

    Raises:
        InputError: a file is missing or unreadable, ``hyperparams.yaml`` names other classes or
            settings than are supported, or the weights don't fit.
    """
    device, dtype = choose(settings.device), PRECISIONS[settings.precision]
    folder = weights_folder(settings)
    arguments = read_hyperparams(folder / HYPERPARAMS)
    try:
        features, norm, model = (made(**arguments[key]) for key, made in CLASSES.items())
    except Exception as error:  # constructors raise anything for arguments that don't fit
        raise InputError(
            f"{folder / HYPERPARAMS}: can't be used ({error}); download the model again."
        ) from error
    path = folder / WEIGHTS
    try:
        weights = torch.load(path, map_location="cpu", weights_only=True)
        model.load_state_dict(weights, strict=True)
    except (OSError, EOFError, UnpicklingError, RuntimeError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())[:300]
        raise InputError(
            f"{path}: no weights for this model ({reason}); download the model again."
        ) from error
    return SpeakerEncoder(features, norm, model, device, dtype)


def read_hyperparams(path: Path) -> dict[str, dict[str, Any]]:
    """Arguments of the three classes by their key in the file; nothing is built.

    Raises:
        InputError: see :func:`make`.
    """
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506  a SafeLoader
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"{path}: not readable ({error}); download the model again.") from error
    if not isinstance(content, dict):
        raise InputError(f"{path}: holds no settings; download the model again.")
    arguments = {key: _arguments(path, content, key) for key in CLASSES}
    if arguments["mean_var_norm"].get("norm_type") != "sentence":
        raise InputError(f"{path}: 'mean_var_norm' must have 'norm_type: sentence'.")
    if arguments["compute_features"].get("sample_rate", SAMPLE_RATE) != SAMPLE_RATE:
        raise InputError(f"{path}: 'compute_features' is not for {SAMPLE_RATE} Hz.")
    return arguments


def _arguments(path: Path, content: dict[str, Any], key: str) -> dict[str, Any]:
    """Keyword arguments of one class, references resolved."""
    expected = f"!new:{CLASSES[key].__module__}.{CLASSES[key].__qualname__}"
    entry = content.get(key)
    tag, given = (entry.tag, entry.value or {}) if isinstance(entry, Tagged) else (entry, None)
    if tag != expected or not isinstance(given, dict):
        raise InputError(
            f"{path}: '{key}' is {tag}, but only {expected} with named arguments is supported; use "
            "the model speechbrain/spkrec-ecapa-voxceleb or a similar one."
        )
    arguments = {}
    for name, value in given.items():
        if isinstance(value, Tagged) and value.tag == "!ref":
            value = content.get(str(value.value).removeprefix("<").removesuffix(">"))
        values = value if isinstance(value, list) else [value]
        if not all(isinstance(item, PLAIN) for item in values):
            raise InputError(
                f"{path}: '{name}' of '{key}' must be a number, a text, true or false, or a list "
                "of these."
            )
        arguments[name] = value
    return arguments
