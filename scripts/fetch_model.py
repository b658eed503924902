"""Rule fetch_model: fetch a pre-trained model, or check a local one, and record what it is."""

from fairser.core.jobs import job
from fairser.pretrained.hub import fetch
from fairser.pretrained.records import write_record

with job(snakemake.log[0]):
    write_record(snakemake.output[0], fetch(*snakemake.params.model))
