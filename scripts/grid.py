"""Rule grid: print which runs are done, out of date or missing, and write it as csv."""

from pathlib import Path

from fairser.core.jobs import job
from fairser.results.grid_state import summarise, table, write_csv, write_state

with job(snakemake.log[0]):
    runs, results = snakemake.params.runs, snakemake.params.results
    summary = summarise(runs)
    write_state(runs, results)
    write_csv(summary, Path(results, "grid_summary.csv"))
    print(table(summary))
