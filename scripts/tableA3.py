"""Rule tableA3: clips of one fold by emotion, group and split."""

from fairser.core.jobs import job
from fairser.corpora.clips import ClipTable
from fairser.results.split_tables import table_a3
from fairser.results.writing import write_table

with job(snakemake.log[0]):
    table = table_a3(ClipTable.read(snakemake.input[0]), snakemake.params.attribute)
    write_table(snakemake.output[0], table)
