"""What all tests of a model work on: its predictions by condition, clip by clip, as arrays."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import polars as pl
from scipy.sparse import csr_array

from fairser.auditing.grouping import Attribute, Units, drawn_units, grouped
from fairser.auditing.wording import CROSS
from fairser.core.errors import InputError, nearest
from fairser.core.words import counted, joined, shortened
from fairser.evaluation.metrics import Floats, Labels
from fairser.evaluation.resampling import FEWEST, resample
from fairser.model_tests.base import CLEAN, DIMENSIONS, FAMILIES, Answers, Corpus
from fairser.model_tests.outcomes import Measured

# Clips that a group needs. Below it the random model differs so much by chance that a test says
# nothing; the smallest groups of arXiv 2312.06270 have 60.
FEWEST_CLIPS = 30
SHOWN = 3  # clips that a message names
EVERYONE = "all clips"


@dataclass(frozen=True)
class JudgeOptions:
    """How the answers of a model are judged.

    Attributes:
        families: of the tests to make.
        attributes: to compare groups by; ``gender*age`` crosses two. None: all of the corpus.
        resamples: of the speakers, for the intervals; 0 leaves them out.
        repetitions: of the random model, for the thresholds; 0 leaves these out.
        seed: of everything that is drawn.
    """

    families: Sequence[str] = FAMILIES
    attributes: Sequence[str] | None = None
    resamples: int = 1000
    repetitions: int = 1000
    seed: int = 0


@dataclass(frozen=True)
class Groups:
    """The groups of an attribute that are large enough for a test.

    ``small`` says why others are not, by name.
    """

    attribute: Attribute
    small: dict[str, str] = field(default_factory=dict)

    @property
    def number(self) -> int:
        return len(self.attribute.groups)

    @property
    def note(self) -> str:
        """Which groups are left out, for a result that compares all."""
        parts = [f"{name}: {why}" for name, why in self.small.items()]
        return f"left out, {'; '.join(parts)}" if parts else ""


class Material:
    """A corpus and the answers of a model, with the clips in the order of the corpus.

    Raises:
        InputError: a table that does not fit the corpus; names the condition, clip and column.
    """

    def __init__(self, corpus: Corpus, answers: Answers, options: JudgeOptions) -> None:
        self.corpus, self.answers, self.options = corpus, answers, options
        _check_corpus(corpus)
        self.clips = corpus.clips
        self.notes: list[str] = []
        self.units: Units = drawn_units(self.clips.select("clip", "speaker"), self.notes)
        self.attributes: list[Attribute] = []
        self.unusable: dict[str, str] = {}  # attributes that can't be compared, and why
        wanted = corpus.attributes if options.attributes is None else options.attributes
        for name in wanted:
            try:
                self.attributes.append(_attribute(corpus, name))
            except _NoGroupsError as error:
                self.unusable[name] = str(error)
        self._values = {CLEAN: self._aligned(CLEAN)}

    @cached_property
    def truth(self) -> Floats:
        """Values of the outputs [N, C], NaN where the truth is unknown."""
        return self.clips.select(self.corpus.outputs).cast(pl.Float64).to_numpy()

    def values(self, condition: str) -> Floats:
        """What the model said of each clip [N, C], NaN where it gave no answer."""
        if condition not in self._values:
            self._values = {CLEAN: self._values[CLEAN], condition: self._aligned(condition)}
        return self._values[condition]

    def _aligned(self, condition: str) -> Floats:
        if condition not in self.answers.tables:
            raise InputError(
                f"{self.answers.model}: no predictions for the condition '{condition}'. Run the "
                "model on it."
            )
        table, outputs = self.answers.tables[condition], list(self.corpus.outputs)
        place = f"{self.answers.model}, condition '{condition}'"
        if lacking := [name for name in ("clip", *outputs) if name not in table.columns]:
            raise InputError(f"{place}: no column '{lacking[0]}'. Give a column per output.")
        if table["clip"].is_duplicated().any():
            twice = table.filter(pl.col("clip").is_duplicated())["clip"][0]
            raise InputError(f"{place}: the clip '{twice}' has several rows. Keep one.")
        unknown = table.join(self.clips, on="clip", how="anti")
        if unknown.height:
            raise InputError(
                f"{place}: the clip '{unknown['clip'][0]}' is not in the corpus. Use its names."
            )
        numbers = table.select("clip", pl.col(outputs).cast(pl.Float64))
        wrong = numbers.filter(~pl.all_horizontal(pl.col(outputs).is_finite().fill_null(False)))
        if wrong.height:
            raise InputError(
                f"{place}: the clip '{wrong['clip'][0]}' has a value that is no finite number. "
                "Leave the row out if the model failed on this clip."
            )
        joined_rows = self.clips.select("clip").join(
            numbers, on="clip", how="left", maintain_order="left"
        )
        return joined_rows.select(outputs).to_numpy().astype(np.float64)

    def large_groups(self, attribute: Attribute, among: Labels) -> Groups:
        """The groups with enough speakers and clips among some clips [N]."""
        index = np.where(among, attribute.index, -1)
        small, kept = {}, []
        for g, name in enumerate(attribute.groups):
            mine = index == g
            known = self.people(mine)
            if known < FEWEST:
                there = counted(known, self.units.name.removesuffix("s"))
                small[name] = f"{there}, at least {FEWEST} are needed"
            elif mine.sum() < FEWEST_CLIPS:
                there = counted(int(mine.sum()), "clip")
                small[name] = f"{there}, at least {FEWEST_CLIPS} are needed"
            else:
                kept.append(g)
        place = np.full(len(attribute.groups) + 1, -1)
        place[kept] = np.arange(len(kept))
        names = tuple(attribute.groups[g] for g in kept)
        return Groups(Attribute(attribute.name, names, place[index]), small)

    def people(self, mine: Labels) -> int:
        """Known speakers of some clips [N], or clips where no speaker is known."""
        return int(self.units.known[np.unique(self.units.index[mine])].sum())

    def table(self, values: Floats, groups: Attribute | None, among: Labels) -> Floats:
        """Sums [S, G, C, K] by speaker and group of values [N, C, K] of some clips [N]."""
        number = 1 if groups is None else len(groups.groups)
        index = np.zeros(len(values), np.int64) if groups is None else groups.index
        clips = np.flatnonzero(among & (index >= 0))
        cell = self.units.index[clips] * number + index[clips]
        adds = csr_array(
            (np.ones(len(clips)), (cell, clips)), shape=(self.units.count * number, len(values))
        )
        sums = adds @ values.reshape(len(values), -1)
        return np.asarray(sums).reshape(self.units.count, number, *values.shape[1:])

    def draw(self, table: Floats, of: Callable[[Floats], Floats], name: str) -> Floats:
        """``of`` the sums of the groups [1, G, C, K], then of each resample of speakers [1 + R].

        Two models on the same corpus get the same draws for the same name.
        """
        if not self.options.resamples:
            return of(table.sum(axis=0, keepdims=True))
        return resample(table, self.options.resamples, self.generator(name), of)

    def generator(self, name: str) -> np.random.Generator:
        """Random numbers of their own for each name."""
        return np.random.default_rng([self.options.seed, *name.encode()])

    def measured(
        self, values: Floats, among: Labels, signed: bool = False, limit: float = 1.0
    ) -> Measured:
        """A number [1 + R] with the clips and speakers that it rests on."""
        known = self.people(among)
        speakers = known if self.units.speakers else None
        return Measured(values, known, int(among.sum()), speakers, signed, limit)

    def unanswered(self, condition: str, among: Labels) -> str:
        """How many of some clips [N] have no answer, and why the first one has none."""
        without = np.isnan(self.values(condition)).any(axis=1) & among
        if not without.any():
            return ""
        failures = self.answers.failures.filter(pl.col("condition") == condition)
        number = f"{int(without.sum()):,} of {int(among.sum()):,} clips have no answer"
        if not failures.height:
            return number
        return f"{number} (the first: {failures['clip'][0]}, {failures['message'][0]})"


def said(*notes: str) -> str:
    """The notes that say something, as one text."""
    return "; ".join(filter(None, notes))


class _NoGroupsError(Exception):
    """An attribute whose groups can't be compared."""


def _attribute(corpus: Corpus, name: str) -> Attribute:
    parts = name.split("*")
    for part in parts:
        if part not in corpus.attributes:
            known = list(corpus.attributes)
            raise InputError(
                f"There is no attribute '{part}'.{nearest(part, known)} The attributes are: "
                f"{joined(known) or 'none'}."
            )
    column = corpus.clips.select(pl.concat_str(parts, separator=CROSS, ignore_nulls=False))
    try:
        return grouped(CROSS.join(parts), column.to_series())
    except InputError as error:
        raise _NoGroupsError(str(error)) from error


def _check_corpus(corpus: Corpus) -> None:
    names = ["clip", "speaker", *corpus.outputs, *corpus.attributes]
    if lacking := [name for name in names if name not in corpus.clips.columns]:
        raise InputError(f"The clips have no column '{lacking[0]}'. Add it.")
    if not corpus.clips.height:
        raise InputError("The corpus has no clips. Name a table with one row per clip.")
    _refuse(corpus.clips.filter(pl.col("clip").is_duplicated()), "is there twice; keep one row")
    outputs = [pl.col(name).cast(pl.Float64) for name in corpus.outputs]
    wrong = pl.any_horizontal(~value.is_finite() for value in outputs).fill_null(False)
    _refuse(corpus.clips.filter(wrong), "has a label that is no finite number; fix it")
    if corpus.task == DIMENSIONS:
        out = pl.any_horizontal(~value.is_between(0, 1) for value in outputs).fill_null(False)
        advice = "has a value outside 0 to 1; scale all values to this range, also the model's"
        _refuse(corpus.clips.filter(out), advice)


def _refuse(clips: pl.DataFrame, why: str) -> None:
    if clips.height:
        names: Iterable[str] = clips["clip"].unique(maintain_order=True)
        raise InputError(f"Clips {joined(shortened(names, SHOWN))}: each {why}.")
