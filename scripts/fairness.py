"""Rule fairness: every number of performance and fairness, by method, source and attribute."""

from fairser.core.jobs import job
from fairser.evaluation.clip_bootstrap import ClipBootstrap
from fairser.results.estimate_tables import readable
from fairser.results.fairness_table import fairness_table, legend
from fairser.results.writing import write_table

with job(snakemake.log[0]):
    given, files = snakemake.params, snakemake.input
    bootstrap = ClipBootstrap(**given.statistics, variants=given.variants)
    table = fairness_table(
        files.metrics, files.predictions, files.splits, bootstrap, given.attribute
    )
    write_table(snakemake.output[0], table, readable(table), legend(table))
