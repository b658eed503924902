"""LISA: who is mixed with whom, how often, and the loss of the mixed clips by a loop."""

from typing import Any

import numpy as np
import pytest
import torch

from fairser.methods.base import FoldData
from fairser.methods.erm import ERM
from fairser.methods.lisa import LISA, draw, partners
from unit.methods.builders import STEPS, descend, fold, head, plain_losses, soft_fold

Found = list[tuple[int, int, float]]


def make(data: FoldData, seed: int = 1, **hyper: Any) -> LISA:
    return LISA(data, torch.Generator().manual_seed(seed), **hyper)


def drawn(method: LISA, rows: list[int], monkeypatch: pytest.MonkeyPatch) -> Found:
    """Row, partner and share of each clip of a batch, seen at what the model is asked for."""
    seen: dict[str, Any] = {}

    class Model(torch.nn.Module):
        def forward(self, features: torch.Tensor, both: torch.Tensor) -> torch.Tensor:
            seen["both"] = both
            logits = torch.zeros(len(both), 3, dtype=torch.float64)
            logits[: len(rows), 0] = 1
            return logits

    def losses(logits: torch.Tensor, targets: Any, weights: Any) -> torch.Tensor:
        seen["share"] = logits[:, 0]
        return logits[:, 0]

    monkeypatch.setattr("fairser.methods.lisa.clip_losses", losses)
    method.loss(Model(), torch.tensor(rows), 0.0)
    own, other = seen["both"].view(2, -1).tolist()
    assert own == rows
    return list(zip(own, other, seen["share"].tolist(), strict=True))


@pytest.mark.parametrize("same_class", [0.0, 0.3, 1.0])
def test_partners_are_drawn_evenly_from_the_right_clips(
    same_class: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = soft_fold()
    method = make(data, same_class=same_class)
    majority, groups, train = data.majority.tolist(), data.groups.tolist(), range(40)
    found: dict[int, list[int]] = {row: [] for row in train}
    for _ in range(400):
        for row, other, share in drawn(method, list(train), monkeypatch):
            found[row].append(other)
            assert (share == 1) == (other == row)
    empty = 0
    for row, others in found.items():
        known = majority[row] >= 0 and groups[row] >= 0
        inside, across = (
            [
                j
                for j in train
                if known and same[j] == same[row] and different[j] not in (-1, different[row])
            ]
            for same, different in ((majority, groups), (groups, majority))
        )
        expected = np.zeros(60)
        for chance, candidates in (same_class, inside), (1 - same_class, across):
            empty += not candidates
            for j in candidates or [row]:
                expected[j] += chance / len(candidates or [row])
        shares = np.bincount(others, minlength=60) / len(others)
        assert not shares[expected == 0].any()
        np.testing.assert_allclose(shares, expected, atol=0.12)
    assert empty


@pytest.mark.parametrize("alpha", [0.5, 2.0])
def test_shares_follow_the_beta_distribution(alpha: float, monkeypatch: pytest.MonkeyPatch) -> None:
    method = make(soft_fold(), alpha=alpha)
    rows = list(range(40)) * 20
    shares = np.array([share for _, _, share in drawn(method, rows, monkeypatch) if share < 1])
    assert len(shares) > 300
    assert shares.mean() == pytest.approx(0.5, abs=0.05)
    assert shares.var() == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.15)


def test_the_loss_is_that_of_mixed_features_and_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    data = soft_fold()
    with monkeypatch.context() as patch:
        pairs = make(data)
        plan = iter([drawn(pairs, rows, patch) for rows in STEPS])

    def loss(model: Any, rows: torch.Tensor) -> torch.Tensor:
        total = torch.zeros(()).double()
        for own, other, share in next(plan):
            assert own in rows
            features = share * data.features[own] + (1 - share) * data.features[other]
            mixed = FoldData(
                features=features[None],
                targets=torch.cat(
                    [
                        data.targets,
                        (share * data.targets[own] + (1 - share) * data.targets[other])[None],
                    ]
                ),
                **{
                    name: getattr(data, name)
                    for name in ("majority", "train", "development", "test")
                },
            )
            logits = model(mixed.features, torch.tensor([0]))
            total = total + plain_losses(mixed, logits, [len(data.targets)])[0]
        return total / len(rows)

    method = make(data)
    found = descend(head(0), lambda model, rows: method.loss(model, rows, 0.0))
    assert found == pytest.approx(descend(head(0), loss), rel=1e-9)
    assert found != pytest.approx(
        descend(head(0), lambda m, r: ERM(data, torch.Generator()).loss(m, r, 0.0))
    )


def test_clips_without_any_partner_are_as_in_erm() -> None:
    # One class and one group: no clip has another class or group.
    data = fold([0, 0, 0, -1], [1, 1, -1, 1])
    model, rows = torch.nn.Module(), torch.arange(4)
    model = ERM(data, torch.Generator()).build()
    found = make(data).loss(model, rows, 0.0)
    assert found.item() == pytest.approx(ERM(data, torch.Generator()).loss(model, rows, 0.0).item())


def test_without_any_known_class_or_group_nobody_is_mixed() -> None:
    labels = torch.tensor([-1, -1])
    order, places = partners(labels, labels, torch.arange(2))
    assert not places.any()
    assert draw(order, places, torch.tensor([0.0, 0.9])).tolist() == [-1, -1]


def test_a_uniform_number_next_to_one_takes_the_last_partner() -> None:
    same, other = torch.tensor([0, 0, 0, 0]), torch.tensor([1, 0, 2, 2])
    order, places = partners(same, other, torch.arange(4))
    almost = torch.full((4,), np.nextafter(1, 0), dtype=torch.float64)
    assert draw(order, places, almost).tolist() == [3, 3, 0, 0]
    assert draw(order, places, 0 * almost).tolist() == [1, 0, 1, 1]
