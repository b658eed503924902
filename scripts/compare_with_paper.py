"""Rule compare_with_paper: a table beside its published numbers."""

import polars as pl

from fairser.core.jobs import job
from fairser.results.writing import compare, write_table

with job(snakemake.log[0]):
    ours, published = (pl.read_csv(snakemake.input[name]) for name in ("ours", "published"))
    write_table(snakemake.output[0], compare(ours, published, snakemake.params.index))
