"""Rule corpus_statistics: clips by language, split, emotion and gender."""

from fairser.core.jobs import job
from fairser.core.table_files import read_made
from fairser.corpora.llm_clips import statistics
from fairser.results.writing import write_table

with job(snakemake.log[0]):
    write_table(snakemake.output[0], statistics(read_made(snakemake.input[0])))
