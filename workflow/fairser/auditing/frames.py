"""An audit of tables in memory, for Python and notebooks: ``fairser.audit``."""

import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from matplotlib.figure import Figure

from fairser.auditing.contents import (
    Cells,
    difference_table,
    gap_table,
    performance_table,
    plain_text,
    recall_table,
)
from fairser.auditing.figures import all_figures
from fairser.auditing.inputs import AuditInput
from fairser.auditing.reading import Source, Table
from fairser.auditing.tables import TABLES, Audit, make_audit
from fairser.auditing.verdict import Verdict, judge
from fairser.core import escape
from fairser.core.errors import InputError
from fairser.corpora.demographics import attribute_name
from fairser.results.style import styled, words

OPTION = re.compile(r"--([a-z]+(?:-[a-z]+)?)\b")  # as messages of the command name an argument

Given = Any  # a table of polars or of pandas, or the path of a file


@dataclass(frozen=True, repr=False)
class AuditResult:
    """An audit: tables, the verdict in words, figures. A notebook shows all of them.

    Attributes:
        audit: all that was computed.
        verdict: the warnings, the summary, and the findings by attribute.
    """

    audit: Audit
    verdict: Verdict

    @property
    def tables(self) -> dict[str, pl.DataFrame]:
        """The tables ``performance``, ``rates``, ``gaps``, ``differences`` (docs/audit.md)."""
        return {name: getattr(self.audit, name) for name in TABLES}

    @property
    def text(self) -> str:
        """The verdict and the notes, as the command prints them."""
        return _as_arguments(plain_text(self.verdict, self.audit.notes))

    def figures(self) -> dict[str, Figure]:
        """The figures ``recall``, ``false_alarms``, ``differences``, drawn anew."""
        return all_figures(self.audit)

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        verdict, audit = self.verdict, self.audit
        parts = [_element("p", line) for line in (*verdict.warnings, verdict.headline)]
        parts.append(_element("p", verdict.summary))
        for name, finding in verdict.attributes.items():
            parts.append(_element("h4", words(name).capitalize()))
            parts.append(_element("p", " ".join(finding.sentences)))
            parts += [_table(recall_table(audit, name)), _table(gap_table(audit, name))]
        if audit.differences["stands_out"].any():
            parts += [_element("h4", "Significant differences"), _table(difference_table(audit))]
        parts += [_element("h4", "Performance by group"), _table(performance_table(audit))]
        parts += map(_svg, self.figures().values())
        parts += [_element("p", note) for note in audit.notes]
        return f"<div>{''.join(parts)}</div>"


def audit(
    predictions: Given,
    *,
    labels: Given = None,
    groups: Given = None,
    clip: str | None = None,
    speaker: str | None = None,
    label: str | None = None,
    prediction: str | None = None,
    attributes: Sequence[str] = (),
    cross: Sequence[Sequence[str]] = (),
    classes: Sequence[str] = (),
    threshold: float | None = None,
    label_threshold: float | None = None,
    split: str | None = None,
    smallest: int = 1,
    resamples: int = 1000,
    seed: int = 0,
) -> AuditResult:
    """How the predictions of a classifier differ between groups of speakers, and how sure that is.

    The arguments are those of the command ``fair-ser audit``, which gives the same numbers.
    A table is a ``polars`` or ``pandas`` frame, or the path of a csv, tsv or parquet file. Named
    levels of a pandas index count as columns, and NaN is a missing value.

    Args:
        predictions: a row per clip, with ``clip``, ``speaker``, and ``label`` and ``prediction``,
            or by class ``label_CLASS`` and ``prediction_CLASS``.
        labels: by clip, if the predictions have none.
        groups: attributes by ``speaker`` or ``clip``; by default those of the other tables.
        clip: column that names the clip, in the tables that have it.
        speaker: column that is the speaker.
        label: column that is the label.
        prediction: column that is the prediction.
        attributes: to compare groups by; by default all of ``groups``.
        cross: attributes to cross, such as ``[("gender", "race")]``.
        classes: all classes; by default those of the tables.
        threshold: a class is predicted above it, with several labels per clip; None is 1 / C.
        label_threshold: the same for labels.
        split: clips to audit, if the tables have a column ``split``; None is ``test``.
        smallest: speakers that a group needs.
        resamples: of the speakers, and of the groups among them; at least 100.
        seed: of the resamples.

    Raises:
        InputError: names the table, the row and the value that can't be used, and what to change.
    """
    if resamples < 100 or smallest < 1:
        raise InputError(
            f"resamples is {resamples} and smallest is {smallest}; at least 100 and 1 are needed."
        )
    if short := [names for names in cross if isinstance(names, str) or len(names) < 2]:
        raise InputError(
            f"cross has {short[0]!r}; name two attributes, as in [('gender', 'race')]."
        )
    columns = {"clip": clip, "speaker": speaker, "label": label, "prediction": prediction}
    given = AuditInput(
        predictions=[_source(predictions, "predictions")],
        labels=[] if labels is None else [_source(labels, "labels")],
        groups=None if groups is None else _source(groups, "groups"),
        columns={role: name for role, name in columns.items() if name},
        classes=classes,
        threshold=threshold,
        label_threshold=label_threshold,
        split=split,
        attributes=list(map(attribute_name, attributes)),
        crossings=[list(map(attribute_name, names)) for names in cross],
        smallest=smallest,
    )
    try:
        made = make_audit(given, resamples, seed)
    except InputError as error:
        raise InputError(*map(_as_arguments, error.faults)) from None
    return AuditResult(made, judge(made))


def _source(given: Given, name: str) -> Source:
    if isinstance(given, str | Path):
        return Path(given)
    if isinstance(given, pl.LazyFrame):
        given = given.collect()
    if not isinstance(given, pl.DataFrame):
        if not hasattr(given, "reset_index"):
            raise InputError(
                f"{name}: a {type(given).__name__} is no table. Give a frame of polars or pandas, "
                "or the path of a file."
            )
        given = _from_pandas(given, name)
    # As in a csv, where a missing number is empty.
    return Table(name, given.with_columns(pl.col(pl.Float32, pl.Float64).fill_nan(None)))


def _from_pandas(frame: Any, name: str) -> pl.DataFrame:
    """A pandas frame as one of polars; columns of lists, arrays and mappings are left out."""
    if any(level is not None for level in frame.index.names):
        frame = frame.reset_index()
    names = list(map(str, frame.columns))
    if twice := [column for column in names if names.count(column) > 1]:
        raise InputError(f"{name}: there are several columns '{twice[0]}'; keep one.")
    found = [_series(column, frame.iloc[:, place]) for place, column in enumerate(names)]
    return pl.DataFrame([series for series in found if series is not None])


def _series(name: str, column: Any) -> pl.Series | None:
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "biuf":
        return pl.Series(name, column.to_numpy(), nan_to_null=True)
    missing = column.isna().tolist()
    cells = [None if lost else cell for cell, lost in zip(column.tolist(), missing, strict=True)]
    if any(isinstance(cell, list | tuple | dict | set | np.ndarray) for cell in cells):
        return None
    if all(cell is None or isinstance(cell, bool | int | float) for cell in cells):
        return pl.Series(name, cells, strict=False)
    return pl.Series(name, [None if cell is None else str(cell) for cell in cells], pl.String)


def _as_arguments(text: str) -> str:
    """A message of the command with its options as arguments of Python."""
    return OPTION.sub(lambda found: f"`{found[1].replace('-', '_')}`", text)


def _element(kind: str, text: str) -> str:
    return f"<{kind}>{escape.html(_as_arguments(text))}</{kind}>"


def _row(kind: str, cells: Iterable[str]) -> str:
    return f"<tr>{''.join(f'<{kind}>{escape.html(cell)}</{kind}>' for cell in cells)}</tr>"


def _table(table: Cells) -> str:
    head, rows = table
    return f"<table>{_row('th', head)}{''.join(_row('td', row) for row in rows)}</table>"


@styled
def _svg(figure: Figure) -> str:
    """The figure as an element of HTML."""
    file = io.StringIO()
    figure.savefig(file, format="svg", metadata={"Date": None})
    return file.getvalue()[file.getvalue().index("<svg") :]
