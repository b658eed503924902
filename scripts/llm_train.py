"""Rule llm_train: train adapters of the model, and predict with those of the best round."""

from pathlib import Path

from fairser.core.jobs import job
from fairser.core.table_files import read_made
from fairser.llm.run import Setup, train
from fairser.training.checkpoints import make_checkpoint

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
    depends = [setup.settings, snakemake.params.code, setup.audio]
    checkpoint = make_checkpoint(Path(setup.paths["run"]).parent, snakemake.input, depends)
    # No parameter of the rule, because another value changes no number and must not rerun it.
    train(setup, checkpoint, snakemake.config["llm"]["train"]["checkpoint_steps"])
    checkpoint.remove()
