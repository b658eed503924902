"""Rule sweeps: the settings of each method, and which are chosen on development."""

from fairser.core.jobs import job
from fairser.evaluation.bootstrap import Bootstrap, read_counts
from fairser.results.estimate_tables import legend
from fairser.results.sweeps import LEGEND, read_selected, readable_sweeps, sweep_table
from fairser.results.tables import table_gaps
from fairser.results.writing import write_table

with job(snakemake.log[0]):
    given = snakemake.params
    bootstrap = Bootstrap(**given.statistics, gaps=table_gaps(given.attributes, given.variants))
    runs = read_counts(snakemake.input.metrics, snakemake.input.counts)
    table = sweep_table(runs, read_selected(snakemake.input.metrics), bootstrap)
    shown = [f"{LEGEND}.", legend(table)]
    write_table(snakemake.output[0], table, readable_sweeps(table), shown)
