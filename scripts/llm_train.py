"""Rule llm_train: train adapters of the model, and predict with those of the best round."""

from pathlib import Path

import polars as pl

from fairser.core.jobs import job
from fairser.llm.run import Setup, train
from fairser.training.checkpoints import make_checkpoint

with job(snakemake.log[0]):
    given, settings = snakemake.input, snakemake.params.settings
    # What changes no number is no parameter: another value must train nothing anew.
    free = snakemake.config
    setup = Setup(
        given.model, pl.read_parquet(given.clips), settings, free["device"], snakemake.threads
    )
    folder, of = Path(snakemake.output.run).parent, [settings, snakemake.params.code]
    checkpoint = make_checkpoint(folder, given, of)
    paths, cell = dict(snakemake.output.items()), dict(snakemake.wildcards.items())
    cell["made_from"] = snakemake.params.made_from
    train(setup, paths, cell, checkpoint, free["llm"]["train"]["checkpoint_steps"])
    checkpoint.remove()
