"""The configuration: what its keys mean together, and the files that it names."""

import os
import tempfile
from pathlib import Path
from typing import Any

from fairser.config import grid, llm, model_tests
from fairser.config.extensions import extension, extensions, use
from fairser.config.schema import PRECOMPUTED, Config, faults, fill
from fairser.config.values import shown, unusable
from fairser.core.errors import InputError, is_there, not_there

# Corpora that the workflow fetches or makes, each in a folder of its own below this one.
MADE = "resources"
MADE_FOLDS = range(1, 6)
MANIFEST = "manifest"  # the kind of a corpus whose columns the user may name
MANIFEST_FOLDS = 5  # that are made for a manifest without folds, unless `corpus.folds` is set

# Files that each section names where its kind is precomputed.
OWN_FILES = {
    "encoder": ("features", "clips"),
    "embedding": ("features", "clips"),
    "pitch": ("features", "clips"),
    "pseudo": ("probabilities",),
}
# Sections with the settings of extensions that can name files.
SETTINGS = {"SOURCE": "sources", "CORPUS": "corpora"}


def resolve(config: Config) -> Config:
    """The configuration with every default filled in, checked against the schema.

    Raises:
        InputError: with one line for each fault: key, value, what is allowed, the nearest name.
    """
    _refuse(list(unusable(config)))
    folders: Any = config.get("plugins")
    valid = isinstance(folders, list) and all(isinstance(folder, str) for folder in folders)
    use(folders if valid else [])  # the schema refuses what is not a list of texts
    resolved = fill(config)
    if valid:
        resolved["plugins"] = [str(Path(folder).absolute()) for folder in resolved["plugins"]]
    lines = faults(resolved)
    if not lines:
        _fill_paths(resolved["corpus"])
        statistics = resolved["statistics"]
        kind = extension("CORPUS", resolved["corpus"]["kind"])
        statistics["over"] = statistics["over"] or kind["over"]
        llm.fill_paths(resolved)
        lines = _contradictions(resolved)
    _refuse(lines)
    return resolved


def made_folder(corpus: Config) -> str | None:
    """Folder of a corpus that the workflow fetches or makes; None for files of the user's own."""
    folder = f"{MADE}/{corpus['kind']}"
    return folder if corpus["labels"] == f"{folder}/labels" else None


def list_key(corpus: Config) -> str:
    """The key of ``corpus`` that names what lists the clips: ``manifest`` or ``labels``."""
    return str(extension("CORPUS", corpus["kind"])["lists"])


def reader_settings(config: Config) -> Config:
    """What a reader gets: the section ``corpus`` of a resolved configuration, and more.

    A table does not depend on what opens the audio (``follow_links``), nor on the ``licence``.
    ``settings`` are the reader's own, ``stratify`` is the attribute that folds made for a manifest
    are balanced in.
    """
    free = ("follow_links", "licence")
    corpus = {name: value for name, value in config["corpus"].items() if name not in free}
    own = config["corpora"].get(corpus["kind"], {})
    return {**corpus, "settings": own, "stratify": config["bias"]["attribute"]}


def label_files(corpus: Config) -> list[str]:
    """Files in ``corpus.labels`` that tell the clips, in order; of a made corpus, there or not."""
    folder = Path(corpus["labels"])
    if made_folder(corpus):
        return [str(folder / f"labels_consensus_{fold}.csv") for fold in MADE_FOLDS]
    return sorted(str(path) for path in folder.glob(extension("CORPUS", corpus["kind"])["pattern"]))


def check_inputs(config: Config) -> None:
    """Refuse files and folders that the configuration names but that are not there.

    What the workflow makes itself need not be there yet.
    """
    corpus = config["corpus"]
    paths = {name: path for name, path, _ in _needed(config)}
    paths["corpus.demographics"] = corpus["demographics"]
    for constant, key in SETTINGS.items():
        for name, one in extensions(constant).items():
            for setting, path in one.files(config[key].get(name, {})).items():
                paths[f"{key}.{name}.{setting}"] = path
    made = (f"{made_folder(corpus)}/", llm.DEMO)
    lines = [
        not_there(key, path)
        for key, path in paths.items()
        if path is not None and not path.startswith(made) and not is_there(path)
    ]
    _refuse(lines)


def check_audio(corpus: Config) -> None:
    """Refuse a corpus without audio where features are computed from it.

    Raises:
        InputError: says what to name.
    """
    if corpus["audio"] is None:
        raise InputError(
            "'corpus.audio' is null, but every kind except precomputed reads audio. Name its "
            "folder, or set 'embedding.kind', 'pseudo.kind' and 'pitch.kind' to precomputed."
        )


def check_folder(key: str, folder: str | Path) -> None:
    """Refuse a folder that can't be made or written to; nothing is created.

    Raises:
        InputError: names the folder or the part of its path that is in the way.
    """
    name = f"'{key}' is {shown(str(folder))}"
    path = Path(folder)
    try:
        existing = next(p for p in (path, *path.absolute().parents) if p.exists() or p.is_symlink())
    except OSError as error:
        raise InputError(f"{name}, which is no path ({error.strerror}). Name another.") from error
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        raise InputError(
            f"{name}, but '{existing}' is a file or can't be written to. Name another folder or "
            "have its permissions changed."
        )


def make_results(folder: str | Path) -> None:
    """Make the results folder and try to write to it.

    Raises:
        InputError: the system does not allow it; the message holds its reason.
    """
    path = Path(folder)
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise InputError(
            f"'results' is '{folder}', which can't be written to ({error.strerror}). Name another "
            "folder or have its permissions changed."
        ) from error


def _refuse(lines: list[str]) -> None:
    if lines:
        raise InputError("The configuration has faults:\n" + "\n".join(f"  {x}" for x in lines))


def _fill_paths(corpus: Config) -> None:
    """Paths that are null although the kind of corpus says where the files are."""
    if extension("CORPUS", corpus["kind"])["made"] and corpus["labels"] is None:
        folder = f"{MADE}/{corpus['kind']}"
        names = {"labels": "labels", "demographics": "VideoDemographics.csv", "audio": "AudioWAV"}
        for key, name in names.items():
            corpus[key] = corpus[key] or f"{folder}/{name}"
    if list_key(corpus) == "manifest" and corpus["manifest"] and corpus["audio"] is None:
        corpus["audio"] = str(Path(corpus["manifest"]).parent)


def _needed(config: Config) -> list[tuple[str, Any, str]]:
    """Key and value of each path that is needed, and what needs it."""
    corpus, encoder = config["corpus"], config["encoder"]
    key = list_key(corpus)
    needed = [(f"corpus.{key}", corpus[key], f"corpus kind '{corpus['kind']}'")]
    needed += [
        (f"{section}.{name}", config[section][name], f"{section} kind '{PRECOMPUTED}'")
        for section, names in OWN_FILES.items()
        if config[section]["kind"] == PRECOMPUTED
        for name in names
    ]
    if encoder["kind"] != PRECOMPUTED:
        needed.append(("corpus.audio", corpus["audio"], f"encoder kind '{encoder['kind']}'"))
    return needed + llm.needed(config) + model_tests.needed(config)


def _contradictions(config: Config) -> list[str]:
    """Settings that are each allowed but do not go together."""
    lines = [
        f"'{key}' is null; {what} needs it." for key, path, what in _needed(config) if path is None
    ]
    if config["encoder"]["finetune"]:
        lines += _finetuning(config)
    corpus = config["corpus"]
    if corpus["columns"] and corpus["kind"] != MANIFEST:
        lines.append(
            f"'corpus.columns' is set, but corpus kind '{corpus['kind']}' knows its columns; leave "
            f"it out, or set 'corpus.kind' to {MANIFEST}."
        )
    lines += _lost_clusters(config) + grid.faults(config) + llm.faults(config)
    return lines + model_tests.faults(config)


def _lost_clusters(config: Config) -> list[str]:
    """Numbers of clusters that a table asks for and the grid lacks."""
    tables, known = config["tables"], config["grid"]["k"]
    given = {"table1_k": [tables["table1_k"]], "table2_k": tables["table2_k"] or []}
    return [
        f"'tables.{key}' names {k}, but 'grid.k' has {', '.join(map(str, known))}; name one of "
        "these, or set it to null to show all."
        for key, ks in given.items()
        for k in ks
        if k is not None and k not in known
    ]


def _finetuning(config: Config) -> list[str]:
    """What does not go together with training the encoder."""
    encoder, lines = config["encoder"], []
    if encoder["kind"] == PRECOMPUTED or not extension("ENCODER", encoder["kind"])["finetune"]:
        lines.append(
            f"'encoder.finetune' is '{encoder['finetune']}', but encoder kind '{encoder['kind']}' "
            "has nothing to train; set 'encoder.kind' to transformers."
        )
    if encoder["standardise"]:
        lines.append(
            "'encoder.standardise' is true, but features that are trained have no statistics "
            "beforehand; set it to null."
        )
    if config["train"]["together"] != "cell":
        lines.append(
            "'train.together' is 'fold', but a job that trains the encoder trains one cell; set it "
            "to cell."
        )
    allowed = [name for name, one in extensions("METHOD").items() if one["finetune"]]
    lines += [
        f"'grid.{key}' names {method}, which trains heads of its own on pooled features; with "
        f"'encoder.finetune' there are {', '.join(allowed)}."
        for key in ("methods", "sweep")
        for method in config["grid"][key]
        if method not in allowed
    ]
    lines += [
        f"'grid.sources' names {source}, which trains ERM on pooled features; with "
        "'encoder.finetune' there are none. Leave it out, or set 'encoder.finetune' to null."
        for source in config["grid"]["sources"]
        if extension("SOURCE", source)["needs"] == "encoder"
    ]
    return lines
