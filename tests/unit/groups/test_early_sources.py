"""Sources that train a model: slow computations, a bias that is known, and what they refuse."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from sklearn.cluster import KMeans
from sklearn.metrics import silhouette_score
from sklearn.mixture import GaussianMixture
from torch import nn
from torch.nn.functional import cross_entropy

from fairser.groups.base import Fold, infer_groups
from fairser.groups.class_clusters import best_clusters, kmeans_maker
from fairser.groups.early import class_groups, fold_data, train, train_erm
from fairser.groups.eiil import FIRST, scale_derivatives
from fairser.groups.george import mixture_maker
from fairser.groups.xrm import CrossRisk, TwinHeads
from fairser.methods.base import FoldData
from fairser.methods.head import Head
from fairser.methods.losses import class_balanced_weights
from unit.builders import clip_table, write_store
from unit.corpora.builders import assert_refused
from unit.groups.builders import TRAINING, agreement_within_classes, biased_fold
from unit.methods.builders import fold as method_fold

# A lower bound of the agreement with the bias that was put in, and settings that fit a small fold.
SOURCES: dict[str, tuple[float, dict[str, Any]]] = {
    "errors": (0.45, {}),
    "eiil": (0.45, {}),
    "xrm": (0.8, {}),
    "spare": (0.2, {}),
    "george": (0.8, {}),
    "bpa": (0.5, {"clusters": 2}),
}


def plain_erm(data: FoldData, epochs: int) -> nn.Module:
    """ERM by a loop of its own, without clipping."""
    torch.manual_seed(0)
    model = Head(*data.features.shape[1:], data.targets.shape[1])
    optimizer = torch.optim.Adam(model.parameters(), lr=TRAINING["learning_rate"])
    weights = class_balanced_weights(data.targets[data.train]).float()
    shuffle = torch.Generator().manual_seed(0)
    for _ in range(epochs):
        order = data.train[torch.randperm(len(data.train), generator=shuffle)]
        for start in range(0, len(order), TRAINING["batch_size"]):
            rows = order[start : start + TRAINING["batch_size"]]
            targets = data.targets[rows]
            each = cross_entropy(model(data.features, rows), targets, reduction="none")
            optimizer.zero_grad()
            ((targets @ weights) * each).mean().backward()
            optimizer.step()
    return model


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("seed", range(2))
def test_the_bias_is_found(source: str, seed: int, tmp_path: Path) -> None:
    least, settings = SOURCES[source]
    fold = biased_fold(tmp_path, source, seed=seed, **settings)
    groups = infer_groups(source, fold)
    assert agreement_within_classes(groups, fold) > least
    assert groups.columns == ["clip", "split", "group"]
    known = groups.group_by("split").agg(pl.col("group").is_not_null().all())
    assert dict(known.iter_rows()) == {"train": True, "development": True, "test": False}
    assert groups.filter(split="test")["group"].null_count() == 60  # of test no label is used
    majority = fold.table.frame["majority"]
    named = groups.with_columns(majority).filter(pl.col("group").is_not_null())
    assert named.select(pl.col("group").str.starts_with(pl.col("majority")).all()).item()


@pytest.mark.parametrize("source", SOURCES)
def test_nothing_of_test_enters_the_groups_of_other_clips(source: str, tmp_path: Path) -> None:
    groups = []
    for name, change in ("one", 0.0), ("other", 5.0):
        (tmp_path / name).mkdir()
        fold = biased_fold(tmp_path / name, source, **SOURCES[source][1])
        store = fold.store()
        array = np.array(store.array)
        array[fold.table.frame["split"] == "test"] += change
        clips = fold.table.frame["clip"].to_list()
        write_store(fold.files["features"], fold.files["clips"], array, clips)
        table = fold.table
        if change:  # and other labels of test
            swap = pl.col("split") == "test"
            frame = table.frame.with_columns(
                pl.when(swap).then("sad").otherwise("angry").alias("angry"),
                pl.when(swap).then("angry").otherwise("sad").alias("sad"),
                pl.when(swap).then(pl.lit("sad")).otherwise("majority").alias("majority"),
            )
            table = table.replace(frame)
        groups.append(infer_groups(source, Fold(table, 1, fold.settings, fold.files, **kept(fold))))
    assert groups[0].equals(groups[1])


def kept(fold: Fold) -> dict[str, Any]:
    return {"standardise": fold.standardise, "train": fold.train}


def test_errors_are_those_of_erm_by_a_plain_loop(tmp_path: Path) -> None:
    training = TRAINING | {"clip_norm": None}
    fold = biased_fold(tmp_path, "errors", training=training, epochs=2)
    groups, data = infer_groups("errors", fold), fold_data(fold)
    rows = torch.cat([data.train, data.development])
    logits = plain_erm(data, 2)(data.features, rows)
    wrong = (logits.argmax(dim=1) != data.majority[rows]).tolist()
    classes = fold.table.classes
    expected = [
        f"{classes[int(data.majority[row])]} {'wrong' if one else 'right'}"
        for row, one in zip(rows.tolist(), wrong, strict=True)
    ]
    assert groups["group"].to_list() == [*expected, *[None] * 60]
    assert fold.notes == {"errors": sum(wrong[:400]) / 400}


def test_standardising_is_that_of_the_runs(tmp_path: Path) -> None:
    fold = biased_fold(tmp_path, "errors")
    whole = fold_data(fold).features
    own = fold_data(Fold(fold.table, files=fold.files, standardise=True)).features
    assert isinstance(whole, torch.Tensor) and isinstance(own, torch.Tensor)
    part = whole[:400].double()
    expected = (whole.double() - part.mean(dim=0)) / part.std(dim=0, correction=0)
    torch.testing.assert_close(own.double(), expected, atol=1e-5, rtol=1e-5)


def test_the_best_epoch_is_kept_where_no_number_is_given(tmp_path: Path) -> None:
    """At this learning rate the loss on development soon rises."""
    training = TRAINING | {"learning_rate": 0.05, "epochs": 6}
    fold = biased_fold(tmp_path, "bpa", train=40, training=training)
    data = fold_data(fold)
    weights = class_balanced_weights(data.targets[data.train]).float()

    def development_loss(model: nn.Module) -> float:
        rows = data.development
        logits = model(data.features, rows).detach()
        targets = data.targets[rows]
        each = cross_entropy(logits, targets, reduction="none")
        return float(((targets @ weights) * each).mean())

    of_each = [development_loss(train_erm(fold, data, epochs)) for epochs in range(1, 7)]
    assert development_loss(train_erm(fold, data)) == pytest.approx(min(of_each))
    assert of_each[-1] > min(of_each)


def environments(count: int = 300, classes: int = 4) -> tuple[torch.Tensor, ...]:
    random = torch.Generator().manual_seed(3)
    logits = 2 * torch.randn(count, classes, generator=random)
    targets = torch.rand(count, classes, generator=random).pow(3)
    return logits, targets / targets.sum(dim=1, keepdim=True), torch.tensor([0.4, 0.9, 1.2, 1.5])


def test_derivatives_by_the_scale_are_those_of_autograd() -> None:
    logits, targets, weights = environments()
    scale = torch.ones(len(logits), 1, requires_grad=True)
    each = cross_entropy(scale * logits, targets, reduction="none") * (targets @ weights)
    each.sum().backward()
    assert scale.grad is not None
    found = scale_derivatives(logits, targets, weights)
    torch.testing.assert_close(found, scale.grad[:, 0], atol=1e-6, rtol=1e-4)


def test_environments_are_those_that_gradient_ascent_comes_to() -> None:
    """The original's procedure: Adam on a soft assignment, from a random one."""
    logits, targets, weights = environments()
    closed = scale_derivatives(logits, targets, weights) > 0
    assignment = torch.randn(len(logits), generator=torch.Generator().manual_seed(0))
    assignment.requires_grad_(True)
    optimizer = torch.optim.Adam([assignment], lr=0.01)
    each_of = (targets @ weights, targets)
    for _ in range(2500):
        scale = torch.ones((), requires_grad=True)
        losses = cross_entropy(scale * logits, each_of[1], reduction="none") * each_of[0]
        share = assignment.sigmoid()
        slopes = [
            torch.autograd.grad((part * losses).mean(), scale, create_graph=True)[0]
            for part in (share, 1 - share)
        ]
        optimizer.zero_grad()
        (-slopes[0].square() - slopes[1].square()).backward()
        optimizer.step()
    ascended = assignment.detach() > 0
    same = (ascended == closed).double().mean()
    assert max(same, 1 - same) > 0.99
    # The closed form is at least as far from invariant as what ascent has reached.
    slope = scale_derivatives(logits, targets, weights)

    def penalty(share: torch.Tensor) -> float:
        return float((share * slope).mean() ** 2 + ((1 - share) * slope).mean() ** 2)

    assert penalty(closed.float()) >= penalty(assignment.detach().sigmoid())


def test_eiil_takes_the_early_model(tmp_path: Path) -> None:
    fold = biased_fold(tmp_path, "eiil", epochs=2)
    groups, data = infer_groups("eiil", fold), fold_data(fold)
    logits = train_erm(fold, data, 2)(data.features, data.train).detach()
    weights = class_balanced_weights(data.targets[data.train]).float()
    above = scale_derivatives(logits, data.targets[data.train], weights) > 0
    found = groups.filter(split="train")["group"].str.ends_with(FIRST)
    assert found.to_list() == above.tolist()
    assert fold.notes == {FIRST: float(above.double().mean())}


def twins(classes: list[int], count: int = 3) -> tuple[CrossRisk, TwinHeads]:
    data = method_fold(classes, count=count)
    torch.manual_seed(0)
    model = TwinHeads(2, 4, count)
    return CrossRisk(data, torch.Generator().manual_seed(5)), model


def test_loss_of_cross_risk_by_a_plain_loop() -> None:
    method, model = twins([0, 1, 2, 0, 1, 1, 0, 2, 2, 0])
    method.holder = torch.tensor([0, 1, 1, 0, 0, 1, 0, 1, 0, 1])
    rows = torch.tensor([0, 1, 3, 4, 5, 9])  # no clip of class 2
    logits = model.both(method.data.features, rows).detach()
    by_class: dict[int, list[float]] = {}
    for place, row in enumerate(rows.tolist()):
        own = logits[int(method.holder[row]), place]
        label = int(method.data.majority[row])
        by_class.setdefault(label, []).append(float(-own.log_softmax(dim=0)[label]))
    expected = sum(np.mean(losses) for losses in by_class.values())
    assert method.loss(model, rows, 0.0).item() == pytest.approx(expected, rel=1e-5)


def test_each_head_learns_from_its_own_clips_alone() -> None:
    method, model = twins([0, 1, 2, 0, 1, 1])
    rows = torch.arange(6)
    method.holder = torch.zeros(6, dtype=torch.int64)
    method.loss(model, rows, 0.0).backward()
    first, second = (list(head.parameters()) for head in model.heads)
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in first[1:])
    assert all(p.grad is None or not p.grad.any() for p in second)
    assert method.parts(model) == [first, second]


class Certain(nn.Module):
    """A pair of heads whose held-out logits are given."""

    def __init__(self, held_in: torch.Tensor, held_out: torch.Tensor) -> None:
        super().__init__()
        self.logits = torch.stack([held_in, held_out])

    def both(self, _features: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        return self.logits[:, rows]


@pytest.mark.parametrize(("confidence", "share"), [(1.0, 1.0), (1 / 3, 0.0), (2 / 3, 0.5)])
def test_labels_flip_by_the_confidence_of_the_held_out_head(
    confidence: float, share: float
) -> None:
    count = 2000
    method, _ = twins([0] * count)
    method.holder = torch.zeros(count, dtype=torch.int64)
    rest = (1 - confidence) / 2
    held_out = torch.tensor([rest, confidence, rest]).log().clamp_min(-1e4).expand(count, 3)
    model = Certain(torch.zeros(count, 3), held_out)
    method.loss(model, torch.arange(count), 0.0)
    assert set(method.labels.tolist()) <= {0, 1}
    assert float(method.labels.double().mean()) == pytest.approx(share, abs=0.04)
    assert int(method.flips) == int(method.labels.sum())
    # Another step begins with the new labels; one that stays is no flip.
    method.loss(model, torch.arange(count), 0.0)
    assert int(method.flips) == int(method.labels.sum())


def test_cross_risk_is_wrong_where_either_head_is(tmp_path: Path) -> None:
    fold = biased_fold(tmp_path, "xrm")
    groups, data = infer_groups("xrm", fold), fold_data(fold)
    method = CrossRisk(data, torch.Generator().manual_seed(0))
    model: Any = train(method, fold, TRAINING["epochs"])
    rows = torch.cat([data.train, data.development])
    with torch.no_grad():
        wrong = [
            head(data.features, rows).argmax(dim=1) != data.majority[rows] for head in model.heads
        ]
    found = groups.filter(pl.col("split") != "test")["group"].str.ends_with("wrong").to_list()
    assert found == (wrong[0] | wrong[1]).tolist()
    assert fold.notes == {"errors": sum(found[:400]) / 400, "flips": int(method.flips)}
    assert fold.notes["flips"] > 0 and not torch.equal(method.labels, data.majority)
    assert abs(int(method.holder.sum()) - len(data.targets) / 2) <= 1


@pytest.mark.parametrize(
    ("maker", "reference"),
    [
        (kmeans_maker, lambda k: KMeans(k, n_init=10, random_state=42)),
        (
            mixture_maker,
            lambda k: GaussianMixture(
                k, covariance_type="diag", reg_covar=1e-3, max_iter=1000, random_state=42
            ),
        ),
    ],
)
@pytest.mark.parametrize("centres", [2, 4])
def test_number_of_clusters_by_silhouette(
    maker: Callable[[int], Any], reference: Callable[[int], Any], centres: int
) -> None:
    random = np.random.default_rng(centres)
    vectors = random.normal(0, 6, (centres, 3))[random.integers(centres, size=120)]
    vectors = vectors + random.normal(0, 0.5, vectors.shape)
    labels = {k: reference(k).fit_predict(vectors) for k in range(2, 7)}
    best = max(labels, key=lambda k: silhouette_score(vectors, labels[k]))
    assert best == centres
    assert best_clusters(vectors, 6, maker).predict(vectors).tolist() == labels[best].tolist()


@pytest.mark.parametrize("count", [1, 2])
def test_few_clips_of_a_class_are_one_cluster(count: int) -> None:
    vectors = np.arange(count, dtype=float)[:, None]
    assert best_clusters(vectors, 10, kmeans_maker).predict(vectors).tolist() == [0] * count
    same = np.ones((50, 2))
    assert set(best_clusters(same, 10, kmeans_maker).predict(same)) == {0}


def test_clusters_of_many_clips_are_fitted_to_all(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = np.random.default_rng(0).normal(0, 1, (300, 2))
    vectors[:150] += 9
    monkeypatch.setattr("fairser.groups.class_clusters.LARGEST", 60)
    found = best_clusters(vectors, 4, kmeans_maker)
    expected = KMeans(2, n_init=10, random_state=42).fit(vectors)
    np.testing.assert_allclose(found.cluster_centers_, expected.cluster_centers_)


@pytest.mark.parametrize("source", ["spare", "george", "bpa"])
def test_clusters_are_fitted_on_the_train_clips_of_each_class(source: str, tmp_path: Path) -> None:
    fold = biased_fold(tmp_path, source)
    groups, data = infer_groups(source, fold), fold_data(fold)
    everything = torch.arange(len(data.targets))
    model: Any = train_erm(fold, data, 1 if source == "spare" else None)
    with torch.no_grad():
        if source == "spare":
            values = model(data.features, everything).double()
        else:
            values = model.encoder(data.features, everything).double()
        if source == "george":
            weights = class_balanced_weights(data.targets[data.train]).float()
            logits = model(data.features, everything)
            each = cross_entropy(logits, data.targets, reduction="none") * (data.targets @ weights)
            values = torch.cat([values, each[:, None].double()], dim=1)
            mean, std = values[:400].mean(dim=0), values[:400].std(dim=0, correction=0)
            values = (values - mean) / std
    counts = {}
    for number, name in enumerate(fold.table.classes):
        clips = data.train[data.majority[data.train] == number]
        maker = mixture_maker if source == "george" else kmeans_maker
        vectors = values[clips].numpy()
        made = (
            kmeans_maker(8).fit(vectors) if source == "bpa" else best_clusters(vectors, 10, maker)
        )
        others = data.development[data.majority[data.development] == number]
        for rows in clips, others:
            expected = [f"{name} {label}" for label in made.predict(values[rows].numpy())]
            assert groups["group"].gather(rows.numpy()).to_list() == expected
        counts[name] = len(set(made.predict(vectors)))
    assert fold.notes == {"clusters": counts}


@pytest.mark.parametrize(
    ("source", "settings", "told"),
    [
        (
            "errors",
            {"epochs": 20},
            ("no errors", "100 train clips", "Lower 'sources.errors.epochs'"),
        ),
        ("xrm", {}, ("no errors", "Lower 'train.epochs' (now 20)")),
        ("bpa", {"clusters": 60}, ("60 clusters", "50 different", "'sources.bpa.clusters'")),
    ],
)
def test_nothing_to_divide_is_refused(
    source: str, settings: dict[str, Any], told: tuple[str, ...], tmp_path: Path
) -> None:
    """Each class is a cloud of its own, far from the other."""
    fold = biased_fold(tmp_path, source, train=100, voice=0.0, **settings)
    array = np.array(fold.store().array)
    array[:, 0, 1] += np.where(np.arange(len(array)) % 2, 30, -30)
    clips = fold.table.frame["clip"].to_list()
    write_store(fold.files["features"], fold.files["clips"], array, clips)
    assert_refused(("old 1", *told), infer_groups, source, fold)


def test_only_errors_are_refused(tmp_path: Path) -> None:
    """Development and train are alike, but the model hardly learns; all train clips are of the
    class that it does not predict at first."""
    fold = biased_fold(tmp_path, "errors", training=TRAINING | {"learning_rate": 1e-9}, epochs=1)
    array = np.array(fold.store().array)
    array[:] = array[:1]
    clips = fold.table.frame["clip"].to_list()
    write_store(fold.files["features"], fold.files["clips"], array, clips)
    data = fold_data(fold)
    predicted = int(train_erm(fold, data, 1)(data.features, data.train[:1]).argmax())
    name = fold.table.classes[1 - predicted]
    frame = fold.table.frame.with_columns(
        *(pl.lit(float(one == name)).alias(one) for one in fold.table.classes),
        pl.lit(name).alias("majority"),
    )
    changed = Fold(fold.table.replace(frame), 1, fold.settings, fold.files, **kept(fold))
    told = ("old 1", "only errors", "400 train clips", "Raise 'sources.errors.epochs' (now 1)")
    assert_refused(told, infer_groups, "errors", changed)


def test_groups_that_are_the_classes_are_refused() -> None:
    table = clip_table(np.eye(3)[[0, 1, 0, 1]], ["train", "train", "development", "test"])
    found = ("old 1", "2 train clips", "Change it.")
    assert_refused(found, class_groups, Fold(table), ["a", "b", "c", "d"], "Change it.")
    # One class in two parts is enough; clips without a part, of test or of no class have no group.
    labels = np.array([[1, 0, 0], [1, 0, 0], [0, 1, 0], [0.4, 0.4, 0.2], [1, 0, 0], [1, 0, 0]])
    splits = ["train", "train", "train", "development", "development", "test"]
    made = class_groups(Fold(clip_table(labels, splits)), ["a", "b", "a", "a", None, "a"], "")
    assert made["group"].to_list() == ["angry a", "angry b", "happy a", None, None, None]


def test_a_loss_that_is_not_finite_names_the_fold(tmp_path: Path) -> None:
    fold = biased_fold(tmp_path, "errors")
    array = np.array(fold.store().array)
    array[3] = np.inf
    clips = fold.table.frame["clip"].to_list()
    write_store(fold.files["features"], fold.files["clips"], array, clips)
    assert_refused(("not finite", "groups of fold 1"), infer_groups, "errors", fold)
