"""Rule meldst_table: read MELD-ST and join the genders of its speakers."""

from fairser.audio.soundfiles import locate
from fairser.core.files import complete
from fairser.core.jobs import job, logger
from fairser.corpora.genders import unknown_speakers
from fairser.corpora.meldst import read_meldst

with job(snakemake.log[0]):
    corpus = {k: v for k, v in snakemake.params.corpus.items() if k != "kind"}
    clips = read_meldst(**corpus, languages=snakemake.params.languages)
    for file in clips["file"]:
        locate(corpus["audio"], file, snakemake.config["corpus"]["follow_links"])
    unknown = unknown_speakers(clips)
    report = "%d clips; %d of %d speakers have no gender, with %d clips"
    speakers = clips["speaker"].n_unique()
    logger.info(report, clips.height, unknown.height, speakers, unknown["clips"].sum())
    with complete(snakemake.output.unknown) as path:
        unknown.write_csv(path)
    with complete(snakemake.output.clips) as path:
        clips.write_parquet(path)
