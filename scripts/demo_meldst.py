"""Rule demo_meldst: speak the demo corpus in three languages."""

from pathlib import Path

from fairser.core.jobs import job
from fairser.corpora.demo_meldst import make_demo_meldst

with job(snakemake.log[0]):
    make_demo_meldst(Path(snakemake.params.folder))
