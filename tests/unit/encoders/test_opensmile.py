"""openSMILE's functionals: against its own command of one file, and by construction."""

import logging
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from fairser.core.errors import InputError
from fairser.encoders.base import Settings, make_encoder
from fairser.encoders.opensmile import SHORTEST, Functionals
from unit.corpora.builders import assert_refused

SETS = {"eGeMAPSv02": 88, "ComParE_2016": 6373}


def make(features: str = "eGeMAPSv02") -> Functionals:
    made = make_encoder("opensmile", Settings(options={"features": features}))
    assert isinstance(made, Functionals)
    return made


def noisy(hertz: float, amplitude: float = 0.3, samples: int = 16000) -> np.ndarray:
    """Three harmonics of a pitch with a little noise, float32."""
    time = 2 * np.pi * hertz * np.arange(samples) / 16000
    tone = sum(amplitude / n * np.sin(n * time) for n in (1, 2, 3))
    noise = np.random.default_rng(0).normal(0, 0.002, samples)
    return (tone + noise).astype(np.float32)


@pytest.mark.parametrize(("features", "dim"), SETS.items())
def test_values_are_those_of_the_file(tmp_path: Path, features: str, dim: int) -> None:
    opensmile = pytest.importorskip("opensmile")
    waveform = noisy(150.0)
    soundfile.write(tmp_path / "a.wav", waveform, 16000, subtype="FLOAT")
    smile = opensmile.Smile(getattr(opensmile.FeatureSet, features))
    expected = smile.process_file(tmp_path / "a.wav")
    encoder = make(features)
    batch = torch.from_numpy(np.stack([waveform, noisy(220.0)]))
    found = encoder(batch)
    assert (encoder.layers, encoder.dim) == (1, dim)
    assert (found.shape, found.dtype) == ((2, 1, dim), torch.float32)
    assert encoder.names == list(expected.columns)
    np.testing.assert_allclose(found[0, 0].numpy(), expected.to_numpy()[0], rtol=1e-5, atol=1e-6)
    assert torch.equal(encoder(batch[1:])[0], found[1])  # the other clip changes nothing


def test_pitch_and_loudness_are_where_their_names_say() -> None:
    pytest.importorskip("opensmile")
    encoder = make()
    pitch = encoder.names.index("F0semitoneFrom27.5Hz_sma3nz_amean")
    level = encoder.names.index("equivalentSoundLevel_dBp")
    clips = np.stack([noisy(150.0), noisy(300.0), noisy(150.0, 0.15)])
    low, high, quiet = encoder(torch.from_numpy(clips))[:, 0]
    assert low[pitch] == pytest.approx(12 * np.log2(150 / 27.5), abs=0.3)
    assert high[pitch] - low[pitch] == pytest.approx(12, abs=0.3)  # an octave
    assert low[level] - quiet[level] == pytest.approx(20 * np.log10(2), abs=0.1)


def test_the_shortest_clip_and_silence() -> None:
    pytest.importorskip("opensmile")
    encoder = make()
    assert encoder(torch.from_numpy(noisy(150.0, samples=SHORTEST))[None]).isfinite().all()
    assert encoder(torch.zeros(1, 16000)).isfinite().all()
    with pytest.raises(InputError, match=f"openSMILE, which needs {SHORTEST}"):
        encoder(torch.zeros(1, SHORTEST - 1))


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opensmile", None)
    assert_refused(("opensmile", "pip install", "licence"), Functionals, "eGeMAPSv02")


def test_the_licence_is_said_when_it_is_used(caplog: pytest.LogCaptureFixture) -> None:
    pytest.importorskip("opensmile")
    caplog.set_level(logging.INFO, "fairser")
    make()
    assert "audEERING Research License" in caplog.text
