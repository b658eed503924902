"""Rule all_runs: every number of every run, as one parquet file."""

from fairser.core.jobs import job
from fairser.results.all_runs import write_all_runs

with job(snakemake.log[0]):
    write_all_runs(snakemake.input.metrics, snakemake.output[0])
