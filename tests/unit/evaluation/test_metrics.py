"""Rates and gaps: by hand, against scikit-learn and fairlearn, and against plain loops."""

import json
from math import isnan, sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fairlearn.metrics import (
    MetricFrame,
    demographic_parity_difference,
    false_positive_rate,
    selection_rate,
    true_positive_rate,
)
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import accuracy_score, f1_score, hamming_loss, recall_score

from fairser.config.extensions import use
from fairser.core.errors import InputError
from fairser.corpora.clips import MULTI, SINGLE
from fairser.evaluation.metrics import (
    RATES,
    class_counts,
    class_gaps,
    decide,
    fairness,
    or_none,
    performance,
    positive,
    rates,
)

# Eleven clips: four of f, four of m, two of x, one without a group.
GROUP = [*"ffff", *"mmmm", *"xx", None]
TRUTH = np.array([[*"1100", *"1111", *"10", "1"], [*"0011", *"0000", *"00", "1"]]).T == "1"
PREDICTED = np.array([[*"1010", *"1110", *"10", "0"], [*"0001", *"1000", *"11", "0"]]).T == "1"

# Worked out on paper. Class a, as clips, positives, predicted, hits: f 4 2 2 1, m 4 4 3 3,
# x 2 1 1 1, all 10 7 6 5; class b: f 4 2 1 1, m 4 0 1 0, x 2 0 2 0, all 10 2 4 1.
HAND_RATES = {
    "a": {"f": (1 / 2, 1 / 2, 1 / 2), "m": (3 / 4, 3 / 4, None), "x": (1, 1 / 2, 0)},
    "b": {"f": (1 / 2, 1 / 4, 0), "m": (None, 1 / 4, 1 / 4), "x": (None, 1, 1)},
}
# Overall a: TPR 5/7, PPR 6/10, FPR 1/3; b: PPR 4/10, FPR 3/8; TPR of b exists in f alone.
# Deviations a: TPR 6/28 1/28 8/28, PPR .1 .15 .1, FPR 1/6 1/3; b: PPR .15 .15 .6, FPR 3/8 1/8 5/8.
VARIANTS = ("pairwise", "max_deviation", "rms_deviation", "sum_deviation")
HAND_GAPS = {  # values for class a and class b, in the order of VARIANTS
    "tpr": [(1 / 2, None), (2 / 7, None), (sqrt(101 / 2352), None), (15 / 28, None)],
    "ppr": [(0.25, 0.75), (0.15, 0.6), (sqrt(0.0425 / 3), sqrt(0.135)), (0.35, 0.9)],
    "fpr": [(1 / 2, 1), (1 / 3, 5 / 8), (sqrt(5 / 72), sqrt(35 / 192)), (1 / 2, 9 / 8)],
}


@st.composite
def multi_label(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, list[str | None]]:
    """Truth and predictions [N, C] and groups [N]; few clips, so cells are often empty."""
    clips, classes = draw(st.integers(1, 25)), draw(st.integers(2, 5))
    decisions = arrays(bool, (clips, classes), elements=st.booleans())
    names = st.sampled_from(["f", "m", "x", None])
    return (
        draw(decisions),
        draw(decisions),
        draw(st.lists(names, min_size=clips, max_size=clips)),
    )


def measured(truth: np.ndarray, predicted: np.ndarray) -> dict[str, float | None]:
    found = performance(class_counts(truth, predicted), MULTI)
    return {name: or_none(value) for name, value in found.items()}


def result(truth: np.ndarray, predicted: np.ndarray, group: list[str | None]) -> dict[str, Any]:
    return fairness(truth, predicted, group, [f"c{c}" for c in range(truth.shape[1])])


def test_performance_by_hand() -> None:
    # All 11 clips: class a 8 positives, 6 predicted, 5 hits, F1 10/14; class b 3, 4, 1, F1 2/7.
    # Wrong cells: 3 + 1 in a and 2 + 3 in b, 9 of 22.
    assert rates(class_counts(TRUTH, PREDICTED))["f1"] == pytest.approx([5 / 7, 2 / 7])
    assert measured(TRUTH, PREDICTED) == pytest.approx({"f1": 1 / 2, "acc": 13 / 22})


def test_rates_by_hand() -> None:
    found = fairness(TRUTH, PREDICTED, GROUP, ["a", "b"])
    assert found["groups"] == {"f": 4, "m": 4, "x": 2}
    assert found["unknown"] == 1
    for label, row in HAND_RATES.items():
        for name, expected in row.items():
            cell = found["rates"][label][name]
            assert tuple(cell[rate] for rate in RATES) == expected
    counts = {"clips": 4, "positives": 4, "predicted": 3, "hits": 3}
    rates = {"tpr": 0.75, "ppr": 0.75, "fpr": None, "precision": 1, "f1": 6 / 7}
    assert found["rates"]["a"]["m"] == counts | rates


@pytest.mark.parametrize("rate", RATES)
def test_gaps_by_hand(rate: str) -> None:
    gaps = fairness(TRUTH, PREDICTED, GROUP, ["a", "b"])["gaps"][rate]
    assert tuple(gaps) == VARIANTS
    for variant, (a, b) in zip(VARIANTS, HAND_GAPS[rate], strict=True):
        rms = a if b is None else sqrt((a**2 + b**2) / 2)
        assert gaps[variant]["by_class"] == pytest.approx({"a": a, "b": b})
        assert gaps[variant]["rms"] == pytest.approx(rms)


@settings(deadline=None)
@given(multi_label())
def test_performance_is_that_of_scikit_learn(data: Any) -> None:
    truth, predicted, _ = data
    found = measured(truth, predicted)
    f1 = f1_score(truth, predicted, average="macro", zero_division=np.nan)
    assert found["f1"] == (None if isnan(f1) else pytest.approx(f1))
    assert found["acc"] == pytest.approx(1 - hamming_loss(truth, predicted))


@settings(max_examples=40, deadline=None)
@given(multi_label())
def test_rates_are_those_of_fairlearn(data: Any) -> None:
    truth, predicted, group = data
    found = result(truth, predicted, group)
    known = np.array([name is not None for name in group])
    assume(known.sum() > 1)  # fairlearn takes no single clip
    names = np.array(group)[known]
    metrics = {"tpr": true_positive_rate, "ppr": selection_rate, "fpr": false_positive_rate}
    for c, (label, row) in enumerate(found["rates"].items()):
        y = {"y_true": truth[known, c].astype(int), "y_pred": predicted[known, c].astype(int)}
        frame = MetricFrame(metrics=metrics, sensitive_features=names, **y).by_group
        for name, cell in row.items():
            positives, negatives = cell["positives"], cell["clips"] - cell["positives"]
            for rate, denominator in ("tpr", positives), ("ppr", 1), ("fpr", negatives):
                expected = pytest.approx(frame.loc[name, rate]) if denominator else None
                assert cell[rate] == expected
        if len(row) > 1:
            gap = found["gaps"]["ppr"]["pairwise"]["by_class"][label]
            assert gap == pytest.approx(
                demographic_parity_difference(sensitive_features=names, **y)
            )


def loop_rate(rate: str, clips: list[tuple[bool, bool]]) -> float | None:
    """A rate of clips given as (true, predicted), counted one by one."""
    asked = {
        "tpr": [called for true, called in clips if true],
        "ppr": [called for _, called in clips],
        "fpr": [called for true, called in clips if not true],
    }[rate]
    return sum(asked) / len(asked) if asked else None


def loop_gap(rate: str, variant: str, clips: dict[str, list[tuple[bool, bool]]]) -> float | None:
    """A gap of one class, from the clips of each group."""
    found = [loop_rate(rate, part) for part in clips.values()]
    values = [value for value in found if value is not None]
    if len(values) < 2:
        return None
    overall = loop_rate(rate, [clip for part in clips.values() for clip in part])
    away = [abs(value - overall) for value in values]
    return {
        "pairwise": max(values) - min(values),
        "max_deviation": max(away),
        "rms_deviation": sqrt(sum(d * d for d in away) / len(away)),
        "sum_deviation": sum(away),
    }[variant]


@settings(deadline=None)
@given(multi_label())
def test_gaps_are_those_of_plain_loops(data: Any) -> None:
    truth, predicted, group = data
    gaps = result(truth, predicted, group)["gaps"]
    for rate in RATES:
        for variant in VARIANTS:
            expected = {}
            for c in range(truth.shape[1]):
                clips: dict[str, list[tuple[bool, bool]]] = {}
                for true, called, name in zip(truth[:, c], predicted[:, c], group, strict=True):
                    if name is not None:
                        clips.setdefault(name, []).append((bool(true), bool(called)))
                expected[f"c{c}"] = loop_gap(rate, variant, clips)
            there = [gap for gap in expected.values() if gap is not None]
            rms = sqrt(sum(gap * gap for gap in there) / len(there)) if there else None
            assert gaps[rate][variant]["by_class"] == pytest.approx(expected)
            assert gaps[rate][variant]["rms"] == pytest.approx(rms)


@settings(deadline=None)
@given(multi_label(), st.randoms(use_true_random=False))
def test_order_of_clips_does_not_matter_and_unknown_clips_are_left_out(
    data: Any, random: Any
) -> None:
    truth, predicted, group = data
    found = result(truth, predicted, group)
    order = list(range(len(group)))
    random.shuffle(order)
    assert result(truth[order], predicted[order], [group[i] for i in order]) == found
    assert measured(truth[order], predicted[order]) == measured(truth, predicted)
    known = [i for i in order if group[i] is not None]
    without = result(truth[known], predicted[known], [group[i] for i in known])
    assert without | {"unknown": len(group) - len(known)} == found
    assert json.loads(json.dumps(found, allow_nan=False)) == found


@pytest.mark.parametrize("group", [["f", "f", None], ["f", "f", "f"], [None] * 3])
def test_without_two_groups_no_gap_exists(group: list[str | None]) -> None:
    found = result(np.eye(3, dtype=bool), np.eye(3, dtype=bool), group)
    for rate in RATES:
        for variant in VARIANTS:
            gap = found["gaps"][rate][variant]
            assert gap == {"rms": None, "by_class": dict.fromkeys(["c0", "c1", "c2"])}


def test_nothing_true_and_nothing_predicted_has_no_f1() -> None:
    nothing = np.zeros((3, 2), dtype=bool)
    assert measured(nothing, nothing) == {"f1": None, "acc": 1.0}
    assert measured(nothing[:0], nothing[:0]) == {"f1": None, "acc": None}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("classes", range(2, 12))
def test_a_share_of_exactly_one_in_c_is_negative(classes: int, dtype: type) -> None:
    uniform = np.full((1, classes), 1 / classes, dtype=dtype)
    assert not positive(uniform).any()
    assert positive(np.nextafter(uniform, dtype(1))).all()


@pytest.mark.parametrize(
    ("kind", "body", "shape"),
    [("performance", "counts.sum()", "[]"), ("gap", "overall.mean(axis=-1)", "[5]")],
)
def test_a_metric_of_another_shape_is_refused(
    kind: str, body: str, shape: str, tmp_path: Path
) -> None:
    arguments = "counts" if kind == "performance" else "by_group, overall"
    text = f"METRICS = {{'odd': {{'kind': '{kind}'}}}}\ndef odd({arguments}):\n    return {body}\n"
    (tmp_path / f"odd_{kind}.py").write_text(text)
    use([str(tmp_path)])
    try:
        counts = np.ones((5, 2, 3, 4))
        with pytest.raises(InputError, match=rf"odd_{kind}\.py.*'odd'") as caught:
            performance(counts[:, 0], MULTI) if kind == "performance" else class_gaps(counts, "ppr")
        assert shape in str(caught.value)
    finally:
        use([])


@given(st.integers(1, 40), st.integers(2, 5), st.integers(0, 2**32 - 1))
@settings(max_examples=40)
def test_one_label_per_clip_is_that_of_scikit_learn(clips: int, classes: int, seed: int) -> None:
    draw = np.random.default_rng(seed)
    truth, shares = draw.integers(0, classes, clips), draw.dirichlet(np.ones(classes), clips)
    predicted = shares.argmax(axis=1)
    decided = decide(shares, SINGLE)
    assert (decided.sum(axis=1) == 1).all()
    found = performance(class_counts(np.eye(classes, dtype=bool)[truth], decided), SINGLE)
    assert list(found) == ["uar", "f1", "accuracy"]
    there = sorted({*truth})
    seen = sorted({*truth, *predicted})
    expected = {
        "uar": recall_score(truth, predicted, labels=there, average="macro", zero_division=0),
        "f1": f1_score(truth, predicted, labels=seen, average="macro", zero_division=0),
        "accuracy": accuracy_score(truth, predicted),
    }
    assert found == pytest.approx(expected)
