"""Changes to Snakemake's report: its title, and a quiet console."""

from pathlib import Path

from fairser.core import escape
from fairser.core.files import sha256_text
from fairser.report.captions import CAPTIONS

PARTS = Path(__file__).parent
TITLE = "<title>Snakemake Report</title>"
# Snakemake 9 writes to the browser's console: a trace, a warning that the schema is older than its
# library, and a warning for web developers.
REPLACED = {
    "console.log(workflow_desc)": "void 0",
    "https://vega.github.io/schema/vega-lite/v3.json": "https://vega.github.io/schema/vega-lite/v5.json",
}
WARNING = 'console.warn("cdn.tailwindcss.com should not be used in production.'


def parts_hash() -> str:
    """A hash of the templates, styles, scripts and captions, which :func:`code_hash` skips."""
    found = [*PARTS.glob("page.*"), *PARTS.glob("*.jinja"), *CAPTIONS.iterdir()]
    texts = [f"{path.name}\n{path.read_text(encoding='utf-8')}" for path in sorted(found)]
    return sha256_text("\n".join(texts))[:12]


def finish(report: str, title: str) -> str:
    """The report with another title and without messages in the console."""
    report = report.replace(TITLE, f"<title>{escape.html(title)}</title>", 1)
    for text, better in REPLACED.items():
        report = report.replace(text, better)
    start = report.find(WARNING)
    if start >= 0:
        end = report.index('")', start) + 2
        report = f"{report[:start]}void 0{report[end:]}"
    return report
