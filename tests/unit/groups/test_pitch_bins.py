"""Groups by the pitch of the speaker: limits, unvoiced clips, and values that are no pitch."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from fairser.config.extensions import extension
from fairser.groups.base import Fold, infer_groups
from unit.builders import clip_table, write_store
from unit.corpora.builders import assert_refused

# Speaker, split and pitch of each clip.
ROWS = [
    ("a", "train", 100.0),
    ("a", "train", 190.0),  # mean 145: still low
    ("b", "train", 145.1),
    ("c", "train", 190.0),
    ("c", "train", 0.0),  # unvoiced, does not count: still middle
    ("d", "train", 0.0),  # nothing is voiced
    ("e", "development", 190.1),
    ("f", "test", 400.0),
    ("g", "test", 60.0),
]
GROUPS = ["low", "low", "middle", "middle", "middle", None, "high", "high", "low"]


def pitch_fold(folder: Path, pitches: np.ndarray, limits: list[float] | None = None) -> Fold:
    labels = np.eye(3)[np.arange(len(ROWS)) % 3]
    table = clip_table(labels, [split for _, split, _ in ROWS])
    speakers = pl.Series("speaker", [speaker for speaker, _, _ in ROWS])
    table = table.replace(table.frame.with_columns(speakers))
    files = {"features": str(folder / "pitch.safetensors"), "clips": str(folder / "clips.csv")}
    order = np.arange(len(ROWS))[::-1]  # a store has an order of its own
    clips = table.frame["clip"].gather(order).to_list()
    write_store(files["features"], files["clips"], pitches[order].astype(np.float32), clips)
    settings = extension("SOURCE", "pitch_bins").defaults()
    return Fold(table, settings=settings | ({"limits": limits} if limits else {}), files=files)


def given() -> np.ndarray:
    """Pitches [N, 1, 1]."""
    return np.array([pitch for _, _, pitch in ROWS])[:, None, None]


def test_the_mean_of_the_speaker_decides(tmp_path: Path) -> None:
    groups = infer_groups("pitch_bins", pitch_fold(tmp_path, given()))
    assert groups.columns == ["clip", "split", "group"]
    assert groups["group"].to_list() == GROUPS


def test_other_limits(tmp_path: Path) -> None:
    groups = infer_groups("pitch_bins", pitch_fold(tmp_path, given(), [50, 145]))
    found = ["middle", "middle", "high", "high", "high", None, "high", "high", "middle"]
    assert groups["group"].to_list() == found


@pytest.mark.parametrize(
    ("pitch", "limits", "told"),
    [
        (-1.0, None, ("pitch.safetensors", "'c001'", "-1.0", "Hz")),
        (np.nan, None, ("'c001'", "nan")),
        (190.0, [190, 145], ("'sources.pitch_bins.limits' is [190, 145]",)),
        (190.0, [100, 145, 190], ("'sources.pitch_bins.limits' is [100, 145, 190]",)),
        (190.0, [400, 500], ("old 1", "one group (low)", "'sources.pitch_bins.limits'")),
    ],
)
def test_bad_pitches_and_limits(
    pitch: float, limits: list[float] | None, told: tuple[str, ...], tmp_path: Path
) -> None:
    pitches = given()
    pitches[1] = pitch
    fold = pitch_fold(tmp_path, pitches, limits)
    assert_refused(told, infer_groups, "pitch_bins", fold)


def test_features_that_are_no_pitch(tmp_path: Path) -> None:
    fold = pitch_fold(tmp_path, np.ones((len(ROWS), 1, 2)))
    assert_refused(("pitch.safetensors", "1 x 2 values"), infer_groups, "pitch_bins", fold)


def test_nothing_is_voiced(tmp_path: Path) -> None:
    fold = pitch_fold(tmp_path, 0 * given())
    assert_refused(("old 1", "none has a pitch"), infer_groups, "pitch_bins", fold)
