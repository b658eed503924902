"""Rule train: one run of the grid, from features to predictions."""

import polars as pl
import torch

from fairser.corpora.clips import ClipTable
from fairser.encoders.store import open_store
from fairser.jobs import job
from fairser.runs import write_run
from fairser.training import Options, train_and_predict

with job(snakemake.log[0]):
    torch.set_num_threads(1)  # the same numbers on any number of cores
    cell = snakemake.wildcards
    run = train_and_predict(
        cell.method,
        ClipTable.read(snakemake.input.split),
        open_store(snakemake.input.features, snakemake.input.clips),
        snakemake.params.standardise,
        Options(**snakemake.params.train),
        int(cell.seed),
        grouping=pl.read_parquet(snakemake.input.groups) if cell.source != "none" else None,
        hyper=snakemake.params.hyper,
    )
    write_run(dict(snakemake.output.items()), run, dict(cell.items()), snakemake.config)
