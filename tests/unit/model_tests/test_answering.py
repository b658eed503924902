"""What a model may answer, and what is said of everything else."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from fairser.core.errors import InputError
from fairser.model_tests.adapters import ByClip, open_model
from fairser.model_tests.answering import Answerer, Audio, ask_each, babble_pool
from fairser.model_tests.models import COMMAND, FUNCTION, PREDICTIONS, ModelSpec

CLASSES = ("anger", "joy")
CLIPS = ("a", "b", "c")
ROW = [0.25, 0.75]


def asked(answer: Callable[[Sequence[str]], Any], classes: Sequence[str] = CLASSES) -> Any:
    heard = {clip: np.zeros(4, np.float32) for clip in CLIPS}
    return ask_each(lambda _, clips, __: answer(clips), classes, "gain", heard)


@pytest.mark.parametrize(
    "answer",
    [
        lambda clips: np.array([ROW] * len(clips)),
        lambda clips: [ROW] * len(clips),
        lambda clips: torch.tensor([ROW] * len(clips)),
        lambda clips: np.array([ROW] * len(clips), np.float32),
        lambda clips: ByClip(dict.fromkeys(clips, ROW)),
    ],
)
def test_arrays_of_any_kind(answer: Callable[[Sequence[str]], Any]) -> None:
    assert asked(answer) == (dict.fromkeys(CLIPS, ROW), {})


def test_labels_in_place_of_probabilities() -> None:
    rows, failures = asked(lambda clips: ["joy" if clip == "a" else "rage" for clip in clips])
    assert rows == {"a": [0.0, 1.0]}
    assert failures == dict.fromkeys("bc", "the label 'rage' is no class")


@pytest.mark.parametrize(
    ("row", "part"),
    [
        ([np.nan, 0.5], "nan for 'anger'"),
        ([0.5, np.inf], "inf for 'joy'"),
        ([-3.0, 0.5], "-3 for 'anger'"),
        ([0.5, 1.5], "1.5 for 'joy'"),
    ],
)
def test_a_bad_row_costs_its_clip_alone(row: list[float], part: str) -> None:
    rows, failures = asked(lambda clips: [row if clip == "b" else ROW for clip in clips])
    assert rows == {"a": ROW, "c": ROW}
    assert [*failures] == ["b"]
    assert part in failures["b"]


def test_dimensions_may_have_any_finite_value() -> None:
    rows, _ = asked(lambda clips: [[-3.0, 7.5]] * len(clips), ("arousal", "valence"))
    assert rows["a"] == [-3.0, 7.5]


def test_an_exception_costs_its_clip_alone() -> None:
    calls = []

    def answer(clips: Sequence[str]) -> Any:
        calls.append([*clips])
        if "b" in clips:
            raise RuntimeError("shape\nmismatch")
        return [ROW] * len(clips)

    rows, failures = asked(answer)
    assert rows == {"a": ROW, "c": ROW}
    assert failures == {"b": "RuntimeError: shape mismatch"}
    assert calls == [["a", "b", "c"], ["a"], ["b"], ["c"]]


@pytest.mark.parametrize(
    ("answer", "part"),
    [
        (lambda clips: np.zeros((len(clips), 3)), "shape (1, 3)"),
        (lambda clips: np.zeros(2), "shape (2,)"),
        (lambda clips: None, "type object"),
        (lambda clips: ByClip({clip: [0.5] for clip in clips}), "1 values for 2 classes"),
        (lambda clips: ByClip(), "no row"),
    ],
)
def test_a_wrong_shape_is_told_for_each_clip(
    answer: Callable[[Sequence[str]], Any], part: str
) -> None:
    rows, failures = asked(answer)
    assert not rows
    assert [*failures] == [*CLIPS]
    assert all(part in message for message in failures.values())


def write_corpus(folder: Path, speakers: Sequence[str | None]) -> Audio:
    """A tone of its own frequency for each clip."""
    clips = []
    for number, speaker in enumerate(speakers):
        time = np.arange(8000) / 16_000
        wave = 0.2 * np.sin(2 * np.pi * 200 * (number + 1) * time)
        soundfile.write(folder / f"c{number}.wav", wave, 16_000)
        clips.append((f"c{number}", f"c{number}.wav", speaker))
    return Audio(str(folder), clips)


def tones(wave: np.ndarray) -> set[int]:
    """Numbers of the clips that are heard in a waveform."""
    spectrum = np.abs(np.fft.rfft(wave))
    return {n for n in range(10) if spectrum[round(200 * (n + 1) * len(wave) / 16_000)] > 20}


def answerer(audio: Audio, monkeypatch: pytest.MonkeyPatch) -> Answerer:
    monkeypatch.setattr("fairser.model_tests.answering.open_model", lambda _: None)
    return Answerer(ModelSpec(FUNCTION, "", "", CLASSES), audio)


def test_babble_has_no_clip_of_the_speaker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    audio = write_corpus(tmp_path, ["s1"] * 3 + ["s2"] * 3)
    (tmp_path / "c4.wav").write_bytes(b"no audio")
    made = answerer(audio, monkeypatch)
    heard = tones(made.changed("babble", "c0"))
    assert heard == {0, 3, 5}  # its own tone, and all others of the other speaker
    assert tones(made.changed("babble", "c3")) == {3, 0, 1, 2}
    assert tones(made.changed("clean", "c3")) == {3}


def test_babble_needs_another_speaker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = answerer(write_corpus(tmp_path, ["s1"] * 3), monkeypatch)
    with pytest.raises(InputError, match="other speakers"):
        made.changed("babble", "c0")
    unknown = answerer(write_corpus(tmp_path, [None] * 3), monkeypatch)
    assert tones(unknown.changed("babble", "c0")) == {0, 1, 2}


def test_the_pool_has_many_speakers_whatever_the_order() -> None:
    clips = [(f"s{n // 100}c{n}", "", f"s{n // 100}") for n in range(500)]
    pool = {clips[number][0] for number in babble_pool(clips)}
    assert pool == {clips[::-1][number][0] for number in babble_pool(clips[::-1])}
    assert sorted(sum(c.startswith(f"s{n}") for c in pool) for n in range(5)) == [
        12,
        13,
        13,
        13,
        13,
    ]


def test_own_noise_and_rooms_are_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    audio = write_corpus(tmp_path, ["s1"])
    for name, wave in (
        ("noise", np.sin(np.pi * np.arange(2000) / 4)),
        ("rooms", np.eye(1, 600)[0]),
    ):
        (tmp_path / name).mkdir()
        soundfile.write(tmp_path / name / "one.wav", 0.5 * wave, 16_000, subtype="FLOAT")
    folders: dict[str, str | None] = {n: str(tmp_path / n) for n in ("noise", "rooms")}
    made = answerer(Audio(audio.folder, audio.clips, folders), monkeypatch)
    clean = made.changed("clean", "c0")
    noise = made.changed("own_noise", "c0") - clean
    assert np.abs(np.fft.rfft(noise)).argmax() == 2000 / 16_000 * len(noise)
    np.testing.assert_allclose(made.changed("own_room", "c0"), clean, atol=1e-6)


def test_a_clip_that_can_t_be_read_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    audio = write_corpus(tmp_path, ["s1", "s2"])
    (tmp_path / "c1.wav").unlink()
    made = answerer(audio, monkeypatch)
    made.ask = lambda _, clips, __: [ROW] * len(clips)
    rows, failures = made.answer("gain", ["c0", "c1"])
    assert rows == {"c0": ROW}
    assert "no such audio file" in failures["c1"]


PROGRAM = """
import pathlib, sys, wave
files = pathlib.Path(sys.argv[1]).read_text().splitlines()
lines = ["file,joy,anger"]
for file in files:
    sound = wave.open(file)
    samples = memoryview(sound.readframes(10)).cast("h")
    lines.append(f"{file},{max(samples) / 32768:.3f},{sound.getframerate() / 32000}")
mode, text = sys.argv[3], "\\n".join(lines) + "\\n"
if mode == "fails": sys.exit("no memory")
if mode == "cut": text = text[:-4]
if mode == "half": text = "\\n".join(lines[:2]) + "\\n"
if mode == "other": text = text.replace("joy", "fear")
if mode == "nothing": sys.exit()
if mode == "word": text = text.replace("0.5\\n", "?\\n", 1)
pathlib.Path(sys.argv[2]).write_text(text)
"""


@pytest.mark.parametrize(
    ("mode", "failed", "part"),
    [
        ("good", "", ""),
        ("fails", "abc", "ended with 1: no memory"),
        ("cut", "c", "cut"),
        ("half", "bc", "no row"),
        ("other", "abc", "no column 'joy'"),
        ("nothing", "abc", "wrote no output.csv"),
        ("word", "a", "'anger' holds '?'"),
    ],
)
def test_a_command_writes_a_csv(tmp_path: Path, mode: str, failed: str, part: str) -> None:
    (tmp_path / "my_model.py").write_text(PROGRAM)
    command = f"python3 -S {tmp_path}/my_model.py {{list}} {{output}} {mode}"
    ask = open_model(ModelSpec(COMMAND, command, "mine", CLASSES))
    waves = [np.full(100, level, np.float32) for level in (0.25, 0.5, 0.75)]
    heard = dict(zip(CLIPS, waves, strict=True))
    # All together, as a batch: a bad row of one must not cost the others.
    rows, failures = ask_each(ask, CLASSES, "gain", heard)
    assert sorted(failures) == [*failed]
    assert all(part in message for message in failures.values())
    levels = {clip: float(wave[0]) for clip, wave in heard.items() if clip not in failed}
    assert {clip: row[0] for clip, row in rows.items()} == dict.fromkeys(levels, 0.5)
    for clip, level in levels.items():
        assert rows[clip][1] == pytest.approx(level, abs=1e-3)


def test_a_command_that_does_not_exist() -> None:
    ask = open_model(ModelSpec(COMMAND, "no-such-program {list} {output}", "mine", CLASSES))
    _, failures = ask_each(ask, CLASSES, "gain", {"a": np.zeros(4, np.float32)})
    assert "no-such-program" in failures["a"]


def test_ready_predictions_are_read_by_clip(tmp_path: Path) -> None:
    (tmp_path / "gain.csv").write_text("clip,joy,anger\nb.wav,1,0\na,0.25,0.75\na,0,1\n")
    ask = open_model(ModelSpec(PREDICTIONS, str(tmp_path), "mine", CLASSES))
    found = ask("gain", ["a", "b", "c"], [])
    assert found["b"] == [0.0, 1.0]
    assert "several rows" in found["a"]
    assert "c" not in found
