"""Rule benchmark: every method and source beside ERM, with ranks and Pareto set."""

from fairser.core.checksums import read_record
from fairser.core.jobs import job
from fairser.evaluation.bootstrap import Bootstrap, read_counts
from fairser.results.benchmark import benchmark, training_seconds
from fairser.results.benchmark_views import shown_legend, shown_table
from fairser.results.tables import table_gaps
from fairser.results.writing import write_table

with job(snakemake.log[0]):
    given, files = snakemake.params, snakemake.input
    gaps = table_gaps(given.attributes, given.variants)
    bootstrap = Bootstrap(**given.statistics, gaps=gaps)
    seconds = training_seconds([read_record(file) for file in files.metrics])
    table = benchmark(read_counts(files.metrics, files.counts), seconds, bootstrap)
    write_table(snakemake.output[0], table, shown_table(table), [shown_legend(table)])
