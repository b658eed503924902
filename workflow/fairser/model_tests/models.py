"""The models that can be tested, and what is known of each before it is asked."""

import json
import re
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

from fairser.core.errors import InputError
from fairser.core.files import sha256
from fairser.core.words import joined, shortened
from fairser.model_tests.base import CLEAN, DIMENSIONS, MULTI, SINGLE, Corpus
from fairser.model_tests.reading import DIMENSION_NAMES

PACKAGE, HUGGING_FACE, FUNCTION, COMMAND, PREDICTIONS = KINDS = (
    *("package", "hugging_face", "function", "command"),
    "predictions",
)
CELL = 5  # folders that name a run: method, source, K, fold and seed
BATCH = 16  # clips that a model is asked for at once
FILES = 250  # of a command, which has to start each time
FUNCTION_NAME = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
TABLES = (".parquet", ".csv")  # of ready predictions, the first one that is there
UNNAMED = re.compile(r"LABEL_\d+")  # what transformers calls outputs without a name
KNOWN = (
    "an exported package or a run's folder of this project, a folder or a name (owner/name) of a "
    "Hugging Face audio-classification model, module:function, or a folder with clean.csv or "
    "clean.parquet; --command takes any program"
)


@dataclass(frozen=True)
class ModelSpec:
    """A model that is to be asked.

    Attributes:
        kind: one of :data:`KINDS`.
        target: folder, ``module:function`` or command.
        name: for tables and figures.
        classes: outputs in the order of the model.
        task: that the model has itself; None if it does not say.
        scores: how a Hugging Face model's logits become outputs: softmax, sigmoid or raw.
        identity: what decides its answers, such as digests of its files.
    """

    kind: str
    target: str
    name: str
    classes: tuple[str, ...]
    task: str | None = None
    scores: str = "softmax"
    identity: dict[str, Any] = field(default_factory=dict)

    @property
    def batch(self) -> int:
        return FILES if self.kind in (COMMAND, PREDICTIONS) else BATCH


def find_model(
    model: str | None, command: str | None, classes: Sequence[str] | None, corpus: Corpus
) -> ModelSpec:
    """The model that the user names.

    Args:
        model: a text as :data:`KNOWN` says; None with a command.
        command: a command line with ``{list}`` and ``{output}``.
        classes: names of the outputs in their order; None where the model or its files say them.
        corpus: to be tested, whose spelling of the classes counts.

    Raises:
        InputError: there is no such model, or nobody says what its outputs are.
    """
    if command is not None and model is None:
        return _of_command(command, _named(classes or corpus.outputs, corpus, "The command"))
    if model is None or command is not None:
        raise InputError("Name a model, or a program by --command, but not both.")
    folder = Path(model)
    if folder.is_dir():
        if any((folder / f"{CLEAN}{suffix}").is_file() for suffix in TABLES):
            names = _named(classes or corpus.outputs, corpus, f"The files in {folder}")
            return ModelSpec(PREDICTIONS, str(folder), folder.resolve().name, names)
        if _is_hugging_face(folder):
            return _of_hugging_face(model, classes, corpus)
        return _of_package(folder, classes, corpus)
    if FUNCTION_NAME.fullmatch(model):
        if not classes:
            raise InputError(
                f"{model}: a function does not say what its outputs are. Name them in order by "
                "--classes, such as --classes anger,happiness,neutral."
            )
        return ModelSpec(
            FUNCTION, model, model, _named(classes, corpus, model), None, "raw", _code_of(model)
        )
    name = model.partition("@")[0]
    from fairser.pretrained.records import HUB_NAME

    if not HUB_NAME.fullmatch(name) or folder.suffix in (".py", ".csv", ".zip"):
        raise InputError(f"'{model}' is no model. Name {KNOWN}.")
    return _of_hugging_face(model, classes, corpus)


def _is_hugging_face(folder: Path) -> bool:
    config = folder / "config.json"
    return config.is_file() and "model_type" in _read_config(config)


def _read_config(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path}: not readable as JSON ({error}). Copy the model again."
        ) from error
    return content if isinstance(content, dict) else {}


def _of_package(folder: Path, classes: Sequence[str] | None, corpus: Corpus) -> ModelSpec:
    from fairser.inference.saved_model import WEIGHTS, is_package, read_saved_model

    saved, _ = read_saved_model(folder)
    names = _renamed(saved.classes, classes, corpus, str(folder))
    identity = {
        "weights": sha256(folder / WEIGHTS),
        "method": saved.method,
        "encoder": saved.encoder,
        "waveforms": saved.waveforms,
        "pretrained": saved.pretrained and saved.pretrained["files"],
    }
    # The name of a run's folder is that of its seed alone.
    parts = folder.resolve().parts
    name = parts[-1] if is_package(folder) else "/".join(parts[-CELL:])
    return ModelSpec(PACKAGE, str(folder), name, names, saved.task, "softmax", identity)


def _of_hugging_face(model: str, classes: Sequence[str] | None, corpus: Corpus) -> ModelSpec:
    from fairser.pretrained.hub import fetch

    name, _, revision = (model, "", "") if Path(model).is_dir() else model.partition("@")
    record = fetch(name, revision or "main", "classifier")
    config = _read_config(Path(record.folder, "config.json"))
    labels = config.get("id2label") or {}
    own = [str(labels[key]) for key in sorted(labels, key=int)]
    if not own and not classes:
        raise InputError(f"{model}: its config.json names no outputs. Name them by --classes.")
    names = _renamed(own or classes or (), classes, corpus, model)
    task, scores = SINGLE, "softmax"
    if set(names) <= set(DIMENSION_NAMES):
        task, scores = DIMENSIONS, "raw"
    elif config.get("problem_type") == "multi_label_classification":
        task, scores = MULTI, "sigmoid"
    identity = {"model": record.model, "commit": record.commit, "files": dict(record.files)}
    shown = Path(record.folder).name if record.commit is None else record.model
    return ModelSpec(HUGGING_FACE, record.folder, shown, names, task, scores, identity)


def _of_command(command: str, names: tuple[str, ...]) -> ModelSpec:
    lacking = [name for name in ("{list}", "{output}") if name not in command]
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise InputError(f"--command: {command!r} is no command line ({error}).") from error
    if lacking:
        raise InputError(
            f"--command: {command!r} lacks {joined(lacking)}: the file with a path per line, and "
            "the csv that it is to write."
        )
    files = {word: sha256(word) for word in words if Path(word).is_file()}
    identity = {"command": words, "files": files}
    return ModelSpec(COMMAND, command, command, names, None, "raw", identity)


def _code_of(function: str) -> dict[str, Any]:
    """The file of a function's module and its SHA-256; the module is not run."""
    module = function.partition(":")[0]
    places: Sequence[str] | None = [str(Path.cwd()), *sys.path]
    found = None
    for part in module.split("."):
        found = PathFinder.find_spec(part, places)
        places = found.submodule_search_locations if found else None
        if found is None:
            raise InputError(
                f"{function}: there is no module '{module}' in {Path.cwd()} or among the installed "
                "packages. Run the command in its folder, or correct its name."
            )
    file = Path(found.origin) if found and found.origin else None
    return {"function": function, "file": sha256(file) if file and file.is_file() else None}


def _renamed(
    own: Sequence[str], classes: Sequence[str] | None, corpus: Corpus, origin: str
) -> tuple[str, ...]:
    """A model's names of its outputs, or the user's in the same order."""
    if classes and len(classes) != len(own):
        raise InputError(
            f"{origin} has {len(own)} outputs ({', '.join(shortened(own, 20))}), but --classes "
            f"names {len(classes)}. Name each output, in this order."
        )
    if not classes and all(UNNAMED.fullmatch(name) for name in own):
        raise InputError(
            f"{origin} does not name its {len(own)} outputs ({', '.join(shortened(own, 20))}). "
            "Name them in this order by --classes."
        )
    return _named(classes or own, corpus, origin)


def _named(names: Sequence[str], corpus: Corpus, origin: str) -> tuple[str, ...]:
    """The names of outputs in the spelling of the corpus."""
    if not names:
        raise InputError(
            f"{origin}: neither the model nor the corpus says what the outputs are. Name them by "
            "--classes."
        )
    spelling = {name.casefold(): name for name in corpus.outputs}
    found = tuple(spelling.get(name.strip().casefold(), name.strip()) for name in names)
    if twice := next((name for name in found if found.count(name) > 1), None):
        raise InputError(
            f"{origin}: two outputs are called '{twice}'. Give each a name of its own."
        )
    return found
