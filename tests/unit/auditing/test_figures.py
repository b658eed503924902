"""The figures show the numbers of the tables."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from matplotlib.container import ErrorbarContainer

from fairser.auditing.figures import ROWS, differences_figure, rates_figure
from fairser.auditing.tables import Audit
from fairser.results import style
from fairser.results.style import save
from unit.auditing.builders import audit_of, made_up


@pytest.fixture(scope="module")
def audit(tmp_path_factory: pytest.TempPathFactory) -> Audit:
    folder = tmp_path_factory.mktemp("audit")
    return audit_of(folder, *made_up(worse=0.4), crossings=[["gender", "race"]])


@pytest.mark.parametrize("rate", ["tpr", "fpr"])
def test_points_are_the_rates(audit: Audit, rate: str) -> None:
    panels = rates_figure(audit, rate).axes
    assert [axes.get_legend().get_title().get_text() for axes in panels] == [
        "Gender",
        "Race",
        "Gender x race",
    ]
    for axes, attribute in zip(panels, audit.attributes, strict=True):
        mine = audit.rates.filter(pl.col("attribute") == attribute.name)
        shown = np.concatenate(
            [line.get_ydata() for line in axes.get_lines() if line.get_marker() not in ("None", "")]
        )
        assert sorted(shown) == pytest.approx(sorted(mine[rate]))
        bars = [
            c.lines[2][0].get_segments()
            for c in axes.containers
            if isinstance(c, ErrorbarContainer)
        ]
        ends = sorted(float(end) for group in bars for bar in group for end in bar[:, 1])
        there = mine.drop_nulls(f"{rate}_low")
        expected = [min(r[f"{rate}_low"], r[rate]) for r in there.to_dicts()]
        expected += [max(r[f"{rate}_high"], r[rate]) for r in there.to_dicts()]
        assert ends == pytest.approx(sorted(expected))
        assert axes.get_ylim()[0] == 0
    # Groups of three speakers have hollow points and no bars.
    hollow = [line for line in panels[2].get_lines() if line.get_markerfacecolor() == "white"]
    assert sum(len(line.get_ydata()) for line in hollow) == there_are_few(audit)
    (legend,) = rates_figure(audit, rate).legends
    assert legend.get_texts()[0].get_text() == "no interval: fewer than 5 speakers"


def there_are_few(audit: Audit) -> int:
    crossed = audit.rates.filter(pl.col("attribute") == "gender x race")
    return int(crossed["tpr_low"].null_count())


def test_the_largest_differences_and_which_are_sure(audit: Audit) -> None:
    recall, alarms = differences_figure(audit).axes
    for axes, rate in ((recall, "tpr"), (alarms, "fpr")):
        tested = audit.differences.filter(pl.col("rate") == rate).drop_nulls("p")
        points = [c.lines[0] for c in axes.containers]
        assert len(points) == min(ROWS[rate], tested.height)
        sure = tested.filter("stands_out")["difference"].abs().sort(descending=True)
        filled = [p.get_xdata()[0] for p in points if p.get_markerfacecolor() != "white"]
        assert filled == pytest.approx((100 * sure).to_list())
    first = recall.get_yticklabels()[0].get_text()
    assert first.startswith("fear: ") and "women above" in first and first.endswith("men")
    assert recall.get_title() == "Recall: all 15 differences"
    assert alarms.get_title() == "False alarms: 8 of 15 differences"


def test_nothing_to_test_is_said(tmp_path: Path) -> None:
    figure = differences_figure(audit_of(tmp_path, *made_up(4, 6)))
    assert "too few speakers" in figure.texts[0].get_text()


def test_no_text_is_cut_off_or_covered(audit: Audit) -> None:
    for figure in (rates_figure(audit, "tpr"), differences_figure(audit)):
        figure.draw_without_rendering()
        page = figure.bbox
        for axes in figure.axes:
            labels = [axes.title]
            for axis, ends in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
                shown = [t for t in axis.get_major_ticks() if min(ends) <= t.get_loc() <= max(ends)]
                labels += [tick.label1 for tick in shown]
            boxes = [label.get_window_extent() for label in labels if label.get_text()]
            for box in boxes:
                assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= page.x1 and box.y1 <= page.y1
            rows = [label.get_window_extent() for label in axes.get_yticklabels()]
            assert not any(a.overlaps(b) for n, a in enumerate(rows) for b in rows[n + 1 :])
            if axes.get_legend():
                box = axes.get_legend().get_window_extent()
                assert box.x0 >= 0 and box.x1 <= page.x1 and box.y0 >= axes.get_window_extent().y1


def test_figures_are_the_same_to_the_byte(
    audit: Audit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(style.SETTINGS, "savefig.dpi", 20)
    for number in (1, 2):
        save(differences_figure(audit), tmp_path / f"{number}.svg", tmp_path / f"{number}.png")
    for kind in ("svg", "png"):
        assert (tmp_path / f"1.{kind}").read_bytes() == (tmp_path / f"2.{kind}").read_bytes()
