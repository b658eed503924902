"""The last touches to Snakemake's report."""

from fairser.report.captions import CAPTIONS, CATEGORIES, TITLES, category
from fairser.report.shell import finish


def test_a_title_and_a_quiet_console() -> None:
    html = (
        "<title>Snakemake Report</title>a();console.log(workflow_desc);"
        'console.warn("cdn.tailwindcss.com should not be used in production. Use (this)");b();'
    )
    # A parenthesis in the warning's text ends nothing.
    assert finish(html, "mine") == "<title>mine</title>a();void 0;void 0;b();"


def test_a_report_without_them_stays_as_it_is() -> None:
    assert finish("<p>console.log(1)</p>", "mine") == "<p>console.log(1)</p>"


def test_a_title_is_text() -> None:
    assert finish("<title>Snakemake Report</title>", "a<b&c") == "<title>a&lt;b&amp;c</title>"


def test_every_part_has_a_caption_and_a_place() -> None:
    assert {path.stem for path in CAPTIONS.glob("*.rst")} == {*TITLES, "workflow"}
    listed = [page for pages in CATEGORIES.values() for page in pages]
    assert len(listed) == len(set(listed)) and set(listed) <= set(TITLES)
    assert category("table1") == "Tables"
