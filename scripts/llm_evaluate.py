"""Rule llm_evaluate: measures of one run, and the counts behind them by speaker."""

from fairser.core.checksums import check_files, read_record, write_record
from fairser.core.files import complete
from fairser.core.jobs import job
from fairser.core.table_files import read_made
from fairser.llm.measures import evaluate, speaker_counts

with job(snakemake.log[0]):
    given, made = snakemake.input, snakemake.output
    run = read_record(given.run)
    check_files(given.run, run, ["predictions.parquet"])
    predictions = read_made(given.predictions)
    with complete(made.counts) as path:
        speaker_counts(predictions).write_parquet(path)
    scopes = evaluate(predictions, snakemake.wildcards.languages.split("-"))
    write_record(made.metrics, {**run, "test": scopes}, [made.counts])
