"""The state of an unfinished training on disk, from which it resumes after an interruption."""

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch

from fairser.core.files import complete
from fairser.core.jobs import logger
from fairser.core.kept import fingerprint

EVERY = 60.0  # seconds


class Checkpoint:
    """A file with the state of a training, replaced now and then and removed at the end.

    It is no output of a Snakemake rule, so that it is not deleted when the job fails.

    Args:
        path: of the file; None saves nothing.
        fingerprint: of all that the training depends on; a state with another one is ignored.
        every: seconds between two states.
    """

    def __init__(
        self, path: Path | None = None, fingerprint: str = "", every: float = EVERY
    ) -> None:
        self.path, self.fingerprint, self.every = path, fingerprint, every
        self.saved = time.monotonic()

    def load(self) -> dict[str, Any] | None:
        """The state of an interrupted training, or None."""
        if self.path is None or not self.path.is_file():
            return None
        try:
            state = torch.load(self.path, map_location="cpu", weights_only=True)
        except Exception as error:  # such as a file cut by a crash of the machine
            logger.info("%s is not readable (%s): not resumed", self.path, error)
            return None
        if not isinstance(state, dict) or state.pop("fingerprint", None) != self.fingerprint:
            logger.info("%s is of another training: not resumed", self.path)
            return None
        return state

    def due(self) -> bool:
        """Whether it is time to save the next state."""
        return self.path is not None and time.monotonic() - self.saved >= self.every

    def save(self, state: dict[str, Any]) -> None:
        """Replace the file; ``state`` holds tensors, numbers, texts, lists and dicts of these."""
        if self.path is None:
            return
        with complete(self.path) as temporary:
            torch.save({**state, "fingerprint": self.fingerprint}, temporary)
        self.saved = time.monotonic()

    def remove(self) -> None:
        """Delete the file; the training is complete."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)


def make_checkpoint(
    folder: Path, given: Iterable[str], settings: Any, every: float = EVERY
) -> Checkpoint:
    """The checkpoint of a run, valid for these settings and for the input files as they are now.

    Args:
        folder: of the run.
        given: its input files, in the same order each time.
        settings: all else that the result depends on, code included, as JSON can hold it.
        every: seconds between two states.
    """
    return Checkpoint(folder / "checkpoint.pt", fingerprint(given, settings), every)
