"""A saved model: the folder of a run, or the package that was exported from it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from fairser.audio.waveforms import SAMPLE_RATE
from fairser.config.extensions import extension, use
from fairser.core.checksums import check_files, read_record
from fairser.core.errors import InputError, damaged
from fairser.core.files import sha256
from fairser.core.tensor_files import read_header
from fairser.corpora.names import MULTI, SINGLE
from fairser.methods.base import Method, find_method

WEIGHTS, CONFIG, METRICS = "model.safetensors", "config.json", "metrics.json"
FORMAT = 2  # of config.json
# Settings of the features that a prediction can follow; the model is in a record of its own.
SETTINGS = ("kind", "seconds", "options", "precision", "store", "waveforms", "pooling")
MODEL = ("model", "revision")
PRETRAINED = ("model", "revision", "commit", "files")
RUN = "such as results/runs/METHOD/SOURCE/kK/foldF/seedS"


@dataclass(frozen=True)
class SavedModel:
    """What is known of a saved model besides its weights.

    Attributes:
        method: that trained it.
        classes: names of the C classes, in the order of the logits.
        task: ``single_label`` or ``multi_label``.
        threshold: with several labels per clip, a class is predicted above this probability; None
            with one label, where the most probable class is.
        encoder: settings of its features: ``kind``, ``seconds`` and, with a pre-trained model,
            ``precision``, ``store``, ``waveforms``.
        waveforms: ``mean`` and ``std`` of the samples of the corpus.
        pretrained: record of the encoder's model: ``model``, ``revision``, ``commit``, ``files``
            with their SHA-256 and, in a run, ``folder``; None for an encoder without one.
        adapters: settings of the encoder's adapters, None where it was not trained.
    """

    method: str
    classes: tuple[str, ...]
    task: str
    threshold: float | None
    encoder: dict[str, Any]
    waveforms: dict[str, float]
    pretrained: dict[str, Any] | None
    adapters: dict[str, Any] | None


def read_saved_model(folder: str | Path) -> tuple[SavedModel, dict[str, torch.Tensor]]:
    """A saved model and its tensors.

    Raises:
        InputError: the folder holds no model, or one that can't predict; its weights are damaged
            or not those of the package.
    """
    folder = Path(folder)
    path = folder / WEIGHTS
    saved = _of_package(folder) if is_package(folder) else _of_run(folder)
    _check_code(saved, folder)
    try:
        read_header(path)  # of names that are there twice, the library takes one
        return saved, load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise InputError(
            f"{path}: not readable as safetensors ({error}); make or copy it again."
        ) from error


def is_package(folder: Path) -> bool:
    """Whether a folder is an exported package, which may lack a file."""
    named = (folder / CONFIG).is_file() or (folder / "fairser").is_dir()
    return named and not (folder / METRICS).is_file()


def read_metrics(folder: Path) -> dict[str, Any]:
    """``metrics.json`` of a run of the first study.

    Raises:
        InputError: the folder is no such run, or an incomplete one.
    """
    files = (WEIGHTS, METRICS)
    lacking = [name for name in files if not (folder / name).is_file()]
    metrics: dict[str, Any] = {}
    if METRICS not in lacking:
        metrics = read_record(folder / METRICS)
    if "objective" in metrics or (folder / "adapter_config.json").is_file():
        model = metrics.get("settings", {}).get("model", "MODEL")
        raise InputError(
            f"{folder} is a run of the second study (a speech LLM), whose model needs no export: "
            f"load {model} with transformers and, after a training, its adapters with "
            f"`peft.PeftModel.from_pretrained(model, '{folder}')`; docs/minmaxgap.md has the "
            "prompts and label words."
        )
    if metrics.get("method") == "random":
        raise InputError(
            f"{folder} is a run of Random, which draws its predictions: it has no model. Name the "
            "run of another method."
        )
    if len(lacking) == len(files):
        below = next((path.parent for path in folder.rglob(WEIGHTS)), None)
        found = f" Below it is, for example, {below}." if below else ""
        raise InputError(
            f"{folder} is no run: there is no {WEIGHTS}. Name the folder of a run, {RUN}.{found}"
        )
    if lacking:
        raise InputError(
            f"{folder} lacks {lacking[0]}: the run is not complete. Run `snakemake` again, which "
            "completes it."
        )
    check_files(folder / METRICS, metrics, [WEIGHTS])
    return metrics


def _of_run(folder: Path) -> SavedModel:
    metrics = read_metrics(folder)
    try:
        own = metrics["config"]["encoder"]
        use(metrics["config"].get("plugins", []))
        # Features of the user's own have no record.
        made = metrics["features"] or {"settings": {"kind": own["kind"]}, "model": None}
        classes, task = tuple(metrics["f1_by_class"]), metrics["task"]
        return SavedModel(
            method=metrics["method"],
            classes=classes,
            task=task,
            # as fairser.evaluation.metrics.decide
            threshold=None if task == SINGLE else 1 / len(classes),
            encoder={name: v for name, v in made["settings"].items() if name not in MODEL},
            waveforms=made.get("waveforms", {"mean": 0.0, "std": 1.0}),
            pretrained=made["model"],
            adapters=metrics["config"]["lora"] if own["finetune"] else None,
        )
    except (KeyError, TypeError, ZeroDivisionError) as error:
        raise damaged(folder / METRICS, f"no record of a run: {error!r}") from error


def _of_package(folder: Path) -> SavedModel:
    use([])  # its own copies of plugins are built in
    path = folder / CONFIG
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        expected = {"format": FORMAT, "sampling_rate": SAMPLE_RATE}
        for name, value in expected.items():
            if config[name] != value:
                raise InputError(
                    f"{path}: '{name}' is {config[name]}, this code supports {value}. Use the code "
                    "that came with it."
                )
        digest, task = config["weights"]["sha256"], config["task"]
        if task not in (SINGLE, MULTI):
            raise ValueError(f"no task {task!r}")
        saved = SavedModel(
            method=config["method"],
            classes=tuple(config["classes"]),
            task=task,
            threshold=None if task == SINGLE else float(config["threshold"]),
            encoder=dict(config["encoder"]),
            waveforms={name: float(config["waveforms"][name]) for name in ("mean", "std")},
            pretrained=config["pretrained"] and {n: config["pretrained"][n] for n in PRETRAINED},
            adapters=config["adapters"],
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path} does not describe a model ({error!r}). Copy the package again."
        ) from error
    weights = folder / WEIGHTS
    if not weights.is_file():
        raise InputError(f"{folder} lacks {WEIGHTS}. Copy the package again.")
    if (found := sha256(weights)) != digest:
        raise InputError(
            f"{weights} is not the file of this package: its SHA-256 is {found}, expected "
            f"{digest}. Copy the package again."
        )
    return saved


def _check_code(saved: SavedModel, folder: Path) -> None:
    """Refuse a model that this code lacks parts of, before anything is imported by name."""
    kind = saved.encoder.get("kind")
    try:
        extension("METHOD", str(saved.method))
        if kind != "precomputed":
            extension("ENCODER", str(kind))
    except InputError as error:
        raise InputError(f"{folder}: {error} Use the code that trained the model.") from error
    if unknown := sorted(set(saved.encoder) - set(SETTINGS)):
        raise InputError(
            f"{folder}: this code does not know the setting '{unknown[0]}' of the features. Use "
            "the code that trained the model."
        )
    if extension("METHOD", saved.method)["groups"] == "test":
        raise InputError(
            f"{folder}: the predictions of the method '{saved.method}' depend on the group of the "
            "clip, which a saved model does not know. Name the run of another method; that of erm "
            "has the same model without group thresholds."
        )
    method = find_method(saved.method)
    unused = ("build", "logits", "probabilities")
    if own := [name for name in unused if getattr(method, name) is not getattr(Method, name)]:
        raise InputError(
            f"The method '{saved.method}' overrides '{own[0]}', which a saved model does not use. "
            "Give it a 'new_model' whose call gives the logits; "
            "workflow/fairser/methods/lff.py is an example."
        )
