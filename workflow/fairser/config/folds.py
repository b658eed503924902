"""The folds of a corpus, as far as its files tell them before it is read."""

import csv
from pathlib import Path

from fairser.config.configuration import (
    MANIFEST_FOLDS,
    label_files,
    list_key,
    reader_settings,
)
from fairser.config.extensions import extension
from fairser.config.schema import Config
from fairser.core.errors import InputError


def fill_folds(config: Config) -> None:
    """Set ``grid.folds`` of a resolved configuration to all folds of the corpus if it is null.

    Raises:
        InputError: ``grid.folds`` names a fold that is not there, or is null where nothing tells
            the folds; or ``corpus.folds`` would be ignored.
    """
    wanted, corpus = config["grid"]["folds"], config["corpus"]
    known = corpus_folds(config)
    if known is None:
        if wanted is None:
            raise InputError(
                f"'grid.folds' is null, but only the reader of corpus kind '{corpus['kind']}' "
                "knows its folds. Name those to run, such as grid.folds: [1, 2, 3]."
            )
        return
    if missing := [str(fold) for fold in wanted or () if fold not in known]:
        raise InputError(
            f"'grid.folds' names fold {', '.join(missing)}; the corpus has the folds "
            f"{', '.join(map(str, known))}."
        )
    config["grid"]["folds"] = wanted or known


def corpus_folds(config: Config) -> list[int] | None:
    """Numbers of the folds of a corpus; None if only its reader knows them.

    Raises:
        InputError: ``corpus.folds`` is set, but the corpus has folds of its own.
    """
    corpus = reader_settings(config)
    reader = extension("CORPUS", corpus["kind"])
    path = corpus[list_key(corpus)]
    why = f"{path} has folds of its own"
    if reader["folds"]:
        found = reader.function("folds")(corpus)
    elif list_key(corpus) == "manifest":
        found = _manifest_folds(path, corpus["columns"])
    else:
        found, why = _label_folds(corpus), "each label file is a fold"
        if not found and not reader.own:
            raise InputError("'corpus.labels' names a folder without labels_consensus_1.csv.")
    knows = reader["folds"] or not reader.own  # else the reader may do otherwise
    if not found:
        return list(range(1, (corpus["folds"] or MANIFEST_FOLDS) + 1)) if knows else None
    if corpus["folds"] is not None and knows:
        raise InputError(
            f"'corpus.folds' is {corpus['folds']}, but {why}, so none are made. Set it to null; "
            "'grid.folds' says which folds to run."
        )
    return found


def _label_folds(corpus: Config) -> list[int]:
    """The numbers of label files (``labels_consensus_1.csv``)."""
    numbers = (Path(file).stem.rpartition("_")[2] for file in label_files(corpus))
    return sorted(int(number) for number in numbers if number.isdecimal())


def _manifest_folds(path: str, columns: Config) -> list[int] | None:
    """The folds that a manifest has; None if it has none. ``columns`` are ``corpus.columns``.

    What is wrong with a manifest is left to its reader, which names the rows.
    """
    # Not by polars: the Snakefile asks for the folds in each of its processes.
    with Path(path).open(newline="", encoding="utf-8-sig", errors="replace") as file:
        tabs = Path(path).suffix.lower() == ".tsv"
        tsv = csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        rows = tsv if tabs else csv.reader(file)
        given = {column: name for name, column in columns.items()}  # of `manifest.read_rows`
        header = [given.get(one, "" if one in columns else one) for one in next(rows, [])]
        if "fold" not in header:
            return [1] if "split" in header else None
        column = header.index("fold")
        texts = {row[column].strip() for row in rows if len(row) > column}
    return sorted({int(text) for text in texts if text.isdecimal() and int(text)}) or [1]
