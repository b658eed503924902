"""Rule clip_table: read the corpus into the clip table."""

from fairser.core.jobs import job, logger
from fairser.corpora.clip_lists import check_list
from fairser.corpora.people import is_nobody
from fairser.corpora.readers import read_corpus
from fairser.corpora.splits import check_attribute

with job(snakemake.log[0]):
    table = read_corpus(snakemake.params.corpus)
    check_attribute(table, snakemake.params.corpus["stratify"], needed=False)
    check_list(table, snakemake.input.listed)
    table.write(snakemake.output[0])
    clips = table.clips()
    logger.info(
        "%d clips, %d speakers, folds %s", clips.height, clips["speaker"].n_unique(), table.folds
    )
    logger.info("%d clips without a speaker", clips.filter(is_nobody()).height)
    logger.info("classes %s; attributes %s", table.classes, table.attributes)
    logger.info("task %s", table.task)
