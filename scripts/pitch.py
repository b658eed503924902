"""Rule pitch: gender probabilities of every clip from its median pitch."""

import numpy as np
import torch

from fairser.corpora.clips import ClipTable
from fairser.encoders.files import encode_files
from fairser.files import complete
from fairser.jobs import job
from fairser.pitch import gender_probabilities, median_pitch


def encode(wave: torch.Tensor) -> np.ndarray:
    return np.array([median_pitch(wave.numpy())])


with job(snakemake.log[0]):
    torch.set_num_threads(1)
    clips = ClipTable.read(snakemake.input.table).clips()
    pitch = encode_files(encode, snakemake.params.audio, clips["file"], snakemake.params.seconds)
    with complete(snakemake.output[0]) as path:
        gender_probabilities(clips["clip"], pitch[:, 0, 0]).write_csv(path)
