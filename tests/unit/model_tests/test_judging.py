"""What a result holds, what can't be tested and why, and what is refused."""

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import precision_score, recall_score

from fairser.core.errors import InputError
from fairser.model_tests.balancing import balanced
from fairser.model_tests.base import CLEAN, DIMENSIONS, Answers, Corpus
from fairser.model_tests.judging import judge
from fairser.model_tests.material import JudgeOptions
from fairser.model_tests.outcomes import (
    AT_MOST,
    NO_THRESHOLD,
    UNSURE,
    Subject,
    Threshold,
    untestable,
)
from unit.model_tests.builders import (
    CLASSES,
    NOISE,
    PHONE,
    QUICK,
    TONE,
    answered,
    by_id,
    corpus,
    right,
    select,
    women,
)

PLAIN = JudgeOptions(resamples=0, repetitions=50)


@pytest.fixture(scope="module")
def given() -> Corpus:
    return corpus()


@pytest.fixture(scope="module")
def answers(given: Corpus) -> Answers:
    return answered(given, right(given, 0.8))


def with_clips(given: Corpus, clips: pl.DataFrame) -> Corpus:
    return replace(given, clips=clips)


def test_correctness_equals_scikit_learn(given: Corpus, answers: Answers) -> None:
    found = by_id(judge(given, answers, PLAIN))
    truth = given.clips.select(CLASSES).to_numpy().argmax(axis=1)
    predicted = right(given, 0.8)
    for name, score in (("recall", recall_score), ("precision", precision_score)):
        expected = score(truth, predicted, average=None)
        values = [found[f"correctness/{name}/{label}"].value for label in CLASSES]
        assert values == pytest.approx(expected)
    for c, name in enumerate(CLASSES):
        share = found[f"correctness/share/{name}"].value
        assert share == pytest.approx((predicted == c).mean() - (truth == c).mean())
    speakers = given.clips["speaker"].to_numpy()
    errors = [
        abs((predicted[speakers == s] == 1).mean() - (truth[speakers == s] == 1).mean())
        for s in np.unique(speakers)
        if (np.bincount(truth[speakers == s], minlength=4) >= 8).all()
    ]
    assert found["correctness/speaker_share_error/joy"].value == pytest.approx(np.mean(errors))
    assert found["correctness/speaker_share_error/joy"].speakers == len(errors)


def test_a_result_says_what_it_rests_on(given: Corpus, answers: Answers) -> None:
    found = by_id(judge(given, answers, QUICK))
    recall = found["fairness/recall_difference/gender=female/joy"]
    assert (recall.family, recall.test, recall.condition) == ("fairness", "recall_difference", None)
    assert (recall.attribute, recall.group, recall.output) == ("gender", "female", "joy")
    assert (recall.rule, recall.threshold_source) == ("within", "simulated")
    assert recall.published == 0.175
    assert recall.speakers == 12
    assert 400 < recall.clips < 480
    assert recall.clips == found["fairness/recall_difference/gender=male/joy"].clips
    assert recall.low is not None
    uar = found["correctness/uar"]
    assert uar.random == pytest.approx(0.25, abs=0.05)
    assert uar.constant == pytest.approx(0.25)
    assert (uar.clips, uar.speakers, uar.threshold_source) == (960, 24, "published")
    change = found[f"robustness/uar_change/{NOISE.name}"]
    assert (change.value, change.before, change.threshold) == (0, uar.value, -0.05)


def test_the_same_seed_gives_the_same_results(given: Corpus, answers: Answers) -> None:
    assert judge(given, answers, QUICK) == judge(given, answers, QUICK)


def test_only_the_wanted_families_are_judged(given: Corpus, answers: Answers) -> None:
    results = judge(given, answers, replace(PLAIN, families=["robustness"]))
    assert {result.family for result in results} == {"robustness"}


def test_large_groups_use_the_published_thresholds() -> None:
    large = corpus(speakers=40, clips=64, seed=2)
    results = judge(large, answered(large, right(large)), replace(PLAIN, families=["fairness"]))
    gender = select(results, attribute="gender")
    assert {result.clips for result in gender} == {1000}
    assert {result.threshold_source for result in gender} == {"published"}
    assert {result.threshold_source for result in select(results, attribute="age")} == {"simulated"}


def test_small_groups_are_said_and_not_scored(given: Corpus, answers: Answers) -> None:
    few = ["s000", "s001", "s002"]
    rare = pl.when(pl.col("speaker").is_in(few)).then(pl.lit("rare")).otherwise(pl.lit("other"))
    found = by_id(judge(with_clips(given, given.clips.with_columns(age=rare)), answers, PLAIN))
    small = found["fairness/uar_difference/age=rare"]
    assert (small.verdict, small.value) == ("not_testable", None)
    assert "3 speakers" in small.reason
    whole = found["fairness/uar_difference/age"]
    assert (whole.verdict, "only other" in whole.reason) == ("not_testable", True)
    gap = found[f"robustness/uar_gap/{PHONE.name}/age"]
    assert (gap.verdict, "rare: 3 speakers" in gap.reason) == ("not_testable", True)


def test_of_three_groups_the_small_one_is_left_out(given: Corpus, answers: Answers) -> None:
    rare = pl.when(pl.col("speaker") == "s000").then(pl.lit("rare")).otherwise("gender")
    clips = given.clips.with_columns(rare.alias("gender"))
    results = judge(with_clips(given, clips), answers, PLAIN)
    fairness = select(results, family="fairness", attribute="gender")
    assert {r.group for r in fairness if r.value is not None} == {"female", "male"}
    assert [r.reason for r in fairness if r.group == "rare"]
    gap = by_id(results)[f"robustness/uar_gap/{PHONE.name}/gender"]
    assert gap.verdict == "passed"
    assert "rare: 1 speaker," in gap.reason


def test_an_attribute_with_one_group_is_not_testable(given: Corpus, answers: Answers) -> None:
    clips = given.clips.with_columns(age=pl.lit("old"))
    results = select(judge(with_clips(given, clips), answers, PLAIN), attribute="age")
    assert {result.verdict for result in results} == {"not_testable"}
    assert "one group only ('old')" in results[0].reason


def test_attributes_can_be_crossed(given: Corpus, answers: Answers) -> None:
    options = replace(PLAIN, attributes=["gender*age"], families=["fairness"])
    results = judge(given, answers, options)
    assert {result.attribute for result in results} == {"gender x age"}
    assert {result.group for result in results} == {
        f"{gender} x {age}" for gender in ("female", "male") for age in ("old", "young")
    }


def test_a_class_that_a_group_lacks(given: Corpus, answers: Answers) -> None:
    sad_women = women(given) & (given.clips["sadness"] == 1).to_numpy()
    found = by_id(
        judge(
            with_clips(given, given.clips.filter(~sad_women)), _without(answers, sad_women), PLAIN
        )
    )
    for group in ("female", "male"):
        sadness = found[f"fairness/recall_difference/gender={group}/sadness"]
        assert (sadness.verdict, sadness.value) == ("not_testable", None)
    assert found["fairness/recall_difference/gender=female/joy"].verdict == "passed"
    gap = found[f"robustness/uar_gap/{PHONE.name}/gender"]
    assert (gap.verdict, gap.reason) == (
        "not_testable",
        "a group has no clip of a class that another group has",
    )


def _without(answers: Answers, clips: np.ndarray, *conditions: str) -> Answers:
    """Answers without those for some clips, in some conditions or in all."""
    tables = {
        name: table.filter(~clips) if name in (conditions or answers.tables) else table
        for name, table in answers.tables.items()
    }
    return replace(answers, tables=tables)


def test_clips_without_an_answer_count_against_the_model(given: Corpus, answers: Answers) -> None:
    lost = np.arange(given.clips.height) < 96
    rows = [("phone_gsm", "c00000", "it crashed")]
    failures = pl.DataFrame(rows, answers.failures.schema, orient="row")
    broken = replace(_without(answers, lost, PHONE.name), failures=failures)
    found = by_id(judge(given, broken, PLAIN))
    same = found[f"robustness/same_prediction/{PHONE.name}"]
    assert same.value == pytest.approx(0.9)
    assert same.reason == "96 of 960 clips have no answer (the first: c00000, it crashed)"
    assert found["correctness/answered"].value == 1

    found = by_id(judge(given, _without(answers, lost, CLEAN), PLAIN))
    assert found["correctness/answered"].value == pytest.approx(0.9)
    assert found["correctness/answered"].verdict == "failed"
    whole = by_id(judge(given, answers, PLAIN))["correctness/uar"].value
    assert found["correctness/uar"].value == pytest.approx(0.9 * whole, abs=0.02)
    assert found[f"robustness/same_prediction/{PHONE.name}"].clips == 864


def test_values_of_dimensions_that_lack_are_left_out() -> None:
    given = corpus(task=DIMENSIONS)
    truth = given.clips.select(given.outputs).to_numpy()
    lost = np.arange(len(truth)) < 96
    answers = _without(answered(given, np.where(lost[:, None], 0.9, truth)), lost, CLEAN)
    found = by_id(judge(given, answers, PLAIN))
    ccc = found["correctness/ccc/arousal"]
    assert (ccc.value, ccc.clips) == (pytest.approx(1), 864)
    assert ccc.reason == "96 of 960 clips have no answer; they are left out"
    assert found["correctness/answered"].verdict == "failed"


def test_a_condition_without_any_answer_is_not_testable(given: Corpus, answers: Answers) -> None:
    tables = {name: table for name, table in answers.tables.items() if name != PHONE.name}
    rows = [(PHONE.name, "c00000", "it timed out")]
    failures = pl.DataFrame(rows, answers.failures.schema, orient="row")
    results = judge(given, replace(answers, tables=tables, failures=failures), PLAIN)
    phone = select(results, condition=PHONE.name)
    assert [result.verdict for result in phone] == ["not_testable"]
    assert "it timed out" in phone[0].reason
    assert select(results, condition=NOISE.name, verdict="passed")


def test_without_speakers_clips_are_drawn(given: Corpus, answers: Answers) -> None:
    clips = given.clips.with_columns(speaker=pl.lit(None, pl.String))
    found = by_id(judge(with_clips(given, clips), answers, QUICK))
    uar = found["correctness/uar"]
    assert (uar.speakers, uar.clips) == (None, 960)
    assert uar.low is not None
    assert found["correctness/speaker_share_error"].reason == "no speaker is known"
    assert found["fairness/uar_difference/gender=female"].verdict == "passed"


def test_balanced_sets_have_the_labels_of_the_group_that_has_fewest() -> None:
    random = np.random.default_rng(0)
    labels = random.choice(4, 3000, p=[0.1, 0.2, 0.3, 0.4])
    index = random.choice([-1, 0, 1, 2], 3000, p=[0.1, 0.1, 0.3, 0.5])
    labels[:50] = -1
    chosen = balanced(labels, index, np.random.default_rng(1))
    counts = np.array(
        [[((labels == c) & (index == g) & chosen).sum() for c in range(4)] for g in range(3)]
    )
    smallest = [((labels == c) & (index == 0)).sum() for c in range(4)]
    assert (counts == smallest).all()
    assert not chosen[(labels < 0) | (index < 0)].any()
    few = balanced(labels, index, np.random.default_rng(1), most=100)
    sizes = [(few & (index == g)).sum() for g in range(3)]
    assert sizes == [100, 100, 100]
    again = balanced(labels, index, np.random.default_rng(1), most=100)
    assert (few == again).all()


@pytest.mark.parametrize(
    ("rule", "value", "met"),
    [
        ("at_least", -0.05, True),
        ("within", -0.16, False),
        ("within", -0.15, True),
        (AT_MOST, 0.2, 0),
    ],
)
def test_thresholds(rule: str, value: float, met: int) -> None:
    limit = -0.05 if rule == "at_least" else 0.15
    assert Threshold(limit, rule).is_met(value) == met
    assert Threshold(-0.05, "at_least").is_met(0.85 - 0.9)  # which is a little less than -0.05


@pytest.mark.parametrize(
    ("rule", "ends", "unsure"),
    [
        ("at_least", (0.1, 0.3), True),
        ("at_least", (0.1, 0.15), False),
        (AT_MOST, (0.15, 0.4), True),
        (AT_MOST, (0.25, 0.4), False),
        ("within", (-0.5, -0.15), True),
        ("within", (-0.5, -0.25), False),
        ("within", (-0.9, 0.9), True),
        ("within", (0.25, 0.4), False),
        ("within", (np.nan, np.nan), False),
    ],
)
def test_whether_values_of_an_interval_would_pass(
    rule: str, ends: tuple[float, float], unsure: bool
) -> None:
    assert Threshold(0.2, rule).is_met_within(*ends) == unsure


def test_a_failure_within_its_interval_is_said(given: Corpus) -> None:
    """A share of 0.94 over 24 speakers may be 0.95 with others; one of 0.7 may not."""
    values = right(given, 1.0)
    order = np.random.default_rng(3).permutation(len(values))
    for share, unsure in ((0.94, True), (0.7, False)):
        changed = np.where(order < share * len(values), values, (values + 1) % 4)
        results = judge(given, answered(given, values, {TONE.name: changed}), QUICK)
        same = by_id(results)[f"robustness/same_prediction/{TONE.name}"]
        assert (same.verdict, UNSURE in same.reason) == ("failed", unsure)


def test_without_a_threshold_there_is_a_value_and_no_verdict(
    given: Corpus, answers: Answers
) -> None:
    found = by_id(judge(given, answers, replace(PLAIN, repetitions=0)))
    fairness = found["fairness/uar_difference/gender=female"]
    assert (fairness.verdict, fairness.threshold) == ("not_testable", None)
    assert fairness.value is not None
    assert fairness.reason == NO_THRESHOLD
    assert found["correctness/uar"].verdict == "passed"


def test_names_of_tests() -> None:
    about = Subject("robustness", "uar_gap", "gain", "gender", None, "arousal")
    assert about.id == "robustness/uar_gap/gain/gender/arousal"
    assert untestable(about, "why").title == "Gap in UAR between the groups, change"


def _changed(table: pl.DataFrame, **columns: Any) -> pl.DataFrame:
    return table.with_columns(**columns)


@pytest.mark.parametrize(
    ("change", "names"),
    [
        (lambda t: t.drop("joy"), ["'clean'", "'joy'"]),
        (lambda t: pl.concat([t, t.head(1)]), ["'clean'", "'c00000'", "several rows"]),
        (lambda t: _changed(t, clip=pl.lit("x")).head(1), ["'clean'", "'x'", "not in the corpus"]),
        (lambda t: _changed(t, joy=pl.lit(np.nan)), ["'clean'", "'c00000'", "finite"]),
    ],
)
def test_answers_that_do_not_fit_are_refused(
    given: Corpus, answers: Answers, change: Any, names: list[str]
) -> None:
    wrong = replace(answers, tables={**answers.tables, CLEAN: change(answers.tables[CLEAN])})
    with pytest.raises(InputError) as error:
        judge(given, wrong, PLAIN)
    assert all(name in str(error.value) for name in names)


def test_unknown_names_and_values_are_refused(given: Corpus, answers: Answers) -> None:
    with pytest.raises(InputError, match=r"fairnes.*Did you mean 'fairness'"):
        judge(given, answers, replace(PLAIN, families=["fairnes"]))
    with pytest.raises(InputError, match=r"no attribute 'sex'.*gender and age"):
        judge(given, answers, replace(PLAIN, attributes=["sex"]))
    with pytest.raises(InputError, match="no predictions for the condition 'clean'"):
        judge(given, replace(answers, tables={}), PLAIN)
    dimensions = corpus(task=DIMENSIONS)
    high = with_clips(dimensions, dimensions.clips.with_columns(arousal=pl.lit(3.0)))
    with pytest.raises(InputError, match=r"c00000, c00001, c00002 and 957 more.*scale all values"):
        judge(high, answers, PLAIN)
