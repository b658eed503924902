"""Rule demo_corpus: speak the demo corpus."""

from pathlib import Path

from fairser.corpora.demo import make_demo_corpus
from fairser.jobs import job

with job(snakemake.log[0]):
    make_demo_corpus(Path(snakemake.params.folder))
