"""The pages of the documentation agree with the code: examples, links, keys, messages."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from fairser.config.configuration import resolve
from fairser.config.extensions import use
from fairser.config.schema import load_schema
from workflow.pages import BLOCKS, DOCUMENTS, Block
from workflow.runner import ROOT
from workflow.snakefiles import python_of

# YAML blocks that are no configuration, by document and first line.
NO_CONFIGURATION = {
    ("docs/running.md", "# config.yaml of your workflow"),
    ("docs/model_tests.md", "# .github/workflows/model.yml"),
}

FILES = {
    ".csv",
    ".html",
    ".json",
    ".py",
    ".smk",
    ".yaml",
}  # endings of files that are named like a section
LINKED = [
    *DOCUMENTS,
    *(ROOT / name for name in ("tests/bench/README.md", "results/README.md", "config/README.md")),
]


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working directory with the files of docs/extending.md, which configurations can name."""
    monkeypatch.chdir(tmp_path)
    for block in of("python"):
        head, _, text = block.text.partition("\n")
        if head.startswith("# my_plugins/"):
            file = tmp_path / head.removeprefix("# ")
            file.parent.mkdir(exist_ok=True)
            file.write_text(text, encoding="utf-8")
    yield tmp_path / "my_plugins"
    use([])


def of(language: str) -> list[Block]:
    return [block for block in BLOCKS if block.language == language]


def label(block: Block) -> str:
    return f"{block.document}: {block.text.splitlines()[0]}"


@pytest.mark.parametrize("block", of("yaml"), ids=label)
def test_configurations_are_valid(block: Block, plugins: Path) -> None:
    if (block.document, block.text.splitlines()[0]) not in NO_CONFIGURATION:
        resolve(yaml.safe_load(block.text))


@pytest.mark.parametrize("block", of("python"), ids=label)
def test_python_compiles(block: Block) -> None:
    compile(block.text, block.document, "exec")


def test_blocks_have_a_language_that_is_tested() -> None:
    assert {block.language for block in BLOCKS} <= {"sh", "yaml", "python", "math", "snakemake"}


def slugs(path: Path) -> set[str]:
    """Anchors of a page as GitHub makes them, and those that it sets itself."""
    text = re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.M | re.S)
    headings = re.findall(r"^#+ (.*)$", text, re.M)
    words = [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]
    return {*words, *re.findall(r'<a id="([^"]+)">', text)}


@pytest.mark.parametrize("path", LINKED, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"https?:", target):
            continue
        file, _, anchor = target.partition("#")
        page = (path.parent / file).resolve() if file else path
        assert page.exists(), target
        assert not anchor or anchor in slugs(page), target


def test_every_cell_of_the_comparison_names_its_source() -> None:
    text = (ROOT / "docs/comparison.md").read_text(encoding="utf-8")
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| **")]
    assert len(rows) == 2 * 13
    for topic, _, *others in rows:
        assert all("[^" in cell or cell == "-" for cell in others), topic
    used = set(re.findall(r"\[\^([\w-]+)\](?!:)", text))
    assert used == set(re.findall(r"^\[\^([\w-]+)\]:", text, re.M))


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_keys_of_the_configuration_exist(path: Path, plugins: Path) -> None:
    use([str(plugins)])
    schema = load_schema()
    text = path.read_text(encoding="utf-8")
    for word in re.findall(r"`([a-z_]+(?:\.[a-z0-9_]+)+)(?::[^`]*)?`", text):
        first, *rest = word.split(".")
        if first not in schema["properties"] or f".{rest[-1]}" in FILES:
            continue
        part = schema["properties"][first]
        for key in rest:
            assert key in part.get("properties", {}), f"`{word}` is no key"
            part = part["properties"][key]


FAULTS = (
    (ROOT / "docs/faults.md").read_text(encoding="utf-8").partition("## Messages of Snakemake")[0]
)
MESSAGES = re.findall(r"^\| `(.+?)` \|", FAULTS, re.M)


def said(node: ast.AST) -> str | None:
    """A text of the code, with `…` for what is filled in."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        parts = [p.value if isinstance(p, ast.Constant) else "…" for p in node.values]
        return "".join(map(str, parts))
    return None


@pytest.fixture(scope="module")
def sayings() -> list[str]:
    """All texts of the package, the scripts and the workflow's own files."""
    paths = [*(ROOT / "workflow/fairser").rglob("*.py"), *(ROOT / "scripts").glob("*.py")]
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in paths]
    trees += [python_of(path) for path in (ROOT / "workflow").rglob("*.smk")]
    return [text for tree in trees for node in ast.walk(tree) if (text := said(node))]


@pytest.mark.parametrize("message", MESSAGES)
def test_messages_are_those_of_the_code(message: str, sayings: list[str]) -> None:
    assert len(message.replace("…", "")) >= 12, "too short to be found"
    # The place of a fault of a csv is put before its message.
    start = message.removeprefix("…: ")
    pattern = "(.*?: )?" + ".*?".join(re.escape(part) for part in start.split("…"))
    assert any(re.match(pattern, text, re.S) for text in sayings)


def test_there_are_messages() -> None:
    assert len(MESSAGES) > 60
