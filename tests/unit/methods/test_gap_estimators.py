"""Estimators of mean losses: against slow loops, and on losses whose gap is known."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from fairser.methods.gap_estimators import make_estimator
from fairser.methods.group_labels import memberships
from fairser.methods.loss_gap import Options

GROUPS = 3
Batch = tuple[list[float], list[int]]  # losses and groups, -1 where unknown
Slow = Callable[[list[Batch]], dict[int, float]]


def batches(steps: int = 12) -> list[Batch]:
    """Of zero to seven clips, with groups that are absent and groups that fill a memory at once."""
    rng = np.random.default_rng(0)
    sizes = [0, *rng.integers(1, 8, steps - 1)]
    return [(rng.normal(1, 1, n).tolist(), rng.integers(-1, GROUPS, n).tolist()) for n in sizes]


def of_group(batch: Batch, group: int) -> list[float]:
    return [loss for loss, other in zip(*batch, strict=True) if other == group]


def slow_batch(past: list[Batch]) -> dict[int, float]:
    found = {group: of_group(past[-1], group) for group in range(GROUPS)}
    return {group: sum(losses) / len(losses) for group, losses in found.items() if losses}


def slow_average(past: list[Batch], momentum: float = 0.7) -> dict[int, float]:
    """The weight of a clip is the momentum to the number of later batches that have its group."""
    found = {}
    for group in range(GROUPS):
        parts = [losses for batch in past if (losses := of_group(batch, group))]
        weights = [momentum**age for age in range(len(parts))][::-1]
        total = sum(w * len(losses) for w, losses in zip(weights, parts, strict=True))
        if parts:
            sums = sum(w * sum(losses) for w, losses in zip(weights, parts, strict=True))
            found[group] = sums / total
    return found


def slow_memory(past: list[Batch], size: int) -> dict[int, float]:
    found = {}
    for group in range(GROUPS):
        before = [loss for batch in past[:-1] for loss in of_group(batch, group)]
        if used := before[-size:] + of_group(past[-1], group):
            found[group] = sum(used) / len(used)
    return found


CASES: list[tuple[dict[str, object], Slow]] = [
    ({"estimator": "batch"}, slow_batch),
    ({"estimator": "moving_average", "momentum": 0.7}, slow_average),
    ({"estimator": "memory", "memory_size": 1}, lambda past: slow_memory(past, 1)),
    ({"estimator": "memory", "memory_size": 3}, lambda past: slow_memory(past, 3)),
    ({"estimator": "memory", "memory_size": 99}, lambda past: slow_memory(past, 99)),
]


@pytest.mark.parametrize(("options", "slow"), CASES)
def test_estimates_are_those_of_a_slow_loop(options: dict[str, object], slow: Slow) -> None:
    subject, past = make_estimator(Options.of(**options), GROUPS), []
    for batch in batches():
        past.append(batch)
        losses, groups = torch.tensor(batch[0]), torch.tensor(batch[1], dtype=torch.int64)
        means, counts = subject(losses, memberships(groups, GROUPS))
        found = {g: means[g].item() for g in range(GROUPS) if counts[g] > 0}
        assert found == pytest.approx(slow(past), abs=1e-6)


@pytest.mark.parametrize(("options", "_slow"), CASES)
def test_streams_are_as_if_alone(options: dict[str, object], _slow: Slow) -> None:
    together = make_estimator(Options.of(**options), 2, GROUPS)
    alone = [make_estimator(Options.of(**options), GROUPS) for _ in range(2)]
    rng = np.random.default_rng(1)
    for _ in range(9):
        losses = torch.from_numpy(rng.random((2, 5)))
        shares = memberships(torch.from_numpy(rng.integers(-1, GROUPS, (2, 5))), GROUPS)
        found = together(losses, shares)
        for i, one in enumerate(alone):
            expected = one(losses[i], shares[i])
            for part, wanted in zip(found, expected, strict=True):
                torch.testing.assert_close(part[i], wanted, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("options", "clips"),
    [
        # What an estimate rests on, in clips: of the averages (1 + m) / (1 - m) batches.
        ({"estimator": "batch"}, 4),
        ({"estimator": "moving_average", "momentum": 0.9}, 4 * 1.9 / 0.1),
        ({"estimator": "memory", "memory_size": 60}, 64),
    ],
)
def test_a_known_gap_is_recovered_with_the_spread_of_theory(
    options: dict[str, object], clips: float
) -> None:
    """200 streams of losses with means 1.0 and 1.3 and standard deviation 1, 4 clips each."""
    streams, generator = 200, torch.Generator().manual_seed(0)
    subject = make_estimator(Options.of(**options), streams, 2)
    groups = torch.tensor([0, 1]).repeat(4)
    shares = memberships(groups, 2).expand(streams, -1, -1)
    for _ in range(120):
        noise = torch.randn(streams, 8, generator=generator)
        means, _ = subject(1.0 + 0.3 * groups + noise, shares)
    gaps = (means[:, 1] - means[:, 0]).double()
    spread = (2 / clips) ** 0.5
    assert abs(gaps.mean() - 0.3) < 4 * spread / streams**0.5
    assert abs(gaps.std() / spread - 1) < 4 / (2 * streams) ** 0.5
