"""The same clips in two files that name them by different paths."""

import polars as pl

from fairser.auditing.reading import Source
from fairser.core.errors import InputError
from fairser.corpora.clips import clip_names


def with_names_of(
    clips: pl.Series, frame: pl.DataFrame, path: Source, notes: list[str]
) -> pl.DataFrame:
    """The rows of a file under the names that ``clips`` have, as far as they are the same clips.

    Names are compared whole and then, if none is the same, without their first folders: as few as
    possible, down to the file name. A column ``file`` counts like ``clip``.

    Raises:
        InputError: two clips have the same name without these folders.
    """
    ours = clips.unique(maintain_order=True)
    given = [frame["clip"]]
    if "file" in frame.columns:
        given.append(frame.select(clip_names("file")).to_series())
    depth = max(int(_folders(names).list.len().max()) for names in (ours, *given))  # type: ignore[arg-type]
    for parts in range(depth, 0, -1):
        for names in given:
            pairs = _pairs(ours, names.unique(maintain_order=True), parts)
            if pairs.height:
                _check_pairs(pairs, path)
                own = names.replace(pairs["theirs"], pairs["ours"])
                first = pairs.filter(pl.col("ours") != pl.col("theirs")).head(1)
                for one, other in first.iter_rows():
                    notes.append(
                        f"{path} has other paths: clips are matched by the end of their names, "
                        f"such as '{other}' as '{one}'."
                    )
                return frame.with_columns(own.alias("clip"))
    return frame


def _folders(names: pl.Series) -> pl.Series:
    """The parts of paths, of which Windows has other slashes."""
    return names.str.replace_all("\\", "/", literal=True).str.split("/")


def _pairs(ours: pl.Series, theirs: pl.Series, parts: int) -> pl.DataFrame:
    """Names with the same last parts: ``ours``, ``theirs``."""
    ends = [
        pl.DataFrame({name: names, "end": _folders(names).list.tail(parts).list.join("/")})
        for name, names in (("ours", ours), ("theirs", theirs))
    ]
    return ends[0].join(ends[1], on="end", maintain_order="left").select("ours", "theirs")


def _check_pairs(pairs: pl.DataFrame, path: Source) -> None:
    for side, other in (("ours", "theirs"), ("theirs", "ours")):
        for name, same in pairs.group_by(other, maintain_order=True).agg(side).iter_rows():
            if len(same) > 1:
                raise InputError(
                    f"{path}: the clips '{same[0]}' and '{same[1]}' have the same file name in "
                    f"different folders, so '{name}' can be either of them. Use the same paths of "
                    "clips in all files."
                )
