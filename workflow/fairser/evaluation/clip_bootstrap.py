"""Every number of a run and an attribute, under draws of its test speakers and of their groups.

The runs are those of :func:`read_clips`, whose rows are single clips: their counts add up to those
of ``counts.parquet``, and AUROC and calibration error follow from their probabilities. Draws are
those of :class:`fairser.evaluation.bootstrap.Bootstrap`, so numbers that both have are the same.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from fairser.core.checksums import check_files
from fairser.core.table_files import read_made
from fairser.corpora.clips import ClipTable
from fairser.evaluation.bootstrap import Bootstrap, Places, RunCounts, Sample
from fairser.evaluation.evaluate import EXCESS, VALUE, clip_counts
from fairser.evaluation.group_metrics import (
    COMPARISONS,
    DISTANCES,
    NO_SHARES,
    SCORES,
    compared,
    group_values,
    reasons,
)
from fairser.evaluation.metrics import (
    COUNTS,
    Floats,
    class_gaps,
    class_mean,
    metric_names,
    performance,
    rms,
    uar,
)
from fairser.evaluation.resampling import NAN, resample, shuffle
from fairser.evaluation.scores import WIDTH, auroc, binned, score_sums

Scores = dict[str, Floats]
RATE_GAPS = {"tpr_gap": "tpr", "dp_gap": "ppr", "fpr_gap": "fpr", "precision_gap": "precision"}
GAPS = (*RATE_GAPS, *DISTANCES)  # numbers with a chance level


def read_clips(
    metrics: str, record: Mapping[str, Any], predictions: str, table: ClipTable
) -> RunCounts:
    """A run with a row for each test clip and class.

    Args:
        metrics: path of its ``metrics.json``.
        record: its content.
        predictions: path of the ``predictions.parquet`` beside it.
        table: clip table of its fold.

    Raises:
        InputError: the predictions are not those of the record, or of another split.
    """
    check_files(metrics, record, ["predictions.parquet"])
    cell = {name: record[name] for name in ("method", "source", "k", "fold", "seed", "task")}
    found = read_made(predictions, ["clip", "split", *table.classes])
    return RunCounts(**cell, counts=clip_counts(found, table))


class ClipBootstrap(Bootstrap):
    """Numbers of runs of single clips, as measured, by R resamples and by R permutations.

    ``variants`` are those of ``tpr_gap`` and ``dp_gap`` in tables (``metrics`` of the
    configuration); the gaps of FPR and precision have that of ``tpr_gap``.
    """

    def __init__(
        self,
        resamples: int,
        seed: int,
        variants: Mapping[str, str],
        over: str | None = "folds",
    ) -> None:
        super().__init__(resamples, seed, {}, over)
        self.variants = dict.fromkeys(RATE_GAPS, variants["tpr_gap"]) | dict(variants)

    def overall(self, run: RunCounts) -> dict[str, Sample]:
        """The metrics of performance of a run, with UAR, AUROC and calibration error."""
        names = list(dict.fromkeys([*metric_names("performance", run.task), "uar", *SCORES]))

        def numbers(counts: Floats, scores: Scores) -> Floats:
            found = {"uar": uar(counts[..., 0, :, :])}
            found |= performance(counts[..., 0, :, :], run.task)
            found |= {name: class_mean(scores[name][..., 0, :]) for name in SCORES}
            return np.stack([found[name] for name in names], axis=-1)

        values, _ = self._draw(run.places(None), numbers, self.generator(run, ""), chance=False)
        people = run.people(None)
        return {name: Sample(values[:, i], people) for i, name in enumerate(names)}

    def compared(self, run: RunCounts, attribute: str) -> dict[str, Sample]:
        """The worst group, and the gaps between the groups of an attribute."""
        names = (*COMPARISONS[: -len(DISTANCES)], *GAPS)
        places, people = run.places(attribute), run.people(attribute)
        if not places.groups:
            return dict.fromkeys(names, Sample(np.full(1 + self.resamples, NAN), {}))

        def numbers(counts: Floats, scores: Scores) -> Floats:
            found = compared(counts, group_values(counts, scores))
            for name, rate in RATE_GAPS.items():
                found[name] = rms(class_gaps(counts, rate)[self.variants[name]])
            return np.stack([found[name] for name in names], axis=-1)

        generator = self.generator(run, attribute)
        values, permuted = self._draw(places, numbers, generator, chance=True)
        return {
            name: Sample(values[:, i], people, permuted[:, i] if name in GAPS else np.array([NAN]))
            for i, name in enumerate(names)
        }

    def _draw(
        self,
        places: Places,
        numbers: Callable[[Floats, Scores], Floats],
        generator: np.random.Generator,
        chance: bool,
    ) -> tuple[Floats, Floats]:
        """``numbers`` of the counts as measured and by resample [1 + R, K], and by permutation.

        They are functions of counts [..., G, C, 4] and of scores [..., G, C].
        """
        table = np.concatenate([places.counts(), _sums(places)], axis=-1)
        n = len(COUNTS)

        def of(sums: Floats) -> Floats:
            return numbers(sums[..., :n], binned(sums[..., n:], sums[..., :n]))

        values = resample(table, self.resamples, generator, of)
        values[0] = numbers(table.sum(axis=0)[..., :n], exact_scores(places))
        none = np.full((1, values.shape[1]), NAN)
        return values, shuffle(table, self.resamples, generator, of) if chance else none


def missing(run: RunCounts, attribute: str | None) -> dict[str, str]:
    """Why a number of a run does not exist, by name; None: of those over all clips."""
    if attribute is None:
        return {"ece": NO_SHARES} if run.counts[EXCESS].is_nan().any() else {}
    places = run.places(attribute)
    counts = places.counts().sum(axis=0)
    found = compared(counts, group_values(counts, exact_scores(places)))
    return reasons(found, counts, places.groups, places.classes)


def exact_scores(places: Places) -> Scores:
    """``auroc`` and ``ece`` by group and class [G, C], of the clips as measured."""
    rows, (_, group, label) = places.rows, places.index
    truth, values = rows["positives"].to_numpy().astype(bool), rows[VALUE].to_numpy()
    found = binned(_sums(places).sum(axis=0), places.counts().sum(axis=0))
    for g, c in np.ndindex(found["auroc"].shape):
        mine = (group == g) & (label == c)
        found["auroc"][g, c] = auroc(truth[mine, None], values[mine, None])[0]
    return found


def _sums(places: Places) -> Floats:
    """Sums of :func:`score_sums` by speaker, group and class [S, G, C, WIDTH]."""
    rows = places.rows
    place = np.ravel_multi_index(places.index, places.shape)
    truth = rows["positives"].to_numpy().astype(bool)
    excess, values = rows[EXCESS].to_numpy(), rows[VALUE].to_numpy()
    sums = score_sums(truth, excess, values, place, int(np.prod(places.shape)))
    return sums.reshape(*places.shape, WIDTH)
