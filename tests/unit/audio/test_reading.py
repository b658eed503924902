"""Reading audio ahead: batches of one length, in order, and all faults told."""

import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from fairser.audio import waveforms as audio
from fairser.audio.reading import AHEAD, SHOWN, Audio, check_faults, waveform_statistics
from unit.builders import write_noise
from unit.corpora.builders import assert_refused

# Equal durations at other rates, and lengths that differ by a sample.
CLIPS = {
    "a.wav": (0.5, 16000),
    "b.wav": (0.75, 16000),
    "c.wav": (0.5, 22050),
    "d.wav": (0.5, 8000),
    "e.wav": (0.5001, 44100),
    "f.wav": (3.0, 16000),
    "g.wav": (0.5, 16000),
}
FILES = [*CLIPS]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_noise(tmp_path, CLIPS)
    return tmp_path


def test_waves_are_grouped_by_length_and_faults_by_number(folder: Path) -> None:
    (folder / "empty.wav").write_bytes(b"")
    files = [*FILES, "gone.wav", "empty.wav", "../x.wav"]
    batch = Audio(folder, files, 2).read_batch([8, 0, 1, 5, 6, 7, 9, 3])
    assert len(batch) == 8
    assert {number: fault.split(": ")[0] for number, fault in batch.faults.items()} == {
        7: str(folder / "gone.wav"),
        8: str(folder / "empty.wav"),
        9: "../x.wav",
    }
    assert [(numbers, waveforms.shape) for numbers, waveforms in batch.waveforms] == [
        ([0, 6, 3], (3, 8000)),
        ([1], (1, 12000)),
        ([5], (1, 32000)),  # the first two seconds
    ]
    for numbers, waveforms in batch.waveforms:
        for number, waveform in zip(numbers, waveforms, strict=True):
            assert torch.equal(waveform, audio.read(folder / files[number], 2))


def test_nothing_can_be_read(tmp_path: Path) -> None:
    batch = Audio(tmp_path, ["gone.wav"], 1).read_batch([0])
    assert (batch.waveforms, list(batch.faults), len(batch)) == ([], [0], 1)


def test_plan_puts_equal_lengths_together_and_the_longest_first(folder: Path) -> None:
    (folder / "h.wav").write_bytes(b"no audio")
    clips = Audio(folder, [*FILES, "h.wav", "gone.wav"], 10)
    plan = clips.plan(range(9), batch_seconds=100)
    assert plan == [[5], [1], [4], [0, 2, 3, 6], [7], [8]]
    assert clips.plan([6, 8, 0], 100) == [[0, 6], [8]]
    assert clips.plan([], 100) == []
    # Whatever the rate, clips of a batch have the same number of samples: nothing is padded.
    for numbers in plan:
        assert len(clips.read_batch(numbers).waveforms) <= 1


@pytest.mark.parametrize(("limit", "size"), [(0.4, 1), (0.5, 1), (1.0, 2), (1.6, 3), (9.0, 10)])
def test_plan_bounds_the_seconds_of_a_batch(tmp_path: Path, limit: float, size: int) -> None:
    files = [f"{number}.wav" for number in range(10)]
    write_noise(tmp_path, dict.fromkeys(files, (0.5, 16000)))
    plan = Audio(tmp_path, files, 10).plan(range(10), limit)
    assert [number for numbers in plan for number in numbers] == list(range(10))
    assert [len(numbers) for numbers in plan[:-1]] == [size] * (len(plan) - 1)
    assert 1 <= len(plan[-1]) <= size


def test_only_what_is_read_of_long_files_counts(folder: Path) -> None:
    clips = Audio(folder, ["f.wav", "b.wav", "a.wav"], 0.5)
    assert clips.plan(range(3), 1.0) == [[0, 1], [2]]


def test_files_without_a_length_in_their_header_are_read_one_by_one(tmp_path: Path) -> None:
    """As programs write them to a pipe: nobody knows how many seconds a batch of them has."""
    write_noise(tmp_path, {"a.wav": (1, 16000), "b.wav": (1, 16000)})
    for name in "a.wav", "b.wav":
        content = bytearray((tmp_path / name).read_bytes())
        place = content.index(b"data") + 4
        content[4:8] = content[place : place + 4] = struct.pack("<I", 0)
        (tmp_path / name).write_bytes(content)
    clips = Audio(tmp_path, ["a.wav", "b.wav"], 10)
    plan = clips.plan(range(2), 100)
    assert plan == [[0], [1]]
    found = [batch.waveforms[0][1].shape for batch in clips.batches(plan, 1)]
    assert found == [(1, 16000), (1, 16000)]


class Watched(Audio):
    """Clips without files, which tell when they are read and may have to wait for another."""

    log: list[int]
    before: Callable[[int], None]

    def read(self, number: int) -> torch.Tensor:
        self.before(number)
        self.log.append(number)
        return torch.full((4,), float(number))


def watched(number: int, before: Callable[[int], None] = lambda _: None) -> Watched:
    clips = Watched(Path(), [""] * number, 1)
    object.__setattr__(clips, "log", [])
    object.__setattr__(clips, "before", before)
    return clips


@pytest.fixture
def _no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


@pytest.mark.usefixtures("_no_thread_is_left")
def test_batches_come_in_the_order_of_the_plan() -> None:
    later = threading.Event()

    def before(number: int) -> None:
        """The first clip is read only after the second, by the other reader."""
        if number == 0:
            assert later.wait(30)
        if number == 1:
            later.set()

    clips = watched(5, before)
    plan = [[0], [1], [4, 3], [2]]
    found = [[n for numbers, _ in b.waveforms for n in numbers] for b in clips.batches(plan, 2)]
    assert found == plan
    assert clips.log.index(1) < clips.log.index(0)


@pytest.mark.usefixtures("_no_thread_is_left")
def test_without_readers_each_batch_is_read_when_it_is_asked_for() -> None:
    clips = watched(4)
    batches = clips.batches([[3], [1], [0], [2]], 0)
    for asked in range(1, 5):
        next(batches)
        assert clips.log == [3, 1, 0, 2][:asked]
    assert next(batches, None) is None


@pytest.mark.usefixtures("_no_thread_is_left")
@pytest.mark.parametrize("readers", [1, 3])
def test_reading_ahead_is_bounded(readers: int) -> None:
    clips = watched(50)
    batches = clips.batches([[number] for number in range(50)], readers)
    for taken in range(1, 50):
        next(batches)
        bound = min(taken + AHEAD + readers, 50)
        end = time.monotonic() + 30
        while len(clips.log) < bound and time.monotonic() < end:
            time.sleep(0.001)
        if taken < 5:
            time.sleep(0.02)  # time enough to read more
        assert len(clips.log) == bound
    assert len(list(batches)) == 1


@pytest.mark.usefixtures("_no_thread_is_left")
def test_an_error_of_the_consumer_stops_the_readers() -> None:
    """What is being read is read to its end, what only waits is not read any more."""
    ended = threading.Event()

    def before(number: int) -> None:
        if number > 0:
            assert ended.wait(30)
            time.sleep(0.2)

    clips = watched(200, before)

    def consume() -> None:
        for _ in clips.batches([[number] for number in range(200)], 2):
            ended.set()
            raise KeyError("broken")

    with pytest.raises(KeyError, match="broken"):
        consume()
    assert len(clips.log) < AHEAD + 3  # as many as are waited for at a time


@pytest.mark.usefixtures("_no_thread_is_left")
def test_an_error_of_a_reader_reaches_the_consumer() -> None:
    def before(number: int) -> None:
        if number == 2:
            raise ZeroDivisionError("a bug")

    clips = watched(200, before)
    found = []
    with pytest.raises(ZeroDivisionError, match="a bug"):
        for batch in clips.batches([[number] for number in range(200)], 2):
            found += [number for numbers, _ in batch.waveforms for number in numbers]
    assert found == [0, 1]
    assert len(clips.log) <= AHEAD + 6


def test_wave_statistics_are_those_of_all_samples_together(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    waveforms = {f"{n}.wav": random.normal(n / 10, 0.05 * n, 3000 * n) for n in range(1, 5)}
    for name, waveform in waveforms.items():
        soundfile.write(tmp_path / name, waveform.astype(np.float32), 16000, subtype="FLOAT")
    (tmp_path / "bad.wav").write_bytes(b"")
    clips = Audio(tmp_path, ["1.wav", "2.wav", "bad.wav", "3.wav", "4.wav"], 0.6)
    samples = np.concatenate(
        [waveform[:9600].astype(np.float32) for waveform in waveforms.values()]
    )
    samples = samples.astype(np.float64)
    mean, std, faults = waveform_statistics(clips, readers=1)
    assert mean == pytest.approx(samples.mean(), rel=1e-12)
    assert std == pytest.approx(samples.std(), rel=1e-12)
    assert list(faults) == [2] and "bad.wav: " in faults[2]
    assert waveform_statistics(clips, readers=3) == (mean, std, faults)


def test_silence_has_no_deviation(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.full(8000, 0.1), 16000, subtype="FLOAT")
    mean, std, _ = waveform_statistics(Audio(tmp_path, ["a.wav"], 10), 1)
    assert mean == pytest.approx(0.1)
    assert 0 <= std < 1e-8  # the difference of the sums may come out below 0


def test_statistics_of_nothing_are_refused(tmp_path: Path) -> None:
    clips = Audio(tmp_path, ["gone.wav", "lost.wav"], 10)
    told = (f"{tmp_path}: ", "gone.wav: ", "lost.wav: ")
    assert_refused(told, waveform_statistics, clips, 1)


@pytest.mark.parametrize(
    ("number", "clips", "allowed"), [(0, 4, 0), (1, 4, 0.25), (4, 4, 1), (0, 0, 0)]
)
def test_faults_that_are_allowed(number: int, clips: int, allowed: float) -> None:
    check_faults(["a.wav: empty"] * number, clips, allowed)


@pytest.mark.parametrize(("number", "clips", "allowed"), [(1, 4, 0), (1, 4, 0.24), (3, 4, 0.5)])
def test_faults_that_are_not(number: int, clips: int, allowed: float) -> None:
    faults = [f"{n}.wav: empty" for n in range(number)]
    told = (f"{number} of {clips} clips", *(f"\n  {fault}\n" for fault in faults))
    assert_refused((*told, "'extraction.failures'"), check_faults, faults, clips, allowed)


@pytest.mark.parametrize("more", [0, 1, 3])
def test_a_long_list_of_faults_is_cut(more: int) -> None:
    faults = [f"{n}.wav: empty" for n in range(SHOWN + more)]
    with pytest.raises(Exception, match=f"{SHOWN + more} of 50 clips") as caught:
        check_faults(faults, 50, 0)
    text = str(caught.value)
    assert [fault for fault in faults if f"\n  {fault}\n" in text] == faults[:SHOWN]
    assert (f"\n  {more} more\n" in text) is (more > 0)
