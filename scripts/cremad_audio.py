"""Rule cremad_audio: fetch CREMA-D's wavs with Git LFS; a rerun goes on where this one stopped."""

from dataclasses import replace

from fairser.core.jobs import job
from fairser.corpora.download import CREMA_D, download_audio

with job(snakemake.log[0]):
    download_audio(snakemake.params.folder, replace(CREMA_D, url=snakemake.params.address))
