"""Rule gather: join the shards of a feature store."""

from pathlib import Path

from fairser.jobs import job
from fairser.shards import gather

with job(snakemake.log[0]):
    folders = dict.fromkeys(Path(file).parent for file in snakemake.input)
    gather(list(folders), dict(snakemake.output.items()))
