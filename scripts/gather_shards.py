"""Rule gather_shards: join the shards of a feature store."""

from pathlib import Path

from fairser.core.jobs import job
from fairser.extraction.shards import gather

with job(snakemake.log[0]):
    folders = dict.fromkeys(Path(file).parent for file in snakemake.input)
    gather(list(folders), dict(snakemake.output.items()))
