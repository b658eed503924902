"""Any names, from a manifest to tables and figures: a result or a message, never another error."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from fairser.core.errors import InputError
from fairser.corpora.clips import ClipTable
from fairser.corpora.names import is_drawn
from fairser.evaluation.bootstrap import Bootstrap, RunCounts
from fairser.evaluation.evaluate import evaluate, speaker_counts
from fairser.results.figures import tpr_by_class
from fairser.results.split_tables import table_a3, table_a4
from fairser.results.summaries import class_rates, summaries
from fairser.results.tables import table_gaps
from fairser.results.writing import latex, markdown
from unit.corpora.builders import Rows, read_manifest, write_csv

NASTY = (
    *("", " ", "\n", "\r\n", "\t", "\x00", "\x1b[31m", "\x7f", "\u2028", "\ufeff", "\ufffe"),
    *("\u202e", "../", "/", "..", "$", "\\", "{", "}", "%", "{x}", "|", ",", '"', "'", ";", "=1"),
    *("<script>", "&amp;", "]]>", "#", "_", "a\u0308", "ä", "😀", "x" * 300, "nan", "null", "?"),
    *("class", "clips", "row", "gender", "fold", "test", "0", "-1", "1e9", "True"),
)
texts = (
    st.sampled_from(NASTY)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
    | st.lists(st.sampled_from(NASTY), max_size=3).map("".join)
)
# Three classes, two groups, six speakers, the start of a clip's name, an attribute.
names = st.tuples(
    st.lists(texts, min_size=3, max_size=3),
    st.lists(texts, min_size=2, max_size=2),
    st.lists(texts, min_size=6, max_size=6),
    texts,
    texts,
)
plain = (["a", "b", "c"], ["f", "m"], [f"s{n}" for n in range(6)], "clip", "dialect")
CELL = ("erm", "none", 1, 1, 0)


def rows_of(classes: list[str], groups: list[str], people: list[str], clip: str, at: str) -> Rows:
    return [
        {"file": f"{clip}{speaker}{take}.wav", "speaker": name, "emotion": classes[take % 3]}
        | {at: groups[speaker % 2], "fold": speaker // 2 + 1}
        for speaker, name in enumerate(people)
        for take in range(6)
    ]


def results(table: ClipTable, attribute: str) -> list[str]:
    """The texts of tables and of a figure."""
    part = table.fold(1)
    shares = np.random.default_rng(0).dirichlet(np.ones(len(table.classes)), part.frame.height)
    predictions = part.frame.select("clip", "split").hstack(
        [pl.Series(name, shares[:, number]) for number, name in enumerate(table.classes)]
    )
    assert set(evaluate(predictions, part)["f1_by_class"]) == set(table.classes)
    run = RunCounts(*CELL, speaker_counts(predictions, part), table.task)
    gaps = table_gaps([attribute], {"tpr_gap": "pairwise"})
    tables = [summaries([run], Bootstrap(5, 0, gaps)), class_rates([run], attribute)]
    tables += [table_a3(part, attribute), table_a4({1: part}, [attribute])]
    figure = tpr_by_class(tables[1], attribute)
    found = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert found == list(table.classes)
    return [show(one) for one in tables for show in (markdown, latex)]


@pytest.mark.filterwarnings("ignore:.*(Glyph|ayout)")
@settings(
    max_examples=90, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@example((["row", "clips", "joy"], *plain[1:]), {0}, False)
@example((*plain[:4], "class"), {4}, True)
@given(names, st.sets(st.integers(0, 4), min_size=1, max_size=2), st.booleans())
def test_any_names(
    tmp_path: Path, given_names: tuple[Any, ...], which: set[int], named: bool
) -> None:
    """Only one or two kinds of names are odd at a time, so that many get past the reader."""
    chosen = [odd if n in which else plain[n] for n, odd in enumerate(given_names)]
    classes, _, people, _, attribute = chosen
    settings = {"classes": [*dict.fromkeys(classes)] if named else None, "attributes": [attribute]}
    try:
        path = write_csv(tmp_path / "m.csv", rows_of(*chosen))
        table = read_manifest(path, **settings)
        table.write(tmp_path / "clips.parquet")
        table = ClipTable.read(tmp_path / "clips.parquet")
    except InputError as error:
        assert "m.csv" in str(error)
        return
    assert all(map(is_drawn, table.classes))
    assert set(table.classes) == {name if named else name.strip() for name in classes}
    known = {name.strip() for name in people}
    speakers = {name for name in table.frame["speaker"] if not name.startswith("unknown ")}
    assert {name.strip() for name in speakers} <= known  # Python also strips such as \x1f
    assert table.frame.height == 3 * 36
    if table.frame[attribute].drop_nulls().n_unique():
        assert all("\n\n" not in text for text in results(table, attribute))
