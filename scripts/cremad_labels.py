"""Rule cremad_labels: fetch CREMA-D's labels and demographics at their pinned commits."""

from dataclasses import replace

from fairser.core.jobs import job
from fairser.corpora.download import CREMA_D, EMO_SUPERB, download_labels

with job(snakemake.log[0]):
    addresses = snakemake.params.addresses
    download_labels(
        snakemake.params.folder,
        labels=replace(EMO_SUPERB, url=addresses["labels"]),
        corpus=replace(CREMA_D, url=addresses["cremad"]),
    )
