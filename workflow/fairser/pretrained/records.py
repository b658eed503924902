"""Records of pre-trained models: their files, where these are, and from which commit.

Models are downloaded ahead of time (:mod:`fairser.pretrained.hub`), because compute nodes often
have no network. Jobs that use a model read only its record, a small JSON file.
"""

import os
import re
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from fairser.core.errors import InputError, damaged
from fairser.core.files import leads_out, read_json, sha256_text, write_json

# As the hub has it: `name` or `owner/name`, without `--` and `..`.
HUB_NAME = re.compile(r"(?!.*(--|\.\.))(\w([\w.-]*\w)?/)?\w([\w.-]*\w)?", re.ASCII)
RUN = "`snakemake download_models`"
RECORDS = "resources/models"


@dataclass(frozen=True)
class Family:
    """Files of a family of models, as patterns of names; files in subfolders never count.

    Attributes:
        title: for messages.
        required: all of them must exist.
        weights: alternatives, the best first; the first one whose first file exists is taken.
        optional: taken if they exist.
    """

    title: str
    required: tuple[str, ...]
    weights: tuple[tuple[str, ...], ...]
    optional: tuple[str, ...] = ()


TRANSFORMERS = Family(
    title="a transformers model",
    required=("config.json",),
    weights=(
        ("model.safetensors",),
        ("model.safetensors.index.json", "model-*-of-*.safetensors"),
        ("pytorch_model.bin",),
        ("pytorch_model.bin.index.json", "pytorch_model-*-of-*.bin"),
    ),
    optional=(
        *("generation_config.json", "*processor_config.json", "chat_template.*"),
        *("tokenizer*.json", "special_tokens_map.json", "added_tokens.json", "vocab.json"),
        *("normalizer.json", "*.txt", "*.model"),
    ),
)
PATTERNS = {
    "transformers": TRANSFORMERS,
    "speech_llm": Family(  # perhaps with an adapter of its own
        title="a transformers model",
        required=TRANSFORMERS.required,
        weights=TRANSFORMERS.weights,
        optional=(*TRANSFORMERS.optional, "adapter_config.json", "adapter_model.safetensors"),
    ),
    # Weights that are read without running code of others.
    "classifier": Family(
        title="a transformers model with weights in safetensors",
        required=("config.json",),
        weights=(
            ("model.safetensors",),
            ("model.safetensors.index.json", "model-*-of-*.safetensors"),
        ),
        optional=("*processor_config.json",),
    ),
    "ecapa": Family(
        title="a SpeechBrain ECAPA-TDNN",
        required=("hyperparams.yaml",),
        weights=(("embedding_model.ckpt",),),
    ),
}


@dataclass(frozen=True)
class Record:
    """Where a model's files are and what they are.

    Attributes:
        model: name on the hub, or a local folder.
        commit: that the revision was at the download; None for a local folder.
        folder: absolute path of the files.
        files: SHA-256 of each file, by name.
    """

    model: str
    revision: str
    commit: str | None
    folder: str
    files: Mapping[str, str]


def is_folder(model: str) -> bool:
    """Whether ``model`` is a local folder: it is no valid name on the hub, or the folder exists."""
    return not HUB_NAME.fullmatch(model) or Path(model).is_dir()


def record_name(model: str, revision: str) -> str:
    """File name of a model's record without extension, such as ``microsoft--wavlm-base@main``.

    Different models and revisions have different names; a folder has one, whatever the revision.
    """
    if is_folder(model):
        folder = absolute(model)
        return f"local-{_plain(folder.name)}-{sha256_text(str(folder))[:8]}"
    plain = _plain(revision)
    mark = "" if plain == revision else f"-{sha256_text(revision)[:8]}"
    return f"{model.replace('/', '--')}@{plain}{mark}"


def record_path(model: str, revision: str) -> str:
    """Path of a model's record, relative to the working directory."""
    return f"{RECORDS}/{record_name(model, revision)}.json"


def local_files(model: str, family: str) -> list[str]:
    """Paths of the files that are used of a local folder; nothing for a model of the hub."""
    folder = absolute(model)
    with suppress(InputError, OSError):  # fetch explains it
        if is_folder(model):
            return [str(folder / name) for name in choose(file_names(folder), family, str(folder))]
    return []


def write_record(path: str | Path, record: Record) -> None:
    """Write the record as JSON; an equal file keeps its modification time."""
    with suppress(InputError):
        if read_record(path) == record:
            return
    write_json(path, asdict(record))


def read_record(path: str | Path) -> Record:
    """The record in a file; InputError if there is none."""
    try:
        return Record(**read_json(path))
    except (OSError, TypeError) as error:
        raise damaged(path, f"no record of a model: {error}") from error


def pins(records: Mapping[str, Record]) -> str:
    """Configuration, as YAML, with the commit of each section's model as its ``revision``."""
    lines = []
    for section, record in records.items():
        if record.commit is None:
            lines.append(f"# {section}: {record.model} is a local folder, which has no commit.")
        else:
            # Quoted, because a commit of digits alone would be a number.
            lines += [f"{section}:", f'  revision: "{record.commit}"  # of {record.model}']
    return "".join(f"{line}\n" for line in lines)


def locate(path: str | Path) -> Path:
    """The folder of the model whose record is at ``path``.

    Raises:
        InputError: the record or a file of the model is missing.
    """
    record = read_record(path)
    for name in record.files:
        if not Path(record.folder, name).is_file():
            raise InputError(
                f"The weights of {record.model} (revision {record.revision}) are not where {path} "
                f"says ({record.folder} lacks {name}). Delete this record and run {RUN}, with the "
                "same HF_HOME."
            )
    return Path(record.folder)


def lacks(names: Collection[str], family: str) -> list[str]:
    """Files of a model of the family that are not among the names."""
    lacking = [name for name in PATTERNS[family].required if name not in names]
    alternatives = [weights[0] for weights in PATTERNS[family].weights]
    return lacking if set(alternatives) & set(names) else [*lacking, " or ".join(alternatives)]


def choose(names: Collection[str], family: str, origin: str) -> list[str]:
    """The files that a model of the family needs, in alphabetical order.

    Raises:
        InputError: a file is missing, or a name leads out of the folder.
    """
    if outside := [name for name in names if leads_out(name) or "\\" in name]:
        raise InputError(
            f"{origin} lists a file {outside[0]!r}, which could lead out of its folder. Nothing "
            "was taken from it. Check 'model' and HF_ENDPOINT."
        )
    wanted = PATTERNS[family]
    if lacking := lacks(names, family):
        raise InputError(
            f"{origin} holds no {', and no '.join(lacking)}; is it {wanted.title}? "
            "Correct 'model' or 'revision'."
        )
    weights = next(weights for weights in wanted.weights if weights[0] in names)
    patterns = (*wanted.required, *weights, *wanted.optional)
    plain = sorted(name for name in names if "/" not in name)
    return [name for name in plain if any(fnmatchcase(name, pattern) for pattern in patterns)]


def file_names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.is_file()]


def absolute(folder: str) -> Path:
    return Path(os.path.normpath(Path(folder).expanduser().absolute()))


def _plain(text: str) -> str:
    """The text without characters that a file name or a wildcard should not have."""
    return re.sub(r"[^\w.-]+", "-", text, flags=re.ASCII)
