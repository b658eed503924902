"""Hooks of MkDocs: pages that are made from other files, links to them, and formulas.

The pages in `docs` link to files of the repository (`../README.md`), so that the links work on
GitHub. In the site the README is the home page, and the other files are pages of their own.
"""

import ast
import html
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "workflow/fairser"
REPORT = ROOT / "results/demo/report.html"
# Files outside of docs that are pages of the site.
PAGES = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "tests/bench/README.md": "benchmarks.md",
}
ROLE = re.compile(r":\w+:`([^`]+)`")  # as Sphinx writes it
LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)(#[^)\s]*)?\)")
FORMULA = re.compile(r'<(div|span) class="arithmatex">\\[\[(](.*?)\\[\])]</\1>', re.S)


def on_config(config: Any) -> Any:
    """The navigation, with a page of the API for each folder of the package."""
    config.nav.append({"API reference": [{name: f"api/{name}.md"} for name in rooms()]})
    return config


def on_files(files: Files, config: Any) -> Files:
    """The files of the site, with those that are not in `docs`."""
    for name, page in PAGES.items():
        text = (ROOT / name).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=moved(text, name, page)))
    for room in rooms():
        files.append(File.generated(config, f"api/{room}.md", content=api_page(room)))
    if REPORT.is_file():
        files.append(File.generated(config, "demo_report.html", abs_src_path=str(REPORT)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """The text of a page, with its links to files outside of `docs` as links of the site."""
    path = page.file.src_path
    if path == "demo.md" and REPORT.is_file():
        markdown += "\n## Open it\n\n[The report of the demo](demo_report.html), as built here.\n"
    generated = path in PAGES.values() or path.startswith("api/")
    return markdown if generated else moved(markdown, f"docs/{path}", path)


def on_page_content(html: str, **_: Any) -> str:
    """The page with its formulas in MathML, which browsers show without a script."""
    return FORMULA.sub(mathml, html)


def moved(text: str, source: str, page: str) -> str:
    """The text of a file of the repository, with the links that it needs as a page of the site."""

    def link(match: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(source), match[1]))
        inside = PAGES.get(target, target.removeprefix("docs/"))
        return f"]({posixpath.relpath(inside, posixpath.dirname(page) or '.')}{match[2] or ''})"

    return LINK.sub(link, text)


def mathml(match: re.Match[str]) -> str:
    """A formula that arithmatex has marked."""
    display = "block" if match[1] == "div" else "inline"
    return convert(html.unescape(match[2]), display=display)


def rooms() -> list[str]:
    """Names of the folders of the package."""
    return sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py"))


def modules(room: str) -> Iterator[tuple[str, str]]:
    """Names of a room's public modules, with the first line of their docstrings."""
    for path in sorted((PACKAGE / room).glob("*.py")):
        if not path.name.startswith("_"):
            yield path.stem, first_line(path)


def first_line(path: Path) -> str:
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return ROLE.sub(r"`\1`", " ".join(text.partition("\n\n")[0].split()))


def api_page(room: str) -> str:
    """A page with a list of the modules of a room, and what they hold."""
    found = list(modules(room))
    rows = [f"| [`{name}`](#fairser.{room}.{name}) | {text} |" for name, text in found]
    head = [f"# fairser.{room}", first_line(PACKAGE / room / "__init__.py")]
    table = "\n".join(["| module | |", "|---|---|", *rows])
    return "\n\n".join([*head, table, *(f"::: fairser.{room}.{name}" for name, _ in found)])
