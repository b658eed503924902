"""The files that Snakemake was started with: what it would read wrongly without a word."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

from fairser.core.errors import InputError, is_there
from fairser.core.yaml_files import read_mapping

ENDINGS = (".yaml", ".yml")


def check_files(configs: Sequence[str | Path], others: Sequence[Path]) -> None:
    """Refuse files with a key that is there twice, and targets taken for configuration files.

    Args:
        configs: that Snakemake takes for configuration files; one may be missing.
        others: of profiles.

    Raises:
        InputError: names the file and the rows.
    """
    for file in map(Path, configs):
        if file.suffix not in ENDINGS:
            raise InputError(
                f"{file}: taken for a configuration file, as everything after --configfile. Put "
                "targets before --configfile; name configuration files .yaml."
            )
    for file in (*filter(is_there, map(Path, configs)), *others):
        read_mapping(file)


def profiles(arguments: Sequence[str], environment: Mapping[str, str]) -> list[Path]:
    """The files of the profiles that Snakemake was started with, as far as they are there.

    Args:
        arguments: of Snakemake's command line.
        environment: that Snakemake was started in.
    """
    from snakemake.cli import get_profile_dir

    parser = argparse.ArgumentParser(add_help=False, exit_on_error=False)
    parser.add_argument("--profile", action="append")
    parser.add_argument("--workflow-profile", default="profiles/default")
    known, _ = parser.parse_known_args(arguments)
    names = known.profile or [environment.get("SNAKEMAKE_PROFILE", "none")]
    found = [get_profile_dir(name) for name in (*names, known.workflow_profile)]
    return [file for _, file in filter(None, found)]
