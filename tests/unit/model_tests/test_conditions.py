"""Conditions against what is measured on their output."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import signal

from fairser.core.errors import InputError
from fairser.model_tests.conditions import background_noise, recording, small_changes
from fairser.model_tests.conditions.catalogue import CONDITIONS, MODULES, choose, entry
from fairser.model_tests.conditions.perturbing import perturb
from fairser.model_tests.conditions.sounds import Sound, generator, mix, power

RATE = 16_000
MODULE_OF = {
    "small_changes": small_changes,
    "background_noise": background_noise,
    "recording": recording,
}
CHANGES_LENGTH = ("added_zeros", "cropping")
# Strengths at which nothing changes; a codec has none.
NEUTRAL: dict[str, dict[str, Any]] = {
    "added_tone": {"hz": 5000, "snr_db": np.inf},
    "added_zeros": {"ms": 0, "side": "start"},
    "clipping": {"share": 0},
    "cropping": {"ms": 0, "side": "end"},
    "gain": {"db": 0},
    "highpass": {"hz": 0},
    "lowpass": {"hz": RATE / 2},
    "faint_white_noise": {"snr_db": np.inf},
    "babble": {"snr_db": np.inf, "voices": 4},
    "coughing": {"snr_db": np.inf},
    "sneezing": {"snr_db": np.inf},
    "music": {"snr_db": np.inf},
    "environment": {"snr_db": np.inf},
    "white_noise": {"snr_db": np.inf},
    "own_noise": {"snr_db": np.inf},
    "other_microphone": {"microphone": "laptop", "scale": 0},
    "tilt_up": {"db_per_octave": 0},
    "tilt_down": {"db_per_octave": 0},
}


def speech(seconds: float = 2.0, seed: int = 0, level: float = 0.1) -> np.ndarray:
    """Noise of the length and the level of speech, which comes and goes."""
    random = np.random.default_rng(seed)
    time = np.arange(round(seconds * RATE)) / RATE
    return (level * random.standard_normal(len(time)) * np.sin(3 * time) ** 2).astype(np.float32)


def impulse(length: int = 2 * RATE) -> np.ndarray:
    wave = np.zeros(length, np.float32)
    wave[length // 2] = 0.5
    return wave


def sound_of(wave: np.ndarray) -> Sound:
    others = [speech(1.0, seed) for seed in range(10, 20)]
    return Sound(
        wave,
        RATE,
        voices=lambda random, count: [others[n] for n in random.permutation(10)[:count]],
        noise=lambda random: others[int(random.integers(10))],
        room=lambda random: np.array([0, 0, 1, 0.5, 0.25], np.float32),
    )


def function(name: str) -> Callable[..., np.ndarray]:
    found: Callable[..., np.ndarray] = getattr(MODULE_OF[MODULES[CONDITIONS[name]["group"]]], name)
    return found


def applied(name: str, wave: np.ndarray, **strength: Any) -> np.ndarray:
    return function(name)(sound_of(wave), generator("clip", name), **strength)


def level_db(found: np.ndarray, hz: float) -> float:
    """Gain of a filter at a frequency, from its answer to an impulse of 0.5."""
    spectrum = np.abs(np.fft.rfft(found.astype(np.float64))) / 0.5
    return float(20 * np.log10(spectrum[round(hz * len(found) / RATE)]))


@pytest.mark.parametrize("name", CONDITIONS)
def test_a_condition_keeps_length_scale_and_form(name: str) -> None:
    for level in (0.02, 1.0):
        wave = speech()
        wave *= level / np.abs(wave).max()
        before = wave.copy()
        found = perturb(entry(name), "clip", sound_of(wave))
        assert found.dtype == np.float32
        assert found.ndim == 1
        assert np.array_equal(wave, before)
        assert np.abs(found).max() <= 1 + 1e-6
        assert (len(found) == len(wave)) == (name not in CHANGES_LENGTH)
        changed = len(found) != len(wave) or not np.array_equal(found, wave)
        assert changed


@pytest.mark.parametrize("name", CONDITIONS)
def test_the_draw_depends_on_clip_and_condition_alone(name: str) -> None:
    wave = sound_of(speech())
    first = [perturb(entry(name), clip, wave) for clip in ("a", "b")]
    again = [perturb(entry(name), clip, wave) for clip in ("b", "a")]
    assert np.array_equal(first[0], again[1])
    assert np.array_equal(first[1], again[0])


def test_clips_draw_different_strengths() -> None:
    lengths = {len(perturb(entry("cropping"), f"{n}", sound_of(speech()))) for n in range(40)}
    assert lengths == {32_000 - n for n in (100, 500, 1000)}


@pytest.mark.parametrize("name", NEUTRAL)
def test_strength_0_changes_nothing(name: str) -> None:
    wave = speech()
    np.testing.assert_allclose(applied(name, wave, **NEUTRAL[name]), wave, atol=1e-6)


@pytest.mark.parametrize(
    "name", ["faint_white_noise", "white_noise", "environment", "music", "babble", "own_noise"]
)
@pytest.mark.parametrize("snr", [0, 10, 35])
def test_the_measured_ratio_is_the_asked_one(name: str, snr: float) -> None:
    wave = speech()
    more = {"voices": 5} if name == "babble" else {}
    noise = applied(name, wave, snr_db=snr, **more).astype(np.float64) - wave
    assert 10 * np.log10(np.mean(wave**2.0) / np.mean(noise**2)) == pytest.approx(snr, abs=0.1)


@pytest.mark.parametrize("name", ["coughing", "sneezing"])
def test_a_burst_has_its_level_while_it_lasts(name: str) -> None:
    wave = speech()
    noise = applied(name, wave, snr_db=10).astype(np.float64) - wave
    heard = np.flatnonzero(noise)
    seconds = (heard[-1] - heard[0]) / RATE
    assert seconds == pytest.approx(0.31 if name == "coughing" else 0.44, abs=0.02)
    burst = noise[heard[0] : heard[-1] + 1]
    assert 10 * np.log10(np.mean(wave**2.0) / np.mean(burst**2)) == pytest.approx(10, abs=0.1)
    short = speech(0.1)
    assert len(applied(name, short, snr_db=10)) == len(short)


def test_a_mix_beyond_full_scale_is_scaled_and_not_clipped() -> None:
    wave = np.clip(speech(level=1.0), -1, 1)
    noise = np.random.default_rng(5).standard_normal(len(wave))
    mixed = mix(sound_of(wave), noise, 0.0).astype(np.float64)
    assert np.abs(mixed).max() == pytest.approx(1, abs=1e-6)
    share, *_ = np.linalg.lstsq(np.stack([wave, noise], 1), mixed, rcond=None)
    parts = np.mean((share[0] * wave) ** 2), np.mean((share[1] * noise) ** 2)
    assert 10 * np.log10(parts[0] / parts[1]) == pytest.approx(0, abs=0.1)
    np.testing.assert_allclose(share[0] * wave + share[1] * noise, mixed, atol=1e-6)


@pytest.mark.parametrize("name", ["white_noise", "babble", "coughing", "added_tone"])
def test_silence_has_no_ratio(name: str) -> None:
    with pytest.raises(InputError, match="clip is silent"):
        perturb(entry(name), "clip", sound_of(np.zeros(RATE, np.float32)))


def test_a_tone_has_its_frequency() -> None:
    wave = speech()
    tone = applied("added_tone", wave, hz=6000, snr_db=40).astype(np.float64) - wave
    assert np.abs(np.fft.rfft(tone)).argmax() * RATE / len(wave) == 6000


@pytest.mark.parametrize(("side", "place"), [("start", slice(500)), ("end", slice(-500, None))])
def test_zeros_and_cuts(side: str, place: slice) -> None:
    wave = speech() + np.float32(1e-3)
    longer = applied("added_zeros", wave, ms=31.25, side=side)
    assert len(longer) == len(wave) + 500
    assert not longer[place].any()
    shorter = applied("cropping", longer, ms=31.25, side=side)
    assert np.array_equal(shorter, wave)
    assert len(applied("cropping", wave[:300], ms=62.5, side=side)) == 150


def test_clipping_cuts_the_share_of_samples() -> None:
    wave = speech()
    found = applied("clipping", wave, share=0.01)
    assert np.sum(found != wave) == 320
    assert np.abs(found).max() == np.sort(np.abs(wave))[-321]


def test_gain_is_in_decibels_and_never_clips() -> None:
    wave = speech()
    for db in (-6, 6):
        ratio = power(applied("gain", wave, db=db)) / power(wave)
        assert 10 * np.log10(ratio) == pytest.approx(db, abs=1e-3)
    full = wave / np.abs(wave).max()
    assert np.abs(applied("gain", full, db=6)).max() == pytest.approx(10 ** (-6 / 20))


@pytest.mark.parametrize(("name", "hz"), [("highpass", 100), ("lowpass", 7000)])
def test_filters_are_3_db_down_at_their_frequency(name: str, hz: float) -> None:
    found = applied(name, impulse(), hz=hz)
    assert level_db(found, hz) == pytest.approx(-3.01, abs=0.05)
    passed, stopped = (4000, 10) if name == "highpass" else (100, 7950)
    assert level_db(found, passed) == pytest.approx(0, abs=0.5)
    assert level_db(found, stopped) < -15


def test_environment_is_pink_and_music_is_tonal() -> None:
    wave = speech(30)
    noise = applied("environment", wave, snr_db=0) - wave
    frequency, density = signal.welch(noise, RATE, nperseg=4096)
    inside = (frequency > 100) & (frequency < 6000)
    slope = np.polyfit(np.log10(frequency[inside]), np.log10(density[inside]), 1)[0]
    assert slope == pytest.approx(-1, abs=0.05)
    tune = applied("music", wave, snr_db=0) - wave
    _, tonal = signal.welch(tune, RATE, nperseg=4096)
    flatness = [np.exp(np.mean(np.log(d))) / np.mean(d) for d in (density, tonal)]
    assert flatness[1] < flatness[0] / 10


# GSM is made for voices: noise becomes softer.
@pytest.mark.parametrize(("name", "loss"), [("phone_mu_law", 0.5), ("phone_gsm", 3)])
def test_a_phone_keeps_its_band_alone(name: str, loss: float) -> None:
    wave = speech(3)
    found = perturb(entry(name), "clip", sound_of(wave)).astype(np.float64)
    frequency, before = signal.welch(wave, RATE, nperseg=1024)
    after = signal.welch(found, RATE, nperseg=1024)[1]
    gain = 10 * np.log10(after / before)
    assert gain[(frequency > 600) & (frequency < 3000)].mean() == pytest.approx(0, abs=loss)
    assert gain[(frequency > 5000) & (frequency < 7500)].max() < -25
    assert gain[frequency < 100].max() < -12
    # Nothing is shifted but by the delay of the band's filter, below 1 ms.
    lag = np.correlate(found[RATE:-RATE], wave[RATE + 100 : -RATE - 100], "valid").argmax() - 100
    assert 0 <= lag <= 16


def test_the_phone_s_band_is_3_db_down_at_its_ends() -> None:
    found = applied("phone_mu_law", impulse(4 * RATE), codec="FLOAT")
    assert level_db(found, 300) == pytest.approx(-3.01, abs=0.1)
    assert level_db(found, 1500) == pytest.approx(0, abs=0.1)
    assert level_db(found, 3400) == pytest.approx(-3.01, abs=0.3)


@pytest.mark.parametrize("name", recording.MICROPHONES)
def test_a_microphone_has_its_curve(name: str) -> None:
    found = applied("other_microphone", impulse(), microphone=name, scale=1.0)
    points = [p for p in recording.MICROPHONES[name] if 250 <= p[0] < 8000]
    found_db = np.array([level_db(found, hz) for hz, _ in points])
    wanted = np.array([db for _, db in points], float)
    # The level of the clip is kept, so that the curve is known up to a constant.
    np.testing.assert_allclose(np.diff(found_db), np.diff(wanted), atol=0.6)
    assert power(found) == pytest.approx(power(impulse()), rel=1e-3)


@pytest.mark.parametrize(("name", "slope"), [("tilt_up", 3.0), ("tilt_down", -3.0)])
def test_a_tilt_is_in_decibels_per_octave(name: str, slope: float) -> None:
    found = applied(name, impulse(), db_per_octave=slope)
    levels = [level_db(found, hz) for hz in (500, 1000, 2000, 4000)]
    np.testing.assert_allclose(np.diff(levels), slope, atol=0.2)


def test_a_room_without_echoes_changes_nothing() -> None:
    response = recording.room_response(RATE, (4.0, 3.0, 2.5), 0.0, (1.0, 1.0, 1.0), 40)
    assert response[0] == np.abs(response).max()
    assert np.abs(response[1:]).max() < 0.02 * response[0]


def test_a_room_has_its_reverberation_time() -> None:
    times = []
    for number, (_, rt60, _, _) in enumerate(recording.ROOMS):
        found = applied("simulated_room", np.roll(impulse(), -RATE + 1), room=number)
        decay = 10 * np.log10(np.cumsum(found[::-1].astype(np.float64) ** 2)[::-1])
        decay -= decay[0]
        start, end = (np.flatnonzero(decay < db)[0] for db in (-5, -25))
        times.append(3 * (end - start) / RATE)  # T20, by Schroeder's integral
        assert times[-1] == pytest.approx(rt60, rel=0.5)
    assert times == sorted(times)


def test_an_own_room_starts_at_its_direct_sound() -> None:
    found = applied("own_room", impulse())
    start = len(found) // 2
    np.testing.assert_allclose(found[start : start + 3] / found[start], [1, 0.5, 0.25], atol=1e-4)
    assert not np.abs(found[:start]).max() > 1e-6


def test_conditions_are_chosen_by_name_and_by_group() -> None:
    everything = [one.name for one in choose(None, {})]
    assert everything == [name for name in CONDITIONS if not name.startswith("own_")]
    own = [one.name for one in choose(None, {"noise": "folder", "rooms": None})]
    assert set(own) - set(everything) == {"own_noise"}
    chosen = [one.name for one in choose(["tilt_up", "small changes"], {})]
    assert chosen == [
        *[n for n in CONDITIONS if CONDITIONS[n]["group"] == "small changes"],
        "tilt_up",
    ]
    with pytest.raises(InputError, match="Did you mean 'babble'"):
        choose(["bable"], {})
    with pytest.raises(InputError, match="--rooms"):
        choose(["own_room"], {})


def test_every_condition_has_a_function() -> None:
    assert all(callable(function(name)) for name in CONDITIONS)


@pytest.mark.parametrize("name", ["babble", "own_noise", "own_room"])
def test_a_condition_says_what_it_lacks(name: str) -> None:
    with pytest.raises(InputError):
        perturb(entry(name), "clip", Sound(speech(), RATE))
