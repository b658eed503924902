"""A test goes on where it stopped, and makes anew what has changed."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import soundfile
from polars.testing import assert_frame_equal

from fairser.core.errors import InputError
from fairser.model_tests import answering, jobs, parts, running
from fairser.model_tests.answering import Answerer, Audio
from fairser.model_tests.base import CLEAN, SINGLE, Answers, Corpus
from fairser.model_tests.conditions.catalogue import choose
from fairser.model_tests.jobs import TestSettings, ask_part, gather_parts
from fairser.model_tests.models import FUNCTION, PREDICTIONS, ModelSpec
from fairser.model_tests.parts import Source
from fairser.model_tests.running import RunOptions, run

CONDITIONS = choose(["gain", "white_noise", "babble"], {})
CLIPS = 7
ASKED: list[tuple[str, str]] = []  # conditions and clips that a model was asked for
FAILS: set[str] = set()  # clips at which it fails


class FakeProcess:
    """A model that is asked in this process; its outputs are the level and the length."""

    def __init__(self, spec: ModelSpec, audio: Audio, *_: Any) -> None:
        self.answerer = Answerer(spec, audio)
        self.answerer.ask = self._ask

    def ask(self, condition: str, clips: Sequence[str]) -> Any:
        return self.answerer.answer(condition, clips)

    def _ask(self, condition: str, clips: Sequence[str], waves: Sequence[np.ndarray]) -> Any:
        for clip in clips:
            ASKED.append((condition, clip))
            if clip in FAILS:
                raise KeyboardInterrupt if "stop" in FAILS else ValueError("no")
        return [[min(1, float(np.abs(w).mean())), len(w) / 1e5] for w in waves]

    def close(self) -> None:
        pass


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Source:
    monkeypatch.setattr(running, "ModelProcess", FakeProcess)
    monkeypatch.setattr(answering, "open_model", lambda _: None)
    monkeypatch.setattr(parts, "SHARD", 3)
    ASKED.clear()
    FAILS.clear()
    folder = tmp_path / "audio"
    folder.mkdir()
    random = np.random.default_rng(0)
    names = [f"c{number}" for number in range(CLIPS)]
    for name in names:
        soundfile.write(folder / f"{name}.wav", random.normal(0, 0.1, 4000), 16_000)
    table = {
        "clip": names,
        "file": [f"{n}.wav" for n in names],
        "speaker": [f"s{n}" for n in names],
    }
    values = {"anger": [1.0] * CLIPS, "joy": [0.0] * CLIPS}
    corpus = Corpus(pl.DataFrame(table | values), ("joy", "anger"), (), SINGLE)
    spec = ModelSpec(FUNCTION, "m:f", "m:f", ("anger", "joy"), identity={"file": "0"})
    return Source(spec, corpus, str(folder))


def answers(source: Source, folder: Path, **more: Any) -> Answers:
    ASKED.clear()
    return run(source, CONDITIONS, RunOptions(folder, **more))


def test_the_answers_are_those_of_each_clip(source: Source, tmp_path: Path) -> None:
    found = answers(source, tmp_path / "out")
    assert [one.name for one in found.conditions] == ["gain", "babble", "white_noise"]
    assert [*found.tables] == [CLEAN, "gain", "babble", "white_noise"]
    assert found.failures.is_empty()
    for name, table in found.tables.items():
        assert table.columns == ["clip", "joy", "anger"]
        assert_frame_equal(table, pl.read_parquet(tmp_path / "out" / f"{name}.parquet"))
    for clip, joy, anger in found.tables[CLEAN].iter_rows():
        wave, _ = soundfile.read(Path(source.folder) / f"{clip}.wav")
        assert (joy, anger) == (4000 / 1e5, pytest.approx(np.abs(wave).mean(), rel=1e-4))
    levels = found.tables["gain"]["anger"] / found.tables[CLEAN]["anger"]
    assert set((20 * levels.log(10)).round(2)) <= {-2.0, -1.0, 1.0, 2.0}


def test_shards_and_processes_change_nothing(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = answers(source, tmp_path / "a")
    monkeypatch.setattr(parts, "SHARD", 250)
    other = answers(source, tmp_path / "b", jobs=3)
    backwards = Source(
        source.spec,
        Corpus(source.corpus.clips[::-1], source.corpus.outputs, (), SINGLE),
        source.folder,
    )
    reverse = answers(backwards, tmp_path / "c")
    for name in first.tables:
        assert_frame_equal(first.tables[name], other.tables[name], check_exact=True)
        assert_frame_equal(first.tables[name], reverse.tables[name], check_exact=True)


def test_an_interrupted_test_goes_on(source: Source, tmp_path: Path) -> None:
    whole = answers(source, tmp_path / "whole")
    FAILS.update({"c4", "stop"})
    with pytest.raises(KeyboardInterrupt):
        answers(source, tmp_path / "out")
    before = {*ASKED} - {(CLEAN, "c4")}
    assert before
    FAILS.clear()
    again = answers(source, tmp_path / "out")
    assert not {*ASKED} & before
    for name in whole.tables:
        assert_frame_equal(whole.tables[name], again.tables[name], check_exact=True)
    answers(source, tmp_path / "out")
    assert not ASKED


def test_clips_that_failed_are_asked_again(source: Source, tmp_path: Path) -> None:
    FAILS.add("c4")
    first = answers(source, tmp_path / "out")
    assert set(first.failures.rows()) == {
        (name, "c4", "ValueError: no") for name in (CLEAN, "gain", "babble", "white_noise")
    }
    assert all(table.height == CLIPS - 1 for table in first.tables.values())
    assert_frame_equal(pl.read_csv(tmp_path / "out" / "failures.csv"), first.failures)
    FAILS.clear()
    second = answers(source, tmp_path / "out")
    assert {clip for _, clip in ASKED} == {"c4"}
    assert second.failures.is_empty()


def test_what_has_changed_is_made_anew(source: Source, tmp_path: Path) -> None:
    out = tmp_path / "out"
    answers(source, out)
    os.utime(Path(source.folder) / "c0.wav", ns=(1, 1))
    answers(source, out)
    # Its shard; and all babble, which may hold the clip.
    shard = {(name, f"c{n}") for name in (CLEAN, "gain", "white_noise") for n in range(2)}
    assert {*ASKED} == shard | {("babble", f"c{n}") for n in range(CLIPS)}
    spec = ModelSpec(FUNCTION, "m:f", "m:f", ("anger", "joy"), identity={"file": "1"})
    answers(Source(spec, source.corpus, source.folder), out)
    assert len(ASKED) == CLIPS * 4


def test_a_damaged_part_is_made_anew(source: Source, tmp_path: Path) -> None:
    first = answers(source, tmp_path / "out")
    path = tmp_path / "out/parts/gain/00001.parquet"
    path.write_bytes(path.read_bytes()[:100])
    shutil.rmtree(tmp_path / "out/parts/babble")
    second = answers(source, tmp_path / "out")
    gone = {("babble", f"c{n}") for n in range(CLIPS)}
    assert {*ASKED} == gone | {("gain", f"c{n}") for n in (2, 3)}
    assert_frame_equal(first.tables["gain"], second.tables["gain"], check_exact=True)


def test_a_model_that_fails_without_a_change_is_asked_no_more(
    source: Source, tmp_path: Path
) -> None:
    FAILS.update(f"c{number}" for number in range(CLIPS))
    with pytest.raises(InputError) as error:
        answers(source, tmp_path / "out")
    assert f"none of {CLIPS} clips" in str(error.value)
    assert "ValueError: no" in str(error.value)
    assert {condition for condition, _ in ASKED} == {CLEAN}


def test_ready_predictions_of_some_conditions(source: Source, tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    rows = "".join(f"c{number},0.25,0.75\n" for number in range(CLIPS))
    (own / "clean.csv").write_text(f"clip,anger,joy\n{rows}")
    pl.read_csv(own / "clean.csv")[1:].write_parquet(own / "gain.parquet")
    spec = ModelSpec(PREDICTIONS, str(own), "own", ("anger", "joy"))
    found = answers(Source(spec, source.corpus, source.folder), tmp_path / "out")
    assert [one.name for one in found.conditions] == ["gain"]
    assert found.tables[CLEAN].row(0) == ("c0", 0.75, 0.25)
    assert found.failures.select("condition", "clip").rows() == [("gain", "c0")]


@pytest.mark.parametrize("shards", [2, 10])
def test_jobs_of_the_workflow_come_to_the_same(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shards: int
) -> None:
    monkeypatch.setattr(jobs, "ModelProcess", FakeProcess)
    monkeypatch.setattr(jobs, "find_model", lambda *_: source.spec)
    rows = source.corpus.clips.select("file", "speaker", pl.lit("anger").alias("emotion"))
    rows.write_csv(tmp_path / "clips.csv")
    unused = dict.fromkeys(("command", "noise", "rooms", "classes", "attributes"))
    settings = TestSettings(
        model="m:f",
        corpus=str(tmp_path / "clips.csv"),
        audio=source.folder,
        conditions=[one.name for one in CONDITIONS],
        shards=shards,
        timeout=60,
        **unused,
    )
    folder = tmp_path / "predictions"
    names = [CLEAN, *(one.name for one in CONDITIONS)]
    for name in names:
        for shard in range(shards):
            ask_part(settings, name, folder / "parts" / name / f"{shard:05d}.parquet", 1)
    tested, found = gather_parts(settings, folder)
    assert tested.corpus.outputs == ("anger", "joy")
    whole = answers(source, tmp_path / "whole")
    assert [*found.tables] == [*whole.tables] == names
    for name in names:
        expected = whole.tables[name].select("clip", "anger", "joy")
        assert_frame_equal(found.tables[name], expected, check_exact=True)
    lost = folder / "parts" / CLEAN / f"{shards - 1:05d}.parquet"
    lost.unlink()
    with pytest.raises(InputError, match=lost.name):
        gather_parts(settings, folder)
