"""Rule gains_vs_paper: what the regulariser gains, beside the published gains."""

from fairser.core.jobs import job
from fairser.core.table_files import read_made
from fairser.llm.tables import gains
from fairser.results.writing import read_table, write_table

LEGEND = "percentage points; the paper does not name its baseline, so that both stand here"

with job(snakemake.log[0]):
    ours, published = read_table(snakemake.input.ours), read_made(snakemake.input.published)
    write_table(snakemake.output[0], gains(ours, published), legend=[LEGEND])
