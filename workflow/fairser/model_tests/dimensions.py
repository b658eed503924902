"""Tests of arousal, valence and dominance, whose values lie between 0 and 1.

From the list of tests of arXiv 2312.06270: CCC, Pearson's correlation and the mean absolute error;
the Jensen-Shannon distance (base 2) of the distributions in ten bins; mean absolute error and
ranking of the means of speakers with at least ten clips. Two predictions are the same if they
differ by less than 0.05. For fairness, values have four bins: up to 0.25, to 0.5, to 0.75 and to 1.
That an edge belongs to the upper bin is chosen here.
"""

import numpy as np
from scipy.spatial.distance import jensenshannon

from fairser.evaluation.metrics import Floats, divide
from fairser.model_tests.base import CLEAN
from fairser.model_tests.correctness import FAMILY, UNLABELLED, BySpeaker, speaker_results, subject
from fairser.model_tests.material import Material, said
from fairser.model_tests.outcomes import TestResult, outcome, untestable
from fairser.model_tests.sums import ccc, mean_absolute_error, moments, pearson
from fairser.model_tests.thresholds import CORRECTNESS

OF_A_SPEAKER = 10  # clips
HISTOGRAM = 10  # bins of the distance between the distributions
TESTS = {"ccc": ccc, "pearson": pearson, "mean_absolute_error": mean_absolute_error}
SPEAKERS = ("speaker_mean_error", "speaker_rank")


def dimension_tests(material: Material, d: int) -> list[TestResult]:
    """The tests of correctness of the dimension with a number, from 0."""
    name = material.corpus.outputs[d]
    truth, values = material.truth[:, d], material.values(CLEAN)[:, d]
    labelled = ~np.isnan(truth)
    if not labelled.any():
        tests = (*TESTS, "distribution", *SPEAKERS)
        return [untestable(subject(test, name), UNLABELLED) for test in tests]
    chosen = labelled & ~np.isnan(values)
    note = said(_left_out(material, labelled))
    sums = material.table(moments(truth, values)[:, None], None, chosen)
    drawn = material.draw(
        sums, lambda s: np.stack([of(s[:, 0, 0]) for of in TESTS.values()], axis=1), FAMILY
    )
    constant = "the truth or the predictions are constant"
    results = []
    for column, test in enumerate(TESTS):
        signed = test != "mean_absolute_error"
        measured = material.measured(drawn[:, column], chosen, signed)
        results.append(outcome(subject(test, name), measured, CORRECTNESS[test], constant, note))
    both = np.stack([histogram(v) for v in (truth, values)], axis=2)
    ones = np.ones_like(both[..., :1])
    table = material.table(np.concatenate([ones, both], axis=2), None, chosen)
    distances = material.draw(table, _distance, FAMILY)
    measured = material.measured(distances, chosen)
    about = subject("distribution", name)
    results.append(outcome(about, measured, CORRECTNESS["distribution"], "no clip", note))
    return results + _speakers(material, sums[:, 0, 0], chosen, name)


def _left_out(material: Material, labelled: np.ndarray) -> str:
    note = material.unanswered(CLEAN, labelled)
    return f"{note}; they are left out" if note else ""


def histogram(values: Floats) -> Floats:
    """One-hot place of values [N] in ten bins of 0 to 1 [N, 10]; none for NaN."""
    place = np.clip(np.nan_to_num(values) * HISTOGRAM, 0, HISTOGRAM - 1).astype(np.int64)
    return np.eye(HISTOGRAM)[place] * ~np.isnan(values)[:, None]


def _distance(sums: Floats) -> Floats:
    """Jensen-Shannon distance [r] of sums [r, 1, bins, 3] of clips, truth and predictions."""
    both = sums[:, 0, :, 1:]
    shares = divide(both, both.sum(axis=1, keepdims=True))
    return np.asarray(jensenshannon(shares[..., 0], shares[..., 1], base=2, axis=1))


def _speakers(material: Material, sums: Floats, chosen: np.ndarray, name: str) -> list[TestResult]:
    if not material.units.speakers:
        return [untestable(subject(test, name), "no speaker is known") for test in SPEAKERS]
    enough = material.units.known & (sums[:, 0] >= OF_A_SPEAKER)
    true, predicted = (divide(sums[enough, place], sums[enough, 0]) for place in (1, 2))
    clips = chosen & enough[material.units.index]
    numbers = BySpeaker(true, predicted, clips, f"with {OF_A_SPEAKER} clips")
    return speaker_results(material, numbers, name, SPEAKERS)
