"""The published architectures at their full size, from their configurations alone.

The numbers of parameters are counted by hand, layer by layer, and compared with the sizes that
are published (94.4, 317, 20.8 and 962 million; w2v-BERT's 580 million are only compared).
"""

import pytest
import torch

from fairser.encoders.audeering import AgeGenderModel
from fairser.encoders.base import Settings
from fairser.encoders.ecapa import SpeakerEncoder
from fairser.encoders.spectrograms import WhisperTrunk
from fairser.encoders.speech import SpeechEncoder
from unit.encoders import sizes

from speechbrain.lobes.features import Fbank  # isort: skip
from speechbrain.lobes.models.ECAPA_TDNN import ECAPA_TDNN  # isort: skip
from speechbrain.processing.features import InputNormalization  # isort: skip
from transformers import Wav2Vec2BertConfig, Wav2Vec2BertModel  # isort: skip
from transformers import Wav2Vec2Config, Wav2Vec2Model, WavLMConfig, WavLMModel  # isort: skip
from transformers import WhisperConfig  # isort: skip

CPU = torch.device("cpu")
SECOND = 16000
FRAMES = 49  # of a second: 400 samples give one, each 320 more another one


def count(model: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def linear(inputs: int, outputs: int) -> int:
    return inputs * outputs + outputs


def norm(width: int) -> int:
    return 2 * width


def convolutions() -> int:
    """The seven convolutions of 512 channels, without biases and norms."""
    kernels = (3, 3, 3, 3, 2, 2)
    return 10 * 512 + sum(512 * 512 * kernel for kernel in kernels)


def transformer(layers: int, width: int) -> int:
    """Projection, positions by convolution, mask and layers with a fourfold inner width."""
    projection = norm(512) + linear(512, width)
    positions = width * (width // 16) * 128 + 128 + width  # 16 groups, norm of 128 taps, bias
    layer = 4 * linear(width, width) + linear(width, 4 * width) + linear(4 * width, width)
    return projection + positions + width + norm(width) + layers * (layer + 2 * norm(width))


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def test_wavlm_base_plus() -> None:
    # Its configuration is the default one: 12 layers of 768, 12 heads, group norm.
    with torch.device("meta"):
        model = WavLMModel(WavLMConfig())
    gates = 12 + linear(64, 8)  # of the position bias: a constant a head, and a linear layer
    expected = convolutions() + norm(512) + transformer(12, 768) + 12 * gates + 320 * 12
    assert count(model) == expected == 94_381_936
    assert round(expected / 1e6, 1) == 94.4

    # Random weights of plausible size are quicker to make than the model's own.
    model = model.to_empty(device=CPU).eval().requires_grad_(False)
    for tensor in model.parameters():
        tensor.uniform_(-0.02, 0.02)
    encoder = SpeechEncoder(model, False, Settings(), CPU)
    assert (encoder.layers, encoder.dim, encoder.shortest) == (13, 768, 400)
    waveform = torch.randn(1, SECOND)
    states = encoder.hidden_states(waveform)
    assert states.shape == (1, 13, FRAMES, 768)
    features = encoder(waveform)
    assert features.shape == (1, 13, 768)
    torch.testing.assert_close(features, states.mean(dim=2), rtol=1e-4, atol=1e-5)


def test_age_gender_model_of_24_layers() -> None:
    with torch.device("meta"):
        model = AgeGenderModel(Wav2Vec2Config(**sizes.LARGE)).eval()
        age, gender = model(torch.empty(2, SECOND))
    trunk = convolutions() + 7 * (512 + norm(512)) + transformer(24, 1024)
    heads = 2 * linear(1024, 1024) + linear(1024, 1) + linear(1024, 3)
    assert count(model) == trunk + heads == 317_542_020
    assert (age.shape, gender.shape) == ((2, 1), (2, 3))


def test_xls_r_1b() -> None:
    with torch.device("meta"):
        model = Wav2Vec2Model(Wav2Vec2Config(**sizes.XLS_R))
    expected = convolutions() + 7 * (512 + norm(512)) + transformer(48, 1280)
    assert count(model) == expected
    assert round(expected / 1e6) == 962


def test_whisper_large_v3() -> None:
    with torch.device("meta"):
        model = WhisperTrunk(WhisperConfig(**sizes.WHISPER))
    width = 1280
    convolved = linear(3 * 128, width) + linear(3 * width, width)
    attention = 4 * linear(width, width) - width  # keys have no bias
    layer = attention + linear(width, 4 * width) + linear(4 * width, width) + 2 * norm(width)
    assert count(model) == convolved + 1500 * width + 32 * layer + norm(width)


def test_w2v_bert() -> None:
    with torch.device("meta"):
        model = Wav2Vec2BertModel(Wav2Vec2BertConfig())
    assert round(count(model) / 1e6) == 580


def test_ecapa() -> None:
    model = ECAPA_TDNN(80, **sizes.ECAPA)

    def block(inputs: int, outputs: int, kernel: int = 1) -> int:
        return linear(inputs * kernel, outputs) + norm(outputs)

    res2 = 7 * block(128, 128, 3)
    gate = linear(1024, 128) + linear(128, 1024)
    layers = 3 * (2 * block(1024, 1024) + res2 + gate)
    pooling = block(3 * 3072, 128) + linear(128, 3072) + norm(2 * 3072)
    expected = block(80, 1024, 5) + layers + block(3072, 3072) + pooling + linear(2 * 3072, 192)
    assert count(model) == expected == 20_767_552
    assert round(expected / 1e6, 1) == 20.8

    norm_ = InputNormalization(norm_type="sentence", std_norm=False)
    encoder = SpeakerEncoder(Fbank(n_mels=80), norm_, model, CPU, torch.float32)
    embedding = encoder(torch.randn(1, SECOND))
    assert embedding.shape == (1, 1, 192)
    assert embedding.isfinite().all()
