"""Rule table2: gaps of other attributes with clusters of speaker embeddings."""

from fairser.core.jobs import job
from fairser.evaluation.bootstrap import Bootstrap, read_counts
from fairser.results.estimate_tables import legend, readable
from fairser.results.tables import NO_ATTRIBUTE, table2, table2_attributes, table_gaps
from fairser.results.writing import write_table

with job(snakemake.log[0]):
    given = snakemake.params
    runs = read_counts(snakemake.input.metrics, snakemake.input.counts)
    attributes = table2_attributes(runs, given.attributes, given.biased)
    gaps = table_gaps(attributes, given.variants, named=True)
    bootstrap = Bootstrap(**given.statistics, gaps=gaps)
    table = table2(runs, bootstrap, given.k)
    if attributes:
        write_table(snakemake.output[0], table, readable(table), [legend(table)])
    else:
        write_table(snakemake.output[0], table, legend=[NO_ATTRIBUTE])
