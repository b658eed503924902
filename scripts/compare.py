"""Which cells of two results folders differ, and beyond noise or not; --help says more."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).parents[1] / "workflow")

from fairser.commands.compare import main

sys.exit(main())
