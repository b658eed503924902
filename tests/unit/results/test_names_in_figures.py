"""Names of classes, groups and attributes are drawn as they are, whatever they look like."""

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import polars as pl
import pytest
from matplotlib.figure import Figure

from fairser.auditing.figures import differences_figure, rates_figure
from fairser.auditing.inputs import AuditInput
from fairser.auditing.tables import make_audit
from fairser.results import figures, style
from fairser.results.summaries import class_rates
from fairser.results.tables import table_gaps
from unit.auditing.builders import made_up
from unit.builders import clip_table
from unit.results.test_figures import VARIANTS, runs, table

NAMES = [
    *(r"$\foo$", "$x$", "$", "$$", r"a$\frac{1}{0}$b", r"\$", r"\alpha", "{x}", "%s", "#1"),
    *("<b>&amp;</b>", "]]>", '"quoted"', "a_b", "_lead", "\u202eright", "漢字", "é" * 300, "x"),
]


def drawn(figure: Figure, folder: Path) -> str:
    """All text of the svg of a figure, as its reader sees it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(style.SETTINGS, "savefig.dpi", 20)
        style.save(figure, folder / "a.svg", folder / "a.png")
    found = ElementTree.parse(folder / "a.svg").iter(  # noqa: S314  our own
        "{http://www.w3.org/2000/svg}text"
    )
    return "\n".join("".join(text.itertext()) for text in found)


pytestmark = pytest.mark.filterwarnings("ignore:.*(Glyph|constrained_layout|ayout|Tight)")


def test_figures_of_a_grid(tmp_path: Path) -> None:
    cells = [("erm", "none", 1), ("rw", "kmeans", 2)]
    found = runs(cells, groups=NAMES, classes=NAMES, attribute=NAMES[0])
    text = drawn(figures.tpr_by_class(class_rates(found, NAMES[0]), NAMES[0]), tmp_path)
    for name in NAMES:  # as classes of both panels, and as groups in the legend
        lines = [line for line in text.splitlines() if line in (name, style.words(name))]
        assert len(lines) == 3 + (name == NAMES[0]), name
    gaps = table_gaps(NAMES[:1], VARIANTS)
    for draw in (figures.metrics_by_k, figures.tradeoff):
        assert NAMES[0] in drawn(draw(table(found, gaps), gaps), tmp_path)


@pytest.mark.parametrize("attribute", ["x", "y", "count", "clip_1", r"$\foo$"])
def test_groups_of_a_map(tmp_path: Path, attribute: str) -> None:
    """An attribute may be called as a column of the points, a group start as hidden names do."""
    splits = ["test", "development"] + ["train"] * 58
    values = {attribute: [NAMES[place % len(NAMES)] for place in range(len(splits))]}
    clips = clip_table(np.eye(3)[np.arange(len(splits)) % 3], splits, **values)
    frame = clips.frame
    points = frame.select("clip", x=pl.int_range(pl.len()) % 7, y=pl.int_range(pl.len()) % 11)
    clusters = frame.select("clip", group=pl.lit("1"))
    text = drawn(figures.tsne_figure(points, clips, clusters, attribute), tmp_path)
    for name in NAMES:
        assert f"\n{style.words(name)} (" in text
    assert f"Train clips by {style.words(attribute)}" in text


def test_figures_of_an_audit(tmp_path: Path) -> None:
    predictions, people = made_up(38, 6, worse=0.6)
    odd = (NAMES[0], "a\r\n# \x00\x1b\ufffe", "<b>")
    classes = dict(zip(("anger", "fear", "joy"), odd, strict=True))
    predictions = predictions.select("clip", "speaker", "label", "prediction").with_columns(
        pl.col("label", "prediction").replace(classes)
    )
    groups = [NAMES[place % len(NAMES)] for place in range(people.height)]
    people = people.select("speaker").with_columns(pl.Series("$a$", groups))
    # A csv can't hold the byte 0, a parquet file can.
    paths = [tmp_path / f"{name}.parquet" for name in ("predictions", "people")]
    predictions.write_parquet(paths[0])
    people.write_parquet(paths[1])
    audit = make_audit(AuditInput(paths[:1], groups=paths[1]), resamples=100)
    text = drawn(rates_figure(audit, "tpr"), tmp_path)
    assert "$a$" in text.lower()
    for name in (*map(style.words, odd), *(style.words(g) for g in audit.attributes[0].groups)):
        assert name in text, name
    drawn(differences_figure(audit), tmp_path)
