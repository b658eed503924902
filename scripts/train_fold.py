"""Rule train_fold: all runs of a fold, from features to metrics."""

from pathlib import Path

from fairser.core.jobs import job
from fairser.corpora.clips import ClipTable
from fairser.evaluation.evaluate import write_metrics
from fairser.training.runs import CellJob
from fairser.training.together import train_cells

with job(snakemake.log[0]):
    given, config = snakemake.input, snakemake.config
    results = Path(config["results"])
    jobs = [
        CellJob(
            **{**one, "given": {n: given[f] for n, f in one["given"].items()}},
            config=config,
            together=True,
        )
        for one in snakemake.params.cells
    ]
    table = ClipTable.read(given.split)
    for folder in train_cells(jobs, results / "kept", results):
        write_metrics(folder, table)
