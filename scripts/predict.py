"""Emotion probabilities of audio files by a saved model, as csv; --help says more."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).parents[1] / "workflow")

from fairser.commands.predict import main

sys.exit(main())
