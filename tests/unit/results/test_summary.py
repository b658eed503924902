"""The last words of a run that succeeded: what was made, what it says, where, what next."""

import os
from pathlib import Path

import polars as pl
import pytest

from fairser.results import summary
from fairser.results.summary import Made, headline, success
from fairser.results.tables import SIGNIFICANT

COLUMNS = ("f1", "acc", "tpr_gap", "dp_gap")


def row(
    method: str,
    source: str = "none",
    f1: float | None = 0.6,
    gap: float | None = 0.4,
    p: float | None = None,
    f1_p: float | None = None,
) -> dict[str, str]:
    """A row of Table 1 as csv reads it: texts, empty where there is no number."""
    values = {"f1": f1, "acc": 0.7, "tpr_gap": gap, "dp_gap": 0.1}
    numbers = dict(values)
    for name, value in values.items():
        numbers |= {f"{name}_low": value and value - 0.1, f"{name}_high": value and value + 0.1}
        numbers |= {f"{name}_p": {"tpr_gap": p, "f1": f1_p}.get(name)}
    texts = {name: "" if value is None else str(value) for name, value in numbers.items()}
    return {"method": method, "source": source, **texts}


def plain(text: str) -> str:
    return " ".join(text.split())


def test_the_threshold_is_that_of_the_tables() -> None:
    assert summary.SIGNIFICANT == SIGNIFICANT


def test_the_smallest_gap_and_whether_it_holds() -> None:
    rows = [
        row("ERM"),
        row("DS", "pseudo", 0.58, 0.2, p=0.004),
        row("RW", "pseudo", gap=0.3, p=0.5),
    ]
    assert plain(headline(rows, "gender")) == (
        "ERM's tpr_gap, between groups of gender, is 0.400 [0.300, 0.500] at an F1 of "
        "0.600 [0.500, 0.700]. The smallest is that of DS with pseudo groups, 0.200 [0.100, 0.300] "
        "at an F1 of 0.580 [0.480, 0.680]. Its difference to ERM is significant over speakers "
        "(Holm-corrected p = 0.004, 2 rows)."
    )


def test_a_difference_that_does_not_hold_is_told_as_such() -> None:
    text = plain(headline([row("ERM"), row("LfF", gap=0.39, p=0.7)], "race"))
    assert "The smallest is that of LfF, 0.390" in text
    assert "is not significant over speakers (Holm-corrected p = 0.700, 1 row)" in text


def test_an_f1_that_falls_is_told() -> None:
    text = plain(headline([row("ERM"), row("DS", gap=0.1, f1=0.4, p=0.01, f1_p=0.02)], "gender"))
    assert "Its F1 is significantly lower (p = 0.020)." in text


def test_no_method_narrows_the_gap() -> None:
    text = plain(headline([row("ERM"), row("DS", gap=0.5, p=0.01)], "gender"))
    assert "No method has a smaller one; the smallest of theirs is that of DS." in text
    assert "significant" not in text


@pytest.mark.parametrize(
    "rows", [[row("DS", gap=0.1, p=0.01)], [row("ERM", gap=None), row("DS", gap=None)], []]
)
def test_no_headline_without_erm_or_gaps(rows: list[dict[str, str]]) -> None:
    assert headline(rows, "gender") == ""


def test_random_is_no_method_to_praise() -> None:
    """Random guesses have no gap to speak of; the table does not test them."""
    text = headline([row("ERM"), row("Random", gap=0.01), row("RW", gap=0.3, p=0.01)], "gender")
    assert "Random" not in text


def finished(folder: Path, *rows: dict[str, str]) -> Made:
    """A run that made a table, a figure and two runs."""
    files = ["table1.csv", "table1.md", "figures/tradeoff.svg", "figures/tradeoff.png"]
    files += [f"runs/erm/none/k1/fold{fold}/seed0/metrics.json" for fold in (1, 2)]
    benchmarks = []
    pl.DataFrame(rows or [row("ERM")]).write_csv(folder / "table1.csv")
    for number in range(2):
        path = folder / f"benchmark{number}.tsv"
        path.write_text("s\th:m:s\n60.5\t0:01:00\n")
        benchmarks.append(("train", str(path)))
    benchmarks.append(("train", str(folder / "none.tsv")))
    paths = [f"{folder}//{file}" for file in files]  # as of a folder that is given with a slash
    return Made(str(folder), [*paths, "resources/a.wav"], benchmarks, 125.0, ["config.yaml"])


def test_what_was_made_and_how_long_it_took(tmp_path: Path) -> None:
    text = success(finished(tmp_path), "gender", synthetic=False)
    assert "Done in 2 minutes. Made: 2 runs, 1 table, 1 figure." in text
    assert "Time of jobs, added up: training 2 minutes in 2 jobs." in text
    assert f"{tmp_path}/*.csv, also .md and .tex: table1\n" in text
    assert f"{tmp_path}/figures, svg and png" in text
    assert "synthetic" not in text


def test_the_table_in_short(tmp_path: Path) -> None:
    rows = [row("ERM"), row("DS", "pseudo", 0.5, 0.2, 0.004, 0.3), row("Gain", "pseudo", None, 0.5)]
    text = success(finished(tmp_path, *rows), "gender", synthetic=True)
    lines = [line for line in text.splitlines() if line.startswith(("  ERM", "  DS", "  Gain"))]
    assert lines == [
        "  ERM     none    0.600 [0.500, 0.700]  0.400 [0.300, 0.500]",
        "  DS      pseudo  0.500 [0.400, 0.600]  0.200 [0.100, 0.300] *",
    ]
    assert "The demo's speech is synthetic" in text


def test_the_page_of_the_report(tmp_path: Path) -> None:
    made = finished(tmp_path)
    assert "snakemake report" not in success(made, "gender", synthetic=False)
    with_rule = Made(**vars(made) | {"reported": True})
    told = "snakemake report --configfile config.yaml"
    assert told in success(with_rule, "gender", synthetic=False)
    page = tmp_path / "report.html"
    page.touch()
    assert f"Open {page}" in success(with_rule, "gender", synthetic=False)
    # One of an earlier run, before this run's Table 1.
    before = (tmp_path / "table1.csv").stat().st_mtime - 1
    os.utime(page, (before, before))
    text = success(with_rule, "gender", synthetic=False)
    assert told in text
    assert "Open" not in text


def test_a_run_leads_to_the_audit(tmp_path: Path) -> None:
    line = "  python scripts/audit.py --help    audits any other model's predictions"
    assert line in success(finished(tmp_path), "gender", synthetic=False).splitlines()


def test_a_single_table_has_no_finding(tmp_path: Path) -> None:
    """Table 1 of an earlier run is not what this one made."""
    finished(tmp_path)
    text = success(Made(str(tmp_path), [str(tmp_path / "tableA3.csv")]), "gender", synthetic=True)
    assert "Made: 1 table." in text
    assert f"{tmp_path}/*.csv, also .md and .tex: tableA3\n" in text
    assert not any(word in text for word in ("ERM", "synthetic", "Runs", "Figures", "Next"))


def test_files_elsewhere_are_counted(tmp_path: Path) -> None:
    text = success(Made(str(tmp_path), ["resources/a.tsv", "resources/b.tsv"]), "gender", False)
    assert "Made: 2 files." in text


def test_the_other_study_shows_its_table(tmp_path: Path) -> None:
    (tmp_path / "ablation.md").write_text("| objective |\n")
    made = Made(str(tmp_path), [str(tmp_path / "ablation.csv")], seconds=7200)
    text = success(made, "gender", synthetic=False)
    assert "Done in 2.0 hours." in text
    assert "by modality and objective\n\n| objective |" in text
