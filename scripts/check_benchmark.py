"""Whether rows of the benchmark are those of their runs; --help says more."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).parents[1] / "workflow")

from fairser.commands.check_benchmark import main

sys.exit(main())
