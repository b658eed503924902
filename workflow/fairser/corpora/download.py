"""Download of CREMA-D: EMO-SUPERB's labels, demographics and the 7,442 clips (606 MB, Git LFS).

The sources are two pinned commits. Each file is checked against a SHA-256, a clip against that of
its Git LFS pointer. A rerun fetches only missing or wrong files and resumes a cut transfer.
AudioWAV.tsv (name, SHA-256, bytes) is written last: if it exists, all clips are there. With
.sources/ a rerun needs no network.
"""

import shutil
from pathlib import Path
from subprocess import run

import polars as pl
from tqdm import tqdm

from fairser.core.errors import InputError
from fairser.core.files import sha256, write_text
from fairser.core.words import counted, shortened
from fairser.corpora.repositories import PERIOD, Repository, Source, matches

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


def download_labels(
    folder: str | Path, labels: Source = EMO_SUPERB, corpus: Source = CREMA_D
) -> None:
    """Write labels/*.csv and VideoDemographics.csv, and last labels.tsv, which lists them."""
    _require("git")
    folder = Path(folder)
    written = Repository(folder / ".sources/labels", labels).export(folder / "labels")
    written += Repository(folder / ".sources/corpus", corpus).export(folder)
    rows = (f"{p.relative_to(folder)}\t{sha256(p)}\t{p.stat().st_size}\n" for p in written)
    write_text(folder / "labels.tsv", "".join(rows))


def download_audio(folder: str | Path, corpus: Source = CREMA_D) -> None:
    """Write AudioWAV/*.wav, fetching what is missing or wrong, and last AudioWAV.tsv.

    The labels must be there: all clips that they name must be in the repository.
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
    checked = tqdm(
        clips.values(), f"Checking {audio}", mininterval=PERIOD, maxinterval=PERIOD, unit=" clips"
    )
    wrong = [clip for clip in checked if not matches(audio / clip.name, clip.sha256)]
    for clip in wrong:
        listing.unlink(missing_ok=True)
        (audio / clip.name).unlink(missing_ok=True)
    missing = repository.place(wrong, audio)  # transferred by a run that was cut
    errors = repository.fetch_audio(missing) if missing else ""
    if missing := repository.place(missing, audio):
        raise InputError(
            f"{audio}: {_some([clip.name for clip in missing])} could not be fetched from "
            f"{corpus.lfs or corpus.url} ({errors}). {RERUN}; if it persists, try a mirror"
        )
    write_text(listing, "".join(f"{c.name}\t{c.sha256}\t{c.size}\n" for c in clips.values()))


def _require(*programs: str) -> None:
    for program in programs:
        command = ["git", *program.split("-")[1:], "version"]
        if not shutil.which("git") or run(command, capture_output=True).returncode:
            raise InputError(f"{program} is not installed. Install it ({INSTALL}) and rerun")


def _some(names: list[str]) -> str:
    return f"{counted(len(names), 'clip')} ({', '.join(shortened(names, 3))})"
