"""Files of a results folder that are damaged later: named, and made anew as the message says."""

import re
import shlex

import pytest

from workflow.runner import Workflow

RUN = "results/runs/erm/none/k1/fold2/seed0"


@pytest.fixture
def one(copied: Workflow) -> Workflow:
    """A finished grid of one run."""
    return copied.changed({"grid": {"methods": ["erm"], "folds": [2]}})


def test_the_message_says_how_to_make_it_anew(one: Workflow) -> None:
    """Until that is done the same command fails; then it gives the same table."""
    table, damaged = one.folder / "results/table1.csv", one.folder / RUN / "predictions.parquet"
    one.run("results/table1.csv")
    before, whole = table.read_bytes(), damaged.read_bytes()
    damaged.write_bytes(whole[: len(whole) // 2])
    for _ in range(2):
        said = one.fail("results/table1.csv")
        assert "Traceback" not in said and "bug of the workflow" not in said
    command = re.search(r"snakemake (--force \S+)", said)
    assert command and command[1] == f"--force {RUN}/predictions.parquet"
    one.run(*shlex.split(command[1]))
    one.run("results/table1.csv")
    assert (table.read_bytes(), damaged.read_bytes()) == (before, whole)


def test_the_report_takes_nothing_that_was_cut(one: Workflow) -> None:
    """A table between two rows, so that it is a csv; the file of a model to nothing."""
    table, model = one.folder / "results/table1.csv", one.folder / RUN / "model.safetensors"
    one.run("results/report/table1.html")
    for path, rest in (
        (table, table.read_bytes().rstrip().rpartition(b"\n")[0] + b"\n"),
        (model, b""),
    ):
        whole = path.read_bytes()
        path.write_bytes(rest)
        said = one.fail("results/report/table1.html", "--forcerun", "report_pages")
        assert f"{path.name}: damaged" in said and "Traceback" not in said
        path.write_bytes(whole)


def test_what_depends_on_a_failed_job_is_not_up_to_date(copied: Workflow) -> None:
    """With another setting a training fails, beside the files of the earlier one."""
    one = copied.changed({"grid": {"methods": ["rw"], "sources": ["annotated"], "folds": [2]}})
    one.run("results/table1.csv")
    groups = one.folder / "results/groups/annotated/k2/fold2.parquet"
    whole = groups.read_bytes()
    groups.write_bytes(whole[:100])
    for target in ("results/table1.csv", "runs"):
        assert "damaged" in one.fail(target), target
    groups.write_bytes(whole)
    assert "train rw" in one.run("results/table1.csv")
