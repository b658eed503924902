"""Exporting a run as a package that predicts on another machine, without the workflow."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from importlib import metadata
from pathlib import Path
from typing import Any
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from fairser import __version__
from fairser.audio.waveforms import SAMPLE_RATE
from fairser.config import grid
from fairser.config.extensions import extension
from fairser.core.errors import InputError
from fairser.core.files import check_target_folder, complete, sha256
from fairser.core.places import PACKAGE, ROOT
from fairser.core.provenance import closure, commit
from fairser.inference.model_card import model_card
from fairser.inference.saved_model import (
    CONFIG,
    FORMAT,
    PRETRAINED,
    WEIGHTS,
    SavedModel,
    is_package,
    read_metrics,
    read_saved_model,
)

LICENCE = ROOT / "LICENSE"
COMMAND = "fairser.commands.predict"
# Imported inside functions that no prediction calls.
UNUSED = ("fairser.config.configuration", "fairser.core.yaml_files")
CELL = ("method", "source", "k", "fold", "seed", "best_epoch")
FREE = ("memory_mb", "checkpoint_seconds")  # settings of the training that change no number
EPOCH = (1980, 1, 1, 0, 0, 0)  # date of all files in an archive: equal content, equal bytes

PREDICT = '''\
"""Emotion probabilities of audio files; `python predict.py --help` says more."""

import sys

from fairser.commands.predict import packaged

sys.exit(packaged())
'''


def export(run: str | Path, folder: str | Path, zipped: bool = False) -> list[str]:
    """Write the package of a run and return the names of its files.

    The same run gives the same bytes.

    Args:
        run: folder of the run.
        folder: of the package; is created, or is empty.
        zipped: also write ``folder.zip`` beside it.

    Raises:
        InputError: the run can't predict, or the folder is not empty.
    """
    run, folder = Path(run), Path(folder)
    check_target_folder(folder)
    archive = folder.with_name(f"{folder.name}.zip")
    empty = folder.is_dir() and not folder.is_symlink() and not any(folder.iterdir())
    for path in [*([] if empty else [folder]), *([archive] if zipped else [])]:
        if os.path.lexists(path):
            raise InputError(f"{path} exists already. Name another folder, or remove it.")
    if is_package(run):
        raise InputError(f"{run} is a package already: copy it as it is.")
    metrics = read_metrics(run)
    saved = _portable(read_saved_model(run)[0])
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Written beside its place and then renamed: a package is complete or not there.
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".package.") as temporary:
        made = Path(temporary) / "package"
        made.mkdir()
        _write(made, run, saved, metrics)
        names = sorted(str(p.relative_to(made)) for p in made.rglob("*") if p.is_file())
        if zipped:
            _zip(made, names, folder.name, archive)
        made.replace(folder)
    return names


def modules(saved: SavedModel) -> dict[Path, Path]:
    """Files of the code that a package needs, by their path in it.

    They include those that are found by name at run time. A plugin becomes a built-in module.
    """
    kind = saved.encoder["kind"]
    found = [extension("METHOD", saved.method)]
    found += [extension("ENCODER", kind)] if kind != "precomputed" else []
    named = [COMMAND, *(one.code for one in found)]
    named += ["fairser.extraction.store"] if kind == "precomputed" else []
    named += ["fairser.pretrained.hub"] if saved.pretrained else []
    named += ["fairser.training.finetuning"] if saved.adapters else []
    files = {
        file.relative_to(PACKAGE.parent): file
        for file in closure(named, UNUSED).values()
        if file.is_relative_to(PACKAGE)
    }
    files |= {Path(*one.builtin.split(".")).with_suffix(".py"): one.file for one in found}
    for folder in {folder for path in files for folder in path.parents[:-1]}:
        files[folder / "__init__.py"] = PACKAGE.parent / folder / "__init__.py"
    return dict(sorted(files.items()))


def requirements(saved: SavedModel, versions: Mapping[str, str]) -> list[str]:
    """Pins of the libraries that the modules import: versions of the run, else those here."""
    names = ["torch", "torchaudio", "numpy", "safetensors", "soundfile", "tqdm"]
    names += ["transformers", "huggingface_hub"] if saved.pretrained else []
    names += ["peft"] if saved.adapters else []
    kind = saved.encoder["kind"]
    names += ["polars"] if kind == "precomputed" else extension("ENCODER", kind)["packages"]
    found = {name: versions.get(name) or metadata.version(name) for name in names}
    # What follows a plus, such as +cpu, names a build that the usual index does not have.
    return [f"{name}=={version.split('+')[0]}" for name, version in found.items()]


def _write(folder: Path, run: Path, saved: SavedModel, metrics: Mapping[str, Any]) -> None:
    shutil.copyfile(run / WEIGHTS, folder / WEIGHTS)
    for path, source in modules(saved).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, folder / path)
    texts = {
        CONFIG: json.dumps(_config(folder, saved, metrics), indent=2, allow_nan=False),
        "requirements.txt": "\n".join(requirements(saved, metrics["versions"])),
        "predict.py": PREDICT,
        "README.md": model_card(saved, metrics, run.resolve(), _size(metrics)),
        "LICENSE": LICENCE.read_text(encoding="utf-8"),
    }
    for name, text in texts.items():
        (folder / name).write_text(text.rstrip() + "\n", encoding="utf-8")


def _portable(saved: SavedModel) -> SavedModel:
    """The same without paths of this machine."""
    if saved.pretrained is None:
        return saved
    record = {name: saved.pretrained[name] for name in PRETRAINED}
    record["files"] = dict(sorted(record["files"].items()))
    if record["commit"] is None:
        record["model"] = Path(record["model"]).name
    return replace(saved, pretrained=record)


def _config(folder: Path, saved: SavedModel, metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Content of ``config.json``: what a prediction needs, then where the model comes from."""
    config = metrics["config"]
    training = {name: v for name, v in config["train"].items() if name not in FREE}
    return {
        "format": FORMAT,
        **asdict(saved),
        "sampling_rate": SAMPLE_RATE,
        "weights": {"file": WEIGHTS, "sha256": sha256(folder / WEIGHTS)},
        "provenance": {
            **{name: metrics[name] for name in CELL},
            "corpus": config["corpus"]["kind"],
            "bias": config["bias"],
            "train": training,
            "hyper": grid.hyper(config, saved.method),
            "device": metrics["device"],
            "commit": metrics["commit"],
            "versions": metrics["versions"],
            "exported_by": {"fairser": __version__, "commit": commit()},
        },
    }


def _size(metrics: Mapping[str, Any]) -> float | None:
    """Megabytes of the pre-trained encoder's files, None if one is missing here."""
    record = (metrics["features"] or {}).get("model")
    files = [Path(record["folder"], name) for name in record["files"]] if record else []
    if not files or not all(file.is_file() for file in files):
        return None
    return sum(file.stat().st_size for file in files) / 1e6


def _zip(folder: Path, names: Iterable[str], top: str, archive: Path) -> None:
    """The package's files below a folder ``top``, as they are: weights hardly shrink."""
    with complete(archive) as temporary, ZipFile(temporary, "w", ZIP_STORED) as file:
        for name in names:
            entry = ZipInfo(f"{top}/{name}", EPOCH)
            entry.external_attr = 0o644 << 16
            file.writestr(entry, (folder / name).read_bytes())
