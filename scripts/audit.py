"""How a classifier's predictions differ between groups of speakers; --help says more."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).parents[1] / "workflow")

from fairser.commands.audit import main

sys.exit(main())
