"""What the methods are for: smaller gaps than ERM's where a group is a nuisance.

Three made-up corpora of two classes and two groups, each group drawn evenly in test:

- *leaking*: in train 95 % of a class are of one group, and a feature tells the group. DRO over the
  attribute alone can't help here, since within a group the class is as skewed as overall.
- *hidden*: as leaking with 90 %, but the feature tells the group with errors.
- *small*: 10 % of train are of one group, whose emotion shows in a feature of its own and reversed
  in the other's.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from torch import nn

from fairser.corpora.clips import ClipTable
from fairser.evaluation.evaluate import evaluate
from fairser.extraction.inputs import StoreInputs
from fairser.extraction.store import FeatureStore
from fairser.methods.base import Method, find_method
from fairser.training.fitting import TrainOptions
from fairser.training.folds import load_fold
from fairser.training.train import TrainingJob, train_and_predict
from unit.builders import clip_table

COUNT, SEEDS = 600, range(2)
OPTIONS = TrainOptions(epochs=20, learning_rate=3e-3)
SPLITS = np.array((["train"] * 2 + ["development", "test"]) * (COUNT // 4))
Corpus = tuple[ClipTable, FeatureStore, pl.DataFrame]


def leaking(random: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Class and group of each clip, and its features."""
    label = random.integers(2, size=COUNT)
    biased = np.where(random.random(COUNT) < 0.95, label, 1 - label)
    group = np.where(SPLITS == "test", random.integers(2, size=COUNT), biased)
    features = random.normal(0, 1, (COUNT, 1, 4))
    features[:, 0, 0] += 2 * label - 1
    features[:, 0, 1] = 2 * group - 1 + random.normal(0, 0.3, COUNT)
    return label, group, features


def hidden(random: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same for the second corpus."""
    label = random.integers(2, size=COUNT)
    biased = np.where(random.random(COUNT) < 0.9, label, 1 - label)
    group = np.where(SPLITS == "test", random.integers(2, size=COUNT), biased)
    features = random.normal(0, 1, (COUNT, 1, 4))
    features[:, 0, 0] += 0.7 * (2 * label - 1)
    features[:, 0, 1] += 1.5 * (2 * group - 1)
    return label, group, features


def small(random: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same for the third corpus."""
    label = random.integers(2, size=COUNT)
    group = (random.random(COUNT) < np.where(SPLITS == "test", 0.5, 0.1)).astype(int)
    features = random.normal(0, 1, (COUNT, 1, 4))
    features[:, 0, 0] += (2 * label - 1) * np.where(group == 0, 1.5, -1)
    features[:, 0, 1] += (2 * label - 1) * np.where(group == 0, 0, 3)
    return label, group, features


@cache
def corpus(make: Callable[..., Any], seed: int) -> Corpus:
    label, group, features = make(np.random.default_rng(seed))
    labels = np.where(np.arange(2) == label[:, None], 0.9, 0.1)
    names = ["fm"[g] for g in group]
    table = clip_table(labels, SPLITS, ("calm", "tense"), gender=names)
    clips = table.frame["clip"].to_list()
    store = FeatureStore(features.astype(np.float32), {n: row for row, n in enumerate(clips)})
    grouping = table.frame.select("clip", "split").with_columns(
        pl.Series("group", names),
        pl.Series("p_f", np.where(group == 0, 0.9, 0.1)),
        pl.Series("p_m", np.where(group == 1, 0.9, 0.1)),
    )
    return table, store, grouping


@cache
def mean_gap(make: Callable[..., Any], name: str, **hyper: Any) -> float:
    """Mean TPR gap of a method on test over two draws of the corpus."""
    found = []
    for seed in SEEDS:
        table, store, grouping = corpus(make, seed)
        inputs = StoreInputs(store, True)
        run = train_and_predict(TrainingJob(name, table, inputs, OPTIONS, 0, grouping, hyper))
        gaps = evaluate(run.predictions, table)["attributes"]["gender"]["gaps"]
        found.append(gaps["tpr"]["pairwise"]["rms"])
    return float(np.mean(found))


# Shares of the gap of ERM; measured .30, .08, .16, .07, .48 and .33, .42, .36, .52, .51; then .62,
# .22, .17, .58, .36, .48, .28, .60, .11 and .66, .31, .47, .50, .70, .59.
@pytest.mark.parametrize(
    ("make", "name", "hyper", "most"),
    [
        (leaking, "rw", {}, 0.65),
        (leaking, "ds", {}, 0.4),
        (leaking, "gdro", {"groups": "class_attribute"}, 0.65),
        (leaking, "gadro", {"groups": "class_attribute"}, 0.55),
        (leaking, "pgdro", {"groups": "class_attribute"}, 0.9),
        (small, "rw", {}, 0.65),
        (small, "ds", {}, 0.75),
        (small, "gdro", {"groups": "attribute"}, 0.65),
        (small, "gadro", {"groups": "attribute"}, 0.65),
        (small, "pgdro", {"groups": "attribute"}, 0.75),
        (leaking, "jtt", {}, 0.8),
        (leaking, "bpa", {}, 0.5),
        (leaking, "balanced", {}, 0.4),
        (leaking, "sqrt_rw", {}, 0.8),
        (leaking, "diff_eopp", {}, 0.6),
        (leaking, "diff_eodds", {}, 0.7),
        (leaking, "diff_dp", {}, 0.5),
        (leaking, "irm", {"start": 0.0}, 0.8),
        (leaking, "lisa", {}, 0.4),
        (small, "jtt", {}, 0.85),
        (small, "bpa", {}, 0.6),
        (small, "balanced", {}, 0.7),
        (small, "sqrt_rw", {}, 0.75),
        (small, "irm", {"start": 0.0}, 0.85),
        (small, "lisa", {}, 0.8),
    ],
)
def test_gap_is_clearly_below_that_of_erm(
    make: Callable[..., Any], name: str, hyper: dict[str, Any], most: float
) -> None:
    erm = mean_gap(make, "erm")
    assert erm > (0.7 if make is leaking else 0.15)
    assert mean_gap(make, name, **hyper) < most * erm


@pytest.mark.parametrize("name", ["gdro", "gadro", "pgdro"])
def test_dro_over_the_attribute_alone_does_not_fix_a_leak(name: str) -> None:
    assert mean_gap(leaking, name, groups="attribute") == pytest.approx(
        mean_gap(leaking, "erm"), abs=0.15
    )


def descend(method: Method, seed: int, epochs: int) -> nn.Module:
    """The model of the last epoch of a short training."""
    torch.manual_seed(seed)
    model, rows = method.build(), method.data.train
    optimizer = torch.optim.Adam(model.parameters(), lr=OPTIONS.learning_rate)
    for epoch in range(epochs):
        for part in rows[torch.randperm(len(rows))].split(32):
            optimizer.zero_grad()
            method.loss(model, part, epoch / epochs).backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1)
            optimizer.step()
    return model


@cache
def last_gap(make: Callable[..., Any], name: str, epochs: int, **hyper: float) -> float:
    """Mean TPR gap of the second class on test, of the last epoch."""
    found = []
    for seed in SEEDS:
        table, store, grouping = corpus(make, seed)
        data, _ = load_fold(table, StoreInputs(store, True), grouping)
        method = find_method(name)(data, torch.Generator().manual_seed(seed), **hyper)
        model, rows = descend(method, seed, epochs), data.test[data.majority[data.test] == 1]
        right = method.logits(model, rows).argmax(dim=1) == 1
        rates = [right[data.groups[rows] == group].float().mean().item() for group in (0, 1)]
        found.append(abs(rates[0] - rates[1]))
    return float(np.mean(found))


@pytest.mark.parametrize(
    ("make", "name", "epochs", "hyper"),
    [
        (leaking, "hsic", 30, {"weight": 1000.0}),
        (hidden, "hsic", 30, {"weight": 1000.0}),
        (hidden, "adversarial", 60, {"weight": 10.0, "learning_rate": 0.01}),
    ],
)
def test_a_hidden_vector_without_the_group_has_a_smaller_gap(
    make: Callable[..., Any], name: str, epochs: int, hyper: dict[str, float]
) -> None:
    """Of the last epoch: development is as biased as train, and prefers models like ERM's."""
    assert last_gap(make, name, epochs, **hyper) < 0.6 * last_gap(make, "erm", epochs)


@pytest.mark.parametrize("name", ["lff", "disent"])
def test_relative_difficulty_finds_the_clips_that_go_against_the_bias(name: str) -> None:
    """The gap itself hardly moves on the leaking corpus (ERM .80, LfF .82, DisEnt .74); but clips
    of a class' rare group weigh more, and their loss is lower for d (C_i) than for b (C_b)."""
    weights, losses = [], []
    for seed in SEEDS:
        table, store, grouping = corpus(leaking, seed)
        data, _ = load_fold(table, StoreInputs(store, True), grouping)
        method = find_method(name)(data, torch.Generator().manual_seed(seed))
        descend(method, seed, 10)
        averages = method.difficulty.averages[:, data.train]
        rare = data.majority[data.train] != data.groups[data.train]
        weight = method.difficulty(*averages, data.train)  # leaves the averages as they are
        weights.append((weight[rare].mean() - weight[~rare].mean()).item())
        losses.append((averages[0, rare].mean() - averages[1, rare].mean()).item())
    assert min(weights) > 0.02 and np.mean(weights) > 0.04
    assert min(losses) > 0.1  # losses of b on rare clips are above those of d
