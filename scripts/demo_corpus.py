"""Rule demo_corpus: speak the demo corpus."""

from fairser.corpora.demo import make_demo_corpus
from fairser.jobs import job

if __name__ == "__main__":  # eSpeak NG runs in a process of its own, which imports this script
    with job(snakemake.log[0]):
        make_demo_corpus(snakemake.params.folder)
