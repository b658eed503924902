"""Snakemake's report with the pages in it: what it is made from, and its last touches."""

import html
from pathlib import Path

from fairser.core.files import sha256_text
from fairser.report.captions import CAPTIONS

PARTS = Path(__file__).parent
TITLE = "<title>Snakemake Report</title>"
# What Snakemake 9 leaves in the browser's console: a trace of its own, the name of an old schema
# beside the library of a newer one, and a warning to those who write pages.
CHATTER = {
    "console.log(workflow_desc)": "void 0",
    "https://vega.github.io/schema/vega-lite/v3.json": "https://vega.github.io/schema/vega-lite/v5.json",
}
WARNING = 'console.warn("cdn.tailwindcss.com should not be used in production.'


def parts_hash() -> str:
    """A hash of the templates, styles, scripts and captions, which code has no part in."""
    found = [*PARTS.glob("page.*"), *PARTS.glob("*.jinja"), *CAPTIONS.iterdir()]
    texts = [f"{path.name}\n{path.read_text(encoding='utf-8')}" for path in sorted(found)]
    return sha256_text("\n".join(texts))[:12]


def finish(report: str, title: str) -> str:
    """Snakemake's report with a title of its own and a quiet console; the rest stays as it is."""
    report = report.replace(TITLE, f"<title>{html.escape(title, quote=False)}</title>", 1)
    for text, better in CHATTER.items():
        report = report.replace(text, better)
    start = report.find(WARNING)
    if start >= 0:
        end = report.index('")', start) + 2
        report = f"{report[:start]}void 0{report[end:]}"
    return report
