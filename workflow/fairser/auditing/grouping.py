"""Groups of speakers or clips: attributes, their crossings, and what is drawn in a resample."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fairser.auditing.decisions import SHOWN, Decisions
from fairser.auditing.inputs import AuditInput, is_free
from fairser.auditing.matching import with_names_of
from fairser.auditing.reading import Source, listed, one_row_each, read_tables
from fairser.auditing.wording import CROSS
from fairser.core.errors import InputError, nearest
from fairser.core.table_files import require_columns
from fairser.core.words import counted
from fairser.corpora.demographics import (
    UNKNOWN_SPEAKER,
    attribute_name,
    is_known,
    order_groups,
    tidy,
)
from fairser.corpora.people import alike

MOST_GROUPS = 20  # of an attribute: more are no groups but names or measurements
WAY_OUT = (
    "Name a file with a column 'speaker' or 'clip' and a column per attribute by --groups, or "
    "columns of the predictions by --attributes."
)


@dataclass(frozen=True)
class Attribute:
    """Groups by one attribute or crossing, such as ``gender x race``.

    ``index`` has the number of each clip's group [N], -1 where it is unknown.
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

    ``index`` has the number of each clip's unit [N]; speakers are numbered by name. ``known`` says
    which units [S] count as people: clips without a speaker may be of anyone.
    """

    index: NDArray[np.int64]
    count: int
    speakers: bool
    known: NDArray[np.bool_]

    @property
    def name(self) -> str:
        return "speakers" if self.speakers else "clips"


def read_groups(
    decisions: Decisions, given: AuditInput
) -> tuple[list[Attribute], Units, list[str]]:
    """The attributes to compare, the units of resampling, and notes on what was left out."""
    notes: list[str] = []
    clips = decisions.clips
    used = [name for name in clips.columns if given.may_be_attribute(name)]
    keys = [name for name in ("clip", "speaker", "row") if name in clips.columns]
    clips, names = _attributes(clips.select(*keys, *used), used, given.predictions[0])
    chosen = names
    if given.groups:
        groups = read_tables([given.groups], given.columns)
        clips, chosen = _join(clips, groups, given.groups, decisions, notes)
        names = list(dict.fromkeys([*names, *chosen]))
    for name in given.wanted:
        if name not in names:
            raise InputError(
                f"There is no attribute '{name}'.{nearest(name, names)} The attributes are: "
                f"{listed(names) or 'none'}. {WAY_OUT}"
            )
    units = drawn_units(clips, notes)
    values = {name: clips[name] for name in given.attributes or chosen}
    for parts in given.crossings:
        crossed = pl.concat_str(parts, separator=CROSS, ignore_nulls=False)
        values[CROSS.join(parts)] = clips.select(crossed).to_series()
    attributes = []
    for name, column in values.items():
        frame = pl.DataFrame({"group": column, "unit": units.index}).drop_nulls()
        sizes = frame.group_by("group").agg(pl.col("unit").n_unique()).sort("group")
        small = sizes.filter(pl.col("unit") < given.smallest)["group"].to_list()
        if small:
            few = f"fewer than {given.smallest} {units.name}"
            notes.append(f"{name}: left out {listed(small)} with {few}.")
        try:
            attributes.append(grouped(name, column.replace(dict.fromkeys(small))))
        except InputError as error:
            if given.attributes or CROSS in name:
                raise
            notes.append(f"Left out: {error}")
    if not attributes:
        raise InputError(" ".join(["No attribute to compare groups by.", *notes, WAY_OUT]))
    return attributes, units, notes


def _attributes(
    frame: pl.DataFrame, columns: list[str], path: Source
) -> tuple[pl.DataFrame, list[str]]:
    """Columns under the names of attributes, their values in the form of the clip table."""
    names = {column: attribute_name(column) for column in columns}
    for name in names.values():
        same = [column for column in frame.columns if attribute_name(column) == name]
        if len(same) > 1:
            raise InputError(
                f"{path}, row 1: the columns {listed(same)} mean the same ('{name}'); leave one "
                "of them out."
            )
    frame = frame.with_columns(pl.col(columns).cast(pl.String)).rename(names)
    return tidy(frame, list(names.values())), list(names.values())


def _join(
    clips: pl.DataFrame, groups: pl.DataFrame, path: Source, decisions: Decisions, notes: list[str]
) -> tuple[pl.DataFrame, list[str]]:
    """Clips with the attributes of a groups file, and the names of these attributes."""
    key = "clip" if "clip" in groups.columns else "speaker"
    why = "which says whose attributes a row has (nor 'clip')"
    require_columns(str(path), groups.columns, [key], why)
    if key not in clips.columns:
        hint = nearest("speaker", [name for name in decisions.clips.columns if name != "row"])
        raise InputError(
            f"{path} has attributes by speaker, but neither predictions nor labels have a column "
            f"'speaker'.{hint} Add it, or give attributes by clip."
        )
    if key == "clip":
        groups = with_names_of(clips["clip"], groups, path, notes)
    columns = [n for n in groups.columns if is_free(n) and n not in decisions.classes]
    new = "speaker" in groups.columns and "speaker" not in clips.columns
    keys = [key, "speaker"] if new else [key]
    groups, names = _attributes(groups.select(*keys, *columns, "row"), columns, path)
    groups = one_row_each(groups.select(*keys, *names, "row"), key)
    lost = clips.join(groups, on=key, how="anti", maintain_order="left")
    who = lost[key].unique(maintain_order=True)
    if lost.height == clips.height:
        raise InputError(
            f"{path}: no row for any {key} of the predictions, such as '{who[0]}'; the file has "
            f"'{groups[key][0]}'. Use the same names in both."
        )
    if len(who):
        which = f"{counted(len(who), key)} ({listed(who, SHOWN)})"
        notes.append(f"{path} has no row for {which}: no group is known.")
    clips = clips.drop(names, strict=False)
    return clips.join(groups.drop("row"), on=key, how="left", maintain_order="left"), names


def grouped(name: str, values: pl.Series) -> Attribute:
    """The attribute whose groups are the values of a text column; null is unknown.

    Raises:
        InputError: it has fewer than two groups, or more than :data:`MOST_GROUPS`.
    """
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


def drawn_units(clips: pl.DataFrame, notes: list[str]) -> Units:
    """What is drawn: the speakers of clips, or clips; what was assumed is added to the notes.

    A clip whose speaker nobody knows is drawn alone. ``clips`` has the columns ``clip`` and, if
    anything is known of them, ``speaker``.
    """
    clip = np.arange(clips.height)
    alone = Units(clip, clips.height, speakers=False, known=clip >= 0)
    if "speaker" not in clips.columns:
        return alone
    known = is_known(pl.col("speaker"))
    named = pl.when(known).then("speaker").otherwise(pl.lit(UNKNOWN_SPEAKER) + pl.col("clip"))
    speaker = clips.select(named.alias("speaker")).to_series()
    names = speaker.unique().sort()
    nobody = names.str.starts_with(UNKNOWN_SPEAKER)
    if nobody.all():
        return alone
    if nobody.any():
        notes.append(
            f"{counted(int(nobody.sum()), 'clip')} without a known speaker: each is drawn alone, "
            "and none counts as a speaker."
        )
    if pairs := alike(names.filter(~nobody)):
        shown = listed([f"'{one}' and '{other}'" for one, other in pairs], SHOWN)
        notes.append(
            f"Speakers whose names differ only in case, spaces or leading zeros count as different "
            f"people: {shown}. If they are the same, give each one name."
        )
    index = speaker.rank("dense").cast(pl.Int64).to_numpy() - 1
    return Units(index, len(names), speakers=True, known=~nobody.to_numpy())
