"""Write docs/configuration.md, the configuration reference, from the schema; --help says more."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).parents[1] / "workflow")

from fairser.commands.config_reference import main

sys.exit(main())
