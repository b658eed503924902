"""The benchmark's table as its readers see it, and its figure."""

from typing import Any

import polars as pl
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from fairser.core.text import interval, number
from fairser.corpora.clips import TEST_SET
from fairser.evaluation.bootstrap import Gap
from fairser.results import labels, style
from fairser.results.benchmark import ALL_NEEDS, F1, GAP, RANKED
from fairser.results.estimate_tables import LEGEND, readable
from fairser.results.figures import along_steps
from fairser.results.tables import configuration_name, method_name, method_of

DIFFERENCES = ("_diff", "_diff_low", "_diff_high")


def difference(line: dict[str, float | None], name: str) -> tuple[str, str]:
    """The difference to ERM in a row of the table, and its interval; empty where there is none."""
    value, low, high = (line[f"{name}{end}"] for end in DIFFERENCES)
    return number(value, signed=True), interval(low, high, signed=True)


def shown_table(table: pl.DataFrame) -> pl.DataFrame:
    """The table for readers: numbers with their uncertainty, differences, ranks."""
    extra = [name for name in table.columns if name.endswith(DIFFERENCES)]
    read = readable(table.drop(extra), last=())
    lines = table.to_dicts()
    texts = [
        pl.Series(f"{name} - ERM", [" ".join(difference(line, name)).strip() for line in lines])
        for name in RANKED
    ]
    ranks = [
        pl.Series(f"{name} rank", [number(line[f"{name}_rank"], 1) for line in lines])
        for name in RANKED
    ]
    best = pl.when("pareto").then(pl.lit("yes")).otherwise(pl.lit("")).alias("pareto")
    more = table.select(best, "shrinks", "seconds", "folds", "seeds")
    return pl.concat([read.with_columns(*texts, *ranks), more], how="horizontal")


def shown_legend(table: pl.DataFrame) -> str:
    """What the cells of :func:`shown_table` hold."""
    said = (
        "needs: what the groups come from; at_test: whether a prediction needs them; - ERM: "
        "difference to ERM [95 % interval]; rank: mean over the folds, 1 is best; pareto: no other "
        "row is at least as good in F1 and gap and better in one; shrinks: share of the seeds with "
        "a smaller gap than ERM; seconds: mean of a training."
    )
    return " ".join([f"{LEGEND}.", said, *table["note"].drop_nulls().unique()])


@style.styled
def pareto_figure(table: pl.DataFrame, gaps: dict[str, Gap]) -> Figure:
    """F1 against the gap of each row, with a panel for each test set.

    Colour and marker tell what the groups come from. ERM is a star, a line joins the Pareto set,
    whose rows have their names. Random is far from the others and not drawn.
    """
    drawn = table.filter(pl.col("method") != method_name("random")).drop_nulls([F1, GAP])
    if not drawn.height:
        return style.notice("There is no gap: the test clips lack two known groups.")
    sets = drawn.partition_by(TEST_SET, maintain_order=True) if TEST_SET in drawn.columns else []
    there = set(drawn["needs"])
    looks = {n: style.group_look(i) for i, n in enumerate(ALL_NEEDS) if n in there}
    look: dict[str, Any] = {
        "linestyle": "none",
        "markersize": 5,
        "markeredgecolor": style.BLACK,
        "markeredgewidth": 0.4,
    }
    figure, panels = style.new_panels(max(1, len(sets)), 4.2)
    named = []
    for axes, part in zip(panels, sets or [drawn], strict=True):
        for row in part.to_dicts():
            if row["method"] != method_name("erm"):
                axes.plot(row[GAP], row[F1], **looks[row["needs"]], **look)
        for row in part.filter(method=method_name("erm")).to_dicts():
            axes.plot(row[GAP], row[F1], "*", color=style.BLACK, markersize=10, zorder=4)
        best = part.filter("pareto").sort(GAP, F1)
        axes.step(best[GAP], best[F1], where="post", color=style.GREY, lw=0.9, zorder=1)
        axes.margins(0.15, 0.2)
        axes.set(xlabel=style.metric_name(GAP, gaps), ylabel=style.metric_name(F1, gaps))
        if sets:
            axes.set_title(style.words(part[TEST_SET][0]))
        named.append((axes, part, best))
    handles = {kind: Line2D([], [], **one, **look) for kind, one in looks.items()}
    handles |= {"ERM": Line2D([], [], marker="*", color=style.BLACK, markersize=8, ls="none")}
    labels.legend(figure, handles, "Groups need", handlelength=1.0)
    for axes, part, best in named:
        heads = best.select("method", "source", "k").rows()
        names = [configuration_name(method_of(name), source, k) for name, source, k in heads]
        ends = best.select(GAP, F1).rows()
        avoid = [*part.select(GAP, F1).rows(), *along_steps(ends)]
        labels.place_labels(axes, ends, names, avoid)
    return figure
