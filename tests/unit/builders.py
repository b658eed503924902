"""Small clip tables, feature stores, waveforms and runs that several test files need."""

import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl
import soundfile
import torch
from polars.testing import assert_frame_equal
from safetensors.numpy import save_file

from fairser.core.files import sha256
from fairser.corpora.clips import ClipTable, build
from fairser.extraction.features import Inputs, Statistics
from fairser.extraction.store import FeatureStore, open_store
from fairser.results.writing import SEAL
from fairser.training.train import TrainingResult

CLASSES = ("angry", "happy", "sad")


def clip_table(
    labels: np.ndarray,
    splits: Sequence[str],
    classes: Sequence[str] = CLASSES,
    fold: int = 1,
    **attributes: Sequence[str | None],
) -> ClipTable:
    """Clip table of one fold: clips c000, c001, ..., each of a speaker of its own.

    Args:
        labels: label values [N, C].
        splits: split of each clip; each of the three must occur.
        classes: names of the C classes.
        fold: number of the fold.
        attributes: demographic columns.
    """
    names = [f"c{i:03d}" for i in range(len(labels))]
    frame = pl.DataFrame(
        {
            "clip": names,
            "file": [f"{name}.wav" for name in names],
            "speaker": names,
            "fold": [fold] * len(names),
            "split": list(splits),
            **{name: labels[:, c] for c, name in enumerate(classes)},
            **{name: pl.Series(values, dtype=pl.String) for name, values in attributes.items()},
            "row": [f"labels.csv, row {i + 2}" for i in range(len(names))],
        }
    )
    return build(frame, list(classes), list(attributes), "labels.csv")


def write_store(
    features: str | Path, clips: str | Path, array: np.ndarray, names: Sequence[str]
) -> None:
    """Write features [N, L, D] and the names of their N clips."""
    Path(features).parent.mkdir(parents=True, exist_ok=True)
    save_file({"features": np.ascontiguousarray(array)}, features)
    pl.DataFrame({"clip": list(names)}).write_csv(clips)


def feature_store(folder: Path, array: np.ndarray, names: Sequence[str]) -> FeatureStore:
    """Features [N, L, D], written to ``folder`` and opened."""
    paths = folder / "features.safetensors", folder / "clips.csv"
    write_store(*paths, array, names)
    return open_store(*paths)


class Doubled:
    """Inputs whose features are float64, so that the whole training is."""

    def __init__(self, inputs: Inputs) -> None:
        self.inputs = inputs

    def fold(
        self, clips: Iterable[str], train: np.ndarray, seed: int
    ) -> tuple[torch.Tensor, Statistics]:
        features, statistics = self.inputs.fold(clips, train, seed)
        assert isinstance(features, torch.Tensor)
        return features.double(), statistics


def write_noise(folder: Path, clips: Mapping[str, tuple[float, int]]) -> None:
    """Wavs of noise that differ: seconds and rate by file name."""
    random = np.random.default_rng(0)
    for name, (seconds, rate) in clips.items():
        soundfile.write(folder / name, random.normal(0, 0.1, round(seconds * rate)), rate)


def assert_same_run(one: TrainingResult, other: TrainingResult) -> None:
    """Two trainings must have come to the same, bit by bit."""
    assert_frame_equal(one.predictions, other.predictions, check_exact=True)
    assert_frame_equal(one.history, other.history, check_exact=True)
    assert one.best_epoch == other.best_epoch
    assert one.tensors.keys() == other.tensors.keys()
    assert all(torch.equal(tensor, other.tensors[name]) for name, tensor in one.tensors.items())


def start_python(code: str, *arguments: object) -> subprocess.Popen[str]:
    """A process of its own that runs some code and can import what the tests can."""
    folders = [folder for folder in sys.path if folder]
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(folders)},
        stdout=subprocess.PIPE,
        text=True,
    )


def sealed(path: Path, content: str | pl.DataFrame) -> Path:
    """A csv as it stands in a results folder, beside its Markdown file."""
    if isinstance(content, str):
        path.write_text(content)
    else:
        content.write_csv(path)
    path.with_suffix(".md").write_text(f"{SEAL.format(sha256(path))}\n")
    return path
