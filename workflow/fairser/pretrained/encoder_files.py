"""The pre-trained encoder below a trained model: the same files, wherever they are now."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fairser.core.errors import InputError
from fairser.core.files import sha256
from fairser.pretrained.hub import fetch
from fairser.pretrained.records import RUN as DOWNLOAD

FAMILY = "transformers"


def find(record: Mapping[str, Any], folder: str | Path | None = None) -> Path:
    """The folder of the encoder's files, after checking that they are the recorded ones.

    Looked for in ``folder`` if it is given; else where the run found them, in the cache of the
    Hugging Face hub, and on the hub.

    Args:
        record: ``model``, ``commit``, ``files`` with their SHA-256 and perhaps ``folder``.
        folder: given by the user.

    Raises:
        InputError: they are nowhere, or others.
    """
    if folder is not None:
        return _checked(Path(folder), record, "Give --model the folder of this model.")
    recorded = Path(record.get("folder") or "")
    if record.get("folder") and all((recorded / name).is_file() for name in record["files"]):
        return _checked(recorded, record, "Fetch it again, or give --model FOLDER.")
    if record["commit"] is None:
        raise InputError(
            f"The encoder '{record['model']}' came from a folder"
            f"{f' ({recorded})' if record.get('folder') else ''}, which is not here. Give --model "
            "the folder where its files are now."
        )
    return _checked(_from_hub(record), record, "Delete it there and try again.")


def _from_hub(record: Mapping[str, Any]) -> Path:
    from huggingface_hub import try_to_load_from_cache

    model, commit = record["model"], record["commit"]
    cached = [try_to_load_from_cache(model, name, revision=commit) for name in record["files"]]
    if all(isinstance(path, str) for path in cached):
        return Path(str(cached[0])).parent  # a commit's files never change: no need to ask
    try:
        return Path(fetch(model, commit, FAMILY).folder)
    except InputError as error:
        # Here the model is fetched by what the user just ran, not by a rule of the workflow.
        told = str(error).replace(DOWNLOAD, "the same command")
        raise InputError(f"{told} Or give --model FOLDER with the files of {model}.") from error


def _checked(folder: Path, record: Mapping[str, Any], mend: str) -> Path:
    for name, expected in record["files"].items():
        if not (folder / name).is_file():
            raise InputError(f"{folder} lacks {name} of the encoder '{record['model']}'. {mend}")
        if (found := sha256(folder / name)) != expected:
            raise InputError(
                f"{folder / name} is not the file of the encoder '{record['model']}' that the "
                f"model was trained on: its SHA-256 is {found}, expected {expected}. {mend}"
            )
    return folder
