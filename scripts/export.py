"""A run as a small package that predicts on another machine; --help says more."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).parents[1] / "workflow")

from fairser.commands.export import main

sys.exit(main())
