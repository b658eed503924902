"""Resampling: common rates as torchaudio does it, all others with a filter of bounded size."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import scipy.signal
import soundfile
import torch

from fairser.audio.reading import Audio
from fairser.audio.soundfiles import RATES, read_header
from fairser.audio.waveforms import KERNEL, SAMPLE_RATE, Resample, ratio, read, resampler
from unit.corpora.builders import assert_refused, sine

COMMON = (8000, 11025, 12000, 22050, 24000, 32000, 44100, 48000, 88200, 96000, 176400, 192000)
ODD = (501, 7999, 15_992, 16_001, 44_101, 47_999, 96_001, 191_999, 1_999_993)
OFF = 5.01e-4  # the largest relative error of a rate
RISE = 300  # samples at both ends, where a filter sees the silence around a tone


@pytest.mark.parametrize("rate", COMMON)
def test_common_rates_are_exact(tmp_path: Path, rate: int) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, rate // 4).astype(np.float32)
    path = tmp_path / "a.wav"
    soundfile.write(path, noise, rate, subtype="FLOAT")
    assert ratio(rate) == Fraction(rate, SAMPLE_RATE)
    assert torch.equal(read(path), Resample(rate, SAMPLE_RATE)(torch.from_numpy(noise)))


def test_the_error_of_a_rate_is_bounded() -> None:
    for rate in (*range(RATES[0], 60_000), *range(60_000, RATES[-1], 1009)):
        assert abs(ratio(rate) * SAMPLE_RATE / rate - 1) < OFF


@pytest.mark.parametrize("rate", [*ODD, RATES[0], RATES[-1]])
def test_the_filter_is_bounded(rate: int) -> None:
    assert getattr(resampler(rate), "kernel", torch.empty(0)).numel() < 1.2 * KERNEL


@pytest.mark.parametrize("rate", [rate for rate in ODD if rate > 2000])
def test_a_tone_keeps_its_pitch_and_length(tmp_path: Path, rate: int) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, sine(rate, 1.5), rate, subtype="FLOAT")
    waveform = read(path).numpy()
    assert len(waveform) == pytest.approx(1.5 * SAMPLE_RATE, rel=OFF, abs=1)
    inner = waveform[RISE:-RISE]
    assert np.abs(inner).max() == pytest.approx(0.5, abs=0.005)
    phase = np.unwrap(np.angle(scipy.signal.hilbert(inner)))[RISE:-RISE]
    turns = (phase[-1] - phase[0]) / (2 * np.pi * (len(phase) - 1))
    assert turns * SAMPLE_RATE == pytest.approx(440, rel=OFF + 1e-5)


@pytest.mark.parametrize("rate", [44_101, 96_001])
def test_odd_rates_are_as_scipy_does_them(tmp_path: Path, rate: int) -> None:
    tone = sine(rate, 0.5)
    path = tmp_path / "a.wav"
    soundfile.write(path, tone, rate, subtype="FLOAT")
    up = ratio(rate)
    wanted = scipy.signal.resample_poly(tone, up.denominator, up.numerator)
    ours = read(path).numpy()
    assert np.abs(ours - wanted[: len(ours)])[RISE:-RISE].max() < 0.002


@pytest.mark.parametrize("rate", [1, RATES[0] - 1, RATES[-1] + 1, 2**31 - 1])
def test_absurd_rates_are_refused(tmp_path: Path, rate: int) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, sine(SAMPLE_RATE), SAMPLE_RATE)
    content = bytearray(path.read_bytes())
    content[24:28] = rate.to_bytes(4, "little")
    path.write_bytes(content)
    told = (f"{path}: sampled at {rate:,} Hz", "convert")
    assert_refused(told, read, path)
    assert_refused(told, read_header, path)


def test_a_rate_of_zero(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, sine(SAMPLE_RATE), SAMPLE_RATE)
    content = bytearray(path.read_bytes())
    content[24:28] = bytes(4)
    path.write_bytes(content)
    assert_refused((str(path),), read, path)
    assert Audio(tmp_path, ["a.wav"], 10).length(0) == 0
