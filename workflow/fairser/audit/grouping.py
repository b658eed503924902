"""Groups of speakers or clips: attributes, their crossings, and what is drawn in a resample."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fairser.audit import files
from fairser.audit.decisions import SHOWN, Decisions
from fairser.audit.inputs import AuditInput
from fairser.audit.wording import CROSS
from fairser.core.errors import InputError, nearest
from fairser.core.words import counted
from fairser.corpora.clips import clip_names
from fairser.corpora.demographics import RESERVED, attribute_name, order_groups, tidy

MOST_GROUPS = 20  # of an attribute: more are no groups but names or measurements
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
    """What is drawn in a resample: the speakers or, without a column of speakers, the clips.

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


def read_groups(
    decisions: Decisions, given: AuditInput
) -> tuple[list[Attribute], Units, list[str]]:
    """The attributes to compare, the units of resampling, and notes on what was left out.

    Raises:
        InputError: an attribute that does not exist, has one group or too many; a groups file
            that contradicts itself or fits no clip.
    """
    clips = decisions.clips
    used = [name for name in clips.columns if given.may_be_attribute(name)]
    speaker = [files.text("speaker")] if "speaker" in clips.columns else []
    clips, names = _attributes(
        clips.select("clip", *speaker, *used, "row"), used, given.predictions[0]
    )
    notes: list[str] = []
    chosen = names
    if given.groups:
        hint = nearest("speaker", [name for name in decisions.clips.columns if name != "row"])
        clips, chosen, notes = _join(clips, given.groups, decisions.classes, hint)
        names = list(dict.fromkeys([*names, *chosen]))
    for name in given.wanted:
        if name not in names:
            raise InputError(
                f"There is no attribute '{name}'.{nearest(name, names)} The attributes are: "
                f"{files.listed(names) or 'none'}. {WAY_OUT}"
            )
    units = _units(clips)
    values = {name: clips[name] for name in given.attributes or chosen}
    for parts in given.crossings:
        crossed = pl.concat_str(parts, separator=CROSS, ignore_nulls=False)
        values[CROSS.join(parts)] = clips.select(crossed).to_series()
    attributes = []
    for name, column in values.items():
        small = _small(column, units, given.smallest)
        if small:
            few = f"fewer than {given.smallest} {units.name}"
            notes.append(f"{name}: left out {files.listed(small)} with {few}.")
        try:
            attributes.append(_grouped(name, column.replace(dict.fromkeys(small))))
        except InputError as error:
            if given.attributes or CROSS in name:
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
    frame = tidy(frame.with_columns(files.text(name) for name in names), names)
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
            f"'{groups[key][0]}'. Use the same names in both."
        )
    notes = []
    if who:
        named = files.listed(who, SHOWN)
        notes = [f"{path} has no row for {counted(len(who), key)} ({named}): no group is known."]
    clips = clips.drop(names, strict=False)
    joined = clips.join(groups.drop("row"), on=key, how="left", maintain_order="left")
    return joined, names, notes


def _small(values: pl.Series, units: Units, smallest: int) -> list[str]:
    """The groups with fewer units than ``smallest``."""
    frame = pl.DataFrame({"group": values, "unit": units.index}).drop_nulls()
    sizes = frame.group_by("group").agg(pl.col("unit").n_unique()).sort("group")
    return sizes.filter(pl.col("unit") < smallest)["group"].to_list()


def _grouped(name: str, values: pl.Series) -> Attribute:
    groups = order_groups(name, values.drop_nulls().unique().to_list())
    if len(groups) < 2:
        found = f"one group only ('{groups[0]}')" if groups else "no known value"
        raise InputError(f"attribute '{name}' has {found}; a comparison needs two groups.")
    if len(groups) > MOST_GROUPS:
        raise InputError(
            f"attribute '{name}' has {len(groups)} values; at most {MOST_GROUPS} groups can be "
            "compared. Put ranges or categories into the column."
        )
    index = values.replace_strict(groups, range(len(groups)), default=-1, return_dtype=pl.Int64)
    return Attribute(name, tuple(groups), index.to_numpy())


def _units(clips: pl.DataFrame) -> Units:
    if "speaker" not in clips.columns:
        return Units(np.arange(clips.height), clips.height, speakers=False)
    files.refuse(
        clips.filter(pl.col("speaker").fill_null("") == ""),
        "clip '{clip}' has no speaker; give every clip one, or leave the column out.",
    )
    names = clips["speaker"].unique().sort()
    index = clips["speaker"].replace_strict(names, range(len(names)), return_dtype=pl.Int64)
    return Units(index.to_numpy(), len(names), speakers=True)
