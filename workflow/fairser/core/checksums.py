"""Records of what was made, with the SHA-256 of the files beside them and of their own content.

A record is a JSON object. Its key ``sha256`` holds ``files``, the digests by name, and ``record``,
that of all other content. Who reads a number from a run checks it, so that a file that was cut,
replaced or edited later is an error and no other result.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from fairser.core.errors import damaged
from fairser.core.files import read_json, sha256, sha256_text, write_json

KEY = "sha256"


def write_record(path: str | Path, record: Mapping[str, Any], files: Iterable[str | Path]) -> None:
    """Write a record and the digests of files in its folder.

    Digests that the record has already, of another record's files, are kept.
    """
    digests = dict(record.get(KEY, {}).get("files", {}))
    digests |= {Path(file).name: sha256(file) for file in files}
    written = {**record, KEY: {"files": digests}}
    written[KEY]["record"] = _digest(written)
    write_json(path, written)


def read_record(path: str | Path) -> dict[str, Any]:
    """A record as it was written.

    Raises:
        InputError: its content has changed, or it has no digests.
    """
    record = read_json(path)
    try:
        known = record[KEY]["record"], dict(record[KEY]["files"])
    except (KeyError, TypeError, ValueError):
        raise damaged(path, "a record without checksums, as older versions wrote it") from None
    if known[0] != _digest(record):
        raise damaged(path, "its content is not what its checksum was made of")
    return record


def check_files(path: str | Path, record: Mapping[str, Any], names: Iterable[str] = ()) -> None:
    """Refuse files that are not those of a record.

    Args:
        path: of the record.
        record: its content, of :func:`read_record`.
        names: of the files to check; all that the record has, if there are none.

    Raises:
        InputError: the first file that is missing or has another content.
    """
    digests = record[KEY]["files"]
    for name in names or digests:
        file = Path(path).with_name(name)
        if name not in digests:
            raise damaged(path, f"no checksum of {name}")
        if not file.is_file():
            raise damaged(path, f"{name} beside it is missing")
        if sha256(file) != digests[name]:
            raise damaged(file, f"its SHA-256 is not the one in {Path(path).name}")


def _digest(record: Mapping[str, Any]) -> str:
    """SHA-256 of the content of a record, without its own digest."""
    content = {**record, KEY: {"files": record[KEY]["files"]}}
    return sha256_text(json.dumps(content, sort_keys=True))
