"""The gap that a training sees, and its expectation without any gap, against theory and loops."""

from itertools import permutations
from math import isnan

import numpy as np
import pytest
import torch
from scipy import integrate, stats

from fairser.llm.clips import Clips
from fairser.llm.gaps import GapTracker, split_gaps
from fairser.methods.loss_gap import Options
from unit.llm.builders import clip_frame, some_clips

LANGUAGES = ("eng", "deu", "jpn")


def corpus(counts: dict[tuple[str, str | None], int], languages: tuple[str, ...]) -> Clips:
    rows = [(lang, "train", "joy", sex) for (lang, sex), n in counts.items() for _ in range(n)]
    return Clips(clip_frame(rows), languages, "train", ".", 1.0)


def six(clips: int) -> Clips:
    """So many clips of each language and gender."""
    cells = {(lang, sex): clips for lang in LANGUAGES for sex in ("female", "male")}
    return corpus(cells, LANGUAGES)


def largest_of_three(power: int) -> float:
    """Mean of the power of the largest of three |z|, z standard normal, by its density."""
    half = stats.halfnorm
    value, _ = integrate.quad(lambda x: x**power * 3 * half.pdf(x) * half.cdf(x) ** 2, 0, np.inf)
    return value


def test_a_batch_without_any_gap_shows_one() -> None:
    """Four clips each with losses of standard deviation 1: 0.94 on average, 1.05 for its square."""
    clips, generator = six(4), torch.Generator().manual_seed(0)
    tracker = GapTracker(clips, Options.of(estimator="batch"))
    rows = range(len(clips))
    steps = [tracker.step(rows, torch.randn(24, generator=generator), 1.0) for _ in range(400)]
    gaps = torch.tensor([[step.gap, step.chance] for step in steps])
    assert largest_of_three(1) / 2**0.5 == pytest.approx(0.938, abs=0.001)
    assert largest_of_three(2) / 2 == pytest.approx(1.051, abs=0.001)
    error = 4 * gaps.std(dim=0) / 400**0.5
    assert (gaps.mean(dim=0) - largest_of_three(1) / 2**0.5).abs().le(error).all()
    squares = gaps[:, 0] ** 2
    assert abs(squares.mean() - largest_of_three(2) / 2) < 4 * squares.std() / 400**0.5


@pytest.mark.parametrize("estimator", ["batch", "moving_average", "memory"])
def test_a_gap_shows_above_its_chance(estimator: str) -> None:
    """German women lose 2 more; the standard deviation is 0.5."""
    clips, generator = six(4), torch.Generator().manual_seed(0)
    tracker = GapTracker(clips, Options.of(estimator=estimator, momentum=0.95, memory_size=128))
    deu = torch.tensor([stratum == (1, 0) for stratum in clips.strata]).float()
    for _ in range(200):
        losses = 1 + 2 * deu + 0.5 * torch.randn(24, generator=generator)
        step = tracker.step(range(24), losses, 1.0)
    # A mean is over 4, 4 (1 + .95) / (1 - .95) or 132 clips.
    clips_of_a_mean = {"batch": 4, "moving_average": 156, "memory": 132}[estimator]
    spread = (2 / clips_of_a_mean) ** 0.5
    assert abs(step.gap - 2) < 4 * 0.5 * spread
    # Of the 8 German losses in a batch, the variance is 0.25 + 1, over 7 in place of 8.
    german = (1.25 * 8 / 7) ** 0.5 * spread
    assert 0.6 * german < step.chance < 1.3 * german


def test_the_chance_of_a_pass_is_the_mean_over_all_permutations() -> None:
    """One language of two women and two men: six ways to choose the women."""
    clips = corpus({("eng", "female"): 2, ("eng", "male"): 2, ("eng", None): 3}, ("eng",))
    losses = torch.tensor([0.0, 1.0, 3.0, 7.0, 50.0, 60.0, 70.0])
    gaps, _ = split_gaps(clips, losses)
    assert gaps.tolist() == [4.5]
    every = {abs(a + b - c - d) / 2 for a, b, c, d in permutations([0.0, 1.0, 3.0, 7.0])}
    assert every == {4.5, 2.5, 1.5}  # each twice among the six
    # Other clips in front get other permutations from the same generator.
    found = []
    for others in range(1, 61):
        cells = {("deu", None): others, ("eng", "female"): 2, ("eng", "male"): 2}
        padded = torch.cat([torch.full((others,), 9.0), losses[:4]])
        gaps, chance = split_gaps(corpus(cells, ("deu", "eng")), padded)
        assert isnan(gaps[0]) and gaps[1] == 4.5
        found.append(chance)
    expected, spread = 8.5 / 3, np.std([4.5, 2.5, 1.5])
    assert abs(np.mean(found) - expected) < 4 * spread / (60 * 20) ** 0.5


def test_without_two_genders_there_is_neither_gap_nor_chance() -> None:
    clips = corpus({("eng", "female"): 3, ("eng", None): 2}, ("eng",))
    gaps, chance = split_gaps(clips, torch.arange(5.0))
    assert gaps.isnan().all() and isnan(chance)
    step = GapTracker(clips, Options.of()).step(range(5), torch.arange(5.0), 2.0)
    assert isnan(step.gap) and isnan(step.chance)
    assert step.factors.tolist() == pytest.approx([0.2] * 5)


def test_a_tracker_goes_on_from_its_state() -> None:
    clips = some_clips("train")
    one, other = (GapTracker(clips, Options.of(estimator="memory")) for _ in range(2))
    one.step(range(26), torch.arange(26.0), 1.0)
    other.load(one.state())
    ours, theirs = (tracker.step(range(20), torch.ones(20), 1.0) for tracker in (one, other))
    assert (ours.gap, ours.chance) == (theirs.gap, theirs.chance)


def test_factors_by_hand() -> None:
    # Language 0 (3 clips) has means 2 and 1, language 1 (3 clips) 1 and 4; one clip is unknown.
    cells = {("eng", "female"): 2, ("eng", "male"): 1, ("deu", "female"): 1, ("deu", "male"): 2}
    clips = corpus({**cells, ("deu", None): 1}, ("eng", "deu"))
    tracker = GapTracker(clips, Options.of(estimator="batch", p=2))
    losses = torch.tensor([1.0, 3.0, 1.0, 1.0, 3.0, 5.0, 9.0])
    slope = 0.5 * 2 * 3.0
    expected = [1 / 7] * 3 + [1 / 7 - slope] + [1 / 7 + slope / 2] * 2 + [1 / 7]
    assert tracker.step(range(7), losses, 0.5).factors.tolist() == pytest.approx(expected)
