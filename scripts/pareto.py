"""Rule pareto: F1 against the gap of every row of the benchmark."""

from fairser.core.jobs import job
from fairser.results.benchmark_views import pareto_figure
from fairser.results.style import save
from fairser.results.tables import table_gaps
from fairser.results.writing import read_table

with job(snakemake.log[0]):
    given = snakemake.params
    table = read_table(snakemake.input[0], ["method", "source", "needs"])
    figure = pareto_figure(table, table_gaps(given.attributes, given.variants))
    save(figure, snakemake.output.svg, snakemake.output.png)
