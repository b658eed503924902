"""Rule train: one run of the grid, from features to predictions."""

from pathlib import Path

import polars as pl

from fairser.corpora.clips import ClipTable
from fairser.fitting import Options
from fairser.jobs import job
from fairser.runs import make_checkpoint, make_inputs, write_run
from fairser.training import train_and_predict

with job(snakemake.log[0]):
    given, settings, cell = dict(snakemake.input.items()), snakemake.params, snakemake.wildcards
    # What changes no number is no parameter: another value must train nothing anew.
    free = snakemake.config
    table = ClipTable.read(given["split"])
    inputs, origin = make_inputs(given, settings.settings, table, free, snakemake.threads)
    folder, of = Path(snakemake.output.run).parent, [settings.settings, settings.code]
    seconds = free["train"]["checkpoint_seconds"]
    checkpoint = make_checkpoint(folder, snakemake.input, of, seconds)
    run = train_and_predict(
        cell.method,
        table,
        inputs,
        Options(**settings.settings["train"]),
        int(cell.seed),
        grouping=pl.read_parquet(given["groups"]) if cell.source != "none" else None,
        hyper=settings.settings["hyper"],
        checkpoint=checkpoint,
    )
    write_run(dict(snakemake.output.items()), run, origin, dict(cell.items()), snakemake.config)
    checkpoint.remove()
