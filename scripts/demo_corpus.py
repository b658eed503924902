"""Rule demo_corpus: speak the demo corpus."""

from pathlib import Path

from fairser.core.jobs import job
from fairser.corpora.demo import make_demo_corpus

with job(snakemake.log[0]):
    make_demo_corpus(Path(snakemake.params.folder))
