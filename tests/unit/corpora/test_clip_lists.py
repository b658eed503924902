"""The list of clips that all results folders share."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from fairser.corpora.clip_lists import check_list, read_list, write_list
from unit.builders import clip_table
from unit.corpora.builders import assert_refused


def test_a_clip_is_listed_once_with_its_file(tmp_path: Path) -> None:
    """Whatever the number of folds."""
    table = clip_table(np.eye(3), ["train", "development", "test"])
    folds = pl.concat([table.frame, table.frame.with_columns(fold=pl.lit(2, pl.Int64))])
    write_list(table.replace(folds), tmp_path / "clips.csv")
    listed = read_list(tmp_path / "clips.csv")
    assert listed.columns == ["clip", "file"]
    assert listed["clip"].to_list() == sorted(set(table.frame["clip"]))
    check_list(table, tmp_path / "clips.csv")


@pytest.mark.parametrize("change", ["lost", "added", "moved"])
def test_other_clips_than_those_of_the_list_are_refused(change: str, tmp_path: Path) -> None:
    table = clip_table(np.eye(3), ["train", "development", "test"])
    write_list(table, tmp_path / "clips.csv")
    clip = table.frame["clip"].max()
    other = table.frame.filter(pl.col("clip") == clip)
    changed = {
        "lost": table.frame.filter(pl.col("clip") != clip),
        "added": pl.concat([table.frame, other.with_columns(clip=pl.lit(f"{clip}x"))]),
        "moved": table.frame.with_columns(
            file=pl.when(pl.col("clip") == clip).then(pl.lit("x.wav")).otherwise("file")
        ),
    }[change]
    name = f"{clip}x" if change == "added" else clip
    told = ("clips.csv: the features", f"other clips or files: {name}. All")
    assert_refused(told, check_list, table.replace(changed), tmp_path / "clips.csv")
