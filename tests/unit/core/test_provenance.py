"""Hashes of code follow what it does; versions and commit say what made a number."""

import os
import platform
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from fairser import __version__
from fairser.core import provenance
from fairser.core.provenance import code_hash, commit, versions

TRUNK = '''"""A module."""
{imports}

LIMIT = 1


def grow(size):
    """Grow."""
    return size + LIMIT
'''
LEAF = "def shine(light):\n    return light * 2\n"


def clear() -> None:
    for cached in (code_hash, provenance._imports, provenance._meaning, provenance._tree):
        cached.cache_clear()


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package ``plant`` in place of this one: trunk imports leaf."""
    folder = tmp_path / "plant"
    (folder / "crown").mkdir(parents=True)
    for name in ("__init__.py", "crown/__init__.py", "crown/twig.py", "root.py"):
        (folder / name).write_text("", encoding="utf-8")
    write(folder / "leaf.py", LEAF)
    write(folder / "trunk.py", TRUNK.format(imports="from plant.leaf import shine"))
    monkeypatch.setattr(provenance, "PACKAGE", folder)
    clear()
    yield folder
    clear()


def write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def fresh(*modules: str) -> str:
    clear()
    return code_hash(*modules)


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
    before = fresh("plant.trunk")
    assert len(before) == 12
    edit(package / "trunk.py", old, new)
    assert fresh("plant.trunk") == before


@pytest.mark.parametrize(
    ("old", "new"),
    [("LIMIT = 1", "LIMIT = 2"), ("size + LIMIT", "size - LIMIT"), ("LIMIT = 1", "LIMIT = '1'")],
)
def test_hash_follows_the_code(package: Path, old: str, new: str) -> None:
    before = fresh("plant.trunk")
    edit(package / "trunk.py", old, new)
    assert fresh("plant.trunk") != before


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
    before = fresh("plant.trunk")
    edit(package / "leaf.py", "light * 2", "light * 2  # twice")
    assert fresh("plant.trunk") == before
    edit(package / "leaf.py", "light * 2", "light * 3")
    assert fresh("plant.trunk") != before


def test_hash_ignores_other_modules(package: Path) -> None:
    before = fresh("plant.trunk")
    write(package / "root.py", "DEPTH = 3")
    assert fresh("plant.trunk") == before
    assert fresh("plant.trunk", "plant.root") != before


def test_modules_that_import_each_other(package: Path) -> None:
    write(package / "leaf.py", "import plant.trunk\n" + LEAF)
    assert fresh("plant.trunk") == fresh("plant.leaf")


def test_module_that_does_not_exist(package: Path) -> None:
    with pytest.raises(ModuleNotFoundError, match=r"plant\.flower"):
        fresh("plant.flower")


def test_methods_are_independent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "fairser"
    shutil.copytree(provenance.PACKAGE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(provenance, "PACKAGE", folder)
    training = ("fairser.training.train", "fairser.methods.erm")
    hashes = [fresh(*training)]
    for name in ("methods/random.py", "methods/erm.py", "methods/head.py", "methods/losses.py"):
        path = folder / name
        write(path, path.read_text(encoding="utf-8") + "\nEXTRA = 1\n")
        hashes.append(fresh(*training))
    clear()
    assert hashes[0] == hashes[1]
    assert len(set(hashes[1:])) == 4


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
    clear()
    found = {"plant.trunk", "plant.crown", "plant.crown.twig", "plant.root"}
    assert provenance.closure(["plant.trunk"]) == found
    assert provenance.closure(["plant.trunk"], ["plant.root"]) == found - {"plant.root"}
    assert provenance.closure(["plant.leaf"]) == {"plant.leaf"}
