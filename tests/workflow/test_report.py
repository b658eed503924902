"""The report in a real browser: what it lists, its tables, on a phone and on paper."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from fairser.report.pages import Column, Page, PageCell, PageRow, cell, cells, write_page
from fairser.report.records import Records
from workflow.browser import opened
from workflow.conftest import FOLDS, METHODS
from workflow.runner import Workflow

NUMBERS = ("table1", "benchmark", "fairness", "tableA3", "tableA4", "groups", "rates")
TABLES = (*NUMBERS, "runs", "configuration")
PAGES = ("overview", *TABLES, "figures")
RUNS = len(METHODS) * len(FOLDS)
FIGURES = ("tradeoff", "tpr_by_class", "pareto")
MINUS = "\N{MINUS SIGN}"
PAPER = 718  # CSS pixels of the width of A4 between margins of 10 mm


def path_of(workflow: Workflow, page: str) -> Path:
    return workflow.results / "report" / f"{page}.html"


COLUMN = """name => {
  const heads = [...document.querySelectorAll("#table thead th")];
  const at = heads.findIndex(head => head.dataset.name === name);
  const rows = [...document.querySelectorAll("#table tbody tr")];
  return rows.filter(row => !row.hidden).map(row => row.cells[at].textContent);
}"""


def column(page: Any, name: str) -> list[str]:
    """Texts of a column's cells in the rows that are shown."""
    return page.evaluate(COLUMN, name)


def scrolls_sideways(page: Any) -> bool:
    return page.evaluate(
        "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    )


def metrics(workflow: Workflow, run: str) -> dict[str, Any]:
    return json.loads((workflow.results / "runs" / run / "metrics.json").read_text())


def test_another_setting_makes_the_pages_anew(finished: Workflow, copied: Workflow) -> None:
    assert finished.jobs("report") == {}
    jobs = copied.changed({"metrics": {"tpr_gap": "sum_deviation"}}).jobs("report")
    assert (jobs["report_pages"], jobs["report"], jobs["table1"]) == (1, 1, 1)
    assert "train" not in jobs
    listed = finished.jobs("report", "--config", "device=cpu")  # no number depends on it
    assert listed == {"report_pages": 1, "report": 1, "total": 2}


def test_everything_that_is_listed_opens(finished: Workflow, browser: Any) -> None:
    with opened(browser, finished.results / "report.html") as page:
        assert page.title() == "fair-ser: results"
        listed = page.evaluate("Object.keys(results)")
        expected = [f"results/report/{name}.html" for name in PAGES]
        expected += [f"results/figures/{name}.svg" for name in FIGURES]
        assert sorted(listed) == sorted(expected)
        links = page.locator(".contents a")
        names = links.evaluate_all("links => links.map(link => link.dataset.path)")
        assert sorted(names) == sorted(path for path in listed if path.endswith(".html"))
        for i in range(len(names)):
            page.click("nav >> text=Workflow")
            links.nth(i).click()
            frame = page.frame_locator("iframe")
            assert frame.locator("h1").inner_text()
            words = "[...document.images].every(i => i.complete && i.naturalWidth > 0)"
            assert frame.locator("body").evaluate(words)
        page.click("nav >> text=Figures")
        for name in ("Performance against gaps", "Rates by class"):
            page.click(f"nav tr:has-text('{name}') a >> nth=0")
            image = page.locator("#app .grow img")
            image.wait_for()
            assert image.evaluate("i => i.decode().then(() => i.naturalWidth)") > 100
        page.click(".grow >> nth=0")
        page.click("nav a:has(svg) >> nth=1")  # home again
        page.click("nav >> text=Statistics")
        page.locator("canvas, svg.marks").first.wait_for()


def test_the_report_shows_a_table_with_its_runs(finished: Workflow, browser: Any) -> None:
    with opened(browser, finished.results / "report.html") as page:
        page.click(".contents >> text=Table 1")
        frame = page.frame_locator("iframe")
        frame.locator("tr:has(th:text-is('RW')) button[data-c=tpr_gap]").click()
        shown = frame.locator("dialog").inner_text()
        for fold in FOLDS:
            run = f"rw/annotated/k2/fold{fold}/seed0"
            assert f"results/runs/{run}/metrics.json" in shown
            gap = metrics(finished, run)["attributes"]["gender"]["gaps"]["tpr"]["pairwise"]["rms"]
            assert f"{gap:.4f}" in shown
        table = pl.read_csv(finished.results / "table1.csv")
        p = table.filter(pl.col("method") == "RW")["tpr_gap_p"].item()
        assert f"p = {p:.2g} against ERM" in shown
        assert frame.locator("dialog a").count() == 0  # nothing lies beside a page in the report


def test_a_cell_opens_its_runs(finished: Workflow, browser: Any) -> None:
    table = pl.read_csv(finished.results / "table1.csv")
    erm = table.filter(pl.col("method") == "ERM").row(0, named=True)
    with opened(browser, path_of(finished, "table1")) as page:
        button = page.locator("tr:has(th:text-is('ERM')) button[data-c=f1]")
        assert button.inner_text() == f"{erm['f1']:.3f}"
        button.focus()
        page.keyboard.press("Enter")
        dialog = page.locator("dialog")
        assert dialog.locator("h2").inner_text() == "ERM, none: Macro F1"
        values = dialog.locator(".value").all_inner_texts()
        runs = [metrics(finished, f"erm/none/k1/fold{fold}/seed0") for fold in FOLDS]
        assert values == [f"{run['f1']:.4f}" for run in runs]
        shown = dialog.text_content()
        assert f"[{erm['f1_low']:.3f}, {erm['f1_high']:.3f}]" in shown
        assert runs[0]["commit"] is None or runs[0]["commit"] in shown
        for name, version in runs[0]["versions"].items():
            assert f"{name}{version}" in shown
        assert "train.epochs5 (default 50)" in shown
        assert "settings kindfbank" in shown  # the features' own record
        for link in dialog.locator("a").all():
            target = Path(path_of(finished, "table1").parent, link.get_attribute("href")).resolve()
            assert json.loads(target.read_text())["method"] == "erm"
        page.keyboard.press("Escape")
        assert not dialog.is_visible()
        assert button.evaluate("b => b === document.activeElement")


def test_tables_sort(finished: Workflow, browser: Any) -> None:
    with opened(browser, path_of(finished, "runs")) as page:
        before = column(page, "f1")
        heading = page.locator("th[data-name=f1]")
        heading.locator("button").click()
        assert heading.get_attribute("aria-sort") == "ascending"
        assert column(page, "f1") == sorted(before, key=float) != before
        page.keyboard.press("Enter")
        assert heading.get_attribute("aria-sort") == "descending"
        assert column(page, "f1") == sorted(before, key=float, reverse=True)
        page.keyboard.press("Enter")
        assert heading.get_attribute("aria-sort") == "none"
        assert column(page, "f1") == before
        # Random has no best epoch: empty cells come last in both directions.
        for _ in range(2):
            page.locator("th[data-name=best] button").click()
            assert column(page, "best")[-2:] == ["", ""] and "" not in column(page, "best")[:-2]
            assert heading.get_attribute("aria-sort") == "none"


def test_numbers_sort_as_numbers(browser: Any, tmp_path: Path) -> None:
    values = [1000, -0.5, None, 9, 0.25]
    shown = ["1,000", f"{MINUS}0.500", "", "9", "0.250"]
    rows = [
        PageRow({"name": cell(str(i)), "x": PageCell(t, v)})
        for i, (t, v) in enumerate(zip(shown, values, strict=True))
    ]
    columns = [Column("name", "Name"), Column("x", "x", number=True)]
    write_page(tmp_path / "page.html", Page("runs", "", columns, rows))
    with opened(browser, tmp_path / "page.html") as page:
        page.click("th[data-name=x] button")
        assert column(page, "x") == [f"{MINUS}0.500", "0.250", "9", "1,000", ""]


def test_tables_filter(finished: Workflow, browser: Any) -> None:
    with opened(browser, path_of(finished, "rates")) as page:
        count = page.locator("#count")
        rows = len(page.query_selector_all("#table tbody tr"))
        assert set(column(page, "attribute")) == {"gender"}  # as it opens
        shown = len(column(page, "attribute"))
        assert count.inner_text() == f"{shown} of {rows} rows"
        page.select_option("select[data-name=class]", "angry")
        page.select_option("select[data-name=method]", "RW")
        assert column(page, "group") == ["female", "male"]
        assert set(column(page, "method")) == {"RW"} and set(column(page, "class")) == {"angry"}
        page.fill("#search", "female")
        assert column(page, "group") == ["female"]
        page.fill("#search", "no such thing")
        assert count.inner_text() == f"0 of {rows} rows"
        page.click("text=Reset")
        assert count.inner_text() == f"{rows} rows" and len(column(page, "group")) == rows


def test_the_rates_are_means_over_the_folds(finished: Workflow, browser: Any) -> None:
    runs = [metrics(finished, f"erm/none/k1/fold{fold}/seed0") for fold in FOLDS]
    lines = [run["attributes"]["gender"]["rates"]["calm"]["male"] for run in runs]
    with opened(browser, path_of(finished, "rates")) as page:
        for name, value in (("method", "ERM"), ("class", "calm"), ("group", "male")):
            page.select_option(f"select[data-name={name}]", value)
        mean = sum(line["tpr"] for line in lines) / 2
        assert column(page, "tpr") == [f"{mean:.3f}"]
        assert column(page, "positives") == [str(sum(line["positives"] for line in lines))]


def test_the_overview_and_the_configuration_say_what_was_run(
    finished: Workflow, browser: Any
) -> None:
    run = metrics(finished, "erm/none/k1/fold2/seed0")
    with opened(browser, path_of(finished, "overview")) as page:
        facts = dict(zip(column(page, "what"), column(page, "value"), strict=True))
        assert facts["Runs"] == str(RUNS) and facts["Clips"] == "144 of 16 speakers"
        assert facts["Encoder"] == "fbank" and facts["Commit"] == (run["commit"] or "unknown")
        assert f"torch {run['versions']['torch']}" in facts["Versions"]
        assert {"config.yaml", "overlay.yaml"} <= {
            Path(name).name for name in facts["Configuration files"].split(", ")
        }
    with opened(browser, path_of(finished, "configuration")) as page:
        page.select_option("select[data-name=changed]", "changed")
        assert "train.epochs" in column(page, "key") and "bias.seed" not in column(page, "key")


@pytest.mark.parametrize("name", PAGES)
def test_on_a_phone_and_on_paper(finished: Workflow, browser: Any, name: str) -> None:
    with opened(browser, path_of(finished, name), width=360, height=740) as page:
        assert not scrolls_sideways(page)
        rows = page.locator("#table tbody tr")
        if name in TABLES:
            page.select_option("select", "") if page.query_selector("select") else None
            frame = page.locator("main > .frame")
            frame.evaluate("f => { f.scrollLeft = 200; }")
            left = rows.first.locator("th").evaluate("h => h.getBoundingClientRect().left")
            assert left == frame.evaluate("f => f.getBoundingClientRect().left")
        page.emulate_media(media="print")
        wide = page.evaluate("document.body.classList.contains('broad')")
        page.set_viewport_size({"width": 1042 if wide else PAPER, "height": 900})
        assert not scrolls_sideways(page)
        if name != "figures":
            assert not page.locator("#controls").is_visible()
            cut = "f => f.scrollHeight > f.clientHeight || f.scrollWidth > f.clientWidth + 1"
            assert not page.locator("main > .frame").evaluate(cut)
            hidden = rows.evaluate_all("rows => rows.filter(r => r.hidden).length")
            shown = rows.evaluate_all("rows => rows.filter(r => r.offsetHeight > 0).length")
            assert shown == rows.count() - hidden > 0
            assert name in ("rates", "fairness") or hidden == 0  # which open with a filter


def test_the_report_on_a_phone(finished: Workflow, browser: Any) -> None:
    with opened(browser, finished.results / "report.html", width=360, height=740) as page:
        page.locator(".contents a").first.wait_for()
        assert not scrolls_sideways(page)
        box = page.locator(".contents a").first.bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= 360
        page.click(".contents >> text=All runs")
        assert page.frame_locator("iframe").locator("#count").inner_text() == f"{RUNS} rows"
        assert page.locator("iframe").bounding_box()["width"] == 360


def test_a_name_cannot_become_code(browser: Any, tmp_path: Path) -> None:
    evil = "</script><script>document.title='broken'</script><img src=x onerror=alert(1)>&\u2028'\""
    rows = [PageRow(cells({"name": evil, "x": 1}), [0], {"x": [1.5]})]
    records = Records()
    records.add(evil, f"runs/{evil}", {evil: [(evil, evil)]}, [(evil, evil)])
    columns = [Column("name", evil, choice=True), Column("x", "x", number=True)]
    write_page(tmp_path / "page.html", Page("runs", evil, columns, rows, records, [evil]))
    with opened(browser, tmp_path / "page.html") as found:
        found.click("td button")
        dialog = found.locator("dialog")
        assert dialog.locator("summary").text_content() == evil
        assert f"runs/{evil}" in dialog.text_content()
        assert dialog.locator(".value").inner_text() == "1.5000"
        assert found.query_selector("img") is None
