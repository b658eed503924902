"""Rule pin_models: write the commits of the fetched models into the configuration."""

import sys
from pathlib import Path

from fairser.core.jobs import job, logger
from fairser.pretrained.pins import pin
from fairser.pretrained.records import read_record

with job(snakemake.log[0]):
    records = {section: read_record(file) for section, file in snakemake.input.items()}
    for sentence in pin([Path(file) for file in snakemake.params.files], records):
        logger.info(sentence)
        print(sentence, file=sys.stderr)
