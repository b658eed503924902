"""The figures of the first study; :mod:`fairser.results.style` defines how they look."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fairser.config.extensions import ordered
from fairser.config.grid import has_k_axis
from fairser.corpora.clips import ClipTable
from fairser.corpora.demographics import order_groups
from fairser.evaluation.bootstrap import Gap
from fairser.evaluation.metrics import is_better_low, metric_names
from fairser.results import labels, style
from fairser.results.summaries import ALL, CONFIGURATION, front
from fairser.results.tables import configuration_name


@style.styled
def tsne_figure(
    points: pl.DataFrame, table: ClipTable, grouping: pl.DataFrame, attribute: str
) -> Figure:
    """t-SNE of train clips by a demographic attribute, if it is known, and by cluster.

    Points are of :func:`fairser.results.tsne.coordinates`, ``grouping`` has their clusters.
    """
    # Under a name of its own, since an attribute may be called `x`.
    known = [pl.col(name).alias("value") for name in table.attributes if name == attribute]
    shown = points.join(table.frame.select("clip", *known), on="clip", maintain_order="left")
    shown = shown.join(grouping.select("clip", "group"), on="clip", maintain_order="left")
    names = [attribute] if known and shown["value"].count() else []
    figure, panels = style.new_panels(len(names) + 1, 3.9)
    if names:
        _scatter(panels[0], shown, "value", order_groups(attribute, _values(shown, "value")))
    clusters = sorted(_values(shown, "group"), key=lambda name: (len(name), name))  # 2 before 10
    _scatter(panels[-1], shown, "group", clusters)
    for axes in panels:
        axes.set(xticks=[], yticks=[], xlabel="t-SNE dimension 1", ylabel="t-SNE dimension 2")
    for axes, name in zip(panels, names, strict=False):
        axes.set_title(f"Train clips by {style.words(name)}")
        handles, values = axes.get_legend_handles_labels()
        handles_of = dict(zip(values, handles, strict=True))
        labels.legend(figure, handles_of, style.words(name), False, markerscale=2, handlelength=1)
    # A cluster's number is written at the clip nearest to its median.
    away = pl.sum_horizontal(
        (pl.col(c) - pl.col(c).median().over("group")) ** 2 for c in ("x", "y")
    )
    middle = shown.drop_nulls("group").sort(away, "clip").unique("group", keep="first")
    middle = middle.sort(pl.col("group").str.len_bytes(), "group")
    panels[-1].set_title(f"Train clips by cluster (K = {middle.height})")
    ends, names = middle.select("x", "y").rows(), middle["group"].to_list()
    labels.place_labels(panels[-1], ends, names, weight="bold")
    return figure


def _values(shown: pl.DataFrame, column: str) -> list[str]:
    return shown[column].drop_nulls().unique().to_list()


def _scatter(axes: Axes, shown: pl.DataFrame, column: str, names: list[str]) -> None:
    """Draw points in the colour and marker of their value, rare values on top."""
    sizes = shown[column].value_counts().sort("count", column, descending=[True, False])
    for value, count in sizes.sort(pl.col(column).is_not_null(), maintain_order=True).iter_rows():
        part = shown.filter(pl.col(column).eq_missing(value))
        axes.scatter(
            part["x"],
            part["y"],
            s=float(np.clip(4000 / shown.height, 4, 16)),
            **style.group_look(None if value is None else names.index(value)),
            linewidths=0,
            # A legend hides names that start with an underscore.
            label=f"{'unknown' if value is None else style.words(value)} ({count})",
            rasterized=True,  # there may be thousands
        )


@style.styled
def metrics_by_k(table: pl.DataFrame, gaps: dict[str, Gap]) -> Figure:
    """Each metric against the number of clusters, with ERM and annotated groups for comparison.

    The table is of :func:`fairser.results.summaries.summaries`; an empty column gets no panel.
    """
    clustered = table.filter(pl.col("source") == "kmeans").sort("k")
    names = [name for name in metric_names("performance") if name in table.columns]
    columns = [name for name in (*names, *gaps) if clustered[name].count()]
    if not columns:
        return style.notice("No run with clusters has a metric to show.")
    methods = ordered("METHOD", clustered["method"])
    annotated = table.filter(pl.col("method").is_in(methods), pl.col("source") == "annotated")
    x = np.log2(clustered["k"].unique().sort().to_numpy())
    last = x[-1] + max(1.0, 0.2 * (x[-1] - x[0]))  # position of annotated groups
    width = min(0.4 * min(np.diff(x), default=1.0), 0.14 * (last - x[0]))  # of the points of a K
    figure, panels = style.new_panels(len(columns), 2.6)
    for axes, name in zip(panels, columns, strict=True):
        for row in table.filter(pl.col("method") == "erm").drop_nulls(name).to_dicts():
            axes.axhline(row[name], color=style.BLACK, linewidth=1, label="ERM")
            if row[f"{name}_low"] is not None:
                axes.axhspan(row[f"{name}_low"], row[f"{name}_high"], color="#EDEDED", zorder=0)
        for i, method in enumerate(methods):
            shift, look = width * ((i + 0.5) / len(methods) - 0.5), style.line_look(method, i)
            mine = clustered.filter(pl.col("method") == method)
            at = np.log2(mine["k"].to_numpy()) + shift
            style.interval_line(axes, at, mine, name, **look)
            mine = annotated.filter(pl.col("method") == method)
            look |= {"markerfacecolor": "white", "label": None, "linestyle": "none"}
            style.interval_line(axes, np.full(mine.height, last + shift), mine, name, **look)
        ticks, ks = labels.k_ticks(x, last - x[0])
        if annotated[name].count():
            axes.axvline((x[-1] + last) / 2, color=style.GREY, linewidth=0.6, linestyle=":")
            ticks, ks = [*ticks, last], [*ks, "annotated"]
        axes.set_xticks(ticks, ks)
        axes.set(title=style.metric_name(name, gaps), xlabel="Number of clusters K")
        axes.set_ylabel("lower is better" if is_better_low(name) else "higher is better")
    labels.merged_legend(figure, panels, "", 3.5)
    return figure


@style.styled
def tradeoff(table: pl.DataFrame, gaps: dict[str, Gap]) -> Figure:
    """F1 against each gap: a point per configuration, and the Pareto front with names.

    The table is of :func:`fairser.results.summaries.summaries`. Random is far from the others: its
    numbers are written above the panel, unless it is alone.
    """
    table, random = table.drop_nulls("f1"), pl.col("method") == "random"
    drawn = table.filter(~random) if table.filter(~random).height else table
    columns = [name for name in gaps if drawn[name].count()]
    if not columns:
        named = " or ".join(sorted({style.words(gap.attribute) for gap in gaps.values()}))
        return style.notice(f"There is no gap: the test clips lack two known groups of {named}.")
    figure, panels = style.new_panels(len(columns), 4.0)
    fronts = []
    for axes, name in zip(panels, columns, strict=True):
        points = drawn.drop_nulls(name)
        for row in points.iter_rows(named=True):
            axes.plot(row[name], row["f1"], **style.point_look(row["method"], row["source"]))
        points = points.select(name, "f1", *CONFIGURATION)
        best = points[front(points["f1"].to_list(), points[name].to_list())]
        fronts.append((axes, best, points))
        axes.step(best[name], best["f1"], where="post", color=style.GREY, lw=0.9, zorder=1)
        axes.margins(0.15, 0.2)
        left, right = axes.get_xlim()  # room for names where there are no points
        axes.set_xlim(left=max(left - 0.2 * (right - left), min(left, 0)))
        axes.set(xlabel=style.metric_name(name, gaps), ylabel="Macro F1")
        for row in table.drop_nulls(name).filter(random).iter_rows(named=True):
            if drawn is not table:
                text = f"Random, not drawn: F1 {row['f1']:.3f}, gap {row[name]:.3f}"
                axes.set_title(text, loc="right", color=style.DARK)
    labels.point_legends(figure, ordered("METHOD", drawn["method"]), drawn["source"])
    for axes, best, points in fronts:
        names = [configuration_name(*row[2:]) for row in best.iter_rows()]
        ends = [row[:2] for row in best.iter_rows()]
        avoid = [*(row[:2] for row in points.iter_rows()), *along_steps(ends)]
        labels.place_labels(axes, ends, names, avoid)
        # Of the others, what their colour and marker do not tell.
        others = [row for row in points.iter_rows() if row[:2] not in ends and has_k_axis(row[3])]
        ks = [str(k) for *_, k in others]
        labels.place_labels(axes, [row[:2] for row in others], ks, avoid, fontsize=6)
    return figure


def along_steps(ends: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Many points on the line of the front, which labels should not cover."""
    shares = np.linspace(0, 1, 25)
    found: list[tuple[float, float]] = []
    for (x, y), (right, top) in pairwise(ends):
        found += [(x + share * (right - x), y) for share in shares]
        found += [(right, y + share * (top - y)) for share in shares]
    return found


@style.styled
def tpr_by_class(rates: pl.DataFrame, attribute: str) -> Figure:
    """True positive rates of :func:`fairser.results.summaries.class_rates` by class and group.

    Bars are means over folds, dots are folds, a cross marks a group without positive clips.
    """
    classes = rates["class"].unique(maintain_order=True).to_list()
    groups = order_groups(attribute, rates["group"].unique().to_list())
    rates = rates.with_columns(pl.col("class").replace_strict(classes, range(len(classes))))
    means = rates.group_by(*CONFIGURATION, "group", "class").agg(pl.col("tpr").mean())
    heads = rates.select(CONFIGURATION).unique(maintain_order=True).rows()
    figure, panels = style.new_panels(len(heads), 3.2)
    width = 0.8 / len(groups)
    for axes, head in zip(panels, heads, strict=True):
        mine = [pl.col(name) == value for name, value in zip(CONFIGURATION, head, strict=True)]
        for number, group in enumerate(groups):
            shift = (number + 0.5) * width - 0.4
            mean = means.filter(*mine, pl.col("group") == group).sort("class")
            fold = rates.filter(*mine, pl.col("group") == group).drop_nulls("tpr")
            none = mean.filter(pl.col("tpr").is_null())["class"].to_numpy()
            mean = mean.drop_nulls("tpr")
            bars = style.bar_look(number) | {"label": style.words(group), "width": 0.92 * width}
            axes.bar(mean["class"].to_numpy() + shift, mean["tpr"].to_numpy(), **bars)
            axes.scatter(fold["class"].to_numpy() + shift, fold["tpr"].to_numpy(), **style.DOT)
            if none.size:
                axes.scatter(none + shift, np.full(none.shape, 0.02), **style.CROSS)
        axes.set(title=configuration_name(*head), ylim=(0, 1.03))
        axes.set(xlabel="Class", ylabel="True positive rate")
        labels.name_ticks(axes, classes, len(heads))
    labels.merged_legend(figure, panels, "" if groups == [ALL] else style.words(attribute), 2.0)
    return figure
