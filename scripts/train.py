"""Rule train: one run of the grid, from features to predictions."""

from pathlib import Path

from fairser.core.jobs import job
from fairser.training.runs import CellJob, train_cell

with job(snakemake.log[0]):
    params = snakemake.params
    cell = CellJob(
        cell=dict(snakemake.wildcards.items()),
        given=dict(snakemake.input.items()),
        settings=params.settings,
        code=params.code,
        made_from=params.made_from,
        # What changes no number is no parameter, so that another value retrains nothing.
        config=snakemake.config,
        threads=snakemake.threads,
    )
    train_cell(cell, Path(snakemake.output.run).parent)
