"""The stratified sampler: every clip once a round, every stratum in its share."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from fairser.llm.clips import batches

STRATA = ["a"] * 40 + ["b"] * 20 + ["c"] * 20 + ["d"] * 4


@given(st.lists(st.integers(0, 4), min_size=1, max_size=90), st.integers(1, 30), st.integers(0, 9))
def test_each_clip_comes_once_and_batches_are_full(strata: list[int], size: int, n: int) -> None:
    found = batches(strata, size, 0, n)
    assert sorted(row for batch in found for row in batch) == list(range(len(strata)))
    assert {len(batch) for batch in found[:-1]} <= {size}
    assert 1 <= len(found[-1]) <= size


@given(st.integers(0, 99), st.integers(0, 99))
def test_a_batch_holds_each_stratum_in_its_share(seed: int, number: int) -> None:
    sizes = Counter(STRATA)
    for batch in batches(STRATA, 21, seed, number):
        found = Counter(STRATA[row] for row in batch)
        for stratum, count in sizes.items():
            share = 21 * count / len(STRATA)
            assert share - 2 < found[stratum] < share + 2


def test_rounds_and_seeds_differ_and_repeat() -> None:
    assert batches(STRATA, 8, 1, 2) == batches(STRATA, 8, 1, 2)
    assert batches(STRATA, 8, 1, 2) != batches(STRATA, 8, 1, 3)
    assert batches(STRATA, 8, 1, 2) != batches(STRATA, 8, 2, 2)
