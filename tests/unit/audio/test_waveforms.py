"""Reading audio: whatever comes in, 16 kHz mono comes out, or a message that says what to do."""

import struct
from collections.abc import Callable
from math import ceil
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from fairser.audio.soundfiles import locate, read_header
from fairser.audio.waveforms import SAMPLE_RATE, read
from unit.corpora.builders import assert_refused, sine


def loudest(waveform: torch.Tensor) -> float:
    """Frequency of the strongest component, in Hz."""
    spectrum = torch.fft.rfft(waveform * torch.hann_window(len(waveform)))
    return float(spectrum.abs().argmax()) * SAMPLE_RATE / len(waveform)


def write(path: Path, samples: np.ndarray, rate: int = SAMPLE_RATE, **more: str) -> Path:
    soundfile.write(path, samples, rate, **more)
    return path


@pytest.mark.parametrize("kind", ["wav", "flac"])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", [8000, 16000, 22050, 44100, 48000])
def test_any_rate_and_channels(tmp_path: Path, rate: int, channels: int, kind: str) -> None:
    tone = sine(rate, 1.5)
    stereo = np.stack([1.5 * tone, 0.5 * tone], axis=1)
    waveform = read(write(tmp_path / f"a.{kind}", stereo if channels == 2 else tone, rate))
    assert waveform.dtype == torch.float32
    assert waveform.shape == (24000,)
    assert loudest(waveform) == pytest.approx(440, abs=1)
    assert waveform[1000:-1000].abs().max().item() == pytest.approx(0.5, abs=0.005)


def test_samples_at_16_khz_stay_as_they_are(tmp_path: Path) -> None:
    tone = sine(SAMPLE_RATE)
    assert np.array_equal(read(write(tmp_path / "a.wav", tone, subtype="FLOAT")).numpy(), tone)


@pytest.mark.parametrize(("rate", "seconds", "length"), [(16000, 0.5, 8000), (22050, 0.5, 8000)])
def test_only_the_start(tmp_path: Path, rate: int, seconds: float, length: int) -> None:
    start, rest = sine(rate, seconds, 440), sine(rate, seconds, 2000)
    path = write(tmp_path / "a.wav", np.concatenate([start, rest]), rate)
    assert len(read(path, seconds)) == length
    assert loudest(read(path, seconds)) == pytest.approx(440, abs=3)
    assert len(read(path, 60)) == 2 * length


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def replace_by(content: bytes) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(content) and None


def keep(size: int) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(path.read_bytes()[:size]) and None


def no_samples(rate: int) -> Callable[[Path], None]:
    return lambda path: soundfile.write(path, sine(rate, 0), rate)


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:%064x\nsize 72862\n" % 1
LFS = (f"pointer of {len(POINTER)} bytes", "git lfs pull")


@pytest.mark.parametrize(
    ("name", "spoil", "told"),
    [
        ("a.wav", cut, ("truncated", "last 16022 bytes")),
        ("a.flac", cut, ("fetch",)),
        ("a.wav", replace_by(b""), ("empty (0 bytes)",)),
        ("a.wav", keep(44), ("truncated", "last 32000 bytes")),
        ("a.wav", keep(12), ("not readable",)),
        ("a.wav", no_samples(16000), ("0.0000 s", "0.025 s")),
        ("a.wav", no_samples(44100), ("0.0000 s", "0.025 s")),
        ("a.wav", replace_by(POINTER), LFS),
        ("a.flac", replace_by(POINTER), LFS),
        ("a.wav", Path.unlink, ("no such audio file",)),
        ("a.wav", replace_by(b"no audio " * 99), ("not readable",)),
    ],
)
def test_spoilt_file(
    tmp_path: Path, name: str, spoil: Callable[[Path], None], told: tuple[str, ...]
) -> None:
    path = write(tmp_path / name, sine(SAMPLE_RATE))
    spoil(path)
    assert_refused((f"{path}: ", *told), read, path)
    if name == "a.wav":  # the header of a cut flac is whole
        assert_refused((f"{path}: ", *told), read_header, path)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_samples_that_are_no_numbers(tmp_path: Path, value: float) -> None:
    tone = sine(SAMPLE_RATE)
    tone[5] = value
    path = write(tmp_path / "a.wav", tone, subtype="FLOAT")
    assert_refused((str(path), "finite"), read, path)


def test_shortest_clip(tmp_path: Path) -> None:
    tone = sine(SAMPLE_RATE)
    assert len(read(write(tmp_path / "enough.wav", tone[:400]))) == 400
    path = write(tmp_path / "short.wav", tone[:399])
    assert_refused((str(path), "0.0249 s", "0.025 s"), read, path)


def test_header(tmp_path: Path) -> None:
    path = write(tmp_path / "a.flac", np.stack([sine(22_050, 1.5)] * 2, axis=1), 22_050)
    assert list(read_header(path).values()) == [1.5, 22_050, 2, "flac pcm_16"]


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF])
def test_wav_written_to_a_pipe(tmp_path: Path, size: int) -> None:
    """A writer that can't go back leaves the sizes in the header open."""
    path = write(tmp_path / "a.wav", sine(SAMPLE_RATE))
    whole = read(path)
    content = bytearray(path.read_bytes())
    for position in (4, content.index(b"data") + 4):
        content[position : position + 4] = struct.pack("<I", size)
    path.write_bytes(content)
    assert torch.equal(read(path), whole)
    assert read_header(path)["seconds"] == 1.0


def test_further_chunks_of_a_wav(tmp_path: Path) -> None:
    """Chunks of odd length are padded; those after the samples do not count as missing."""
    path = write(tmp_path / "a.wav", sine(SAMPLE_RATE))
    content = path.read_bytes()
    data = content.index(b"data")
    note = b"note" + struct.pack("<I", 3) + b"abc\0"
    path.write_bytes(content[:data] + note + content[data:] + note)
    assert len(read(path)) == SAMPLE_RATE
    path.write_bytes(content[:data] + note + content[data:-10])
    assert_refused(("last 10 bytes",), read, path)


def test_locate(tmp_path: Path) -> None:
    alias = tmp_path / "1040_ITH_SAD_X.wav"
    official = tmp_path / "1040_ITH_SAD_XX.wav"
    assert locate(tmp_path, official.name) == official
    alias.touch()
    assert locate(tmp_path, official.name) == alias
    official.touch()
    assert locate(tmp_path, official.name) == official
    assert locate(tmp_path, "a/b.wav") == tmp_path / "a" / "b.wav"


@pytest.mark.parametrize("file", ["../a.wav", "a/../../a.wav", "/a.wav"])
def test_file_outside_the_folder(tmp_path: Path, file: str) -> None:
    assert_refused((f"{file}: ", str(tmp_path), "path inside"), locate, tmp_path, file)


def test_real_wavs(cremad: Path) -> None:
    paths = sorted((cremad / "wav").glob("*.wav"))
    assert len(paths) == 11
    for path in paths:
        samples, rate = soundfile.read(path, dtype="float32")
        assert rate == SAMPLE_RATE
        assert np.array_equal(read(path).numpy(), samples)


def test_real_flac(emodb: Path) -> None:
    path = emodb / "flac" / "03a01Fa.flac"
    info = soundfile.info(path)
    assert info.samplerate == 22050
    waveform = read(path)
    assert len(waveform) == ceil(info.frames * SAMPLE_RATE / 22050)
    level = np.sqrt((soundfile.read(path)[0] ** 2).mean())
    assert waveform.square().mean().sqrt().item() == pytest.approx(level, rel=0.02)
