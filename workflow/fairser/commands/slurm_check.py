"""What `snakemake --profile slurm` still needs before its first run (make slurm-check)."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from fairser.cluster.slurm_check import PROFILE, check_all
from fairser.commands.base import FOUND, add_config, command, new_parser, read_config
from fairser.config.grid import sections
from fairser.config.store_names import models_of
from fairser.core.yaml_files import read_mapping
from fairser.pretrained.records import record_path


def parser() -> argparse.ArgumentParser:
    made = new_parser("slurm_check", __doc__)
    add_config(made)
    return made


@command
def main(arguments: Sequence[str] | None = None) -> int:
    config = read_config(parser().parse_args(arguments).config)
    needed = models_of(config, sections(config)).values()
    records = [Path(record_path(*model[:2])) for model in needed]
    missing = 0
    for check in check_all(read_mapping(PROFILE), config["results"], records):
        print(check, flush=True)
        missing += not check.ok
    if missing:
        print(f"{missing} missing", file=sys.stderr)
    return FOUND if missing else 0
