"""The gradient of a stand-in model, against the paper's formula through autograd."""

import pytest
import torch

from fairser.llm.gaps import GapTracker
from fairser.llm.objective import Objective
from fairser.methods.loss_gap import Options
from unit.llm.builders import LookupLLM, some_clips

WEIGHT = 1.5


def objective(micro: int, dropout: float = 0.0, **options: object) -> Objective:
    clips = some_clips("train")
    llm = LookupLLM(len(clips))
    llm.model.dropout.p = dropout
    parameters = [value for value in llm.model.parameters() if value.requires_grad]
    tracker = GapTracker(clips, Options.of(**{"estimator": "batch", **options}))
    return Objective(llm, clips, parameters, micro, tracker)


def gradients(subject: Objective, rows: list[int], weight: float) -> list[torch.Tensor]:
    """Those that a step leaves, which are removed."""
    subject.gradient(rows, weight)
    found = [parameter.grad for parameter in subject.parameters]
    for parameter in subject.parameters:
        parameter.grad = None
    return found


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
    regulariser = torch.stack(gaps).max() ** subject.gaps.p if gaps else 0.0
    return losses.mean() + weight * regulariser


@pytest.mark.parametrize("weight", [WEIGHT, 0.0])
@pytest.mark.parametrize("p", [1, 2])
@pytest.mark.parametrize("micro", [1, 2, 50])
@pytest.mark.parametrize("rows", [list(range(25)), [0, 7, 13, 25], [3, 13, 25], [0, 13, 18]])
def test_the_gradient_is_that_of_the_whole_batch(
    rows: list[int], micro: int, p: int, weight: float
) -> None:
    """Batches of all strata, of some, with one gender of each language, and without a pair."""
    subject = objective(micro, p=p)
    assert len(subject.parameters) == 2
    by_hand(subject, rows, weight).backward()
    expected = [parameter.grad for parameter in subject.parameters]
    for parameter in subject.parameters:
        parameter.grad = None
    step = subject.gradient(rows, weight)
    for parameter, gradient in zip(subject.parameters, expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient)
    torch.testing.assert_close(step.losses, subject.llm.losses(subject.clips, rows).detach())


def test_parts_are_no_larger_than_allowed_and_erm_needs_no_strata() -> None:
    subject = objective(4)
    subject.gradient(list(range(10)), 0.0)
    assert subject.llm.calls == [4, 4, 2]
    subject = objective(4)
    subject.gradient(list(range(10)), WEIGHT)
    assert max(subject.llm.calls) <= 4


@pytest.mark.parametrize("weight", [WEIGHT, 0.0])
@pytest.mark.parametrize("estimator", ["batch", "moving_average", "memory"])
def test_steps_do_not_depend_on_the_size_of_the_parts(estimator: str, weight: float) -> None:
    options = {"estimator": estimator, "momentum": 0.6, "memory_size": 2}
    whole, parts = objective(50, **options), objective(2, **options)
    for rows in (list(range(12)), list(range(12, 26)), [0, 7, 13, 25]):
        ours, theirs = (gradients(subject, rows, weight) for subject in (whole, parts))
        for one, other in zip(ours, theirs, strict=True):
            torch.testing.assert_close(one, other)
    ours, theirs = (s.gaps.estimator.state_dict() for s in (whole, parts))
    assert all(
        torch.allclose(value.double(), theirs[name].double()) for name, value in ours.items()
    )


def test_with_dropout_other_parts_draw_other_masks() -> None:
    found = []
    for micro in (50, 50, 4):
        torch.manual_seed(0)
        found.append(gradients(objective(micro, dropout=0.5), list(range(26)), WEIGHT)[0])
    assert torch.equal(found[0], found[1])
    assert not torch.allclose(found[0], found[2])
