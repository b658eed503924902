"""A saved model: the folder of a run, or the package that was exported from it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from fairser.audio.waveforms import SAMPLE_RATE
from fairser.core.errors import InputError
from fairser.core.files import read_json, sha256
from fairser.methods.base import Method, find_method

WEIGHTS, CONFIG, METRICS = "model.safetensors", "config.json", "metrics.json"
FORMAT = 1  # of config.json
# Settings of the features that a prediction can follow; the model is in a record of its own.
SETTINGS = ("kind", "seconds", "precision", "store", "waves", "pooling")
MODEL = ("model", "revision")
PRETRAINED = ("model", "revision", "commit", "files")
RUN = "such as results/runs/METHOD/SOURCE/kK/foldF/seedS"


@dataclass(frozen=True)
class SavedModel:
    """What is known of a saved model besides its weights.

    Attributes:
        method: that trained it.
        classes: names of the C classes, in the order of the logits.
        threshold: a class is decided for above this probability.
        encoder: settings of its features: ``kind``, ``seconds`` and, with a pre-trained model,
            ``precision``, ``store``, ``waves``.
        waves: ``mean`` and ``std`` of the samples of the corpus.
        pretrained: record of the encoder's model: ``model``, ``revision``, ``commit``, ``files``
            with their SHA-256 and, in a run, ``folder``; None for an encoder without one.
        adapters: settings of the encoder's adapters, None where it was not trained.
    """

    method: str
    classes: tuple[str, ...]
    threshold: float
    encoder: dict[str, Any]
    waves: dict[str, float]
    pretrained: dict[str, Any] | None
    adapters: dict[str, Any] | None


def read_saved_model(folder: str | Path) -> tuple[SavedModel, dict[str, torch.Tensor]]:
    """A saved model and its tensors.

    Raises:
        InputError: the folder holds no model, or one that can't predict; its weights are damaged
            or not those of the package.
    """
    folder = Path(folder)
    if (folder / METRICS).is_file():
        try:
            saved = _of_run(read_metrics(folder))
        except (KeyError, TypeError, ZeroDivisionError) as error:
            raise InputError(_no_record(folder, error)) from error
    elif (folder / CONFIG).is_file() and (folder / WEIGHTS).is_file():
        saved = _of_package(folder)
    else:
        raise InputError(_no_model(folder))
    _check_code(saved, folder)
    path = folder / WEIGHTS
    try:
        return saved, load_file(path)
    except (SafetensorError, OSError) as error:
        raise InputError(
            f"{path}: not readable as safetensors ({error}); make or copy it again."
        ) from error


def read_metrics(folder: Path) -> dict[str, Any]:
    """``metrics.json`` of a run of the first study.

    Raises:
        InputError: the folder is no such run, or an incomplete one.
    """
    if not (folder / METRICS).is_file():
        raise InputError(_no_model(folder))
    try:
        metrics = read_json(folder / METRICS)
        speech_llm, method = "objective" in metrics, metrics.get("method")
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise InputError(_no_record(folder, error)) from error
    if speech_llm:
        raise InputError(_speech_llm(folder, metrics))
    if method == "random":
        raise InputError(
            f"{folder} is a run of Random, which draws its predictions: it has no model. Name the "
            "run of another method."
        )
    if not (folder / WEIGHTS).is_file():
        raise InputError(f"{folder} lacks {WEIGHTS}; run `snakemake` again, which completes it.")
    return metrics


def _of_run(metrics: Mapping[str, Any]) -> SavedModel:
    own = metrics["config"]["encoder"]
    # Features of the user's own have no record.
    made = metrics["features"] or {"settings": {"kind": own["kind"]}, "model": None}
    classes = tuple(metrics["f1_by_class"])
    return SavedModel(
        method=metrics["method"],
        classes=classes,
        threshold=1 / len(classes),  # as fairser.evaluation.metrics.positive
        encoder={name: v for name, v in made["settings"].items() if name not in MODEL},
        waves=made.get("waves", {"mean": 0.0, "std": 1.0}),
        pretrained=made["model"],
        adapters=metrics["config"]["lora"] if own["finetune"] else None,
    )


def _of_package(folder: Path) -> SavedModel:
    path = folder / CONFIG
    try:
        config = read_json(path)
        if config["format"] != FORMAT:
            raise InputError(
                f"{path} is of format {config['format']}, this code reads format {FORMAT}. Use the "
                "code that came with it."
            )
        expected, rate = config["weights"]["sha256"], config["sampling_rate"]
        saved = SavedModel(
            method=config["method"],
            classes=tuple(config["classes"]),
            threshold=float(config["threshold"]),
            encoder=dict(config["encoder"]),
            waves={name: float(config["waves"][name]) for name in ("mean", "std")},
            pretrained=config["pretrained"] and {n: config["pretrained"][n] for n in PRETRAINED},
            adapters=config["adapters"],
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path} does not describe a model ({error!r}). Copy the package again."
        ) from error
    if rate != SAMPLE_RATE:
        raise InputError(f"{path}: 'sampling_rate' is {rate}; only {SAMPLE_RATE} is supported.")
    if (found := sha256(folder / WEIGHTS)) != expected:
        raise InputError(
            f"{folder / WEIGHTS} is not the file of this package: its SHA-256 is {found}, expected "
            f"{expected}. Copy the package again."
        )
    return saved


def _check_code(saved: SavedModel, folder: Path) -> None:
    """Refuse a model that this code lacks parts of, before anything is imported by name."""
    kind = saved.encoder.get("kind")
    names: list[tuple[str, str, Any]] = [("methods", "method", saved.method)]
    names += [("encoders", "encoder kind", kind)] if kind != "precomputed" else []
    for room, what, name in names:
        plain = isinstance(name, str) and re.fullmatch(r"[a-z0-9_]+", name)
        if not plain or find_spec(f"fairser.{room}.{name}") is None:
            raise InputError(
                f"{folder}: this code has no {what} {name!r}. Use the code that trained the model."
            )
    if unknown := sorted(set(saved.encoder) - set(SETTINGS)):
        raise InputError(
            f"{folder}: this code does not know the setting '{unknown[0]}' of the features. Use "
            "the code that trained the model."
        )
    method = find_method(saved.method)
    if method.build is not Method.build or method.logits is not Method.logits:
        raise InputError(
            f"The method '{saved.method}' overrides 'build' or 'logits', which a saved model does "
            "not use. Give it a 'new_model' whose call gives the logits; "
            "workflow/fairser/methods/lff.py is an example."
        )


def _no_record(folder: Path, error: Exception) -> str:
    return f"{folder / METRICS} is no record of a run ({error!r}). Delete it and run `snakemake`."


def _no_model(folder: Path) -> str:
    """Why a folder holds no saved model, and what to do."""
    if not folder.is_dir():
        return f"There is no folder {folder}. Name the folder of a run, {RUN}."
    if (folder / "adapter_config.json").is_file():
        return _speech_llm(folder, {})
    if (folder / WEIGHTS).is_file():
        return (
            f"{folder} holds {WEIGHTS}, but no {METRICS}: the run was not evaluated. Run "
            "`snakemake` again, which completes it."
        )
    below = next((path.parent for path in folder.rglob(WEIGHTS)), None)
    found = f" Below it is, for example, {below}." if below else ""
    return f"{folder} is no run: it holds no {WEIGHTS}. Name the folder of a run, {RUN}.{found}"


def _speech_llm(folder: Path, metrics: Mapping[str, Any]) -> str:
    """What to do with a run of the second study."""
    model = metrics.get("settings", {}).get("model", "MODEL")
    start = f"{folder} is a run of the second study (a speech LLM)"
    if metrics.get("objective") == "zero_shot":
        return f"{start} without training: load its model {model} as it is."
    return (
        f"{start}. Its adapters are stored as peft does and need no export: load {model} with "
        f"transformers, then `peft.PeftModel.from_pretrained(model, '{folder}')`; "
        "docs/minmaxgap.md has the prompts and label words."
    )
