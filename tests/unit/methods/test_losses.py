"""The class-balanced cross-entropy: by hand, the known value of the paper's data, numpy."""

from math import log

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import log_softmax, softmax

from fairser.methods.losses import class_balanced_weights, clip_losses, majority_probabilities


def targets_with(counts: list[int], clips: int) -> torch.Tensor:
    """Targets [N, C] with so many clips positive for each class; positive at just above 1 / C."""
    classes = len(counts)
    values = np.where(np.arange(clips)[:, None] < counts, 1 / classes + 1e-3, 1 / classes)
    return torch.from_numpy(values.astype(np.float32))


def test_weights_by_hand() -> None:
    # N = 4, beta = 3/4: n = 3 gives (1/4) / (37/64) = 16/37, n = 1 gives 1; scaled by 2 / (53/37).
    weights = class_balanced_weights(targets_with([3, 1], 4))
    assert weights.dtype == torch.float64
    assert weights.tolist() == pytest.approx([32 / 53, 74 / 53], abs=1e-12)


def test_weights_of_the_full_train_split_of_fold_1() -> None:
    weights = class_balanced_weights(targets_with([1162, 1080, 1403, 1177, 3549, 585], 4509))
    known = [0.9695, 1.0340, 0.8236, 0.9586, 0.4042, 1.8100]
    assert weights.tolist() == pytest.approx(known, abs=5e-5)


@pytest.mark.parametrize(
    ("counts", "clips", "expected"),
    [
        ([2, 0, 2], 4, [1.5, 0, 1.5]),  # a class that is absent
        ([0, 0, 0], 4, [0, 0, 0]),  # no clip positive for anything
        ([1, 1, 0], 1, [1.5, 1.5, 0]),  # a single clip, beta = 0
        ([4, 4, 4], 4, [1, 1, 1]),
    ],
)
def test_weights_at_the_edges(counts: list[int], clips: int, expected: list[float]) -> None:
    weights = class_balanced_weights(targets_with(counts, clips))
    assert weights.tolist() == pytest.approx(expected, abs=1e-12)


def test_clip_losses_by_hand() -> None:
    targets = torch.tensor([[1, 0], [0.5, 0.5], [0.25, 0.75]], dtype=torch.float64)
    # softmax: (1/2, 1/2), (1/4, 3/4), (4/5, 1/5).
    logits = torch.tensor([[0, 0], [0, log(3)], [log(4), 0]], dtype=torch.float64)
    weights = torch.tensor([0.5, 1.5], dtype=torch.float64)
    expected = [
        0.5 * log(2),
        1.0 * 0.5 * (log(4) + log(4 / 3)),
        1.25 * (0.25 * log(5 / 4) + 0.75 * log(5)),  # .5 * .25 + 1.5 * .75 = 1.25
    ]
    assert clip_losses(logits, targets, weights).tolist() == pytest.approx(expected, abs=1e-12)


@st.composite
def batches(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Logits [B, C], targets [B, C] and weights [C]."""
    shape = draw(st.integers(1, 6)), draw(st.integers(2, 5))
    share, size = st.floats(0, 1), st.floats(-1e4, 1e4)
    return (
        draw(arrays(np.float64, shape, elements=size)),
        draw(arrays(np.float64, shape, elements=share)),
        draw(arrays(np.float64, shape[1], elements=share)),
    )


@settings(deadline=None)
@given(batches())
def test_clip_losses_and_their_gradient_are_those_of_numpy(
    batch: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    z, t, w = batch
    logits = torch.from_numpy(z).requires_grad_()
    losses = clip_losses(logits, torch.from_numpy(t), torch.from_numpy(w))
    losses.sum().backward()
    expected = -(t * w).sum(axis=1) * (t * log_softmax(z, axis=1)).sum(axis=1)
    np.testing.assert_allclose(losses.detach().numpy(), expected, rtol=1e-10, atol=1e-12)
    weight, total = (t * w).sum(axis=1, keepdims=True), t.sum(axis=1, keepdims=True)
    gradient = weight * (total * softmax(z, axis=1) - t)
    np.testing.assert_allclose(logits.grad.numpy(), gradient, rtol=1e-9, atol=1e-12)


def test_majority_probabilities_by_hand() -> None:
    # softmax: (1/4, 3/4), (1/5, 4/5) and (1/2, 1/2); the last clip has no majority class.
    logits = torch.log(torch.tensor([[1.0, 3.0], [1.0, 4.0], [1.0, 1.0]]))
    majority = torch.tensor([1, 0, -1])
    expected = pytest.approx([3 / 4, 1 / 5, 0])
    assert majority_probabilities(logits, majority).tolist() == expected
    stacked = majority_probabilities(torch.stack([logits, 2 * logits]), majority)
    assert stacked.tolist() == [expected, pytest.approx([9 / 10, 1 / 17, 0])]
