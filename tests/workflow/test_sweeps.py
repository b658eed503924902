"""A sweep: each setting is a run of its own, and the table says which one development chooses."""

from statistics import fmean

import polars as pl
from polars.testing import assert_frame_equal

from fairser.core.files import read_json
from workflow.runner import Workflow


def test_a_sweep_is_run_and_one_setting_is_chosen(copied: Workflow) -> None:
    """The best of the development values; the runs that were there stay as they are."""
    runs = copied.results / "runs"
    before = {path: path.read_bytes() for path in runs.rglob("history.csv")}
    grid = copied.overlay["grid"]
    sweep = {"gdro": {"eta": [0.01, 3.0], "selection": ["worst_group"]}, "erm": {}}
    refused = copied.changed({"grid": grid | {"sweep": sweep}})("-n")
    assert refused.returncode and "'grid.sweep.erm' names no setting" in refused.stdout
    del sweep["erm"]
    swept = copied.changed({"grid": grid | {"sweep": sweep}})
    jobs = swept.jobs("tables")
    assert (jobs["train"], jobs["evaluate"], jobs["sweeps"]) == (4, 4, 1)
    swept.run("tables")
    assert {path: path.read_bytes() for path in before} == before

    values = {}
    for eta in ("0.01", "3"):
        name = f"gdro+eta={eta}+selection=worst_group"
        found = [read_json(p) for p in (runs / name).rglob("run.json")]
        assert [run["method"] for run in found] == [name, name]
        values[eta] = fmean(run["selected_value"] for run in found)
        for run in found:
            place = runs / name / "annotated/k2" / f"fold{run['fold']}" / "seed0/history.csv"
            history = pl.read_csv(place)
            assert run["selected_value"] == history["selected_value"].min()
            assert (history["selected_value"] > history["development_loss"]).all()
    table = pl.read_csv(copied.results / "sweeps.csv")
    assert table["method"].to_list() == ["ERM", "GDRO", "GDRO", "GDRO"]
    assert table["settings"].to_list() == [
        "",
        "eta 0.01, selection loss",
        "eta 0.01, selection worst_group",
        "eta 3, selection worst_group",
    ]
    assert table["development"][2:].to_list() == list(values.values())
    best = min(values, key=lambda eta: values[eta])
    assert table["chosen"].to_list() == [False, False, best == "0.01", best == "3"]
    # The same numbers as Table 1 has of these runs.
    whole = pl.read_csv(copied.results / "table1.csv").filter(pl.col("method").str.contains("GDRO"))
    titles = [f"GDRO (eta {eta}, selection worst_group)" for eta in values]
    assert whole["method"].to_list()[:3] == ["GDRO", *titles]
    columns = ["f1", "f1_low", "tpr_gap", "tpr_gap_high", "tpr_gap_chance"]
    assert_frame_equal(table[1:].select(columns), whole[:3].select(columns))
    assert swept.jobs("tables") == {}
