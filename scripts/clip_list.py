"""Rule clip_list: the clips of a corpus and their audio files, from which features are made."""

from fairser.core.jobs import job
from fairser.corpora.clip_lists import write_list
from fairser.corpora.readers import read_corpus

with job(snakemake.log[0]):
    # What changes no clip is no parameter, so that another results folder extracts nothing anew.
    table = read_corpus({**snakemake.config["corpus"], **snakemake.params.corpus})
    write_list(table, snakemake.output[0])
