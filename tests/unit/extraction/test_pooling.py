"""Training on pooled features is training on frames: the same values, step by step.

The reference is the model as the paper describes it: a frozen encoder, a softmax-weighted sum of
its layers, a linear layer on every frame, the mean over the frames that are no padding, and a
second linear layer. All in float64.
"""

from collections.abc import Iterator

import pytest
import torch
from torch.nn.functional import pad

from fairser.encoders.base import Settings
from fairser.encoders.speech import SpeechEncoder
from fairser.encoders.transformers import make
from fairser.methods.head import Head
from fairser.methods.losses import class_balanced_weights, clip_losses
from unit.encoders.tiny import write_wavlm

CLIPS, CLASSES, BATCH, STEPS, LEARNING_RATE = 14, 4, 4, 20, 1e-3
LAYERS, DIM = 3, 32
NAMES = (
    "encoder.layer_weights",
    "encoder.linear.weight",
    "encoder.linear.bias",
    "classifier.weight",
    "classifier.bias",
)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> SpeechEncoder:
    encoder = make(Settings(write_wavlm(tmp_path_factory.mktemp("wavlm")), "cpu"))
    assert encoder.model.config.feat_extract_norm == "group"
    encoder.model.double()
    return encoder


@pytest.fixture(scope="module")
def waveforms() -> list[torch.Tensor]:
    """Clips of 0.1 to 0.6 s, each of another length."""
    generator = torch.Generator().manual_seed(0)
    lengths = torch.randperm(CLIPS, generator=generator) * 600 + 1600
    return [torch.randn(1, int(n), generator=generator, dtype=torch.float64) for n in lengths]


@pytest.fixture(scope="module")
def frames(encoder: SpeechEncoder, waveforms: list[torch.Tensor]) -> list[torch.Tensor]:
    """Hidden states of each clip [L, T, D], clip by clip."""
    return [encoder.hidden_states(waveform)[0] for waveform in waveforms]


@pytest.fixture(scope="module")
def targets() -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return (3 * torch.randn(CLIPS, CLASSES, generator=generator, dtype=torch.float64)).softmax(1)


def batches() -> Iterator[torch.Tensor]:
    """Rows of the clips for each step; the last batch of an epoch is smaller."""
    generator = torch.Generator().manual_seed(2)
    for step in range(STEPS):
        if step % -(-CLIPS // BATCH) == 0:
            epoch = torch.randperm(CLIPS, generator=generator).split(BATCH)
        yield epoch[step % len(epoch)]


def new_head() -> Head:
    torch.manual_seed(3)
    return Head(LAYERS, DIM, CLASSES).double()


def parameters_of(head: Head) -> list[torch.Tensor]:
    found = dict(head.named_parameters())
    return [found[name].detach().clone().requires_grad_() for name in NAMES]


def frame_logits(
    clips: list[torch.Tensor], parameters: list[torch.Tensor], masked: bool = True
) -> torch.Tensor:
    """Logits [B, C] of clips [L, T, D] that are padded to the longest of them."""
    layer_weights, weight1, bias1, weight2, bias2 = parameters
    lengths = torch.tensor([clip.shape[1] for clip in clips])
    longest = int(lengths.max())
    batch = torch.stack([pad(clip, (0, 0, 0, longest - clip.shape[1])) for clip in clips])
    shares = layer_weights.exp() / layer_weights.exp().sum()
    summed = (shares[:, None, None] * batch).sum(dim=1)  # clip, frame, dim
    hidden = summed @ weight1.T + bias1
    mask = torch.arange(longest) < lengths[:, None]
    if not masked:
        mask = torch.ones_like(mask)
    pooled = (hidden * mask[:, :, None]).sum(dim=1) / mask.sum(dim=1, keepdim=True)
    return pooled @ weight2.T + bias2


def test_twenty_steps_on_frames_and_on_pooled_features_agree(
    frames: list[torch.Tensor], targets: torch.Tensor
) -> None:
    features = torch.stack([clip.mean(dim=1) for clip in frames])
    head = new_head()
    parameters = parameters_of(head)
    before = [parameter.detach().clone() for parameter in parameters]
    pooled_adam = torch.optim.Adam(head.parameters(), LEARNING_RATE)
    frame_adam = torch.optim.Adam(parameters, LEARNING_RATE)
    weights = class_balanced_weights(targets)
    sizes = set()
    for rows in batches():
        sizes.add(len(rows))
        on_frames = frame_logits([frames[row] for row in rows], parameters)
        on_pooled = head(features, rows)
        torch.testing.assert_close(on_pooled, on_frames, rtol=0, atol=1e-10)
        for logits, adam in (on_frames, frame_adam), (on_pooled, pooled_adam):
            adam.zero_grad()
            clip_losses(logits, targets[rows], weights).mean().backward()
            adam.step()
    assert sizes == {BATCH, CLIPS % BATCH}
    for one, other, start in zip(parameters_of(head), parameters, before, strict=True):
        assert (other - start).abs().max() > LEARNING_RATE  # all of them were trained
        torch.testing.assert_close(one, other, rtol=0, atol=1e-10)


def test_without_the_mask_padding_would_count(frames: list[torch.Tensor]) -> None:
    parameters = parameters_of(new_head())
    lengths = [clip.shape[1] for clip in frames]
    assert len(set(lengths)) == CLIPS
    right, wrong = (frame_logits(frames, parameters, masked) for masked in (True, False))
    assert (right - wrong).abs().max() > 0.01


def test_the_encoder_pools_these_very_frames(
    encoder: SpeechEncoder, waveforms: list[torch.Tensor], frames: list[torch.Tensor]
) -> None:
    for waveform, clip in zip(waveforms, frames, strict=True):
        features = encoder(waveform)
        assert features.dtype == torch.float32
        torch.testing.assert_close(features[0], clip.mean(dim=1).float(), rtol=1e-5, atol=1e-6)


def test_clips_in_batches_of_equal_length_have_the_same_frames(encoder: SpeechEncoder) -> None:
    generator = torch.Generator().manual_seed(4)
    waveforms = torch.randn(3, 4000, generator=generator, dtype=torch.float64)
    alone = torch.cat([encoder.hidden_states(waveform[None]) for waveform in waveforms])
    torch.testing.assert_close(encoder.hidden_states(waveforms), alone, rtol=0, atol=1e-10)
