"""A first manifest from the names of audio files."""

import re
from pathlib import Path

import polars as pl

from fairser.core.errors import InputError
from fairser.corpora.names import AUDIO_SUFFIXES


def draft_manifest(folder: str | Path, pattern: str | None = None) -> str:
    """A manifest (csv) of the audio files below a folder; unknown values are empty.

    The named groups of ``pattern`` become columns. It is a regular expression that is searched in
    the name of each file or, if it has a ``/``, in its path below the folder. Without one, the
    first folder of a path is the speaker.
    """
    root = Path(folder)
    paths = [path.relative_to(root) for path in root.rglob("*") if path.is_file()]
    files = sorted(str(p) for p in paths if p.suffix.lower() in AUDIO_SUFFIXES)
    if foreign := [file for file in files if file.encode("utf-8", "replace").decode() != file]:
        raise InputError(
            f"{folder}: the name {foreign[0]!a} is not in UTF-8, as a manifest is; rename it."
        )
    if not files:
        raise InputError(
            f"{folder}: no audio files in it or below; known are {', '.join(AUDIO_SUFFIXES)}."
        )
    try:
        expression = re.compile(r"^(?P<speaker>[^/]+)/" if pattern is None else pattern)
    except re.error as error:
        raise InputError(f"--pattern '{pattern}' is not a regular expression: {error}.") from None
    if "file" in expression.groupindex:
        raise InputError(
            f"--pattern '{pattern}': its group 'file' would replace the column of the files; give "
            "it another name."
        )
    columns = dict.fromkeys(["file", "speaker", *expression.groupindex, "emotion"], pl.String)
    rows = []
    for file in files:
        whole = "/" in expression.pattern
        match = expression.search(file if whole else Path(file).name)
        if not match and pattern is not None:
            hint = "" if whole or "/" not in file else ", or put a '/' into it to match paths"
            raise InputError(f"--pattern '{pattern}' does not match '{file}'; fix it{hint}.")
        named = match.groupdict() if match else {}
        rows.append({"file": file, **{name: text or None for name, text in named.items()}})
    return pl.DataFrame(rows, columns).write_csv()
