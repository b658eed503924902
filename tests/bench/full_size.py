"""Models of the published sizes with random weights, in the layout of the hub."""

from pathlib import Path

import torch

from fairser import torchaudio_cpu  # noqa: F401  before speechbrain and transformers
from fairser.encoders.audeering import AgeGenderModel
from unit.encoders import tiny

from speechbrain.lobes.models.ECAPA_TDNN import ECAPA_TDNN  # isort: skip
from transformers import Wav2Vec2Config, Wav2Vec2FeatureExtractor  # isort: skip
from transformers import WavLMConfig, WavLMModel  # isort: skip

LARGE = Wav2Vec2Config(
    hidden_size=1024,
    num_hidden_layers=24,
    num_attention_heads=16,
    intermediate_size=4096,
    feat_extract_norm="layer",
    conv_bias=True,
    do_stable_layer_norm=True,
)
CHANNELS = [1024, 1024, 1024, 1024, 3072]


def write(kind: str, folder: Path) -> Path | None:
    """WavLM Base+ (transformers), ECAPA-TDNN (ecapa) or the age-gender model (audeering).

    None for a kind without a model.
    """
    torch.manual_seed(0)
    if kind == "transformers":
        return _save(WavLMModel(WavLMConfig()), folder, do_normalize=False)
    if kind == "audeering":
        return _save(AgeGenderModel(LARGE), folder, do_normalize=True)
    if kind != "ecapa":
        return None
    tiny.write_ecapa(folder)
    text = (folder / "hyperparams.yaml").read_text()
    for small, large in ((tiny.CHANNELS, CHANNELS), (tiny.ATTENTION, 128)):
        assert f": {small}\n" in text
        text = text.replace(f": {small}\n", f": {large}\n")
    (folder / "hyperparams.yaml").write_text(text)
    model = ECAPA_TDNN(80, channels=CHANNELS, attention_channels=128, lin_neurons=192)
    torch.save(model.state_dict(), folder / "embedding_model.ckpt")
    return folder


def _save(model: torch.nn.Module, folder: Path, do_normalize: bool) -> Path:
    model.save_pretrained(folder)
    Wav2Vec2FeatureExtractor(do_normalize=do_normalize).save_pretrained(folder)
    return folder
