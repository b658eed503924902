"""What a corpus holds and what is wrong with it, before anything runs; --help says more."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).parents[1] / "workflow")

from fairser.commands.check_corpus import main

sys.exit(main())
