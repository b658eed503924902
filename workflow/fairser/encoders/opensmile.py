"""Functionals of openSMILE: eGeMAPSv02 (88 values) or ComParE 2016 (6,373 values).

Eyben et al. (2010, 2016), Schuller et al. (2016). The Python package ``opensmile`` is not among the
requirements, because its licence allows no commercial use.
"""

from importlib import import_module

import numpy as np
import torch

from fairser.audio.waveforms import SAMPLE_RATE
from fairser.core.errors import InputError
from fairser.encoders.base import ClipEncoder, Settings, check_length

ENCODER = {
    "title": "openSMILE functionals",
    "sections": ["encoder"],
    "packages": ["opensmile"],
    "licence": "openSMILE is under the audEERING Research License: research and private use, no "
    "commercial use, also of the features",
    "settings": {
        "features": {
            "enum": ["eGeMAPSv02", "ComParE_2016"],
            "default": "eGeMAPSv02",
            "description": "Set of functionals: 88 values, or 6,373.",
        },
    },
}
SHORTEST = 960  # samples: the window of its pitch; less gives NaN


class Functionals(ClipEncoder):
    """The functionals of a set, in openSMILE's order; ``names`` are those of the values."""

    def __init__(self, features: str) -> None:
        try:
            opensmile = import_module("opensmile")
        except ImportError as error:
            raise InputError(
                f"Encoder kind 'opensmile' needs the Python package opensmile ({error}). Read its "
                "licence, which allows no commercial use, and then run `pip install opensmile`."
            ) from error
        self.smile = opensmile.Smile(
            opensmile.FeatureSet[features], opensmile.FeatureLevel.Functionals, num_workers=1
        )
        self.names = self.smile.feature_names
        super().__init__(self.functionals, len(self.names))

    def functionals(self, waveform: torch.Tensor) -> np.ndarray:
        """Values [D] of one waveform [sample] at 16 kHz."""
        check_length(waveform[None], SHORTEST, "openSMILE")
        made = self.smile.process_signal(waveform.numpy(), SAMPLE_RATE)
        return np.array(made, np.float32)[0]


def make(settings: Settings) -> Functionals:
    """The encoder.

    Raises:
        InputError: the package opensmile is not installed.
    """
    return Functionals(settings.options["features"])
