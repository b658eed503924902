"""Rule table2: gaps of race and age with clusters of speaker embeddings."""

from fairser.core.jobs import job
from fairser.evaluation.bootstrap import Bootstrap, read_counts
from fairser.results.tables import LEGEND, TABLE2_ATTRIBUTES, readable, table2, table_gaps
from fairser.results.writing import write_table

with job(snakemake.log[0]):
    given = snakemake.params
    gaps = table_gaps(TABLE2_ATTRIBUTES, given.variants)
    bootstrap = Bootstrap(**given.statistics, gaps=gaps)
    runs = read_counts(snakemake.input.metrics, snakemake.input.counts)
    table = table2(runs, bootstrap, given.k)
    write_table(snakemake.output[0], table, readable(table), LEGEND)
