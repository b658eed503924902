"""What the tests of a model share: the corpus with its truth, and the predictions by condition.

The tests never train. They change the audio (a condition), ask the model, and compare. A condition
named ``clean`` is the audio as it is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

CLEAN = "clean"
SINGLE, MULTI, DIMENSIONS = "single_label", "multi_label", "dimensions"
FAMILIES = ("correctness", "fairness", "robustness")


@dataclass(frozen=True)
class Corpus:
    """Clips with their truth.

    ``clips`` has a row for each clip: ``clip`` (unique), ``file``, ``speaker`` (text or null), a
    column for each of ``outputs`` (shares of the classes that sum to 1, or values of the dimensions
    such as arousal; null where the truth is unknown) and one for each of ``attributes`` (text or
    null).
    """

    clips: pl.DataFrame
    outputs: tuple[str, ...]  # classes, or dimensions, in the order of the corpus
    attributes: tuple[str, ...]
    task: str  # SINGLE, MULTI or DIMENSIONS


@dataclass(frozen=True)
class Condition:
    """One change of the audio. ``group`` is its heading in the tables of tests."""

    name: str
    group: str  # "small changes", "background noise" or "recording"
    title: str  # with the strength and its unit: "white noise at 20 dB SNR"


@dataclass(frozen=True)
class Answers:
    """What a model said.

    ``tables`` has, for each condition that was asked, a table with ``clip`` and a float64 column
    for each output of the corpus. A clip without a row failed; ``failures`` says why (columns
    ``condition``, ``clip``, ``message``).
    """

    model: str  # name of the model, for tables and figures
    conditions: Sequence[Condition]  # without ``clean``
    tables: Mapping[str, pl.DataFrame]
    failures: pl.DataFrame = field(
        default_factory=lambda: pl.DataFrame(
            schema=dict.fromkeys(("condition", "clip", "message"), pl.String)
        )
    )
