"""Log-mel statistics: their values, and that nothing but the clip itself changes them."""

from collections.abc import Iterator
from math import log
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from fairser.audio import waveforms as audio
from fairser.audio.reading import Audio
from fairser.encoders.base import Settings, make_encoder
from fairser.encoders.fbank import BANDS, DIM, encode
from fairser.extraction.store import open_store
from unit.corpora.builders import sine

from torchaudio.compliance import kaldi  # isort: skip

MEAN, STD = slice(0, 2 * BANDS), slice(2 * BANDS, DIM)


def noise(seconds: float = 0.5) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return 0.1 * torch.randn(round(seconds * audio.SAMPLE_RATE), generator=generator)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Clips a, b and c of different lengths and rates."""
    random = np.random.default_rng(0)
    for name, seconds, rate in [("a", 0.3, 16000), ("b", 0.5, 22050), ("c", 1.2, 16000)]:
        tone = sine(rate, seconds, 300)
        soundfile.write(tmp_path / f"{name}.wav", tone + random.normal(0, 0.1, len(tone)), rate)
    return tmp_path


@pytest.fixture
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def encode_files(folder: Path, files: list[str], seconds: float) -> np.ndarray:
    """Features [clip, 1, DIM] of files, in batches of equal length as the extraction has them."""
    encoder, clips = make_encoder("fbank", Settings()), Audio(folder, files, seconds)
    found = np.full((len(files), encoder.layers, encoder.dim), np.nan, np.float32)
    for batch in clips.batches(clips.plan(range(len(files)), 10), readers=1):
        assert batch.faults == {}
        for numbers, waveforms in batch.waveforms:
            found[numbers] = encoder(waveforms).numpy()
    return found


def reference(waveform: torch.Tensor) -> np.ndarray:
    """Means and standard deviations with deltas of Kaldi's formula, one frame at a time."""
    bands = kaldi.fbank(waveform[None], num_mel_bins=80, sample_frequency=16000, dither=0.0)
    frames = bands.double().numpy()
    last = len(frames) - 1
    deltas = np.zeros_like(frames)
    for t in range(len(frames)):
        for n in (1, 2):
            later, earlier = frames[min(t + n, last)], frames[max(t - n, 0)]
            deltas[t] += n * (later - earlier) / (2 * (1**2 + 2**2))
    both = np.concatenate([frames, deltas], axis=1)
    return np.concatenate([both.mean(axis=0), both.std(axis=0)])


@pytest.mark.parametrize("seconds", [0.025, 0.04, 0.5, 2.0])
def test_statistics(seconds: float) -> None:
    waveform = noise(seconds)
    features = encode(waveform)
    assert features.shape == (320,)
    assert features.dtype == np.float32
    np.testing.assert_allclose(features, reference(waveform), rtol=1e-4, atol=1e-4)


def test_one_frame_does_not_vary() -> None:
    assert encode(noise(0.025))[STD].tolist() == [0.0] * 160


def test_loudness_shifts_the_means_alone() -> None:
    soft, loud = encode(noise()), encode(2 * noise())
    shift = np.repeat([log(4), 0], [BANDS, 3 * BANDS])
    np.testing.assert_allclose(loud - soft, shift, rtol=0, atol=1e-3)


def test_pitch_moves_the_bands() -> None:
    low, high = (encode(torch.from_numpy(sine(16000, 0.5, hertz))) for hertz in (150.0, 3000.0))
    assert low[:BANDS].argmax() < BANDS // 4 < BANDS // 2 < high[:BANDS].argmax()


def test_silence_is_finite() -> None:
    assert np.isfinite(encode(torch.zeros(8000))).all()


def test_order_and_company_change_nothing(folder: Path) -> None:
    together = encode_files(folder, ["a.wav", "b.wav", "c.wav"], 10)
    assert together.shape == (3, 1, DIM)
    assert together.dtype == np.float32
    assert np.array_equal(encode_files(folder, ["c.wav", "a.wav"], 10), together[[2, 0]])
    assert not np.array_equal(together[0], together[2])


def test_threads_change_nothing(folder: Path, threads: None) -> None:
    found = []
    for number in (1, 2):
        torch.set_num_threads(number)
        found.append(encode_files(folder, ["a.wav", "b.wav", "c.wav"], 10))
    assert np.array_equal(*found)


def test_only_the_start_counts(folder: Path) -> None:
    whole = encode_files(folder, ["c.wav"], 10)[0, 0]
    start = encode_files(folder, ["c.wav"], 0.5)[0, 0]
    waveform = audio.read(folder / "c.wav")
    assert np.array_equal(start, encode(waveform[:8000]))
    assert np.array_equal(whole, encode(waveform))
    assert not np.array_equal(start, whole)


def test_mirror_name(folder: Path) -> None:
    before = encode_files(folder, ["a.wav"], 10)
    (folder / "a.wav").rename(folder / "1040_ITH_SAD_X.wav")
    assert np.array_equal(encode_files(folder, ["1040_ITH_SAD_XX.wav"], 10), before)


def test_real_wavs(cremad: Path) -> None:
    """Finite, different, and a store of the same kind as the precomputed features."""
    files = sorted(path.name for path in (cremad / "wav").glob("*.wav"))
    features = encode_files(cremad / "wav", files, 10)
    assert np.isfinite(features).all()
    assert len(np.unique(features, axis=0)) == len(files) == 11
    store = open_store(cremad / "logmel_stats.safetensors", cremad / "logmel_stats_clips.csv")
    theirs = store.array[store.rows(name.removesuffix(".wav") for name in files)]
    assert (features.dtype, features.ndim) == (theirs.dtype, theirs.ndim)
    assert features.shape[:2] == theirs.shape[:2]
