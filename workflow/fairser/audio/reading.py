"""Reading the audio of many clips in advance, in batches of equal length."""

import os
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import soundfile
import torch

from fairser.audio import waveforms
from fairser.audio.soundfiles import locate
from fairser.core.errors import InputError
from fairser.core.jobs import Progress
from fairser.core.words import shortened

AHEAD = 3  # batches that are read in advance
SHOWN = 20  # faults listed in a message


@dataclass(frozen=True)
class Batch:
    """Clips read together."""

    # Numbers of clips and their waveforms [B, sample] at 16 kHz; several pairs only if a header
    # states a wrong length.
    waveforms: list[tuple[list[int], torch.Tensor]]
    faults: dict[int, str]  # why clips can't be used, by their numbers

    def __len__(self) -> int:
        return len(self.faults) + sum(len(numbers) for numbers, _ in self.waveforms)


@dataclass(frozen=True)
class Audio:
    """The first ``seconds`` of audio files.

    ``files`` are relative to the ``folder`` of a corpus and inside it, unless links lead out of it
    and may (``follow_links``); with None they are anywhere.
    """

    folder: Path | None
    files: Sequence[str]
    seconds: float
    follow_links: bool = False

    def path(self, number: int) -> Path:
        """The file of a clip; InputError if it lies outside the folder."""
        file = self.files[number]
        if self.folder is None:
            return Path(file)
        return locate(self.folder, file, self.follow_links)

    def read(self, number: int) -> torch.Tensor:
        """The waveform [sample] of a clip at 16 kHz; InputError if it can't be used."""
        return waveforms.read(self.path(number), self.seconds)

    def read_batch(self, numbers: Iterable[int]) -> Batch:
        """The waveforms of clips, and why others can't be used."""
        by_length = defaultdict(list)
        faults = {}
        for number in numbers:
            try:
                waveform = self.read(number)
                by_length[len(waveform)].append((number, waveform))
            except InputError as fault:
                faults[number] = str(fault)
        pairs = [zip(*clips, strict=True) for clips in by_length.values()]
        return Batch([(list(n), torch.stack(waveforms)) for n, waveforms in pairs], faults)

    def length(self, number: int) -> float:
        """Seconds that will be read, by the file's header alone; 0 if it can't be read."""
        try:
            path = self.path(number)
            info = soundfile.info(os.fsencode(path)) if path.is_file() else None
        except (InputError, soundfile.LibsndfileError, OSError):
            info = None
        if info is None or info.samplerate <= 0:
            return 0.0  # reading it will say why
        return min(info.frames / info.samplerate, self.seconds)

    def plan(self, numbers: Iterable[int], batch_seconds: float) -> list[list[int]]:
        """Batches of clips of one length and of up to ``batch_seconds``; the longest come first.

        Clips of other lengths are not padded to one length: padding changes the features of an
        encoder (group norm over time, attention). The longest first shows a lack of memory at once.
        """
        lengths = {number: self.length(number) for number in numbers}
        order = sorted(lengths, key=lambda number: (-lengths[number], number))
        batches = []
        for length, same in groupby(order, key=lengths.__getitem__):
            clips = list(same)
            size = max(1, int(batch_seconds / length)) if length else 1  # may be of any length
            batches += [clips[start : start + size] for start in range(0, len(clips), size)]
        return batches

    def batches(self, plan: list[list[int]], readers: int) -> Iterator[Batch]:
        """The batches of a plan in their order, read in advance by ``readers`` threads.

        Decoding and resampling release the interpreter's lock, so threads are enough. With 0
        ``readers`` each batch is read on demand: if all cores compute, another thread costs more
        (8 % of WavLM Base+ on two cores) than reading itself does (1 %).
        """
        if not readers:
            yield from map(self.read_batch, plan)
            return
        with ThreadPoolExecutor(max_workers=readers) as pool:
            waiting: deque[Future[Batch]] = deque()
            try:
                for numbers in plan:
                    waiting.append(pool.submit(self.read_batch, numbers))
                    if len(waiting) > AHEAD + readers:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                pool.shutdown(wait=True, cancel_futures=True)


@dataclass(frozen=True)
class HeldAudio(Audio):
    """Audio that is in memory already: ``waveforms`` [sample] at 16 kHz, by the clip's number."""

    waveforms: Sequence[torch.Tensor] = ()

    def read(self, number: int) -> torch.Tensor:
        return self.waveforms[number][: round(self.seconds * waveforms.SAMPLE_RATE)]

    def length(self, number: int) -> float:
        return len(self.read(number)) / waveforms.SAMPLE_RATE


def waveform_statistics(clips: Audio, readers: int) -> tuple[float, float, dict[int, str]]:
    """Mean and standard deviation over the samples of all clips, and the faults of other clips.

    The sums are taken clip by clip in float64, in the order of the clips.
    """
    total = squares = 0.0
    samples = 0
    faults: dict[int, str] = {}
    plan = [[number] for number in range(len(clips.files))]
    with Progress(len(plan), "clips") as shown:
        for batch in clips.batches(plan, readers):
            faults |= batch.faults
            for _, waveforms in batch.waveforms:
                values = waveforms.double()
                total += float(values.sum())
                squares += float(values.square().sum())
                samples += values.numel()
            shown.add(1)
    if not samples:
        raise InputError(f"{clips.folder}: no clip can be read.{_lines(faults.values())}")
    mean = total / samples
    return mean, max(squares / samples - mean**2, 0.0) ** 0.5, faults


def check_faults(faults: Sequence[str], clips: int, allowed: float) -> None:
    """Raise an InputError if more than the allowed share of clips can't be used."""
    if len(faults) > allowed * clips:
        raise InputError(
            f"{len(faults)} of {clips} clips can't be used:{_lines(faults)}\n"
            "Fix them; or raise 'extraction.failures', the share of clips that may be left out."
        )


def _lines(faults: Iterable[str]) -> str:
    return "".join(f"\n  {fault}" for fault in shortened(faults, SHOWN))
