"""Rules signal_features and model_features: a shard of the corpus through an encoder."""

from pathlib import Path

from fairser.core.jobs import job
from fairser.corpora.clip_lists import read_list
from fairser.extraction.extract import Shard, StoreSource, extract
from fairser.extraction.shards import shard_clips

with job(snakemake.log[0]):
    given, settings, part = snakemake.input, snakemake.params, snakemake.wildcards
    # These change no number, so they are no parameters: a new value must not rerun the rule.
    free = snakemake.config
    folder = Path(snakemake.output.features).parent
    clips = read_list(given.listed)
    extract(
        StoreSource.read(settings.settings, given.get("model"), given.get("waveforms")),
        Shard(
            shard_clips(clips, int(part.shard), int(part.shards)),
            settings.audio,
            dict(snakemake.output.items()),
            partial=folder.with_name(f"{folder.name}.part"),
            before=folder.parents[1],
            code=settings.code,
            follow_links=free["corpus"]["follow_links"],
        ),
        device=free["device"],
        threads=snakemake.threads,
        failures=free["extraction"]["failures"],
    )
