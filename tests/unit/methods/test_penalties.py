"""Methods with a penalty (equal opportunity and its kin, HSIC, an adversary, IRM): against plain
loops and torch's own tools over several steps, by hand, and ERM in their limits."""

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from fairser.core.errors import InputError
from fairser.methods.adversarial import Adversarial
from fairser.methods.auxiliary import Auxiliary
from fairser.methods.base import FoldData, Method
from fairser.methods.diff_dp import DiffDP
from fairser.methods.diff_eodds import DiffEOdds
from fairser.methods.diff_eopp import DiffEOpp
from fairser.methods.erm import ERM
from fairser.methods.hsic import HSIC, gaussian_kernel, hsic
from fairser.methods.irm import IRM
from unit.methods.builders import STEPS, descend, fold, head, plain_losses, soft_fold

KINDS: dict[str, type[Method]] = {
    "diff_eopp": DiffEOpp,
    "diff_eodds": DiffEOdds,
    "diff_dp": DiffDP,
    "hsic": HSIC,
    "adversarial": Adversarial,
    "irm": IRM,
}
DIFFERENCES: list[tuple[type[Method], list[Callable[..., Any]]]] = [
    (DiffEOpp, [lambda t: t > 1 / 3]),
    (DiffEOdds, [lambda t: t > 1 / 3, lambda t: t <= 1 / 3]),
    (DiffDP, [lambda t: True]),
]


def make(kind: type[Method], data: FoldData, **hyper: Any) -> Method:
    return kind(data, torch.Generator().manual_seed(1), **hyper)


def trained(method: Method, batches: Sequence[Sequence[int]] = STEPS) -> list[float]:
    return descend(head(0), lambda model, rows: method.loss(model, rows, 0.5), batches)


def plain(
    data: FoldData, penalty: Callable[[Any, torch.Tensor, list[int]], Any], rate: float = 0.5
) -> list[float]:
    """Losses of the same steps with a penalty of the model, the logits and the rows."""

    def loss(model: Any, rows: torch.Tensor) -> torch.Tensor:
        logits, chosen = model(data.features, rows), rows.tolist()
        losses = plain_losses(data, logits, chosen)
        return sum(losses) / len(losses) + penalty(model, logits, chosen)

    return descend(head(0), loss, rate=rate)


def members(data: FoldData, rows: list[int]) -> dict[int, list[int]]:
    """Places in the batch of the clips of each group."""
    groups = [int(data.groups[row]) for row in rows]
    return {g: [i for i, own in enumerate(groups) if own == g] for g in set(groups) - {-1}}


@pytest.mark.parametrize("name", KINDS)
def test_without_its_weight_it_is_erm_to_the_last_digit(name: str) -> None:
    data = soft_fold()
    assert trained(make(KINDS[name], data, weight=0.0)) == trained(make(ERM, data))


@pytest.mark.parametrize("kind", [DiffEOpp, DiffEOdds, DiffDP])
def test_one_group_is_erm_to_the_last_digit(kind: type[Method]) -> None:
    data = soft_fold(groups=1)
    assert trained(make(kind, data)) == trained(make(ERM, data))


@pytest.mark.parametrize("name", ["hsic", "adversarial", "irm"])
def test_one_group_is_refused_where_it_has_no_meaning(name: str) -> None:
    with pytest.raises(InputError, match=rf"'{name}'.*of 1 group.*grid\.methods"):
        make(KINDS[name], soft_fold(groups=1))
    # A second group outside of train does not count.
    data = fold([0, 1, 0, 1], [0, 0, -1, 1], train=[0, 1, 2])
    with pytest.raises(InputError, match="of 1 group"):
        make(KINDS[name], data)


@pytest.mark.parametrize("weight", [0.3, 2.0])
@pytest.mark.parametrize(("kind", "conditions"), DIFFERENCES)
def test_differences_by_a_loop(
    kind: type[Method], conditions: list[Callable[..., Any]], weight: float
) -> None:
    data, seen = soft_fold(), []

    def penalty(model: Any, logits: torch.Tensor, rows: list[int]) -> Any:
        total = torch.zeros(()).double()
        for condition, c in product(conditions, range(3)):
            means = []
            for places in members(data, rows).values():
                own = [
                    (logits[i].exp() / logits[i].exp().sum())[c]
                    for i in places
                    if condition(data.targets[rows[i], c])
                ]
                if own:
                    means.append(sum(own) / len(own))
            seen.append(len(means))
            if means:
                total = total + max(means) - min(means)
        return weight * total

    found = trained(make(kind, data, weight=weight))
    assert found == pytest.approx(plain(data, penalty), rel=1e-10)
    assert {0, 1, 2, 3} <= set(seen) or kind is DiffDP


def test_equal_opportunity_by_hand() -> None:
    # Class 0: group 0 has p = .9 and .7, group 1 has .5. Class 1: one group alone.
    data = fold([0, 0, 0, 1], [0, 0, 1, 1])

    class Given(nn.Module):
        def forward(self, features: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
            shares = torch.tensor([0.9, 0.7, 0.5, 0.4])[rows]
            return torch.stack([shares, 1 - shares], dim=1).log()

    method, erm, rows = make(DiffEOpp, data), make(ERM, data), torch.arange(4)
    extra = method.loss(Given(), rows, 0.0) - erm.loss(Given(), rows, 0.0)
    assert extra.item() == pytest.approx(0.3)
    # Over negatives: class 0 has the clip of p_0 = .4 alone, class 1 p_1 = .1, .3 and .5.
    odds = make(DiffEOdds, data).loss(Given(), rows, 0.0) - erm.loss(Given(), rows, 0.0)
    assert odds.item() == pytest.approx(0.6)
    # Over all: means .8 and .45 of class 0, and so of class 1.
    parity = make(DiffDP, data, weight=2.0).loss(Given(), rows, 0.0) - erm.loss(Given(), rows, 0.0)
    assert parity.item() == pytest.approx(2 * 0.7)


def plain_hsic(vectors: np.ndarray, groups: np.ndarray) -> float:
    """tr(K H L H) / (n - 1)^2 with all matrices written out."""
    n = len(vectors)
    if n < 2:
        return 0.0
    distances = np.array([[np.linalg.norm(a - b) for b in vectors] for a in vectors])
    pairs = np.sort(distances[np.triu_indices(n, 1)])
    width = pairs[(len(pairs) - 1) // 2]  # the lower one of two, as torch's median
    kernel = np.exp(-(distances**2) / (2 * width**2))
    same = (groups[:, None] == groups).astype(float)
    centre = np.eye(n) - 1 / n
    return float(np.trace(kernel @ centre @ same @ centre) / (n - 1) ** 2)


@pytest.mark.parametrize("rows", [*STEPS, list(range(40))])
def test_hsic_by_its_definition(rows: list[int]) -> None:
    data = soft_fold()
    vectors = torch.randn(len(rows), 6, dtype=torch.float64)
    shares = make(HSIC, data).shares[rows]
    groups = data.groups[rows].numpy()
    expected = plain_hsic(vectors.numpy()[groups >= 0], groups[groups >= 0])
    assert hsic(vectors, shares).item() == pytest.approx(expected, rel=1e-10, abs=1e-14)


def test_hsic_steps_are_those_of_the_definition_in_torch() -> None:
    data = soft_fold()

    def penalty(model: Any, logits: torch.Tensor, rows: list[int]) -> Any:
        known = [i for i, row in enumerate(rows) if data.groups[row] >= 0]
        if len(known) < 2:
            return 0.0 * logits.sum()
        hidden = model.encoder(data.features, torch.tensor(rows))[known]
        differences = (hidden[:, None] - hidden).square().sum(dim=-1)
        above = torch.triu_indices(len(known), len(known), 1)
        width = differences.detach()[above[0], above[1]].median()
        groups = data.groups[rows][known]
        same = (groups[:, None] == groups).double()
        centre = torch.eye(len(known)).double() - 1 / len(known)
        kernel = (-differences / (2 * width)).exp()
        return 3 * (kernel @ centre @ same @ centre).trace() / (len(known) - 1) ** 2

    assert trained(make(HSIC, data, weight=3.0)) == pytest.approx(plain(data, penalty), rel=1e-9)


def test_hsic_of_equal_vectors_or_of_one_group_is_zero() -> None:
    shares = torch.eye(2)[[0, 1, 0, 1]]
    vectors = torch.randn(4, 3, requires_grad=True)
    same = vectors[:1].expand(4, 3)
    for value in hsic(same, shares), hsic(vectors, shares[[0, 0, 0, 0]]), hsic(vectors, 0 * shares):
        assert value.item() == pytest.approx(0, abs=1e-7)
        (gradient,) = torch.autograd.grad(value, vectors)
        assert gradient.isfinite().all()
    assert gaussian_kernel(same, torch.ones(4, 4) > 0).tolist() == [[1.0] * 4] * 4
    assert hsic(torch.tensor([[0.0], [1.0], [0.0], [1.0]]), shares).item() > 0.1


def test_an_adversary_of_torch_with_the_gradient_reversed() -> None:
    data = soft_fold()
    method = make(Adversarial, data, weight=0.7, hidden=5, learning_rate=0.03)
    adversary = nn.Sequential(nn.Linear(256, 5), nn.ReLU(), nn.Linear(5, 3)).double()
    with torch.no_grad():
        for layer, values in (
            (adversary[0], method.adversary.first[0]),
            (adversary[2], method.adversary.second[0]),
        ):
            layer.weight.copy_(values[:-1].T)
            layer.bias.copy_(values[-1])
    optimizer = torch.optim.Adam(adversary.parameters(), lr=0.03)

    def penalty(model: Any, logits: torch.Tensor, rows: list[int]) -> Any:
        hidden = model.encoder(data.features, torch.tensor(rows))
        known = data.groups[rows] >= 0
        groups = data.groups[rows][known]

        def entropy(inputs: torch.Tensor) -> torch.Tensor:
            found = nn.functional.cross_entropy(adversary(inputs[known]), groups, reduction="sum")
            return found / max(len(groups), 1)

        hostile = 0.7 * entropy(hidden)
        (reversed_,) = torch.autograd.grad(hostile, hidden)
        optimizer.zero_grad()
        entropy(hidden.detach()).backward()
        optimizer.step()
        # The value of the loss, with the gradient that the reversal gives.
        return -hostile.detach() - (reversed_ * (hidden - hidden.detach())).sum()

    assert trained(method) == pytest.approx(plain(data, penalty), rel=1e-9)
    assert method.adversary.steps == len(STEPS)
    torch.testing.assert_close(method.adversary.second[0][:-1].T, adversary[2].weight.detach())


def test_an_auxiliary_network_takes_the_steps_of_adam() -> None:
    inputs, truth = (torch.randn(20, n, dtype=torch.float64) for n in (4, 2))
    network = Auxiliary((4, 3, 2), inputs, torch.Generator().manual_seed(0), 0.05)
    twin = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2)).double()
    bounds = network.first[0].abs().max(), network.second[0].abs().max()
    assert 0.3 < bounds[0] < 4**-0.5 and 0.3 < bounds[1] < 3**-0.5
    with torch.no_grad():
        for layer, values in (twin[0], network.first[0]), (twin[2], network.second[0]):
            layer.weight.copy_(values[:-1].T)
            layer.bias.copy_(values[-1])
    optimizer = torch.optim.Adam(twin.parameters(), lr=0.05)
    for _ in range(30):
        outputs, loss = network.step(inputs, lambda found: (found - truth).square().mean())
        expected = (twin(inputs) - truth).square().mean()
        torch.testing.assert_close(outputs, twin(inputs))
        torch.testing.assert_close(loss, expected)
        optimizer.zero_grad()
        expected.backward()
        optimizer.step()
    assert loss < 0.9 * (truth - truth.mean(dim=0)).square().mean()


@pytest.mark.parametrize("weight", [1.0, 100.0])
def test_irm_by_the_derivative_of_the_scale(weight: float) -> None:
    data = soft_fold()

    def penalty(model: Any, logits: torch.Tensor, rows: list[int]) -> Any:
        total = 0.0 * logits.sum()
        for places in members(data, rows).values():
            scale = torch.ones((), dtype=torch.float64, requires_grad=True)
            own = plain_losses(data, scale * logits[places], [rows[i] for i in places])
            (slope,) = torch.autograd.grad(sum(own) / len(own), scale, create_graph=True)
            total = total + slope**2
        return weight * total

    method = make(IRM, data, weight=weight)
    found = descend(head(0), lambda m, rows: method.loss(m, rows, 0.5), rate=1e-3 / weight)
    assert found == pytest.approx(plain(data, penalty, 1e-3 / weight), rel=1e-10)


def test_irm_is_erm_before_its_start() -> None:
    data, model, rows = soft_fold(), head(0), torch.arange(30)
    method, erm = make(IRM, data, start=0.2), make(ERM, data)
    for progress, same in (0.0, True), (0.19, True), (0.2, False), (0.9, False):
        found = method.loss(model, rows, progress)
        assert torch.equal(found, erm.loss(model, rows, progress)) is same


@pytest.mark.parametrize("name", KINDS)
def test_a_batch_of_unknown_groups_is_erm(name: str) -> None:
    data = soft_fold()
    rows = (data.groups[:40] < 0).nonzero()[:, 0].tolist()
    assert len(rows) > 2
    assert trained(make(KINDS[name], data), [rows]) == pytest.approx(
        trained(make(ERM, data), [rows])
    )


@pytest.mark.parametrize(
    ("name", "weight"),
    [("diff_eopp", 0.5), ("diff_eodds", 0.5), ("diff_dp", 0.5), ("hsic", 3000.0), ("irm", 1.0)],
)
def test_the_penalty_gets_smaller(name: str, weight: float) -> None:
    data, rows = soft_fold(), torch.arange(40)
    found = []
    for own in 0.0, weight:
        model, method = head(0), make(KINDS[name], data, weight=own)
        descend(model, lambda m, r, one=method: one.loss(m, r, 0.5), [list(range(40))] * 60, 3e-3)
        found.append(method.terms(model, rows, 0.5)[1].item())
    print(name, found)
    assert 0 <= found[1] < 0.9 * found[0]
