"""Rule evaluate: metrics of one run, and the counts behind them by speaker."""

from pathlib import Path

from fairser.core.jobs import job
from fairser.corpora.clips import ClipTable
from fairser.evaluation.evaluate import write_metrics

with job(snakemake.log[0]):
    write_metrics(Path(snakemake.output.metrics).parent, ClipTable.read(snakemake.input.split))
