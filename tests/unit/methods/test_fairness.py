"""What the methods are for: smaller gaps than ERM's where a group is a nuisance.

Two made-up corpora of two classes and two groups, each group drawn evenly in test:

- *leaking*: in train 95 % of a class are of one group, and a feature tells the group. DRO over the
  attribute alone can't help here, since within a group the class is as skewed as overall.
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

from fairser.corpora.clips import ClipTable
from fairser.evaluation.evaluate import evaluate
from fairser.extraction.inputs import StoreInputs
from fairser.extraction.store import FeatureStore
from fairser.methods.base import find_method
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


def small(random: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same for the other corpus."""
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
def mean_gap(make: Callable[..., Any], name: str, groups: str | None = None) -> float:
    """Mean TPR gap of a method on test over two draws of the corpus."""
    found = []
    for seed in SEEDS:
        table, store, grouping = corpus(make, seed)
        hyper = {"groups": groups} if groups else {}
        inputs = StoreInputs(store, True)
        run = train_and_predict(TrainingJob(name, table, inputs, OPTIONS, 0, grouping, hyper))
        gaps = evaluate(run.predictions, table)["attributes"]["gender"]["gaps"]
        found.append(gaps["tpr"]["pairwise"]["rms"])
    return float(np.mean(found))


# Shares of the gap of ERM; measured .30, .08, .41, .28, .76 and .33, .42, .29, .33, .47.
@pytest.mark.parametrize(
    ("make", "name", "groups", "most"),
    [
        (leaking, "rw", None, 0.65),
        (leaking, "ds", None, 0.4),
        (leaking, "gdro", "class_attribute", 0.65),
        (leaking, "gadro", "class_attribute", 0.55),
        (leaking, "pgdro", "class_attribute", 0.9),
        (small, "rw", None, 0.65),
        (small, "ds", None, 0.75),
        (small, "gdro", "attribute", 0.65),
        (small, "gadro", "attribute", 0.65),
        (small, "pgdro", "attribute", 0.75),
    ],
)
def test_gap_is_clearly_below_that_of_erm(
    make: Callable[..., Any], name: str, groups: str | None, most: float
) -> None:
    erm = mean_gap(make, "erm")
    assert erm > (0.7 if make is leaking else 0.15)
    assert mean_gap(make, name, groups) < most * erm


@pytest.mark.parametrize("name", ["gdro", "gadro", "pgdro"])
def test_dro_over_the_attribute_alone_does_not_fix_a_leak(name: str) -> None:
    assert mean_gap(leaking, name, "attribute") == pytest.approx(mean_gap(leaking, "erm"), abs=0.15)


@pytest.mark.parametrize("name", ["lff", "disent"])
def test_relative_difficulty_finds_the_clips_that_go_against_the_bias(name: str) -> None:
    """The gap itself hardly moves on the leaking corpus (ERM .80, LfF .82, DisEnt .74); but clips
    of a class' rare group weigh more, and their loss is lower for d (C_i) than for b (C_b)."""
    weights, losses = [], []
    for seed in SEEDS:
        table, store, grouping = corpus(leaking, seed)
        data, _ = load_fold(table, StoreInputs(store, True), grouping)
        method = find_method(name)(data, torch.Generator().manual_seed(seed))
        torch.manual_seed(seed)
        model = method.build()
        optimizer = torch.optim.Adam(model.parameters(), lr=OPTIONS.learning_rate)
        for epoch in range(10):
            for rows in data.train[torch.randperm(len(data.train))].split(32):
                optimizer.zero_grad()
                method.loss(model, rows, epoch / 10).backward()
                optimizer.step()
        averages = method.difficulty.averages[:, data.train]
        rare = data.majority[data.train] != data.groups[data.train]
        weight = method.difficulty(*averages, data.train)  # leaves the averages as they are
        weights.append((weight[rare].mean() - weight[~rare].mean()).item())
        losses.append((averages[0, rare].mean() - averages[1, rare].mean()).item())
    assert min(weights) > 0.02 and np.mean(weights) > 0.04
    assert min(losses) > 0.1  # losses of b on rare clips are above those of d
