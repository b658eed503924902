"""What a speech emotion model says of clips and of changes of their audio; --help says more."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).parents[1] / "workflow")

from fairser.commands.test_model import main

sys.exit(main())
