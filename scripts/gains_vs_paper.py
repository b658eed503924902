"""Rule gains_vs_paper: what the regulariser gains, beside the published gains."""

import polars as pl

from fairser.core.jobs import job
from fairser.llm.tables import gains
from fairser.results.writing import write_table

LEGEND = "percentage points; the paper does not name its baseline, so that both stand here"

with job(snakemake.log[0]):
    ours, published = map(pl.read_csv, (snakemake.input.ours, snakemake.input.published))
    write_table(snakemake.output[0], gains(ours, published), legend=LEGEND)
