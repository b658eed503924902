"""Fetching pre-trained models: from the Hugging Face hub, its cache, or a folder.

Downloads go into the user's Hugging Face cache, where the usual variables put it (HF_HOME,
HF_HUB_CACHE, HF_ENDPOINT, HF_HUB_OFFLINE, HF_TOKEN). A commit's files never change, so a rerun
fetches only files that are missing, and a connection that breaks is taken up where it broke.
"""

import errno
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from fairser.core.errors import InputError
from fairser.core.files import is_lfs_pointer, read_json, sha256, write_text
from fairser.core.jobs import logger
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

LOGIN = "log in with `hf auth login` or set HF_TOKEN"


def fetch(model: str, revision: str, family: str) -> Record:
    """Download what the Hugging Face cache lacks of a model; a local folder is only checked.

    Args:
        model: name on the hub, or a folder.
        revision: branch, tag or commit; a folder has none.
        family: which files are needed, a key of :data:`PATTERNS`.

    Raises:
        InputError: the model or revision does not exist, needs a login or is not of the family;
            the hub cannot be reached, or may not be (HF_HUB_OFFLINE) while the cache lacks files;
            a file is not what the hub says it is; the disk is full.
    """
    if is_folder(model):
        return _from_folder(model, revision, family)
    from huggingface_hub import constants

    with _explained(model, revision):
        if constants.is_offline_mode():
            return _from_cache(model, revision, family)
        return _from_hub(model, revision, family)


def _from_folder(model: str, revision: str, family: str) -> Record:
    folder = absolute(model)
    if not folder.is_dir():
        raise InputError(
            f"There is no folder {folder}. Mend 'model': it is {model!r}, and should be a folder "
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
    from huggingface_hub import HfApi, constants, hf_hub_download

    timeout = constants.HF_HUB_DOWNLOAD_TIMEOUT
    info = HfApi().model_info(model, revision=revision, files_metadata=True, timeout=timeout)
    listed = {file.rfilename: file for file in info.siblings or ()}
    commit = info.sha or ""
    if not re.fullmatch("[0-9a-f]{40}", commit):
        raise ValueError(f"it gives {commit!r} as the commit of {model}")
    names = choose(listed, family, f"{model} (revision {revision})")
    # The largest last: a cache that holds the weights holds the small files as well.
    names.sort(key=lambda name: listed[name].size or 0)
    digests = {}
    for name in names:
        size = (listed[name].size or 0) / 1e6
        logger.info("%s, commit %s: %s (%.1f MB)", model, commit, name, size)
        path = Path(hf_hub_download(model, name, revision=commit))
        lfs = listed[name].lfs
        digests[name] = _digest(path, lfs.sha256 if lfs else None)
    _check_parts(path.parent, names)
    _remember(path.parents[2] / "refs" / revision, revision, commit)
    return Record(model, revision, commit, str(path.parent), dict(sorted(digests.items())))


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
    _check_parts(folder, names)
    digests = {name: _digest(folder / name, _linked_digest(folder / name)) for name in names}
    return Record(model, revision, folder.name, str(folder), digests)


def _check_parts(folder: Path, names: Collection[str]) -> None:
    """Refuse weights in several files of which the index names one that is not there."""
    for index in [name for name in names if name.endswith(".index.json")]:
        try:
            missing = sorted(set(read_json(folder / index)["weight_map"].values()) - set(names))
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise InputError(f"{folder / index} is no index of weights ({error!r}).") from error
        if missing:
            raise InputError(
                f"{folder} lacks {', '.join(missing[:3])}: {len(missing)} file(s) that {index} "
                f"names. Complete the folder; {RUN} completes a model of the hub."
            )


def _digest(path: Path, expected: str | None) -> str:
    """SHA-256 of a file of the cache, which is removed if it is not the expected one."""
    found = sha256(path)
    if expected not in (None, found):
        path.resolve().unlink()
        path.unlink(missing_ok=True)
        raise InputError(
            f"{path} was not kept: its SHA-256 is {found}, expected {expected}. Run {RUN} again "
            "with network, to fetch the file anew; if it persists, check HF_ENDPOINT and the disk."
        )
    return found


def _linked_digest(path: Path) -> str | None:
    """The SHA-256 that the cache's layout gives to large files: the name that they link to."""
    name = path.readlink().name if path.is_symlink() else ""
    return name if re.fullmatch("[0-9a-f]{64}", name) else None


def _remember(ref: Path, revision: str, commit: str) -> None:
    """Note in the cache, as its layout has it, which commit a revision is, for use offline."""
    if revision == commit or (ref.is_file() and ref.read_text() == commit):
        return
    with suppress(OSError):  # a cache that others fill may be read-only
        write_text(ref, commit)


@contextmanager
def _explained(model: str, revision: str) -> Iterator[None]:
    """Turn what huggingface_hub raises into an InputError that says what to do."""
    from huggingface_hub import constants, errors

    hub, cache = constants.ENDPOINT, constants.HF_HUB_CACHE
    what = f"{model} (revision {revision})"
    try:
        yield
    except errors.GatedRepoError as error:
        message = f"{what} is gated on {hub}. Ask for access on its page, {LOGIN}, and run {RUN}."
        raise InputError(message) from error
    except errors.RevisionNotFoundError as error:
        message = f"{model} has no revision '{revision}' on {hub}. Mend 'revision'"
        raise InputError(f"{message}: a branch, a tag or a commit.") from error
    except errors.RepositoryNotFoundError as error:
        message = (
            f"There is no model '{model}' on {hub} (for revision {revision}), or it is private"
        )
        raise InputError(f"{message}. Mend 'model'; for a private one, {LOGIN}.") from error
    except (errors.HTTPError, errors.XetDownloadError, OSError, ValueError, RuntimeError) as error:
        # The reason of "not in the cache, and no connection" is the connection's error.
        cause = error.__cause__ if isinstance(error, errors.LocalEntryNotFoundError) else None
        reason = f"{type(cause or error).__name__}: {' '.join(str(cause or error).split())[:300]}"
        code = getattr(error, "errno", None)
        status = getattr(getattr(cause or error, "response", None), "status_code", None)
        if code in (errno.ENOSPC, errno.EDQUOT):
            mend = f"The disk of {cache} is full. Make room, or set HF_HOME to a larger disk"
        elif code in (errno.EACCES, errno.EPERM, errno.EROFS):
            mend = f"The cache {cache} cannot be written. Set HF_HOME to a folder of yours"
        elif status in (401, 403):
            mend = f"Your token gives no access: {LOGIN}"
        else:
            mend = "Check the network, the proxy and HF_ENDPOINT"
        raise InputError(
            f"{what} could not be fetched from {hub} ({reason}). {mend}, and run {RUN} again: "
            "it keeps the files that it has."
        ) from error
