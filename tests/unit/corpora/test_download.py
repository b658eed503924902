"""The download of CREMA-D, from genuine Git repositories and a Git LFS server on this machine."""

import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fairser.core.errors import InputError
from fairser.core.files import is_lfs_pointer
from fairser.corpora.download import (
    CREMA_D,
    EMO_SUPERB,
    Source,
    download_audio,
    download_labels,
)
from unit.corpora.lfs_server import LfsServer

HAS_LFS = bool(shutil.which("git-lfs"))

SIZE = 100_000  # bytes of a clip; more than a response holds before it is cut
AUDIO = {
    name: random.Random(seed).randbytes(SIZE)
    for name, seed in {
        "1001_DFA_ANG_XX.wav": 1,
        "1002_IEO_HAP_HI.wav": 2,
        "1003_TIE_SAD_XX.wav": 3,
        "1004_TIE_SAD_XX.wav": 3,  # CREMA-D, too, has clips that are identical
    }.items()
}
ANGRY, HAPPY, SAD, SAD_AGAIN = AUDIO
LABELS = "FileName,angry,sad,SpkrID,Gender,Split_Set\n" + "".join(
    f"{name},0.97,0.03,{name[:4]},Male,Train\n" for name in AUDIO
)
DEMOGRAPHICS = '"ActorID","Age","Sex","Race","Ethnicity"\n1001,51,"Male","Asian","Unknown"\n'


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def pointer(content: bytes) -> str:
    return (
        "version https://git-lfs.github.com/spec/v1\n"
        f"oid sha256:{digest(content)}\nsize {len(content)}\n"
    )


def git(folder: Path, *arguments: str, stdin: bytes = b"") -> str:
    identity = ["-c", "user.name=test", "-c", "user.email=test@localhost"]
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=folder, input=stdin, capture_output=True, check=True
    )
    return done.stdout.decode().strip()


def commit(folder: Path, files: dict[str, str]) -> str:
    """Make ``folder`` a repository that holds ``files``; returns the commit."""
    folder.mkdir()
    git(folder, "init", "--quiet")
    git(folder, "config", "uploadpack.allowFilter", "true")
    git(folder, "config", "uploadpack.allowAnySHA1InWant", "true")
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "all")
    return git(folder, "rev-parse", "HEAD")


class Upstream:
    """Where the download comes from: two repositories and the LFS server."""

    def __init__(self, folder: Path, server: LfsServer) -> None:
        self.folder = folder
        self.server = server
        for content in AUDIO.values():
            server.add(content)
        files = {f"data/CREMA-D/Primary/labels_consensus_{fold}.csv": LABELS for fold in (1, 2)}
        self.labels = Source(
            url=f"file://{folder / 'labels'}",
            commit=commit(folder / "labels", {**files, "data/other.csv": "no\n" * 1000}),
            files={path: digest(text.encode()) for path, text in files.items()},
        )
        self.corpus = self.make_corpus({name: pointer(audio) for name, audio in AUDIO.items()})

    def make_corpus(self, audio: dict[str, str]) -> Source:
        folder = self.folder / f"corpus{len(list(self.folder.iterdir()))}"
        other = {
            "VideoDemographics.csv": DEMOGRAPHICS,
            "VideoFlash/1001_DFA_ANG_XX.flv": pointer(b"film"),
            "votes.csv": "7442\n" * 1000,
        }
        files = {**other, **{f"AudioWAV/{name}": text for name, text in audio.items()}}
        return Source(
            url=f"file://{folder}",
            commit=commit(folder, files),
            files={"VideoDemographics.csv": digest(DEMOGRAPHICS.encode())},
            lfs=self.server.url,
        )

    def requested(self) -> list[str]:
        """The clips that were asked for since the last call; identical clips by the first name."""
        names = {digest(content): name for name, content in reversed(AUDIO.items())}
        asked = sorted(names[sha] for sha, _ in self.server.requests)
        self.server.requests.clear()
        return asked


@pytest.fixture(autouse=True)
def own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keep the user's Git settings out, and see that the download makes none."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    # git-lfs tries eight times, over half a minute, before it gives up.
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "lfs.transfer.maxretries")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "1")
    yield
    assert list(home.iterdir()) == []


@pytest.fixture
def upstream(tmp_path: Path) -> Iterator[Upstream]:
    if not HAS_LFS:
        pytest.skip("git-lfs is not installed")
    (tmp_path / "upstream").mkdir()
    with LfsServer() as server:
        yield Upstream(tmp_path / "upstream", server)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cremad"


def download_cremad(folder: Path, labels: Source, corpus: Source) -> None:
    """Both steps of the workflow."""
    download_labels(folder, labels, corpus)
    download_audio(folder, corpus)


def audio_in(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "AudioWAV").glob("*")}


def without(*names: str) -> dict[str, bytes]:
    return {name: content for name, content in AUDIO.items() if name not in names}


def test_everything_is_fetched_once(upstream: Upstream, folder: Path) -> None:
    download_cremad(folder, upstream.labels, upstream.corpus)

    assert audio_in(folder) == AUDIO
    assert (folder / "VideoDemographics.csv").read_text() == DEMOGRAPHICS
    for fold in (1, 2):
        assert (folder / f"labels/labels_consensus_{fold}.csv").read_text() == LABELS
    lines = [f"{name}\t{digest(content)}\t{SIZE}\n" for name, content in AUDIO.items()]
    assert (folder / "AudioWAV.tsv").read_text() == "".join(lines)
    assert upstream.requested() == [ANGRY, HAPPY, SAD]
    left = [path for path in folder.rglob("*") if path.is_file() and path.parent.name != "AudioWAV"]
    assert all(path.stat().st_size < SIZE for path in left), "audio is kept twice"
    assert not list(folder.rglob("*.part"))


def test_only_the_needed_files_of_the_repository_are_fetched(
    upstream: Upstream, folder: Path
) -> None:
    download_cremad(folder, upstream.labels, upstream.corpus)
    for name, source, path in (
        ("labels", upstream.labels, "data/other.csv"),
        ("corpus", upstream.corpus, "votes.csv"),
    ):
        listed = git(
            folder / ".sources" / name, "rev-list", "--objects", "--missing=print", source.commit
        )
        blob = git(Path(source.url.removeprefix("file://")), "rev-parse", f"HEAD:{path}")
        assert f"?{blob}" in listed.splitlines()


def test_rerun_needs_no_network(upstream: Upstream, folder: Path) -> None:
    download_cremad(folder, upstream.labels, upstream.corpus)
    upstream.requested()
    shutil.rmtree(upstream.folder)
    (folder / "VideoDemographics.csv").unlink()

    download_cremad(folder, upstream.labels, upstream.corpus)

    assert upstream.requested() == []
    assert audio_in(folder) == AUDIO
    assert (folder / "VideoDemographics.csv").read_text() == DEMOGRAPHICS


def test_older_commit_of_a_server_without_filters(upstream: Upstream, folder: Path) -> None:
    for source in (upstream.labels, upstream.corpus):
        repository = Path(source.url.removeprefix("file://"))
        git(repository, "config", "uploadpack.allowFilter", "false")
        git(repository, "rm", "--quiet", "-r", ".")
        git(repository, "commit", "--quiet", "-m", "a later version")
    download_cremad(folder, upstream.labels, upstream.corpus)
    assert audio_in(folder) == AUDIO


def test_mirror_that_holds_the_audio_itself(upstream: Upstream, folder: Path) -> None:
    mirror = Path(upstream.corpus.url.removeprefix("file://"))
    for content in AUDIO.values():
        sha = digest(content)
        path = mirror / ".git/lfs/objects" / sha[:2] / sha[2:4] / sha
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    download_cremad(folder, upstream.labels, replace(upstream.corpus, lfs=""))
    assert upstream.requested() == []
    assert audio_in(folder) == AUDIO


def test_within_a_git_hook(
    upstream: Upstream, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    download_cremad(folder, upstream.labels, upstream.corpus)
    assert audio_in(folder) == AUDIO


def test_cut_connection_is_resumed(upstream: Upstream, folder: Path) -> None:
    upstream.server.cut[digest(AUDIO[HAPPY])] = 30_000
    with pytest.raises(InputError, match=f"1 clip.*{HAPPY}.*Rerun"):
        download_cremad(folder, upstream.labels, upstream.corpus)
    assert audio_in(folder) == without(HAPPY)
    assert not (folder / "AudioWAV.tsv").exists()

    upstream.server.cut.clear()
    upstream.server.requests.clear()
    download_cremad(folder, upstream.labels, upstream.corpus)

    assert upstream.server.requests == [(digest(AUDIO[HAPPY]), f"bytes=30000-{SIZE - 1}")]
    assert audio_in(folder) == AUDIO
    assert (folder / "AudioWAV.tsv").exists()


def test_killed_run_loses_no_finished_clip(upstream: Upstream, folder: Path) -> None:
    held = digest(AUDIO[HAPPY])
    upstream.server.cut[held] = 30_000
    upstream.server.held.add(held)
    download_labels(folder, upstream.labels, upstream.corpus)
    code = "from fairser.corpora.download import *; download_audio({!r}, {!r})"
    run = subprocess.Popen(
        [sys.executable, "-c", code.format(str(folder), upstream.corpus)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # the kill must reach git-lfs as well
    )
    objects = folder / ".sources/corpus/lfs/objects"
    finished = [digest(AUDIO[name]) for name in (ANGRY, SAD)]
    try:
        give_up = time.monotonic() + 20
        while not all(list(objects.rglob(sha)) for sha in finished):
            assert run.poll() is None
            assert time.monotonic() < give_up
            time.sleep(0.05)
    finally:
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
    upstream.server.cut.clear()
    upstream.requested()

    download_cremad(folder, upstream.labels, upstream.corpus)

    assert upstream.requested() == [HAPPY]
    assert audio_in(folder) == AUDIO


@pytest.mark.parametrize("wrong", [b"x" * SIZE, b"x" * 10, b"x" * 2 * SIZE])
def test_wrong_bytes_are_not_kept(upstream: Upstream, folder: Path, wrong: bytes) -> None:
    upstream.server.wrong[digest(AUDIO[ANGRY])] = wrong
    expected, found = digest(AUDIO[ANGRY]), digest(wrong)
    with pytest.raises(InputError, match=f"{ANGRY}.*{expected}.*{found}.*Rerun"):
        download_cremad(folder, upstream.labels, upstream.corpus)
    assert audio_in(folder) == without(ANGRY)
    assert not (folder / "AudioWAV.tsv").exists()

    upstream.server.wrong.clear()
    download_cremad(folder, upstream.labels, upstream.corpus)
    assert audio_in(folder) == AUDIO


def test_bad_files_in_the_folder_are_replaced(upstream: Upstream, folder: Path) -> None:
    (folder / "AudioWAV").mkdir(parents=True)
    (folder / "AudioWAV" / ANGRY).write_text(pointer(AUDIO[ANGRY]))
    (folder / "AudioWAV" / HAPPY).write_bytes(AUDIO[HAPPY][:-1])
    (folder / "AudioWAV" / SAD).write_bytes(AUDIO[SAD])
    (folder / "AudioWAV" / SAD_AGAIN).write_bytes(AUDIO[SAD])
    download_cremad(folder, upstream.labels, upstream.corpus)
    assert upstream.requested() == [ANGRY, HAPPY]
    assert audio_in(folder) == AUDIO


def test_only_deleted_clips_are_fetched_again(upstream: Upstream, folder: Path) -> None:
    download_cremad(folder, upstream.labels, upstream.corpus)
    upstream.requested()
    (folder / "AudioWAV" / SAD_AGAIN).unlink()
    download_cremad(folder, upstream.labels, upstream.corpus)
    assert upstream.requested() == [SAD]
    assert audio_in(folder) == AUDIO


def test_object_that_the_server_lacks(upstream: Upstream, folder: Path) -> None:
    download_cremad(folder, upstream.labels, upstream.corpus)
    for name in (ANGRY, SAD):
        (folder / "AudioWAV" / name).unlink()
    del upstream.server.objects[digest(AUDIO[SAD])]
    with pytest.raises(InputError, match=f"1 clip.*{SAD}.*{upstream.server.url}.*not exist"):
        download_cremad(folder, upstream.labels, upstream.corpus)
    assert audio_in(folder) == without(SAD)
    assert not (folder / "AudioWAV.tsv").exists(), "the folder is no longer complete"


def test_repository_that_lacks_labelled_clips(upstream: Upstream, folder: Path) -> None:
    corpus = upstream.make_corpus({SAD: pointer(AUDIO[SAD])})
    with pytest.raises(InputError, match=rf"lacks 3 clips \({ANGRY}, {HAPPY}, {SAD_AGAIN}\)"):
        download_cremad(folder, upstream.labels, corpus)
    assert upstream.requested() == []


@pytest.mark.parametrize("which", ["labels", "corpus"])
def test_wrong_checksum_of_a_table(upstream: Upstream, folder: Path, which: str) -> None:
    download_cremad(folder, upstream.labels, upstream.corpus)
    sources = {"labels": upstream.labels, "corpus": upstream.corpus}
    path, found = next(iter(sources[which].files.items()))
    sources[which] = replace(sources[which], files={path: "0" * 64})
    name = Path(path).name
    with pytest.raises(InputError, match=f"{name} was not kept.*{found}.*{'0' * 64}.*rerun"):
        download_cremad(folder, **sources)
    assert not list(folder.rglob(name))


def test_table_that_the_commit_lacks(upstream: Upstream, folder: Path) -> None:
    labels = replace(upstream.labels, files={"labels_9.csv": "0" * 64})
    with pytest.raises(InputError, match=r"labels_9\.csv"):
        download_cremad(folder, labels, upstream.corpus)


@pytest.mark.parametrize(
    ("mode", "name"),
    [
        ("120000", "link.wav"),
        ("40000", "folder.wav"),
        ("100644", "../evil.wav"),
        ("100644", ".."),
        ("100644", ".hidden.wav"),
        ("100644", "back\\slash.wav"),
        ("100644", "new\nline.wav"),
    ],
)
def test_names_that_leave_the_folder(
    upstream: Upstream, folder: Path, mode: str, name: str
) -> None:
    repository = Path(upstream.corpus.url.removeprefix("file://"))
    if mode == "40000":
        entry = git(repository, "rev-parse", "HEAD:AudioWAV")
    else:
        entry = git(repository, "hash-object", "-w", "--stdin", stdin=b"../../outside")
    raw = f"{mode} {name}\0".encode() + bytes.fromhex(entry)
    write = ("hash-object", "-t", "tree", "--literally", "-w", "--stdin")
    audio = git(repository, *write, stdin=raw)
    listed = git(repository, "ls-tree", "HEAD", "VideoDemographics.csv")
    root = git(repository, "mktree", stdin=f"{listed}\n040000 tree {audio}\tAudioWAV\n".encode())
    evil = replace(upstream.corpus, commit=git(repository, "commit-tree", "-m", "evil", root))
    git(repository, "update-ref", "refs/heads/evil", evil.commit)

    with pytest.raises(InputError, match="not a plain file"):
        download_cremad(folder, upstream.labels, evil)
    assert not (folder / "AudioWAV").exists()
    assert not list(folder.parent.rglob("evil.wav"))


def test_unreachable_repository(upstream: Upstream, folder: Path) -> None:
    away = replace(upstream.corpus, url=f"file://{upstream.folder / 'away'}")
    with pytest.raises(InputError, match=r"/away: commit "):
        download_cremad(folder, upstream.labels, away)
    refused = replace(upstream.corpus, url="http://127.0.0.1:1/corpus")
    with pytest.raises(InputError, match=r"127\.0\.0\.1:1/corpus: commit "):
        download_cremad(folder, upstream.labels, refused)
    download_cremad(folder, upstream.labels, upstream.corpus)  # the failures left nothing behind
    assert audio_in(folder) == AUDIO


def test_unknown_commit(upstream: Upstream, folder: Path) -> None:
    unknown = replace(upstream.labels, commit="1" * 40)
    with pytest.raises(InputError, match=f"commit {'1' * 40} cannot be fetched"):
        download_cremad(folder, unknown, upstream.corpus)


@pytest.mark.parametrize("missing", ["git", "git-lfs"])
def test_program_that_is_not_installed(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    if missing == "git-lfs":
        (programs / "git").symlink_to(shutil.which("git"))
    monkeypatch.setenv("PATH", str(programs))
    with pytest.raises(InputError, match=f"^{missing} is not installed"):
        download_audio(folder)


def test_is_lfs_pointer(tmp_path: Path) -> None:
    path = tmp_path / "clip.wav"
    for content, expected in (
        (pointer(b"audio").encode(), True),
        (b"RIFF\x00\x00\x00\x00WAVE", False),
        (b"", False),
    ):
        path.write_bytes(content)
        assert is_lfs_pointer(path) is expected


def test_pinned_sources() -> None:
    assert [Path(path).name for path in EMO_SUPERB.files] == [
        f"labels_consensus_{fold}.csv" for fold in range(1, 6)
    ]
    digests = [*EMO_SUPERB.files.values(), *CREMA_D.files.values()]
    assert len({value for value in digests if len(value) == 64}) == 6
