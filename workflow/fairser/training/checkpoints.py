"""What a training under way leaves on disk, so that it goes on where it was interrupted."""

import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch

from fairser.core.files import complete, sha256_text
from fairser.core.jobs import logger

EVERY = 60.0  # seconds


class Checkpoint:
    """A file with the state of a training, replaced every so often and removed at the end.

    The workflow engine does not know of it, and so does not delete it with the outputs of a job
    that failed.

    Args:
        path: of the file; None keeps nothing.
        fingerprint: of all that the training depends on; the state of another one is ignored.
        every: seconds between two states.
    """

    def __init__(
        self, path: Path | None = None, fingerprint: str = "", every: float = EVERY
    ) -> None:
        self.path, self.fingerprint, self.every = path, fingerprint, every
        self.saved = time.monotonic()

    def load(self) -> dict[str, Any] | None:
        """The state that an interrupted training left, or None."""
        if self.path is None or not self.path.is_file():
            return None
        try:
            state = torch.load(self.path, map_location="cpu", weights_only=True)
        except Exception as error:  # a file cut by a crash of the machine: begin anew
            logger.info("%s is not readable (%s): not resumed", self.path, error)
            return None
        if not isinstance(state, dict) or state.pop("fingerprint", None) != self.fingerprint:
            logger.info("%s is of another training: not resumed", self.path)
            return None
        return state

    def due(self) -> bool:
        """Whether it is time for the next state."""
        return self.path is not None and time.monotonic() - self.saved >= self.every

    def save(self, state: dict[str, Any]) -> None:
        """Replace the file; ``state`` holds tensors, numbers, texts, lists and dicts of these."""
        if self.path is None:
            return
        with complete(self.path) as temporary:
            torch.save({**state, "fingerprint": self.fingerprint}, temporary)
        self.saved = time.monotonic()

    def remove(self) -> None:
        """Forget the state; the training is complete."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)


def make_checkpoint(
    folder: Path, given: Iterable[str], settings: Any, every: float = EVERY
) -> Checkpoint:
    """The checkpoint of a run: valid for these settings and these input files as they are now.

    Args:
        folder: of the run.
        given: its input files, in the same order each time.
        settings: all else that its result depends on, code included; JSON can hold it.
        every: seconds between two states.
    """
    files = [(file, Path(file).stat().st_size, Path(file).stat().st_mtime_ns) for file in given]
    fingerprint = sha256_text(json.dumps([settings, files], sort_keys=True))
    return Checkpoint(folder / "checkpoint.pt", fingerprint, every)
