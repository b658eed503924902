"""What a feature store is made from, and the folder name that follows from it.

The jobs that make a store get exactly these settings, and each of them changes the folder's name.
All results folders share the folder of the stores (``features``), so names also tell corpora apart.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from fairser.config.configuration import reader_settings
from fairser.config.extensions import Extension, extension
from fairser.config.schema import PRECOMPUTED, Config
from fairser.core.errors import InputError, nearest
from fairser.core.provenance import fingerprint

POOLING = "mean over frames"
# What a reader gets that changes no clip and no audio file: two results folders may differ in it.
FREE = (
    *("attributes", "classes", "columns", "demographics", "distinct_speakers", "folds"),
    *("speaker", "stratify", "task"),
)
# Folds as for any results folder, where the reader makes some: three are the fewest.
FIXED = {"folds": 3, "stratify": None}
CORPUS_PATHS = ("labels", "manifest", "audio")
NAMING = ("file", "clip")  # of `corpus.columns`, those that say which clips and files there are
SECTIONS = ("encoder", "embedding", "pseudo", "pitch")


def store_settings(config: Config, section: str) -> dict[str, Any]:
    """Settings of a store: kind, seconds of a clip, options and, if it loads one, the model.

    Args:
        config: the resolved configuration.
        section: one of :data:`SECTIONS`.
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
    """Folder of a store: its kind, and a hash of settings and corpus (``fbank-1a2b3c4d5e6f``)."""
    settings = store_settings(config, section)
    for name, path in settings.items():
        # The name of a model on the hub is no folder.
        if name in ("features", "clips") or (name == "model" and Path(path).is_dir()):
            settings[name] = _seen(config, path)
    return f"{settings['kind']}-{_hash(config, settings)}"


def waveform_statistics_name(config: Config) -> str:
    """Name of the file with the statistics that standardise the encoder's waveforms."""
    return f"waveforms-{_hash(config, {'seconds': config['encoder']['seconds']})}"


def clip_list_name(config: Config) -> str:
    """Name of the file that lists the clips of the corpus and their audio files."""
    return f"clips-{_hash(config)}"


def corpus_settings(config: Config) -> dict[str, Any]:
    """What a reader gets to list the clips, without what changes none (:data:`FREE`)."""
    given = reader_settings(config)
    naming = {name: given["columns"][name] for name in NAMING if name in given["columns"]}
    kept = {name: value for name, value in given.items() if name not in FREE} | FIXED
    return kept | ({"naming": naming} if naming else {})


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


def _hash(config: Config, settings: dict[str, Any] | None = None) -> str:
    """Of a corpus and the settings of what is made from its audio."""
    corpus = corpus_settings(config)
    corpus |= {name: _seen(config, corpus[name]) for name in CORPUS_PATHS}
    files = extension("CORPUS", corpus["kind"]).files(corpus["settings"])
    own = {name: _seen(config, path) for name, path in files.items()}
    return fingerprint(settings, {**corpus, "settings": corpus["settings"] | own})


def _seen(config: Config, path: str | None) -> str | None:
    """A path that means one file to all who share the folder of the stores.

    A relative one is given as seen from that folder, so that a project may move as a whole.
    """
    if path is None or Path(path).is_absolute():
        return path
    return os.path.relpath(path, config["features"])
