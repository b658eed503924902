"""Rules signal_features and model_features: a shard of the corpus through an encoder."""

from pathlib import Path

from fairser.core.jobs import job
from fairser.corpora.clips import ClipTable
from fairser.extraction.extract import Source, extract
from fairser.extraction.shards import shard_clips

with job(snakemake.log[0]):
    given, settings, part = snakemake.input, snakemake.params, snakemake.wildcards
    # What changes no number is no parameter: another value must extract nothing anew.
    free = snakemake.config
    shard = Path(snakemake.output.features).parent
    clips = ClipTable.read(given.table).clips()
    extract(
        Source.read(settings.settings, given.get("model"), given.get("waves")),
        shard_clips(clips, int(part.shard), int(part.shards)),
        settings.audio,
        dict(snakemake.output.items()),
        partial=shard.with_name(f"{shard.name}.part"),
        code=settings.code,
        device=free["device"],
        threads=snakemake.threads,
        failures=free["extraction"]["failures"],
    )
