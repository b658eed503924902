"""The rules of the biased splits, on clip tables that can be counted by hand."""

from collections import Counter

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from fairser.corpora.clips import ClipTable
from fairser.corpora.splits import bias_fold, dominant_groups
from unit.corpora.builders import assert_refused, make_table

Cells = dict[tuple[str | None, str | None], int]
HAPPY = {("happy", "female"): 1}
REST = {"development": HAPPY, "test": HAPPY}


def bias(table: ClipTable, ratio: float | None = 20, seed: int = 0, fold: int = 1) -> ClipTable:
    return bias_fold(table, fold, table.attributes[0], ratio, seed)


def count(table: ClipTable, split: str) -> Cells:
    rows = table.frame.filter(split=split).select("majority", table.attributes[0]).rows()
    return dict(Counter(rows))


def clips(table: ClipTable, split: str, name: str, group: str) -> list[str]:
    keep = (pl.col("split") == split) & (pl.col("majority") == name)
    return table.frame.filter(keep & (pl.col(table.attributes[0]) == group))["clip"].to_list()


@pytest.mark.parametrize(
    ("dominant", "other", "ratio", "kept"),
    [
        (45, 30, 20, 2),
        (40, 30, 20, 2),
        (39, 30, 20, 1),
        (19, 10, 20, 0),
        (45, 1, 20, 1),
        (10, 4, 2.5, 4),
        (10, 9, 1, 9),
        (33, 32, 1.1, 30),  # 33 / 1.1 is a little below 30 in binary
    ],
)
def test_one_other_clip_for_each_ratio_of_the_dominant(
    dominant: int, other: int, ratio: float, kept: int
) -> None:
    train = {("angry", "male"): dominant, ("angry", "female"): other}
    found = count(bias(make_table({"train": train, **REST}), ratio), "train")
    assert found[("angry", "male")] == dominant
    assert found.get(("angry", "female"), 0) == kept


def test_development_is_biased_by_its_own_numbers() -> None:
    angry = {("angry", "male"): 60, ("angry", "female"): 50}
    small = {("angry", "male"): 20, ("angry", "female"): 15}
    biased = bias(make_table({"train": angry, "development": small, "test": HAPPY}))
    assert count(biased, "train") == {("angry", "male"): 60, ("angry", "female"): 3}
    assert count(biased, "development") == {("angry", "male"): 20, ("angry", "female"): 1}


def test_without_a_ratio_all_clips_with_a_majority_stay() -> None:
    train = {("angry", "male"): 3, ("angry", None): 2, (None, "male"): 4}
    table = make_table({"train": train, "development": train, "test": train})
    biased = bias(table, ratio=None)
    for split in ("train", "development"):
        assert count(biased, split) == {("angry", "male"): 3, ("angry", None): 2}
    assert count(biased, "test") == train


def test_test_is_untouched() -> None:
    cells = {("angry", "male"): 3, ("angry", "female"): 2, ("angry", None): 1, (None, "male"): 4}
    table = make_table({"train": cells, "development": cells, "test": cells})
    assert_frame_equal(
        bias(table).frame.filter(split="test"), table.frame.filter(split="test").sort("clip")
    )


def test_whole_corpus_says_which_group_is_dominant() -> None:
    """Clips of test and of other folds count too."""
    train = {("angry", "male"): 4, ("angry", "female"): 6}
    in_test = make_table({"train": train, **REST, "test": {("angry", "male"): 5}})
    in_another_fold = make_table(
        {"train": train, **REST}, {"train": {("angry", "male"): 9}, **REST}
    )
    for table in (in_test, in_another_fold):
        assert dominant_groups(table, "gender")["angry"] == "male"
        found = count(bias(table, ratio=2), "train")
        assert found == {("angry", "male"): 4, ("angry", "female"): 2}


def test_clip_of_many_folds_counts_once() -> None:
    often = {"train": {("angry", "male"): 2}, **REST}
    once = {"train": {("angry", "female"): 3}, **REST}
    table = make_table(often, often, once)
    assert dominant_groups(table, "gender")["angry"] == "female"


def test_ties_and_empty_classes() -> None:
    train = {("angry", "male"): 2, ("angry", "female"): 2, ("happy", None): 3, (None, "male"): 1}
    quiet = {(None, "male"): 1}
    table = make_table({"train": train, "development": quiet, "test": quiet})
    assert dominant_groups(table, "gender") == {"angry": "female"}


def test_three_groups_and_unknown_ones() -> None:
    train = {("angry", race): n for race, n in [("a", 9), ("b", 40), ("c", 1), (None, 30)]}
    test = {("angry", None): 2}
    table = make_table({"train": train, "development": train, "test": test}, attribute="race")
    expected = {("angry", "b"): 40, ("angry", "a"): 4, ("angry", "c"): 1}
    biased = bias(table, ratio=10)
    assert count(biased, "train") == count(biased, "development") == expected
    assert count(biased, "test") == test


def big() -> dict[str, Cells]:
    cells = {
        ("angry", "male"): 200,
        ("angry", "female"): 150,
        ("happy", "female"): 100,
        ("happy", "male"): 50,
    }
    return {"train": cells, "development": cells, "test": HAPPY}


def test_draw_is_random_without_replacement() -> None:
    table = make_table(big())
    drawn = [tuple(clips(bias(table, 10, seed), "train", "angry", "female")) for seed in range(20)]
    assert {len(set(names)) for names in drawn} == {20}
    assert all(set(names) <= set(clips(table, "train", "angry", "female")) for names in drawn)
    assert len(set(drawn)) == 20
    assert len({name for names in drawn for name in names}) > 130


def test_same_seed_draws_the_same() -> None:
    table = make_table(big())
    shuffled = table.replace(table.frame.sample(fraction=1, shuffle=True, seed=1))
    assert_frame_equal(bias(table).frame, bias(shuffled).frame)
    assert bias(table, seed=1).frame["clip"].to_list() != bias(table).frame["clip"].to_list()


def test_cells_draw_independently() -> None:
    """Another class, split or fold changes neither the draw of a cell nor shares it."""
    folds = [big(), big(), big()]
    alone = {key: n for key, n in big()["train"].items() if key[0] == "happy"}
    alone = {"train": alone, "development": alone, "test": HAPPY}
    both, one = bias(make_table(*folds), 10), bias(make_table(alone), 10)
    drawn = clips(both, "train", "happy", "male")
    assert len(drawn) == 10
    assert clips(one, "train", "happy", "male") == drawn

    def takes(table: ClipTable, split: str) -> set[str]:
        return {name[-3:] for name in clips(table, split, "happy", "male")}

    draws = [takes(both, "train"), takes(both, "development")]
    draws.append(takes(bias(make_table(*folds), 10, fold=2), "train"))
    assert all(a != b for i, a in enumerate(draws) for b in draws[:i])


def test_attribute_that_the_corpus_lacks() -> None:
    table = make_table(big())
    told = ("'bias.attribute' is 'gendre'", "'gender'?", "It has: gender", "to null")
    assert_refused(told, bias_fold, table, 1, "gendre", 20, 0)


def test_corpus_without_demographics_can_stay_unbiased() -> None:
    table = make_table(big())
    bare = ClipTable(table.frame.drop("gender"), table.classes, ())
    assert bias_fold(bare, 1, "gender", None, 0).frame.height == table.frame.height
    assert_refused(("'gender'", "no demographics"), bias_fold, bare, 1, "gender", 20, 0)


def test_split_that_bias_leaves_empty() -> None:
    splits = {"train": {("angry", "male"): 9}, "development": {("angry", "female"): 1}}
    table = make_table({**splits, "test": HAPPY})
    told = ("Fold 1", "development", "'gender'", "ratio 20", "Lower 'bias.ratio'", "null")
    assert_refused(told, bias, table)
