"""The numbers against scikit-learn, fairlearn, scipy and loops over repeated clips."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from fairlearn.metrics import MetricFrame, false_positive_rate, selection_rate, true_positive_rate
from scipy import stats
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score, precision_score

from fairser.auditing.estimates import ALL
from fairser.auditing.tables import Audit
from fairser.evaluation import resampling
from fairser.evaluation.resampling import draw
from unit.auditing.builders import CLASSES, audit_of, made_up, one, rate_of

RESAMPLES = 60
FAIRLEARN = {
    "tpr": true_positive_rate,
    "ppr": selection_rate,
    "fpr": false_positive_rate,
    "precision": precision_score,
}


@pytest.fixture(scope="module")
def tables() -> tuple[pl.DataFrame, pl.DataFrame]:
    return made_up(worse=0.45)


@pytest.fixture(scope="module")
def audit(
    tables: tuple[pl.DataFrame, pl.DataFrame], tmp_path_factory: pytest.TempPathFactory
) -> Audit:
    folder = tmp_path_factory.mktemp("audit")
    return audit_of(folder, *tables, RESAMPLES, 3, crossings=[["gender", "race"]])


@pytest.fixture(scope="module")
def clips(tables: tuple[pl.DataFrame, pl.DataFrame]) -> pl.DataFrame:
    joined = tables[0].join(tables[1], on="speaker", how="left", maintain_order="left")
    both = pl.concat_str("gender", "race", separator=" x ", ignore_nulls=False)
    return joined.with_columns(both.alias("gender x race"))


def drawn(clips: pl.DataFrame, number: int = 0, group: str | None = None) -> list[pl.DataFrame]:
    """The clips of each resample, those of a speaker as often as it was drawn within its group."""
    names = clips["speaker"].unique().sort()
    within = np.zeros(len(names), int)
    if group is not None:
        of = dict(clips.select("speaker", group).unique().iter_rows())
        within = np.array([["male", "female"].index(of[name]) for name in names])
    times = np.concatenate(list(draw(np.random.default_rng([3, number]), within, RESAMPLES)))
    parts = clips.partition_by("speaker", as_dict=True)
    return [
        pl.concat([parts[(n,)] for n, count in zip(names, row, strict=True) for _ in range(count)])
        for row in times
    ]


def shifted(values: list[float], value: float, units: int) -> tuple[float, float]:
    """Expanded percentiles, moved so that the mean of the resamples is the value."""
    wide = stats.norm.cdf(stats.t.ppf(0.975, units - 1) * np.sqrt(units / (units - 1)))
    low, high = np.quantile(values, [1 - wide, wide]) + value - np.mean(values)
    return low, high


def test_performance_is_that_of_scikit_learn(audit: Audit, clips: pl.DataFrame) -> None:
    assert audit.performance.height == 1 + 2 + 3 + 6
    for row in audit.performance.to_dicts():
        name = row["attribute"]
        mine = clips if name is None else clips.filter(pl.col(name) == row["group"])
        y = mine["label"].to_list(), mine["prediction"].to_list()
        assert (row["clips"], row["speakers"]) == (mine.height, mine["speaker"].n_unique())
        assert row["accuracy"] == pytest.approx(accuracy_score(*y))
        assert row["uar"] == pytest.approx(balanced_accuracy_score(*y))
        assert row["f1"] == pytest.approx(f1_score(*y, average="macro"))
        assert "acc" not in row
    assert audit.performance["group"][0] == ALL


def test_rates_are_those_of_fairlearn(audit: Audit, clips: pl.DataFrame) -> None:
    for attribute in ("gender", "race", "gender x race"):
        known = clips.drop_nulls(attribute)
        for label in CLASSES:
            frame = MetricFrame(
                metrics=FAIRLEARN,
                y_true=(known["label"] == label).cast(int).to_list(),
                y_pred=(known["prediction"] == label).cast(int).to_list(),
                sensitive_features=known[attribute].to_list(),
            ).by_group
            for group in known[attribute].unique():
                where = {"attribute": attribute, "group": group, "class": label}
                row = one(audit.rates, **where)
                for rate in FAIRLEARN:
                    assert row[rate] == pytest.approx(frame.loc[group, rate])
                mine = known.filter(pl.col(attribute) == group)
                assert row["positives"] == (mine["label"] == label).sum()
                with_class = mine.filter(label=label)["speaker"].n_unique()
                assert row["tpr_units"] == with_class


def test_gaps_are_the_extremes_of_the_rates(audit: Audit) -> None:
    for rate in ("tpr", "ppr", "fpr", "precision"):
        squares = []
        for label in CLASSES:
            mine = audit.rates.filter(pl.col("attribute") == "race", pl.col("class") == label)
            squares.append((mine[rate].max() - mine[rate].min()) ** 2)
            where = {"attribute": "race", "rate": rate, "variant": "pairwise", "class": label}
            assert one(audit.gaps, **where)["gap"] == pytest.approx(squares[-1] ** 0.5)
        whole = one(audit.gaps, **where | {"class": None})
        assert whole["gap"] == pytest.approx(np.mean(squares) ** 0.5)


def test_intervals_are_those_of_repeated_clips(audit: Audit, clips: pl.DataFrame) -> None:
    resamples = drawn(clips)
    y = [(part["label"].to_list(), part["prediction"].to_list()) for part in resamples]
    row = one(audit.performance, attribute=None)
    for name, metric in ("accuracy", accuracy_score), ("uar", balanced_accuracy_score):
        expected = shifted([metric(*pair) for pair in y], row[name], 24)
        assert (row[f"{name}_low"], row[f"{name}_high"]) == pytest.approx(expected)
    resamples = drawn(clips, 1, "gender")
    rates: dict[tuple[str, str], list[float]] = {}
    for group in ("male", "female"):
        for label in CLASSES:
            parts = [part.filter(pl.col("gender") == group) for part in resamples]
            values = [
                rate_of("tpr", part["label"] == label, part["prediction"] == label)
                for part in parts
            ]
            rates[group, label] = values
            row = one(audit.rates, attribute="gender", group=group, **{"class": label})
            assert (row["tpr_low"], row["tpr_high"]) == pytest.approx(
                shifted(values, row["tpr"], 12)
            )
    squares = []
    for label in CLASSES:
        male, female = np.array(rates["male", label]), np.array(rates["female", label])
        row = one(audit.differences, attribute="gender", rate="tpr", **{"class": label})
        assert (row["group"], row["other"]) == ("male", "female")
        assert row["difference"] == pytest.approx(row["group_rate"] - row["other_rate"])
        expected = shifted((male - female).tolist(), row["difference"], 12)
        assert (row["difference_low"], row["difference_high"]) == pytest.approx(expected)
        # Twelve speakers each: variance times 12 / 11, and Student's t with 11 degrees of freedom.
        error = np.std(male - female, ddof=1) * np.sqrt(12 / 11)
        assert row["error"] == pytest.approx(error)
        assert row["units"] == 12
        assert row["p"] == pytest.approx(2 * stats.t.sf(abs(row["difference"]) / error, 11))
        squares.append((male - female) ** 2)
    where = {"attribute": "gender", "rate": "tpr", "variant": "pairwise", "class": None}
    row = one(audit.gaps, **where)
    expected = shifted(np.sqrt(np.mean(squares, axis=0)).tolist(), row["gap"], 12)
    assert (row["gap_low"], row["gap_high"]) == pytest.approx(expected)


@pytest.mark.parametrize(("number", "attribute"), [(1, "gender"), (2, "race")])
def test_chance_is_that_of_groups_shuffled_by_hand(
    audit: Audit, clips: pl.DataFrame, number: int, attribute: str
) -> None:
    known = clips.drop_nulls(attribute)
    speakers = known.select("speaker", attribute).unique().sort("speaker")
    order = {"gender": ["male", "female"], "race": ["asian", "black", "white"]}[attribute]
    group = speakers[attribute].replace_strict(order, range(len(order))).to_numpy()
    generator = np.random.default_rng([3, number])
    shuffled = generator.permuted(np.tile(group, (RESAMPLES, 1)), axis=1)
    for rate in ("tpr", "fpr", "precision"):
        gaps = []
        for row in shuffled:
            of = dict(zip(speakers["speaker"], row.tolist(), strict=True))
            mine = known.with_columns(pl.col("speaker").replace_strict(of).alias("g"))
            squares = []
            for label in CLASSES:
                values = [
                    rate_of(rate, part["label"] == label, part["prediction"] == label)
                    for _, part in mine.group_by("g")
                ]
                squares.append((max(values) - min(values)) ** 2)
            gaps.append(np.sqrt(np.mean(squares)))
        where = {"attribute": attribute, "rate": rate, "variant": "pairwise", "class": None}
        found = one(audit.gaps, **where)
        assert found["chance"] == pytest.approx(np.mean(gaps))
        as_large = sum(gap >= found["gap"] - 1e-9 for gap in gaps)
        assert found["p"] == pytest.approx((as_large + 1) / (RESAMPLES + 1))


def test_holm_goes_over_all_differences(audit: Audit) -> None:
    """Rejected at 5 %: the smallest p-values up to the first above 5 % of what is left."""
    tested = audit.differences.drop_nulls("p").sort("p")
    # Gender 1 pair; race 3; the crossing 15 less those with groups of fewer than 5 speakers.
    assert tested.height >= 3 * 3 * 4
    rejected = 0
    while tested["p"][rejected] <= 0.05 / (tested.height - rejected):
        rejected += 1
    assert audit.differences["stands_out"].sum() == rejected > 0
    assert tested["stands_out"].to_list() == [True] * rejected + [False] * (
        tested.height - rejected
    )


def test_few_speakers_have_no_interval_and_no_test(tmp_path: Path) -> None:
    predictions, people = made_up(speakers=24)
    rare = people.with_columns(race=pl.Series(["x"] * 4 + ["y"] * 5 + ["z"] * 15))
    audit = audit_of(tmp_path, predictions, rare, attributes=["race"])
    for row in audit.rates.to_dicts():
        assert row["tpr"] is not None
        assert (row["tpr_low"] is None) == (row["group"] == "x") == (row["fpr_high"] is None)
    for row in audit.differences.to_dicts():
        lonely = "x" in (row["group"], row["other"])
        assert (row["p"] is None) == (row["difference_low"] is None) == lonely
        assert not (lonely and row["stands_out"])
    assert audit.gaps["gap_low"].null_count() == audit.gaps.height
    assert audit.gaps["p"].null_count() == audit.gaps.height
    assert audit.gaps["chance"].null_count() == 0  # permutations are right with few as well


def test_parts_of_the_weights_change_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = made_up()
    whole = audit_of(tmp_path, *tables, 50)
    monkeypatch.setattr(resampling, "PART", 100)  # a few resamples in each part
    parts = audit_of(tmp_path, *tables, 50)
    for name in ("performance", "rates", "gaps", "differences"):
        assert getattr(whole, name).equals(getattr(parts, name))


def test_the_seed_and_the_order_of_the_rows(tmp_path: Path) -> None:
    predictions, people = made_up()
    first = audit_of(tmp_path, predictions, people, 50)
    shuffled = predictions.sample(fraction=1, shuffle=True, seed=1)
    again = audit_of(tmp_path, shuffled, people.reverse(), 50)
    assert first.gaps.equals(again.gaps)
    assert first.differences.equals(again.differences)
    other = audit_of(tmp_path, predictions, people, 50, seed=1)
    assert first.gaps["gap"].equals(other.gaps["gap"])
    assert not first.gaps["gap_low"].equals(other.gaps["gap_low"])
    assert not first.gaps["chance"].equals(other.gaps["chance"])


def test_without_speakers_clips_are_drawn(tmp_path: Path) -> None:
    predictions, people = made_up(speakers=24, clips=20)
    with_gender = predictions.join(people, on="speaker").drop("speaker")
    audit = audit_of(tmp_path, with_gender, attributes=["gender"])
    assert not audit.units.speakers
    assert audit.units.count == 480
    assert audit.performance.columns[:4] == ["attribute", "group", "clips", "uar"]
    # The standard error of a share of independent clips.
    row = one(audit.rates, attribute="gender", group="male", **{"class": "fear"})
    width = 2 * 1.96 * np.sqrt(row["tpr"] * (1 - row["tpr"]) / row["positives"])
    assert row["tpr_high"] - row["tpr_low"] == pytest.approx(width, rel=0.25)


def test_an_attribute_that_changes_within_speakers_has_no_chance_level(tmp_path: Path) -> None:
    predictions, people = made_up()
    noisy = predictions.with_columns(noise=pl.Series(["yes", "no"] * (predictions.height // 2)))
    audit = audit_of(tmp_path, noisy, people, attributes=["gender", "noise"])
    of = audit.gaps.filter(pl.col("attribute") == "noise")
    assert of["chance"].null_count() == of["p"].null_count() == of.height
    assert of["gap_low"].null_count() == 0
    assert audit.gaps.filter(pl.col("attribute") == "gender")["p"].null_count() == 0
