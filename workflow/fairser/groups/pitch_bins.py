"""Groups of speakers by their pitch, with audEERING's limits for low, middle and high voices.

The pitch of a speaker is the mean of the median pitches of the speaker's clips in the split that
have a voiced frame. It needs no labels, so that clips of test have a group too.
"""

import numpy as np
import polars as pl

from fairser.core.errors import InputError
from fairser.groups.base import Fold

SOURCE = {
    "title": "pitch_bins",
    "description": "Speakers by their mean pitch: low, middle or high.",
    "order": 11,
    "marker": "*",
    "k": 3,
    "needs": "pitch",
    "settings": {
        "limits": {
            "type": "array",
            "minItems": 2,
            "uniqueItems": True,
            "items": {"type": "number", "exclusiveMinimum": 0},
            "default": [145, 190],
            "description": "Two pitches in Hz: low is up to the first, high is above the second.",
        },
    },
}
NAMES = ("low", "middle", "high")


def infer_groups(fold: Fold) -> pl.DataFrame:
    """``low``, ``middle`` or ``high``; null for a speaker without a voiced clip in the split.

    Raises:
        InputError: the limits are not two that rise, the pitch is not one finite number of at least
            0 for each clip, or all train clips are in one group.
    """
    limits = list(fold.settings["limits"])
    if len(limits) != 2 or limits[0] > limits[1]:
        raise InputError(
            f"'sources.pitch_bins.limits' is {limits}; give two pitches in Hz, the lower one first."
        )
    frame = fold.table.frame.select("clip", "split", "speaker").with_columns(
        pl.Series("pitch", _pitches(fold))
    )
    voiced = pl.col("pitch").filter(pl.col("pitch") > 0)
    mean = voiced.mean().over("split", "speaker")
    low, high = limits
    name = (
        pl.when(mean <= low)
        .then(pl.lit(NAMES[0]))
        .when(mean <= high)
        .then(pl.lit(NAMES[1]))
        .when(mean > high)
        .then(pl.lit(NAMES[2]))
    )
    groups = frame.select("clip", "split", name.alias("group"))
    found = groups.filter(split="train")["group"].drop_nulls().unique().to_list()
    if len(found) < 2:
        raise InputError(
            f"Fold {fold.number}: all train clips with a pitch are in one group "
            f"({', '.join(found) or 'none has a pitch'}). Change 'sources.pitch_bins.limits' (now "
            f"{low:g} and {high:g} Hz), or take another source."
        )
    return groups


def _pitches(fold: Fold) -> np.ndarray:
    """Pitch of each clip of the fold [N] in Hz."""
    store, clips = fold.store(), fold.table.frame["clip"]
    if store.array.shape[1:] != (1, 1):
        shape = " x ".join(map(str, store.array.shape[1:]))
        raise InputError(
            f"{fold.files['features']}: each clip has {shape} values; for the source pitch_bins it "
            "is one, the pitch in Hz."
        )
    pitches = store.read(store.rows(clips))[:, 0, 0].astype(np.float64)
    bad = np.flatnonzero(~(np.isfinite(pitches) & (pitches >= 0)))
    if len(bad):
        raise InputError(
            f"{fold.files['features']}: the pitch of clip '{clips[int(bad[0])]}' is "
            f"{pitches[bad[0]]}; write Hz, and 0 where nothing is voiced."
        )
    return pitches
