"""Reads files of Python code, and keeps what it found beside Python's bytecode.

To parse all files of the package takes a second, and every job would do it.
"""

import atexit
import json
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from fairser.core.errors import InputError
from fairser.core.files import write_json


class SourceReader:
    """What is found in a file is kept as long as the file has the same time and size.

    Args:
        name: of what is found, in the name of the file that keeps it.
        read: gives it. What JSON can't hold as it is, such as a tuple, is not kept.
    """

    def __init__(self, name: str, read: Callable[[Path], Any]) -> None:
        self.name, self.read = name, read
        self.kept: dict[Path, dict[str, list[Any]]] = {}  # time and size, what is found: by file

    def __call__(self, file: Path, package: Path) -> Any:
        """What is found in a file, which callers must not change.

        Args:
            file: of Python code, below the package or not.
            package: folder of the package; its ``__pycache__`` keeps what is found.

        Raises:
            Exception: what ``read`` raises, each time.
        """
        known, status = self._known(package), file.stat()
        name, state = os.path.relpath(file, package), [status.st_mtime_ns, status.st_size]
        if known.get(name, [None])[0] == state:
            return known[name][1]
        found = self.read(file)
        with suppress(TypeError):
            if json.loads(json.dumps(found)) == found:
                known[name] = [state, found]
        return found

    def _known(self, package: Path) -> dict[str, list[Any]]:
        if package in self.kept:
            return self.kept[package]
        file = package / "__pycache__" / f"{self.name}.{sys.implementation.cache_tag}.json"
        readers = (__file__, sys.modules[self.read.__module__].__file__ or __file__)
        times = [Path(reader).stat().st_mtime_ns for reader in readers]
        try:
            kept = json.loads(file.read_text(encoding="utf-8"))
            known = kept["files"] if kept["readers"] == times else {}
        except (OSError, ValueError, KeyError, TypeError):
            known = {}
        before = dict(known)
        self.kept[package] = known

        def keep() -> None:
            if known != before and file.parent.is_dir() and not sys.dont_write_bytecode:
                files = {name: known[name] for name in known if (package / name).is_file()}
                with suppress(InputError, OSError):  # the package may be another user's
                    write_json(file, {"readers": times, "files": files})

        atexit.register(keep)
        return known
