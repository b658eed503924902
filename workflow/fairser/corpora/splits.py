"""The biased splits: train and development follow the corpus' demographic trend, test does not.

For each class the whole corpus says which group of the attribute is *dominant*. Train and
development keep every clip of the dominant group and, for each other group,
floor(dominant / ratio) clips drawn at random; clips without a majority class leave them. Test
keeps all clips (Interspeech 2025, section 4.2; Tables A3 and A4 with gender and ratio 20).
"""

from fractions import Fraction
from math import floor

import numpy as np
import polars as pl

from fairser.core.errors import InputError, nearest
from fairser.corpora.clips import SPLITS, ClipTable

DEFAULT_ATTRIBUTE = "gender"  # which a corpus may lack where nothing needs it


def check_attribute(table: ClipTable, attribute: str, needed: bool) -> None:
    """Refuse a ``bias.attribute`` that the corpus does not have.

    The default one is refused only where something needs it: many corpora have no genders.
    """
    if attribute in table.attributes or (attribute == DEFAULT_ATTRIBUTE and not needed):
        return
    known = list(table.attributes)
    if known:
        advice = f"It has: {', '.join(known)}. Name one of these"
    else:
        advice = "It has no demographics. Add some"
    unbiased = ", or set 'bias.ratio' to null to leave the splits as they are" if needed else ""
    raise InputError(
        f"'bias.attribute' is '{attribute}', which the corpus does not have."
        f"{nearest(attribute, known)} {advice}{unbiased}."
    )


def dominant_groups(table: ClipTable, attribute: str) -> dict[str, str]:
    """The group with the most majority-class clips of each class, over the whole corpus.

    Ties go to the group whose name comes first. Classes without a clip are left out.
    """
    counts = (
        table.clips()
        .drop_nulls(["majority", attribute])
        .group_by("majority", attribute)
        .len()
        .sort("len", attribute, descending=[True, False])
        .unique("majority", keep="first", maintain_order=True)
    )
    groups = dict(counts.select("majority", attribute).iter_rows())
    return {name: groups[name] for name in table.classes if name in groups}


def bias_fold(
    table: ClipTable, fold: int, attribute: str, ratio: float | None, seed: int
) -> ClipTable:
    """The clip table of one fold with biased train and development splits.

    Args:
        table: of the whole corpus.
        fold: one of its folds.
        attribute: demographic column that is biased.
        ratio: clips of the dominant group for each clip of another; None keeps all clips that
            have a majority class.
        seed: of the draw; the cells (split, class, group) draw independently of each other.
    """
    check_attribute(table, attribute, ratio is not None)
    part = table.fold(fold)
    labelled = part.frame.filter(pl.col("majority").is_not_null() & (pl.col("split") != "test"))
    frames = [part.frame.filter(split="test")]
    if ratio is None:
        frames.append(labelled)
    else:
        dominant = dominant_groups(table, attribute)
        for place, split in enumerate(SPLITS[:2]):
            for number, name in enumerate(table.classes):
                if name in dominant:  # a group of its clips is known
                    cell = labelled.filter(split=split, majority=name)
                    stream = [seed, fold, place, number]
                    frames += _bias_cell(cell, attribute, dominant[name], ratio, stream)
    biased = pl.concat(frames).sort("split", "clip")
    for split in SPLITS[:2]:
        if not (biased["split"] == split).any():
            raise InputError(
                f"Fold {fold}: no clip is left in {split} after biasing '{attribute}' at ratio "
                f"{ratio}. Lower 'bias.ratio' or set it to null."
            )
    return part.replace(biased)


def _bias_cell(
    cell: pl.DataFrame, attribute: str, dominant: str, ratio: float, stream: list[int]
) -> list[pl.DataFrame]:
    """Clips to keep of one split and class; those of unknown group are left out."""
    leading = cell.filter(pl.col(attribute) == dominant).height
    quota = floor(leading / Fraction(str(ratio)))  # the ratio as it is written
    frames = []
    for number, group in enumerate(cell[attribute].drop_nulls().unique().sort()):
        clips = cell.filter(pl.col(attribute) == group).sort("clip")
        if group != dominant:
            generator = np.random.default_rng([*stream, number])
            drawn = generator.choice(clips.height, min(quota, clips.height), replace=False)
            clips = clips[np.sort(drawn)]
        frames.append(clips)
    return frames
