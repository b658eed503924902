"""Rule train: one run of the grid, from features to predictions."""

from pathlib import Path

import polars as pl

from fairser.core.jobs import job
from fairser.corpora.clips import ClipTable
from fairser.training.checkpoints import make_checkpoint
from fairser.training.fitting import Options
from fairser.training.runs import make_inputs, write_run
from fairser.training.train import train_and_predict

with job(snakemake.log[0]):
    given, cell, settings = dict(snakemake.input.items()), snakemake.wildcards, snakemake.params
    # What changes no number is no parameter: another value must train nothing anew.
    free = snakemake.config
    folder, key = Path(snakemake.output.run).parent, [settings.settings, settings.code]
    checkpoint = make_checkpoint(folder, snakemake.input, key, free["train"]["checkpoint_seconds"])
    settings, table = settings.settings, ClipTable.read(given["split"])
    inputs, origin = make_inputs(given, settings, table, free, snakemake.threads)
    origin = {"made_from": snakemake.params.made_from, **origin}
    options, seed, hyper = Options(**settings["train"]), int(cell.seed), settings["hyper"]
    groups = pl.read_parquet(given["groups"]) if cell.source != "none" else None
    run = train_and_predict(cell.method, table, inputs, options, seed, groups, hyper, checkpoint)
    write_run(dict(snakemake.output.items()), run, origin, dict(cell.items()), snakemake.config)
    checkpoint.remove()
