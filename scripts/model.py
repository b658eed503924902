"""Rule model: fetch a pre-trained model, or check a local one, and record what it is."""

from fairser.hub import fetch
from fairser.jobs import job
from fairser.models import write_record

with job(snakemake.log[0]):
    write_record(snakemake.output[0], fetch(*snakemake.params.model))
