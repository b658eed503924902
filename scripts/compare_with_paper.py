"""Rule compare_with_paper: a table beside its published numbers."""

from fairser.core.jobs import job
from fairser.core.table_files import read_made
from fairser.results.writing import compare, read_table, write_table

with job(snakemake.log[0]):
    ours, published = read_table(snakemake.input.ours), read_made(snakemake.input.published)
    write_table(snakemake.output[0], compare(ours, published, snakemake.params.index))
