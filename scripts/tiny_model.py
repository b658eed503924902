"""Rule tiny_model: a random Qwen2-Audio of a few thousand weights, for the demo."""

from pathlib import Path

from fairser.core.jobs import job
from fairser.llm.tiny import write_tiny_model

with job(snakemake.log[0]):
    write_tiny_model(Path(snakemake.output[0]).parent)
