"""Rule corpus_statistics: clips by language, split, emotion and gender."""

import polars as pl

from fairser.core.jobs import job
from fairser.corpora.meldst import statistics
from fairser.results.writing import write_table

with job(snakemake.log[0]):
    write_table(snakemake.output[0], statistics(pl.read_parquet(snakemake.input[0])))
