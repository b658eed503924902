"""The error for bad input, and parts of its messages."""

from pathlib import Path


class InputError(Exception):
    """Bad input: the message names the file, the row and the value, and says what to do.

    Jobs and commands print it without a traceback. Every other exception is a bug.

    Args:
        *faults: one or several messages.
    """

    def __init__(self, *faults: str) -> None:
        super().__init__(*faults)
        self.faults = faults

    def __str__(self) -> str:
        if len(self.faults) == 1:
            return self.faults[0]
        return f"{len(self.faults)} faults:" + "".join(f"\n  {fault}" for fault in self.faults)


def nearest(name: str, known: list[str]) -> str:
    """``" Did you mean 'x'?"`` for the known name closest to ``name``, or an empty string."""
    from difflib import get_close_matches

    found = get_close_matches(name, known, n=1, cutoff=0.5)
    return f" Did you mean '{found[0]}'?" if found else ""


def not_there(key: str, path: str) -> str:
    """A message about a key of the configuration whose file or folder does not exist."""
    place = Path(path)
    where = "" if place.is_absolute() else f" (relative to {Path.cwd()})"
    beside = [p.name for p in place.parent.iterdir()] if place.parent.is_dir() else []
    return f"'{key}' is '{path}', which does not exist{where}.{nearest(place.name, beside)}"
