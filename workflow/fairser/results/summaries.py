"""The numbers of the figures: configurations with intervals, the Pareto front, class rates."""

from collections.abc import Sequence

import polars as pl

from fairser.config.grid import has_k_axis
from fairser.evaluation.bootstrap import Bootstrap, RunCounts
from fairser.results.estimate_tables import TableRow, run_table

CONFIGURATION = ("method", "source", "k")
ALL = "all clips"


def summaries(runs: Sequence[RunCounts], bootstrap: Bootstrap) -> pl.DataFrame:
    """A row per configuration with the numbers of :func:`fairser.results.tables.run_table`."""
    by_head: dict[tuple[str, str, int], list[RunCounts]] = {}
    for run in runs:
        by_head.setdefault((run.method, run.source, run.k), []).append(run)
    rows = [
        TableRow(dict(zip(CONFIGURATION, head, strict=True)), found)
        for head, found in by_head.items()
    ]
    return run_table(rows, runs, bootstrap)


def chosen(table: pl.DataFrame, method: str, source: str, k: int) -> pl.DataFrame:
    """The rows of ERM and of a configuration.

    If the configuration is missing, the one with the smallest ``tpr_gap`` replaces it. ``k``
    counts for a source that has a run for each K.
    """
    others = table.filter(~pl.col("method").is_in(["erm", "random"]))
    wanted = others.filter(pl.col("method") == method, pl.col("source") == source)
    wanted = wanted.filter(pl.lit(not has_k_axis(source)) | (pl.col("k") == k))
    if not wanted.height:
        wanted = others.sort("tpr_gap", *CONFIGURATION, nulls_last=True)
    found = pl.concat([table.filter(pl.col("method") == "erm"), wanted.head(1)])
    return found if found.height else table.head(1)


def front(performance: Sequence[float], gap: Sequence[float]) -> list[int]:
    """Positions of the points that no other point beats in both numbers, sorted by gap."""
    found: list[int] = []
    for i in sorted(range(len(gap)), key=lambda i: (gap[i], -performance[i])):
        last = found[-1] if found else i
        same = (performance[i], gap[i]) == (performance[last], gap[last])
        if same or performance[i] > performance[last]:
            found.append(i)
    return found


def class_rates(runs: Sequence[RunCounts], attribute: str) -> pl.DataFrame:
    """``tpr`` by configuration, ``class``, ``group`` and ``fold``: means over seeds.

    It is null for a group without positive clips. If the attribute is unknown, all clips are one
    group.
    """
    known = any(attribute in run.counts.columns and run.counts[attribute].count() for run in runs)
    parts = []
    for run in runs:
        group = pl.col(attribute) if known else pl.lit(ALL)
        counts = run.counts.with_columns(group.alias("group")).drop_nulls("group")
        by = counts.group_by("class", "group", maintain_order=True)
        sums = by.agg(pl.col("hits", "positives").sum())
        rate = pl.when(pl.col("positives") > 0).then(pl.col("hits") / pl.col("positives"))
        head = [pl.lit(getattr(run, name)).alias(name) for name in (*CONFIGURATION, "fold")]
        parts.append(sums.select(*head, "class", "group", rate.alias("tpr")))
    keys = [*CONFIGURATION, "class", "group", "fold"]
    return pl.concat(parts).group_by(keys, maintain_order=True).agg(pl.col("tpr").mean())


def runs_of(runs: Sequence[RunCounts], table: pl.DataFrame) -> list[RunCounts]:
    """The runs of the configurations of a table, in its order."""
    heads = table.select(CONFIGURATION).rows()
    return [run for head in heads for run in runs if (run.method, run.source, run.k) == head]
