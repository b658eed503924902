"""Emotion probabilities of audio files, predicted by a saved model, as csv.

    python scripts/predict.py --run results/runs/erm/none/k1/fold1/seed0 --out out.csv clip.wav

Each row is a file: its path, the probability of each class, and the prediction: the most probable
class or, by a model of several labels per clip, all classes above 1 divided by their number with
semicolons between them. Files that can't be used are listed at the end; the exit status is then 1,
or 2 if no file can be used. scripts/audit.py reads the rows as they are.
"""

import argparse
import csv
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TextIO

import torch

from fairser.commands.base import FOUND, command, new_parser, progress_on_stderr
from fairser.core.errors import InputError
from fairser.core.files import complete, write_text
from fairser.core.jobs import Progress
from fairser.inference import audformat_table
from fairser.inference.classifier import Classifier
from fairser.inference.predicting import Prediction, audio_files, load, predictions
from fairser.inference.saved_model import SavedModel, read_saved_model

# Exported packages have this module only for models of precomputed features.
STORE = "fairser.extraction.store"
CHUNK = 1024  # rows of given features that are read together

Predictions = tuple[Iterator[Prediction], int, SavedModel]  # with their number and the model


def parser(package: Path | None = None) -> argparse.ArgumentParser:
    """The arguments; ``package`` is the folder of the exported package, None in the workflow."""
    made = new_parser("predict", __doc__)
    add = made.add_argument
    if package:
        made.prog, made.description = "predict.py", (__doc__ or "").splitlines()[0]
        made.set_defaults(run=package)
    else:
        text = "folder of a run, or of an exported package"
        add("--run", required=True, type=Path, help=text)
    add("audio", nargs="*", metavar="AUDIO", help="audio files, and folders of them")
    add("--out", default="-", metavar="CSV", help="file to write; - (the default) prints")
    text = "write a database in audformat instead: db.yaml and db.predictions.csv"
    add("--audformat", type=Path, metavar="FOLDER", help=text)
    text = "for the encoder (default: auto)"
    add("--device", default="auto", choices=("auto", "cuda", "mps", "cpu"), help=text)
    text = "folder of the pre-trained encoder, if it is not found (offline)"
    add("--model", type=Path, metavar="FOLDER", help=text)
    if find_spec(STORE):
        text = (
            "features to predict from instead of audio: safetensors, clip x layer x dim, as those "
            "of the training; they are standardised with its statistics"
        )
        add("--features", type=Path, metavar="FILE", help=text)
        text = "clips of the rows of --features (default: clips.csv beside them)"
        add("--clips", type=Path, metavar="CSV", help=text)
    return made


@command
def main(arguments: Sequence[str] | None = None) -> int:
    return _run(parser().parse_args(arguments))


@command
def packaged(arguments: Sequence[str] | None = None) -> int:
    """The command of an exported package, which predicts by its own model."""
    return _run(parser(Path(__file__).parents[2]).parse_args(arguments))


def _run(given: argparse.Namespace) -> int:
    features = getattr(given, "features", None)
    if bool(given.audio) == bool(features):
        raise InputError("Name either audio files or folders, or --features.")
    folder = given.audformat
    if folder and given.out != "-":
        raise InputError("Name either --out or --audformat.")
    clips, total, saved = _from_features(given) if features else _from_audio(given)
    out = str(folder / audformat_table.TABLE) if folder else given.out
    faults = []
    try:
        with progress_on_stderr(), _output(out) as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["file" if folder else "clip", *saved.classes, "prediction"])
            # On a terminal, the rows show the progress.
            with nullcontext() if file.isatty() else Progress(total, "clips") as progress:
                for one in clips:
                    if one.fault is None:
                        name = one.clip
                        if folder and not features:
                            name = audformat_table.place(name, folder)
                        values = map(str, one.probabilities.values())
                        writer.writerow([name, *values, ";".join(one.predicted)])
                    else:
                        faults.append(one.fault)
                    if progress:
                        progress.add(1)
            if len(faults) == total:  # an error, so that no file is written
                raise InputError(_listed(faults, total))
        if folder:
            about = f"Emotions by {saved.method}, trained with fair-ser"
            text = audformat_table.header(saved.classes, saved.threshold is None, about)
            write_text(folder / audformat_table.HEADER, text)
    except BrokenPipeError:
        # What reads the rows, such as `head`, has ended; the interpreter must not flush again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FOUND
    if faults:
        print(_listed(faults, total), file=sys.stderr)
    return FOUND if faults else 0


def _listed(faults: list[str], total: int) -> str:
    """The faults, each on a line of its own; bytes that are no UTF-8 become escapes."""
    lines = [f.encode("utf-8", "backslashreplace").decode().split() for f in faults]
    return "\n  ".join(
        [f"{len(faults)} of {total} clips can't be used:", *(" ".join(line) for line in lines)]
    )


def _from_audio(given: argparse.Namespace) -> Predictions:
    total = sum(1 for _ in audio_files(given.audio))  # counted first, so that no list is kept
    predictor = load(given.run, given.device, given.model)
    if predictor.saved.pretrained is None:
        torch.set_num_threads(1)  # as in the extraction: more threads only wait for each other
    return predictor.predict(audio_files(given.audio)), total, predictor.saved


def _from_features(given: argparse.Namespace) -> Predictions:
    saved, tensors = read_saved_model(given.run)
    if saved.adapters:
        raise InputError(
            f"{given.run} trained its encoder, so --features can't be its features. Predict from "
            "audio."
        )
    clips = given.clips or given.features.with_name("clips.csv")
    store = import_module(STORE).open_store(given.features, clips)
    classifier = Classifier(saved, tensors, *store.array.shape[1:])
    names = list(store.row_of)

    def rows() -> Iterator[Prediction]:
        for start in range(0, len(names), CHUNK):
            part = slice(start, start + CHUNK)
            yield from predictions(saved, classifier, names[part], store.read(part))

    return rows(), len(names), saved


@contextmanager
def _output(path: str) -> Iterator[TextIO]:
    """stdout, or a file that appears when it is complete; accepts names that are not UTF-8."""
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
