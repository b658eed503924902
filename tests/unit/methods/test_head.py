"""The head on pooled features: against plain operations, and against training on frames."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from fairser.methods.head import HIDDEN, Head, LayerEncoder

LAYERS, DIM, CLASSES, CLIPS = 4, 5, 3, 7
ROWS = torch.tensor([6, 0, 3, 3, 1])  # unordered, one twice


def randomised(model: nn.Module) -> nn.Module:
    """The model in float64, with layer weights that are not all equal."""
    model = model.double()
    for name, parameter in model.named_parameters():
        if name.endswith("layer_weights"):
            nn.init.normal_(parameter)
    return model


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def weighted(encoder: LayerEncoder, features: torch.Tensor) -> torch.Tensor:
    """Weighted sum over axis 1, the layers, of any features, and the first linear layer."""
    shares = encoder.layer_weights.exp() / encoder.layer_weights.exp().sum()
    pooled = torch.einsum("l,bl...d->b...d", shares, features)
    return pooled @ encoder.linear.weight.T + encoder.linear.bias


def assert_same(
    model: nn.Module,
    ours: Callable[[], torch.Tensor],
    reference: Callable[[], torch.Tensor],
    tolerance: float,
) -> None:
    """The same values, and the same gradients of all parameters for a non-linear loss."""
    results = []
    for output in (ours(), reference()):
        loss = (output.sin() ** 2).sum()
        results.append([output, *torch.autograd.grad(loss, list(model.parameters()))])
    for one, other in zip(*results, strict=True):
        assert one.abs().max() > 1e-3  # nothing is compared with nothing
        torch.testing.assert_close(one, other, rtol=0, atol=tolerance)


def test_layer_encoder_is_gather_weighted_sum_and_linear() -> None:
    encoder = randomised(LayerEncoder(LAYERS, DIM))
    features = torch.randn(CLIPS, LAYERS, DIM, dtype=torch.float64)
    gathered = torch.stack([features[row] for row in ROWS])
    assert_same(
        encoder, lambda: encoder(features, ROWS), lambda: weighted(encoder, gathered), 1e-12
    )


def test_head_on_frame_means_is_the_head_on_frames() -> None:
    head = randomised(Head(LAYERS, DIM, CLASSES))
    frames = torch.randn(CLIPS, LAYERS, 11, DIM, dtype=torch.float64)  # clip, layer, frame, dim

    def on_frames() -> torch.Tensor:
        hidden = weighted(head.encoder, frames[ROWS])  # clip, frame, hidden
        return hidden.mean(dim=1) @ head.classifier.weight.T + head.classifier.bias

    assert_same(head, lambda: head(frames.mean(dim=2), ROWS), on_frames, 1e-10)


def test_new_head_weighs_the_layers_equally_and_has_the_sizes_of_the_paper() -> None:
    shapes = {name: tuple(p.shape) for name, p in Head(13, 768, 6).named_parameters()}
    assert HIDDEN == 256
    assert shapes == {
        "encoder.layer_weights": (13,),
        "encoder.linear.weight": (256, 768),
        "encoder.linear.bias": (256,),
        "classifier.weight": (6, 256),
        "classifier.bias": (6,),
    }
    assert not Head(13, 768, 6).encoder.layer_weights.any()


def test_a_single_layer_passes_unweighted() -> None:
    encoder = randomised(LayerEncoder(1, DIM))
    features = torch.randn(CLIPS, 1, DIM, dtype=torch.float64)
    expected = encoder.linear(features[ROWS, 0])
    torch.testing.assert_close(encoder(features, ROWS), expected, rtol=0, atol=1e-12)


def test_logits_with_hidden_vectors_are_the_same_bit_by_bit() -> None:
    model, features = Head(LAYERS, DIM, CLASSES), torch.randn(CLIPS, LAYERS, DIM)
    hidden, logits = model.with_hidden(features, ROWS)
    assert torch.equal(logits, model(features, ROWS))
    assert hidden.shape == (len(ROWS), HIDDEN)
    torch.testing.assert_close(hidden, model.encoder(features, ROWS))
    torch.testing.assert_close(model.classifier(hidden), logits)
