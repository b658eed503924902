"""Rule llm_zero_shot: predictions of the model as it is."""

from fairser.core.jobs import job
from fairser.core.table_files import read_made
from fairser.llm.run import Setup, zero_shot

with job(snakemake.log[0]):
    setup = Setup(
        record=snakemake.input.model,
        table=read_made(snakemake.input.clips),
        settings=snakemake.params.settings,
        cell=dict(snakemake.wildcards.items(), made_from=snakemake.params.made_from),
        paths=dict(snakemake.output.items()),
        device=snakemake.config["device"],
        threads=snakemake.threads,
    )
    zero_shot(setup)
