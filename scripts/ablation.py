"""Rule ablation: the exponent and the weighting of the gap."""

from fairser.core.jobs import job
from fairser.llm.tables import LEGEND, Resamples, ablation, read_runs, readable
from fairser.results.writing import write_table

with job(snakemake.log[0]):
    runs = read_runs(snakemake.input.metrics, snakemake.input.counts)
    table = ablation(runs, Resamples(**snakemake.params.statistics))
    write_table(snakemake.output[0], table, readable(table), [LEGEND])
