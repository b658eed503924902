"""Download of CREMA-D: EMO-SUPERB's labels, demographics and the 7,442 clips (606 MB, Git LFS).

The sources are two pinned commits. Each file is checked against a SHA-256, a clip against that of
its Git LFS pointer. A rerun fetches only missing or wrong files and resumes a cut transfer.
AudioWAV.tsv (name, SHA-256, bytes) is written last: if it exists, all clips are there. With
.sources/ a rerun needs no network.

Own code, since ``pooch`` knows neither commits nor Git LFS, and starts a cut transfer again.
"""

import errno
import os
import re
import shutil
import sys
import time
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from subprocess import DEVNULL, PIPE, STDOUT, Popen, run

from tqdm import tqdm

from fairser.core.errors import InputError
from fairser.core.files import complete, sha256, write_text
from fairser.core.table_files import read_csv
from fairser.core.words import counted, shortened

RERUN = "Rerun `snakemake download_cremad`: it fetches only what is missing or wrong"
INSTALL = "apt install git git-lfs, brew install git git-lfs or conda install git git-lfs"
# Seconds between two lines of progress, and what ends a line.
PERIOD, LINE_END = (0.5, "\r") if sys.stderr.isatty() else (30, "\n")
# No background work, no endless wait, progress in a log as well, an author for commit-tree.
SETTINGS = ["gc.auto=0", "http.lowSpeedLimit=100", "http.lowSpeedTime=60", "lfs.forceprogress=true"]
SETTINGS += ["user.name=fairser", "user.email=fairser@localhost"]


@dataclass(frozen=True)
class Source:
    """A pinned commit; ``dataclasses.replace(CREMA_D, url=...)`` takes it from a mirror."""

    url: str
    commit: str
    files: Mapping[str, str]  # path in the repository: SHA-256
    lfs: str = ""  # URL of the Git LFS server, if it is not the one that belongs to ``url``


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
    labelled = {name for table in tables for name in read_csv(table)["FileName"]}
    if absent := sorted(labelled - clips.keys()):
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


@dataclass(frozen=True)
class Clip:
    """A clip's file as its Git LFS pointer describes it."""

    name: str
    sha256: str
    size: int  # bytes
    pointer: str  # name of the pointer's Git object


class Repository:
    """A bare clone of one commit. Without a working tree no link or filter takes effect."""

    def __init__(self, path: Path, source: Source) -> None:
        self.path, self.source, self.ref = path.absolute(), source, f"refs/pinned/{source.commit}"
        self.path.mkdir(parents=True, exist_ok=True)
        self.git("init", "--quiet", "--bare")
        self.git("config", "remote.origin.url", source.url)
        if not self.git("for-each-ref", self.ref):
            print(f"Fetching {source.url}, commit {source.commit}", file=sys.stderr, flush=True)
            # Pointers, far below 1 kB, are fetched here; Git fetches larger files on reading them.
            only = ("--no-tags", "--depth=1", "--filter=blob:limit=1k")
            self.git("fetch", *only, "origin", f"+{source.commit}:{self.ref}")

    def command(self, *arguments: str) -> dict:
        """Arguments for ``subprocess`` to run git in this repository, even within a Git hook."""
        lfs = [f"lfs.url={self.source.lfs}"] if self.source.lfs else []
        settings = [part for setting in (*SETTINGS, *lfs) for part in ("-c", setting)]
        ours = {"GIT_DIR": str(self.path), "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
        return {"args": ["git", *settings, *arguments], "cwd": self.path, "env": os.environ | ours}

    def git(self, *arguments: str, stdin: bytes = b"") -> bytes:
        """The output of a git command; an InputError with git's message if it fails."""
        done = run(**self.command(*arguments), input=stdin, capture_output=True)
        if done.returncode == 0:
            return done.stdout
        message = self.summary(done.stderr.decode("utf-8", "replace").splitlines())
        raise InputError(
            f"{self.source.url}: commit {self.source.commit} cannot be fetched ({message}). Check "
            "the network and that the URL holds this commit. Rerun; if it persists, delete "
            f"{self.path}"
        )

    def summary(self, lines: list[str]) -> str:
        """The first lines that a command printed; a full disk raises an OSError."""
        if any("no space left on device" in line.lower() for line in lines):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))
        return "; ".join([line for line in lines if line][:3])

    def export(self, folder: Path) -> list[Path]:
        """Write the source's files, if they have the right checksum, and return their paths."""
        written = []
        for path, expected in self.source.files.items():
            target = folder / Path(path).name
            target.unlink(missing_ok=True)
            with complete(target) as temporary:
                temporary.write_bytes(self.git("cat-file", "blob", f"{self.ref}:{path}"))
                if (found := sha256(temporary)) != expected:
                    raise InputError(
                        f"{target} was not kept: its SHA-256 is {found}, expected {expected}. "
                        f"Check that {self.source.url} is a true mirror and rerun"
                    )
            written.append(target)
        return written

    def clips(self) -> dict[str, Clip]:
        """AudioWAV/*.wav of the commit by name; no name may lead out of the folder."""
        entries = self.git("ls-tree", "-z", f"{self.ref}:AudioWAV").decode("utf-8", "replace")
        pointers = {}
        for mode, _, pointer, name in re.findall(r"(\d+) (\w+) (\w+)\t([^\0]*)\0", entries):
            if not mode.startswith("100") or not re.fullmatch(r"\w[\w.-]*", name, re.ASCII):
                raise InputError(
                    f"{self.source.url}: AudioWAV/{name} (mode {mode}) is not a plain file with "
                    "a plain name, so no audio was taken from this repository. Check its URL"
                )
            if name.endswith(".wav"):
                pointers[name] = pointer
        texts = self.git("cat-file", "--batch", stdin="\n".join(pointers.values()).encode())
        clips = re.findall(r"^oid sha256:([0-9a-f]{64})\nsize (\d+)$", texts.decode(), re.MULTILINE)
        pairs = zip(pointers.items(), clips, strict=True)
        return {name: Clip(name, sha, int(size), pointer) for (name, pointer), (sha, size) in pairs}

    def place(self, clips: Collection[Clip], folder: Path) -> list[Clip]:
        """Move transferred clips with the right checksum to ``folder``; return the others."""
        uses = Counter(clip.sha256 for clip in clips)  # some clips of CREMA-D are identical
        missing = []
        for clip in clips:
            sha = clip.sha256
            transferred = self.path / "lfs/objects" / sha[:2] / sha[2:4] / sha
            if matches(transferred, sha):
                with complete(folder / clip.name) as temporary:
                    (shutil.move if uses[sha] == 1 else shutil.copyfile)(transferred, temporary)
                uses[sha] -= 1
            else:
                transferred.unlink(missing_ok=True)
                missing.append(clip)
        return missing

    def fetch_audio(self, clips: Collection[Clip]) -> str:
        """Let git-lfs transfer ``clips`` and show its progress; return its error messages."""
        # git-lfs asks for the size of every file of a commit, which a partial clone would fetch
        # one by one; so it gets a commit that holds nothing but the pointers of these clips.
        entries = "".join(f"100644 blob {clip.pointer}\t{clip.name}\n" for clip in clips)
        tree = self.git("mktree", stdin=entries.encode()).decode().strip()
        commit = self.git("commit-tree", "-m", "clips to fetch", tree).decode().strip()
        errors, shown = [], 0.0
        command = self.command("lfs", "fetch", "origin", commit)
        with Popen(**command, stdin=DEVNULL, stdout=PIPE, stderr=STDOUT, text=True) as process:
            for line in process.stdout or ():  # each state of git-lfs's progress is a line
                if not line.startswith(("Downloading LFS objects", "fetch: ")):
                    errors.append(line.strip())
                elif line.startswith("Downloading") and time.monotonic() > shown + PERIOD:
                    shown = time.monotonic()
                    print(line.strip(), end=LINE_END, file=sys.stderr, flush=True)
        for sha in re.findall("expected OID ([0-9a-f]{64})", " ".join(errors)):
            # Wrong bytes, to which the next run would append.
            (self.path / "lfs/incomplete" / f"{sha}.part").unlink(missing_ok=True)
        return self.summary(errors)


def matches(path: Path, expected: str) -> bool:
    """Whether a file is there and has this SHA-256."""
    return path.is_file() and sha256(path) == expected
