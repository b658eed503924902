"""What is missing for `snakemake --profile slurm`, before its first run; --help says more."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).parents[1] / "workflow")

from fairser.commands.slurm_check import main

sys.exit(main())
