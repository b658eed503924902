"""The commands of the documentation run.

Every line of an ``sh`` block of the README and of ``docs`` is a command. It is run here, in a copy
of the workflow and with stand-ins for a reader's files; or it stands in :data:`ELSEWHERE` below the
test that runs the same. A page's last ``yaml`` block before it that begins with ``# mine.yaml`` is
the configuration. So a new page needs nothing here, as long as it names :data:`STAND_INS` alone.
"""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import yaml

from fairser.encoders.store import write_store
from unit.corpora.builders import label_rows, write_csv, write_labels
from unit.encoders import tiny
from workflow.conftest import overlay
from workflow.pages import BLOCKS, Block
from workflow.runner import ROOT, copy_workflow

# Folders that documents name; the fixture `stand_ins` has what takes their place.
STAND_INS = ("/data/corpus", "/data/cremad")

# Commands that need what a test can't have, or minutes, below the test that runs the same: on the
# demo, on small models, on repositories, a hub and a Slurm of its own.
ELSEWHERE = {
    "workflow/test_corpora.py::test_the_demo_shows_a_gender_gap": [
        "make demo",
        "snakemake --configfile config.yaml workflow/grids/demo.yaml",
    ],
    "workflow/test_documentation.py::test_targets_of_make": [
        "make test",
        "make lint",
        'make test PYTEST="tests/unit tests/workflow/test_packaging.py"',
    ],
    "unit/corpora/test_download.py::test_everything_is_fetched_once": [
        "snakemake download_cremad",
    ],
    "workflow/test_models.py::test_models_come_ahead_and_the_grid_then_runs_without_network": [
        "snakemake",
        "snakemake download_models",
    ],
    "workflow/test_models.py::test_pinning_writes_the_commits_and_changes_nothing_else": [
        "snakemake pin_models",
    ],
    "workflow/test_llm.py::test_tables_figure_and_runs_are_there": [
        "make demo-llm",
        "snakemake --configfile config.yaml workflow/grids/minmaxgap.yaml",
    ],
    "workflow/test_llm.py::test_the_model_is_downloaded_for_this_study": [
        "snakemake --configfile config.yaml workflow/grids/minmaxgap.yaml download_models",
    ],
    "unit/commands/test_audit.py::test_commands_of_the_documentation": [
        "python scripts/audit.py predictions.csv --groups speakers.csv",
        "python scripts/audit.py predictions.csv --groups speakers.csv --cross gender race "
        "--out results/audit",
        "python scripts/audit.py results/runs/erm/none/k1/fold*/seed0/predictions.parquet "
        "--labels results/clips.parquet --cross gender race --out results/audit",
    ],
    "slurm/test_grid.py::test_the_demo_grid": [
        "snakemake --profile slurm",
        "snakemake --profile slurm --configfile config.yaml workflow/grids/minmaxgap.yaml",
    ],
}

# What is added to the configuration of every command, so that it takes seconds.
QUICK = {"grid": {"folds": [1]}, "train": {"epochs": 2}, "statistics": {"resamples": 100}}

COMMANDS = [(block, line) for block in BLOCKS if block.language == "sh" for line in block.commands]
TESTED = [(test, line) for test, lines in ELSEWHERE.items() for line in lines]
EXECUTED = [pair for pair in COMMANDS if pair[1] not in {line for _, line in TESTED}]

# What `mine.yaml` is for a page that names it and shows none: the README's corpus of one's own.
OWN = next(block.text for block in BLOCKS if "kind: manifest" in block.text)


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


@pytest.fixture(scope="module")
def workplace(stand_ins: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone of the workflow, into which label files have come as if downloaded."""
    root = copy_workflow(tmp_path_factory.mktemp("clone") / "fair-ser")
    made = root / "resources/cremad"
    made.mkdir(parents=True)
    for name in ("labels", "VideoDemographics.csv"):
        (made / name).symlink_to(stand_ins["/data/cremad"] / name)
    (made / "labels.tsv").touch()
    (root / "docs").mkdir()
    return root


def prepare(block: Block, line: str, workplace: Path, stand_ins: dict[str, Path]) -> str:
    """Write the configuration that a page shows; the command as it is run here."""

    def replace(text: str) -> str:
        for written, real in stand_ins.items():
            text = text.replace(f"{written}/", f"{real}/")
        return text

    shown = yaml.safe_load(block.shown or OWN.replace("results/mine", "results/own"))
    (workplace / "mine.yaml").write_text(replace(yaml.safe_dump(shown)))
    quick: dict[str, Any] = QUICK
    if "grids/lora.yaml" in line:
        model = tiny.write_wavlm(workplace / "resources/wavlm")
        corpus = stand_ins["/data/corpus"]
        quick = overlay(corpus / "clips.csv")
        quick["corpus"] |= {"audio": str(corpus / "audio")}
        quick |= {"encoder": {"model": str(model)}, "train": {"epochs": 1}}
        quick |= {"grid": {"methods": ["erm"], "folds": [1]}}
    (workplace / "quick.yaml").write_text(yaml.safe_dump(quick))
    if line.startswith("snakemake"):
        line += " quick.yaml" if "--configfile" in line else " --configfile config.yaml quick.yaml"
        line += " --cores 2"
    return replace(line)


@pytest.mark.parametrize(
    ("block", "line"), EXECUTED, ids=[f"{block.document}: {line}" for block, line in EXECUTED]
)
def test_commands(block: Block, line: str, workplace: Path, stand_ins: dict[str, Path]) -> None:
    known = re.match(r"snakemake\b|python scripts/", line)
    assert known, f"{block.document} has {line!r}: add it to ELSEWHERE, with the test that runs it"
    command = prepare(block, line, workplace, stand_ins)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=workplace,
        env=os.environ | {"PATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    targets = [word for word in line.split() if word.startswith("results/")]
    assert all((workplace / target).exists() for target in targets)
    if "mine.yaml" in line:
        results = yaml.safe_load((workplace / "mine.yaml").read_text())["results"]
        table = pl.read_csv(workplace / results / "table1.csv")
        assert table["method"].to_list() == ["ERM", "Random"]


@pytest.mark.parametrize(("test", "line"), TESTED)
def test_commands_that_another_test_runs(test: str, line: str) -> None:
    assert line in {found for _, found in COMMANDS}, "no document has it any more"
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
]


@pytest.mark.parametrize(
    ("target", "recipe"),
    [
        ("demo", [f"{DEMO}/demo.yaml"]),
        ("demo-llm", [f"{DEMO}/demo_llm.yaml"]),
        ("test", ["python -m pytest"]),
        ("test PYTEST=tests/unit", ["python -m pytest tests/unit"]),
        ("lint", LINT),
        ("slurm-check", ["python scripts/slurm_check.py"]),
    ],
)
def test_targets_of_make(target: str, recipe: list[str], tmp_path: Path) -> None:
    """What make runs once there is an environment."""
    (tmp_path / "complete").touch()
    command = ["make", "-n", *target.split(), f"VENV={tmp_path}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    programs = f"{tmp_path}/bin/"
    lines = [line.strip() for line in done.stdout.splitlines() if programs in line]
    assert [line.removeprefix(programs) for line in lines] == recipe
