"""Fetches CREMA-D: EMO-SUPERB's labels, the demographics and the 7,442 clips (606 MB, Git LFS).

Two pinned commits are the source; each file is checked against a SHA-256, a clip's from its Git LFS
pointer. A rerun fetches only what is missing or wrong and resumes a cut transfer. AudioWAV.tsv
(name, SHA-256, bytes) comes last and says that all is there; .sources/ spares a rerun the network.
"""

import shutil
from collections.abc import Collection
from pathlib import Path
from subprocess import run

import polars as pl
from tqdm import tqdm

from fairser.core.errors import InputError
from fairser.core.files import sha256, write_text
from fairser.corpora.repositories import PERIOD, Clip, Repository, Source, problem

RERUN = "Rerun `snakemake download_cremad`: it fetches only what is missing or wrong"
INSTALL = "apt install git git-lfs, brew install git git-lfs or conda install git git-lfs"

LABELS = {
    "labels_consensus_1.csv": "f64ba9c1cf6534991f381d0e8f3f79aafefc13ddca7655cefd50a3ef84aed3ec",
    "labels_consensus_2.csv": "87baf1146a99d7a8465f836fc83195d5b3520338495d101133e5eeac3c283fc8",
    "labels_consensus_3.csv": "1249a6d99a67c3985aaf7d738e0dcfb904221920056a417a245cfbca0aa9428a",
    "labels_consensus_4.csv": "accc29884a85342d7b2d7f06c6a970337a35c93cf5d4aacbff81fbece08e494e",
    "labels_consensus_5.csv": "740039d2a3a7134efcc6ec3a0b91a280cef447185ec1bbd32db6a3dfac6bb09f",
}
EMO_SUPERB = Source(
    "https://github.com/ag027592/EMO-SUPERB",
    "9ff7fa2f0330a2bb950dd0d4e09d250d4e7a1cfd",
    {f"data/CREMA-D/Primary/{name}": digest for name, digest in LABELS.items()},
)
CREMA_D = Source(
    "https://github.com/CheyneyComputerScience/CREMA-D",
    "1658cd342dff90010aa843eaeebd53610a08b1dc",
    {"VideoDemographics.csv": "e33ddc8b60bedf98541735801127cbb67098b5957271adbdd5dea8a44294eec3"},
)


def download_cremad(
    folder: str | Path, labels: Source = EMO_SUPERB, corpus: Source = CREMA_D
) -> None:
    """Fetch what ``folder`` lacks of labels, demographics and clips; see the two functions below.

    Raises InputError if git or git-lfs is not installed, a repository or its commit cannot be
    had, a file has the wrong checksum or clips are missing; OSError if the disk is full.
    """
    _require("git", "git-lfs")
    download_labels(folder, labels, corpus)
    download_audio(folder, corpus)


def download_labels(
    folder: str | Path, labels: Source = EMO_SUPERB, corpus: Source = CREMA_D
) -> None:
    """Write labels/*.csv and VideoDemographics.csv, and last labels.tsv, which lists them.

    Raises as :func:`download_cremad`.
    """
    _require("git")
    folder = Path(folder)
    written = Repository(folder / ".sources/labels", labels).export(folder / "labels")
    written += Repository(folder / ".sources/corpus", corpus).export(folder)
    rows = (f"{p.relative_to(folder)}\t{sha256(p)}\t{p.stat().st_size}\n" for p in written)
    write_text(folder / "labels.tsv", "".join(rows))


def download_audio(folder: str | Path, corpus: Source = CREMA_D) -> None:
    """Write AudioWAV/*.wav, fetching what is missing or wrong, and last AudioWAV.tsv.

    The labels must be there: the clips that they name must all be in the repository.
    Raises as :func:`download_cremad`.
    """
    _require("git", "git-lfs")
    folder, audio, listing = Path(folder), Path(folder, "AudioWAV"), Path(folder, "AudioWAV.tsv")
    repository = Repository(folder / ".sources/corpus", corpus)
    clips = repository.clips()
    tables = sorted((folder / "labels").glob("*.csv"))
    labelled = pl.scan_csv(tables, infer_schema=False).select("FileName").unique().collect()
    if absent := sorted(set(labelled["FileName"]) - clips.keys()):
        raise InputError(
            f"{corpus.url}: AudioWAV of commit {corpus.commit} lacks {_some(absent)}, which "
            f"{folder / 'labels'} lists. Take a complete mirror or the original"
        )
    wrong = _problems(audio, clips.values())
    for name in wrong:
        listing.unlink(missing_ok=True)
        (audio / name).unlink(missing_ok=True)
    missing = repository.place([clips[name] for name in wrong], audio)  # left by a run that was cut
    complaints = repository.fetch_audio(missing) if missing else ""
    if missing := repository.place(missing, audio):
        raise InputError(
            f"{audio}: {_some([clip.name for clip in missing])} could not be fetched from "
            f"{corpus.lfs or corpus.url} ({complaints}). {RERUN}; if it persists, try a mirror"
        )
    write_text(listing, "".join(f"{c.name}\t{c.sha256}\t{c.size}\n" for c in clips.values()))


def verify_audio(folder: str | Path, listing: str | Path) -> None:
    """Check that ``folder`` holds each clip of ``listing`` (an AudioWAV.tsv) as listed.

    Raises InputError with the number of clips that are missing or wrong, and the first of them.
    """
    rows = [line.split("\t") for line in Path(listing).read_text(encoding="utf-8").splitlines()]
    problems = _problems(Path(folder), [Clip(name, sha, int(size)) for name, sha, size in rows])
    if first := [f"{name} {fault}" for name, fault in problems.items()]:
        raise InputError(f"{folder} is not what {listing} lists: {_some(first)}. {RERUN}")


def _require(*programs: str) -> None:
    for program in programs:
        command = ["git", *program.split("-")[1:], "version"]
        if not shutil.which("git") or run(command, capture_output=True).returncode:
            raise InputError(f"{program} is not installed. Install it ({INSTALL}) and rerun")


def _problems(folder: Path, clips: Collection[Clip]) -> dict[str, str]:
    """What is wrong with which clip of ``folder``, by name; right clips are left out."""
    bar = tqdm(clips, f"Checking {folder}", mininterval=PERIOD, maxinterval=PERIOD, unit=" clips")
    return {clip.name: it for clip in bar if (it := problem(folder / clip.name, clip.sha256))}


def _some(items: list[str]) -> str:
    return f"{len(items)} clip(s): {', '.join(items[:3])}{', ...' if len(items) > 3 else ''}"
