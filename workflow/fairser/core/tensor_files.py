"""The header of a safetensors file, which may be anyone's."""

import json
from pathlib import Path
from typing import Any


def read_header(path: str | Path) -> tuple[dict[str, Any], int]:
    """What a safetensors file says of its tensors, and where their values start.

    Raises:
        ValueError: it is no header.
    """
    with Path(path).open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > Path(path).stat().st_size - 8:
            raise ValueError("the header is longer than the file")
        try:
            header = json.loads(file.read(length), object_pairs_hook=_once)
        except RecursionError as error:
            raise ValueError("the header is nested too deeply") from error
    if not isinstance(header, dict):
        raise ValueError("the header is no JSON object")
    return header, 8 + length


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON, of whose keys Python would take the last one of several."""
    names = [name for name, _ in pairs]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ValueError(f"'{twice}' is there twice")
    return dict(pairs)
