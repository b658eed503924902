"""Emotion probabilities of audio files by a saved model, as csv.

  scripts/predict.py --run results/runs/erm/none/k1/fold1/seed0 --out out.csv clip.wav folder/

A row per file: its path, the probability of each class, and the classes above the threshold (1
divided by their number) with semicolons between them. Files that can't be used are listed at the
end; the exit status then is 1.
"""

import argparse
import csv
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryFile
from typing import TextIO

import torch

from fairser.commands.base import FOUND, command, new_parser
from fairser.core.errors import InputError
from fairser.core.files import complete
from fairser.core.jobs import Progress, logger
from fairser.inference.classifier import Classifier
from fairser.inference.predicting import Prediction, audio_files, load, predictions
from fairser.inference.saved_model import read_saved_model

STORE = "fairser.extraction.store"  # packages have it only for models on features of one's own
CHUNK = 1024  # rows of given features that are read together


def parser(package: Path | None = None) -> argparse.ArgumentParser:
    """Args:
    package: folder of the package that the command is part of, None in the workflow.
    """
    made = new_parser("predict", __doc__)
    if package:
        made.prog, made.description = "predict.py", (__doc__ or "").splitlines()[0]
        made.set_defaults(run=package)
    else:
        made.add_argument(
            "--run", required=True, type=Path, help="folder of a run, or of an exported package"
        )
    made.add_argument("audio", nargs="*", metavar="AUDIO", help="audio files, and folders of them")
    made.add_argument(
        "--out", default="-", metavar="CSV", help="file to write; - (the default) prints"
    )
    made.add_argument(
        "--device", default="auto", help="of the encoder: auto (the default), cuda, mps or cpu"
    )
    made.add_argument(
        "--model",
        type=Path,
        metavar="FOLDER",
        help="folder of the pre-trained encoder, where it is not found by itself (offline)",
    )
    if find_spec(STORE):
        made.add_argument(
            "--features",
            type=Path,
            metavar="FILE",
            help="features to predict from in place of audio: safetensors, clip x layer x dim, as "
            "those of the training; standardised by its statistics",
        )
        made.add_argument(
            "--clips",
            type=Path,
            metavar="CSV",
            help="clips of the rows of --features (default: clips.csv beside them)",
        )
    return made


@command
def main(arguments: Sequence[str] | None = None) -> int:
    return _run(parser().parse_args(arguments))


@command
def packaged(arguments: Sequence[str] | None = None) -> int:
    """The same as a part of a package, with its model."""
    return _run(parser(Path(__file__).parents[2]).parse_args(arguments))


def _run(options: argparse.Namespace) -> int:
    features = getattr(options, "features", None)
    if bool(options.audio) == bool(features):
        raise InputError("Name audio files or folders, or give --features, one of the two.")
    if features:
        clips, total, classes = _of_features(options.run, features, options.clips)
    else:
        total = sum(1 for _ in audio_files(options.audio))  # counted first, so that none is held
        predictor = load(options.run, options.device, options.model)
        if predictor.saved.pretrained is None:
            torch.set_num_threads(1)  # as in the extraction: more only wait for each other
        clips, classes = predictor.predict(audio_files(options.audio)), predictor.saved.classes
    try:
        with (
            _progress_on_stderr(),
            _output(options.out) as file,
            TemporaryFile("w+", encoding="utf-8") as faults,
        ):
            found = _write(clips, classes, total, file, faults)
            if found:
                file.flush()
                faults.seek(0)
                print(f"{found} of {total} clips can't be used:", file=sys.stderr)
                sys.stderr.writelines(f"  {line}" for line in faults)
    except BrokenPipeError:
        # What reads the rows, such as `head`, has enough; the interpreter must not flush again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FOUND
    return FOUND if found else 0


def _of_features(
    run: Path, features: Path, clips: Path | None
) -> tuple[Iterator[Prediction], int, tuple[str, ...]]:
    """Predictions from given features, the number of clips, and the classes."""
    saved, tensors = read_saved_model(run)
    if saved.adapters:
        raise InputError(
            f"{run} trained its encoder: given features are not those that it makes. Predict from "
            "the audio."
        )
    store = import_module(STORE).open_store(features, clips or features.with_name("clips.csv"))
    classifier = Classifier(saved, tensors, *store.array.shape[1:])
    names = list(store.row_of)

    def rows() -> Iterator[Prediction]:
        for start in range(0, len(names), CHUNK):
            part = slice(start, start + CHUNK)
            yield from predictions(saved, classifier, names[part], store.read(part))

    return rows(), len(names), saved.classes


def _write(
    clips: Iterator[Prediction],
    classes: Sequence[str],
    total: int,
    file: TextIO,
    faults: TextIO,
) -> int:
    """Write rows and faults as they come; returns the number of faults."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["clip", *classes, "decided"])
    found = 0
    # On a terminal the rows are progress enough.
    with nullcontext() if file.isatty() else Progress(total, "clips") as shown:
        for one in clips:
            if one.fault is None:
                row = [one.clip, *map(str, one.probabilities.values()), ";".join(one.decided)]
                writer.writerow(row)
            else:
                faults.write(_line(one.fault))
                found += 1
            if shown:
                shown.add(1)
    return found


def _line(text: str) -> str:
    """A text on one line; bytes that are no UTF-8 as escapes."""
    return " ".join(text.encode("utf-8", "backslashreplace").decode().split()) + "\n"


@contextmanager
def _output(path: str) -> Iterator[TextIO]:
    """stdout, or a file that appears when it is complete; names in other bytes than UTF-8 pass."""
    if path == "-":
        if hasattr(sys.stdout, "reconfigure"):
            sys.stdout.reconfigure(errors="surrogateescape")
        yield sys.stdout
        sys.stdout.flush()
        return
    with (
        complete(path) as temporary,
        temporary.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file,
    ):
        yield file


@contextmanager
def _progress_on_stderr() -> Iterator[None]:
    """Show what this package tells of its progress, and nothing of other libraries."""
    handler, level = logging.StreamHandler(), logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
