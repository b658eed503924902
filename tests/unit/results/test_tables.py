"""Tables 1 and 2: rows and order of the paper, its summaries, and what stands beside a number."""

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from fairser.config.extensions import extensions, use
from fairser.core.errors import InputError
from fairser.evaluation.bootstrap import Bootstrap, Gap, RunCounts, Sample
from fairser.evaluation.estimates import Estimate, estimate, holm, p_value
from fairser.results import tables
from fairser.results.estimate_tables import legend, readable
from fairser.results.tables import table1, table2, table2_attributes, table_gaps

REFERENCE = Path(tables.__file__).parents[2] / "reference"
PUBLISHED = [pl.read_csv(REFERENCE / f"table{number}.csv") for number in (1, 2)]
PAPER1, PAPER2 = (table.filter(pl.col("method") != "Gain") for table in PUBLISHED)
SHORT = {one["title"]: name for name, one in extensions("METHOD").items()}
GROUPS = {"none": 1, "annotated": 2, "pseudo": 2, "kmeans": 16}
COLUMNS1 = ["f1", "acc", "tpr_gap", "dp_gap"]
COLUMNS2 = PAPER2.columns[2:]
RESAMPLES = 400


PEOPLE = pl.DataFrame(
    {"speaker": [f"s{number:02d}" for number in range(20)]}
    | {name: ["a", "b"] * 10 for name in ("gender", "race", "age")}
)


class Given(Bootstrap):
    """A bootstrap whose values are told: by run, then as measured and by resample."""

    def __init__(self, columns: Sequence[str]) -> None:
        gaps = {n: Gap(n.split("_")[0] if n.count("_") > 1 else "gender", "", "") for n in columns}
        super().__init__(RESAMPLES, 0, {name: gaps[name] for name in columns[2:]})
        self.columns = columns
        self.given: dict[RunCounts, dict[str, Sample]] = {}
        self.random = np.random.default_rng(0)

    def samples(self, run: RunCounts) -> dict[str, Sample]:
        return self.given[run]

    def run(self, numbers: Sequence[float], fold: int = 1, seed: int = 0, **cell: Any) -> RunCounts:
        """A run with these values as measured, resamples near them, and chance at .1 and .2."""
        cell = {"source": "none", "k": 1} | cell
        run = RunCounts(**cell, fold=fold, seed=seed, counts=PEOPLE)
        near = self.random.normal(0, 0.01, (len(numbers), RESAMPLES))
        found = np.column_stack([numbers, np.array(numbers)[:, None] + near])
        chance = np.array([0.1, 0.2] * (RESAMPLES // 2))
        self.given[run] = {
            name: Sample(values, {"a": 10, "b": 10}, chance)
            for name, values in zip(self.columns, found, strict=True)
        }
        return run


def grid(bootstrap: Given, folds: Sequence[float] = (-0.01, 0, 0.01)) -> list[RunCounts]:
    """All 33 configurations with the paper's values plus an offset by fold, in random order.

    The runs of other numbers of clusters than 16 are far off.
    """
    runs = []
    for method, source, *values in PAPER1.filter(pl.col("method") != "Overall").drop("k").rows():
        for k in [2, 4, 8, 16, 32] if source == "kmeans" else [GROUPS[source]]:
            for fold, offset in enumerate(folds, start=1):
                numbers = np.array(values) + offset + (0 if k == GROUPS[source] else 0.3)
                cell = {"method": SHORT[method], "source": source, "k": k}
                runs.append(bootstrap.run(numbers, fold, **cell))
    assert len(runs) == 33 * len(folds)
    random.Random(0).shuffle(runs)
    return runs


COUNTED = [
    *("speaker", "gender", "accent", "age", "race", "test_set", "class"),
    *("clips", "positives", "predicted", "hits"),
]


def row(table: pl.DataFrame, *head: Any) -> dict[str, Any]:
    """The only row whose first columns hold these values."""
    found = [r for r in table.iter_rows(named=True) if tuple(r.values())[: len(head)] == head]
    assert len(found) == 1
    return found[0]


def test_table1_is_that_of_the_paper() -> None:
    bootstrap = Given(COLUMNS1)
    table = table1(grid(bootstrap), bootstrap, 16)
    assert table.columns[: PAPER1.width] == PAPER1.columns
    gains = [("Gain", "annotated", None), ("Gain", "pseudo", None), ("Gain", "kmeans", 16)]
    heads = table.select("method", "source", "k").rows()
    assert heads == PAPER1.select("method", "source", "k").rows() + gains
    # The paper's Overall is rounded from unrounded numbers.
    ours = table[: PAPER1.height].select(PAPER1.columns)
    assert_frame_equal(ours, PAPER1, abs_tol=0.0011)
    methods = PAPER1["method"] != "Overall"
    assert_frame_equal(ours.filter(methods), PAPER1.filter(methods), abs_tol=1e-9)
    # The same offset in each row: the spread over folds is .01 everywhere but in a ratio.
    assert table["tpr_gap_std"][: PAPER1.height].to_list() == pytest.approx([0.01] * 20)
    assert table["f1_std"][PAPER1.height :].to_list() == [None] * 3
    # The paper's gains are of unrounded numbers, too.
    assert_frame_equal(table.select(PAPER1.columns), PUBLISHED[0], abs_tol=0.004)
    assert set(table["folds"]) == {3} and set(table["seeds"]) == {1}


def test_overall_is_the_mean_of_the_four_methods() -> None:
    bootstrap = Given(COLUMNS1)
    table = table1(grid(bootstrap), bootstrap, 16)
    four = table.filter(pl.col("method").is_in(["DS", "RW", "GDRO", "GADRO"]))
    for source in "annotated", "pseudo", "kmeans":
        found = row(table, "Overall", source)
        for name in COLUMNS1:
            mean = four.filter(source=source)[name].mean()
            assert found[name] == pytest.approx(mean, abs=1e-12)


def test_gain_is_the_relative_improvement_over_erm() -> None:
    bootstrap = Given(COLUMNS1)
    table = table1(grid(bootstrap), bootstrap, 16)
    # Annotated, of the paper's numbers: F1 .623 against .651, TPR gap .16225 against .278.
    found = row(table, "Gain", "annotated")
    assert found["f1"] == pytest.approx((0.623 - 0.651) / 0.651)
    assert found["acc"] == pytest.approx((0.80275 - 0.824) / 0.824)
    assert found["tpr_gap"] == pytest.approx((0.278 - 0.16225) / 0.278)
    assert found["dp_gap"] == pytest.approx((0.103 - 0.066) / 0.103)
    for source in "pseudo", "kmeans":
        overall, gain = row(table, "Overall", source), row(table, "Gain", source)
        for name in COLUMNS1:
            erm = row(table, "ERM", "none")[name]
            sign = 1 if name in ("f1", "acc") else -1
            assert gain[name] == pytest.approx(sign * (overall[name] - erm) / erm)


def test_rows_without_runs_are_left_out() -> None:
    bootstrap = Given(COLUMNS1)
    runs = [run for run in grid(bootstrap) if run.source != "pseudo" and run.method != "gadro"]
    table = table1(runs, bootstrap, 16)
    expected = PAPER1.filter(
        (pl.col("source") != "pseudo") & ~pl.col("method").is_in(["GADRO", "Overall"])
    )
    # Without all four methods there is no Overall and no Gain.
    assert table.select("method", "source").rows() == expected.select("method", "source").rows()


def test_table1_shows_every_run_by_default() -> None:
    bootstrap = Given(COLUMNS1)
    table = table1(grid(bootstrap), bootstrap, None)
    # 16 rows more of the four methods, and four more of Overall and of Gain.
    assert table.height == 23 + 16 + 8
    clustered = table.filter(source="kmeans", method="DS")
    assert clustered["k"].to_list() == [2, 4, 8, 16, 32]
    assert clustered["f1"].to_list() == pytest.approx([0.861] * 3 + [0.561, 0.861])
    assert table.filter(source="annotated")["k"].null_count() == 6


@pytest.mark.parametrize("k", [2, 32])
def test_table1_shows_the_clusters_of_one_k(k: int) -> None:
    bootstrap = Given(COLUMNS1)
    runs = grid(bootstrap)
    table = table1(runs, bootstrap, k)
    assert table.height == 23
    assert row(table, "DS", "kmeans")["f1"] == pytest.approx(0.561 + 0.3)
    assert row(table, "DS", "pseudo")["f1"] == pytest.approx(0.580)
    assert row(table1(runs, bootstrap, 16), "DS", "kmeans")["f1"] == pytest.approx(0.561)


def test_methods_of_the_users_own_follow_the_known_ones() -> None:
    bootstrap = Given(COLUMNS1)
    names = ["zeta", "gadro", "alpha", "erm"]
    runs = [bootstrap.run([0.5] * 4, method=name) for name in names]
    table = table1(runs, bootstrap, 16)
    assert table["method"].to_list() == ["ERM", "GADRO", "alpha", "zeta"]
    assert table["f1_p"].null_count() == 1  # they are tested like any other


def test_a_grid_without_erm_has_neither_gains_nor_tests() -> None:
    bootstrap = Given(COLUMNS1)
    runs = [run for run in grid(bootstrap) if run.method != "erm"]
    table = table1(runs, bootstrap, 16)
    assert table.filter(pl.col("method") == "Gain").height == 3
    gain = row(table, "Gain", "pseudo")
    head = ("method", "source", "folds", "seeds", "note")
    assert {value for name, value in gain.items() if name not in head} == {None}
    assert table["f1_p"].null_count() == table.height
    assert row(table, "Overall", "pseudo")["f1"] == pytest.approx(0.6225)


def test_gain_over_a_gap_of_zero_does_not_exist() -> None:
    bootstrap = Given(COLUMNS1)
    runs = [bootstrap.run([0.5, 0.5, 0, 0.1], method="erm")]
    cell = {"source": "annotated", "k": 2}
    runs += [
        bootstrap.run([0.5, 0.5, 0.1, 0.2], method=m, **cell) for m in tables.summarised_methods()
    ]
    found = row(table1(runs, bootstrap, 16), "Gain", "annotated")
    assert (found["tpr_gap"], found["dp_gap"]) == (None, pytest.approx(-1))


def test_one_fold_has_no_spread_and_one_seed_no_column_for_it() -> None:
    bootstrap = Given(COLUMNS1)
    table = table1(grid(bootstrap, folds=[0]), bootstrap, 16)
    assert table["f1_std"].null_count() == table.height
    assert [name for name in table.columns if "seed_std" in name] == []
    assert set(table["folds"]) == {1}


def test_several_seeds_show_their_spread() -> None:
    bootstrap = Given(COLUMNS1)
    runs = [
        bootstrap.run([value] * 4, fold, seed, method="erm")
        for fold, seed, value in [(1, 0, 0.1), (1, 7, 0.3), (2, 0, 0.5), (2, 7, 0.9)]
    ]
    runs.append(bootstrap.run([0.5] * 4, 1, 0, method="random"))
    table = table1(runs, bootstrap, 16)
    assert table["f1_seed_std"].to_list() == [pytest.approx(np.sqrt(0.05)), None]
    assert table["f1"].to_list() == pytest.approx([0.45, 0.5])
    assert table.select("folds", "seeds").rows() == [(2, 2), (1, 1)]
    assert table.columns.index("f1_seed_std") == table.columns.index("f1_std") + 1


def test_a_value_that_does_not_exist_is_null() -> None:
    bootstrap = Given(COLUMNS1)
    runs = [bootstrap.run([0.5, 0.7, np.nan, np.nan], fold, method="erm") for fold in (1, 2)]
    found = table1(runs, bootstrap, 16).row(0, named=True)
    assert found["f1"] == 0.5
    assert [found[f"tpr_gap{part}"] for part in ("", "_std", "_low", "_high")] == [None] * 4


def test_p_values_are_those_against_erm_corrected_over_the_methods() -> None:
    bootstrap = Given(COLUMNS1)
    runs = grid(bootstrap)
    table = table1(runs, bootstrap, 16)

    def found(method: str, source: str) -> Estimate:
        part = [r for r in runs if (r.method, r.source, r.k) == (method, source, GROUPS[source])]
        return estimate(part, {run: bootstrap.samples(run)["f1"] for run in part})

    tested = PAPER1.filter(~pl.col("method").is_in(["ERM", "Random", "Overall"]))
    heads = tested.select("method", "source").rows()
    erm = found("erm", "none")
    raw = [p_value(found(SHORT[method], source), erm) for method, source in heads]
    corrected = holm(raw)
    assert min(corrected) < 0.1 < max(corrected) and corrected != raw
    assert table["f1_p"].drop_nulls().to_list() == pytest.approx(corrected)
    untested = table.filter(pl.col("f1_p").is_null())["method"].to_list()
    assert untested == ["ERM", "Random", *["Overall"] * 3, *["Gain"] * 3]


def table2_grid(bootstrap: Given) -> list[RunCounts]:
    """Runs of Table 2 with the paper's values, and some that it does not show."""
    cells = [
        {"method": SHORT[method]} | ({"source": "kmeans", "k": k} if k else {})
        for method, k in PAPER2.select("method", "k").rows()
    ]
    values = [numbers for _, _, *numbers in PAPER2.rows()]
    runs = [
        bootstrap.run(np.array(v) + offset, fold, **cell)
        for cell, v in zip(cells, values, strict=True)
        for fold, offset in enumerate([-0.01, 0.01], start=1)
    ]
    for cell in cells[1:]:  # decoys
        runs.append(bootstrap.run([0.9] * 6, **{**cell, "k": 8}))
        runs.append(bootstrap.run([0.9] * 6, **{**cell, "source": "annotated", "k": 2}))
    random.Random(1).shuffle(runs)
    return runs


def test_table2_is_that_of_the_paper_with_gains() -> None:
    bootstrap = Given(COLUMNS2)
    table = table2(table2_grid(bootstrap), bootstrap, [16, 32])
    assert table.columns[: PAPER2.width] == PAPER2.columns
    assert_frame_equal(table[: PAPER2.height].select(PAPER2.columns), PAPER2, abs_tol=1e-9)
    assert table.select("method", "k").rows()[PAPER2.height :] == [("Gain", 16), ("Gain", 32)]
    assert_frame_equal(table.select(PAPER2.columns), PUBLISHED[1], abs_tol=0.004)
    # Race TPR gap of DS, RW, GADRO, GDRO at K = 16: mean .1525 against .183.
    gain = row(table, "Gain", 16)
    assert gain["race_tpr_gap"] == pytest.approx((0.183 - 0.1525) / 0.183)
    assert gain["f1"] == pytest.approx((0.62 - 0.651) / 0.651)
    # All but ERM and the gains are tested.
    assert table["f1_p"].is_null().to_list() == [True, *[False] * 8, True, True]


def test_table2_shows_what_there_is() -> None:
    bootstrap = Given(COLUMNS2)
    runs = [run for run in table2_grid(bootstrap) if run.method not in ("erm", "gdro")]
    table = table2(runs, bootstrap, [32, 16])
    heads = [(method, k) for method in ("DS", "RW", "GADRO") for k in (32, 16)]
    assert table.select("method", "k").rows() == heads


def test_gaps_of_a_table_carry_the_attribute_where_there_are_several() -> None:
    variants = {"tpr_gap": "pairwise", "dp_gap": "max_deviation"}
    assert table_gaps(["gender"], variants) == {
        "tpr_gap": Gap("gender", "tpr", "pairwise"),
        "dp_gap": Gap("gender", "ppr", "max_deviation"),
    }
    several = table_gaps(tables.TABLE2_ATTRIBUTES, variants)
    assert list(several) == COLUMNS2[2:]
    assert several["age_dp_gap"] == Gap("age", "ppr", "max_deviation")


def test_table2_has_the_attributes_that_the_corpus_has() -> None:
    both = {name: ["a", "b"] for name in COUNTED} | {"language": ["a", None]}
    run = RunCounts("erm", "none", 1, 1, 0, pl.DataFrame(both))
    assert table2_attributes([run], None, "gender") == ["race", "age", "accent"]
    assert table2_attributes([run], None, "accent") == ["race", "age", "gender"]
    assert table2_attributes([run], ["age"], "gender") == ["age"]
    assert table2([run], Bootstrap(100, 0, {}), None).height == 0


def test_a_gap_within_chance_is_marked() -> None:
    bootstrap = Given(COLUMNS1)
    runs = [bootstrap.run([0.5, 0.5, gap, gap], method="erm") for gap in (0.2,)]
    runs += [bootstrap.run([0.5, 0.5, 0.21, 0.1], method="random")]
    table = table1(runs, bootstrap, None)
    assert table["tpr_gap_chance"].to_list() == pytest.approx([0.15] * 2)
    assert table["tpr_gap_chance_high"].to_list() == pytest.approx([0.2] * 2)
    assert not [name for name in table.columns if name.startswith("f1_chance")]
    cells = readable(table)
    assert [text.count("°") for text in cells["tpr_gap"]] == [1, 0]
    assert [text.count("°") for text in cells["dp_gap"]] == [1, 1]


def counted(fold: int, gender: str, method: str = "erm") -> RunCounts:
    """A run whose test speakers have genders such as ``ffm``; of women half the clips are right."""
    rows = [
        {"speaker": f"{fold}-{number}", "gender": one, "class": name}
        | {"clips": 8, "positives": 4, "predicted": 4, "hits": 2 if one == "f" else 4}
        for number, one in enumerate(gender)
        for name in ("calm", "tense")
    ]
    return RunCounts(method, "none", 1, fold, 0, pl.DataFrame(rows))


GENDER = {"tpr_gap": Gap("gender", "tpr", "pairwise")}


def table_of(runs: list[RunCounts], over: str | None = None) -> pl.DataFrame:
    return table1(runs, Bootstrap(200, 0, GENDER, over), None)


def test_folds_that_lack_a_group_are_pooled() -> None:
    """One speaker in each fold, as in leave-one-speaker-out."""
    folds = [counted(fold, "fm"[fold % 2], m) for fold in range(1, 13) for m in ("erm", "rw")]
    table = table_of(folds)
    assert table["tpr_gap"].to_list() == pytest.approx([0.5, 0.5])
    assert table["tpr_gap_std"].null_count() == 2
    assert table["tpr_gap_low"].null_count() == 0
    assert table["folds"].to_list() == [12, 12]
    assert "12 folds" in table["note"][0] and table["note"][0] in legend(table)
    means = table_of(folds, "folds")
    assert means["tpr_gap"].null_count() == 2
    assert means["f1"].null_count() == 0 and means["f1_low"].null_count() == 2


def test_few_speakers_have_no_interval_and_no_star() -> None:
    runs = [counted(fold, "ffffmmmmmm", m) for fold in (1, 2) for m in ("erm", "rw")]
    means = table_of(runs, "folds")
    for name in ("tpr_gap_low", "tpr_gap_high", "tpr_gap_p"):
        assert means[name].null_count() == 2
    assert means["tpr_gap"].to_list() == pytest.approx([0.5, 0.5])
    assert means["f1_low"].null_count() == 0
    assert "f has 4 speakers in folds 1 and 2" in means["note"][0]
    pooled = table_of(runs)
    assert pooled["tpr_gap_low"].null_count() == 0
    assert table_of(runs[:2])["tpr_gap_low"].null_count() == 2  # one fold: nothing to pool


def test_enough_speakers_need_no_pooling_and_no_note() -> None:
    runs = [counted(fold, "fffffmmmmm", m) for fold in (1, 2) for m in ("erm", "rw")]
    table = table_of(runs)
    assert table["tpr_gap_std"].null_count() == 0
    assert table["note"].null_count() == 2
    assert table_of(runs, "pooled")["tpr_gap_std"].null_count() == 2


def test_without_erm_the_table_says_that_nothing_is_compared() -> None:
    table = table_of([counted(1, "fffffmmmmm", "rw")])
    assert table["tpr_gap_p"].null_count() == 1
    assert "ERM" in table["note"][0]


def test_test_sets_are_rows_of_their_own() -> None:
    runs = []
    for method in ("erm", "rw"):
        run = counted(1, "ffffffmmmmmm", method)
        parts = [
            run.counts.with_columns(test_set=pl.lit(name), hits=pl.col("hits") // worse)
            for name, worse in (("test1", 1), ("test2", 2))
        ]
        runs.append(replace(run, counts=pl.concat(parts)))
    table = table_of(runs)
    assert table.select("test_set", "method").rows() == [
        (name, method) for name in ("test1", "test2") for method in ("ERM", "RW")
    ]
    assert table["tpr_gap"].to_list() == pytest.approx([0.5, 0.5, 0.25, 0.25])
    assert table["tpr_gap_p"].to_list() == [None, 1, None, 1]


def test_readable_cells() -> None:
    numbers = {
        "f1": [0.65149, 0.5, 0.25, None],
        "f1_std": [0.01, None, 0.02, None],
        "f1_low": [0.6, 0.4, None, None],
        "f1_high": [0.7, 0.6, None, None],
        "f1_p": [None, 0.049, 0.05, None],
    }
    table = pl.DataFrame({"method": list("abcd"), **numbers, "folds": 5, "seeds": 1})
    expected = ["0.651 (0.010) [0.600, 0.700]", "0.500* [0.400, 0.600]", "0.250 (0.020)", ""]
    found = readable(table)
    assert found.columns == ["method", "f1", "folds", "seeds"]
    assert found["f1"].to_list() == expected


def test_a_readable_table_has_the_columns_of_the_paper() -> None:
    bootstrap = Given(COLUMNS2)
    table = table2(table2_grid(bootstrap), bootstrap, [16, 32])
    found = readable(table)
    shown = [c for c in found.columns if not c.endswith(" by chance")]
    assert shown == [*PAPER2.columns, "folds", "seeds"]
    assert set(found["race_tpr_gap by chance"].to_list()[:9]) == {"0.150 to 0.200"}
    assert found["k"].to_list() == table["k"].to_list()
    assert found["f1"][0].startswith("0.651 (0.014) [")


def test_a_table_without_a_run_is_refused() -> None:
    with pytest.raises(InputError, match=r"'grid\.methods'.*'tables'"):
        table2([], Bootstrap(100, 0, GENDER), [16])


def test_a_plugin_with_a_run_for_each_k_is_shown_with_one_of_them(tmp_path: Path) -> None:
    (tmp_path / "bins.py").write_text('SOURCE = {"k": "grid"}\n')
    use([str(tmp_path)])
    try:
        bootstrap = Given(COLUMNS1)
        runs = [bootstrap.run([0.1 * k] * 4, method="rw", source="bins", k=k) for k in (2, 4, 8)]
        table = table1(runs, bootstrap, 4)
        assert table.filter(source="bins")["f1"].to_list() == pytest.approx([0.4])
        assert tables.configuration_name("rw", "bins", 4) == "RW bins 4"
    finally:
        use([])


def test_clips_of_nobody_are_no_people() -> None:
    """As many clips of unknown speakers as one likes give no interval."""
    runs = []
    for method in ("erm", "rw"):
        run = counted(1, "f" * 30 + "m" * 30, method)
        runs.append(
            replace(
                run,
                counts=run.counts.with_columns(pl.format("unknown {}", "speaker").alias("speaker")),
            )
        )
    table = table_of(runs)
    assert table["tpr_gap"].to_list() == pytest.approx([0.5, 0.5])
    for name in ("tpr_gap_low", "tpr_gap_p", "f1_low", "f1_p"):
        assert table[name].count() == 0
    assert "60 test clips without a speaker" in table["note"][0]
    assert "f has 0 speakers" in table["note"][0]
    assert "is missing" not in table["note"][0]
    lacking = table_of([counted(1, "ffffff"), counted(2, "ffffffmmmmmm")], "folds")
    assert "m has 0 speakers in fold 1" in lacking["note"][0]
    assert "is missing" in lacking["note"][0]
