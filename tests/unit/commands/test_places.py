"""Where commands write: places that are in the way, and a disk that fills."""

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fairser.commands import audit, check_benchmark, compare, export, predict
from fairser.commands.base import BAD_INPUT, Main
from unit.auditing.builders import made_up, written
from unit.comparison.test_benchmark_rows import write as write_benchmark
from unit.comparison.test_comparing import ERM
from unit.result_folder import counts, write_run
from unit.run_builder import make_run


@dataclass(frozen=True)
class Command:
    """A command, its arguments without the place, and the option in front of the place."""

    main: Main
    arguments: tuple[str, ...]
    option: tuple[str, ...] = ("--out",)
    folder: bool = True  # whether the place is a folder

    def to(self, place: str | Path) -> list[str]:
        if self.main is check_benchmark.main:
            return [str(place), *self.arguments]
        return [*self.arguments, *self.option, str(place)]


@pytest.fixture(scope="module")
def commands(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Command]:
    folder = tmp_path_factory.mktemp("inputs")
    run = make_run(tmp_path_factory.mktemp("run"))
    predictions, people = made_up(12, 5)
    given = written(folder, predictions=predictions, speakers=people)
    for name, worse in (("a", 0.0), ("b", 0.8)):
        write_run(folder / name, ERM, counts(1, worse=worse))
    audio = str(run.parents[6] / "audio")
    tables = (str(given["predictions"]), "--groups", str(given["speakers"]))
    return {
        "predict": Command(predict.main, ("--run", str(run), audio), folder=False),
        "audit": Command(audit.main, (*tables, "--resamples", "100")),
        "compare": Command(compare.main, (str(folder / "a"), str(folder / "b"))),
        "export": Command(export.main, (str(run),), ()),
        "benchmark": Command(
            check_benchmark.main, (str(write_benchmark(folder / "rows")), "--write")
        ),
    }


def tree(folder: Path) -> dict[str, object]:
    """What is in a folder: the target of a link, the bytes of a file."""
    return {
        str(path.relative_to(folder)): path.readlink()
        if path.is_symlink()
        else path.read_bytes()
        if path.is_file()
        else path.lstat().st_mode
        for path in folder.rglob("*")
    }


def below_a_file(folder: Path) -> Path:
    (folder / "file").write_text("mine")
    return folder / "file/out"


def dangling(folder: Path) -> Path:
    (folder / "out").symlink_to("nowhere")
    return folder / "out"


def below_dangling(folder: Path) -> Path:
    (folder / "link").symlink_to("nowhere")
    return folder / "link/out"


def pipe(folder: Path) -> Path:
    os.mkfifo(folder / "out")
    return folder / "out"


def existing(folder: Path) -> Path:
    (folder / "out").mkdir()
    (folder / "out/notes.txt").write_text("mine")
    return folder / "out"


def a_file(folder: Path) -> Path:
    (folder / "out").write_text("mine")
    return folder / "out"


PLACES: dict[str, Callable[[Path], Path]] = {
    "below a file": below_a_file,
    "dangling link": dangling,
    "below a dangling link": below_dangling,
    "pipe": pipe,
    "existing": existing,
    "file": a_file,
    "this folder": lambda _: Path(),
    "its parent": lambda _: Path(".."),
    "long": lambda folder: folder / ("a" * 300),
    "below a long one": lambda folder: folder / ("a" * 300) / "out",
}


@pytest.mark.parametrize(
    ("name", "place"),
    [
        (name, place)
        for name in ("predict", "audit", "compare", "export", "benchmark")
        for place in PLACES
        # They write to an existing folder, and to an existing file; the last one reads it first.
        if (name, place)
        not in (("compare", "existing"), ("predict", "file"), ("benchmark", "file"))
    ],
)
def test_places_in_the_way(
    commands: dict[str, Command],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    place: str,
) -> None:
    command = commands[name]
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    target = PLACES[place](tmp_path / "work")
    before = tree(tmp_path)
    assert command.main(command.to(target)) == BAD_INPUT
    told = capsys.readouterr().err
    assert str(target) in told and "ame" in told  # the place, and to name another one
    assert "Traceback" not in told
    assert tree(tmp_path) == before


@pytest.fixture(scope="module")
def full_disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A disk of 60 kB, which holds no audit and no package."""
    folder = tmp_path_factory.mktemp("disk")
    mount = shutil.which("mount")
    made = mount and [mount, "-t", "tmpfs", "-o", "size=60k", "tmpfs", str(folder)]
    if not made or subprocess.run(made, capture_output=True).returncode:
        pytest.skip("only root can mount a small disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("name", ["predict", "audit", "compare", "export"])
def test_a_full_disk(
    commands: dict[str, Command], full_disk: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    (full_disk / "rest").write_bytes(bytes(0 if name in ("audit", "export") else 60 * 1024))
    before = tree(full_disk)
    assert commands[name].main(commands[name].to(full_disk / name)) == BAD_INPUT
    told = capsys.readouterr().err
    assert "No space left on device" in told and "Free some space" in told
    assert "Traceback" not in told
    assert {key: value for key, value in tree(full_disk).items() if key != name} == before
    assert not list((full_disk / name).glob("*"))


@pytest.mark.parametrize("name", ["predict", "audit"])
def test_output_into_a_full_device(commands: dict[str, Command], tmp_path: Path, name: str) -> None:
    """What is printed goes nowhere, in a process of its own, which ends as it must."""
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full")
    program = f"import sys; from fairser.commands.{name} import main; sys.exit(main())"
    command = commands[name]
    more = [] if name == "predict" else [*command.option, str(tmp_path / "out")]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-c", program, *command.arguments, *more],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=120,
        )
    assert done.returncode == BAD_INPUT
    assert "No space left on device" in done.stderr
    assert "Exception ignored" not in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize("mask", [0o022, 0o027, 0o077])
def test_files_have_the_permissions_of_the_umask(
    commands: dict[str, Command], tmp_path: Path, mask: int
) -> None:
    before = os.umask(mask)
    try:
        for name, command in commands.items():
            assert command.main(command.to(tmp_path / name)) == 0
        run = make_run(tmp_path / "own")
    finally:
        os.umask(before)
    places = [run, *(tmp_path / name for name in commands)]
    files = [path for place in places for path in (place, *place.rglob("*"))]
    assert {path.name for path in files} >= {"model.safetensors", "audit.json", "compare.csv"}
    for path in files:
        wanted = 0o777 if path.is_dir() else 0o666
        assert stat.S_IMODE(path.stat().st_mode) == wanted & ~mask, path
