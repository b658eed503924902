"""The groups of a fold from all sources in one job: equal files, made only where missing."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from fairser.config.extensions import extension
from fairser.core.errors import InputError
from fairser.core.files import read_json
from fairser.groups import early, together
from fairser.groups.together import GroupJob, write_all_groups, write_groups
from unit.groups.builders import TRAINING, biased_fold

# With settings that fit a small fold.
SOURCES = {
    "annotated": {"attributes": ["gender"]},
    "errors": {},
    "eiil": {},
    "george": {},
    "bpa": {"clusters": 2},
}


@pytest.fixture
def jobs(tmp_path: Path) -> list[GroupJob]:
    fold = biased_fold(tmp_path, "errors", 120)
    split = tmp_path / "split.parquet"
    fold.table.write(split)
    made = []
    for source in SOURCES:
        settings = extension("SOURCE", source).defaults()
        settings |= {"annotated": {"attributes": ["gender"]}, "bpa": {"clusters": 2}}.get(
            source, {}
        )
        given = dict(fold.files) if source != "annotated" else {}
        cell = {"source": source, "k": "1", "fold": "1"}
        training = {} if source == "annotated" else {"train": TRAINING}
        made.append(
            GroupJob(cell, given | {"split": str(split)}, {"settings": settings, **training}, "a")
        )
    return made


@pytest.fixture
def inferred(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The sources whose groups are inferred."""
    sources: list[str] = []
    infer = together.find_groups

    def counted(source: str, fold: together.Fold) -> pl.DataFrame:
        sources.append(source)
        return infer(source, fold)

    monkeypatch.setattr(together, "find_groups", counted)
    return sources


def run(jobs: Sequence[GroupJob], folder: Path) -> list[tuple[bytes, bytes]]:
    """The groups and the record of each job, all made by one."""
    write_all_groups(jobs, folder / "kept", folder)
    places = [folder / "groups/{source}/k{k}/fold{fold}".format(**job.cell) for job in jobs]
    ends = (".parquet", ".json")
    return [tuple(place.with_suffix(end).read_bytes() for end in ends) for place in places]


def test_files_are_those_of_a_job_for_each_source(
    jobs: list[GroupJob], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Although sources share a model that is trained for as many epochs."""
    trained: list[int] = []

    class Counted(early.Trainer):
        def fit(self, *given: object, **others: bool) -> object:
            trained.append(self.options.epochs)
            return super().fit(*given, **others)

    monkeypatch.setattr(early, "Trainer", Counted)
    found = run(jobs, tmp_path / "results")
    assert trained == [5, 20]
    for job, files in zip(jobs, found, strict=True):
        paths = [tmp_path / "alone.parquet", tmp_path / "alone.json"]
        write_groups(job, paths)
        assert tuple(path.read_bytes() for path in paths) == files
    assert trained == [5, 20, 5, 5, 20, 20]
    record = read_json(tmp_path / "alone.json")
    assert (record["source"], record["k"], record["fold"], record["faults"]) == ("bpa", 1, 1, [])
    assert record["quality"]["train"]["attributes"]["gender"]["clips"] == 120


def test_only_what_is_new_or_has_changed_is_inferred(
    jobs: list[GroupJob], tmp_path: Path, inferred: list[str]
) -> None:
    """Snakemake removes what the job made before it runs again."""
    before = run(jobs[:3], tmp_path)
    for file in tmp_path.glob("groups/**/fold1.*"):
        file.unlink()
    inferred.clear()
    assert run(jobs, tmp_path)[:3] == before
    assert inferred == ["george", "bpa"]
    inferred.clear()
    other = replace(jobs[1], settings=jobs[1].settings | {"settings": {"epochs": 3}})
    assert run([jobs[0], other, replace(jobs[2], code="b")], tmp_path)[0] == before[0]
    assert inferred == ["errors", "eiil"]


def test_a_source_that_fails_is_tried_again(
    jobs: list[GroupJob], tmp_path: Path, inferred: list[str]
) -> None:
    bad = replace(jobs[0], settings={"settings": {"attributes": ["gendre"]}})
    run([bad, jobs[1]], tmp_path)
    place = tmp_path / "groups/annotated/k1/fold1"
    assert "'gendre'" in read_json(place.with_suffix(".json"))["faults"][0]
    assert pl.read_parquet(place.with_suffix(".parquet"))["group"].null_count() == 240
    inferred.clear()
    run([bad, jobs[1]], tmp_path)
    assert inferred == ["annotated"]
    with pytest.raises(InputError, match="'gendre'"):
        write_groups(bad, [tmp_path / "a.parquet", tmp_path / "a.json"])
    assert not (tmp_path / "a.parquet").exists()
