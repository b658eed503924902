"""Small corpora, clip tables and sounds that tests make and then spoil."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from fairser.core.errors import InputError
from fairser.corpora import emosuperb, manifest
from fairser.corpora.clips import ClipTable, build

Rows = list[dict[str, Any]]
SPLIT_SETS = ("Train", "Development", "Test")
EMOTIONS = ("anger", "joy", "neutral")


def write_csv(path: Path, rows: Rows) -> Path:
    """A csv of dictionaries; the first one has the header."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return path


def label_rows(
    classes: tuple[str, ...] = ("angry", "sad", "neutral", "happy"),
    fold: int = 1,
    first: str = "FileName",
    extra: tuple[str, ...] = (),
) -> Rows:
    """One fold of the EMO-SUPERB family: speakers 01 to 06 with two clips each."""
    rows = []
    for number in range(1, 7):
        for take in range(2):
            top = classes[(number + take) % len(classes)]
            rows.append(
                {first: f"{number:02}_{take}.wav"}
                | {name: 0.7 if name == top else 0.3 / (len(classes) - 1) for name in classes}
                | dict.fromkeys(extra, 4.5)
                | {"SpkrID": f"{number:02}", "Gender": ("Female", "Male")[number % 2]}
                | {"Split_Set": SPLIT_SETS[(number + fold) % 3]}
            )
    return rows


def write_labels(folder: Path, *folds: Rows) -> Path:
    """A folder of label files, one per fold; returns the folder."""
    for number, rows in enumerate(folds, start=1):
        write_csv(folder / f"labels_consensus_{number}.csv", rows)
    return folder


def read_labels(
    labels: Path,
    demographics: Path | None = None,
    classes: list[str] | None = None,
    drop: tuple[str, ...] = (),
) -> ClipTable:
    """The clip table of label files."""
    corpus = {"labels": labels, "demographics": demographics, "classes": classes}
    return emosuperb.read({**corpus, "speaker": None}, drop)


def read_manifest(path: Path, **settings: Any) -> ClipTable:
    """The clip table of a manifest, with the default settings of ``corpus`` for all others."""
    defaults = dict.fromkeys(("demographics", "classes", "attributes", "speaker"))
    own = {"manifest": path, "columns": {}, "folds": 5, "stratify": "gender"}
    return manifest.read({**defaults, **own, **settings})


def manifest_rows(speakers: int = 8, takes: int = 3) -> Rows:
    """A manifest with one emotion per clip; half of the speakers are female."""
    return [
        {"file": f"s{number}/{take}.wav", "speaker": f"s{number}"}
        | {"gender": ("female", "male")[number % 2], "emotion": EMOTIONS[(number + take) % 3]}
        for number in range(speakers)
        for take in range(takes)
    ]


def make_table(
    *folds: dict[str, dict[tuple[str | None, str | None], int]],
    classes: tuple[str, ...] = ("angry", "happy"),
    attribute: str = "gender",
) -> ClipTable:
    """A clip table from numbers of clips: per fold {split: {(majority class, group): number}}."""
    rows = [
        {
            "clip": f"{split}_{name}_{group}_{i:03}",
            "file": f"{i}.wav",
            "speaker": f"{split}_{group}",
        }
        | {"fold": fold, "split": split, "row": "table"}
        | {c: 1 / len(classes) if name is None else float(c == name) for c in classes}
        | {attribute: group}
        for fold, splits in enumerate(folds, start=1)
        for split, cells in splits.items()
        for (name, group), number in cells.items()
        for i in range(number)
    ]
    frame = pl.DataFrame(rows, schema_overrides={attribute: pl.String}, infer_schema_length=None)
    return build(frame, list(classes), [attribute], "table")


def sine(rate: int, seconds: float = 1.0, frequency: float = 440.0) -> np.ndarray:
    """A sine of amplitude 0.5, float32 [sample]."""
    time = np.arange(round(seconds * rate)) / rate
    return (0.5 * np.sin(2 * np.pi * frequency * time)).astype(np.float32)


def assert_refused(
    told: tuple[str, ...], call: Callable[..., Any], *args: Any, **more: Any
) -> None:
    """The call must fail as bad input, with a message that has every one of the texts."""
    with pytest.raises(InputError) as caught:
        call(*args, **more)
    message = str(caught.value)
    assert [text for text in told if text not in message] == [], message
