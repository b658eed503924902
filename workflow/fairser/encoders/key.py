"""Folder names of feature stores: settings that change the content change the name."""

import hashlib
import json

from fairser.configuration import Config

# Per kind, the settings of its section that the content depends on.
SETTINGS = {
    "fbank": ("seconds",),
    "transformers": ("model", "revision", "seconds"),
    "mfcc": ("seconds",),
    "ecapa": (),
    "pitch": ("seconds",),
    "audeering": (),
}
# Kinds whose values come from a self-supervised or speaker model and are used as they are.
UNTOUCHED = ("transformers", "ecapa")
CORPUS = ("kind", "labels", "manifest", "audio")


def store_name(config: Config, section: str) -> str:
    """Such as ``fbank-1a2b3c4d``: the kind, and a hash of its settings and the corpus.

    Args:
        config: the resolved configuration.
        section: ``encoder``, ``embedding`` or ``pseudo``.
    """
    kind = config[section]["kind"]
    names = ("features", "clips") if kind == "precomputed" else SETTINGS[kind]
    settings = {name: config[section].get(name) for name in names}
    settings |= {f"corpus.{name}": config["corpus"][name] for name in CORPUS}
    text = json.dumps(settings, sort_keys=True)
    return f"{kind}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def is_standardised(config: Config, section: str) -> bool:
    """Whether the values get the fold's train statistics (``encoder`` or ``embedding``)."""
    wanted = config[section]["standardise"]
    return config[section]["kind"] not in UNTOUCHED if wanted is None else wanted
