"""The files of the pre-trained encoder that a saved model needs, wherever they are now."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fairser.core.errors import InputError
from fairser.core.files import sha256
from fairser.pretrained.hub import fetch
from fairser.pretrained.records import RUN as DOWNLOAD

FAMILY = "transformers"


def find(record: Mapping[str, Any], folder: str | Path | None = None) -> Path:
    """The folder of the encoder's files, after a check of their SHA-256.

    Without ``folder`` they are looked for where the run found them, in the cache of the Hugging
    Face hub, and on the hub.

    Args:
        record: ``model``, ``commit``, ``files`` with their SHA-256 and perhaps ``folder``.
        folder: given by the user.

    Raises:
        InputError: a file is missing or not the recorded one.
    """
    if folder is not None:
        return _checked(Path(folder), record, "Give --model the folder of this model.")
    recorded = record.get("folder")
    if recorded and all(Path(recorded, name).is_file() for name in record["files"]):
        return _checked(Path(recorded), record, "Download it again, or give --model FOLDER.")
    if record["commit"] is None:
        place = f" {recorded}" if recorded else ""
        raise InputError(
            f"The encoder '{record['model']}' was read from a local folder{place}, which is not on "
            "this machine. Give --model the folder that holds its files now."
        )
    return _checked(_from_hub(record), record, "Delete the file and try again.")


def _from_hub(record: Mapping[str, Any]) -> Path:
    from huggingface_hub import try_to_load_from_cache

    model, commit = record["model"], record["commit"]
    cached = [try_to_load_from_cache(model, name, revision=commit) for name in record["files"]]
    if all(isinstance(path, str) for path in cached):
        return Path(str(cached[0])).parent  # a commit's files never change: no need to ask
    try:
        return Path(fetch(model, commit, FAMILY).folder)
    except InputError as error:
        # The user ran a command that needs the model, not the workflow.
        message = str(error).replace(DOWNLOAD, "the same command")
        raise InputError(f"{message} Or give --model FOLDER with the files of {model}.") from error


def _checked(folder: Path, record: Mapping[str, Any], advice: str) -> Path:
    for name, expected in record["files"].items():
        if not (folder / name).is_file():
            raise InputError(f"{folder} lacks {name} of the encoder '{record['model']}'. {advice}")
        if (found := sha256(folder / name)) != expected:
            raise InputError(
                f"{folder / name} is not the file of the encoder '{record['model']}' that the "
                f"model was trained with: its SHA-256 is {found}, expected {expected}. {advice}"
            )
    return folder
