"""Rule infer_groups: groups of a fold's clips, and how they agree with the annotation."""

from fairser.core.jobs import job
from fairser.groups.together import GroupJob, write_groups

with job(snakemake.log[0]):
    given, cell = dict(snakemake.input.items()), dict(snakemake.wildcards.items())
    one = GroupJob(cell, given, snakemake.params.settings, snakemake.params.code)
    write_groups(one, [snakemake.output.groups, snakemake.output.quality])
