"""Rule tableA4: clips of every fold by split, emotion and demographic group."""

from fairser.core.jobs import job
from fairser.corpora.clips import ClipTable
from fairser.results.split_tables import table_a4
from fairser.results.writing import write_table

with job(snakemake.log[0]):
    tables = [ClipTable.read(path) for path in snakemake.input]
    by_fold = {table.folds[0]: table for table in tables}
    write_table(snakemake.output[0], table_a4(by_fold, snakemake.params.attributes))
