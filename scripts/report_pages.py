"""Rule report_pages: the pages of the report."""

from fairser.core.jobs import job
from fairser.report.build import write_pages

with job(snakemake.log[0]):
    given = snakemake.params
    inputs = dict(snakemake.input.items())
    write_pages(
        dict(snakemake.output.items()), inputs, snakemake.config, given.files, given.caption
    )
