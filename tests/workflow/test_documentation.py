"""The commands of the documentation run.

Every line of an ``sh`` block of the README and of ``docs`` is a command. It runs here, in a copy of
the workflow that has the files that a reader would have (:func:`workplace`); or it is in
:data:`ELSEWHERE`, below the test that runs the same. A file `NAME.yaml` of a command is the last
``yaml`` block of the page before it that begins with ``# NAME.yaml``. So a new page needs no change
here if it uses only these files.
"""

import ast
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import soundfile
import yaml

from unit.builders import write_store
from unit.corpora.builders import label_rows, write_csv, write_labels
from workflow.conftest import EMOTIONS, overlay
from workflow.pages import BLOCKS, Block
from workflow.runner import ROOT, Workflow, copy_workflow

# Folders that pages name by a full path; the fixture `stand_ins` has the folders used instead.
STAND_INS = ("/data/corpus", "/data/cremad")
# Names of finished results in the pages, by the folders that they are links to.
FINISHED = {"results/demo": ("results/a", "results/wide"), "results/quick": ("results/b",)}
RUN = "results/demo/runs/rw/annotated/k2/fold1/seed0"
CLIPS = ("2001_DFA_DIS_XX.wav", "2014_IWL_HAP_XX.wav")  # of the demo
# The speakers of EmoDB, and the emotions for which there are tones.
ACTORS = ("03", "08", "09", "10", "11", "12", "13", "14", "15", "16")
LETTERS = {"W": "anger", "F": "happiness", "N": "neutral"}

# Commands that need what a test cannot have, or minutes, below the test that runs the same on the
# demo, on small models, or on its own repositories, hub or Slurm.
ELSEWHERE = {
    "workflow/test_corpora.py::test_the_demo_shows_a_gender_gap": [
        "make demo",
    ],
    "workflow/test_documentation.py::test_targets_of_make": [
        "make test",
        "make lint",
    ],
    "unit/corpora/test_download.py::test_everything_is_fetched_once": [
        "snakemake download_cremad",
    ],
    "workflow/test_models.py::test_models_come_ahead_and_the_grid_then_runs_without_network": [
        "snakemake",
        "snakemake download_models",
    ],
    "workflow/test_models.py::test_pins_are_a_configuration_of_the_commits": [
        "snakemake pin_models",
        "snakemake --configfile config.yaml resources/models/pinned.yaml",
    ],
    "workflow/test_models.py::test_adapters_are_trained_with_the_head": [
        "snakemake --configfile config.yaml workflow/grids/lora.yaml",
    ],
    "workflow/test_llm.py::test_tables_figure_and_runs_are_there": [
        "make demo-llm",
        "snakemake --configfile config.yaml workflow/grids/minmaxgap.yaml",
    ],
    "workflow/test_llm.py::test_a_corpus_of_ones_own": [
        "snakemake --configfile config.yaml speech.yaml",
    ],
    "workflow/test_llm.py::test_the_model_is_downloaded_for_this_study": [
        "snakemake --configfile config.yaml workflow/grids/minmaxgap.yaml download_models",
    ],
    "unit/commands/test_push.py::test_the_repository_holds_the_package": [
        "python scripts/export.py results/demo/runs/rw/annotated/k2/fold1/seed0 ser-model "
        "--push your-name/ser-model",
    ],
    "unit/commands/test_audit.py::test_commands_of_the_documentation": [
        "python scripts/audit.py predictions.csv --groups speakers.csv",
        "python scripts/audit.py predictions.csv --groups speakers.csv --cross gender race "
        "--out results/audit",
        "python scripts/audit.py theirs.csv --clip path --label emotion "
        "--prediction predicted_emotion --groups speakers.csv",
        "python scripts/audit.py out.csv --labels results/demo/splits/fold1.parquet",
        "python scripts/audit.py out.csv --labels manifest.csv",
        "python scripts/audit.py results/runs/erm/none/k1/fold*/seed0/predictions.parquet "
        "--labels results/clips.parquet --cross gender race --out results/audit",
    ],
    "unit/model_tests/test_command.py::test_a_model_and_another_one": [
        "python scripts/test_model.py MODEL --corpus clips.csv --audio FOLDER",
        "python scripts/test_model.py MODEL --corpus clips.csv --audio FOLDER --compare OTHER "
        "--fail-on fairness,robustness",
    ],
    "unit/model_tests/test_answering.py::test_a_command_writes_a_csv": [
        'python scripts/test_model.py --command "python my_model.py {list} {output}" '
        "--corpus clips.csv",
    ],
    "workflow/test_benchmark.py::test_a_part_of_the_grid_on_real_features": [
        "snakemake --configfile config.yaml workflow/grids/benchmark.yaml",
        "snakemake grid --configfile config.yaml workflow/grids/benchmark.yaml",
        "snakemake runs --configfile config.yaml workflow/grids/benchmark.yaml pilot.yaml",
    ],
    "unit/comparison/test_benchmark_rows.py::test_what_was_written_is_right": [
        "python scripts/check_benchmark.py rows.csv results/demo --write",
        "python scripts/check_benchmark.py rows.csv results/demo",
    ],
    "unit/corpora/test_unpacking.py::test_a_data_set_becomes_a_corpus": [
        "python scripts/unpack_dataset.py /data/nEMO --out corpora/nEMO > nemo.yaml",
    ],
    "unit/inference/test_exporting.py::test_requirements_are_pinned_and_few": [
        "pip install -r requirements.txt",
    ],
    "unit/inference/test_exporting.py::test_it_predicts_elsewhere_without_the_workflow": [
        "python predict.py clip.wav folder/ --out predictions.csv",
    ],
    "workflow/test_installed.py::test_foreign_columns_are_audited": [
        "pip install .",
        "fair-ser audit theirs.csv --clip path --label emotion --prediction predicted_emotion "
        "--groups speakers.csv",
        "fair-ser audit predictions.csv --groups speakers.csv",
    ],
    "workflow/test_packaging.py::test_the_containerfile_holds_the_workflow": [
        "podman build --tag fair-ser .",
        'podman run --rm --volume "$PWD:/work" --workdir /work fair-ser snakemake '
        "--snakefile /opt/fair-ser/Snakefile --configfile /opt/fair-ser/config.yaml mine.yaml",
    ],
    "workflow/test_packaging.py::test_requirements_are_pinned_as_in_the_constraints": [
        "python -m venv ../renewed",
        "../renewed/bin/pip install -r requirements.txt -r requirements-dev.txt",
        "../renewed/bin/pip freeze > constraints.txt",
    ],
    "slurm/test_grid.py::test_the_demo_grid": [
        "snakemake --profile slurm",
        "snakemake --profile slurm --configfile config.yaml workflow/grids/minmaxgap.yaml",
    ],
}

# Added to the configuration of every command, so that it takes seconds.
QUICK = {
    "grid": {"folds": [1], "seeds": [0]},
    "train": {"epochs": 2},
    "statistics": {"resamples": 100},
}

COMMANDS = [(block, line) for block in BLOCKS if block.language == "sh" for line in block.commands]
TESTED = [(test, line) for test, lines in ELSEWHERE.items() for line in lines]

# `mine.yaml` for a page that uses it without showing it: the user's own corpus.
OWN = next(
    block.text
    for block in BLOCKS
    if block.text.startswith("# mine.yaml") and "kind: manifest" in block.text
)


def configurations(block: Block, line: str) -> dict[str, str]:
    """Text of each `NAME.yaml` of a command, except `config.yaml`, as its page shows it."""
    names = {*re.findall(r"(?<!\S)\w+\.yaml", line)} - {"config.yaml"}
    return {name: ({"mine.yaml": OWN} | block.shown)[name] for name in names}


def executed() -> list[tuple[Block, str]]:
    """Commands that no other test runs, each once."""
    elsewhere = {line for _, line in TESTED}
    found = {}
    for block, line in COMMANDS:
        if line not in elsewhere:
            key = (line, *sorted(configurations(block, line).items()))
            found.setdefault(key, (block, line))
    return [*found.values()]


EXECUTED = executed()


@pytest.fixture(scope="module")
def stand_ins(tones: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The folders behind :data:`STAND_INS`: the tones, and twelve clips in CREMA-D's format."""
    corpus, cremad = (tmp_path_factory.mktemp(name) for name in ("corpus", "cremad"))
    (corpus / "audio").symlink_to(tones.parent / "audio")
    manifest = pl.read_csv(tones, infer_schema=False)
    manifest.with_columns(pl.col("file").str.strip_prefix("audio/")).write_csv(corpus / "clips.csv")
    classes = ("angry", "sad", "disgust", "fear", "neutral", "happy")
    (cremad / "labels").mkdir()
    folds = [label_rows(classes, fold) for fold in range(1, 6)]
    write_labels(cremad / "labels", *folds)
    people = [
        {"ActorID": f"{n:02}", "Age": 20 + 9 * n, "Sex": ("Female", "Male")[n % 2]}
        | {"Race": ("Caucasian", "Asian")[n // 2 % 2], "Ethnicity": "Not Hispanic"}
        for n in range(1, 7)
    ]
    write_csv(cremad / "VideoDemographics.csv", people)
    names = [row["FileName"].removesuffix(".wav") for row in folds[0]]
    features = np.random.default_rng(1).standard_normal((len(names), 1, 4)).astype(np.float32)
    write_store(cremad / "features.safetensors", cremad / "features_clips.csv", features, names)
    return dict(zip(STAND_INS, (corpus, cremad), strict=True))


def write_emodb(folder: Path, tones: Path) -> None:
    """Tones under names as EmoDB has them, `03a01Wa.flac`, and their manifest."""
    (folder / "flac").mkdir(parents=True)
    rows = []
    for number, speaker in enumerate(ACTORS):
        for letter, emotion in zip(LETTERS, EMOTIONS, strict=True):
            for take in range(2):
                name = f"{speaker}a{take + 1:02}{letter}a.flac"
                waveform, rate = soundfile.read(
                    tones.parent / f"audio/{number:02}_{emotion}_{take}.wav"
                )
                soundfile.write(folder / "flac" / name, waveform, rate)
                rows.append((name, speaker, LETTERS[letter]))
    columns = ["file", "speaker", "emotion"]
    pl.DataFrame(rows, columns, orient="row").write_csv(folder / "clips.csv")
    genders = ["female" if number % 2 else "male" for number in range(len(ACTORS))]
    people = {"speaker": ACTORS, "gender": genders, "age": [31] * len(ACTORS)}
    pl.DataFrame(people).write_csv(folder / "speakers.csv")


def demo(tones: Path) -> dict[str, Any]:
    """Settings of a small grid on the tones, in the place of the demo's."""
    return overlay(tones) | {
        "embedding": {"kind": "mfcc"},
        "grid": {"methods": ["erm", "rw"], "sources": ["none", "annotated", "kmeans"]}
        | {"k": [2], "folds": [1], "seeds": [0]},
        "train": {"epochs": 2},
        "statistics": {"resamples": 100},
        "choose_k": {"k": [2], "resamples": 4, "references": 3},
        "tables": {"table1_k": 2, "table2_k": [2]},
    }


@pytest.fixture(scope="module")
def workplace(
    stand_ins: dict[str, Path], tones: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A clone of the workflow with the files that pages name: downloads, EmoDB, finished runs.

    All audio is tones, and the grid of the finished runs is small.
    """
    root = copy_workflow(tmp_path_factory.mktemp("clone") / "fair-ser")
    shutil.copytree(ROOT / "tests/bench", root / "tests/bench")
    (root / "docs").mkdir()
    made = root / "resources/cremad"
    made.mkdir(parents=True)
    for name in ("labels", "VideoDemographics.csv"):
        (made / name).symlink_to(stand_ins["/data/cremad"] / name)
    (made / "labels.tsv").touch()
    write_emodb(root / "emodb", tones)
    audio = root / "resources/demo/AudioWAV"
    audio.mkdir(parents=True)
    for name, tone in zip(CLIPS, sorted((tones.parent / "audio").iterdir()), strict=False):
        shutil.copy(tone, audio / name)
    Workflow(root, demo(tones) | {"results": "results/demo"}, root).run("runs")
    shutil.copytree(root / "results/demo", root / "results/quick")
    for results, names in FINISHED.items():
        for name in names:
            (root / name).symlink_to(root / results)
    (root / "RUN").symlink_to(root / RUN)
    store = next((root / "resources/features").glob("fbank*"))
    (root / "new.safetensors").symlink_to(store / "features.safetensors")
    (root / "new_clips.csv").symlink_to(store / "clips.csv")
    (root / "genders.csv").touch()  # of tests/bench/genders.py; no job reads it
    return root


def quick(line: str, tones: Path) -> dict[str, Any]:
    """Settings that are added to those of a command; with the tones if it needs audio."""
    if re.search(r"\breport\b|choose_k|grids/demo.yaml", line):
        folders = [str(Path(word).parent) for word in line.split() if word.startswith("results/")]
        return demo(tones) | {"results": (folders or ["results/demo"])[0]}
    return QUICK


def write_configurations(block: Block, line: str, stand_ins: dict[str, Path]) -> None:
    """Write the configurations that a command names into the working directory."""
    for name, text in configurations(block, line).items():
        for written, real in stand_ins.items():
            text = text.replace(f"{written}/", f"{real}/")
        Path(name).write_text(text)


def run_program(command: Sequence[str]) -> None:
    """Run Snakemake or a benchmark, which must succeed."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command,
        env=os.environ | {"PATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout[-4000:]


def snakemake(words: list[str], tones: Path) -> None:
    """Run a command of Snakemake, quickly.

    With the user's own configuration only Table 1 is made, which needs all runs.
    """
    Path("quick.yaml").write_text(yaml.safe_dump(quick(" ".join(words), tones)))
    own = [word for word in words if re.fullmatch(r"\w+\.yaml", word) and word != "config.yaml"]
    if "--configfile" not in words:
        words = [*words, "--configfile", "config.yaml"]
    last = max(place for place, word in enumerate(words) if word.endswith(".yaml"))
    words = [*words[: last + 1], "quick.yaml", *words[last + 1 :], "--cores", "2"]
    settings = yaml.safe_load(Path(own[-1]).read_text()) if own else {}
    if not own or "-n" in words or "choose_k" in " ".join(words):
        run_program(words)
        return
    target = Path(settings["results"]) / "table1.csv"
    run_program([words[0], str(target), *words[1:]])
    methods = {*pl.read_csv(target)["method"].str.to_lowercase()}
    assert methods >= {*settings["grid"]["methods"]}


def script(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Call the function behind a script of `scripts`; its output goes to a file after `>`."""
    main = import_module(f"fairser.commands.{Path(words[1]).stem}").main
    arguments, written = words[2:], None
    if ">" in words:
        *arguments, _, written = arguments
    globbed = [sorted(map(str, Path().glob(w))) if "*" in w else [w] for w in arguments]
    capsys.readouterr()
    assert main([word for found in globbed for word in found]) == 0
    if written:
        Path(written).write_text(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("block", "line"), EXECUTED, ids=[f"{block.document}: {line}" for block, line in EXECUTED]
)
def test_commands(
    block: Block,
    line: str,
    workplace: Path,
    stand_ins: dict[str, Path],
    tones: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(workplace)
    write_configurations(block, line, stand_ins)
    words = shlex.split(line)
    if words[0] == "snakemake":
        snakemake(words, tones)
    elif line.startswith("python scripts/") and "config_reference" not in line:
        script(words, capsys)
    else:
        known = line.startswith(("python scripts/", "python tests/bench/"))
        assert known, (
            f"{block.document} has {line!r}: add it to ELSEWHERE, with the test that runs it"
        )
        run_program(words)
    for word in words if "-n" not in words else []:  # a dry run makes nothing
        assert not word.startswith("results/") or [*workplace.glob(word)], f"{word} is not there"


@pytest.mark.parametrize(("test", "line"), TESTED)
def test_commands_that_another_test_runs(test: str, line: str) -> None:
    assert line in {found for _, found in COMMANDS}, "no page has it any more"
    file, _, function = test.partition("::")
    tree = ast.parse((ROOT / "tests" / file).read_text(encoding="utf-8"))
    assert function in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


DEMO = "snakemake report --cores all --quiet rules --configfile config.yaml workflow/grids"
LINT = [
    "ruff format --check .",
    "ruff check .",
    "snakefmt --check Snakefile workflow",
    "snakemake --lint",
    "mypy",
    "mkdocs build --strict --quiet",
]


@pytest.mark.parametrize(
    ("target", "recipe"),
    [
        ("demo", [f"{DEMO}/demo.yaml"]),
        ("demo-llm", [f"{DEMO}/demo_llm.yaml"]),
        ("test", ["python -m pytest"]),
        ("test PYTEST=tests/unit", ["python -m pytest tests/unit"]),
        ("lint", LINT),
        ("docs", ["mkdocs build --strict"]),
        ("slurm-check", ["python scripts/slurm_check.py"]),
    ],
)
def test_targets_of_make(target: str, recipe: list[str], tmp_path: Path) -> None:
    """What make runs if the environment is there."""
    (tmp_path / "complete").touch()
    command = ["make", "-n", *target.split(), f"VENV={tmp_path}"]
    # The tests themselves may run by `make test PYTEST=...`.
    own = {k: v for k, v in os.environ.items() if k != "PYTEST" and not k.startswith("MAKE")}
    done = subprocess.run(command, cwd=ROOT, env=own, capture_output=True, text=True, check=True)
    programs = f"{tmp_path}/bin/"
    lines = [line.strip() for line in done.stdout.splitlines() if programs in line]
    assert [line.removeprefix(programs) for line in lines] == recipe
