"""Write docs/configuration.md, the configuration reference, from the schema.

python scripts/config_reference.py           write it
python scripts/config_reference.py --check   exit with 1 if it is not current
"""

import argparse
import sys
from collections.abc import Sequence

from fairser.commands.base import FOUND, command, new_parser
from fairser.config import reference
from fairser.core.files import write_text


def parser() -> argparse.ArgumentParser:
    made = new_parser("config_reference", __doc__)
    made.add_argument("--check", action="store_true", help="write nothing, only compare")
    return made


@command
def main(arguments: Sequence[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    wanted = reference.page()
    if not options.check:
        write_text(reference.PAGE, wanted)
        return 0
    found = reference.PAGE.read_text(encoding="utf-8") if reference.PAGE.exists() else ""
    if found == wanted:
        return 0
    print(
        f"{reference.PAGE} is not what the schema says; run scripts/config_reference.py.",
        file=sys.stderr,
    )
    return FOUND
