"""Group sources: annotation, a gender model, clusters; and how groups meet the annotation."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.cluster import MiniBatchKMeans
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from fairser.config.extensions import use
from fairser.core.errors import InputError
from fairser.corpora.clips import ClipTable
from fairser.extraction.store import FeatureStore
from fairser.groups.agreement import agreement, quality, quality_table
from fairser.groups.base import Fold, find_groups, infer_groups
from fairser.groups.kmeans import kmeans
from fairser.groups.probabilities import read_probabilities
from fairser.training.folds import encode_groups
from unit.builders import clip_table
from unit.corpora.builders import assert_refused, write_csv

SPLITS = ["train", "train", "development", "test"]
GENDER = ["female", None, "male", "male"]
TABLE = clip_table(
    np.eye(3)[[0, 1, 2, 0]], SPLITS, gender=GENDER, race=["asian", "asian", None, "caucasian"]
)
CLIPS = ["c000", "c001", "c002", "c003"]


def annotated(table: ClipTable, attributes: list[str]) -> pl.DataFrame:
    return infer_groups("annotated", Fold(table, settings={"attributes": attributes}))


def pseudo(path: Path) -> pl.DataFrame:
    return infer_groups("pseudo", Fold(TABLE, files={"probabilities": str(path)}))


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        (["gender"], GENDER),
        (["gender", "race"], ["female x asian", None, None, "male x caucasian"]),
        (["race", "gender"], ["asian x female", None, None, "caucasian x male"]),
    ],
)
def test_annotated(attributes: list[str], expected: list[str | None]) -> None:
    found = annotated(TABLE, attributes)
    assert found.columns == ["clip", "split", "group"]
    assert (found["clip"].to_list(), found["split"].to_list()) == (CLIPS, SPLITS)
    assert found["group"].to_list() == expected


@pytest.mark.parametrize(
    ("table", "attributes", "told"),
    [
        (TABLE, ["gendre"], ("'gendre'", "Did you mean 'gender'?", "It has: gender, race.")),
        (TABLE, ["gender", "age"], ("'sources.annotated.attributes' names 'age'", "gender, race")),
        (ClipTable(TABLE.frame, TABLE.classes, ()), ["gender"], ("It has: no demographics.",)),
    ],
)
def test_attribute_that_the_corpus_lacks(
    table: ClipTable, attributes: list[str], told: tuple[str, ...]
) -> None:
    assert_refused(told, annotated, table, attributes)


def test_pseudo_takes_the_more_probable_gender_and_keeps_both(tmp_path: Path) -> None:
    shares = [0.9, 0.2, 0.5, 0.51]
    given = {"clip": CLIPS, "p_female": shares, "p_male": [1 - p for p in shares]}
    pl.DataFrame(given).reverse().write_csv(tmp_path / "shuffled.csv")
    found = pseudo(tmp_path / "shuffled.csv")
    assert found.columns == ["clip", "split", "group", "p_female", "p_male"]
    assert (found["clip"].to_list(), found["split"].to_list()) == (CLIPS, SPLITS)
    assert found["group"].to_list() == ["female", "male", "male", "female"]  # a tie is male
    assert found["p_female"].to_list() == shares


def probability_rows(**changes: dict[str, Any]) -> list[dict[str, Any]]:
    """Rows of a probability file, with changes to single clips."""
    rows = [{"clip": name, "p_female": 0.25, "p_male": 0.75} for name in CLIPS]
    return [row | changes.get(str(row["clip"]), {}) for row in rows]


def test_probabilities_are_read_and_made_to_sum_to_one(tmp_path: Path) -> None:
    rows = probability_rows(
        c001={"p_female": 0.3, "p_male": 0.705}, c003={"clip": "c003.wav", "p_female": "2.5e-1"}
    )
    rows.append({"clip": "stranger", "p_female": 1, "p_male": 0})
    found = read_probabilities(write_csv(tmp_path / "p.csv", rows), TABLE)
    assert found.columns == ["clip", "p_female", "p_male"]
    assert found["clip"].to_list() == [*CLIPS, "stranger"]
    assert found["p_female"].to_list() == pytest.approx([0.25, 0.3 / 1.005, 0.25, 0.25, 1])
    assert (found["p_female"] + found["p_male"]).to_list() == pytest.approx([1] * 5)


NO_PROBABILITIES = ("row 3: ", "no probabilities that sum to 1", "renormalise")


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (
            [{"clip": "c000", "p_femal": 0.5, "p_male": 0.5}],
            ("row 1: no column 'p_female'", "Did you mean 'p_femal'?"),
        ),
        ([{"p_female": 0.5, "p_male": 0.5}], ("row 1: no column 'clip'",)),
        (probability_rows()[:2], (": 2 of 4 clips have no row, such as 'c002'", "add them")),
        (probability_rows(c001={"p_male": 1.75}), (*NO_PROBABILITIES, "0.25", "1.75")),
        (probability_rows(c001={"p_female": -0.1, "p_male": 1.1}), (*NO_PROBABILITIES, "-0.1")),
        (probability_rows(c001={"p_male": 0.73}), (*NO_PROBABILITIES, "0.73")),
        (probability_rows(c001={"p_male": "nan"}), (*NO_PROBABILITIES, "0.25", "nan")),
        (probability_rows(c001={"p_male": "high"}), (*NO_PROBABILITIES, "high")),
        (probability_rows(c001={"p_female": ""}), (*NO_PROBABILITIES, "0.75")),
        (
            probability_rows(c002={"clip": "c001.wav"}),
            ("row 3: clip 'c001' has two rows; keep one",),
        ),
    ],
)
def test_bad_probabilities(
    rows: list[dict[str, Any]], told: tuple[str, ...], tmp_path: Path
) -> None:
    path = write_csv(tmp_path / "p.csv", rows)
    assert_refused((str(path), *told), read_probabilities, path, TABLE)


def test_sums_within_the_tolerance_pass(tmp_path: Path) -> None:
    rows = probability_rows(c001={"p_male": 0.759}, c002={"p_male": 0.741})
    assert read_probabilities(write_csv(tmp_path / "p.csv", rows), TABLE).height == 4


def cluster_table(train: int = 60, other: int = 20) -> ClipTable:
    splits = ["train"] * train + ["development"] * other + ["test"] * other
    return clip_table(np.eye(3)[np.arange(len(splits)) % 3], splits)


def embeddings(table: ClipTable, seed: int = 0) -> FeatureStore:
    """Vectors around four centres, with scales that differ by dimension."""
    random = np.random.default_rng(seed)
    count = table.frame.height
    centres = random.normal(0, 3, (4, 5))[random.integers(4, size=count)]
    scales = np.array([1, 10, 0.1, 1, 0])  # the last one is constant
    array = ((centres + random.normal(0, 1, (count, 5))) * scales)[:, None, :]
    clips = table.frame["clip"].to_list()
    order = random.permutation(count)
    return FeatureStore(
        array[order].astype(np.float32), {clips[old]: new for new, old in enumerate(order)}
    )


@pytest.mark.parametrize("standardise", [False, True])
@pytest.mark.parametrize("k", [2, 4, 16])
def test_kmeans_is_that_of_table_a1_fitted_on_train(k: int, standardise: bool) -> None:
    table = cluster_table()
    store = embeddings(table)
    vectors = store.array[store.rows(table.frame["clip"]), 0].astype(np.float64)
    train = vectors[(table.frame["split"] == "train").to_numpy()]
    if standardise:
        std = np.where(train.std(axis=0) == 0, 1, train.std(axis=0))
        vectors, train = ((x - train.mean(axis=0)) / std for x in (vectors, train))
    model = MiniBatchKMeans(
        k,
        init="k-means++",
        random_state=42,
        max_iter=1000,
        batch_size=32,
        compute_labels=True,
        reassignment_ratio=0.01,
        tol=0.0,
    ).fit(train)
    found = kmeans(table, store, k, standardise)
    assert found.columns == ["clip", "split", "group"]
    assert found.select("clip", "split").equals(table.frame.select("clip", "split"))
    assert found["group"].to_list() == [str(label) for label in model.predict(vectors)]
    assert found.equals(kmeans(table, store, k, standardise))
    assert found["group"].n_unique() > 1


def test_standardising_changes_the_clusters() -> None:
    table = cluster_table()
    store = embeddings(table)
    pairs = [kmeans(table, store, 4, standardise)["group"] for standardise in (False, True)]
    assert adjusted_rand_score(*pairs) < 0.99


@pytest.mark.parametrize("standardise", [False, True])
def test_other_splits_do_not_influence_the_clusters_of_train(standardise: bool) -> None:
    table = cluster_table()
    store = embeddings(table)
    array = store.array.copy()
    test = store.rows(table.frame.filter(split="test")["clip"])
    array[test] += 1000
    moved = kmeans(table, FeatureStore(array, store.row_of), 4, standardise)
    before = kmeans(table, store, 4, standardise)
    outside = pl.col("split") != "test"
    assert moved.filter(outside).equals(before.filter(outside))
    assert not moved.equals(before)


def test_more_clusters_than_train_clips_are_refused() -> None:
    table = cluster_table(train=5)
    store = embeddings(table)
    assert_refused(("K = 6", "5 train clips", "'grid.k'"), kmeans, table, store, 6, False)
    assert kmeans(table, store, 5, False)["group"].null_count() == 0  # as many as clips will do


@pytest.mark.parametrize(
    ("group", "truth", "accuracy", "purity"),
    [
        ("aabb", "xxyy", 1, 1),
        ("aabb", "yyxx", 1, 1),  # the names do not matter
        ("aaab", "xxyy", 3 / 4, 3 / 4),
        ("aaaa", "xxyy", 1 / 2, 1 / 2),
        ("aaaa", "xxxx", 1, 1),
        ("abcd", "xxyy", 1 / 2, 1),  # a group for each value is matched, the rest is wrong
        ("aaabbc", "xxyxxy", 1 / 2, 5 / 6),  # a with x 2 or y 1, b with x 2, c with y 1
        ("aabb", "wxyz", 1 / 2, 1 / 2),  # more values than groups
    ],
)
def test_agreement_by_hand(group: str, truth: str, accuracy: float, purity: float) -> None:
    found = agreement(pl.DataFrame({"group": list(group), "gender": list(truth)}), "gender")
    assert (found["accuracy"], found["purity"]) == (pytest.approx(accuracy), pytest.approx(purity))
    assert found["clips"] == len(group)
    assert found["nmi"] == pytest.approx(normalized_mutual_info_score(list(truth), list(group)))
    assert found["ari"] == pytest.approx(adjusted_rand_score(list(truth), list(group)))


def test_agreement_of_nothing_does_not_exist() -> None:
    nothing = pl.DataFrame({"group": [], "gender": []}, {"group": pl.String, "gender": pl.String})
    scores = dict.fromkeys(("accuracy", "purity", "nmi", "ari"))
    assert agreement(nothing, "gender") == {"clips": 0, **scores}


def test_quality_of_train_and_test() -> None:
    # Train: groups a and b, genders female and unknown, both Asian; test: a clip without a group.
    grouping = TABLE.frame.select("clip", "split").with_columns(
        pl.Series("group", ["a", "b", "a", None])
    )
    found = quality(grouping, TABLE)
    assert list(found) == ["train", "test"]
    train = found["train"]
    assert (train["clips"], train["unknown"], train["sizes"]) == (2, 0, {"a": 1, "b": 1})
    assert train["attributes"]["gender"]["clips"] == 1
    assert train["attributes"]["race"]["purity"] == 1
    assert train["attributes"]["race"]["accuracy"] == 0.5
    assert (found["test"]["clips"], found["test"]["unknown"], found["test"]["sizes"]) == (1, 1, {})
    assert found["test"]["attributes"]["gender"]["accuracy"] is None


def test_quality_table_has_a_row_for_each_split_and_attribute() -> None:
    scores = {"clips": 5, "accuracy": 0.8, "purity": 0.9, "nmi": 0.5, "ari": 0.4}
    missing = {"clips": 0, **dict.fromkeys(("accuracy", "purity", "nmi", "ari"))}
    train = {"clips": 9, "unknown": 1, "sizes": {"a": 6, "b": 2}}
    test = {"clips": 2, "unknown": 2, "sizes": {}}
    cell = {"source": "kmeans", "k": 2, "fold": 1}
    cells = [
        cell
        | {
            "quality": {
                "train": train | {"attributes": {"gender": scores, "race": scores}},
                "test": test | {"attributes": {"gender": missing, "race": missing}},
            }
        },
        cell | {"fold": 2, "quality": {"train": train | {"attributes": {"gender": scores}}}},
    ]
    table = quality_table(cells)
    keys = ["source", "k", "fold", "split", "attribute"]
    assert table.select(keys).rows() == [
        ("kmeans", 2, 1, "train", "gender"),
        ("kmeans", 2, 1, "train", "race"),
        ("kmeans", 2, 1, "test", "gender"),
        ("kmeans", 2, 1, "test", "race"),
        ("kmeans", 2, 2, "train", "gender"),
    ]
    assert table.row(0, named=True) == {
        **dict(zip(keys, table.select(keys).row(0), strict=True)),
        "groups": 2,
        "unknown": 1,
        "smallest": 2,
        "largest": 6,
        **scores,
    }
    row = table.row(2, named=True)
    assert [row[name] for name in ("groups", "smallest", "largest", "nmi")] == [0, 0, 0, None]


def test_quality_table_of_a_corpus_without_demographics_is_empty() -> None:
    part = {"clips": 1, "unknown": 0, "sizes": {"0": 1}, "attributes": {}}
    cell = {"source": "kmeans", "k": 2, "fold": 1, "quality": {"train": part, "test": part}}
    assert quality_table([cell]).height == 0


def test_groups_are_numbered_by_name() -> None:
    numbers, shares = encode_groups(pl.DataFrame({"group": ["m", None, "f", "m"]}))
    assert (numbers.dtype, numbers.tolist(), shares) == (np.int64, [1, -1, 0, 1], None)
    unknown = pl.DataFrame({"group": pl.Series([None, None], dtype=pl.String)})
    assert encode_groups(unknown)[0].tolist() == [-1, -1]


def test_groups_with_probabilities_are_numbered_as_their_columns() -> None:
    # No clip is female, but female keeps the number 0 and its column.
    frame = pl.DataFrame(
        {
            "clip": ["a", "b"],
            "group": ["male", None],
            "p_male": [0.75, 0.5],
            "p_female": [0.25, 0.5],
        }
    )
    numbers, found = encode_groups(frame)
    assert numbers.tolist() == [1, -1]
    assert found is not None and found.dtype == np.float32
    assert found.tolist() == [[0.25, 0.75], [0.5, 0.5]]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("fold.table.frame.select('clip', 'split')", "clip, split and group"),
        ("fold.table.frame.select('clip', 'split', group=pl.lit(1))", "all of them text"),
        ("fold.table.frame.select('clip', 'split', group='split').reverse()", "in the order"),
        ("fold.table.frame.select('clip', 'split', group='split').head(3)", "have 3 rows"),
    ],
)
def test_groups_of_a_plugin_that_do_not_fit_the_fold(body: str, told: str, tmp_path: Path) -> None:
    text = f"import polars as pl\nSOURCE = {{}}\ndef infer_groups(fold):\n    return {body}\n"
    (tmp_path / "mine.py").write_text(text)
    use([str(tmp_path)])
    try:
        with pytest.raises(InputError, match=r"mine\.py") as caught:
            infer_groups("mine", Fold(TABLE))
        assert told in str(caught.value)
    finally:
        use([])


def test_a_source_that_fails_leaves_unknown_groups_and_its_fault() -> None:
    fold = Fold(TABLE, settings={"attributes": ["gendre"]})
    found = find_groups("annotated", fold)
    assert found.equals(TABLE.frame.select("clip", "split").with_columns(group=pl.lit(None, str)))
    assert len(fold.faults) == 1 and "'gendre'" in fold.faults[0]
    table = quality_table([{"source": "x", "k": 1, "fold": 1, "quality": quality(found, TABLE)}])
    assert table.filter(pl.col("attribute") == "gender", pl.col("split") == "train").select(
        "groups", "unknown", "clips"
    ).row(0) == (0, 2, 0)
    fold = Fold(TABLE, settings={"attributes": ["gender"]})
    assert find_groups("annotated", fold).equals(infer_groups("annotated", fold))
    assert fold.faults == []
    with pytest.raises(InputError, match="nowhere"):
        find_groups("nowhere", fold)
