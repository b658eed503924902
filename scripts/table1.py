"""Rule table1: performance and gaps of every method."""

from fairser.files import read_json
from fairser.jobs import job
from fairser.tables import table1, write_table

with job(snakemake.log[0]):
    runs = map(read_json, snakemake.input)
    table = table1(runs, snakemake.params.attribute, snakemake.params.variants)
    write_table(snakemake.output[0], table)
