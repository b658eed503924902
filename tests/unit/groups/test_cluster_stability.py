"""Silhouette and stability against scikit-learn called directly; speakers, references, sizes."""

import json
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.cluster import MiniBatchKMeans
from sklearn.metrics import adjusted_rand_score, silhouette_score

from fairser.corpora.clips import ClipTable
from fairser.extraction.store import FeatureStore
from fairser.groups import cluster_stability
from fairser.groups.cluster_stability import Draws, measure, reference, silhouette, stability
from fairser.groups.kmeans import kmeans
from fairser.results.choosing_k import choose
from unit.builders import clip_table, feature_store
from unit.corpora.builders import assert_refused

SPEAKERS, CLIPS, DIM = 40, 8, 6
DRAWS = Draws(resamples=4, references=3, seed=0)


def corpus(
    centres: int = 4,
    apart: float = 8.0,
    seed: int = 0,
    speakers: int = SPEAKERS,
    clips: int = CLIPS,
) -> tuple[ClipTable, FeatureStore]:
    """Speakers around some centres, clips around their speakers; and two clips of other splits."""
    random = np.random.default_rng(seed)
    centre = apart * random.standard_normal((max(centres, 1), DIM))
    voice = centre[np.arange(speakers) % max(centres, 1)] + random.normal(0, 1, (speakers, DIM))
    number = np.repeat(np.arange(speakers), clips)
    vectors = np.concatenate([voice[number] + random.normal(0, 0.5, (len(number), DIM)), voice[:2]])
    table = clip_table(
        np.eye(3)[np.arange(len(vectors)) % 3],
        [*["train"] * len(number), "development", "test"],
        gender=["female", "male"] * (len(vectors) // 2),
    )
    # The table is sorted by the clips' names, c1000 before c999.
    rows = {name: int(name[1:]) for name in table.frame["clip"]}
    speaker = [*(f"s{n:02d}" for n in number), "d", "t"]
    names = pl.Series("speaker", [speaker[row] for row in rows.values()])
    table = table.replace(table.frame.with_columns(names))
    return table, FeatureStore(vectors[:, None, :].astype(np.float32), rows)


def train_of(table: ClipTable, store: FeatureStore) -> tuple[np.ndarray, np.ndarray]:
    """Vectors of train, and the number of each clip's speaker."""
    train = table.frame.filter(split="train")
    vectors = store.array[store.rows(train["clip"]), 0].astype(np.float64)
    return vectors, (train["speaker"].rank("dense") - 1).to_numpy().astype(int)


def test_groups_are_those_of_the_source_kmeans() -> None:
    table, store = corpus()
    groups = kmeans(table, store, 6, True).filter(split="train")
    sizes = groups["group"].value_counts()["count"]
    found = measure(table, store, [6], True, DRAWS)
    number = found["numbers"][0]
    assert (found["clips"], found["speakers"]) == (SPEAKERS * CLIPS, SPEAKERS)
    assert number["smallest_clips"] == sizes.min()
    assert number["largest"] == pytest.approx(sizes.max() / sizes.sum())
    shares = sizes.to_numpy() / sizes.sum()
    assert number["effective"] == pytest.approx(np.prod(shares**-shares))
    by = groups.with_columns(table.frame.filter(split="train")["speaker"]).group_by("group")
    assert number["smallest_speakers"] == by.agg(pl.col("speaker").n_unique())["speaker"].min()


def test_silhouette_is_that_of_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, _ = train_of(*corpus())
    labels = np.random.default_rng(0).integers(3, size=len(vectors))
    whole = silhouette_score(vectors, labels, metric="euclidean")
    assert silhouette(vectors, labels, 0) == pytest.approx(whole)
    monkeypatch.setattr(cluster_stability, "SILHOUETTE_CLIPS", 150)
    part = silhouette(vectors, labels, 0)
    assert part != pytest.approx(whole)
    rows = np.random.default_rng(0).choice(len(vectors), 150, replace=False)
    assert part == pytest.approx(silhouette_score(vectors[rows], labels[rows]))
    assert silhouette(vectors, np.zeros(len(vectors)), 0) is None


def test_stability_is_the_mean_ari_of_scikit_learn_on_shared_clips() -> None:
    vectors, speakers = train_of(*corpus(centres=1))
    random = np.random.default_rng(5)
    parts = [np.isin(speakers, random.permutation(SPEAKERS)[:32]) for _ in range(4)]
    scores = []
    for one, other in combinations(parts, 2):
        labels = []
        for part in (one, other):
            model = MiniBatchKMeans(
                3,
                init="k-means++",
                n_init="auto",
                random_state=42,
                max_iter=1000,
                batch_size=32,
                reassignment_ratio=0.01,
                tol=0.0,
            ).fit(vectors[part])
            labels.append(dict(zip(np.flatnonzero(part), model.labels_, strict=True)))
        shared = sorted(labels[0].keys() & labels[1].keys())
        scores.append(adjusted_rand_score(*([side[i] for i in shared] for side in labels)))
    assert stability(vectors, np.stack(parts), 3) == pytest.approx(np.mean(scores))


def test_references_have_the_covariances_and_no_groups() -> None:
    table, store = corpus(speakers=60, clips=20)
    vectors, speakers = train_of(table, store)
    draw = reference(vectors, speakers)
    drawn = [draw(np.random.default_rng(seed)) for seed in range(30)]

    def parts(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        means = np.stack([values[speakers == s].mean(axis=0) for s in range(60)])
        return np.cov(means.T), np.cov((values - means[speakers]).T)

    for wanted, *got in zip(parts(vectors), *(parts(one) for one in drawn), strict=True):
        scale = np.abs(wanted).max()
        np.testing.assert_allclose(np.mean(got, axis=0), wanted, atol=0.15 * scale)
    # Four groups that are far apart are stable; of their covariances alone nothing is.
    everyone = np.stack([speakers % 5 != 0, speakers % 5 != 1])
    assert stability(vectors, everyone, 4) == pytest.approx(1)
    assert np.mean([stability(one, everyone, 4) for one in drawn]) < 0.9


def test_the_same_seed_gives_the_same_and_another_one_others() -> None:
    table, store = corpus(centres=1)
    one, same = (measure(table, store, [2, 3], True, DRAWS) for _ in range(2))
    assert one == same
    other = measure(table, store, [2, 3], True, replace(DRAWS, seed=1))
    assert [n["references"] for n in other["numbers"]] != [n["references"] for n in one["numbers"]]
    # Another K beside it changes nothing of a K.
    assert measure(table, store, [3], True, DRAWS)["numbers"][0] == one["numbers"][1]


def shuffled(table: ClipTable) -> ClipTable:
    gender = table.frame["gender"].shuffle(seed=3)
    return table.replace(table.frame.with_columns(gender))


def removed(table: ClipTable) -> ClipTable:
    return ClipTable(table.frame.drop("gender"), table.classes, ())


@pytest.mark.parametrize("change", [shuffled, removed])
def test_no_demographic_label_is_used(change: Any) -> None:
    table, store = corpus()
    assert not change(table).frame.equals(table.frame)
    found = [measure(t, store, [2, 4], True, DRAWS) for t in (table, change(table))]
    assert json.dumps(found[0]) == json.dumps(found[1])
    tables = [choose([one], 30, 5).write_csv() for one in found]
    assert tables[0] == tables[1]


def test_more_clusters_than_speakers_are_refused() -> None:
    table, store = corpus(speakers=10)
    told = ("K = 9 groups of 10 train speakers", "a subsample has 8", "'choose_k.k'")
    assert_refused(told, measure, table, store, [2, 9], True, DRAWS)
    assert len(measure(table, store, [2, 8], True, DRAWS)["numbers"]) == 2


def test_as_many_clusters_as_clips() -> None:
    """One clip a speaker, so that no clip of a subsample is left over."""
    table, store = corpus(speakers=10, clips=1)
    found = measure(table, store, [8], False, DRAWS)["numbers"][0]
    assert found["smallest_clips"] in (0, 1)
    told = ("K = 11 groups of 10 train speakers",)
    assert_refused(told, measure, table, store, [11], False, DRAWS)


def test_of_very_many_clips_those_of_some_speakers_are_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table, store = corpus()
    monkeypatch.setattr(cluster_stability, "LARGEST", 100)
    found = measure(table, store, [2], True, DRAWS)
    assert (found["clips"], found["speakers"]) == (96, 12)


def test_a_store_on_disk_gives_the_same(tmp_path: Path) -> None:
    table, store = corpus()
    written = feature_store(tmp_path, store.array, list(store.row_of))
    assert measure(table, written, [3], True, DRAWS) == measure(table, store, [3], True, DRAWS)
