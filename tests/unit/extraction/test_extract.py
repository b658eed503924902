"""Extraction: equal to one clip at a time, resumable, and with a list of unusable clips."""

import logging
import os
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import soundfile
import torch
from safetensors.numpy import load_file

from fairser.audio.waveforms import read
from fairser.core.errors import InputError
from fairser.core.files import read_json, sha256
from fairser.encoders.base import ClipEncoder, Settings, make_encoder
from fairser.extraction import partial, shards
from fairser.extraction.encoding import BATCH_SECONDS
from fairser.extraction.extract import Shard, StoreSource, extract
from fairser.pretrained.records import Record
from unit.builders import write_noise
from unit.encoders.tiny import write_wavlm

CLIPS = {
    "a.wav": (0.3, 16000),
    "b.wav": (0.5, 22050),
    "deep/c.wav": (1.2, 16000),
    "d.wav": (0.3, 16000),
    "e.wav": (0.3, 8000),
    "f.wav": (0.7, 44100),
    "g.wav": (0.3, 16000),
    "h.wav": (0.30005, 48000),
}
FILES = [*CLIPS]
NAMES = [name.removesuffix(".wav") for name in FILES]
TABLE = pl.DataFrame({"clip": NAMES, "file": FILES})
FBANK = StoreSource({"kind": "fbank", "seconds": 1.0})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wavs")
    (folder / "deep").mkdir()
    write_noise(folder, CLIPS)
    return folder


@pytest.fixture(scope="module")
def wavlm(tmp_path_factory: pytest.TempPathFactory) -> StoreSource:
    """A tiny WavLM with the statistics of some corpus."""
    folder = write_wavlm(tmp_path_factory.mktemp("model") / "wavlm")
    files = {path.name: sha256(path) for path in sorted(folder.iterdir())}
    record = Record("x/wavlm", "main", "0123abcd", str(folder), files)
    settings = {"kind": "transformers", "seconds": 1.0, "model": "x/wavlm", "revision": "main"}
    settings |= {"precision": "float32", "store": "float32", "waveforms": "corpus"}
    return StoreSource(settings, record, folder, mean=0.01, std=0.2)


class Job:
    """A shard of the clips in a folder of its own, to be extracted once or several times."""

    def __init__(self, folder: Path, corpus: Path) -> None:
        self.corpus, self.partial = corpus, folder / "1-of-1.part"
        files = {"features": "features.safetensors", "clips": "clips.csv"}
        files |= {"faults": "faults.csv", "source": "source.json"}
        self.paths = {name: str(folder / "1-of-1" / file) for name, file in files.items()}

    def extract(
        self,
        source: StoreSource,
        clips: pl.DataFrame = TABLE,
        code: str = "code",
        before: Path | None = None,
        **more: Any,
    ) -> np.ndarray:
        """The array that the files then hold."""
        shard = Shard(clips, str(self.corpus), self.paths, self.partial, code, before)
        extract(source, shard, **{"device": "cpu", **more})
        return load_file(self.paths["features"])["features"]

    def faults(self) -> list[tuple[str, ...]]:
        frame = pl.read_csv(self.paths["faults"], infer_schema=False)
        return frame.select("clip", "reason").rows()

    def gathered(self) -> tuple[list[str], np.ndarray]:
        """Clips and features of the store that comes of it."""
        folder = Path(self.paths["features"]).parent
        whole = folder.with_name("whole")
        paths = {name: str(whole / Path(path).name) for name, path in self.paths.items()}
        shards.gather([folder], paths)
        return (
            pl.read_csv(paths["clips"])["clip"].to_list(),
            load_file(paths["features"])["features"],
        )


@pytest.fixture
def shard(tmp_path: Path, folder: Path) -> Job:
    return Job(tmp_path, folder)


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> Counter[int]:
    """How many waveforms of each length encoders are given."""
    seen: Counter[int] = Counter()
    make = StoreSource.encoder

    def encoder(self: StoreSource, device: str) -> Any:
        made = make(self, device)
        call = made.__call__

        class Counted:
            layers, dim = made.layers, made.dim

            def __call__(self, waveforms: torch.Tensor) -> torch.Tensor:
                seen[waveforms.shape[1]] += len(waveforms)
                return call(waveforms)

        return Counted()

    monkeypatch.setattr(StoreSource, "encoder", encoder)
    return seen


def one_by_one(source: StoreSource, corpus: Path) -> np.ndarray:
    """Features of each clip alone, in a plain loop."""
    settings = Settings(source.folder, "cpu", "float32", source.mean, source.std)
    encoder = make_encoder(source.settings["kind"], settings)
    rows = [encoder(read(corpus / file, 1.0)[None])[0] for file in FILES]
    return torch.stack(rows).numpy()


@pytest.mark.parametrize("threads", [1, 2])
def test_features_are_those_of_each_clip_alone(
    shard: Job, wavlm: StoreSource, folder: Path, threads: int
) -> None:
    expected = one_by_one(wavlm, folder)
    assert expected.shape == (8, 3, 32)
    found = shard.extract(wavlm, threads=threads)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * np.abs(expected).max())
    assert np.abs(expected[0] - expected[3]).max() > 0.01  # clips of one length differ
    assert pl.read_csv(shard.paths["clips"])["clip"].to_list() == NAMES
    assert shard.faults() == []
    assert not shard.partial.exists()


def test_features_of_an_encoder_without_a_model(shard: Job, folder: Path) -> None:
    np.testing.assert_array_equal(shard.extract(FBANK), one_by_one(FBANK, folder))


def test_small_batches_change_nothing_but_rounding(
    shard: Job, wavlm: StoreSource, monkeypatch: pytest.MonkeyPatch, encoded: Counter[int]
) -> None:
    together = shard.extract(wavlm)
    monkeypatch.setitem(BATCH_SECONDS, "cpu", 0.1)
    alone = shard.extract(wavlm)
    assert encoded == {4800: 8, 4801: 2, 8000: 2, 11200: 2, 16000: 2}
    np.testing.assert_allclose(alone, together, rtol=0, atol=1e-5 * np.abs(together).max())


def test_features_are_stored_in_half_the_space(shard: Job, wavlm: StoreSource) -> None:
    whole = shard.extract(wavlm)
    half = shard.extract(replace(wavlm, settings=wavlm.settings | {"store": "float16"}))
    assert half.dtype == np.float16
    np.testing.assert_array_equal(half, whole.astype(np.float16))


def test_record_of_how_a_store_was_made(shard: Job, wavlm: StoreSource) -> None:
    shard.extract(wavlm)
    record = read_json(shard.paths["source"])
    assert record["settings"] == wavlm.settings
    assert record["model"] == {
        "model": "x/wavlm",
        "revision": "main",
        "commit": "0123abcd",
        "folder": str(wavlm.folder),
        "files": dict(wavlm.model.files) if wavlm.model else {},
    }
    assert "model.safetensors" in record["model"]["files"]
    assert record["waveforms"] == {"mean": 0.01, "std": 0.2}
    assert (record["shape"], record["clips"], record["left_out"]) == ([3, 32], 8, 0)
    assert record["device"] == f"{os.uname().machine} (cpu)"
    assert record["versions"]["torch"] == torch.__version__
    assert {"seconds", "commit"} < set(record)


def test_an_empty_shard_and_those_beside_it(tmp_path: Path, folder: Path) -> None:
    """There may be more shards than clips."""
    two = TABLE[:2]
    parts = [Job(tmp_path / str(n), folder) for n in range(3)]
    for n, part in enumerate(parts):
        shard = shards.shard_clips(two, n + 1, 3)
        assert len(part.extract(FBANK, shard)) == shard.height == (0, 1, 1)[n]
    whole = Job(tmp_path / "whole", folder)
    shards.gather([Path(part.paths["clips"]).parent for part in parts], whole.paths)
    expected = Job(tmp_path / "one", folder).extract(FBANK, two)
    np.testing.assert_array_equal(load_file(whole.paths["features"])["features"], expected)


def test_an_abandoned_extraction_goes_on(
    shard: Job,
    tmp_path: Path,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    encoded: Counter[int],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Rows are written and noted without buffers, so that Ctrl-C leaves what a kill leaves."""
    monkeypatch.setattr(partial, "FLUSHED", 0)
    monkeypatch.setitem(BATCH_SECONDS, "cpu", 0.1)
    encode = ClipEncoder.__call__

    def stop(self: ClipEncoder, waveforms: torch.Tensor) -> torch.Tensor:
        if encoded.total() > 4:
            raise KeyboardInterrupt
        return encode(self, waveforms)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(ClipEncoder, "__call__", stop)
        shard.extract(FBANK)
    assert not Path(shard.paths["features"]).exists()
    encoded.clear()
    with caplog.at_level(logging.INFO, "fairser"):
        found = shard.extract(FBANK)
    assert "resumed: 4 of 8" in caplog.text
    assert encoded == {4800: 4}  # the longer ones came first and are done
    undisturbed = Job(tmp_path / "other", folder).extract(FBANK)
    np.testing.assert_array_equal(found, undisturbed)


def interrupt(shard: Job, source: StoreSource, clips: pl.DataFrame = TABLE, **more: Any) -> None:
    """An extraction that ends by an unreadable clip, and leaves the others."""
    with pytest.raises(InputError, match=r"1 of 9 clips[^\n]*\n  .*gone\.wav"):
        gone = pl.DataFrame({"clip": ["gone"], "file": ["gone.wav"]})
        shard.extract(source, pl.concat([clips, gone]), **more)
    assert not Path(shard.paths["features"]).exists()
    assert shard.partial.is_dir()


def changed(source: StoreSource, **settings: Any) -> StoreSource:
    return replace(source, settings=source.settings | settings)


def test_only_the_faulty_clips_are_tried_again(
    shard: Job, encoded: Counter[int], caplog: pytest.LogCaptureFixture
) -> None:
    interrupt(shard, FBANK)
    assert encoded.total() == 8
    caplog.clear()
    with caplog.at_level(logging.INFO, "fairser"):
        interrupt(shard, FBANK)
    assert encoded.total() == 8
    assert "resumed: 8 of 9" in caplog.text


def test_nothing_done_under_other_circumstances_is_used(
    shard: Job, tmp_path: Path, wavlm: StoreSource, encoded: Counter[int]
) -> None:
    """Settings, model, statistics of the waveforms, code, folder and files of the clips."""
    model = wavlm.model
    assert model is not None
    moved = tmp_path / "moved"
    moved.symlink_to(shard.corpus)
    others: list[tuple[StoreSource, dict[str, Any]]] = [
        (changed(wavlm, precision="bfloat16"), {}),
        (changed(wavlm, seconds=0.9), {}),
        (replace(wavlm, model=replace(model, commit="4567")), {}),
        (replace(wavlm, model=replace(model, files={**model.files, "config.json": "0"})), {}),
        (replace(wavlm, std=0.3), {}),
        (wavlm, {"code": "other"}),
    ]
    for number, (source, more) in enumerate(others):
        apart = Job(tmp_path / str(number), shard.corpus)
        interrupt(apart, wavlm)
        encoded.clear()
        interrupt(apart, source, **more)
        assert encoded.total() == 8, source.settings | more
    interrupt(shard, wavlm)
    encoded.clear()
    shard.corpus = moved
    interrupt(shard, wavlm)
    assert encoded.total() == 8


@pytest.mark.parametrize(
    "other",
    [
        TABLE.with_columns(pl.Series("file", [FILES[1], FILES[0], *FILES[2:]])),
        TABLE.with_columns(pl.Series("clip", [NAMES[1], NAMES[0], *NAMES[2:]])),
        TABLE.reverse(),
    ],
    ids=["files", "names", "order"],
)
def test_clips_whose_file_name_or_order_changed_are_encoded_anew(
    shard: Job, other: pl.DataFrame, encoded: Counter[int]
) -> None:
    interrupt(shard, FBANK)
    encoded.clear()
    interrupt(shard, FBANK, other)
    assert encoded.total() == 8
    interrupt(shard, FBANK, other)
    assert encoded.total() == 8


def test_where_and_how_fast_it_runs_does_not_matter(shard: Job, encoded: Counter[int]) -> None:
    interrupt(shard, FBANK, device="cpu", threads=1)
    shard_again = {"device": "auto", "threads": 2, "failures": 0.01}
    interrupt(shard, FBANK, **shard_again)
    assert encoded.total() == 8


@pytest.fixture
def spoilt(tmp_path: Path) -> Job:
    """Eight clips, three of which can't be used."""
    corpus = tmp_path / "corpus"
    (corpus / "deep").mkdir(parents=True)
    write_noise(corpus, CLIPS)
    (corpus / "b.wav").write_bytes(b"")
    (corpus / "f.wav").unlink()
    (corpus / "h.wav").write_bytes((corpus / "h.wav").read_bytes()[:-100])
    return Job(tmp_path, corpus)


def test_all_clips_that_cannot_be_used_are_listed(spoilt: Job, encoded: Counter[int]) -> None:
    with pytest.raises(InputError) as caught:
        spoilt.extract(FBANK)
    first, *faults, advice = str(caught.value).splitlines()
    assert first.startswith("3 of 8 clips")
    starts = [("b.wav", "the file is empty"), ("f.wav", "no such"), ("h.wav", "truncated")]
    for fault, (file, reason) in zip(faults, starts, strict=True):
        assert fault.startswith(f"  {spoilt.corpus / file}: {reason}")
    assert "'extraction.failures'" in advice
    assert not Path(spoilt.paths["source"]).parent.exists()
    assert encoded.total() == 5
    # Once they are fixed, only they are encoded.
    write_noise(spoilt.corpus, {name: CLIPS[name] for name in ("b.wav", "f.wav", "h.wav")})
    found = spoilt.extract(FBANK)
    assert encoded.total() == 8
    np.testing.assert_array_equal(found, one_by_one(FBANK, spoilt.corpus))


@pytest.mark.parametrize("failures", [0.3, 0.375, 0.5])
def test_some_may_be_left_out(spoilt: Job, failures: float) -> None:
    if failures < 3 / 8:
        with pytest.raises(InputError, match="3 of 8 clips"):
            spoilt.extract(FBANK, failures=failures)
        return
    spoilt.extract(FBANK, failures=failures)
    assert [clip for clip, _ in spoilt.faults()] == ["b", "f", "h"]
    assert "f.wav: no such audio file" in spoilt.faults()[1][1]
    record = read_json(spoilt.paths["source"])
    assert (record["clips"], record["left_out"]) == (5, 3)
    names, found = spoilt.gathered()
    assert names == ["a", "deep/c", "d", "e", "g"]
    good = TABLE.filter(pl.col("clip").is_in(names))
    whole = Job(spoilt.partial.parent / "good", spoilt.corpus)
    np.testing.assert_array_equal(found, whole.extract(FBANK, good))


def one_value(encode: Any) -> Any:
    """An encoder of one value."""
    return lambda self, device: ClipEncoder(encode, 1)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e6])
def test_features_that_are_not_finite_are_faults(
    shard: Job, value: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also those that are too large for the store."""

    def encode(waveform: torch.Tensor) -> np.ndarray:
        return np.array([value if len(waveform) == 8000 else 1], np.float32)

    monkeypatch.setattr(StoreSource, "encoder", one_value(encode))
    half = changed(FBANK, store="float16")
    with pytest.raises(InputError, match=r"1 of 8 .*\n  b\.wav:"):
        shard.extract(half)
    assert len(shard.extract(half, failures=0.2)) == 8
    assert shard.faults() == [("b", "b.wav: its features are not finite")]
    names, found = shard.gathered()
    assert names == [name for name in NAMES if name != "b"]
    assert found.ravel().tolist() == [1] * 7


def test_clips_that_the_encoder_refuses_are_faults(
    shard: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    def encode(waveform: torch.Tensor) -> np.ndarray:
        if len(waveform) == 4800:
            raise InputError("too short")
        return np.ones(1, np.float32)

    monkeypatch.setattr(StoreSource, "encoder", one_value(encode))
    shard.extract(FBANK, failures=0.5)
    assert shard.faults() == [(n, f"{n}.wav: too short") for n in ("a", "d", "e", "g")]
    assert shard.gathered()[0] == ["b", "deep/c", "f", "h"]


def test_a_bug_is_no_fault_of_the_clips(shard: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    def encode(_: torch.Tensor) -> np.ndarray:
        raise ZeroDivisionError

    monkeypatch.setattr(StoreSource, "encoder", one_value(encode))
    with pytest.raises(ZeroDivisionError):
        shard.extract(FBANK, failures=1)


def replaced(folder: Path, corpus: Path, names: list[str], seed: int) -> Path:
    """A copy of the corpus in which some files hold other noise of the same length."""
    copy = Path(shutil.copytree(corpus, folder))
    for name in names:
        samples, rate = soundfile.read(copy / name)
        noise = np.random.default_rng(seed).normal(0, 0.1, len(samples))
        soundfile.write(copy / name, noise, rate)
    return copy


def test_audio_that_was_replaced_is_not_resumed(
    tmp_path: Path, folder: Path, encoded: Counter[int]
) -> None:
    """After a bad file stopped the extraction; the other clips keep their rows."""
    corpus = replaced(tmp_path / "corpus", folder, [], 0)
    shard = Job(tmp_path, corpus)
    samples = corpus / "b.wav"
    good = samples.read_bytes()
    samples.write_bytes(b"")
    with pytest.raises(InputError, match=r"1 of 8 clips[^\n]*\n  .*b\.wav"):
        shard.extract(FBANK)
    samples.write_bytes(good)
    replaced(tmp_path / "other", folder, ["a.wav"], 1)
    shutil.copyfile(tmp_path / "other/a.wav", corpus / "a.wav")
    encoded.clear()
    found = shard.extract(FBANK)
    assert encoded.total() == 2
    fresh = Job(tmp_path / "fresh", corpus).extract(FBANK)
    np.testing.assert_array_equal(found, fresh)


def test_a_new_extraction_takes_over_what_has_not_changed(
    tmp_path: Path, folder: Path, encoded: Counter[int], caplog: pytest.LogCaptureFixture
) -> None:
    corpus = replaced(tmp_path / "corpus", folder, [], 0)
    first = Job(tmp_path / "store" / "shards", corpus)
    first.extract(FBANK)
    whole = tmp_path / "store"
    paths = {name: str(whole / Path(path).name) for name, path in first.paths.items()}
    shards.gather([Path(first.paths["features"]).parent], paths)
    replaced(tmp_path / "other", folder, ["a.wav", "f.wav"], 1)
    for name in ("a.wav", "f.wav"):
        shutil.copyfile(tmp_path / "other" / name, corpus / name)
    encoded.clear()
    second = Job(tmp_path / "second", corpus)
    with caplog.at_level(logging.INFO, "fairser"):
        found = second.extract(FBANK, before=whole)
    assert encoded.total() == 2 and "6 of 8 clips have not changed" in caplog.text
    fresh = Job(tmp_path / "fresh", corpus).extract(FBANK)
    np.testing.assert_array_equal(found, fresh)
    encoded.clear()
    second.extract(FBANK, code="other", before=whole)
    assert encoded.total() == 8
