"""Rule tableA4: clips of every fold by split, emotion and demographic group."""

from fairser.corpora.clips import ClipTable
from fairser.jobs import job
from fairser.split_tables import table_a4
from fairser.writing import write_table

with job(snakemake.log[0]):
    tables = [ClipTable.read(path) for path in snakemake.input]
    by_fold = {table.folds[0]: table for table in tables}
    write_table(snakemake.output[0], table_a4(by_fold, snakemake.params.attributes))
