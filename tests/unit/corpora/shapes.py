"""Small corpora in the shape of real ones: each function writes files and returns ``corpus``.

The values are random (``seed``), the forms are those of the real files: names of files, columns,
classes, numbers of folds, what a speaker's name stands for. A corpus has no audio;
:func:`features` writes features for its clips, so that the whole workflow can run on it.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fairser.corpora.clips import ClipTable
from fairser.corpora.emosuperb import DIMENSIONS
from unit.builders import write_store
from unit.corpora.builders import Rows, write_csv, write_labels

Corpus = dict[str, Any]
GENDERS = ("Female", "Male")
RAVDESS = ["neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised"]
IEMOCAP = [
    "frustrated",
    "angry",
    "sad",
    "disgust",
    "excited",
    "fear",
    "neutral",
    "surprise",
    "happy",
]
IMPROV = {
    "primary": ["angry", "sad", "neutral", "happy"],
    "secondary": [
        "depressed",
        "frustrated",
        "angry",
        "sad",
        "disgust",
        "excited",
        "fear",
        "neutral",
        "surprise",
        "happy",
    ],
}
NNIME = [
    "angry",
    "frustrated",
    "disappointed",
    "sad",
    "fear",
    "neutral",
    "surprise",
    "excited",
    "happy",
    "relax",
    "joy",
]
PODCAST = ["angry", "sad", "disgust", "contempt", "fear", "neutral", "surprise", "happy"]
SMOOTHING = 0.05  # of the label values of EMO-SUPERB


def ravdess(folder: Path, takes: int = 2) -> Corpus:
    """RAVDESS: a manifest with one emotion of eight per clip, 24 actors, and no folds.

    Each actor has ``takes`` clips of each emotion; actors of odd numbers are men.
    """
    rows = [
        {"file": f"Actor_{actor:02}/03-01-{code:02}-01-{take:02}-{actor:02}.wav"}
        | {"speaker": f"{actor:02}", "gender": ("female", "male")[actor % 2], "emotion": emotion}
        for actor in range(1, 25)
        for code, emotion in enumerate(RAVDESS, start=1)
        for take in range(1, takes + 1)
    ]
    return _manifest(folder, rows)


def iemocap(folder: Path, seed: int = 0, clips: int = 20) -> Corpus:
    """IEMOCAP as EMO-SUPERB has it: ``SpkrID`` is a session of a woman and a man, five folds.

    Each of the ten people has ``clips`` clips; fold f tests session f.
    """
    rows = [
        {"FileName": f"Ses{session:02}{gender[0]}_impro{clip % 7 + 1:02}_{gender[0]}{clip:03}.wav"}
        | {"SpkrID": f"{session:02}", "Gender": gender, "fold": session}
        for session in range(1, 6)
        for gender in GENDERS
        for clip in range(clips)
    ]
    return _emosuperb(folder, "IEMOCAP corpus - 9 class", IEMOCAP, rows, seed)


def improv(folder: Path, seed: int = 0, clips: int = 20, labels: str = "primary") -> Corpus:
    """MSP-IMPROV as EMO-SUPERB has it: sessions of two people, six folds, two sets of labels.

    ``labels`` is ``primary`` (4 classes) or ``secondary`` (10); the clips are the same.
    """
    rows = [
        {"FileName": f"MSP-IMPROV-S{clip:02}A-{gender[0]}{session:02}-R-{gender[0] * 2}01.wav"}
        | {"SpkrID": f"{session:02}", "Gender": gender, "fold": session}
        for session in range(1, 7)
        for gender in GENDERS
        for clip in range(1, clips + 1)
    ]
    classes = IMPROV[labels]
    return _emosuperb(folder, f"IMPROV corpus - {len(classes)} classes", classes, rows, seed)


def nnime(folder: Path, seed: int = 0, clips: int = 8) -> Corpus:
    """NNIME (Chinese) as EMO-SUPERB has it: 44 people, 11 classes, a column of files without name.

    Five folds by pairs of people; ``SpkrID`` is a person; there is no ``EmoDom``.
    """
    rows = [
        {"": f"{NNIME[clip % 11]}_{pair:02}_{half}_{clip:03}.wav"}
        | {"SpkrID": str(2 * pair - 1 + number), "Gender": GENDERS[(pair + number) // 2 % 2]}
        | {"fold": pair % 5 + 1}
        for pair in range(1, 23)
        for number, half in enumerate("AB")
        for clip in range(clips)
    ]
    return _emosuperb(folder, "NTHU-NNIME corpus - 11 classes", NNIME, rows, seed)


def msp_podcast(folder: Path, seed: int = 0, speakers: int = 40, clips: int = 6) -> Corpus:
    """MSP-Podcast: one file, test sets Test1 and Test2, some clips of unknown speakers.

    The first quarter of the speakers is tested in Test1, the second in Test2; 12 clips of train and
    6 of each test set have the speaker ``Unknown``.
    """
    splits = ("Test1", "Test2", "Development", "Train")
    of_clip = [(str(n), GENDERS[n % 2], splits[4 * n // speakers]) for n in range(speakers)]
    of_clip = [person for person in of_clip for _ in range(clips)]
    unknown = [*["Train"] * 12, *["Test1"] * 6, *["Test2"] * 6]
    of_clip += [("Unknown", "Unknown", split) for split in unknown]
    rows = [
        {"FileName": f"MSP-PODCAST_{number // 50:04}_{number:04}.wav"}
        | {"SpkrID": name, "Gender": gender, "Split_Set": split}
        for number, (name, gender, split) in enumerate(of_clip)
    ]
    return _emosuperb(folder, "MSP-Podcast v1.11 - 8 classes", PODCAST, rows, seed)


def biic_podcast(folder: Path, seed: int = 0, clips: int = 240) -> Corpus:
    """BIIC-Podcast as EMO-SUPERB has it: neither ``SpkrID`` nor ``Gender``, one file."""
    splits = ("Train", "Train", "Development", "Test")
    rows = [
        {"": f"BIIC-PODCAST_{clip // 12:04}_{clip:04}.wav", "Split_Set": splits[clip // 12 % 4]}
        for clip in range(clips)
    ]
    return _emosuperb(folder, "BIIC-Podcast - 8 classes", PODCAST, rows, seed)


def leave_one_out(folder: Path, speakers: int = 10, takes: int = 3) -> Corpus:
    """A manifest with a fold for each speaker; the next speaker is the fold's development."""
    rows = [
        row | {"fold": 1 + int(row["speaker"][1:])} for row in _rows(speakers, takes, RAVDESS[:4])
    ]
    return _manifest(folder, rows)


def one_fold(folder: Path, speakers: int = 20, takes: int = 3) -> Corpus:
    """A manifest with one fixed split: every other speaker in train, a quarter in test."""
    splits = ("train", "development", "train", "test")
    rows = [
        row | {"split": splits[int(row["speaker"][1:]) // 2 % 4]}
        for row in _rows(speakers, takes, RAVDESS[:4])
    ]
    return _manifest(folder, rows)


def unlabelled(folder: Path, clips: int = 120) -> Corpus:
    """A manifest whose speakers nobody knows (``?``), of one fixed split, with genders."""
    splits = ("train", "development", "train", "test")
    rows = [
        {"file": f"{i:04}.wav", "speaker": "?", "gender": GENDERS[i // 4 % 2]}
        | {"emotion": RAVDESS[i % 4], "split": splits[i // 8 % 4]}
        for i in range(clips)
    ]
    return _manifest(folder, rows)


def features(folder: Path, table: ClipTable, seed: int = 0, dims: int = 8) -> Corpus:
    """Features for the clips of a corpus, partly of their classes: the section ``encoder``."""
    clips = table.clips()
    rng = np.random.default_rng(seed)
    labels = clips.select(table.classes).to_numpy()
    signal = labels @ rng.normal(0, 1, (len(table.classes), dims))
    array = (signal + rng.normal(0, 1, signal.shape)).astype(np.float32)[:, None, :]
    paths = {"features": folder / "features.safetensors", "clips": folder / "features.csv"}
    write_store(*paths.values(), array, clips["clip"].to_list())
    return {"kind": "precomputed"} | {name: str(path) for name, path in paths.items()}


def _rows(speakers: int, takes: int, emotions: Sequence[str]) -> Rows:
    """Speakers s0, s1, ... with ``takes`` clips of each emotion; every second one is female."""
    return [
        {"file": f"s{number}/{emotion}{take}.wav", "speaker": f"s{number}"}
        | {"gender": ("female", "male")[number % 2], "emotion": emotion}
        for number in range(speakers)
        for emotion in emotions
        for take in range(takes)
    ]


def _manifest(folder: Path, rows: Rows) -> Corpus:
    folder.mkdir(parents=True, exist_ok=True)
    path = write_csv(folder / "clips.csv", rows)
    return {"kind": "manifest", "manifest": str(path)}


def _emosuperb(folder: Path, about: str, classes: Sequence[str], rows: Rows, seed: int) -> Corpus:
    """Label files of clips that have ``Split_Set``, or the ``fold`` that tests them."""
    folder.mkdir(parents=True, exist_ok=True)
    content = {
        "data_split_type": {"train": "Train", "dev": "Development", "test": "Test"},
        "categorical": {"emo_type": list(classes)},
        "description": about,
    }
    (folder / "config.json").write_text(json.dumps(content), encoding="utf-8")
    rng = np.random.default_rng(seed)
    # Shares of three raters, smoothed as EMO-SUPERB does it.
    shares = rng.multinomial(3, rng.dirichlet(np.full(len(classes), 0.3), len(rows))) / 3
    values = shares * (1 - SMOOTHING) + (1 - shares) * SMOOTHING / (len(classes) - 1)
    made = []
    for row, value in zip(rows, values, strict=True):
        first, *others = row.items()
        labels = zip(classes, value.round(6).tolist(), strict=True)
        names = ("EmoAct", "EmoVal") if "NNIME" in about else DIMENSIONS
        dimensions = dict.fromkeys(names, 3.0)
        made.append(dict([first]) | dict(labels) | dimensions | dict(others))
    corpus = {"kind": "emosuperb", "labels": str(folder), "audio": str(folder)}
    if "fold" not in rows[0]:
        write_labels(folder, made)
        return corpus
    folds = sorted({row["fold"] for row in rows})
    files = []
    for fold in folds:
        splits = {fold: "Test", fold % len(folds) + 1: "Development"}
        files.append([_split(row, splits) for row in made])
    write_labels(folder, *files)
    return corpus


def _split(row: dict[str, Any], splits: dict[int, str]) -> dict[str, Any]:
    found = dict(row)
    split = splits.get(found.pop("fold"), "Train")
    return found | {"Split_Set": split}
