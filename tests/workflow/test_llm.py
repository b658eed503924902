"""The second study as its user runs it: a cut-down demo, a killed training, bad input."""

import json
import re
import shutil
import signal
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from safetensors.torch import load_file

from fairser.corpora.demo_meldst import make_demo_meldst
from unit.hub_server import HubServer, Repository
from unit.llm.tiny_families import granite_speech
from workflow.browser import opened
from workflow.runner import ROOT, Workflow

DEMO = yaml.safe_load((ROOT / "workflow/grids/demo_llm.yaml").read_text())
SMALL = {
    "results": "results",
    "statistics": {"resamples": 100},
    "llm": {
        "train": {"rounds": 2, "checkpoint_steps": 1},
        "lora": {"rank": 4},
        "grid": {
            "languages": [["deu", "eng"]],
            "modalities": ["speech_text"],
            "p": [2],
            "weighting": ["adaptive"],
        },
    },
}
RUN = "runs/eng-deu/speech_text/minmaxgap/p2/adaptive/seed0"
ERM = "runs/eng-deu/speech_text/erm/p0/none/seed0"


def merged(base: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """As Snakemake merges configurations: mappings deeply, everything else replaced."""
    found = deepcopy(dict(base))
    for key, value in change.items():
        both = isinstance(value, Mapping) and isinstance(found.get(key), Mapping)
        found[key] = merged(found[key], value) if both else deepcopy(value)
    return found


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo corpus with few takes, as if it were the user's own MELD-ST."""
    folder = tmp_path_factory.mktemp("meldst")
    make_demo_meldst(folder, {"train": 1, "valid": 1, "test": 1})
    return folder


def small(folder: Path, corpus: Path) -> Workflow:
    own = {"kind": "meldst", "metadata": str(corpus), "audio": str(corpus / "audio")}
    own |= {"genders": str(corpus / "speakers.tsv")}
    return Workflow(folder, merged(merged(DEMO, SMALL), {"llm": {"corpus": own}}))


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, corpus: Path) -> Workflow:
    """The cut-down grid after one complete run; tests must leave it complete."""
    workflow = small(tmp_path_factory.mktemp("llm"), corpus)
    workflow.run()
    return workflow


def test_tables_figure_and_runs_are_there(done: Workflow) -> None:
    names = ("statistics", "performance", "ablation", "gains_vs_paper")
    for name in names:
        for kind in ("csv", "md", "tex"):
            assert (done.results / f"{name}.{kind}").stat().st_size
    assert (done.results / "figures/rounds.svg").stat().st_size
    assert done.jobs() == {}
    table = pl.read_csv(done.results / "performance.csv")
    assert table["language"].to_list() == ["all", "eng", "deu"] * 3
    states = pl.read_csv(done.results / "grid.csv")
    assert states["state"].to_list() == ["done"] * 3
    unknown = pl.read_csv(done.results / "unknown_speakers.csv")
    assert unknown["speaker"].to_list() == ["Somebody"]


def test_a_run_says_what_it_was_and_saves_adapters_alone(done: Workflow) -> None:
    record = json.loads((done.results / RUN / "metrics.json").read_text())
    assert record["objective"] == "minmaxgap" and record["best_round"] in (1, 2)
    assert record["versions"]["peft"] and record["settings"]["languages"] == ["eng", "deu"]
    (model,) = (done.folder / "resources/models").glob("*.json")
    assert record["model"] == json.loads(model.read_text())
    assert set(record["test"]) == {"all", "eng", "deu"}
    weights = load_file(done.results / RUN / "adapter_model.safetensors")
    assert all(re.search(r"language_model.*\.lora_[AB]\.weight$", name) for name in weights)
    history = pl.read_csv(done.results / RUN / "history.csv")
    assert history["weight"][0] == 1.0 != history["weight"][1]
    assert not (done.results / RUN / "checkpoint.pt").exists()
    erm = pl.read_csv(done.results / ERM / "history.csv")
    assert erm["train_loss"].is_sorted(descending=True)


def test_the_report_has_its_tables(done: Workflow, browser: Any) -> None:
    done.run("report")
    record = json.loads((done.results / RUN / "metrics.json").read_text())
    pages = {path.stem for path in (done.results / "report").iterdir()}
    tables = {"performance", "ablation", "gains_vs_paper", "statistics", "unknown_speakers"}
    assert {*tables, "rates", "figures"} < pages
    with opened(browser, done.results / "report.html") as page:
        assert page.locator(".contents a").count() == len(pages)
        page.click(".contents >> text=Performance and gender gaps")
        frame = page.frame_locator("iframe")
        frame.locator("select[data-name=objective]").select_option("ERM-MinMaxGAP")
        frame.locator("select[data-name=language]").select_option("deu")
        frame.locator("tr:visible button[data-c=tpr_gap]").click()
        assert f"results/{RUN}/metrics.json" in frame.locator("dialog").inner_text()
        value = frame.locator("dialog .value").inner_text()
        assert value == f"{record['test']['deu']['tpr_gap']:.4f}"
    with opened(browser, done.results / "report/unknown_speakers.html") as page:
        cells = page.locator("#table tbody tr").first.locator("td, th").all_inner_texts()
        assert [cell.strip() for cell in cells[:2]] == ["Somebody", "no"]  # not in the list
    for name in sorted(pages):
        with opened(browser, done.results / f"report/{name}.html", width=360) as page:
            wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
            assert not page.evaluate(wide), name
            # Each opens with rows to see, whatever is chosen at first.
            rows = page.locator("#table tbody tr:visible")
            assert rows.count() > 0 or name == "figures", name


def test_a_killed_training_comes_to_the_same(done: Workflow, corpus: Path, tmp_path: Path) -> None:
    """kill -9 of the job in the middle; the next run goes on and leaves the same bytes."""
    workflow = small(tmp_path, corpus)
    shutil.copytree(done.folder / "resources", tmp_path / "resources")
    target = f"results/{RUN}/run.json"
    checkpoint = tmp_path / f"results/{RUN}/checkpoint.pt"
    workflow.stop_when(checkpoint.exists, signal.SIGKILL, target)
    assert checkpoint.exists()
    assert not (tmp_path / target).exists()
    workflow.run("--unlock")
    workflow.run(target)
    log = (tmp_path / f"results/logs/{RUN}/train.log").read_text()
    assert "resumed at round" in log
    for name in ("predictions.parquet", "history.csv", "adapter_model.safetensors"):
        ours, undisturbed = (x / "results" / RUN / name for x in (tmp_path, done.folder))
        assert ours.read_bytes() == undisturbed.read_bytes(), name


def test_one_more_axis_trains_only_what_is_new(done: Workflow) -> None:
    more = Workflow(
        done.folder, merged(done.overlay, {"llm": {"grid": {"weighting": ["adaptive", "fixed"]}}})
    )
    jobs = more.jobs()
    assert (jobs["llm_train"], jobs["llm_evaluate"]) == (1, 1)
    assert "llm_clips" not in jobs and "llm_zero_shot" not in jobs


def test_the_demo_and_the_paper_have_every_cell(tmp_path: Path) -> None:
    jobs = Workflow(tmp_path, DEMO).jobs()
    assert (jobs["llm_zero_shot"], jobs["llm_train"]) == (2, 10)
    assert jobs["demo_meldst"] == jobs["tiny_model"] == jobs["record_tiny_model"] == 1
    paper = yaml.safe_load((ROOT / "workflow/grids/minmaxgap.yaml").read_text())
    assert "'resources/meldst', which does not exist" in Workflow(tmp_path, paper).fail("-n")
    for path in ("resources/meldst/audio", "resources/meldst/speaker_gender.tsv"):
        (tmp_path / path).mkdir(parents=True)
    jobs = Workflow(tmp_path, paper).jobs()
    assert (jobs["llm_train"], jobs["performance"], jobs["fetch_model"]) == (10, 1, 1)
    assert "train" not in jobs
    assert Workflow(tmp_path, paper).jobs("download_models") == {
        "download_models": 1,
        "fetch_model": 1,
        "total": 2,
    }


def test_a_corpus_of_ones_own(tmp_path: Path, corpus: Path) -> None:
    """French by name, with classes and splits of its own and another family of models."""
    granite_speech(tmp_path / "model")
    rows = ["file,speaker,gender,emotion,split,language"]
    audio = corpus / "audio/ENG_DEU/DEU"
    for name, split in (("train", "train"), ("dev", "dev"), ("test", "test")):
        for number, file in enumerate(sorted((audio / name).iterdir())[:4]):
            gender, emotion = ("female", "male")[number % 2], ("gai", "triste")[number // 2]
            person = f"{split}{number % 2}"
            rows.append(f"{file.relative_to(audio)},{person},{gender},{emotion},{split},fra")
    (tmp_path / "clips.csv").write_text("\n".join(rows) + "\n")
    own = {"kind": "manifest", "manifest": str(tmp_path / "clips.csv"), "audio": str(audio)}
    grid = {"languages": [["fra"]], "modalities": ["speech"], "objectives": ["zero_shot"]}
    llm = {"corpus": {"kind": "manifest"}, "model": str(tmp_path / "model"), "grid": grid}
    llm |= {"precision": "float32", "seconds": 1, "threads": 1}
    workflow = Workflow(
        tmp_path,
        {"study": "minmaxgap", "corpus": own, "llm": llm, "device": "cpu"}
        | {"results": "results", "statistics": {"resamples": 100}},
    )
    workflow.run()
    record = json.loads(
        (workflow.results / "runs/fra/speech/zero_shot/p0/none/seed0/metrics.json").read_text()
    )
    assert record["test"]["all"]["clips"] == record["test"]["fra"]["clips"] == 4
    assert list(record["test"]["fra"]["f1_by_class"]) == ["gai", "triste"]
    assert pl.read_csv(workflow.results / "performance.csv")["language"].to_list() == ["all"]
    counts = pl.read_csv(workflow.results / "statistics.csv").filter(emotion="all")
    assert counts.select("language", "split", "female", "male", "unknown").rows() == [
        ("fra", split, 2, 2, 0) for split in ("train", "development", "test")
    ]
    assert not (workflow.results / "gains_vs_paper.csv").exists()


def test_bad_label_words_are_reported_by_the_job(
    tmp_path: Path, done: Workflow, corpus: Path
) -> None:
    workflow = small(tmp_path, corpus)
    workflow.overlay = merged(workflow.overlay, {"llm": {"labels": {"deu": {"fear": "AB"}}}})
    shutil.copytree(done.folder / "resources", tmp_path / "resources")
    output = workflow.fail(f"results/{ERM}/run.json")
    assert "'llm.labels.deu'" in output and "'AB'" in output
    assert "Traceback (most" not in output


def test_the_model_is_downloaded_for_this_study(
    done: Workflow, tmp_path: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a hub that has the tiny model under the name of the real one."""
    name = "Qwen/Qwen2-Audio-7B-Instruct"
    (record,) = (done.folder / "resources/models").glob("*.json")
    made = json.loads(record.read_text())
    files = {n: Path(done.folder, made["folder"], n).read_bytes() for n in made["files"]}
    with HubServer() as server:
        server.models[name] = Repository()
        commit = server.models[name].commit(files)
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "hf_home"))
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
        workflow = small(tmp_path, corpus)
        workflow.overlay["llm"] |= {"model": name, "revision": "main"}
        workflow.run("download_models")
    (record,) = (tmp_path / "resources/models").glob("*.json")
    fetched = json.loads(record.read_text())
    assert (fetched["model"], fetched["commit"]) == (name, commit)
    assert fetched["files"] == made["files"]


def test_minmaxgap_is_a_method_of_the_first_grid_too(copied: Workflow) -> None:
    """Two groups that are annotated and three that are clustered."""
    copied.overlay |= {
        "embedding": {"kind": "mfcc"},
        "grid": {
            "methods": ["erm", "minmaxgap"],
            "sources": ["none", "annotated", "kmeans"],
            "k": [3],
            "folds": [2],
        },
        "tables": {"table1_k": 3, "table2_k": [3]},
        "figures": {"method": "minmaxgap"},
    }
    copied.run("results/table1.csv", "results/figures/tradeoff.svg")
    table = pl.read_csv(copied.results / "table1.csv")
    assert table.select("method", "source").rows() == [
        ("ERM", "none"),
        ("MinMaxGAP", "annotated"),
        ("MinMaxGAP", "kmeans"),
    ]
    record = copied.results / "runs/minmaxgap/annotated/k2/fold2/seed0/metrics.json"
    assert json.loads(record.read_text())["config"]["methods"]["minmaxgap"]["p"] == 2
