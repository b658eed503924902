"""Rule llm_clips: read the clips of the second study, with the genders of their speakers."""

from fairser.audio.soundfiles import locate
from fairser.core.files import complete
from fairser.core.jobs import job, logger
from fairser.corpora.genders import unknown_speakers
from fairser.corpora.own_clips import read_llm_clips

with job(snakemake.log[0]):
    settings = snakemake.params.settings
    clips = read_llm_clips(settings)
    for file in clips["file"]:
        locate(settings["corpus"]["audio"], file, snakemake.config["corpus"]["follow_links"])
    unknown = unknown_speakers(clips)
    report = "%d clips; %d of %d speakers have no gender, with %d clips"
    speakers = clips["speaker"].n_unique()
    logger.info(report, clips.height, unknown.height, speakers, unknown["clips"].sum())
    with complete(snakemake.output.unknown) as path:
        unknown.write_csv(path)
    with complete(snakemake.output.clips) as path:
        clips.write_parquet(path)
