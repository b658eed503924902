"""Rule grid_table: every run of the grid, done or missing."""

import polars as pl

from fairser.core.files import complete
from fairser.core.jobs import job

with job(snakemake.log[0]), complete(snakemake.output[0]) as path:
    pl.DataFrame(snakemake.params.cells).write_csv(path)
