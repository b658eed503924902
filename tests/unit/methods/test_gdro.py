"""GDRO, GADRO and PGDRO: by hand, and against a plain loop over steps and groups."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from fairser.methods.gadro import GADRO
from fairser.methods.gdro import GDRO
from fairser.methods.pgdro import PGDRO
from unit.methods.builders import CLASSES, CROSS_ENTROPIES, GROUPS, LOSSES, Known, fold

SOFT = [[0.9, 0.1], [0.25, 0.75], [0.4, 0.6]]
BATCHES = [[0, 1, 2], [2, 0], [1], [0], [1, 2], [2, 1, 0]]  # the second and later lack a group


def run(method: GDRO, batches: list[list[int]]) -> tuple[list[float], np.ndarray]:
    """Loss of each step, and q after the last one."""
    model = Known(method.data, CROSS_ENTROPIES)
    losses = [method.loss(model, torch.tensor(rows), 0.0).item() for rows in batches]
    return losses, method.log_q.exp().numpy()


def reference(
    shares: np.ndarray,
    eta: float,
    adjustment: np.ndarray,
    batches: list[list[int]],
    adjust: str = "present",
) -> tuple[list[float], np.ndarray]:
    """The same by the formula, group by group, without logarithms."""
    q = shares.any(axis=0) / shares.any(axis=0).sum()
    losses = []
    for rows in batches:
        means = np.zeros(len(q))
        for g in range(len(q)):
            size = shares[rows, g].sum()
            if size > 0:
                means[g] = (shares[rows, g] * LOSSES[rows]).sum() / size
            if size > 0 or adjust == "all":
                q[g] *= np.exp(eta * (means[g] + adjustment[g]))
        q /= q.sum()
        losses.append(float((q * means).sum()))
    return losses, q


def by_class(shares: np.ndarray) -> np.ndarray:
    """Columns (class 0, group 0), (class 0, group 1), (class 1, group 0), ..."""
    return np.concatenate([shares * (np.array(CLASSES) == c)[:, None] for c in (0, 1)], axis=1)


HARD = np.eye(2)[GROUPS]
C = 4
KINDS: dict[str, tuple[type[GDRO], np.ndarray, Callable[[np.ndarray], np.ndarray]]] = {
    "gdro": (GDRO, HARD, np.zeros_like),
    "gadro": (GADRO, HARD, lambda sizes: C / np.sqrt(np.maximum(sizes, 1))),
    "pgdro": (PGDRO, np.array(SOFT), np.zeros_like),
}


@pytest.mark.parametrize("eta", [0.01, 1.0])
@pytest.mark.parametrize("adjust", ["present", "all"])
@pytest.mark.parametrize("groups", ["attribute", "class_attribute"])
@pytest.mark.parametrize("kind", KINDS)
def test_steps_are_those_of_a_plain_loop(kind: str, groups: str, adjust: str, eta: float) -> None:
    cls, shares, adjustment = KINDS[kind]
    shares = by_class(shares) if groups == "class_attribute" else shares
    data = fold(CLASSES, GROUPS, SOFT)
    method = cls(data, torch.Generator(), eta=eta, groups=groups, adjust=adjust)
    losses, q = run(method, BATCHES)
    expected, weights = reference(shares, eta, adjustment(shares.sum(axis=0)), BATCHES, adjust)
    assert losses == pytest.approx(expected, rel=1e-5)
    np.testing.assert_allclose(q, weights, rtol=1e-5)
    assert len(set(np.round(q, 6))) > 1  # the weights did move


def test_gdro_by_hand() -> None:
    # L_0 = (1 + 4) / 2, L_1 = 2; q_0 : q_1 = e^.025 : e^.02.
    losses, q = run(GDRO(fold(CLASSES, GROUPS), torch.Generator()), [[0, 1, 2]])
    share = 1 / (1 + np.exp(-0.005))
    assert q.tolist() == pytest.approx([share, 1 - share])
    assert losses[0] == pytest.approx(2.5 * share + 2 * (1 - share))


def test_a_group_that_is_not_in_the_batch_keeps_its_weight_but_for_the_norm() -> None:
    # Only group 1, L_1 = 2: q_1 doubles by eta = log(2) / 2, so q = (1/3, 2/3), loss 4/3.
    eta = np.log(2) / 2
    losses, q = run(GDRO(fold(CLASSES, GROUPS), torch.Generator(), eta=eta), [[1]])
    assert q.tolist() == pytest.approx([1 / 3, 2 / 3])
    assert losses == pytest.approx([4 / 3])


def test_gadro_by_hand() -> None:
    # Train has 2 clips of group 0 and 1 of group 1: L_0 + 4 / sqrt(2), L_1 + 4.
    method = GADRO(fold(CLASSES, GROUPS), torch.Generator())
    losses, q = run(method, [[0, 1, 2]])
    share = 1 / (1 + np.exp(0.01 * (2 + 4 - 2.5 - 4 / np.sqrt(2))))
    assert q.tolist() == pytest.approx([share, 1 - share])
    assert losses[0] == pytest.approx(2.5 * share + 2 * (1 - share))  # without the adjustment


def test_gadro_counts_train_alone_and_without_its_adjustment_is_gdro() -> None:
    data = fold([*CLASSES, 0, 0], [*GROUPS, 1, 1], train=[0, 1, 2])
    assert GADRO(data, torch.Generator()).adjustment.tolist() == pytest.approx([4 / 2**0.5, 4])
    plain = GADRO(fold(CLASSES, GROUPS), torch.Generator(), adjustment=0.0)
    gdro = GDRO(fold(CLASSES, GROUPS), torch.Generator())
    assert run(plain, BATCHES)[0] == run(gdro, BATCHES)[0]


def test_an_adjustment_of_all_groups_by_hand() -> None:
    # Only group 1, L_1 = 2. Present: 1 : e^.06. All: group 0 has e^(.01 * 4 / sqrt(2)) as well.
    data, shares = fold(CLASSES, GROUPS), []
    for adjust in "present", "all":
        losses, q = run(GADRO(data, torch.Generator(), adjust=adjust), [[1]])
        assert losses == pytest.approx([2 * q[1]])
        shares.append(q[1] / q[0])
    assert shares == pytest.approx([np.exp(0.06), np.exp(0.06 - 0.04 / np.sqrt(2))])


@pytest.mark.parametrize("adjust", ["present", "all"])
def test_groups_without_train_clips_have_no_weight(adjust: str) -> None:
    # Group 1 has a clip outside of train; without it group 2 is group 1.
    found = []
    for groups in [0, 1, 2], [0, 0, 1]:
        method = GADRO(fold(CLASSES, groups, train=[0, 2]), torch.Generator(), adjust=adjust)
        found.append(run(method, [[0, 2], [2], [0]]))
    assert found[0][0] == pytest.approx(found[1][0])
    assert found[0][1].tolist() == pytest.approx([found[1][1][0], 0, found[1][1][1]])
    assert found[0][1][1] == 0


@pytest.mark.parametrize("cls", [GDRO, GADRO])
def test_with_all_groups_in_each_batch_all_and_present_are_one(cls: type[GDRO]) -> None:
    data, batches = fold(CLASSES, GROUPS), [[0, 1, 2], [1, 2], [0, 1]]
    (one, q), (other, weights) = (
        run(cls(data, torch.Generator(), adjust=adjust), batches) for adjust in ("present", "all")
    )
    assert one == other
    assert q.tolist() == weights.tolist()


def test_without_an_adjustment_absent_groups_keep_their_weight() -> None:
    data = fold(CLASSES, GROUPS)
    (one, q), (other, weights) = (
        run(GDRO(data, torch.Generator(), adjust=adjust), BATCHES) for adjust in ("present", "all")
    )
    assert one == other
    assert q.tolist() == weights.tolist()


def test_gdro_with_the_adjustment_is_gadro() -> None:
    data = fold(CLASSES, GROUPS)
    gdro, gadro = GDRO(data, torch.Generator(), adjustment=C), GADRO(data, torch.Generator())
    assert run(gdro, BATCHES)[0] == run(gadro, BATCHES)[0]


def test_pgdro_by_hand() -> None:
    # sum p_0 = 1.55, sum p_1 = 1.45: L_0 = (.9 + .5 + 1.6) / 1.55, L_1 = (.1 + 1.5 + 2.4) / 1.45.
    losses, q = run(PGDRO(fold(CLASSES, GROUPS, SOFT), torch.Generator()), [[0, 1, 2]])
    one, two = 3 / 1.55, 4 / 1.45
    share = 1 / (1 + np.exp(0.01 * (two - one)))
    assert q.tolist() == pytest.approx([share, 1 - share])
    assert losses[0] == pytest.approx(one * share + two * (1 - share))


@pytest.mark.parametrize("groups", ["attribute", "class_attribute"])
def test_pgdro_with_certain_groups_is_gdro(groups: str) -> None:
    data = fold(CLASSES, GROUPS, HARD.tolist())
    found = []
    for cls in GDRO, PGDRO:
        found.append(run(cls(data, torch.Generator(), groups=groups), BATCHES))
    assert found[0][0] == pytest.approx(found[1][0])
    np.testing.assert_allclose(found[0][1], found[1][1])


def test_pgdro_without_probabilities_is_a_bug() -> None:
    with pytest.raises(ValueError, match="probabilities"):
        PGDRO(fold(CLASSES, GROUPS), torch.Generator())


def test_the_gradient_is_that_of_the_weighted_losses_with_q_held() -> None:
    # Of the batch mean L_0 clips 0 and 2 have 1/2 each; q_0 = 2/3 by eta L = log 2 more.
    data = fold(CLASSES, GROUPS)
    method = GDRO(data, torch.Generator(), eta=2 * np.log(2))
    model = Known(data, CROSS_ENTROPIES)
    method.loss(model, torch.arange(3), 0.0).backward()
    expected = Known(data, CROSS_ENTROPIES)
    losses = method.clip_losses(method.logits(expected, torch.arange(3)), torch.arange(3))
    (losses @ torch.tensor([1 / 3, 1 / 3, 1 / 3])).backward()
    torch.testing.assert_close(model.table.grad, expected.table.grad)


def test_huge_steps_stay_finite() -> None:
    # exp(1000 * 2.5) has no float; in log space q becomes (1, 0).
    eta = 1000.0
    losses, q = run(GDRO(fold(CLASSES, GROUPS), torch.Generator(), eta=eta), [[0, 1, 2]] * 3)
    assert q.tolist() == [1, 0]
    assert losses == pytest.approx([2.5] * 3)


def test_a_batch_of_unknown_groups_adds_nothing() -> None:
    data = fold(CLASSES, [0, 1, -1])
    method = GDRO(data, torch.Generator())
    model = Known(data, CROSS_ENTROPIES)
    loss = method.loss(model, torch.tensor([2]), 0.0)
    loss.backward()
    assert loss.item() == 0
    assert not model.table.grad.any()
    assert method.log_q.exp().tolist() == [0.5, 0.5]
