"""Models of the published sizes with random weights, in the layout of the hub."""

from pathlib import Path

import torch

from fairser.audio import torchaudio_cpu  # noqa: F401  before speechbrain and transformers
from fairser.encoders.audeering import AgeGenderModel
from unit.encoders import sizes, tiny

from speechbrain.lobes.models.ECAPA_TDNN import ECAPA_TDNN  # isort: skip
from transformers import Wav2Vec2Config, Wav2Vec2FeatureExtractor  # isort: skip
from transformers import WavLMConfig, WavLMModel  # isort: skip

TINY = {
    "transformers": tiny.write_wavlm,
    "ecapa": tiny.write_ecapa,
    "audeering": tiny.write_age_gender,
}


def write_model(kind: str, folder: Path, small: bool = False) -> Path | None:
    """Write WavLM Base+ (transformers), ECAPA-TDNN (ecapa) or the age-gender model (audeering).

    Args:
        kind: of the encoder; one without a model gives None.
        folder: for the files.
        small: whether to take a tiny model of the same architecture.
    """
    if kind not in TINY:
        return None
    if small:
        return TINY[kind](folder)
    torch.manual_seed(0)
    if kind == "transformers":
        return _save(WavLMModel(WavLMConfig()), folder, do_normalize=False)
    if kind == "audeering":
        return _save(AgeGenderModel(Wav2Vec2Config(**sizes.LARGE)), folder, do_normalize=True)
    tiny.write_ecapa(folder)
    text = (folder / "hyperparams.yaml").read_text()
    for value, name in ((tiny.CHANNELS, "channels"), (tiny.ATTENTION, "attention_channels")):
        assert f": {value}\n" in text
        text = text.replace(f": {value}\n", f": {sizes.ECAPA[name]}\n")
    (folder / "hyperparams.yaml").write_text(text)
    torch.save(ECAPA_TDNN(80, **sizes.ECAPA).state_dict(), folder / "embedding_model.ckpt")
    return folder


def _save(model: torch.nn.Module, folder: Path, do_normalize: bool) -> Path:
    model.save_pretrained(folder)
    Wav2Vec2FeatureExtractor(do_normalize=do_normalize).save_pretrained(folder)
    return folder
