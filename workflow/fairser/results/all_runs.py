"""All numbers of all runs in one long table: a row per run and number (``all_runs.parquet``).

The columns, :data:`SCHEMA`, are these; texts are dictionaries (categories) in the file:

==============  ==========================================================================
``method`` ...  the run: ``method``, ``source``, ``k``, ``fold``, ``seed``
``made_from``   hash of all settings and code that the run depends on
``test_set``    one of several named test sets (``test1``); null: all test clips
``number``      its name, such as ``f1``, ``tpr_gap``, ``worst_group_f1`` or ``tpr``
``variant``     definition of a gap (``pairwise`` ...); null for all other numbers
``attribute``   that it compares, or whose group it is of; null: of all clips
``group``       that it is of; null: of all clips, or of all groups together
``class``       that it is of; null: of all classes together
``value``       float64; null where the number does not exist
``missing``     why it does not exist, where the run's record says so
==============  ==========================================================================
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from fairser.core.checksums import read_record
from fairser.core.files import complete
from fairser.evaluation.clip_bootstrap import RATE_GAPS
from fairser.evaluation.group_metrics import SCORES
from fairser.evaluation.metrics import metric_names

WORD, WHOLE = pl.Categorical(), pl.Int64()
Types = dict[str, pl.DataType]
RUN: Types = {"method": WORD, "source": WORD, "k": WHOLE, "fold": WHOLE, "seed": WHOLE}
RUN |= {"made_from": WORD}
NUMBER: Types = dict.fromkeys(("number", "variant", "attribute", "group", "class"), WORD)
NUMBER |= {"value": pl.Float64(), "missing": WORD}
SCHEMA = pl.Schema({**RUN, "test_set": WORD, **NUMBER})
GAP_OF = {rate: name for name, rate in RATE_GAPS.items()}

Row = tuple[Any, ...]  # in the order of NUMBER
Record = Mapping[str, Any]


def all_runs(metrics: Sequence[str]) -> pl.DataFrame:
    """The table of runs; ``metrics`` are the paths of their ``metrics.json``, in order."""
    return pl.concat([_run(read_record(path)) for path in metrics])


def write_all_runs(metrics: Sequence[str], path: str | Path) -> None:
    with complete(path) as temporary:
        all_runs(metrics).write_parquet(temporary)


def _run(record: Record) -> pl.DataFrame:
    """The numbers of one run, of all test clips and then of each named test set."""
    parts = []
    for test_set, found in ((None, record), *record.get("test_sets", {}).items()):
        rows = list(_overall(found, record["task"]))
        for attribute, part in found["attributes"].items():
            rows += _of_attribute(attribute, part)
        parts.append(
            pl.DataFrame(rows, NUMBER, orient="row").with_columns(
                pl.lit(test_set, pl.String).alias("test_set")
            )
        )
    run = [pl.lit(record[name]).alias(name) for name in RUN]
    return pl.concat(parts).with_columns(run).select(*SCHEMA).cast(SCHEMA)


def _overall(found: Record, task: str) -> Iterator[Row]:
    """Numbers of all clips, of which some also exist by class."""
    for name in dict.fromkeys(["clips", *metric_names("performance", task), "uar", *SCORES]):
        value = found[name]
        why = found.get("no_ece") if name == "ece" and value is None else None
        yield name, None, None, None, None, value, why
        for label, one in found.get(f"{name}_by_class", {}).items():
            yield name, None, None, None, label, one, why


def _of_attribute(attribute: str, part: Record) -> Iterator[Row]:
    """Gaps between the groups of an attribute, the worst ones, and the numbers of each."""
    yield "unknown", None, attribute, None, None, part["unknown"], None
    for rate, variants in part["gaps"].items():
        for variant, gap in variants.items():
            yield GAP_OF[rate], variant, attribute, None, None, gap["rms"], None
            for label, value in gap["by_class"].items():
                yield GAP_OF[rate], variant, attribute, None, label, value, None
    for name, value in part["compared"].items():
        yield name, None, attribute, None, None, value, part["missing"].get(name)
    for group, clips in part["groups"].items():
        yield "clips", None, attribute, group, None, clips, None
        for name, value in part["by_group"][group].items():
            yield name, None, attribute, group, None, value, None
    for label, by_group in part["rates"].items():
        for group, row in by_group.items():
            for name, value in row.items():
                yield name, None, attribute, group, label, value, None
