"""Rule evaluate: metrics of one run, and the counts behind them by speaker."""

import polars as pl

from fairser.core.files import complete, read_json, write_json
from fairser.core.jobs import job
from fairser.corpora.clips import ClipTable
from fairser.evaluation.evaluate import evaluate, speaker_counts

with job(snakemake.log[0]):
    table = ClipTable.read(snakemake.input.split)
    predictions = pl.read_parquet(snakemake.input.predictions)
    with complete(snakemake.output.counts) as path:
        speaker_counts(predictions, table).write_parquet(path)
    metrics = evaluate(predictions, table)
    write_json(snakemake.output.metrics, {**read_json(snakemake.input.run), **metrics})
