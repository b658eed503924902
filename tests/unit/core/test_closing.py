"""The message at the end of a run: what was made, or what failed and how to go on."""

import logging
import shutil
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from fairser.core.closing import (
    LINES,
    NO_ERROR,
    SHOWN,
    SYNTHETIC,
    Failed,
    Made,
    failure,
    headline,
    last_error,
    success,
)
from fairser.core.errors import InputError
from fairser.core.jobs import job
from fairser.results.writing import write_table as write_k

REPORT = "snakemake report --configfile config.yaml"
COMMAND = "snakemake --configfile config.yaml 'my own.yaml'"
NAMES = ("f1", "tpr_gap")


def row(
    method: str,
    source: str = "none",
    f1: float | None = 0.6,
    gap: float | None = 0.4,
    p: float | None = None,
    k: int | None = None,
) -> dict[str, str]:
    """A row of Table 1 as csv reads it: texts, empty where there is no number."""
    numbers = {"k": k, "f1": f1, "tpr_gap": gap, "f1_p": None, "tpr_gap_p": p}
    numbers |= {"tpr_gap_chance": 0.05, "tpr_gap_chance_high": 0.08, "note": None}
    for name in NAMES:
        value = numbers[name]
        numbers |= {f"{name}_low": value and value - 0.1, f"{name}_high": value and value + 0.1}
    texts = {name: "" if value is None else str(value) for name, value in numbers.items()}
    return {"method": method, "source": source, **texts}


def test_erm_stands_beside_the_smallest_gap() -> None:
    rows = [
        row("ERM"),
        row("DS", "kmeans", 0.58, 0.2, p=0.004, k=8),
        row("RW", "pseudo", gap=0.3, p=0.5),
        row("Random", gap=0.01),  # the table does not test it
    ]
    text = "\n".join(headline(rows, "gender"))
    chance = "(by chance 0.050 to 0.080)"
    assert f"ERM: tpr_gap 0.400 [0.300, 0.500] {chance}, f1 0.600 [0.500, 0.700]" in text
    assert f"DS with kmeans 8 groups: tpr_gap 0.200* [0.100, 0.300] {chance}, f1 0.580" in text
    assert "gender" in text
    assert "2 other rows" in text
    assert not any(name in text for name in ("RW", "Random"))


def test_a_difference_that_is_not_significant_has_no_mark() -> None:
    assert "LfF: tpr_gap 0.390 [" in "\n".join(
        headline([row("ERM"), row("LfF", gap=0.39, p=0.7)], "race")
    )


@pytest.mark.parametrize(
    "rows", [[row("DS", gap=0.1, p=0.01)], [row("ERM", gap=None), row("DS", gap=None)], []]
)
def test_no_headline_without_erm_or_gaps(rows: list[dict[str, str]]) -> None:
    assert headline(rows, "gender") == []


def made(folder: Path, *files: str) -> Made:
    """A run that made files below a folder, which is given with a slash."""
    return Made(str(folder), [*(f"{folder}//{file}" for file in files), "a.wav"], 125.0, REPORT)


def test_the_recommended_k_and_its_reason_are_told(tmp_path: Path) -> None:
    table = pl.DataFrame({"k": [2, 4]})
    write_k(tmp_path / "choose_k.csv", table, table, ["Recommended: K = 4, because.", "k: number"])
    told = success(made(tmp_path, "choose_k.csv", "choose_k.md"), "gender", synthetic=False)
    assert told.splitlines()[2] == "Recommended: K = 4, because."
    assert "k: number" not in told
    assert "Recommended" not in success(made(tmp_path, "table1.md"), "gender", synthetic=False)
    latex = (tmp_path / "choose_k.tex").read_text().splitlines()
    assert latex[:2] == ["% Recommended: K = 4, because.", "% k: number"]


def write_table(folder: Path) -> None:
    head = row("ERM")
    (folder / "table1.csv").write_text(f"{','.join(head)}\n{','.join(head.values())}\n")


def test_what_was_made_and_where_it_is(tmp_path: Path) -> None:
    write_table(tmp_path)
    files = ["table1.csv", "table1.md", "figures/tradeoff.svg", "figures/tradeoff.png"]
    files += [f"runs/erm/none/k1/fold{fold}/seed0/metrics.json" for fold in (1, 2)]
    text = success(made(tmp_path, *files), "gender", synthetic=False)
    assert text == (
        "\nDone in 2 min. Made: 2 runs, 1 table, 1 figure.\n"
        "Gap between groups of gender, ERM's:\n"
        "  ERM: tpr_gap 0.400 [0.300, 0.500] (by chance 0.050 to 0.080), "
        "f1 0.600 [0.500, 0.700]\n"
        f"  runs: {tmp_path}/runs\n"
        f"  tables: {tmp_path}/*.csv\n"
        f"  figures: {tmp_path}/figures/*.svg\n"
        f"  report: {REPORT}\n\n"
    )
    assert SYNTHETIC in success(made(tmp_path, *files), "gender", synthetic=True)


def test_a_report_that_was_made_is_named(tmp_path: Path) -> None:
    text = success(made(tmp_path, "report.html"), "gender", synthetic=False)
    assert f"report: {tmp_path}/report.html" in text
    assert REPORT not in text


def test_a_table_of_an_earlier_run_is_not_reported(tmp_path: Path) -> None:
    write_table(tmp_path)
    text = success(made(tmp_path, "tableA3.csv"), "gender", synthetic=True)
    assert "1 table." in text
    assert not any(word in text for word in ("ERM", SYNTHETIC, "runs:", "figures:"))


def test_files_elsewhere_are_counted(tmp_path: Path) -> None:
    assert "2 files" in success(Made(str(tmp_path), ["r/a.tsv", "r/b.tsv"], 3, ""), "gender", False)


def log(folder: Path, name: str, *lines: str) -> str:
    path = folder / name
    path.write_text("".join(f"2026-11-22 06:21:11,123 {line}\n" for line in lines))
    return str(path)


def told(*failed: list[Failed]) -> str:
    return failure(failed, "results", "3 of 9", COMMAND)


def failing(folder: Path, cause: str) -> list[list[Failed]]:
    """Nine jobs, each with an error that has its number in the place of braces."""
    return [
        [Failed(f"train {n}", log(folder, f"{n}.log", f"Error: {cause.format(n)}"))]
        for n in range(9)
    ]


def test_a_log_without_an_error_on_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = [[Failed("train erm", str(tmp_path / "train.log"))]]
    assert NO_ERROR in failure(failed, str(tmp_path), "3 of 9", COMMAND)
    usage = shutil.disk_usage(tmp_path)._replace(free=4096)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    text = failure(failed, str(tmp_path), "3 of 9", COMMAND)
    assert NO_ERROR not in text
    assert f"No space left on the disk of {tmp_path}" in text


def test_the_job_its_error_its_log_and_the_command(tmp_path: Path) -> None:
    path = log(tmp_path, "a.log", "12 clips", "Error: a.wav: empty.\n  fetch it again.")
    assert told([Failed("train erm", path)]) == (
        "\n1 job failed.\ntrain erm:\n  a.wav: empty.\n    fetch it again.\n"
        f"  (log: {path})\n"
        "What is finished is kept (3 of 9 runs). Fix the cause; the same command continues:\n"
        f"  {COMMAND}\n\n"
    )


def test_one_cause_of_many_jobs_is_shown_once(tmp_path: Path) -> None:
    text = told(*failing(tmp_path, "no space."))
    assert "9 jobs failed" in text
    assert "train 0 and 8 more" in text
    assert text.count("no space.") == 1


def test_many_causes_are_cut(tmp_path: Path) -> None:
    text = told(*failing(tmp_path, "no {}."))
    assert [f"no {n}." in text for n in range(9)] == [n < SHOWN for n in range(9)]
    assert "results/logs" in text


def test_a_run_that_was_interrupted() -> None:
    text = told()
    assert "failed" not in text
    assert COMMAND in text


def test_of_jobs_submitted_together_those_with_an_error(tmp_path: Path) -> None:
    done = Failed("train 1", log(tmp_path, "1.log", "12 clips"))
    broken = Failed("train 2", log(tmp_path, "2.log", "Error: no space."))
    waiting = Failed("train 3", str(tmp_path / "3.log"))
    text = told([done, broken, waiting])
    assert "1 job failed" in text
    assert "train 2:" in text
    text = told([waiting, done])
    assert "train 3:" in text
    assert NO_ERROR in text


def test_a_log_without_an_error(tmp_path: Path) -> None:
    for path in (None, str(tmp_path / "none.log"), log(tmp_path, "a.log", "12 clips")):
        assert last_error(path) == NO_ERROR
    assert "(log:" not in told([Failed("train erm", None)])


@pytest.fixture
def logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    logging.captureWarnings(False)
    for handler in set(root.handlers) - set(handlers):
        handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.usefixtures("logging_as_before")
@pytest.mark.parametrize(
    ("error", "words"),
    [
        (InputError("a.csv, row 2: text.", "b.csv: text."), "2 faults:\n  a.csv, row 2"),
        (KeyError("lost"), "KeyError: 'lost'\n"),
        (KeyboardInterrupt(), "interrupted."),
    ],
)
def test_the_error_of_a_job_that_really_failed(
    tmp_path: Path, error: BaseException, words: str
) -> None:
    """The message finds the error that a job writes to its log."""
    with pytest.raises(SystemExit), job(tmp_path / "job.log"):
        raise error
    assert last_error(str(tmp_path / "job.log")).startswith(words)


def test_a_long_error_is_cut(tmp_path: Path) -> None:
    lines = "\n".join(f"  file {n}: empty" for n in range(40))
    found = last_error(log(tmp_path, "a.log", f"Error: 40 clips:\n{lines}")).splitlines()
    assert len(found) == LINES + 1
    assert str(41 - LINES) in found[-1]
