"""Which clips an epoch uses: against torch's sampler, by hand, and in a plain loop of group DRO."""

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from scipy.stats import chisquare
from torch.nn.functional import cross_entropy
from torch.utils.data import WeightedRandomSampler

from fairser.extraction.inputs import StoreInputs
from fairser.methods.base import FoldData
from fairser.methods.erm import ERM
from fairser.methods.gdro import GDRO
from fairser.methods.head import Head
from fairser.methods.pgdro import PGDRO
from fairser.methods.rw import RW
from fairser.training.fitting import TrainOptions
from fairser.training.folds import load_fold
from fairser.training.sampling import Sampler, balanced_weights
from fairser.training.train import TrainingJob, train_and_predict
from unit.builders import clip_table, feature_store
from unit.methods.builders import fold

SIZES = [100, 20, 5, 1]
GROUPS = [-1] * 10 + [group for group, size in enumerate(SIZES) for _ in range(size)]
CLASS_OF = [i % 2 for i in range(len(GROUPS))]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def drawn(method: Any, epochs: int = 1) -> np.ndarray:
    """Rows of several epochs, one after another."""
    sampler = Sampler(method, 0)
    return torch.cat([sampler.draw() for _ in range(epochs)]).numpy()


def test_shuffled_clips_are_a_permutation_of_all() -> None:
    data = fold(CLASS_OF, GROUPS, train=[3, 50, 7, 99])
    for method in ERM(data, seeded()), RW(data, seeded(), sampler="shuffle"):
        rows = Sampler(method, 5).draw()
        order = torch.randperm(4, generator=seeded(5))
        assert rows.tolist() == data.train[order].tolist()


def test_balanced_draws_are_those_of_torch() -> None:
    """With the weights of the published code, N / n_g, and the same generator."""
    known = [row for row, group in enumerate(GROUPS) if group >= 0]
    method = GDRO(fold(CLASS_OF, GROUPS, train=known), seeded(), sampler="balanced")
    weights = [len(known) / SIZES[GROUPS[row]] for row in known]
    expected = WeightedRandomSampler(weights, len(known), replacement=True, generator=seeded())
    assert drawn(method).tolist() == [known[i] for i in expected]


def test_weights_by_hand() -> None:
    hard = torch.tensor([[1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 0]])
    assert balanced_weights(hard).tolist() == [0.5, 0.5, 1, 0]
    # n = (1.5, 0.5): .9 / 1.5 + .1 / .5, .6 / 1.5 + .4 / .5
    soft = torch.tensor([[0.9, 0.1], [0.6, 0.4]])
    assert balanced_weights(soft).tolist() == pytest.approx([0.8, 1.2])


def test_groups_are_equally_likely_and_so_are_the_clips_of_each() -> None:
    """Four groups of 100 to 1 clips; 10 clips of unknown group are never drawn."""
    data = fold(CLASS_OF, GROUPS)
    epochs = 200
    rows = drawn(RW(data, seeded(), sampler="balanced"), epochs)
    assert len(rows) == epochs * len(GROUPS)  # as many as there are clips, unknown ones included
    groups = np.array(GROUPS)[rows]
    assert groups.min() == 0
    assert chisquare(np.bincount(groups)).pvalue > 0.01
    for group, size in enumerate(SIZES[:-1]):
        clips = np.bincount(rows, minlength=len(GROUPS))[np.array(GROUPS) == group]
        assert len(clips) == size
        assert chisquare(clips).pvalue > 0.01


def test_only_train_clips_count_and_a_group_without_any_is_left_out() -> None:
    # Train has one clip of group 0 and three of group 2; groups 1 and 3 have none there.
    data = fold([0, 1, 0, 1, 0, 1], [0, 2, 2, 2, 1, 3], train=[0, 1, 2, 3])
    rows = drawn(GDRO(data, seeded(), sampler="balanced"), 500)
    assert chisquare(np.bincount(rows), [1000, 1000 / 3, 1000 / 3, 1000 / 3]).pvalue > 0.01


def test_the_groups_are_those_of_the_method() -> None:
    # Cells of class and group: (0, 0) has three clips, (0, 1) and (1, 1) one, (1, 0) none.
    data = fold([0, 0, 0, 0, 1], [0, 0, 0, 1, 1])
    method = GDRO(data, seeded(), sampler="balanced", groups="class_attribute")
    expected = np.array([1 / 9, 1 / 9, 1 / 9, 1 / 3, 1 / 3]) * 2500
    assert chisquare(np.bincount(drawn(method, 500)), expected).pvalue > 0.01


def test_pgdro_draws_by_the_shares() -> None:
    shares = [[0.9, 0.1], [0.6, 0.4], [1.0, 0.0]]
    data = fold([0, 1, 0], [0, 0, 0], shares)
    method = PGDRO(data, seeded(), sampler="balanced")
    expected = np.array([0.9 / 2.5 + 0.1 / 0.5, 0.6 / 2.5 + 0.4 / 0.5, 1 / 2.5]) / 2 * 3000
    assert chisquare(np.bincount(drawn(method, 1000)), expected).pvalue > 0.01


def orders(sampler: str, weights: torch.Tensor, epochs: int) -> Iterator[torch.Tensor]:
    generator, count = seeded(), len(weights)
    for _ in range(epochs):
        if sampler == "shuffle":
            yield torch.randperm(count, generator=generator)
        else:
            yield torch.tensor([*WeightedRandomSampler(weights, count, generator=generator)])


def plain_training(data: FoldData, options: TrainOptions, sampler: str, adjust: str) -> list[float]:
    """Mean loss of each epoch of GADRO with C = 4 as the published code of group DRO trains it:
    weights in place of their logarithms, the sampler of torch, groups one by one."""
    assert data.groups is not None
    group, targets = data.groups[data.train], data.targets[data.train]
    features, count = data.features[data.train], len(group)
    sizes = torch.bincount(group)
    class_weights = (1 / count) / (1 - (1 - 1 / count) ** (targets > 1 / 3).sum(dim=0))
    class_weights = class_weights * 3 / class_weights.sum()
    torch.manual_seed(0)
    model = Head(*features.shape[1:], 3)
    optimizer = torch.optim.Adam(model.parameters(), lr=options.learning_rate)
    q, found = torch.full((len(sizes),), 1 / len(sizes)), []
    for order in orders(sampler, (count / sizes)[group], options.epochs):
        total = 0.0
        for rows in order.split(options.batch_size):
            entropy = cross_entropy(model(features, rows), targets[rows], reduction="none")
            losses = (targets[rows] @ class_weights) * entropy
            means = {g: losses[group[rows] == g].mean() for g in group[rows].tolist()}
            for g in range(len(sizes)) if adjust == "all" else means:
                loss = means[g].item() if g in means else 0.0
                q[g] *= np.exp(0.01 * (loss + 4 / np.sqrt(int(sizes[g]))))
            q /= q.sum()
            robust = torch.stack([q[g].clone() * mean for g, mean in means.items()]).sum()
            optimizer.zero_grad()
            robust.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            total += robust.item() * len(rows)
        found.append(total / count)
    return found


def test_a_training_is_that_of_a_plain_loop(tmp_path: Path) -> None:
    """Samplers and adjustments; batches of 8 often lack the two small ones of four groups."""
    random = np.random.default_rng(0)
    sizes = {"0": 30, "1": 16, "2": 4, "3": 2, "4": 8}  # the last in development and test
    groups = [name for name, size in sizes.items() for _ in range(size)]
    labels = random.dirichlet([0.5] * 3, len(groups))
    table = clip_table(labels, ["train"] * 52 + ["development"] * 4 + ["test"] * 4)
    array = random.normal(size=(len(groups), 2, 6)).astype(np.float32)
    inputs = StoreInputs(feature_store(tmp_path, array, table.frame["clip"]), False)
    grouping = table.frame.select("clip", "split").with_columns(pl.Series("group", groups))
    options = TrainOptions(epochs=5, batch_size=8, learning_rate=1e-2)
    data, _ = load_fold(table, inputs, grouping)
    found = []
    for sampler, adjust in product(("shuffle", "balanced"), ("present", "all")):
        hyper = {"sampler": sampler, "adjust": adjust}
        run = train_and_predict(TrainingJob("gadro", table, inputs, options, 0, grouping, hyper))
        found.append(run.history["train_loss"].to_list())
        assert found[-1] == pytest.approx(plain_training(data, options, sampler, adjust), rel=1e-4)
    assert len({round(losses[-1], 3) for losses in found}) == 4  # each combination is another
