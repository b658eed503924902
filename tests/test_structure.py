"""The structure of the package: rooms, and one direction of imports between them."""

import ast
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "workflow" / "fairser"
# From the bottom to the top: a room imports from itself and from the rooms before it.
ROOMS = (
    *("core", "config", "corpora", "audio", "pretrained", "encoders", "extraction", "methods"),
    *("training", "groups", "evaluation", "results", "inference", "llm", "comparison", "auditing"),
    *("model_tests", "check", "cluster", "report", "commands"),
)


def rooms_of(file: Path) -> set[str]:
    """Rooms that a module imports from, at any depth of its functions."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module == "fairser":
            found |= {f"fairser.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{file}: a relative import"
            found.add(node.module or "")
    parts = [name.split(".") for name in found]
    return {p[1] for p in parts if p[0] == "fairser" and len(p) > 1} - {"__version__"}


def test_every_module_is_in_a_room() -> None:
    folders = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").is_file()}
    assert folders == set(ROOMS)
    assert [path.name for path in PACKAGE.glob("*.py")] == ["__init__.py"]


def test_imports_go_one_way() -> None:
    upward = [
        f"{file.relative_to(PACKAGE)} imports from {other}"
        for place, room in enumerate(ROOMS)
        for file in sorted((PACKAGE / room).rglob("*.py"))
        for other in sorted(rooms_of(file) - set(ROOMS[: place + 1]))
    ]
    assert upward == []


def test_one_module_reads_tables() -> None:
    """Polars takes ``[1]`` in a path for a pattern; only this module opens the file itself."""
    files = sorted([*PACKAGE.rglob("*.py"), *PACKAGE.parents[1].glob("scripts/*.py")])
    calls = [
        f"{file.name} calls pl.{node.attr}"
        for file in files
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id in ("pl", "polars")
        and node.attr.startswith(("read_", "scan_"))
    ]
    assert set(calls) == {
        f"table_files.py calls pl.{name}"
        for name in ("read_csv", "read_parquet", "read_parquet_metadata", "scan_parquet")
    }
