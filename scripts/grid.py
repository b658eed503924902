"""Rule grid: print which runs are done, out of date or missing, and write it as csv."""

from fairser.core.jobs import job
from fairser.results.grid_state import summarise, table, write_state, write_summary

with job(snakemake.log[0]):
    runs, results = snakemake.params.runs, snakemake.params.results
    summary = summarise(runs)
    write_state(runs, results)
    write_summary(summary, results)
    print(table(summary))
