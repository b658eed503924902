"""Methods that weigh or choose clips (JTT, CVaR, focal loss, BLIND, BPA, balanced batches and the
square root of RW): against plain loops over several steps, and ERM in their limits."""

from collections.abc import Sequence
from dataclasses import replace
from math import ceil
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from fairser.core.errors import InputError
from fairser.methods.balanced import Balanced
from fairser.methods.base import FoldData, Method
from fairser.methods.blind import Blind
from fairser.methods.bpa import BPA
from fairser.methods.cvar import CVaR
from fairser.methods.erm import ERM
from fairser.methods.focal import Focal
from fairser.methods.jtt import JTT
from fairser.methods.rw import RW
from fairser.methods.sqrt_rw import SqrtRW
from fairser.training.sampling import Sampler
from unit.methods.builders import (
    CLASSES,
    CROSS_ENTROPIES,
    GROUPS,
    LOSSES,
    STEPS,
    Known,
    descend,
    fold,
    head,
    plain_losses,
    soft_fold,
)

ALL = torch.arange(3)


def make(kind: type[Method], data: FoldData, **hyper: Any) -> Method:
    return kind(data, torch.Generator().manual_seed(1), **hyper)


def trained(method: Method) -> list[float]:
    """Losses of a few steps of descent."""
    return descend(head(0), lambda model, rows: method.loss(model, rows, 0.0))


def plain(method: Method, factors: Any) -> list[float]:
    """The same, with the mean of the clips' losses times ``factors(losses, logits, rows)``."""
    data = method.data

    def loss(model: nn.Module, rows: torch.Tensor) -> torch.Tensor:
        logits, rows = model(data.features, rows), rows.tolist()
        losses = plain_losses(data, logits, rows)
        return torch.stack(losses) @ torch.stack(factors(losses, logits, rows)) / len(rows)

    return descend(head(0), loss)


LIMITS: dict[str, tuple[type[Method], dict[str, Any]]] = {
    "jtt": (JTT, {"weight": 1.0}),
    "cvar": (CVaR, {"alpha": 1.0}),
    "focal": (Focal, {"gamma": 0.0}),
    "blind": (Blind, {"gamma": 0.0}),
    "balanced": (Balanced, {}),  # in its loss; its batches are its own
}


@pytest.mark.parametrize("name", LIMITS)
def test_limits_are_erm_to_the_last_digit(name: str) -> None:
    kind, hyper = LIMITS[name]
    data = soft_fold()
    assert trained(make(kind, data, **hyper)) == trained(make(ERM, data))


def test_one_group_is_erm_for_sqrt_rw() -> None:
    data = soft_fold(groups=1)
    assert trained(make(SqrtRW, data)) == pytest.approx(trained(make(ERM, data)), rel=1e-12)


@pytest.mark.parametrize("weight", [0.5, 5.0])
def test_jtt_is_a_weighted_mean(weight: float) -> None:
    data = soft_fold()
    method = make(JTT, data, weight=weight, epochs=3)
    early = head(3)(data.features, torch.arange(60)).detach().argmax(dim=1)
    wrong = [bool(m >= 0 and e != m) for e, m in zip(early, data.majority, strict=True)]
    assert 5 < sum(wrong[:40]) < 35

    def factors(losses: Sequence[Any], logits: torch.Tensor, rows: list[int]) -> list[Any]:
        weights = [weight if wrong[row] else 1.0 for row in rows]
        return [torch.tensor(w * len(rows) / sum(weights), dtype=torch.float64) for w in weights]

    assert trained(method) == pytest.approx(plain(method, factors), rel=1e-9)
    unknown = data.majority[:40] < 0
    assert unknown.any() and (method.factors[:40][unknown] == 1).all()
    assert (method.factors[40:] == 1).all()  # not in train


def test_jtt_asks_for_the_epochs_of_its_settings() -> None:
    asked = []
    data = replace(soft_fold(), train_erm=lambda epochs: asked.append(epochs) or head(3))
    make(JTT, data)
    make(JTT, data, epochs=2)
    assert asked == [5, 2]


def test_jtt_without_errors_is_refused() -> None:
    data = fold(CLASSES)
    data = replace(data, train_erm=lambda epochs: Known(data, CROSS_ENTROPIES))
    assert make(JTT, data).factors.tolist() == [5, 5, 5]  # all cross-entropies are above log(2)
    right = replace(data, train_erm=lambda epochs: Known(data, [0.1, 0.2, 0.3]))
    with pytest.raises(InputError, match=r"'jtt'.*5 epoch.*3 train clips.*methods\.jtt\.epochs"):
        make(JTT, right)


@pytest.mark.parametrize("alpha", [0.1, 0.3, 0.5, 0.75])
def test_cvar_is_the_mean_of_the_largest(alpha: float) -> None:
    method = make(CVaR, soft_fold(), alpha=alpha)

    def factors(losses: Sequence[torch.Tensor], logits: Any, rows: list[int]) -> list[Any]:
        count = ceil(alpha * len(rows))
        largest = np.argsort([-value.item() for value in losses])[:count]
        share = torch.tensor(len(rows) / count, dtype=torch.float64)
        return [share * (place in largest) for place in range(len(rows))]

    assert trained(method) == pytest.approx(plain(method, factors), rel=1e-10)


@pytest.mark.parametrize(("alpha", "loss"), [(0.01, 4), (1 / 3, 4), (0.5, 3), (0.67, 7 / 3)])
def test_cvar_by_hand(alpha: float, loss: float) -> None:
    data = fold(CLASSES)
    found = make(CVaR, data, alpha=alpha).loss(Known(data, CROSS_ENTROPIES), ALL, 0.0)
    assert found.item() == pytest.approx(loss)


@pytest.mark.parametrize(("alpha", "size", "count"), [(0.1, 30, 3), (0.7, 10, 7), (0.3, 10, 3)])
def test_cvar_takes_no_clip_more_by_rounding(alpha: float, size: int, count: int) -> None:
    data = fold([0, 1] * (size // 2))
    values = [float(1 + place) for place in range(size)]
    method, model = make(CVaR, data, alpha=alpha), Known(data, values)
    losses = method.clip_losses(method.logits(model, data.train), data.train)
    found = method.loss(model, data.train, 0.0)
    assert found.item() == pytest.approx(losses.sort().values[-count:].mean().item(), rel=1e-5)


@pytest.mark.parametrize("gamma", [0.5, 1.0, 3.0])
def test_focal_loss(gamma: float) -> None:
    data = soft_fold()
    method = make(Focal, data, gamma=gamma)

    def factors(losses: Any, logits: torch.Tensor, rows: list[int]) -> list[torch.Tensor]:
        chances = [z.exp() / z.exp().sum() for z in logits]
        return [
            (1 - p[data.majority[row]]) ** gamma if data.majority[row] >= 0 else p.sum()
            for p, row in zip(chances, rows, strict=True)
        ]

    assert trained(method) == pytest.approx(plain(method, factors), rel=1e-9)


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0])
def test_focal_loss_of_a_clip_that_is_learnt_has_a_finite_gradient(gamma: float) -> None:
    data = fold(CLASSES)
    method, model = make(Focal, data, gamma=gamma), Known(data, CROSS_ENTROPIES)
    with torch.no_grad():
        model.table[0] = torch.tensor([200.0, -200.0])  # p_y is 1
    method.loss(model, ALL, 0.0).backward()
    assert model.table.grad.isfinite().all()
    assert model.table.grad[1].any()


@pytest.mark.parametrize("gamma", [1.0, 4.0])
def test_blind_with_a_detector_of_torch(gamma: float) -> None:
    data = soft_fold()
    method = make(Blind, data, gamma=gamma, hidden=5, learning_rate=0.03)
    first, second = (layer[0] for layer in (method.detector.first, method.detector.second))
    detector = nn.Sequential(nn.Linear(256, 5), nn.ReLU(), nn.Linear(5, 1)).double()
    with torch.no_grad():
        for layer, values in (detector[0], first), (detector[2], second):
            layer.weight.copy_(values[:-1].T)
            layer.bias.copy_(values[-1])
    optimizer = torch.optim.Adam(detector.parameters(), lr=0.03)
    seen = []

    def loss(model: Any, rows: torch.Tensor) -> torch.Tensor:
        hidden = model.encoder(data.features, rows)
        logits = model.classifier(hidden)
        losses = plain_losses(data, logits, rows.tolist())
        total, errors = torch.zeros(()).double(), []
        for place, row in enumerate(rows):
            success = detector(hidden[place].detach()).sigmoid()[0]
            if data.majority[row] < 0:
                total = total + losses[place]
                continue
            right = bool(logits[place].argmax() == data.majority[row])
            errors.append(-(success if right else 1 - success).log())
            total = total + (1 - success.item()) ** gamma * losses[place]
            seen.append(right)
        optimizer.zero_grad()
        (sum(errors) / max(len(errors), 1) + 0 * detector[0].bias.sum()).backward()
        if not errors:
            detector.zero_grad(set_to_none=False)
        optimizer.step()
        return total / len(rows)

    expected = descend(head(0), loss)
    assert trained(method) == pytest.approx(expected, rel=1e-8)
    assert 0 < sum(seen) < len(seen)
    assert method.detector.steps == len(STEPS)
    torch.testing.assert_close(method.detector.first[0][:-1].T, detector[0].weight.detach())


def test_blind_gives_clips_that_are_expected_to_be_right_less_weight() -> None:
    data = replace(soft_fold(), majority=soft_fold().targets.argmax(dim=1))
    method, model = make(Blind, data, learning_rate=0.05), head(0)
    rows = data.train
    for _ in range(200):
        method.loss(model, rows, 0.0)  # the detector alone learns
    hidden, logits = model.with_hidden(data.features, rows)
    right = logits.argmax(dim=1) == data.majority[rows]
    outputs, _ = method.detector.step(hidden.detach(), lambda found: found.sum())
    success = outputs[:, 0].sigmoid()
    assert 0 < right.sum() < len(rows)
    assert success[right].mean() > 0.8
    assert success[~right].mean() < 0.1


@pytest.mark.parametrize("momentum", [0.0, 0.7])
def test_bpa_by_a_loop(momentum: float) -> None:
    data = soft_fold()
    method = make(BPA, data, momentum=momentum)
    cell = [
        (int(m), int(g)) if m >= 0 and g >= 0 else None
        for m, g in zip(data.majority, data.groups, strict=True)
    ]
    sizes = {k: cell[:40].count(k) for k in set(cell[:40]) - {None}}
    averages: dict[Any, float] = {}

    def factors(losses: Sequence[torch.Tensor], logits: Any, rows: list[int]) -> list[Any]:
        for k in sizes:
            own = [value.item() for value, row in zip(losses, rows, strict=True) if cell[row] == k]
            if own:
                new = float(np.mean(own))
                averages[k] = momentum * averages.get(k, new) + (1 - momentum) * new
        clips = sum(sizes[k] for k in averages)
        scaled = {k: a / sizes[k] * clips / sum(averages.values()) for k, a in averages.items()}
        found = [scaled[cell[row]] if cell[row] else 1.0 for row in rows]
        return [torch.tensor(value, dtype=torch.float64) for value in found]

    assert trained(method) == pytest.approx(plain(method, factors), rel=1e-9)
    assert None in [cell[row] for rows in STEPS for row in rows]
    seen = method.averages[~method.averages.isnan()]
    assert sorted(seen.tolist()) == pytest.approx(sorted(averages.values()))


def test_bpa_by_hand() -> None:
    # Cells (0, 0), (0, 1), (1, 0) of one clip each with the losses 1, 2, 4: factors 3/7 of these.
    data = fold(CLASSES, GROUPS)
    method = make(BPA, data)
    assert method.sizes.tolist() == [1, 1, 1, 0]
    found = method.loss(Known(data, CROSS_ENTROPIES), ALL, 0.0)
    assert found.item() == pytest.approx((LOSSES**2).sum() / 7)
    assert method.averages.tolist() == [
        *map(pytest.approx, LOSSES),
        pytest.approx(np.nan, nan_ok=True),
    ]


def test_bpa_factors_follow_the_loss_and_the_size() -> None:
    # Class 0: three clips of group 0 and one of group 1, all of one loss; the mean factor is 1.
    data = fold([0, 0, 0, 0], [0, 0, 0, 1])
    method, model = make(BPA, data), Known(data, [1.0] * 4)
    method.loss(model, torch.arange(4), 0.0).backward()
    pull = model.table.grad[:, 0]
    assert (pull[3] / pull[0]).item() == pytest.approx(3)
    assert (pull.sum() / pull[0]).item() == pytest.approx(6)  # 1/3 * 2 + ... = 4 clips' worth
    erm = Known(data, [1.0] * 4)
    make(ERM, data).loss(erm, torch.arange(4), 0.0).backward()
    assert pull.sum().item() == pytest.approx(erm.table.grad[:, 0].sum().item(), rel=1e-5)


def test_sqrt_rw_has_the_square_roots_of_rw() -> None:
    data = soft_fold()
    plain_factors = make(RW, data).factors
    assert make(SqrtRW, data).factors.tolist() == pytest.approx(plain_factors.sqrt().tolist())
    factors = make(SqrtRW, data, normalise=True).factors
    assert factors[:40].mean().item() == pytest.approx(1)
    expected = plain_factors.sqrt() / plain_factors[:40].sqrt().mean()
    assert factors.tolist() == pytest.approx(expected.tolist())


def test_balanced_batches_have_all_classes_and_groups_equally_often() -> None:
    # Cells of 12, 6, 2 clips; the last clips lack a class or a group.
    data = fold([0] * 12 + [0] * 6 + [1] * 2 + [-1, 1], [0] * 12 + [1] * 6 + [1] * 2 + [0, -1])
    method = make(Balanced, data)
    assert method.sampler == "balanced"
    sampler = Sampler(method, 0)
    rows = torch.cat([sampler.draw() for _ in range(300)])
    assert rows.max() < 20
    counts = torch.bincount(torch.bucketize(rows, torch.tensor([12, 18]), right=True))
    assert (counts / len(rows)).tolist() == pytest.approx([1 / 3] * 3, abs=0.02)
