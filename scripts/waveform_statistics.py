"""Rule waveform_statistics: mean and standard deviation over the waveforms of all clips."""

from pathlib import Path

import torch

from fairser.audio.reading import Audio, check_faults, waveform_statistics
from fairser.core.files import write_json
from fairser.core.jobs import job
from fairser.corpora.clip_lists import read_list

with job(snakemake.log[0]):
    torch.set_num_threads(1)
    settings = snakemake.params
    files = read_list(snakemake.input.listed)["file"].to_list()
    follow_links = snakemake.config["corpus"]["follow_links"]  # no parameter: it changes no number
    audio = Audio(Path(settings.audio), files, settings.seconds, follow_links)
    mean, std, faults = waveform_statistics(audio, snakemake.threads)
    allowed = snakemake.config["extraction"]["failures"]  # nor does this
    check_faults(list(faults.values()), len(files), allowed)
    statistics = {"mean": mean, "std": std, "clips": len(files) - len(faults)}
    write_json(snakemake.output[0], statistics | {"left_out": len(faults)})
