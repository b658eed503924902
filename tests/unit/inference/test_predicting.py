"""A saved model predicts for a clip of its corpus what its run predicted."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import soundfile
import torch
from safetensors.torch import load_file, save_file

from fairser.core.checksums import write_record
from fairser.core.errors import InputError
from fairser.core.files import read_json
from fairser.evaluation.metrics import positive
from fairser.inference import predicting
from fairser.inference.predicting import Predictor, audio_files, load
from fairser.methods.erm import ERM
from unit.builders import CLASSES
from unit.corpora.builders import assert_refused
from unit.encoders.tiny import write_wav2vec2, write_wavlm
from unit.run_builder import make_run, reseal


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on fbank; tests must leave it as it is."""
    return make_run(tmp_path_factory.mktemp("fbank"))


@pytest.fixture
def copy(run: Path, tmp_path: Path) -> Path:
    """A copy of the run, to be damaged."""
    return Path(shutil.copytree(run, tmp_path / "copy"))


@pytest.fixture(scope="module")
def wavlm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_wavlm(tmp_path_factory.mktemp("wavlm"))


def audio_of(run: Path) -> Path:
    return run.parents[6] / "audio"


def assert_same_predictions(predictor: Predictor, run: Path, atol: float) -> None:
    """Those of predictions.parquet, by clip, class and decision."""
    frame = pl.read_parquet(run / "predictions.parquet")
    files = [str(audio_of(run) / f"{clip}.wav") for clip in frame["clip"]]
    found = list(predictor.predict(files))
    assert [one.clip for one in found] == files
    assert [one.fault for one in found] == [None] * len(files)
    expected = frame.select(CLASSES).to_numpy()
    shares = np.array([list(one.probabilities.values()) for one in found])
    assert shares.dtype == np.float32
    np.testing.assert_allclose(shares, expected, rtol=0, atol=atol)
    assert np.ptp(expected) > 0.1  # of different clips, so that a mix-up would show
    for one, row in zip(found, positive(shares), strict=True):
        assert one.predicted == tuple(np.array(CLASSES)[row])


@pytest.mark.parametrize("method", ["erm", "lff", "disent"])
def test_log_mel_statistics(method: str, run: Path, tmp_path: Path) -> None:
    made = run if method == "erm" else make_run(tmp_path, method)
    predictor = load(made)
    assert predictor.saved.classes == CLASSES
    assert_same_predictions(predictor, made, 2e-6)


@pytest.mark.parametrize(
    ("write", "changes"),
    [
        (write_wavlm, {}),
        (write_wavlm, {"encoder": {"seconds": 0.25}, "extraction": {"store": "float16"}}),
        (write_wavlm, {"encoder": {"finetune": "lora"}}),
        (write_wav2vec2, {"encoder": {"waveforms": "raw", "standardise": True}}),
    ],
    ids=["wavlm", "float16", "lora", "wav2vec2"],
)
def test_models(write: Callable[[Path], Path], changes: dict[str, Any], tmp_path: Path) -> None:
    made = make_run(tmp_path, model=write(tmp_path / "model"), **changes)
    predictor = load(made)
    adapted = "finetune" in changes.get("encoder", {})
    assert (predictor.saved.adapters is not None) == adapted
    assert_same_predictions(predictor, made, 1e-5)


def test_adapters_and_waves_count(wavlm: Path, tmp_path: Path) -> None:
    """Without either the predictions are others: the tests above would notice."""
    made = make_run(tmp_path, model=wavlm, encoder={"finetune": "lora"})
    metrics = read_json(made / "metrics.json")
    for change in ("adapters", "waveforms"):
        other = Path(shutil.copytree(made, tmp_path / change))
        if change == "waveforms":
            metrics["features"]["waveforms"] = {"mean": 0.0, "std": 1.0}
            write_record(other / "metrics.json", metrics, [])
        else:
            tensors = load_file(other / "model.safetensors")
            zero = {n: t * (not n.endswith("lora_B.default.weight")) for n, t in tensors.items()}
            save_file(zero, other / "model.safetensors")
            reseal(other)
        files = [audio_of(made) / "c000.wav"]
        one, two = (next(load(folder).predict(files)).probabilities for folder in (made, other))
        assert not np.allclose(list(one.values()), list(two.values()), atol=1e-5)


def test_more_files_than_a_window_keep_their_order(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files are asked for window by window, so that no number of them fills the memory."""
    monkeypatch.setattr(predicting, "WINDOW", 4)
    asked = 0

    def files() -> Any:
        nonlocal asked
        for number in range(10):
            asked += 1
            yield audio_of(run) / f"c{number:03d}.wav"

    found = load(run).predict(files())
    assert Path(next(found).clip).name == "c000.wav"
    assert asked == 4
    assert [Path(one.clip).name for one in found] == [f"c{n:03d}.wav" for n in range(1, 10)]
    assert_same_predictions(load(run), run, 2e-6)


def test_files_that_cannot_be_used(run: Path, tmp_path: Path) -> None:
    """Each with its reason, and the others are done."""
    good = audio_of(run) / "c000.wav"
    noise = np.random.default_rng(0).normal(0, 0.1, 16_000)
    files = {name: tmp_path / f"{name}.wav" for name in ("empty", "corrupt", "short", "cut")}
    files["empty"].touch()
    files["corrupt"].write_bytes(b"this is no audio" * 10)
    soundfile.write(files["short"], noise[:100], 16_000)
    soundfile.write(files["cut"], noise, 16_000)
    files["cut"].write_bytes(files["cut"].read_bytes()[:2000])
    files["gone"] = tmp_path / "gone.wav"
    first, *found, last = load(run).predict([good, *files.values(), good])
    assert first == last
    assert first.fault is None
    reasons = ["empty (0 bytes)", "not readable as audio", "0.0063 s", "truncated", "no such"]
    for one, path, reason in zip(found, files.values(), reasons, strict=True):
        assert one.clip == str(path)
        assert str(path) in (one.fault or "")
        assert reason in (one.fault or "")
        assert (one.probabilities, one.predicted) == ({}, ())


def test_a_clip_too_short_for_its_encoder(wavlm: Path, tmp_path: Path) -> None:
    """400 samples give a frame of WavLM, but resampling may leave fewer of them."""
    made = make_run(tmp_path, model=wavlm)
    path = tmp_path / "short.wav"
    soundfile.write(path, np.zeros(1103), 44_100)  # 0.02501 s
    predictor = load(made)
    predictor.encoder.shortest = 500  # type: ignore[attr-defined]
    (found,) = predictor.predict([path])
    assert "too short" in (found.fault or "")


def test_silence_has_a_prediction(run: Path, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "silence.wav", np.zeros(16_000), 16_000)
    (found,) = load(run).predict([tmp_path / "silence.wav"])
    assert found.fault is None
    assert sum(found.probabilities.values()) == pytest.approx(1, abs=1e-5)


def test_features_beyond_measure_are_a_fault(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    predictor = load(run)
    monkeypatch.setattr(predictor.encoder, "encode", lambda _: np.full(320, 3e38, np.float32))
    (found,) = predictor.predict([audio_of(run) / "c000.wav"])
    assert "not finite" in (found.fault or "")


# Folders that hold no model, or one that can't predict.


def rewrite(run: Path, **changes: Any) -> None:
    write_record(run / "metrics.json", read_json(run / "metrics.json") | changes, [])


def test_folders_that_are_no_run(run: Path, tmp_path: Path) -> None:
    assert_refused((str(tmp_path / "nowhere"), "METHOD/SOURCE/kK"), load, tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    assert_refused((str(tmp_path / "empty"), "METHOD/SOURCE/kK"), load, tmp_path / "empty")
    assert_refused(("is no run", str(run)), load, run.parents[4])


def test_incomplete_runs(copy: Path) -> None:
    (copy / "model.safetensors").rename(copy / "elsewhere")
    assert_refused(("lacks model.safetensors", "`snakemake`"), load, copy)
    (copy / "elsewhere").rename(copy / "model.safetensors")
    (copy / "metrics.json").unlink()
    assert_refused(("lacks metrics.json", "`snakemake`"), load, copy)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"method": "erm"}', '{"method": 7}'])
def test_a_record_that_is_none(copy: Path, text: str) -> None:
    (copy / "metrics.json").write_text(text)
    assert_refused((str(copy / "metrics.json"),), load, copy)


def test_thresholds_by_group_are_not_in_the_model(copy: Path) -> None:
    rewrite(copy, method="thresholds")
    assert_refused((str(copy), "'thresholds'", "group of the clip"), load, copy)


def test_random_has_no_model(copy: Path) -> None:
    rewrite(copy, method="random")
    assert_refused(("Random", "no model", "another method"), load, copy)


@pytest.mark.parametrize("method", ["squared", "../erm", "fairser.erm", ""])
def test_methods_that_are_not_there(copy: Path, method: str) -> None:
    rewrite(copy, method=method)
    assert_refused((f"method {method!r}",), load, copy)


@pytest.mark.parametrize("name", ["build", "logits"])
def test_a_method_that_predicts_by_itself(
    run: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ERM, name, lambda *_: None)
    assert_refused(("'erm'", "'new_model'", "lff.py"), load, run)


def test_features_of_ones_own_are_not_made_from_audio(copy: Path) -> None:
    metrics = read_json(copy / "metrics.json")
    metrics["features"], metrics["config"]["encoder"]["kind"] = None, "precomputed"
    write_record(copy / "metrics.json", metrics, [])
    assert_refused(("precomputed", "--features"), load, copy)


def test_runs_of_the_second_study(tmp_path: Path) -> None:
    settings = {"model": "Qwen/Qwen2-Audio-7B-Instruct"}
    record = {"objective": "erm", "settings": settings}
    write_record(tmp_path / "metrics.json", record, [])
    told = ("second study", "Qwen/Qwen2-Audio-7B-Instruct", "PeftModel.from_pretrained")
    assert_refused((*told, str(tmp_path)), load, tmp_path)
    (tmp_path / "metrics.json").unlink()
    (tmp_path / "adapter_config.json").touch()
    assert_refused(("second study", "PeftModel.from_pretrained"), load, tmp_path)


def test_weights_of_another_model(copy: Path) -> None:
    tensors = load_file(copy / "model.safetensors")
    path = copy / "model.safetensors"

    def refused(words: tuple[str, ...], **changes: torch.Tensor | None) -> None:
        changed = tensors | changes
        save_file({name: value for name, value in changed.items() if value is not None}, path)
        assert_refused((f"{path}: damaged", "SHA-256"), load, copy)
        reseal(copy)
        assert_refused((*words, "model.safetensors"), load, copy)

    name = "classifier.weight"
    refused((f"'{name}' is not there",), **{name: None})
    refused((f"'{name}'", "[4, 256]", "[3, 256]"), **{name: torch.ones(4, 256)})
    refused((f"'{name}' is torch.float64",), **{name: tensors[name].double()})
    refused(("'extra'",), extra=torch.ones(1))
    refused(("'features.mean' is", "[1, 320]"), **{"features.mean": torch.ones(1, 1)})
    refused(("'features.std' is not there",), **{"features.std": None})
    path.write_bytes(path.read_bytes()[:1000])
    reseal(copy)
    assert_refused((str(path), "safetensors"), load, copy)


def test_a_pickle_is_not_loaded(copy: Path) -> None:
    """Not even where its name says safetensors."""

    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.mkdir, (str(copy / "trapped"),)

    torch.save({"classifier.weight": Trap()}, copy / "model.safetensors")
    reseal(copy)
    assert_refused(("not readable",), load, copy)
    assert not (copy / "trapped").exists()


def test_adapters_of_another_rank(wavlm: Path, tmp_path: Path) -> None:
    made = make_run(tmp_path, model=wavlm, encoder={"finetune": "lora"})
    metrics = read_json(made / "metrics.json")
    metrics["config"]["lora"]["rank"] = 3
    write_record(made / "metrics.json", metrics, [])
    assert_refused(("lora_A", "model.safetensors"), load, made)


def test_a_model_where_none_is_needed(run: Path, tmp_path: Path) -> None:
    assert_refused(("--model is given", "'fbank'"), load, run, "auto", tmp_path)


def test_a_device_that_is_not_there(wavlm: Path, tmp_path: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    made = make_run(tmp_path, model=wavlm)
    assert_refused(("'cuda'",), load, made, "cuda")


# Which files are taken.


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_files_of_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    touch(tmp_path, "in/b.wav", "in/a.FLAC", "in/deep/er/c.mp3", "in/z.txt", "in/.d.wav", "e.xyz")
    touch(tmp_path, "in/.hidden/f.wav", "in/m.m4a")
    found = list(audio_files(["./in", "e.xyz", str(tmp_path / "in/deep")]))
    expected = ["./in/a.FLAC", "./in/b.wav", "./in/m.m4a", "./in/deep/er/c.mp3", "e.xyz"]
    assert found == [*expected, str(tmp_path / "in/deep/er/c.mp3")]


def test_a_loop_of_links_ends(tmp_path: Path) -> None:
    touch(tmp_path, "a.wav")
    (tmp_path / "loop").symlink_to(tmp_path)
    assert list(audio_files([str(tmp_path)])) == [str(tmp_path / "a.wav")]


def test_no_audio(tmp_path: Path) -> None:
    touch(tmp_path, "notes.txt")

    def listed(*given: str) -> list[str]:
        return list(audio_files(given))

    assert_refused((".wav", str(tmp_path)), listed, str(tmp_path))
    assert_refused(("nowhere",), listed, "nowhere")


def test_json_of_a_run_is_read_as_it_is(run: Path) -> None:
    """The order of its classes is that of the logits."""
    text = json.loads((run / "metrics.json").read_text())
    assert tuple(text["f1_by_class"]) == CLASSES
    with pytest.raises(InputError):
        load(run / "metrics.json")
