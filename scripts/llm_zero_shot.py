"""Rule llm_zero_shot: predictions of the model as it is."""

import polars as pl

from fairser.core.jobs import job
from fairser.llm.run import Setup, zero_shot

with job(snakemake.log[0]):
    given, settings = snakemake.input, snakemake.params.settings
    table, device = pl.read_parquet(given.clips), snakemake.config["device"]
    setup = Setup(given.model, table, settings, device, snakemake.threads)
    cell = dict(snakemake.wildcards.items(), made_from=snakemake.params.made_from)
    zero_shot(setup, dict(snakemake.output.items()), cell)
