"""Groups of speakers or clips: attributes, their crossings, and what is drawn in a resample."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fairser.audit import files
from fairser.audit.decisions import Decisions
from fairser.audit.sources import Sources
from fairser.core.errors import InputError, nearest
from fairser.corpora.clips import clip_names
from fairser.corpora.demographics import RESERVED, attribute_name, order_groups, tidy

MOST_GROUPS = 20  # of an attribute: more are no groups but names or measurements
CROSS = " x "  # between the parts of a crossing, as in the groups of training
WAY_OUT = (
    "Name a file with a column 'speaker' or 'clip' and a column per attribute by --groups, or "
    "columns of the predictions by --attributes."
)


@dataclass(frozen=True)
class Attribute:
    """Groups by one attribute or crossing.

    Attributes:
        name: such as ``gender`` or ``gender x race``.
        groups: names of the G groups.
        index: number of each clip's group [N], -1 where it is unknown.
    """

    name: str
    groups: tuple[str, ...]
    index: NDArray[np.int64]

    @property
    def unknown(self) -> int:
        """Clips without a group."""
        return int((self.index < 0).sum())


@dataclass(frozen=True)
class Units:
    """What is drawn in a resample: the speakers or, where nobody knows them, the clips.

    Attributes:
        index: number of each clip's unit [N]; speakers are numbered by name.
        count: S, their number.
        speakers: whether they are speakers.
    """

    index: NDArray[np.int64]
    count: int
    speakers: bool

    @property
    def name(self) -> str:
        return "speakers" if self.speakers else "clips"


def read_groups(decisions: Decisions, sources: Sources) -> tuple[list[Attribute], Units, list[str]]:
    """The attributes to compare, the units of resampling, and notes on what was left out.

    Raises:
        InputError: an attribute that does not exist, has one group or too many; a groups file
            that contradicts itself or fits no clip.
    """
    clips = decisions.clips
    used = [name for name in clips.columns if sources.may_be_attribute(name)]
    own = clips.select("clip", *(n for n in ("speaker",) if n in clips.columns), *used, "row")
    if "speaker" in own.columns:
        own = own.with_columns(files.text("speaker"))
    own, names = _attributes(own, used, sources.predictions[0])
    notes: list[str] = []
    chosen = list(sources.attributes) or names
    if sources.groups:
        hint = nearest("speaker", [name for name in clips.columns if name != "row"])
        own, given, notes = _join(own, sources.groups, decisions.classes, hint)
        chosen = list(sources.attributes) or given
        names = list(dict.fromkeys([*names, *given]))
    for name in sources.wanted:
        if name not in names:
            there = files.listed(names) or "none"
            raise InputError(
                f"No attribute '{name}'.{nearest(name, names)} There are: {there}. {WAY_OUT}"
            )
    units = _units(own)
    crossed = {
        CROSS.join(parts): own.select(
            pl.concat_str(parts, separator=CROSS, ignore_nulls=False)
        ).to_series()
        for parts in sources.crossings
    }
    attributes = []
    for name, values in ({name: own[name] for name in chosen} | crossed).items():
        values, small = _without_small(name, values, units, sources.smallest)
        notes += small
        try:
            attributes.append(_grouped(name, values))
        except InputError as error:
            if sources.attributes or name in crossed:
                raise
            notes.append(f"Left out: {error}")
    if not attributes:
        raise InputError(" ".join(["No attribute to compare groups by.", *notes, WAY_OUT]))
    return attributes, units, notes


def _attributes(
    frame: pl.DataFrame, columns: Sequence[str], path: Path
) -> tuple[pl.DataFrame, list[str]]:
    """Columns under the names of attributes, their values in the form of the clip table."""
    names = [attribute_name(column) for column in columns]
    for name in names:
        same = [c for c, n in zip(columns, names, strict=True) if n == name]
        if len(same) > 1 or (name != same[0] and name in frame.columns):
            raise InputError(
                f"{path}, row 1: the columns {files.listed(same)} mean the same ('{name}'); "
                "leave one of them out."
            )
    frame = frame.rename(dict(zip(columns, names, strict=True)))
    frame = frame.with_columns(files.text(name) for name in names)
    frame = tidy(frame, names)
    return frame, names


def _join(
    clips: pl.DataFrame, path: Path, classes: Sequence[str], hint: str
) -> tuple[pl.DataFrame, list[str], list[str]]:
    """Clips with the attributes of a groups file, their names, and a note on who lacks them.

    ``hint`` names the column that may have been meant to hold the speakers.
    """
    groups = files.read_tables([path])
    key = "clip" if "clip" in groups.columns else "speaker"
    files.require(groups, key, path, "which says whose attributes a row has (nor 'clip')")
    if key not in clips.columns:
        raise InputError(
            f"{path} has attributes by speaker, but neither predictions nor labels have a column "
            f"'speaker'.{hint} Add it, or give attributes by clip."
        )
    groups = groups.with_columns(files.text(key))
    if key == "clip":
        groups = groups.with_columns(clip_names("clip"))
    taken = (*RESERVED, key, "speaker", "row", "label", "prediction", *classes)
    starts = ("label_", "prediction_")
    columns = [n for n in groups.columns if n not in taken and not n.startswith(starts)]
    speaker = ["speaker"] if "speaker" in groups.columns and "speaker" not in clips.columns else []
    groups, names = _attributes(groups.select(key, *speaker, *columns, "row"), columns, path)
    groups = files.one_row_each(groups.select(key, *speaker, *names, "row"), key)
    lost = clips.join(groups, on=key, how="anti", maintain_order="left")
    who = lost[key].unique(maintain_order=True).to_list()
    if lost.height == clips.height:
        raise InputError(
            f"{path}: no row for any {key} of the predictions, such as '{who[0]}'; the file has "
            f"'{groups[key][0]}'. Name them alike."
        )
    notes = []
    if who:
        named = files.listed(who, files.SHOWN)
        notes = [
            f"{path} has no row for {len(who):,} {key}(s) ({named}): their groups are unknown."
        ]
    clips = clips.drop(names, strict=False)
    joined = clips.join(groups.drop("row"), on=key, how="left", maintain_order="left")
    return joined, names, notes


def _without_small(
    name: str, values: pl.Series, units: Units, smallest: int
) -> tuple[pl.Series, list[str]]:
    """Null for the groups with fewer units than ``smallest``, and a note that names them."""
    frame = pl.DataFrame({"group": values, "unit": units.index}).drop_nulls()
    sizes = frame.group_by("group").agg(pl.col("unit").n_unique()).sort("group")
    small = sizes.filter(pl.col("unit") < smallest)["group"].to_list()
    if not small:
        return values, []
    note = f"{name}: {files.listed(small)} left out, with fewer than {smallest} {units.name}."
    return values.replace(dict.fromkeys(small)), [note]


def _grouped(name: str, values: pl.Series) -> Attribute:
    groups = order_groups(name, values.drop_nulls().unique().to_list())
    if not 2 <= len(groups) <= MOST_GROUPS:
        number = f"{len(groups)} values" if groups else "no known value"
        number = f"one group only ('{groups[0]}')" if len(groups) == 1 else number
        mend = f"two to {MOST_GROUPS} groups can be compared."
        if len(groups) > MOST_GROUPS:
            mend += " Put ranges or kinds into the column."
        raise InputError(f"the attribute '{name}' has {number} among the clips; {mend}")
    index = values.replace_strict(groups, range(len(groups)), default=-1, return_dtype=pl.Int64)
    return Attribute(name, tuple(groups), index.to_numpy())


def _units(clips: pl.DataFrame) -> Units:
    if "speaker" not in clips.columns:
        return Units(np.arange(clips.height), clips.height, speakers=False)
    empty = clips.filter(pl.col("speaker").fill_null("") == "")
    if empty.height:
        raise InputError(
            f"{empty['row'][0]}: clip '{empty['clip'][0]}' has no speaker ({empty.height} clip(s) "
            "are like this); give every clip one, or leave the column out."
        )
    names = clips["speaker"].unique().sort()
    index = clips["speaker"].replace_strict(names, range(len(names)), return_dtype=pl.Int64)
    return Units(index.to_numpy(), len(names), speakers=True)
