"""Tables of a made-up classifier, and slow references."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from fairser.auditing.inputs import AuditInput
from fairser.auditing.tables import Audit, make_audit

CLASSES = ("anger", "fear", "joy")


def made_up(
    speakers: int = 24, clips: int = 20, worse: float = 0.0, seed: int = 0
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Predictions with one label per clip, and the speakers' attributes.

    Labels are right for six clips in ten; those of men's fear for a share of ``worse`` less.
    Speaker 0 has no race; half of the speakers are men, of any race; their number is even.

    Returns:
        Columns clip, speaker, label, prediction and, by class, probabilities; and speaker, gender,
        race.
    """
    random = np.random.default_rng(seed)
    speaker = np.repeat(np.arange(speakers), clips)
    male = np.arange(speakers) % 2 == 1
    label = random.integers(0, 3, len(speaker))
    right = random.random(len(speaker)) < 0.6 - worse * (male[speaker] & (label == 1))
    other = (label + random.integers(1, 3, len(speaker))) % 3
    given = np.where(right, label, other)
    shares = random.dirichlet([1, 1, 1], len(speaker))
    shares.sort(axis=1)
    order = (given[:, None] + np.array([1, 2, 0])) % 3  # the largest share goes to the given class
    by_class = np.take_along_axis(shares, np.argsort(order, axis=1), axis=1)
    names = [f"s{number:02d}" for number in range(speakers)]
    pairs = random.permutation(np.resize(["asian", "black", "white", "white"], speakers // 2))
    races = np.repeat(pairs, 2).tolist()  # a man and a woman each
    predictions = pl.DataFrame(
        {
            "clip": [f"c{number:04d}" for number in range(len(speaker))],
            "speaker": [names[number] for number in speaker],
            "label": [CLASSES[number] for number in label],
            "prediction": [CLASSES[number] for number in given],
            **{f"prediction_{name}": by_class[:, c] for c, name in enumerate(CLASSES)},
        }
    )
    genders = np.where(male, "male", "female").tolist()
    people = pl.DataFrame({"speaker": names, "gender": genders, "race": [None, *races[1:]]})
    return predictions, people


def written(folder: Path, **tables: pl.DataFrame) -> dict[str, Path]:
    """Tables as csv, by name."""
    paths = {name: folder / f"{name}.csv" for name in tables}
    for name, table in tables.items():
        table.write_csv(paths[name])
    return paths


def audit_of(
    folder: Path,
    predictions: pl.DataFrame,
    people: pl.DataFrame | None = None,
    resamples: int = 200,
    seed: int = 0,
    **sources: Any,
) -> Audit:
    """The audit of tables that are written to a folder."""
    tables = {"predictions": predictions} | ({} if people is None else {"people": people})
    paths = written(folder, **tables)
    given = AuditInput([paths["predictions"]], groups=paths.get("people"), **sources)
    return make_audit(given, resamples, seed)


def sources_of(folder: Path, text: str, groups: str | None = None, **given: Any) -> AuditInput:
    """Predictions, and perhaps groups, from the text of a csv."""
    (folder / "predictions.csv").write_text(text)
    if groups is not None:
        (folder / "groups.csv").write_text(groups)
        given["groups"] = folder / "groups.csv"
    return AuditInput([folder / "predictions.csv"], **given)


def one(table: pl.DataFrame, **where: Any) -> dict[str, Any]:
    """The only row with these values."""
    found = table.filter(*(pl.col(name).eq_missing(pl.lit(v)) for name, v in where.items()))
    assert found.height == 1
    return found.row(0, named=True)


def rate_of(
    rate: str, true: Sequence[bool] | np.ndarray, called: Sequence[bool] | np.ndarray
) -> float:
    """A rate counted clip by clip; NaN without clips that it asks for."""
    if rate == "precision":  # the recall of the prediction by the truth
        return rate_of("tpr", called, true)
    asked = [c for t, c in zip(true, called, strict=True) if {"tpr": t, "fpr": not t}.get(rate, 1)]
    return sum(map(bool, asked)) / len(asked) if asked else float("nan")
