"""Download of pre-trained models: from the Hugging Face hub, its cache, or a local folder.

Files go into the user's Hugging Face cache, where the usual variables put it (HF_HOME,
HF_HUB_CACHE, HF_ENDPOINT, HF_HUB_OFFLINE, HF_TOKEN). The files of a commit never change, so a
second run downloads only missing files, and a broken download goes on where it stopped.
"""

import errno
import json
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from fairser.core.errors import InputError
from fairser.core.files import git_blob_id, is_lfs_pointer, sha256, write_text
from fairser.core.jobs import logger
from fairser.core.words import shortened
from fairser.pretrained.records import (
    PATTERNS,
    RUN,
    Record,
    absolute,
    choose,
    file_names,
    is_folder,
    lacks,
)

DIGEST = re.compile("[0-9a-f]{64}|[0-9a-f]{40}")  # SHA-256; a small file's Git blob id
LOGIN = "log in with `hf auth login` or set HF_TOKEN"


def fetch(model: str, revision: str, family: str) -> Record:
    """The record of a model, after a download of the files that are not in the cache.

    Args:
        model: name on the hub, or a local folder, which is only checked.
        revision: branch, tag or commit; ignored for a folder.
        family: which files are needed, a key of :data:`PATTERNS`.

    Raises:
        InputError: the model or revision does not exist, is gated or not of the family; the hub
            can't be reached, or is not asked (HF_HUB_OFFLINE) and the cache lacks files; a file
            has another checksum than the hub says; the disk is full.
    """
    if is_folder(model):
        return _from_folder(model, revision, family)
    from huggingface_hub import constants

    with _explained(model, revision):
        if constants.is_offline_mode():
            return _from_cache(model, revision, family)
        return _from_hub(model, revision, family)


def find_encoder(record: Mapping[str, Any], folder: str | Path | None = None) -> Path:
    """The folder of the files of a saved model's encoder, after a check of their SHA-256.

    Without ``folder`` they are looked for where the run found them, in the cache of the Hugging
    Face hub, and on the hub.

    Args:
        record: ``model``, ``commit``, ``files`` with their SHA-256 and perhaps ``folder``.
        folder: given by the user.

    Raises:
        InputError: a file is missing or not the recorded one.
    """
    from huggingface_hub import try_to_load_from_cache

    model, commit, recorded = record["model"], record["commit"], record.get("folder")
    if folder is not None:
        return _same(Path(folder), record)
    if recorded and all(Path(recorded, name).is_file() for name in record["files"]):
        return _same(Path(recorded), record)
    if commit is None:
        raise InputError(
            f"The encoder '{model}' was read from a local folder ({recorded or model}), which is "
            "not on this machine. Give --model the folder that holds its files now."
        )
    cached = [try_to_load_from_cache(model, name, revision=commit) for name in record["files"]]
    if all(isinstance(path, str) for path in cached):
        # The files of a commit never change: no need to ask the hub.
        return _same(Path(str(cached[0])).parent, record)
    try:
        return _same(Path(fetch(model, commit, "transformers").folder), record)
    except InputError as error:
        # The user ran a command that needs the model, not the workflow.
        message = str(error).replace(RUN, "the same command")
        raise InputError(f"{message} Or give --model FOLDER with the files of {model}.") from error


def _same(folder: Path, record: Mapping[str, Any]) -> Path:
    for name, expected in record["files"].items():
        file = folder / name
        found = sha256(file) if file.is_file() else "missing"
        if found != expected:
            raise InputError(
                f"{file} is not the file of the encoder '{record['model']}' that the model was "
                f"trained with (SHA-256 {found}, expected {expected}). Download it again, or give "
                "--model another folder with the files of this encoder."
            )
    return folder


def _from_folder(model: str, revision: str, family: str) -> Record:
    folder = absolute(model)
    if not folder.is_dir():
        raise InputError(
            f"There is no folder {folder}. Correct 'model': it is {model!r}, and must be a folder "
            "or a name on the Hugging Face hub, such as owner/name."
        )
    names = choose(file_names(folder), family, str(folder))
    for name in names:
        if is_lfs_pointer(folder / name):
            raise InputError(
                f"{folder / name} is a pointer that Git LFS left in place of the file. "
                "Run `git lfs pull` in the folder."
            )
    _check_parts(folder, names)
    digests = {name: sha256(folder / name) for name in names}
    return Record(model, revision, None, str(folder), digests)


def _from_hub(model: str, revision: str, family: str) -> Record:
    # Not snapshot_download: it downloads in any order, so that a cache which it left incomplete
    # would pass for complete offline, and takes an old snapshot if the hub can't be reached.
    from huggingface_hub import HfApi, constants, hf_hub_download

    timeout = constants.HF_HUB_DOWNLOAD_TIMEOUT
    info = HfApi().model_info(model, revision=revision, files_metadata=True, timeout=timeout)
    listed = {file.rfilename: file for file in info.siblings or ()}
    commit = info.sha or ""
    if not re.fullmatch("[0-9a-f]{40}", commit):
        raise ValueError(f"the hub answers with {commit!r} as the commit of {model}")
    names = choose(listed, family, f"{model} (revision {revision})")
    # The largest last: a cache that holds the weights holds the small files as well.
    names.sort(key=lambda name: listed[name].size or 0)
    for name in names:
        size = (listed[name].size or 0) / 1e6
        logger.info("%s, commit %s: %s (%.1f MB)", model, commit, name, size)
        path = Path(hf_hub_download(model, name, revision=commit))
    known = {name: file.lfs.sha256 if file.lfs else file.blob_id for name, file in listed.items()}
    expected = {name: digest for name, digest in known.items() if digest}  # a mirror may lack some
    digests = _checked(path.parent, names, expected)
    # The cache notes which commit a revision is, for use offline.
    ref = path.parents[2] / "refs" / revision
    if revision != commit and not (ref.is_file() and ref.read_text() == commit):
        with suppress(OSError):  # a cache that others fill may be read-only
            write_text(ref, commit)
    return Record(model, revision, commit, str(path.parent), digests)


def _from_cache(model: str, revision: str, family: str) -> Record:
    from huggingface_hub import constants, try_to_load_from_cache

    cached = try_to_load_from_cache(model, PATTERNS[family].required[0], revision=revision)
    folder = Path(cached).parent if isinstance(cached, str) else None
    names = file_names(folder) if folder else []
    if not folder or (lacking := lacks(names, family)):
        part = f", which lacks {', '.join(lacking)}," if folder else ""
        raise InputError(
            f"{model} (revision {revision}) is not in the Hugging Face cache "
            f"({constants.HF_HUB_CACHE}){part} and HF_HUB_OFFLINE is set. Run {RUN} on a machine "
            "with network, with the same HF_HOME."
        )
    names = choose(names, family, str(folder))
    # A file of the cache is a link to one that is named by its SHA-256, or its Git blob id.
    links = {
        name: (folder / name).readlink().name for name in names if (folder / name).is_symlink()
    }
    expected = {name: link for name, link in links.items() if DIGEST.fullmatch(link)}
    return Record(model, revision, folder.name, str(folder), _checked(folder, names, expected))


def _checked(folder: Path, names: Collection[str], expected: Mapping[str, str]) -> dict[str, str]:
    """SHA-256 of files of the cache; one that is not the expected one is removed.

    Large files are expected by their SHA-256, small ones by their Git blob id.
    """
    digests = {name: sha256(folder / name) for name in sorted(names)}
    for name in [name for name in digests if name in expected]:
        path, wanted, kind, found = folder / name, expected[name], "SHA-256", digests[name]
        if len(wanted) < len(found):
            kind, found = "Git blob id", git_blob_id(path)
        if found != wanted:
            path.resolve().unlink()
            path.unlink(missing_ok=True)
            raise InputError(
                f"{path} was removed: its {kind} is {found}, expected {wanted}. Run {RUN} again "
                "with network, to download it again; if it fails again, check HF_ENDPOINT and the "
                "disk."
            )
    _check_parts(folder, names)
    return digests


def _check_parts(folder: Path, names: Collection[str]) -> None:
    """Refuse weights in several files of which one that the index names is missing."""
    for index in [name for name in names if name.endswith(".index.json")]:
        try:
            weights = json.loads((folder / index).read_text("utf-8"))["weight_map"]
            missing = sorted(set(weights.values()) - set(names))
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise InputError(f"{folder / index} is no index of weights ({error!r}).") from error
        if missing:
            raise InputError(
                f"{folder} lacks {', '.join(shortened(missing, 3))}, named by {index}. Complete "
                f"the folder; {RUN} completes a model of the hub."
            )


@contextmanager
def _explained(model: str, revision: str) -> Iterator[None]:
    """Turn what huggingface_hub raises into an InputError that says what to do."""
    from huggingface_hub import constants, errors

    hub, cache = constants.ENDPOINT, constants.HF_HUB_CACHE
    try:
        yield
    except (errors.HTTPError, errors.XetDownloadError, OSError, ValueError, RuntimeError) as error:
        # "Not in the cache, and no connection" is caused by the connection's error.
        offline = isinstance(error, errors.LocalEntryNotFoundError)
        cause = (error.__cause__ if offline else None) or error
        reason = f"{type(cause).__name__}: {' '.join(str(cause).split())[:300]}"
        code = getattr(cause, "errno", None)
        status = getattr(getattr(cause, "response", None), "status_code", None)
        if isinstance(cause, errors.GatedRepoError):
            advice = f"It is gated: ask for access on its page, {LOGIN}"
        elif isinstance(cause, errors.RevisionNotFoundError):
            advice = f"There is no revision '{revision}': correct 'revision', or 'model'"
        elif isinstance(cause, errors.RepositoryNotFoundError):
            advice = f"There is no model '{model}', or it is private: correct 'model', or {LOGIN}"
        elif code in (errno.ENOSPC, errno.EDQUOT):
            advice = f"The disk of {cache} is full. Free space, or set HF_HOME to a larger disk"
        elif code in (errno.EACCES, errno.EPERM, errno.EROFS):
            advice = f"The cache {cache} is not writable. Set HF_HOME to a folder of your own"
        elif status in (401, 403):
            advice = f"Your token gives no access: {LOGIN}"
        else:
            advice = "Check the network, the proxy and HF_ENDPOINT"
        raise InputError(
            f"{model} (revision {revision}) could not be downloaded from {hub} ({reason}). "
            f"{advice}, and run {RUN} again: files that are complete are kept."
        ) from error
