"""Audio files and a csv from a data set of the Hugging Face hub; --help says more."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).parents[1] / "workflow")

from fairser.commands.unpack_dataset import main

sys.exit(main())
