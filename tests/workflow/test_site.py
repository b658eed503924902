"""The documentation as a site: it builds without warnings and needs no other machine."""

import json
import re
import warnings
from pathlib import Path

import pytest
from mkdocs.commands.build import build
from mkdocs.config import load_config

from workflow.runner import ROOT

# What a browser loads by itself, in contrast to links that a reader follows.
LOADED = re.compile(
    r'<(?:script|img|iframe|source)\b[^>]*\bsrc="([^"]*)"|<link\b[^>]*\bhref="([^"]*)"'
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the site's tools
        build(load_config(str(ROOT / "mkdocs.yml"), site_dir=str(folder), strict=True))
    return folder


def pages(site: Path) -> dict[str, str]:
    return {str(p.relative_to(site)): p.read_text(encoding="utf-8") for p in site.rglob("*.html")}


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    for name, text in pages(site).items():
        sources = ["".join(found) for found in LOADED.findall(text)]
        assert sources or name == "demo_report.html", name
        assert not [source for source in sources if re.match(r"(https?:)?//", source)], name
    for style in site.rglob("*.css"):
        assert not re.search(r"(url\(|@import )[\"']?(https?:)?//", style.read_text()), style


def test_every_page_and_every_module_is_there(site: Path) -> None:
    found = pages(site)
    documents = {path.stem for path in (ROOT / "docs").glob("*.md")}
    assert {f"{name}.html" for name in documents | {"index", "changelog", "benchmarks"}} <= {*found}
    package = ROOT / "workflow/fairser"
    for path in package.glob("*/[!_]*.py"):
        room = path.parent.name
        assert f'id="fairser.{room}.{path.stem}"' in found[f"api/{room}.html"], path


def test_formulas_are_mathml(site: Path) -> None:
    methods = (site / "methods.html").read_text(encoding="utf-8")
    source = (ROOT / "docs/methods.md").read_text(encoding="utf-8")
    assert methods.count('display="block"') == source.count("```math")
    assert "arithmatex" not in methods
    assert r"\frac" not in methods


def test_the_search_knows_pages_and_modules(site: Path) -> None:
    index = json.loads((site / "search/search_index.json").read_text(encoding="utf-8"))
    found = {entry["location"] for entry in index["docs"]}
    assert {"index.html", "metrics.html#gaps", "api/methods.html#fairser.methods.gadro"} <= found
