"""Folder names of feature stores: settings that change the content change the name."""

import hashlib
import json

from fairser.configuration import Config

# Per kind, the settings of ``encoder`` that the features depend on.
SETTINGS = {
    "fbank": ("seconds",),
    "precomputed": ("features", "clips"),
    "transformers": ("model", "revision", "seconds"),
}
CORPUS = ("kind", "labels", "manifest", "audio")


def store_name(config: Config) -> str:
    """Such as ``fbank-1a2b3c4d``: the kind, and a hash of the settings and the corpus."""
    kind = config["encoder"]["kind"]
    settings = {name: config["encoder"][name] for name in SETTINGS[kind]}
    settings |= {f"corpus.{name}": config["corpus"][name] for name in CORPUS}
    text = json.dumps(settings, sort_keys=True)
    return f"{kind}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def is_standardised(config: Config) -> bool:
    """Whether features get the fold's train statistics: by default unless from an SSL model."""
    wanted = config["encoder"]["standardise"]
    return config["encoder"]["kind"] != "transformers" if wanted is None else wanted
