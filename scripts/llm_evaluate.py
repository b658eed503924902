"""Rule llm_evaluate: measures of one run, and the counts behind them by speaker."""

import polars as pl

from fairser.core.files import complete, read_json, write_json
from fairser.core.jobs import job
from fairser.llm.measures import evaluate, speaker_counts

with job(snakemake.log[0]):
    predictions, run = pl.read_parquet(snakemake.input.predictions), snakemake.input.run
    with complete(snakemake.output.counts) as path:
        speaker_counts(predictions).write_parquet(path)
    scopes = evaluate(predictions, snakemake.wildcards.languages.split("-"))
    write_json(snakemake.output.metrics, {**read_json(run), "test": scopes})
