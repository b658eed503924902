"""Loss gaps, the regulariser, its gradient and lambda, against numbers computed by hand."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fairser.methods.loss_gap import Options, factors, language_gaps, penalty, widest

# Three languages x (female, male): gaps 1, 3 and 2, the second language's men lose more.
MEANS = torch.tensor([[2.0, 1.0], [1.0, 4.0], [3.0, 1.0]])
ALL = torch.ones(3, 2, dtype=torch.long)


def test_gaps_by_hand() -> None:
    assert language_gaps(MEANS, ALL) == [1.0, 3.0, 2.0]
    assert widest(MEANS, ALL) == (1, 1, 0)
    assert penalty(MEANS, ALL, 1) == 3.0
    assert penalty(MEANS, ALL, 2) == 9.0


@pytest.mark.parametrize(("p", "slope"), [(1, 1.0), (2, 6.0)])
def test_the_gradient_flows_through_the_widest_language_alone(p: int, slope: float) -> None:
    means = MEANS.clone().requires_grad_()
    penalty(means, ALL, p).backward()
    assert means.grad is not None
    assert means.grad.tolist() == [[0, 0], [-slope, slope], [0, 0]]


def test_a_language_with_one_gender_is_left_out() -> None:
    counts = torch.tensor([[1, 5], [0, 7], [2, 2]])
    assert language_gaps(MEANS, counts) == [1.0, None, 2.0]
    assert widest(MEANS, counts) == (2, 0, 1)


def test_without_any_gap_the_penalty_is_zero_with_a_gradient_of_zero() -> None:
    counts = torch.tensor([[1, 0], [0, 7], [0, 0]])
    means = MEANS.clone().requires_grad_()
    found = penalty(means, counts, 2)
    found.backward()
    assert widest(MEANS, counts) is None
    assert found.item() == 0
    assert means.grad is not None and not means.grad.any()


def test_of_equal_gaps_the_first_language_has_the_gradient() -> None:
    means = torch.tensor([[1.0, 1.5], [3.0, 1.0], [0.0, 2.0]], requires_grad=True)
    penalty(means, ALL, 1).backward()
    assert widest(means, ALL) == (1, 0, 1)
    assert means.grad is not None
    assert means.grad.tolist() == [[0, 0], [1, -1], [0, 0]]


@pytest.mark.parametrize("p", [1, 2])
def test_a_gap_of_zero_has_the_gradient_zero(p: int) -> None:
    means = torch.full((2, 2), 0.7, requires_grad=True)
    penalty(means, ALL[:2], p).backward()
    assert means.grad is not None and not means.grad.any()


def test_factors_by_hand() -> None:
    # Language 0 (3 clips) has means 2 and 1, language 1 (3 clips) 1 and 4; one clip is unknown.
    sums = torch.tensor([[4.0, 1.0], [1.0, 8.0]])
    counts = torch.tensor([[2, 1], [1, 2]])
    found = factors(sums, counts, total=7, weight=0.5, p=2)
    slope = 0.5 * 2 * 3.0
    expected = [[1 / 7, 1 / 7], [1 / 7 - slope, 1 / 7 + slope / 2]]
    torch.testing.assert_close(found, torch.tensor(expected))


@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.integers(-1, 1), st.floats(0.01, 5)),
        min_size=1,
        max_size=20,
    ),
    st.floats(0, 5),
    st.sampled_from([1, 2]),
)
def test_factors_give_the_gradient_of_the_whole_objective(
    clips: list[tuple[int, int, float]], weight: float, p: int
) -> None:
    """Against autograd through the objective as the paper writes it, clip by clip."""
    losses = torch.tensor([loss for _, _, loss in clips], dtype=torch.float64, requires_grad=True)
    gaps, sums = [], torch.zeros(3, 2, dtype=torch.float64)
    counts = torch.zeros(3, 2, dtype=torch.long)
    for (language, gender, _), loss in zip(clips, losses.tolist(), strict=True):
        if gender >= 0:
            sums[language, gender] += loss
            counts[language, gender] += 1
    for language in range(3):
        rows = [[i for i, c in enumerate(clips) if c[:2] == (language, g)] for g in (0, 1)]
        if all(rows):
            gaps.append((losses[rows[0]].mean() - losses[rows[1]].mean()).abs())
    objective = losses.mean()
    if gaps:
        ordered = torch.stack(gaps).detach().sort().values
        if (len(gaps) > 1 and ordered[-1] - ordered[-2] < 1e-9) or ordered[-1] < 1e-9:
            return  # several subgradients; chosen in the tests above
        objective = objective + weight * torch.stack(gaps).max() ** p
    objective.backward()
    found = factors(sums, counts, len(clips), weight, p)
    mine = [1 / len(clips) if g < 0 else found[language, g].item() for language, g, _ in clips]
    assert losses.grad is not None
    torch.testing.assert_close(torch.tensor(mine, dtype=torch.float64), losses.grad)


def test_the_course_of_lambda_by_hand() -> None:
    options = Options(lambda_0=0.5, eta=2.0, epsilon=0.1, lambda_max=1.5)
    weight, course = options.lambda_0, []
    for gap in (0.3, 0.4, 0.4, None, 0.0, 0.05):
        weight = options.updated(weight, gap)
        course.append(weight)
    # 0.5 + 0.4; + 0.6; + 0.6 clipped; no gap; - 0.2; - 0.1.
    assert course == pytest.approx([0.9, 1.5, 1.5, 1.5, 1.3, 1.2])
    assert options.updated(0.1, 0.0) == 0.0
    assert Options(weighting="fixed").updated(0.7, 9.0) == 0.7
