"""Upload of an exported package to the Hugging Face hub, as a model repository."""

from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path

from fairser import __version__
from fairser.core.errors import InputError
from fairser.core.files import read_json, sha256
from fairser.inference.saved_model import CONFIG, WEIGHTS, is_package, read_saved_model
from fairser.pretrained.hub import LOGIN
from fairser.pretrained.records import HUB_NAME

# Files of a package. Others in its folder, such as predictions, stay on this machine.
CODE = "fairser/*.py"
FILES = ("LICENSE", "README.md", CONFIG, WEIGHTS, "predict.py", "requirements.txt", CODE)
# Files that the hub makes with a repository, or its page does.
BLANK = (".gitattributes", "README.md")


def check_push(name: str) -> None:
    """Refuse what could not be uploaded before any work is done; asks nothing of the hub.

    Raises:
        InputError: no name on the hub with an owner, no token, or HF_HUB_OFFLINE.
    """
    from huggingface_hub import constants, get_token

    if name.count("/") != 1 or not HUB_NAME.fullmatch(name):
        raise InputError(
            f"--push {name}: no name of a model on the Hugging Face hub. Write owner/name, such as "
            "your-name/ser-model."
        )
    if constants.is_offline_mode():
        raise InputError(
            f"--push {name}: HF_HUB_OFFLINE is set, and an upload needs the hub. Unset it, or "
            "leave --push out and run the same command on a machine with network."
        )
    if not get_token():
        raise InputError(f"--push {name}: there is no token for the hub; {LOGIN}.")


def is_package_of(folder: Path, run: Path) -> bool:
    """Whether a folder is the package that was exported from a run, with a card that may differ."""
    files = (folder / CONFIG, folder / WEIGHTS, run / WEIGHTS)
    if not is_package(folder) or not all(file.is_file() for file in files):
        return False
    weights = read_json(folder / CONFIG).get("weights") or {}
    return bool(weights.get("sha256") == sha256(run / WEIGHTS))


def push(folder: Path, name: str) -> str:
    """Upload a package in one commit; returns the address of the commit.

    The repository is made if it does not exist, and stays private if it is. If the upload is
    interrupted, nothing is visible; a second call sends what the hub does not have.

    Args:
        folder: of the package.
        name: of the repository, ``owner/name``.

    Raises:
        InputError: the folder holds no whole package, the repository something else, or the hub
            does not take it.
    """
    from huggingface_hub import HfApi

    saved, _ = read_saved_model(folder)  # checks the SHA-256 of the weights
    api = HfApi(library_name="fairser", library_version=__version__)
    with _explained(folder, name):
        api.create_repo(name, exist_ok=True)
        there = [file for file in api.list_repo_files(name) if file not in BLANK]
        if there and not any(fnmatchcase(file, CODE) for file in there):
            raise InputError(
                f"{name} on the hub holds something else ({there[0]}). Nothing was uploaded; name "
                "another repository."
            )
        commit = api.upload_folder(
            repo_id=name,
            folder_path=folder,
            commit_message=f"{saved.method} by fair-ser {__version__}",
            allow_patterns=[*FILES],
            delete_patterns=[CODE],  # modules of an older package
        )
    return str(commit.commit_url)


@contextmanager
def _explained(folder: Path, name: str) -> Iterator[None]:
    """Turn what huggingface_hub raises into an InputError that says what to do."""
    from huggingface_hub import constants, errors

    try:
        yield
    except InputError:
        raise
    except (errors.HTTPError, OSError, ValueError, RuntimeError) as error:
        # "Error while uploading" is caused by the connection's error.
        cause = (error.__cause__ if isinstance(error, RuntimeError) else None) or error
        status = getattr(getattr(cause, "response", None), "status_code", None)
        reason = f"{type(cause).__name__}: {' '.join(str(cause).split())[:300]}"
        if "metadata in README.md" in str(error):
            advice = "Correct the front matter of README.md"
        elif status == 401:
            advice = f"The token is not valid: {LOGIN}"
        elif status in (403, 404):
            advice = f"Your token gives no right to write there: correct the name, or {LOGIN}"
        else:
            advice = "Check the network, the proxy and HF_ENDPOINT"
        raise InputError(
            f"{folder} could not be uploaded to {name} on {constants.ENDPOINT} ({reason}). "
            f"{advice}, and run the same command again: what the hub has is not sent twice."
        ) from error
