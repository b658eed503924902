"""Git repositories that corpora come from: one pinned commit, with its audio in Git LFS.

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

from fairser.core.errors import InputError
from fairser.core.files import complete, sha256

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
