"""The rule choose_k on the tones, which is made beside the grid."""

import json

import polars as pl

from workflow.runner import Workflow

KS = {"k": [2, 3], "resamples": 4, "references": 3, "clips": 3, "speakers": 2}
OTHER = {"embedding": {"kind": "mfcc"}, "choose_k": KS}


def test_choose_k_is_made_from_the_embeddings_alone(copied: Workflow) -> None:
    # A run that fails is over before the first cluster is made.
    too_many = copied.changed(OTHER | {"choose_k": {"k": [2, 30]}})
    assert "Name smaller numbers in 'choose_k.k'" in too_many.fail("results/choose_k.csv")
    assert not list(copied.results.glob("choose_k*/*"))
    asked = copied.changed(OTHER)
    jobs = asked.jobs("results/choose_k.csv")
    assert jobs["cluster_stability"] == 2
    assert not {"infer_groups", "train", "table1"} & set(jobs)
    told = asked.run("results/choose_k.csv")
    table = pl.read_csv(copied.results / "choose_k.csv")
    assert table["k"].to_list() == [2, 3]
    assert table["folds"].to_list() == [2, 2]
    text = (copied.results / "choose_k.md").read_text()
    assert "Recommended: K = " in text or "No K is recommended" in text
    assert text.split("\n\n")[1] in told  # at the end of the run, too
    for kind in ("svg", "png"):
        assert (copied.results / f"figures/choose_k.{kind}").stat().st_size > 1000
    found = json.loads((copied.results / "choose_k/fold2.json").read_text())
    split = pl.read_parquet(copied.results / "splits/fold2.parquet").filter(split="train")
    assert (found["clips"], found["speakers"]) == (split.height, split["speaker"].n_unique())
    # Other limits need no new clusters, other numbers of clusters do; nothing else is touched.
    for change, again in ({"clips": 4}, 0), ({"k": [2]}, 2):
        jobs = asked.changed({"choose_k": KS | change}).jobs("results/choose_k.csv")
        assert (jobs.get("cluster_stability", 0), jobs["choose_k"]) == (again, 1)
