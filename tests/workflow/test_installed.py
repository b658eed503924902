"""The wheel in an environment outside of the clone: audit, notebook, module, the demo's files."""

import json
import os
import re
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler
from pathlib import Path

import nbclient
import nbformat
import polars as pl
import pytest
import yaml

from fairser import __version__
from unit.auditing.builders import made_up, written
from unit.loopback import LoopbackServer
from workflow.pages import BLOCKS
from workflow.runner import COPIED, ROOT, copy_workflow

NAMES = {"clip": "path", "label": "emotion", "prediction": "predicted_emotion"}
(NOTEBOOK,) = (block.text for block in BLOCKS if "fairser.audit(" in block.text)
(MODULE,) = (block.text for block in BLOCKS if block.language == "snakemake")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment with the wheel, and with the libraries of this one."""
    folder = tmp_path_factory.mktemp("installed")
    source = copy_workflow(folder / "source")
    for name in ("pyproject.toml", "README.md"):
        (source / name).write_bytes((ROOT / name).read_bytes())
    python = [sys.executable, "-m"]
    build = [*python, "build", "--no-isolation", "--wheel", "--outdir", str(folder), str(source)]
    subprocess.run(build, capture_output=True, check=True)
    (wheel,) = folder.glob("*.whl")
    assert wheel.name == f"fair_ser-{__version__}-py3-none-any.whl"
    environment = folder / "environment"
    venv.create(environment)
    programs = environment / "bin"
    install = [*python, "pip", "--python", str(programs / "python"), "install"]
    subprocess.run([*install, "--quiet", "--no-deps", "--no-index", str(wheel)], check=True)
    site = next(environment.glob("lib/python*/site-packages"))
    (site / "libraries.pth").write_text(sysconfig.get_paths()["purelib"])
    return programs


def run(programs: Path, *command: str, cwd: Path) -> str:
    """The output of a program of the environment, which must succeed."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    environment["PATH"] = f"{programs}{os.pathsep}{environment['PATH']}"
    done = subprocess.run(
        [str(programs / command[0]), *command[1:]],
        cwd=cwd,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    return done.stdout


def write_tables(folder: Path) -> pl.DataFrame:
    """theirs.csv, with the columns of another tool, and speakers.csv; returns the first."""
    predictions, speakers = made_up(worse=0.6)
    theirs = predictions.select("clip", "speaker", "label", "prediction").rename(NAMES)
    written(folder, theirs=theirs, speakers=speakers)
    return theirs


def test_foreign_columns_are_audited(installed: Path, tmp_path: Path) -> None:
    write_tables(tmp_path)
    options = [word for role, name in NAMES.items() for word in (f"--{role}", name)]
    command = ["fair-ser", "audit", "theirs.csv", *options, "--groups", "speakers.csv"]
    output = run(installed, *command, "--resamples", "100", cwd=tmp_path)
    record = json.loads((tmp_path / "audit/audit.json").read_text())
    assert record["verdict"]["summary"] in output
    assert record["clips"] == 480
    assert record["versions"]["fairser"] == __version__
    assert record["commit"] is None
    where = "import fairser; print(fairser.__file__)"
    assert str(installed.parent) in run(installed, "python", "-c", where, cwd=tmp_path)


def test_a_notebook_shows_an_audit(
    installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_tables(tmp_path)
    kernel = tmp_path / "jupyter/kernels/installed"
    kernel.mkdir(parents=True)
    command = [str(installed / "python"), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": command, "display_name": "installed", "language": "python"}
    (kernel / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.delenv("PYTHONPATH", raising=False)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(NOTEBOOK)])
    client = nbclient.NotebookClient(
        notebook,
        timeout=120,
        kernel_name="installed",
        resources={"metadata": {"path": str(tmp_path)}},
    )
    client.execute()
    (shown,) = notebook.cells[-1].outputs
    assert "480 clips of 24 speakers" in shown.data["text/plain"]
    assert shown.data["text/html"].count("<svg") == 3
    assert "<table>" in shown.data["text/html"]


@pytest.fixture
def address() -> Iterator[str]:
    """The clone on a server of this machine, as Snakemake reads it from a host of repositories."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    with LoopbackServer(partial(Quiet, directory=ROOT)) as server:
        yield server.url


def test_another_workflow_uses_it_as_a_module(
    installed: Path, tmp_path: Path, tones: Path, address: str
) -> None:
    remote, replaced = re.subn(r"github\(.*\)", f'"{address}/workflow/Snakefile"', MODULE)
    assert replaced == 1
    (tmp_path / "Snakefile").write_text(remote)
    settings = {"corpus": {"kind": "manifest", "manifest": str(tones), "folds": 3}}
    settings |= {"encoder": {"kind": "fbank"}, "grid": {"methods": ["erm"]}}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump({"fairser": settings}))
    run(installed, "python", "-m", "snakemake", "--cores", "2", cwd=tmp_path)
    clips = tmp_path / "results/clips.parquet"
    assert pl.read_parquet(clips).height == pl.read_csv(tones).height * 3
    assert int((tmp_path / "size.txt").read_text()) == clips.stat().st_size


def test_the_wheel_has_the_whole_workflow(installed: Path, tmp_path: Path) -> None:
    """What `fair-ser demo` writes, byte for byte what it was made from."""
    program = (
        "from pathlib import Path; from fairser.commands.demo import write_workflow; "
        "write_workflow(Path('demo'))"
    )
    run(installed, "python", "-c", program, cwd=tmp_path)
    for name in COPIED:
        found, wanted = ({} for _ in range(2))
        for root, files in ((tmp_path / "demo", found), (ROOT, wanted)):
            part = root / name
            paths = [p for p in part.rglob("*") if p.is_file()] if part.is_dir() else [part]
            paths = [p for p in paths if not re.search(r"__pycache__|egg-info$", p.parent.name)]
            files |= {str(p.relative_to(root)): p.read_bytes() for p in paths}
        assert found.keys() == wanted.keys()
        assert found == wanted
