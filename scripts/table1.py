"""Rule table1: performance and gaps of every method and source."""

from fairser.core.jobs import job
from fairser.evaluation.bootstrap import Bootstrap, read_counts
from fairser.results.estimate_tables import legend, readable
from fairser.results.tables import table1, table_gaps
from fairser.results.writing import write_table

with job(snakemake.log[0]):
    given = snakemake.params
    gaps = table_gaps(given.attributes, given.variants)
    bootstrap = Bootstrap(**given.statistics, gaps=gaps)
    runs = read_counts(snakemake.input.metrics, snakemake.input.counts)
    table = table1(runs, bootstrap, given.k)
    write_table(snakemake.output[0], table, readable(table), [legend(table)])
