"""Rule pages: the pages of the report."""

from fairser.jobs import job
from fairser.report.build import write_pages

with job(snakemake.log[0]):
    given = snakemake.params
    inputs = {name: snakemake.input.get(name) for name in snakemake.input.keys()}  # noqa: SIM118
    write_pages(dict(snakemake.output), inputs, snakemake.config, given.files, given.caption)
