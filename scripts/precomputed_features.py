"""Rule precomputed_features: check features of the user's own and list their clips."""

import polars as pl

from fairser.core.jobs import job, logger
from fairser.corpora.clip_lists import read_list
from fairser.extraction.store import check_finite, open_store, write_clips

with job(snakemake.log[0]):
    store = open_store(snakemake.input.features, snakemake.input.clips)
    clips = read_list(snakemake.input.listed)
    check_finite(store, clips["clip"], snakemake.input.features)
    write_clips(snakemake.output.clips, pl.DataFrame({"clip": list(store.row_of)}))
    logger.info("features %s for %d clips of the corpus", store.array.shape, clips.height)
