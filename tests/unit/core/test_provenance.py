"""Hashes of code follow what it does; versions and commit say what made a number."""

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from fairser import __version__
from fairser.core import provenance
from fairser.core.provenance import (
    NEUTRAL,
    closure,
    code_hash,
    code_of,
    commit,
    fingerprint,
    versions,
)

TRUNK = '''"""A module."""
{imports}

LIMIT = 1


def grow(size):
    """Grow."""
    return size + LIMIT
'''
LEAF = "def shine(light):\n    return light * 2\n"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package ``plant`` in place of this one: trunk imports leaf."""
    folder = tmp_path / "plant"
    (folder / "crown").mkdir(parents=True)
    for name in ("__init__.py", "crown/__init__.py", "crown/twig.py", "root.py"):
        (folder / name).write_text("", encoding="utf-8")
    write(folder / "leaf.py", LEAF)
    write(folder / "trunk.py", TRUNK.format(imports="from plant.leaf import shine"))
    monkeypatch.setattr(provenance, "PACKAGE", folder)
    return folder


def write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    write(path, text.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("LIMIT = 1", "# the largest step\nLIMIT = 1  # metre"),
        ('"""A module."""', '"""Another\n\ndescription."""'),
        ('    """Grow."""\n', ""),
        ("size + LIMIT", "(\n        size\n        + LIMIT\n    )"),
        ("\n\n\n", "\n\n"),
    ],
)
def test_hash_ignores_what_does_nothing(package: Path, old: str, new: str) -> None:
    before = code_hash("plant.trunk")
    assert len(before) == 12
    edit(package / "trunk.py", old, new)
    assert code_hash("plant.trunk") == before


@pytest.mark.parametrize(
    ("old", "new"),
    [("LIMIT = 1", "LIMIT = 2"), ("size + LIMIT", "size - LIMIT"), ("LIMIT = 1", "LIMIT = '1'")],
)
def test_hash_follows_the_code(package: Path, old: str, new: str) -> None:
    before = code_hash("plant.trunk")
    edit(package / "trunk.py", old, new)
    assert code_hash("plant.trunk") != before


@pytest.mark.parametrize(
    "imports",
    [
        "from plant.leaf import shine",
        "from plant import leaf",
        "import plant.leaf",
        "import plant.leaf as green",
        "def late():\n    from plant.leaf import shine",
        "from plant.crown import twig",
        "from .leaf import shine",
        "from . import leaf",
    ],
)
def test_hash_follows_imported_modules(package: Path, imports: str) -> None:
    """At any distance: the twig of the crown imports the leaf."""
    write(package / "crown/twig.py", "import os\n\nfrom plant.leaf import shine")
    write(package / "trunk.py", TRUNK.format(imports=imports))
    before = code_hash("plant.trunk")
    edit(package / "leaf.py", "light * 2", "light * 2  # twice")
    assert code_hash("plant.trunk") == before
    edit(package / "leaf.py", "light * 2", "light * 3")
    assert code_hash("plant.trunk") != before


def test_hash_ignores_other_modules(package: Path) -> None:
    before = code_hash("plant.trunk")
    write(package / "root.py", "DEPTH = 3")
    assert code_hash("plant.trunk") == before
    assert code_hash("plant.trunk", "plant.root") != before


def test_modules_that_import_each_other(package: Path) -> None:
    write(package / "leaf.py", "import plant.trunk\n" + LEAF)
    assert code_hash("plant.trunk") == code_hash("plant.leaf")


def test_module_that_does_not_exist(package: Path) -> None:
    with pytest.raises(ModuleNotFoundError, match=r"plant\.flower"):
        code_hash("plant.flower")


def test_hash_of_files_outside_of_the_package(package: Path, tmp_path: Path) -> None:
    """Such as a script, or a module in a folder of the user's own."""
    outside = tmp_path / "mine"
    outside.mkdir()
    write(outside / "seed.py", "from plant.trunk import grow\n")
    write(outside / "soil.py", "")
    before = code_hash(outside / "seed.py")
    write(outside / "soil.py", "DEPTH = 3")
    assert code_hash(outside / "seed.py") == before
    edit(package / "leaf.py", "light * 2", "light * 3")
    changed = code_hash(outside / "seed.py")
    assert changed != before
    write(outside / "seed.py", "from plant.trunk import grow\ngrow(1)\n")
    assert len({before, changed, code_hash(outside / "seed.py")}) == 3


KEPT = """
import ast, sys
from pathlib import Path
from fairser.core import provenance
parsed = []
def parse(text, parse=ast.parse):
    parsed.append(text)
    return parse(text)
ast.parse, provenance.PACKAGE = parse, Path(sys.argv[1])
print(provenance.code_hash("plant.trunk"), len(parsed))
"""


def test_a_file_is_read_again_where_it_has_changed(package: Path) -> None:
    """What is kept of the files may be damaged or lost."""

    def found() -> tuple[str, int]:
        environment = {n: v for n, v in os.environ.items() if n != "PYTHONDONTWRITEBYTECODE"}
        environment["PYTHONPATH"] = str(Path(provenance.__file__).parents[2])
        command = [sys.executable, "-c", KEPT, str(package)]
        told = subprocess.check_output(command, env=environment, text=True).split()
        return told[0], int(told[1])

    before, read = found()
    assert read == 2  # trunk and leaf
    assert found() == (before, read)  # Python has no folder for its bytecode here
    (package / "__pycache__").mkdir()
    assert found() == (before, read)
    assert found() == (before, 0) == (code_hash("plant.trunk"), 0)
    edit(package / "leaf.py", "light * 2", "light * 30")
    after, read_again = found()
    assert (after == before, read_again) == (False, 1)
    (kept,) = (package / "__pycache__").glob("code.*.json")
    for text in ("", "[]", kept.read_text()[:100]):
        kept.write_text(text)
        assert found() == (after, read)
        assert found() == (after, 0)


def test_code_of_a_rule_counts_what_its_script_finds_by_name(tmp_path: Path) -> None:
    own = tmp_path / "own.py"
    write(own, "SHARE = 1")
    hashes = {code_of("train")({}), code_of("evaluate")({})}
    code = code_of("train", lambda names: names)
    hashes |= {code([name]) for name in ("fairser.methods.lff", "fairser.methods.rw", own)}
    assert len(hashes) == 5
    assert code(["fairser.methods.lff"]) in hashes


@pytest.mark.parametrize("script", ["train", "biased_split", "waveform_statistics"])
def test_a_change_of_any_module_changes_the_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    path = provenance.SCRIPTS / f"{script}.py"
    folder = tmp_path / "fairser"
    shutil.copytree(provenance.PACKAGE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(provenance, "PACKAGE", folder)
    found = closure([path], NEUTRAL)
    before = code_hash(path)
    for name, file in found.items():
        if file != path:
            write(file, file.read_text(encoding="utf-8") + "\nEXTRA = 1\n")
            after = code_hash(path)
            assert after != before, name
            before = after
    for name in NEUTRAL:
        file = tmp_path.joinpath(*name.split(".")).with_suffix(".py")
        write(file, file.read_text(encoding="utf-8") + "\nEXTRA = 1\n")
    assert code_hash(path) == before


def test_fingerprint() -> None:
    assert fingerprint({"a": 1, "b": [2]}, "c") == fingerprint({"b": [2], "a": 1}, "c")
    assert fingerprint({"a": 1}) != fingerprint({"a": 2})
    assert len(fingerprint()) == 12


def test_versions() -> None:
    found = versions()
    assert found["fairser"] == __version__
    assert found["python"] == platform.python_version()
    assert found["torch"].split("+")[0] == torch.__version__.split("+")[0]
    assert found["polars"]


def test_versions_leave_out_what_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance, "RECORDED", ("polars", "no-such-library"))
    assert set(versions()) == {"fairser", "python", "polars"}


@pytest.fixture
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder in no repository, with nothing inherited from a calling git."""
    if not shutil.which("git"):
        pytest.skip("git is not installed")
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.setattr(provenance, "PACKAGE", tmp_path)
    return tmp_path


def test_no_commit_outside_git(outside: Path) -> None:
    assert commit() is None


def test_no_commit_without_git(outside: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(outside))
    assert commit() is None


def test_commit(outside: Path) -> None:
    def git(*arguments: str) -> str:
        settings = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        command = ["git", "-C", str(outside), *settings, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    write(outside / "a.py", "A = 1\n")
    git("init", "--quiet")
    git("add", "a.py")
    git("commit", "--quiet", "--no-gpg-sign", "-m", "first")
    git("tag", "-a", "-m", "release", "v1")
    assert commit() == git("rev-parse", "HEAD")
    write(outside / "a.py", "A = 2\n")
    assert commit() == git("rev-parse", "HEAD") + "-dirty"


def test_closure_names_what_is_imported(package: Path) -> None:
    write(package / "crown/twig.py", "def late():\n    import plant.root\n")
    write(package / "trunk.py", "import json\n\nfrom plant.crown import twig\n")
    found = {"plant.trunk", "plant.crown", "plant.crown.twig", "plant.root"}
    assert set(closure(["plant.trunk"])) == found
    assert set(closure(["plant.trunk"], ["plant.root"])) == found - {"plant.root"}
    assert closure(["plant.leaf"]) == {"plant.leaf": package / "leaf.py"}
