"""Which groups of speakers the test sets have, and what a table can't say without them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from fairser.core.words import counted, joined, shortened
from fairser.corpora.people import is_nobody
from fairser.evaluation.bootstrap import RunCounts
from fairser.evaluation.resampling import FEWEST

FOLDS, POOLED = "folds", "pooled"
SHOWN = 6  # folds that a note names
ERM_IS_MISSING = (
    "ERM is not among the runs, so nothing is compared with it. Add erm to 'grid.methods', and "
    "none to 'grid.sources'."
)
Place = tuple[str | None, int]  # test set and fold


@dataclass(frozen=True)
class Coverage:
    """Speakers by group of an attribute in each test set; None stands for all speakers."""

    attribute: str | None
    speakers: Mapping[Place, Mapping[str, int]]

    @property
    def groups(self) -> list[str]:
        return sorted({name for found in self.speakers.values() for name in found})

    def places(self, group: str) -> dict[int, list[Place]]:
        """Test sets with fewer than :data:`FEWEST` speakers of a group, by their number."""
        found: dict[int, list[Place]] = {}
        for place, speakers in self.speakers.items():
            if (number := speakers.get(group, 0)) < FEWEST:
                found.setdefault(number, []).append(place)
        return dict(sorted(found.items()))

    @property
    def is_complete(self) -> bool:
        """Whether every test set has enough speakers of every group."""
        return not any(self.places(group) for group in self.groups)

    def note(self) -> str | None:
        """Why numbers have no interval, and which groups of which folds count."""
        if self.attribute is not None and len(self.groups) < 2:
            there = f"only {self.groups[0]}" if self.groups else "no group"
            return f"{self.attribute}: {there} in test, so there is no gap."
        found = {group: self.places(group) for group in self.groups}
        parts = [
            f"{group + ' has ' if group else ''}{counted(number, 'speaker')} in {_named(places)}"
            for group, by_number in found.items()
            for number, places in by_number.items()
        ]
        if not parts:
            return None
        what = f"{self.attribute}: no" if self.attribute else "No"
        absent = any(
            group not in speakers for group in found for speakers in self.speakers.values()
        )
        rest = " Where a group is missing, the gap is that of the others." if absent else ""
        return (
            f"{what} interval and no test, because {joined(parts)}; {FEWEST} are needed of each "
            f"{'group' if self.attribute else 'test set'}.{rest}"
        )


def coverage(runs: Iterable[RunCounts], attribute: str | None) -> Coverage:
    """The coverage of the test sets of some runs."""
    speakers: dict[Place, dict[str, int]] = {}
    for run in runs:
        place = run.test_set, run.fold
        if place not in speakers:
            speakers[place] = run.people(attribute)
    return Coverage(attribute, dict(sorted(speakers.items(), key=lambda one: str(one[0]))))


def is_pooled(runs: Sequence[RunCounts], attributes: Iterable[str], over: str | None) -> bool:
    """Whether a table pools the test clips of all folds (``statistics.over``).

    Without a choice it does so where a fold has too few speakers of a group for an interval, as
    the means over folds then have none either.
    """
    if over is not None or len({run.fold for run in runs}) == 1:
        return over == POOLED
    return not all(coverage(runs, name).is_complete for name in (None, *attributes))


def notes(runs: Sequence[RunCounts], attributes: Iterable[str], folds: int | None) -> list[str]:
    """What is missing in a table that compares with ERM, and why.

    Arguments as for :func:`test_notes`.
    """
    found = test_notes(runs, attributes, folds)
    if not any(run.method == "erm" for run in runs):
        found.append(ERM_IS_MISSING)
    return found


def test_notes(
    runs: Sequence[RunCounts], attributes: Iterable[str], folds: int | None
) -> list[str]:
    """What the test sets of some runs can't show, and why.

    Args:
        runs: those of the table, pooled where it is.
        attributes: of its gaps.
        folds: number of folds that were pooled; None where the table has means over folds.
    """
    found = []
    if folds is not None:
        found.append(f"The test clips of {counted(folds, 'fold')} are evaluated together.")
    if nobody := counts_of_nobody(runs):
        found.append(
            f"{counted(nobody, 'test clip')} without a speaker: each is drawn alone, and none "
            "counts as a speaker."
        )
    found += filter(None, (coverage(runs, name).note() for name in (None, *attributes)))
    return found


def counts_of_nobody(runs: Iterable[RunCounts]) -> int:
    """Test clips whose speaker nobody knows, over all test sets."""
    places = {(run.test_set, run.fold): run.counts for run in runs}
    alone = [counts.filter(is_nobody())["speaker"].n_unique() for counts in places.values()]
    return sum(alone)


def _named(places: Sequence[Place]) -> str:
    """Such as ``folds 1 and 3`` or ``fold 1 of test1``."""
    sets: dict[str | None, list[int]] = {}
    for test_set, fold in places:
        sets.setdefault(test_set, []).append(fold)
    parts = []
    for name, folds in sets.items():
        if folds == [0]:
            text = "the test clips"
        else:
            text = f"fold{'s' if folds[1:] else ''} {joined(shortened(map(str, folds), SHOWN))}"
        parts.append(f"{text} of {name}" if name else text)
    return joined(parts)
