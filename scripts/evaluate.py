"""Rule evaluate: metrics of one run, and the counts behind them by speaker."""

import polars as pl

from fairser.corpora.clips import ClipTable
from fairser.evaluation import evaluate, speaker_counts
from fairser.files import complete, read_json, write_json
from fairser.jobs import job

with job(snakemake.log[0]):
    table = ClipTable.read(snakemake.input.split)
    predictions = pl.read_parquet(snakemake.input.predictions)
    with complete(snakemake.output.counts) as path:
        speaker_counts(predictions, table).write_parquet(path)
    metrics = evaluate(predictions, table)
    write_json(snakemake.output.metrics, {**read_json(snakemake.input.run), **metrics})
