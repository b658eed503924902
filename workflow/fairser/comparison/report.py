"""What :mod:`fairser.comparison.comparing` found, as a text and as files."""

from collections.abc import Iterable
from pathlib import Path

import polars as pl

from fairser.comparison.comparing import Comparison, named
from fairser.results.writing import markdown, write_table

LEGEND = "difference: b - a [95 % interval over speakers]; Holm p: corrected over all differences"
SEEDS = "; margin: half the 95 % interval over trainings, from the spread over seeds"
SHOWN = 20  # lines of a list; files hold the rest


def text(found: Comparison, a: str, b: str) -> str:
    """The verdict, what differs in the runs' making, the differences beyond noise, the rest.

    Args:
        found: the comparison.
        a: name of the first folder.
        b: name of the second.
    """
    lines = [verdict(found), "", f"a is {a}, b is {b}."]
    if found.differences:
        lines += ["They were made with other", *_first(f"  {d}" for d in found.differences)]
    else:
        lines += ["Their records name the same settings, code and versions."]
    beyond = found.beyond
    if beyond.height:
        shown = readable(beyond.sort("p_holm", "metric").head(SHOWN)).drop("beyond noise")
        lines += ["", markdown(shown).rstrip()]
        lines += [f"... and {beyond.height - SHOWN} more"] if beyond.height > SHOWN else []
        lines += [_legend(found.table)]
    for side, cells in (("a", found.only_a), ("b", found.only_b)):
        if cells:
            lines += ["", f"Only in {side}:", *_first(f"  {named(cell)}" for cell in cells)]
    return "\n".join([*lines, *(f"\n{note}" for note in found.notes)]) + "\n"


def verdict(found: Comparison) -> str:
    """Such as ``3 of 24 cells differ beyond noise (identical byte for byte: 2).``"""
    keys = list(found.keys)
    compared = found.table.select(keys).unique().height
    total = compared + len(found.identical) + len(found.same)
    beyond = found.beyond.select(keys).unique().height
    alike = {"identical byte for byte": found.identical, "same counts": found.same}
    told = [f"{what}: {len(cells)}" for what, cells in alike.items() if cells]
    more = f" ({', '.join(told)})" if told else ""
    return f"{beyond} of {total} cells differ beyond noise{more}."


def write(found: Comparison, folder: str | Path) -> list[Path]:
    """Write all differences as compare.csv, .md and .tex; the paths."""
    path = Path(folder) / "compare.csv"
    write_table(
        path, found.table, readable(found.table), f"{verdict(found)} {_legend(found.table)}"
    )
    return [path.with_suffix(kind) for kind in (".csv", ".md", ".tex")]


def readable(table: pl.DataFrame) -> pl.DataFrame:
    """A comparison's table with each number and its uncertainty in one cell."""
    keys = table.columns[: table.columns.index("metric") + 1]
    rows = []
    for row in table.iter_rows(named=True):
        line = {name: row[name] for name in (*keys, "a", "b")}
        line["difference"] = ""
        if row["difference"] is not None:
            line["difference"] = f"{row['difference']:+.3f} [{row['low']:+.3f}, {row['high']:+.3f}]"
        line["Holm p"] = row["p_holm"]
        if table["seed_margin"].count():
            line["margin"] = row["seed_margin"]
        rows.append(line | {"beyond noise": "yes" if row["beyond_noise"] else ""})
    return pl.DataFrame(rows, infer_schema_length=None) if rows else table.select(keys)


def _legend(table: pl.DataFrame) -> str:
    return LEGEND + (SEEDS if table["seed_margin"].count() else "")


def _first(lines: Iterable[str]) -> list[str]:
    """The first lines of a list, and how many more there are."""
    known = list(lines)
    more = len(known) - SHOWN
    return [*known[:SHOWN], *([f"  ... and {more} more"] if more > 0 else [])]
