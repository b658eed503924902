"""The corpus of a test: a csv in the form of a manifest, whose labels may be missing.

Columns: ``file`` and, where they are known, ``speaker``, ``clip``, demographic columns, and the
truth: ``emotion``, or a column for each class, or ``arousal``, ``valence`` and ``dominance``. A row
whose truth is empty is a clip without labels. With a column ``split``, only test clips are used.
"""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from fairser.core.errors import InputError
from fairser.core.table_files import read_csv, require_columns
from fairser.core.words import counted, joined, shortened
from fairser.corpora import checks, manifest
from fairser.corpora.demographics import attribute_name
from fairser.corpora.faults import Faults
from fairser.corpora.people import check_people, is_nobody
from fairser.model_tests.base import DIMENSIONS, MULTI, SINGLE, Corpus
from fairser.model_tests.pitch import ATTRIBUTE as PITCH

DIMENSION_NAMES = ("arousal", "valence", "dominance")
SHOWN = 5  # classes and clips that a message names


def read_corpus(
    path: str | Path,
    classes: Sequence[str] | None = None,
    attributes: Sequence[str] | None = None,
) -> Corpus:
    """The corpus in a csv. Without labels it has no outputs yet: :func:`with_outputs` adds them.

    Args:
        path: of the csv.
        classes: outputs of the model, which tell the columns of classes from others; None if the
            file has a column ``emotion`` or dimensions.
        attributes: columns to compare groups by, or crossings such as ``gender*age``; pitch is
            left out, unless the file has it. None for gender, race, age and ethnicity.

    Raises:
        InputError: with all faults of the rows.
    """
    frame = _test_rows(read_csv(path), path)
    if "speaker" not in frame.columns:
        frame = frame.with_columns(pl.lit("?").alias("speaker"))
    if classes and set(classes) <= set(DIMENSION_NAMES):
        frame = frame.drop("emotion", strict=False)  # of another model
    names = _label_columns(frame.columns, classes or [], path)
    task = DIMENSIONS if set(names) <= set(DIMENSION_NAMES) and names else MULTI
    columns = names or (["emotion"] if "emotion" in frame.columns else [])
    filled = [pl.col(name).str.strip_chars() != "" for name in columns]
    known = frame.filter(pl.any_horizontal(filled) if filled else pl.lit(False))
    settings = {
        "classes": names or None,
        "attributes": _columns(attributes, frame.columns) if attributes else None,
        "speaker": None,
        "demographics": None,
    }
    faults = Faults()
    parts, outputs, own = [], names, list[str]()
    if known.height:
        rows, outputs, own = manifest.labelled_rows(known, path, settings, faults)
        parts.append(rows)
    others = frame.join(known, on="row", how="anti", maintain_order="left")
    if others.height:
        rows, _, own = manifest.labelled_rows(others, path, settings, faults, labelled=False)
        parts.append(rows.drop("emotion", *names, strict=False))
    table = pl.concat(parts, how="diagonal")
    _check(table, outputs, own, task, faults)
    # One emotion for each clip, or class columns that say so; unknown labels count as such.
    hot = table.select((pl.max_horizontal(names) == 1).all()).item() if names else True
    task = SINGLE if task == MULTI and hot else task
    table = table.with_columns(pl.when(~is_nobody()).then(pl.col("speaker")).alias("speaker"))
    keys = ["clip", "file", "speaker"]
    return Corpus(
        table.select(*keys, *outputs, *own).sort("clip"), tuple(outputs), tuple(own), task
    )


def with_outputs(corpus: Corpus, outputs: Sequence[str], task: str | None = None) -> Corpus:
    """The corpus with all outputs of a model: its own first, then those that no clip has.

    Args:
        corpus: to be tested.
        outputs: of the model, in any order.
        task: of the model, which counts where the corpus has no labels.

    Raises:
        InputError: a class or dimension of the corpus is not among the outputs.
    """
    lacking = [name for name in corpus.outputs if name not in outputs]
    if lacking:
        some = f"{'' if len(lacking) == 1 else 'e.g. '}'{lacking[0]}'"
        count = corpus.clips.filter(pl.col(lacking[0]) > 0).height
        raise InputError(
            f"The model has no output for {some} ({counted(count, 'clip')}); its outputs are "
            f"{joined(shortened(outputs, 20))}. Name them as the corpus does, in the order of the "
            "model, by --classes; or remove these clips."
        )
    if corpus.task == DIMENSIONS:
        return corpus  # what else the model says of other dimensions needs no truth
    unlabelled = not corpus.outputs
    added = [name for name in outputs if name not in corpus.outputs]
    truth = pl.lit(None, pl.Float64)
    if not unlabelled:  # no clip has the class, where anything is known of the clip
        truth = pl.when(pl.col(corpus.outputs[0]).is_not_null()).then(0.0)
    if taken := [name for name in added if name in corpus.clips.columns]:
        raise InputError(
            f"The model's output '{taken[0]}' has the name of another column of the corpus. Rename "
            "that column."
        )
    names = (*corpus.outputs, *added)
    clips = corpus.clips.with_columns(truth.alias(name) for name in added)
    clips = clips.select("clip", "file", "speaker", *names, *corpus.attributes)
    chosen = task if unlabelled and task else corpus.task
    return Corpus(clips, names, corpus.attributes, chosen)


def _columns(attributes: Sequence[str], header: Sequence[str]) -> list[str]:
    """The columns of attributes, each part of a crossing once."""
    names = [attribute_name(part) for name in attributes for part in name.split("*")]
    return [name for name in dict.fromkeys(names) if name != PITCH or name in header]


def _test_rows(frame: pl.DataFrame, path: str | Path) -> pl.DataFrame:
    """The rows of test clips where there is a column ``split``, else all."""
    if "split" not in frame.columns:
        return frame
    tested = checks.name_test_sets(frame).filter(
        pl.col("split").str.strip_chars().str.to_lowercase() == "test"
    )
    if tested.is_empty():
        raise InputError(
            f"{path}: no row with the split 'test'. Remove the column 'split' to test all clips."
        )
    if "fold" in frame.columns and tested["fold"].n_unique() > 1:
        raise InputError(
            f"{path}: test clips of several folds. A model has seen the test clips of other folds: "
            "keep the rows of the fold that it was not trained on."
        )
    return tested


def _label_columns(header: Sequence[str], classes: Sequence[str], path: str | Path) -> list[str]:
    """The columns of classes or dimensions; none where ``emotion`` or nothing is known."""
    if "emotion" in header:
        return []
    found = [name for name in classes if name in header]
    if found and set(found) != set(classes):
        lacking = [name for name in classes if name not in header]
        require_columns(path, header, lacking, "which --classes names, as others are there")
    return found or [name for name in DIMENSION_NAMES if name in header]


def _check(
    table: pl.DataFrame, outputs: list[str], attributes: list[str], task: str, faults: Faults
) -> None:
    check_people(table, attributes, faults)
    faults.note(
        table.filter(pl.col("clip").is_duplicated()),
        "clip '{clip}' has several rows; keep one.",
        "clip",
    )
    if task != DIMENSIONS and outputs:
        checks.check_labels(table.drop_nulls(outputs), outputs, faults)
    faults.raise_all()
