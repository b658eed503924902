"""A small synthetic corpus in the format of CREMA-D with the labels of EMO-SUPERB.

eSpeak NG speaks the twelve sentences of CREMA-D, prosody expresses the emotion, and raters are
simulated. The readers of the real corpus read it unchanged. It shows the finding of the paper:
both women and happy or fearful speech have a high pitch, so a model trained on a gender-biased
part of it takes gender for emotion. It says nothing about real people. eSpeak NG is licensed under
GPL-3 (see :mod:`fairser.corpora.espeak`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from fairser.core.files import sha256, write_text
from fairser.corpora import emosuperb
from fairser.corpora.clips import ClipTable
from fairser.corpora.espeak import Prosody, Recording, write_recordings

CORPUS = {"title": "demo", "lists": "labels", "made": True, "order": 5}
SEED = 2027  # at which each class has the dominant gender of CREMA-D (a test states it)
FOLDS = 5
CLASSES = ("angry", "sad", "disgust", "fear", "neutral", "happy")  # the order of EMO-SUPERB
GENDERS = ("Male", "Female")
VOICES = {"Male": range(1, 9), "Female": range(1, 6)}  # en-us+m1 ... m8 and en-us+f1 ... f5

SENTENCES = {
    "IEO": "It's eleven o'clock.",
    "TIE": "That is exactly what happened.",
    "IOM": "I'm on my way to the meeting.",
    "IWW": "I wonder what this is about.",
    "TAI": "The airplane is almost full.",
    "MTI": "Maybe tomorrow it will be cold.",
    "IWL": "I would like a new alarm clock.",
    "ITH": "I think I have a doctor's appointment.",
    "DFA": "Don't forget a jacket.",
    "ITS": "I think I've seen this before.",
    "TSI": "The surface is slick.",
    "WSI": "We'll stop in a couple of minutes.",
}


@dataclass(frozen=True)
class Emotion:
    """An acted emotion at full intensity."""

    dominant: str  # the gender that acts it more clearly
    prosody: Prosody
    votes: tuple[float, ...]  # shares of the votes it receives, in the order of CLASSES


# Happy and fear share their high pitch with women, angry and disgust their low pitch with men.
EMOTIONS = {
    "ANG": Emotion("Male", Prosody(1.15, -6, 20, 12, 0.4), (0.70, 0.02, 0.19, 0.03, 0.04, 0.02)),
    "DIS": Emotion("Male", Prosody(0.80, -10, 10, -3, 0.8), (0.20, 0.05, 0.65, 0.02, 0.07, 0.01)),
    "FEA": Emotion("Female", Prosody(1.3, 15, -25, -8, 0.3), (0.02, 0.21, 0.03, 0.66, 0.05, 0.03)),
    "HAP": Emotion("Female", Prosody(1.1, 15, 30, 8, -0.5), (0.03, 0.02, 0.02, 0.05, 0.18, 0.70)),
    "NEU": Emotion("Male", Prosody(1.00, 0, 0, 0, 0.0), (0.03, 0.10, 0.05, 0.04, 0.75, 0.03)),
    "SAD": Emotion(
        "Female", Prosody(0.75, -5, -25, -13, -0.6), (0.01, 0.66, 0.04, 0.1, 0.18, 0.01)
    ),
}
SENTENCES_EACH = 5  # clips of a speaker in each emotion
INTENSITY = {True: 0.85, False: 0.70}  # mean, of the dominant gender and of the other
FAINT = (0.09, 0.13, 0.09, 0.09, 0.54, 0.06)  # votes for speech of intensity 0
PITCH = {"Male": 60, "Female": 30}  # mean; at eSpeak's 50 for both, men and women hardly overlap
LEVEL = -32  # dB relative to full scale, of neutral speech
NOISE = (0.06, 5, 8, 1, 0.05)  # standard deviations of a clip's prosody


@dataclass(frozen=True)
class Speaker:
    """A speaker's row of the demographics, fold and voice."""

    name: str
    gender: str
    age: int
    race: str
    ethnicity: str
    group: int  # the fold that tests the speaker, from 0
    voice: str
    prosody: Prosody  # of neutral speech


@dataclass(frozen=True)
class Clip:
    """One clip to be spoken, and its label values in the order of CLASSES."""

    recording: Recording
    speaker: Speaker
    labels: list[float]


def make_demo_corpus(folder: Path, n_speakers: int = 40) -> None:
    """Write AudioWAV, labels, VideoDemographics.csv and AudioWAV.tsv; each run the same bytes.

    The list of files, AudioWAV.tsv (name, SHA-256, bytes), is written last: if it exists, the
    corpus is complete.
    """
    listing = folder / "AudioWAV.tsv"
    listing.unlink(missing_ok=True)
    speakers = make_speakers(n_speakers)
    clips = [clip for speaker in speakers for clip in make_clips(speaker)]
    audio = folder / "AudioWAV"
    write_recordings(audio, [clip.recording for clip in clips], SEED, 2)
    write_tables(folder, speakers, clips)
    names = sorted(clip.recording.file for clip in clips)
    rows = [f"{n}\t{sha256(audio / n)}\t{(audio / n).stat().st_size}\n" for n in names]
    write_text(listing, "".join(rows))


def make_speakers(n_speakers: int) -> list[Speaker]:
    """Men and women in turn, spread evenly over the folds; ages and races much as in CREMA-D."""
    if n_speakers < 2 * FOLDS or n_speakers % 2:
        raise ValueError(f"n_speakers is {n_speakers}, but must be even and at least {2 * FOLDS}.")
    rng = np.random.default_rng([SEED, 0])
    # Of 91 speakers of CREMA-D, 22 are African American, 7 Asian, 1 unknown; 59 % are under 36.
    races = ["African American"] * round(0.24 * n_speakers) + ["Asian"] * round(0.08 * n_speakers)
    races += ["Unknown"] + ["Caucasian"] * (n_speakers - len(races) - 1)
    ages = 20 + 54 * np.linspace(0, 1, n_speakers) ** 2.4
    rng.shuffle(races)
    rng.shuffle(ages)
    speakers = []
    for i, (race, age) in enumerate(zip(races, ages.round().astype(int).tolist(), strict=True)):
        gender = GENDERS[i % 2]
        voice = f"en-us+{gender[0].lower()}{rng.choice(VOICES[gender])}"
        prosody = rng.normal([175, PITCH[gender], 50, LEVEL, 0], [10, 8, 8, 1, 0.06])
        prosody[:2] -= np.array([0.4, 0.1]) * (age - 35)  # the elderly: slower, somewhat lower
        ethnicity = "Hispanic" if i % 10 == 7 else "Not Hispanic"
        person = (str(2001 + i), gender, age, race, ethnicity)  # CREMA-D has 1001 to 1091
        speakers.append(Speaker(*person, i // 2 % FOLDS, voice, Prosody(*prosody)))
    return speakers


def make_clips(speaker: Speaker) -> list[Clip]:
    """The clips of one speaker: each emotion in sentences drawn for it."""
    rng = np.random.default_rng([SEED, 1, int(speaker.name)])
    clips = []
    for code, emotion in EMOTIONS.items():
        mean = INTENSITY[emotion.dominant == speaker.gender]
        for sentence in rng.choice(list(SENTENCES), SENTENCES_EACH, replace=False).tolist():
            # The intensity decides both how a clip sounds and what the raters hear.
            intensity = rng.beta(4 * mean, 4 * (1 - mean))
            prosody = speaker.prosody.express(emotion.prosody, intensity, rng.normal(0, NOISE))
            name = f"{speaker.name}_{sentence}_{code}_XX.wav"
            recording = Recording(name, SENTENCES[sentence], speaker.voice, prosody)
            clips.append(Clip(recording, speaker, _judge(intensity, emotion, rng)))
    return clips


def _judge(intensity: float, emotion: Emotion, rng: np.random.Generator) -> list[float]:
    """Smoothed shares of the votes of 9 to 11 raters, who hear a weak emotion as neutral."""
    heard = intensity * np.array(emotion.votes) + (1 - intensity) * np.array(FAINT)
    # The raters of a clip share its ambiguity: the chances are drawn once for all of them.
    votes = rng.multinomial(rng.integers(9, 12), rng.dirichlet(60 * heard))
    return (0.94 * votes / votes.sum() + 0.01).tolist()


def write_tables(folder: Path, speakers: Sequence[Speaker], clips: Sequence[Clip]) -> None:
    """Write the demographics and the label file of each fold: its group of speakers is test."""
    table = pl.DataFrame(
        [
            (c.recording.file, *c.labels, c.speaker.name, c.speaker.gender, c.speaker.group)
            for c in clips
        ],
        ["FileName", *CLASSES, "SpkrID", "Gender", "group"],
        orient="row",
    )
    for fold in range(FOLDS):
        splits = {fold: "Test", (fold + 1) % FOLDS: "Development"}
        split = pl.col("group").replace_strict(splits, default="Train").alias("Split_Set")
        text = table.select(pl.exclude("group"), split).write_csv(float_precision=6)
        write_text(folder / f"labels/labels_consensus_{fold + 1}.csv", text)
    people = pl.DataFrame(
        [(int(s.name), s.age, s.gender, s.race, s.ethnicity) for s in speakers],
        ["ActorID", "Age", "Sex", "Race", "Ethnicity"],
        orient="row",
    )
    write_text(folder / "VideoDemographics.csv", people.write_csv(quote_style="non_numeric"))


def read(corpus: dict[str, Any]) -> ClipTable:
    """The clip table of the corpus that :func:`make_demo_corpus` made."""
    return emosuperb.read(corpus)
