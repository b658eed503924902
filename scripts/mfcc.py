"""Rule mfcc: MFCC statistics and pitch of every clip, as speaker embedding."""

import torch

from fairser.corpora.clips import ClipTable
from fairser.encoders.files import encode_files
from fairser.encoders.mfcc import encode
from fairser.encoders.store import write_store
from fairser.jobs import job

with job(snakemake.log[0]):
    torch.set_num_threads(1)  # one core is as fast, and sums keep their order
    clips = ClipTable.read(snakemake.input.table).clips()
    array = encode_files(encode, snakemake.params.audio, clips["file"], snakemake.params.seconds)
    write_store(snakemake.output.features, snakemake.output.clips, array, clips["clip"].to_list())
