"""Which model is meant, and what its outputs are."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from fairser.core.errors import InputError
from fairser.model_tests.adapters import open_model
from fairser.model_tests.answering import ask_each
from fairser.model_tests.base import DIMENSIONS, MULTI, SINGLE, Corpus
from fairser.model_tests.models import FILES, find_model
from unit.run_builder import make_run

OUTPUTS = ("anger", "joy")


def corpus_of(*outputs: str) -> Corpus:
    schema = {"clip": pl.String} | dict.fromkeys(outputs, pl.Float64)
    return Corpus(pl.DataFrame(schema=schema), outputs, (), SINGLE)


def test_a_run_is_asked_as_by_predict(tmp_path: Path) -> None:
    from fairser.audio import waveforms
    from fairser.inference.predicting import load

    run = make_run(tmp_path)
    spec = find_model(str(run), None, None, corpus_of("Happy", "sad"))
    assert (spec.kind, spec.classes, spec.task) == ("package", ("angry", "Happy", "sad"), MULTI)
    assert spec.name == "erm/none/k1/fold1/seed0"
    files = sorted((tmp_path / "audio").glob("*.wav"))
    heard = {file.stem: waveforms.read(file).numpy() for file in files}
    heard["short"] = np.zeros(100, np.float32)
    rows, failures = ask_each(open_model(spec), spec.classes, "clean", heard)
    assert [*failures] == ["short"]
    for one, file in zip(load(run).predict(files), files, strict=True):
        expected = list(one.probabilities.values())  # up to rounding, which depends on the batch
        np.testing.assert_allclose(rows[file.stem], expected, rtol=1e-4, atol=1e-7)
    renamed = find_model(str(run), None, ["a", "b", "c"], corpus_of("a", "b"))
    assert renamed.classes == ("a", "b", "c")
    assert renamed.identity == spec.identity
    with pytest.raises(InputError, match="3 outputs"):
        find_model(str(run), None, ["a", "b"], corpus_of("a", "b"))


def write_classifier(folder: Path, labels: list[str], **more: object) -> torch.nn.Module:
    """A tiny wav2vec2 with random weights; returns the model."""
    from fairser.audio import torchaudio_cpu  # noqa: F401  before transformers

    from transformers import (  # isort: skip
        Wav2Vec2Config,
        Wav2Vec2FeatureExtractor,
        Wav2Vec2ForSequenceClassification,
    )

    torch.manual_seed(0)
    config = Wav2Vec2Config(
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        classifier_proj_size=8,
        conv_dim=[8] * 7,
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=4,
        id2label=dict(enumerate(labels)),
        label2id={name: number for number, name in enumerate(labels)},
        **more,
    )
    model = Wav2Vec2ForSequenceClassification(config).eval()
    model.save_pretrained(folder)
    Wav2Vec2FeatureExtractor().save_pretrained(folder)
    return model


def test_a_hugging_face_model_gives_its_softmax(tmp_path: Path) -> None:
    folder = tmp_path / "hf"
    model = write_classifier(folder, ["Joy", "Anger", "calm"])
    spec = find_model(str(folder), None, None, corpus_of(*OUTPUTS))
    assert (spec.kind, spec.classes, spec.task) == (
        "hugging_face",
        ("joy", "anger", "calm"),
        SINGLE,
    )
    assert set(spec.identity["files"]) == {
        "config.json",
        "model.safetensors",
        "preprocessor_config.json",
    }
    random = np.random.default_rng(0)
    heard = {
        n: random.normal(0.1, 0.2, k).astype(np.float32) for n, k in (("a", 6000), ("b", 9000))
    }
    rows, failures = ask_each(open_model(spec), spec.classes, "clean", heard)
    assert not failures
    for clip, wave in heard.items():
        scaled = (wave - wave.mean()) / np.sqrt(wave.var() + 1e-7)
        with torch.inference_mode():
            logits = model(torch.from_numpy(scaled)[None]).logits[0]
        np.testing.assert_allclose(rows[clip], logits.softmax(0).numpy(), atol=1e-5)
    # What a classifier needs must be in the weights, and no code of others is run.
    weights = folder / "model.safetensors"
    weights.rename(folder / "pytorch_model.bin")
    with pytest.raises(InputError, match=r"model\.safetensors"):
        find_model(str(folder), None, None, corpus_of(*OUTPUTS))


def write_config(folder: Path, **config: object) -> str:
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"model_type": "wav2vec2", **config}))
    (folder / "model.safetensors").write_bytes(b"weights")
    return str(folder)


def test_outputs_of_hugging_face_models(tmp_path: Path) -> None:
    multi = write_config(
        tmp_path / "m",
        problem_type="multi_label_classification",
        id2label={"1": "joy", "0": "anger", "10": "fear", "2": "calm"},
    )
    spec = find_model(multi, None, None, corpus_of(*OUTPUTS))
    assert (spec.classes, spec.task, spec.scores) == (
        ("anger", "joy", "calm", "fear"),
        MULTI,
        "sigmoid",
    )
    dims = write_config(tmp_path / "d", id2label={"0": "Arousal", "1": "valence"})
    spec = find_model(dims, None, None, corpus_of("arousal", "valence"))
    assert (spec.classes, spec.task, spec.scores) == (("arousal", "valence"), DIMENSIONS, "raw")
    unnamed = write_config(tmp_path / "u", id2label={"0": "LABEL_0", "1": "LABEL_1"})
    with pytest.raises(InputError, match="--classes"):
        find_model(unnamed, None, None, corpus_of(*OUTPUTS))
    assert find_model(unnamed, None, ["joy", "anger"], corpus_of(*OUTPUTS)).classes == (
        "joy",
        "anger",
    )


def test_a_name_of_the_hub_is_looked_for_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(InputError, match="HF_HUB_OFFLINE"):
        find_model("lab/no-such-model@v2", None, None, corpus_of(*OUTPUTS))


def test_a_function_is_known_by_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "package").mkdir()
    module = tmp_path / "package" / "mine.py"
    module.write_text("raise SystemExit  # not run to be found\n")
    spec = find_model("package.mine:f", None, ["joy", "anger"], corpus_of(*OUTPUTS))
    assert (spec.kind, spec.classes) == ("function", ("joy", "anger"))
    module.write_text("other = 1\n")
    other = find_model("package.mine:f", None, ["joy", "anger"], corpus_of(*OUTPUTS))
    assert other.identity != spec.identity
    with pytest.raises(InputError, match="--classes"):
        find_model("package.mine:f", None, None, corpus_of(*OUTPUTS))
    with pytest.raises(InputError, match="no module"):
        find_model("package.other:f", None, ["joy", "anger"], corpus_of(*OUTPUTS))
    with pytest.raises(InputError, match="AttributeError"):
        open_model(find_model("json:f", None, ["joy", "anger"], corpus_of(*OUTPUTS)))


def test_a_command_is_known_by_its_text_and_its_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my.py").write_text("1")
    command = "python my.py {list} {output}"
    spec = find_model(None, command, None, corpus_of(*OUTPUTS))
    assert (spec.kind, spec.classes, spec.batch) == ("command", OUTPUTS, FILES)
    (tmp_path / "my.py").write_text("2")
    assert find_model(None, command, None, corpus_of(*OUTPUTS)).identity != spec.identity
    with pytest.raises(InputError, match=r"lacks \{output\}"):
        find_model(None, "python my.py {list}", None, corpus_of(*OUTPUTS))
    with pytest.raises(InputError, match="--classes"):
        find_model(None, command, None, corpus_of())


def test_a_folder_of_predictions(tmp_path: Path) -> None:
    (tmp_path / "clean.csv").write_text("clip,anger,joy\n")
    spec = find_model(str(tmp_path), None, None, corpus_of(*OUTPUTS))
    assert (spec.kind, spec.classes) == ("predictions", OUTPUTS)


@pytest.mark.parametrize(
    ("model", "command"),
    [(None, None), ("a/b", "c {list} {output}"), ("no model", None), ("my_model.py", None)],
)
def test_what_is_no_model(model: str | None, command: str | None) -> None:
    with pytest.raises(InputError, match="model"):
        find_model(model, command, None, corpus_of(*OUTPUTS))


def test_two_outputs_of_one_name() -> None:
    with pytest.raises(InputError, match="'joy'"):
        find_model(None, "x {list} {output}", ["joy", "Joy"], corpus_of(*OUTPUTS))
