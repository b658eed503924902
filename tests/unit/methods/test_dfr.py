"""DFR: its layer is that of scikit-learn, its draws are balanced, and what it can't use."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression

from fairser.core.errors import InputError
from fairser.methods.base import FoldData
from fairser.methods.dfr import DFR, fit_layers
from fairser.methods.head import Head
from unit.methods.builders import fold


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def clouds(seed: int, count: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Vectors [n, 4] and one-hot labels [n, 3]."""
    random = np.random.default_rng(seed)
    labels = random.integers(3, size=count)
    return random.normal(size=(count, 4)) + np.eye(3, 4)[labels], np.eye(3)[labels]


@pytest.mark.parametrize("strength", [0.01, 0.3])
def test_layers_are_those_of_scikit_learn(strength: float) -> None:
    problems = [clouds(seed) for seed in range(3)]
    hidden, targets = (torch.tensor(np.stack(part)) for part in zip(*problems, strict=True))
    weight, bias = fit_layers(hidden, targets, strength)
    assert (weight.shape, bias.shape) == ((3, 3, 4), (3, 3))
    for place, (vectors, labels) in enumerate(problems):
        # Its loss is C sum_i CE_i + ||W||^2 / 2.
        model = LogisticRegression(C=1 / (2 * strength * len(vectors)), tol=1e-10, max_iter=5000)
        model.fit(vectors, labels.argmax(axis=1))
        np.testing.assert_allclose(weight[place].numpy(), model.coef_, atol=1e-4)
        apart = bias[place].numpy() - model.intercept_
        np.testing.assert_allclose(apart, apart[0], atol=1e-4)  # a constant changes nothing


def test_layers_of_more_numbers_than_clips() -> None:
    """The solution is found among combinations of the clips' vectors."""
    vectors = np.random.default_rng(0).normal(size=(12, 40))
    labels = np.arange(12) % 3
    targets = torch.tensor(np.eye(3)[labels])
    weight, _ = fit_layers(torch.tensor(vectors)[None], targets[None], 0.05)
    model = LogisticRegression(C=1 / (2 * 0.05 * 12), tol=1e-10, max_iter=5000)
    np.testing.assert_allclose(weight[0].numpy(), model.fit(vectors, labels).coef_, atol=2e-4)


def test_layers_for_soft_targets_are_those_of_scipy() -> None:
    vectors, labels = clouds(0)
    targets = 0.6 * labels + 0.4 / 3 * np.random.default_rng(1).dirichlet([1] * 3, 60) * 3

    def loss(flat: np.ndarray) -> float:
        weight, bias = flat[:12].reshape(3, 4), flat[12:]
        logits = vectors @ weight.T + bias
        log_shares = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        return float(-(targets * log_shares).sum(axis=1).mean() + 0.05 * (weight**2).sum())

    expected = minimize(loss, np.zeros(15), method="BFGS", options={"gtol": 1e-8}).x
    weight, bias = fit_layers(torch.tensor(vectors)[None], torch.tensor(targets)[None], 0.05)
    np.testing.assert_allclose(weight[0].numpy().ravel(), expected[:12], atol=1e-4)
    np.testing.assert_allclose(bias[0].numpy(), expected[12:], atol=1e-4)


def biased(sizes: dict[tuple[int, int], int], **changes: torch.Tensor) -> FoldData:
    """A fold with so many clips of each class and group, all of them in development.

    The group moves the first feature a lot, the class the second a little.
    """
    cells = [cell for cell, size in sizes.items() for _ in range(size)]
    classes, groups = zip(*cells, strict=True)
    data = fold(classes, groups)
    assert isinstance(data.features, torch.Tensor)
    features = data.features.clone()
    features[:, :, 0] += 3 * (2 * torch.tensor(groups)[:, None] - 1)
    features[:, :, 1] += 1.5 * (2 * torch.tensor(classes)[:, None] - 1)
    return replace(data, features=features, **changes)


UNEQUAL = {(0, 0): 40, (0, 1): 8, (1, 0): 8, (1, 1): 40}


def test_draws_are_balanced_and_without_replacement() -> None:
    method = DFR(biased(UNEQUAL), seeded(), draws=30)
    rows, cells = method.development_cells()
    assert len(rows) == 96
    assert cells.bincount().tolist() == [40, 8, 8, 40]
    orders = method.cell_orders(cells, 30)
    seen = set()
    for order in orders:
        for cell, places in enumerate(order):
            assert sorted(places.tolist()) == (cells == cell).nonzero()[:, 0].tolist()
        seen |= set(order[0][:8].tolist())
    assert len(seen) > 30  # draws differ


def test_the_layer_is_the_mean_of_those_of_the_draws() -> None:
    """Of scikit-learn, on standardised hidden vectors, put back to their scale."""
    data = biased(UNEQUAL)
    torch.manual_seed(0)
    model = Head(2, 4, 2, hidden=3)
    method = DFR(data, seeded(3), draws=4, strengths=[0.02])
    method.finish(model)
    rows, cells = method.development_cells()
    hidden = model.encoder(data.features, rows).detach().double().numpy()
    mean, std = hidden.mean(axis=0), hidden.std(axis=0)
    scaled = (hidden - mean) / std
    same, logits = DFR(data, seeded(3), draws=4), []
    for order in same.cell_orders(cells, 4):
        drawn = torch.cat([places[:8] for places in order]).numpy()
        labels = data.majority[rows].numpy()[drawn]
        # With w of w_1 - w_0, the penalty lambda (||w_0||^2 + ||w_1||^2) is lambda ||w||^2 / 2.
        one = LogisticRegression(C=1 / (0.02 * len(drawn)), tol=1e-10, max_iter=5000)
        logits.append(one.fit(scaled[drawn], labels).decision_function(scaled))
    found = model(data.features, rows).detach().numpy()
    np.testing.assert_allclose(found[:, 1] - found[:, 0], np.mean(logits, axis=0), atol=1e-3)


def test_one_strength_needs_no_choice_and_the_best_is_chosen() -> None:
    data = biased(UNEQUAL)
    rows, cells = DFR(data, seeded()).development_cells()
    hidden = data.features[rows][:, 0].double()  # type: ignore[index]
    targets = data.targets[rows].double()
    assert DFR(data, seeded(), strengths=[7.0]).best_strength(hidden, targets, cells) == 7.0
    # Hardly any weight is left with a strength of 1000: log 2 is far from the best.
    method = DFR(data, seeded(), strengths=[1000.0, 0.01])
    assert method.best_strength(hidden, targets, cells) == 0.01
    # Vectors that say nothing are fitted to noise: the strongest is best.
    noise = torch.randn(len(rows), 200, generator=seeded(1), dtype=torch.float64)
    method = DFR(data, seeded(), strengths=[0.0001, 1000.0])
    assert method.best_strength(noise, targets, cells) == 1000.0


def test_the_gap_that_was_put_in_narrows() -> None:
    """A layer that decides by the group alone is replaced by one that decides by the class."""
    data = biased(UNEQUAL)
    torch.manual_seed(0)
    model = Head(2, 4, 2, hidden=16)
    with torch.no_grad():
        first = model.encoder.linear.weight[:, 0]
        model.classifier.weight.copy_(torch.stack([-first, first]))
        model.classifier.bias.zero_()

    def gap() -> float:
        chosen = model(data.features, data.development).argmax(dim=1)
        right = chosen == data.majority
        groups = data.groups
        assert groups is not None
        shares = {
            (c, g): float(right[(data.majority == c) & (groups == g)].double().mean())
            for c, g in product(range(2), range(2))
        }
        return max(abs(shares[c, 0] - shares[c, 1]) for c in range(2))

    before = gap()
    DFR(data, seeded()).finish(model)
    assert before > 0.8
    assert gap() < 0.35


def test_clips_without_a_group_or_a_class_do_not_count() -> None:
    data = fold([0, 0, 1, 1, -1, 0], [0, 1, 0, 1, 0, -1])
    rows, cells = DFR(data, seeded()).development_cells()
    assert rows.tolist() == [0, 1, 2, 3]
    assert cells.tolist() == [0, 1, 2, 3]


def test_cells_without_clips_are_left_out() -> None:
    data = fold([0, 0, 0, 1, 1], [0, 2, 2, 5, 5])
    method = DFR(data, seeded(), strengths=[0.1])
    assert method.development_cells()[1].bincount().tolist() == [1, 2, 2]
    torch.manual_seed(0)
    model = Head(2, 4, 2)
    method.finish(model)
    assert model.classifier.weight.isfinite().all()


def test_one_group_is_a_draw_of_balanced_classes() -> None:
    data = fold([0, 0, 0, 1], [0, 0, 0, 0])
    _, cells = DFR(data, seeded()).development_cells()
    assert cells.bincount().tolist() == [3, 1]


def test_a_class_without_development_clips_of_known_group_is_refused() -> None:
    data = fold([0, 0, 1, 1], [0, 1, -1, -1])
    torch.manual_seed(0)
    with pytest.raises(InputError, match=r"'dfr'.*class 2 of 2 has none"):
        DFR(data, seeded()).finish(Head(2, 4, 2))


def test_strengths_need_clips_to_choose_by() -> None:
    data = fold([0, 0, 1, 1], [0, 1, 0, 1])
    torch.manual_seed(0)
    with pytest.raises(InputError, match=r"'methods\.dfr\.strengths'.*name one value"):
        DFR(data, seeded()).finish(Head(2, 4, 2))


def test_vectors_that_are_not_finite_are_refused() -> None:
    hidden = torch.full((1, 4, 2), torch.inf, dtype=torch.float64)
    with pytest.raises(InputError, match=r"'methods\.dfr\.strengths': with 0\.1 .* no minimum"):
        fit_layers(hidden, torch.eye(2, dtype=torch.float64).repeat(2, 1)[None], 0.1)


def test_the_same_seed_gives_the_same_layer() -> None:
    data, layers = biased(UNEQUAL), []
    for seed in 0, 0, 1:
        torch.manual_seed(0)
        model = Head(2, 4, 2)
        DFR(data, seeded(seed), strengths=[0.1]).finish(model)
        layers.append(model.classifier.weight.detach())
    assert torch.equal(layers[0], layers[1])
    assert not torch.equal(layers[0], layers[2])
