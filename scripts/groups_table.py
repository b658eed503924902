"""Rule groups_table: how the groups of every source meet the annotated attributes."""

from fairser.core.files import read_json
from fairser.core.jobs import job
from fairser.groups.agreement import quality_table
from fairser.results.writing import write_table

with job(snakemake.log[0]):
    write_table(snakemake.output[0], quality_table([read_json(path) for path in snakemake.input]))
