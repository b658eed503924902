"""Loss gaps, the regulariser, its derivatives and lambda, against numbers computed by hand."""

from math import isnan, nan

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fairser.methods.loss_gap import Options, language_gaps, largest, penalty
from fairser.methods.minmaxgap import METHOD

# Three languages x (female, male): gaps 1, 3 and 2, the second language's men lose more.
MEANS = torch.tensor([[2.0, 1.0], [1.0, 4.0], [3.0, 1.0]])
ALL = torch.ones(3, 2, dtype=torch.long)


def test_gaps_by_hand() -> None:
    gaps = language_gaps(MEANS, ALL)
    assert gaps.tolist() == [1.0, 3.0, 2.0]
    assert largest(gaps) == 3.0
    both = language_gaps(torch.stack([MEANS, 2 * MEANS]), torch.stack([ALL, ALL]))
    assert largest(both).tolist() == [3.0, 6.0]


@pytest.mark.parametrize(("p", "value", "slope"), [(1, 3.0, 1.0), (2, 9.0, 6.0)])
def test_the_slope_is_that_of_the_widest_language_alone(p: int, value: float, slope: float) -> None:
    found, slopes = penalty(MEANS, ALL, p)
    assert found == value
    assert slopes.tolist() == [[0, 0], [-slope, slope], [0, 0]]


def test_a_language_with_one_gender_is_left_out() -> None:
    counts = torch.tensor([[1, 5], [0, 7], [2, 2]])
    gaps = language_gaps(MEANS, counts).tolist()
    assert (gaps[0], gaps[2]) == (1.0, 2.0) and isnan(gaps[1])
    assert penalty(MEANS, counts, 1)[1].tolist() == [[0, 0], [0, 0], [1, -1]]


def test_without_any_gap_the_penalty_is_zero_with_slopes_of_zero() -> None:
    counts = torch.tensor([[1, 0], [0, 7], [0, 0]])
    value, slopes = penalty(MEANS, counts, 2)
    assert largest(language_gaps(MEANS, counts)).isnan()
    assert value == 0 and not slopes.any()


def test_of_equal_gaps_the_first_language_has_the_slope() -> None:
    means = torch.tensor([[1.0, 1.5], [3.0, 1.0], [0.0, 2.0]])
    assert penalty(means, ALL, 1)[1].tolist() == [[0, 0], [1, -1], [0, 0]]


@pytest.mark.parametrize("p", [1, 2])
def test_a_gap_of_zero_has_slopes_of_zero(p: int) -> None:
    value, slopes = penalty(torch.full((2, 2), 0.7), ALL[:2], p)
    assert value == 0 and not slopes.any()


@given(
    st.lists(st.floats(0.01, 5), min_size=9, max_size=9),
    st.lists(st.integers(0, 2), min_size=9, max_size=9),
    st.sampled_from([1, 2]),
)
def test_slopes_are_those_of_autograd(values: list[float], seen: list[int], p: int) -> None:
    """Three languages of three groups."""
    means = torch.tensor(values, dtype=torch.float64).reshape(3, 3).requires_grad_()
    counts = torch.tensor(seen).reshape(3, 3)
    rows = [row[there] for row, there in zip(means, counts > 0, strict=True) if there.sum() > 1]
    value, slopes = penalty(means.detach(), counts, p)
    if not rows:
        assert value == 0 and not slopes.any()
        return
    every = torch.stack([row.max() - row.min() for row in rows])
    ordered = means.detach().flatten().sort().values
    if (ordered.diff() < 1e-9).any() or (every.detach().sort().values.diff() < 1e-9).any():
        return  # several subgradients; chosen in the tests above
    (every.max() ** p).backward()
    assert value == pytest.approx(every.max().item() ** p)
    torch.testing.assert_close(slopes, means.grad)


def test_the_course_of_lambda_by_hand() -> None:
    options = Options.of(lambda_0=0.5, eta=2.0, epsilon=0.1, lambda_max=1.5)
    weight, course = options.lambda_0, []
    for gap in (0.3, 0.4, 0.4, nan, 0.0, 0.05):
        weight = options.updated(weight, gap)
        course.append(weight)
    # 0.5 + 0.4; + 0.6; + 0.6 clipped; no gap; - 0.2; - 0.1.
    assert course == pytest.approx([0.9, 1.5, 1.5, 1.5, 1.3, 1.2])
    assert options.updated(0.1, 0.0) == 0.0
    assert Options.of(weighting="fixed").updated(0.7, 9.0) == 0.7


def test_defaults_are_the_declared_ones() -> None:
    declared = {name: part["default"] for name, part in METHOD["settings"].items()}
    assert vars(Options.of()) == declared
    assert vars(Options.of(eta=3.0)) == declared | {"eta": 3.0}
