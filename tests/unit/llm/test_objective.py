"""The gradient of a stand-in model, against the paper's formula through autograd."""

import pytest
import torch

from fairser.llm.objective import Objective
from unit.llm.builders import LookupLLM, some_clips

WEIGHT = 1.5


def objective(micro: int, p: int = 2) -> Objective:
    clips = some_clips("train")
    llm = LookupLLM(len(clips))
    llm.model.dropout.p = 0.0
    parameters = [value for value in llm.model.parameters() if value.requires_grad]
    return Objective(llm, clips, parameters, micro, p)


def by_hand(subject: Objective, rows: list[int], weight: float) -> torch.Tensor:
    """The objective as the paper writes it, on the whole batch, through autograd."""
    losses = subject.llm.losses(subject.clips, rows)
    gaps = []
    for language in (0, 1):
        genders = [
            [i for i, row in enumerate(rows) if subject.clips.strata[row] == (language, gender)]
            for gender in (0, 1)
        ]
        if all(genders):
            gaps.append((losses[genders[0]].mean() - losses[genders[1]].mean()).abs())
    regulariser = torch.stack(gaps).max() ** subject.p if gaps else 0.0
    return losses.mean() + weight * regulariser


@pytest.mark.parametrize("weight", [WEIGHT, 0.0])
@pytest.mark.parametrize("p", [1, 2])
@pytest.mark.parametrize("micro", [1, 2, 50])
@pytest.mark.parametrize("rows", [list(range(25)), [0, 7, 13, 25], [3, 13, 25], [0, 13, 18]])
def test_the_gradient_is_that_of_the_whole_batch(
    rows: list[int], micro: int, p: int, weight: float
) -> None:
    """Batches of all strata, of some, with one gender of each language, and without a pair."""
    subject = objective(micro, p)
    assert len(subject.parameters) == 2
    by_hand(subject, rows, weight).backward()
    expected = [parameter.grad for parameter in subject.parameters]
    for parameter in subject.parameters:
        parameter.grad = None
    losses = subject.gradient(rows, weight)
    for parameter, gradient in zip(subject.parameters, expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient)
    torch.testing.assert_close(losses, subject.llm.losses(subject.clips, rows).detach())


def test_parts_are_no_larger_than_allowed_and_erm_needs_no_strata() -> None:
    subject = objective(4)
    subject.gradient(list(range(10)), 0.0)
    assert subject.llm.calls == [4, 4, 2]
    subject = objective(4)
    subject.gradient(list(range(10)), WEIGHT)
    assert max(subject.llm.calls) <= 4
