"""Rule ask_model: what a model says of a part of the clips under a condition."""

from fairser.core.jobs import job
from fairser.model_tests.jobs import TestSettings, ask_part

with job(snakemake.log[0]):
    settings = TestSettings(**snakemake.params.settings)
    ask_part(settings, snakemake.wildcards.condition, snakemake.output[0], snakemake.threads)
