"""What a feature store is made from, and the folder name that follows from it.

The jobs that make a store get exactly these settings, and each of them changes the folder's name.
"""

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from fairser.config.extensions import Extension, extension
from fairser.config.schema import PRECOMPUTED, Config
from fairser.core.errors import InputError, nearest

POOLING = "mean over frames"
CORPUS = ("kind", "labels", "manifest", "audio")
SECTIONS = ("encoder", "embedding", "pseudo")


def store_settings(config: Config, section: str) -> dict[str, Any]:
    """Settings of a store: kind, seconds of a clip, options and, if it loads one, the model.

    Args:
        config: the resolved configuration.
        section: ``encoder``, ``embedding`` or ``pseudo``.
    """
    own = config[section]
    kind = own["kind"]
    if kind == PRECOMPUTED:
        return {"kind": kind, "features": own.get("features"), "clips": own.get("clips")}
    settings = {"kind": kind, "seconds": own["seconds"]}
    if options := config["encoders"].get(kind):
        settings["options"] = options
    if loads_model(kind):
        settings |= {name: own[name] for name in ("model", "revision")}
        settings |= {name: config["extraction"][name] for name in ("precision", "store")}
        settings |= {"waveforms": own.get("waveforms", "raw"), "pooling": POOLING}
    return settings


def store_name(config: Config, section: str) -> str:
    """Folder of a store: its kind, and a hash of settings and corpus (``fbank-1a2b3c4d``)."""
    settings = store_settings(config, section)
    return f"{settings['kind']}-{_hash(settings, config)}"


def waveform_statistics_name(config: Config) -> str:
    """Name of the file with the statistics that standardise the encoder's waveforms."""
    return f"waveforms-{_hash({'seconds': config['encoder']['seconds']}, config)}"


def section_of(config: Config, name: str) -> str:
    """The section whose store has this name.

    Raises:
        InputError: none has, with these settings.
    """
    known = {store_name(config, section): section for section in SECTIONS}
    if name not in known:
        raise InputError(
            f"No features '{name}' belong to this configuration.{nearest(name, list(known))}"
        )
    return known[name]


def models_of(config: Config, sections: Iterable[str]) -> dict[str, tuple[str, str, Any]]:
    """Model, revision and files by section, for those sections that load a model."""
    return {
        name: (config[name]["model"], config[name]["revision"], _declared(kind)["files"])
        for name, kind in ((name, config[name]["kind"]) for name in sections)
        if loads_model(kind)
    }


def loads_model(kind: str) -> bool:
    """Whether an encoder of this kind loads a pre-trained model."""
    return kind != PRECOMPUTED and _declared(kind)["files"] is not None


def is_standardised(config: Config, section: str) -> bool:
    """Whether the values get the fold's train statistics (``encoder`` or ``embedding``)."""
    wanted, kind = config[section]["standardise"], config[section]["kind"]
    if wanted is None:
        return kind == PRECOMPUTED or bool(_declared(kind)["standardise"])
    return bool(wanted)


def _declared(kind: str) -> Extension:
    return extension("ENCODER", kind)


def _hash(settings: dict[str, Any], config: Config) -> str:
    corpus = {f"corpus.{name}": config["corpus"][name] for name in CORPUS}
    text = json.dumps(settings | corpus, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]
