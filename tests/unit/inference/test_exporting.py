"""A package predicts what its run predicted, in another place and without the workflow."""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import yaml
from safetensors.numpy import save_file

from fairser.commands.predict import parser
from fairser.core import escape
from fairser.core.checksums import write_record
from fairser.core.errors import InputError
from fairser.core.files import LFS_POINTER, read_json, sha256, write_json
from fairser.corpora.clips import ClipTable
from fairser.corpora.names import SINGLE
from fairser.extraction.store import open_store
from fairser.inference.exporting import export, requirements
from fairser.inference.predicting import Predictor, load
from fairser.inference.saved_model import read_saved_model
from fairser.pretrained.records import RUN
from unit.builders import CLASSES, write_store
from unit.corpora.builders import assert_refused
from unit.encoders.tiny import write_wavlm
from unit.hub_server import HubServer, Repository
from unit.rendered import HOSTILE, rendered
from unit.run_builder import KIND, make_run, reseal
from workflow.runner import ROOT

# Libraries of the workflow that no prediction from audio needs.
BLOCKED = ("snakemake", "polars", "matplotlib", "speechbrain", "jsonschema", "parselmouth")
# Those that it needs only with a pre-trained encoder.
MODELS = ("transformers", "huggingface_hub", "peft", "accelerate", "sklearn", "scipy", "yaml")
GAPS = (("tpr", "pairwise"), ("ppr", "max_deviation"))  # rate and variant of the card
FILES = ("LICENSE", "README.md", "config.json", "model.safetensors", "predict.py")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on fbank; tests must leave it as it is."""
    return make_run(tmp_path_factory.mktemp("fbank"))


@pytest.fixture(scope="module")
def wavlm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_wavlm(tmp_path_factory.mktemp("wavlm") / "model")


@pytest.fixture(scope="module")
def adapted(wavlm: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that trained adapters of WavLM."""
    folder = tmp_path_factory.mktemp("lora")
    return make_run(folder, model=wavlm, encoder={"finetune": "lora"})


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on labels of one class per clip."""
    corpus = {"kind": "demo", "task": SINGLE}
    return make_run(tmp_path_factory.mktemp("single"), corpus=corpus)


@pytest.fixture
def package(run: Path, tmp_path: Path) -> Path:
    export(run, tmp_path / "package")
    return tmp_path / "package"


def predict(
    package: Path, folder: Path, *arguments: object, blocked: tuple[str, ...] = BLOCKED, **more: str
) -> subprocess.CompletedProcess[str]:
    """Its predict.py in a process that has nothing of the repository, and lacks some libraries."""
    stand_ins = folder / "blocked"
    stand_ins.mkdir(exist_ok=True)
    for name in blocked:
        text = f"raise ModuleNotFoundError('No module named {name!r}', name={name!r})\n"
        (stand_ins / f"{name}.py").write_text(text)
    ours = ("HF_", "HUGGING", "PYTHON")
    kept = {n: v for n, v in os.environ.items() if not n.startswith(ours) and "proxy" not in n}
    return subprocess.run(
        [sys.executable, str(package / "predict.py"), *map(str, arguments)],
        env=kept | {"PYTHONPATH": str(stand_ins), "HF_HOME": str(folder / "hf"), **more},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
    )


def clips(run: Path) -> list[Path]:
    """Audio files of the clips that the run predicted."""
    names = pl.read_parquet(run / "predictions.parquet")["clip"]
    return [run.parents[6] / "audio" / f"{name}.wav" for name in names]


def assert_same_rows(printed: str, run: Path) -> None:
    """The csv has what the run's predictions say of its clips."""
    frame = pl.read_parquet(run / "predictions.parquet").sort("clip")
    found = pl.read_csv(printed.encode()).sort("clip")
    assert found.columns == ["clip", *CLASSES, "prediction"]
    assert [Path(name).stem for name in found["clip"]] == frame["clip"].to_list()
    expected = frame.select(CLASSES).to_numpy()
    np.testing.assert_allclose(found.select(CLASSES).to_numpy(), expected, rtol=0, atol=1e-5)
    names = [";".join(np.array(CLASSES)[row]) for row in expected > 1 / 3]
    assert found["prediction"].to_list() == names


def assert_same_predictions(predictor: Predictor, run: Path) -> None:
    """The predictor gives what the run's predictions say of its clips."""
    frame = pl.read_parquet(run / "predictions.parquet")
    found = [list(one.probabilities.values()) for one in predictor.predict(clips(run))]
    np.testing.assert_allclose(found, frame.select(CLASSES).to_numpy(), rtol=0, atol=1e-5)


def content(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(files)}


def damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def test_it_predicts_elsewhere_without_the_workflow(run: Path, tmp_path: Path) -> None:
    export(run, tmp_path / "here" / "package")
    moved = tmp_path / "else where"
    shutil.move(tmp_path / "here", moved)
    blocked = (*BLOCKED, *MODELS)
    done = predict(moved / "package", tmp_path, *clips(run), blocked=blocked)
    assert done.returncode == 0, done.stderr
    assert_same_rows(done.stdout, run)


def test_a_model_of_one_label_per_clip(single: Path, tmp_path: Path) -> None:
    """It predicts the most probable class, by the run and by its package; no threshold counts."""
    export(single, tmp_path / "package")
    saved = read_saved_model(tmp_path / "package")[0]
    assert (saved.task, saved.threshold) == (SINGLE, None)
    assert saved == read_saved_model(single)[0]
    config = read_json(tmp_path / "package" / "config.json")
    write_json(tmp_path / "package" / "config.json", config | {"threshold": 0.0})
    done = predict(tmp_path / "package", tmp_path, *clips(single), blocked=(*BLOCKED, *MODELS))
    assert done.returncode == 0, done.stderr
    frame = pl.read_parquet(single / "predictions.parquet")
    expected = frame.select(CLASSES).to_numpy()
    assert ((expected > 1 / 3).sum(axis=1) != 1).any()  # so that a threshold would show
    found = pl.read_csv(done.stdout.encode())
    assert found["prediction"].to_list() == [CLASSES[c] for c in expected.argmax(axis=1)]
    truth = [CLASSES[KIND[int(name[1:])]] for name in frame["clip"]]
    test = frame["split"] == "test"
    pairs = list(zip(pl.Series(truth).filter(test), found["prediction"].filter(test), strict=True))
    card = (tmp_path / "package" / "README.md").read_text()
    matrix = rows(card, "### Clips by class and predicted class")
    assert [row[0] for row in matrix] == list(CLASSES)
    assert [list(map(int, row[1:])) for row in matrix] == [
        [pairs.count((label, called)) for called in CLASSES] for label in CLASSES
    ]
    recall = [pairs.count((c, c)) / sum(label == c for label, _ in pairs) for c in CLASSES]
    uar, accuracy = np.mean(recall), np.mean([label == called for label, called in pairs])
    scores = dict(rows(card, "## Evaluation"))
    assert "Hamming accuracy" not in scores
    assert scores["UAR"].startswith(f"{uar:.3f} [")
    assert scores["Accuracy"].startswith(f"{accuracy:.3f} [")
    (result,) = front(card)["model-index"][0]["results"]
    assert [metric["type"] for metric in result["metrics"]] == ["recall", "f1", "accuracy"]
    assert result["metrics"][0]["value"] == pytest.approx(uar)


def test_its_help_names_no_run(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fairser.commands.predict.find_spec", lambda _: None)
    shown = parser(package).format_help()
    assert shown.startswith("usage: predict.py [-h] [--out CSV]")
    assert "--run" not in shown
    assert "--features" not in shown


def test_frozen_weights_from_a_folder_are_asked_for_and_checked(
    adapted: Path, wavlm: Path, tmp_path: Path
) -> None:
    package = tmp_path / "package"
    export(adapted, package)
    text = (package / "config.json").read_text() + (package / "README.md").read_text()
    assert str(wavlm.parent) not in text
    assert "`--model FOLDER`" in text
    moved = Path(shutil.copytree(wavlm, tmp_path / "elsewhere"))
    assert_same_predictions(load(package, "cpu", moved), adapted)
    assert_refused(("'model'", "--model"), load, package)
    damage(moved / "model.safetensors")
    assert_refused((str(moved / "model.safetensors"),), load, package, "cpu", moved)


def test_adapters_come_along_and_the_encoder_is_fetched_at_its_commit(
    adapted: Path, wavlm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the hub once, then from its cache without a question."""
    run, package = Path(shutil.copytree(adapted, tmp_path / "run")), tmp_path / "package"
    with HubServer() as hub:
        hub.models["lab/wavlm"] = repository = Repository()
        commit = repository.commit({file.name: file.read_bytes() for file in wavlm.iterdir()})
        repository.commit({"config.json": b"{}", "model.safetensors": b"other weights"})
        metrics = read_json(run / "metrics.json")
        fetched = {"model": "lab/wavlm", "commit": commit, "folder": str(tmp_path / "gone")}
        metrics["features"]["model"] |= fetched
        write_record(run / "metrics.json", metrics, [])
        names = export(run, package)
        assert {"fairser/training/finetuning.py", "fairser/encoders/transformers.py"} <= {*names}
        done = predict(package, tmp_path, *clips(adapted), HF_ENDPOINT=hub.url)
        assert done.returncode == 0, done.stderr
        assert_same_rows(done.stdout, adapted)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hf" / "hub"))
    monkeypatch.setattr("fairser.pretrained.hub.fetch", None)
    assert_same_predictions(load(package, "cpu"), adapted)
    card = (package / "README.md").read_text()
    assert f"`{commit}`" in card
    assert "base_model: lab/wavlm" in card


def test_without_network_the_message_names_the_option(
    adapted: Path, wavlm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export(adapted, tmp_path / "package")
    config = read_json(tmp_path / "package" / "config.json")
    config["pretrained"] |= {"model": "lab/wavlm", "commit": "0" * 40}
    write_json(tmp_path / "package" / "config.json", config)

    def fetch(*_: object) -> None:
        raise InputError(f"No network. Run {RUN} again.")

    monkeypatch.setattr("fairser.pretrained.hub.fetch", fetch)
    told = ("No network. Run the same command again.", "--model FOLDER", "lab/wavlm")
    assert_refused(told, load, tmp_path / "package")


def test_features_of_ones_own(run: Path, tmp_path: Path) -> None:
    """A model on precomputed features is told them by --features; the package can do so, too."""
    own = Path(shutil.copytree(run, tmp_path / "own"))
    metrics = read_json(own / "metrics.json")
    metrics["features"], metrics["config"]["encoder"]["kind"] = None, "precomputed"
    write_record(own / "metrics.json", metrics, [])
    export(own, tmp_path / "package")
    assert "polars" in (tmp_path / "package" / "requirements.txt").read_text()
    card = (tmp_path / "package" / "README.md").read_text()
    assert "predict.py --features features.safetensors --clips clips.csv --out" in card
    store = run.parents[6] / "store"
    frame = pl.read_parquet(run / "predictions.parquet")
    rows = pl.read_csv(store / "clips.csv")["clip"].to_list()
    array = np.stack([load_array(store)[rows.index(clip)] for clip in frame["clip"]])
    write_store(tmp_path / "f.safetensors", tmp_path / "names.csv", array, frame["clip"].to_list())
    given = ("--features", tmp_path / "f.safetensors", "--clips", tmp_path / "names.csv")
    blocked = (*(name for name in BLOCKED if name != "polars"), *MODELS)
    done = predict(tmp_path / "package", tmp_path, *given, blocked=blocked)
    assert done.returncode == 0, done.stderr
    assert_same_rows(done.stdout, run)


def test_an_encoder_with_a_package_and_a_licence_of_its_own(tmp_path: Path) -> None:
    pytest.importorskip("opensmile")
    run = make_run(tmp_path / "smile", encoder={"kind": "opensmile"})
    package = tmp_path / "package"
    export(run, package)
    assert_same_predictions(load(package, "cpu"), run)
    pins = (package / "requirements.txt").read_text().splitlines()
    assert {pin for pin in pins if pin.startswith("opensmile==")} <= {
        *(ROOT / "constraints.txt").read_text().splitlines()
    }
    assert "opensmile" in [pin.split("==")[0] for pin in pins]
    card = (package / "README.md").read_text()
    assert "audEERING Research License" in card.partition("## Licence")[2]


def load_array(store: Path) -> np.ndarray:
    from safetensors.numpy import load_file

    return load_file(store / "features.safetensors")["features"]


def test_the_same_bytes_twice(run: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        export(run, tmp_path / name / "package", zipped=True)
    one, two = (content(tmp_path / name) for name in ("a", "b"))
    assert "package.zip" in one
    assert one == two


def test_the_archive_holds_the_package(run: Path, tmp_path: Path) -> None:
    export(run, tmp_path / "package", zipped=True)
    shutil.unpack_archive(tmp_path / "package.zip", tmp_path / "unpacked")
    assert content(tmp_path / "unpacked" / "package") == content(tmp_path / "package")


def test_what_is_in_it(package: Path, run: Path, tmp_path: Path) -> None:
    names = {*content(package)}
    code = {name for name in names if name.startswith("fairser/")}
    assert names - code == {*FILES, "requirements.txt"}
    assert {
        "fairser/methods/head.py",
        "fairser/encoders/fbank.py",
        "fairser/methods/erm.py",
    } <= code
    assert (
        not {
            "fairser/training/train.py",
            "fairser/pretrained/hub.py",
            "fairser/training/finetuning.py",
        }
        & code
    )
    for name in code:
        assert (package / name).read_bytes() == (ROOT / "workflow" / name).read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["package"]
    config = read_json(package / "config.json")
    assert config["weights"]["sha256"] == sha256(run / "model.safetensors")
    assert config["classes"] == list(CLASSES)
    assert read_saved_model(package)[0] == read_saved_model(run)[0]
    assert str(run.parents[6]) not in (package / "config.json").read_text()


def test_requirements_are_pinned_and_few(run: Path, adapted: Path) -> None:
    pins = (ROOT / "constraints.txt").read_text().splitlines()
    few, more = (
        requirements(read_saved_model(folder)[0], read_json(folder / "metrics.json")["versions"])
        for folder in (run, adapted)
    )
    assert {*few} < {*more} <= {*pins}
    names = ["torch", "torchaudio", "numpy", "safetensors", "soundfile", "tqdm"]
    assert [pin.split("==")[0] for pin in few] == names
    assert requirements(read_saved_model(run)[0], {"torch": "1.2+cu9"})[0] == "torch==1.2"


@pytest.mark.parametrize("name", ["package", "package.zip"])
def test_nothing_is_overwritten(run: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "package").mkdir()  # empty, and so allowed
    mine = tmp_path / name / "mine" if name == "package" else tmp_path / name
    mine.touch()
    before = content(tmp_path)
    assert_refused(
        (str(tmp_path / name), "exists already"), export, run, tmp_path / "package", True
    )
    assert content(tmp_path) == before
    mine.unlink()
    export(run, tmp_path / "package", True)


def test_a_file_in_its_place(run: Path, tmp_path: Path) -> None:
    (tmp_path / "package").write_text("mine")
    assert_refused(("is a file",), export, run, tmp_path / "package")
    assert (tmp_path / "package").read_text() == "mine"


def test_a_failure_leaves_nothing(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fairser.inference.exporting.LICENCE", tmp_path / "lost")
    with pytest.raises(FileNotFoundError):
        export(run, tmp_path / "package", zipped=True)
    assert list(tmp_path.iterdir()) == []


def test_only_runs_are_exported(package: Path, tmp_path: Path) -> None:
    assert_refused((str(package), "a package already"), export, package, tmp_path / "again")
    write_record(tmp_path / "llm" / "metrics.json", {"objective": "erm", "settings": {}}, [])
    told = ("second study", "needs no export")
    assert_refused(told, export, tmp_path / "llm", tmp_path / "again")
    assert not (tmp_path / "again").exists()


WORKFLOW = ("snakemake", "corpus.", "encoder.", "configuration", "results/", "docs/", "scripts/")


def test_its_messages_speak_of_what_it_has(package: Path, run: Path, tmp_path: Path) -> None:
    """Of files that can't be used, of features, and of itself; not of the workflow."""
    texts = {"empty": b"", "text": b"no audio", "lfs": LFS_POINTER + b"v1\n"}
    for name, content in texts.items():
        (tmp_path / f"{name}.wav").write_bytes(content)
    files = [tmp_path / f"{name}.wav" for name in (*texts, "gone")]
    found = load(package).predict(files)
    messages = [one.fault or "" for one in found]
    given = tmp_path / "f.safetensors"
    for lost in (given, tmp_path / "clips.csv"):
        with pytest.raises(InputError) as error:
            open_store(given, tmp_path / "clips.csv")
        assert str(lost) in str(error.value)
        messages.append(str(error.value))
        save_file({"features": np.zeros((1, 1, 1), np.float32)}, given)
    for name in ("model.safetensors", "config.json"):
        (package / name).unlink()
        with pytest.raises(InputError) as error:
            load(package)
        assert name in str(error.value) and "Copy the package again" in str(error.value)
        messages.append(str(error.value))
    assert all(messages)
    assert not [(w, text) for text in messages for w in WORKFLOW if w in text]


# A package that is not what it was.


def test_tampered_weights_are_refused(package: Path) -> None:
    damage(package / "model.safetensors")
    told = (str(package / "model.safetensors"), "SHA-256", "Copy the package")
    assert_refused(told, load, package)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 1}, "'format' is 1"),
        ({"sampling_rate": 8000}, "'sampling_rate' is 8000"),
        ({"classes": None}, "config.json"),
        ({"task": "ranking"}, "no task 'ranking'"),
        ({"weights": {}}, "KeyError('sha256')"),
        ({"method": "erm.evil"}, "no method 'erm.evil'"),
        ({"encoder": {"kind": "os"}}, "encoder 'os'"),
        ({"encoder": {}}, "encoder 'None'"),
        ({"encoder": {"kind": "fbank", "pool": "max"}}, "the setting 'pool'"),
        ({"classes": ["angry", "sad"]}, "'classifier.weight'"),
    ],
)
def test_a_changed_configuration(package: Path, change: dict[str, Any], message: str) -> None:
    write_json(package / "config.json", read_json(package / "config.json") | change)
    assert_refused((message,), load, package)


def test_a_threshold_of_ones_own(package: Path, run: Path) -> None:
    """Which is what it stands in config.json for."""
    write_json(package / "config.json", read_json(package / "config.json") | {"threshold": 0.0})
    assert next(load(package).predict(clips(run))).predicted == CLASSES


# The model card.


def front(card: str) -> dict[str, Any]:
    found = re.match(r"---\n(.*?)\n---\n", card, re.DOTALL)
    assert found
    return yaml.safe_load(found[1])


def rows(card: str, title: str) -> list[list[str]]:
    """Cells of the table below a heading, without its head."""
    section = card.split(f"{title}\n", 1)[1].split("\n#")[0]
    table = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[2:]]


def test_the_card_has_the_numbers_of_the_run(package: Path, run: Path) -> None:
    card, metrics = (package / "README.md").read_text(), read_json(run / "metrics.json")
    head = front(card)
    (result,) = head["model-index"][0]["results"]
    assert [m["value"] for m in result["metrics"]] == [metrics["f1"], metrics["acc"]]
    assert (head["library_name"], head["pipeline_tag"]) == ("fairser", "audio-classification")
    assert "python predict.py clip.wav folder/ --out" in card
    for words in ("must not be used for decisions about people", "2024/1689", "hiring", "medical"):
        assert words in card
    gender = metrics["attributes"]["gender"]
    found = rows(card, "### By attribute, class and group")
    assert len(found) == 3 * len(gender["groups"])
    for attribute, label, group, *cells in found:
        expected = gender["rates"][label][group]
        names = ("clips", "positives", "predicted", "tpr", "ppr", "fpr", "f1")
        values = [float(cell) if cell else None for cell in cells]
        assert attribute == "gender"
        assert values == pytest.approx([expected[name] for name in names], abs=5e-4)
    ((attribute, groups, tpr, dp, unknown),) = rows(card, "### Gaps")
    assert (attribute, unknown) == ("gender", str(gender["unknown"]))
    assert groups == ", ".join(f"{name} {n}" for name, n in gender["groups"].items())
    for cell, (rate, variant) in zip((tpr, dp), GAPS, strict=True):
        assert cell.startswith(f"{gender['gaps'][rate][variant]['rms']:.3f}")
        assert "[" not in cell  # there are two speakers of a gender
    assert "fewer than 5" in card


def test_the_card_has_intervals_and_chance_levels(run: Path, tmp_path: Path) -> None:
    """Of the same clips by three times as many speakers, which are enough."""
    more = Path(shutil.copytree(run, tmp_path / "more"))
    counts = pl.read_parquet(run / "counts.parquet")
    names = [pl.concat_str("speaker", pl.lit(n)).alias("speaker") for n in "123"]
    copies = pl.concat([counts.with_columns(name) for name in names])
    copies.write_parquet(more / "counts.parquet")
    reseal(more)
    export(more, tmp_path / "package")
    card, metrics = (tmp_path / "package/README.md").read_text(), read_json(run / "metrics.json")
    ((_, _, *cells, _),) = rows(card, "### Gaps")
    gaps = metrics["attributes"]["gender"]["gaps"]
    for cell, (rate, variant) in zip(cells, GAPS, strict=True):
        value = gaps[rate][variant]["rms"]
        shown, low, high, *by_chance = map(float, re.findall(r"[\d.]+", cell))
        assert shown == pytest.approx(value, abs=5e-4)
        assert low <= value <= high
        if rate == "ppr":  # which all permutations have
            mean, upper = by_chance
            assert 0 < mean < upper
            assert ("°" in cell) == (value <= upper)
    assert dict(rows(card, "## Evaluation"))["Macro F1"].startswith(f"{metrics['f1']:.3f} [")


def test_the_card_tells_the_split(package: Path) -> None:
    card = (package / "README.md").read_text()
    found = rows(card, "## Training data")
    assert [row[:3] for row in found] == [
        ["train", "12", "12"],
        ["development", "6", "6"],
        ["test", "6", "6"],
    ]
    assert "none of its speakers" in card
    assert "20 clips" in card


def test_a_card_of_a_run_by_itself(run: Path, tmp_path: Path) -> None:
    """Without counts and split beside it, it has no intervals and no table of clips."""
    alone = Path(shutil.copytree(run, tmp_path / "alone"))
    (alone / "counts.parquet").unlink()
    metrics = read_json(alone / "metrics.json")
    metrics["config"]["bias"]["ratio"] = None
    write_record(alone / "metrics.json", metrics | {"attributes": {}}, [])
    export(alone, tmp_path / "package")
    card = (tmp_path / "package" / "README.md").read_text()
    assert "95 %" not in card
    assert "in train:" not in card
    assert "No clips were left out" in card
    assert "no gap was measured" in card
    assert front(card)["model-index"]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_is_no_markup_of_the_card(run: Path, tmp_path: Path, name: str) -> None:
    """A class, a group, an attribute and a source, in sentences, headings and tables."""
    other = Path(shutil.copytree(run, tmp_path / "run"))
    (other / "counts.parquet").unlink()
    text = json.dumps(read_json(run / "metrics.json"))
    for old in ("angry", "female", "gender", "none"):
        text = text.replace(f'"{old}"', json.dumps(name))
    write_record(other / "metrics.json", json.loads(text), [])
    export(other, tmp_path / "package")
    card = rendered((tmp_path / "package/README.md").read_text().split("---\n", 2)[2])
    export(run, tmp_path / "usual")
    usual = rendered((tmp_path / "usual/README.md").read_text().split("---\n", 2)[2])
    assert set(card.elements) == set(usual.elements)
    plain = " ".join(escape.one_line(name).split())
    assert f"F1 of {plain}" in [" ".join(cell.split()) for cell in card.cells]
    assert f"{plain}, happy, sad" in card.text


def test_the_card_names_the_licence_of_the_corpus(run: Path, tmp_path: Path) -> None:
    """That of the split beside the run, which the corpus' files told, or of the configuration."""
    copy = tmp_path / "results" / run.relative_to(run.parents[5])
    shutil.copytree(run, copy)
    table = ClipTable.read(run.parents[5] / "splits/fold1.parquet")
    for number, licence in enumerate((None, "CC-BY-4.0")):
        replace(table, licence=licence).write(tmp_path / "results/splits/fold1.parquet")
        export(copy, tmp_path / f"package{number}")
        card = (tmp_path / f"package{number}/README.md").read_text()
        assert ("Its licence: " in card) == (licence is not None)
        assert licence is None or f"Its licence: {licence}." in card
