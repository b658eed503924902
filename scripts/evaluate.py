"""Rule evaluate: metrics of one run, from its predictions."""

import polars as pl

from fairser.corpora.clips import ClipTable
from fairser.evaluation import evaluate
from fairser.files import read_json, write_json
from fairser.jobs import job

with job(snakemake.log[0]):
    table = ClipTable.read(snakemake.input.split)
    metrics = evaluate(pl.read_parquet(snakemake.input.predictions), table)
    write_json(snakemake.output[0], {**read_json(snakemake.input.run), **metrics})
