"""Rule train: one run of the grid, from features to predictions."""

from pathlib import Path

from fairser.core.jobs import job
from fairser.core.table_files import read_made
from fairser.corpora.clips import ClipTable
from fairser.extraction.changed_audio import AUDIO
from fairser.training.checkpoints import make_checkpoint
from fairser.training.fitting import TrainOptions
from fairser.training.runs import make_inputs, write_run
from fairser.training.train import TrainingJob, train_and_predict

with job(snakemake.log[0]):
    given, cell, settings = dict(snakemake.input.items()), snakemake.wildcards, snakemake.params
    # What changes no number is no parameter, so that another value retrains nothing.
    free = snakemake.config
    folder, code = Path(snakemake.output.run).parent, settings.code
    settings, table = settings.settings, ClipTable.read(given["split"])
    inputs, origin = make_inputs(given, settings, table, free, snakemake.threads)
    key = [settings, code, origin.get(AUDIO)]
    checkpoint = make_checkpoint(folder, snakemake.input, key, free["train"]["checkpoint_seconds"])
    origin = {"made_from": snakemake.params.made_from, **origin}
    options, hyper = TrainOptions(**settings["train"]), settings["hyper"]
    groups = read_made(given["groups"], ["group"]) if cell.source != "none" else None
    training = TrainingJob(cell.method, table, inputs, options, int(cell.seed), groups, hyper)
    result = train_and_predict(training, checkpoint)
    write_run(dict(snakemake.output.items()), result, dict(cell.items()), origin, free)
    checkpoint.remove()
