"""Rule evaluate: metrics of one run, and the counts behind them by speaker."""

from fairser.core.checksums import check_files, read_record, write_record
from fairser.core.files import complete
from fairser.core.jobs import job
from fairser.core.table_files import read_made
from fairser.corpora.clips import ClipTable
from fairser.evaluation.evaluate import evaluate, speaker_counts

with job(snakemake.log[0]):
    given, made = snakemake.input, snakemake.output
    table, run = ClipTable.read(given.split), read_record(given.run)
    check_files(given.run, run, ["predictions.parquet"])
    predictions = read_made(given.predictions, ["clip", "split", *table.classes])
    with complete(made.counts) as path:
        speaker_counts(predictions, table).write_parquet(path)
    write_record(made.metrics, {**run, **evaluate(predictions, table)}, [made.counts])
