"""Rule pin_models: print the configuration that pins the models, and write it to a file."""

from pathlib import Path

from fairser.core.files import write_text
from fairser.core.jobs import job
from fairser.pretrained.records import pins, read_record

with job(snakemake.log[0]):
    text = pins({section: read_record(file) for section, file in snakemake.input.items()})
    write_text(Path(snakemake.params.file), text)
    print(text, end="")
