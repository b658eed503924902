"""Folders that hold no usable speech model: refused, named, and none of their code is run."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from fairser.encoders.base import Encoder, Settings, make_encoder
from unit.corpora.builders import assert_refused
from unit.encoders.tiny import (
    write_age_gender,
    write_dimensions,
    write_hubert,
    write_wav2vec2,
    write_wavlm,
)

WEIGHTS = "model.safetensors"
KINDS: dict[str, Callable[..., Path]] = {
    "transformers": write_wavlm,
    "audeering": write_age_gender,
    "dimensions": write_dimensions,
}


class Evil:
    """Makes a folder when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def folder(kind: str, tmp_path: Path) -> Path:
    return KINDS[kind](tmp_path / "model")


def load(kind: str, folder: Path | None) -> Encoder:
    return make_encoder(kind, Settings(folder, "cpu"))


def refused(kind: str, folder: Path, *told: str) -> None:
    assert_refused((str(folder), *told), load, kind, folder)


def change_json(path: Path, **values: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def change_weights(folder: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    weights = load_file(folder / WEIGHTS)
    change(weights)
    save_file(weights, folder / WEIGHTS, {"format": "pt"})


def find(weights: dict[str, torch.Tensor], end: str) -> str:
    return next(name for name in weights if name.endswith(end))


def test_no_folder(kind: str, tmp_path: Path) -> None:
    assert_refused(("folder of weights",), load, kind, None)
    refused(kind, tmp_path / "nowhere", "no such folder")


def test_empty_folder(kind: str, tmp_path: Path) -> None:
    refused(kind, tmp_path, "not readable", "config.json")


@pytest.mark.parametrize("file", ["config.json", "preprocessor_config.json"])
@pytest.mark.parametrize("content", ["{", "[]", ""])
def test_corrupt_json(kind: str, folder: Path, file: str, content: str) -> None:
    (folder / file).write_text(content)
    refused(kind, folder)


@pytest.mark.parametrize("file", ["preprocessor_config.json", WEIGHTS])
def test_missing_file(kind: str, folder: Path, file: str) -> None:
    (folder / file).unlink()
    refused(kind, folder, "not readable")


@pytest.mark.parametrize("size", [0, 5, 3000, -100])
def test_truncated_weights(kind: str, folder: Path, size: int) -> None:
    (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:size])
    refused(kind, folder, "not readable")


@pytest.mark.parametrize("end", ["layers.1.attention.k_proj.weight", "pos_conv_embed.conv.bias"])
def test_missing_weights(kind: str, folder: Path, end: str) -> None:
    change_weights(folder, lambda weights: weights.pop(find(weights, end)))
    refused(kind, folder, "lacks weights", end)


@pytest.mark.parametrize("end", ["weight_g", "weight_v"])
def test_missing_part_of_a_weight_norm(kind: str, folder: Path, end: str) -> None:
    change_weights(folder, lambda weights: weights.pop(find(weights, end)))
    refused(kind, folder, "lacks weights", "pos_conv_embed")


def test_missing_layers(kind: str, folder: Path) -> None:
    change_json(folder / "config.json", num_hidden_layers=3)
    refused(kind, folder, "lacks weights", "layers.2.", " more)")


def test_more_layers_than_the_configuration_says(kind: str, folder: Path) -> None:
    change_json(folder / "config.json", num_hidden_layers=1)
    refused(kind, folder, "no place for", "layers.1.", " more)")


def test_weights_of_another_shape(kind: str, folder: Path) -> None:
    change_json(folder / "config.json", intermediate_size=128)
    refused(kind, folder)


@pytest.mark.parametrize(
    ("kind", "head"), [("audeering", "age.dense.bias"), ("dimensions", "classifier.dense.bias")]
)
def test_missing_heads(tmp_path: Path, kind: str, head: str) -> None:
    folder = write_wav2vec2(tmp_path / "model")
    refused(kind, folder, "lacks weights", head)


def test_a_head_of_another_size(tmp_path: Path) -> None:
    folder = write_dimensions(tmp_path / "model")
    names = ("classifier.out_proj.weight", "classifier.out_proj.bias")
    change_weights(folder, lambda weights: weights.update({n: weights[n][:2] for n in names}))
    refused("dimensions", folder)


def test_age_and_gender_model_as_a_plain_encoder(tmp_path: Path) -> None:
    folder = write_age_gender(tmp_path / "model")
    refused("transformers", folder, "no place for", "age.dense.bias")


@pytest.mark.parametrize("name", ["lm_head.weight", "quantizer.codevectors", "project_q.bias"])
def test_heads_of_pretraining_are_left_out(tmp_path: Path, name: str) -> None:
    folder = write_hubert(tmp_path / "model")
    change_weights(folder, lambda weights: weights.update({name: torch.ones(3)}))
    load("transformers", folder)


def test_the_embedding_of_masked_frames_is_not_needed(kind: str, folder: Path) -> None:
    change_weights(folder, lambda weights: weights.pop(find(weights, "masked_spec_embed")))
    load(kind, folder)


@pytest.mark.parametrize("name", ["surprise.weight", "encoder.surprise"])
def test_weights_without_a_place(kind: str, folder: Path, name: str) -> None:
    change_weights(folder, lambda weights: weights.update({name: torch.ones(3)}))
    refused(kind, folder, "no place for", name)


def test_sampling_rate(kind: str, folder: Path) -> None:
    change_json(folder / "preprocessor_config.json", sampling_rate=8000)
    refused(kind, folder, "8000 Hz", "16000 Hz")


def test_a_processor_of_spectrograms(kind: str, folder: Path) -> None:
    change_json(
        folder / "preprocessor_config.json", feature_extractor_type="WhisperFeatureExtractor"
    )
    refused(kind, folder, "WhisperFeatureExtractor", "Wav2Vec2FeatureExtractor")


@pytest.mark.parametrize("model_type", ["bert", "whisper", "audio-spectrogram-transformer"])
def test_not_a_speech_encoder(kind: str, tmp_path: Path, model_type: str) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": model_type}))
    if (kind, model_type) == ("transformers", "whisper"):
        refused(kind, tmp_path, "feature extractor")
    else:
        refused(kind, tmp_path, f"'{model_type}'", "WavLM")


def test_adapter(kind: str, folder: Path) -> None:
    change_json(folder / "config.json", add_adapter=True)
    refused(kind, folder, "add_adapter")


def test_pickles_are_not_executed(kind: str, tmp_path: Path) -> None:
    folder = KINDS[kind](tmp_path / "model", safetensors=False)
    path, trace = folder / "pytorch_model.bin", tmp_path / "executed"
    load(kind, folder)
    weights = torch.load(path, weights_only=True)
    torch.save(weights | {"evil": Evil(trace)}, path)
    refused(kind, folder, "not readable")
    assert not trace.exists()
    torch.load(path, weights_only=False)  # the trap works
    assert trace.exists()


@pytest.mark.parametrize("model_type", ["wavlm", "own"])
def test_code_in_the_folder_is_not_executed(tmp_path: Path, model_type: str) -> None:
    folder, trace = write_wavlm(tmp_path / "model"), tmp_path / "executed"
    code = f"import os\nos.mkdir({str(trace)!r})\n"
    names = {"AutoConfig": "code.Config", "AutoModel": "code.Model"}
    (folder / "code.py").write_text(code)
    change_json(folder / "config.json", auto_map=names, model_type=model_type)
    change_json(folder / "preprocessor_config.json", auto_map={"AutoFeatureExtractor": "code.X"})
    if model_type == "own":
        refused("transformers", folder)
    else:
        load("transformers", folder)
    assert not trace.exists()
