"""Rule performance: performance and gender gaps by language and modality."""

from fairser.core.jobs import job
from fairser.llm.tables import LEGEND, Resamples, performance, read_runs, readable
from fairser.results.writing import write_table

with job(snakemake.log[0]):
    runs = read_runs(snakemake.input.metrics, snakemake.input.counts)
    resamples = Resamples(**snakemake.params.statistics)
    table = performance(runs, resamples, **snakemake.params.shown)
    write_table(snakemake.output[0], table, readable(table), [LEGEND])
