"""Fetching models from a hub on this machine, in processes with the variables that users set."""

import errno
import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from fairser.core.errors import InputError
from fairser.pretrained.hub import fetch
from fairser.pretrained.records import Record, read_record
from unit.hub_server import HubServer, Repository
from unit.model_files import MODEL, NEEDED, USELESS, WEIGHTS, content, digests, folder_with

CHUNK = 10 * 2**20  # bytes that huggingface_hub holds before it writes them
ECAPA = {"hyperparams.yaml": b"sample_rate: 16000\n", "embedding_model.ckpt": content(11)}

FETCH = """
import sys
from fairser.core.errors import InputError
from fairser.pretrained.hub import fetch
from fairser.pretrained.records import write_record
path, *arguments = sys.argv[1:]
try:
    write_record(path, fetch(*arguments))
except InputError as error:
    sys.exit(f"InputError: {error}")
"""


class User:
    """Someone with a cache of models, who fetches from a hub."""

    def __init__(self, folder: Path, hub: HubServer) -> None:
        self.folder = folder
        self.record = folder / "record.json"
        self.cache = folder / "cache" / "hub"
        ours = ("HF_", "HUGGING", "TRANSFORMERS_", "XDG_")
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(ours) and not name.lower().endswith("_proxy")
        }
        self.environment |= {
            "HF_HOME": str(folder / "cache"),
            "HF_ENDPOINT": hub.url,
            "PYTHONPATH": os.pathsep.join(sys.path),
        }

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, "-W", "error", "-c", FETCH, str(self.record), *arguments],
            env=self.environment | variables,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def fetch(
        self,
        model: str = MODEL,
        revision: str = "main",
        family: str = "transformers",
        **variables: str,
    ) -> Record:
        done = self.run(model, revision, family, **variables)
        assert done.returncode == 0, done.stderr
        return read_record(self.record)

    def complaint(
        self,
        model: str = MODEL,
        revision: str = "main",
        family: str = "transformers",
        **variables: str,
    ) -> str:
        """The message of the InputError with which a fetch ends."""
        done = self.run(model, revision, family, **variables)
        assert done.returncode == 1
        assert "Traceback" not in done.stderr
        return done.stderr.partition("InputError: ")[2].strip()


@pytest.fixture
def hub() -> Iterator[HubServer]:
    with HubServer() as server:
        yield server


@pytest.fixture
def user(tmp_path: Path, hub: HubServer) -> User:
    return User(tmp_path, hub)


def test_only_the_needed_files_are_fetched(user: User, hub: HubServer) -> None:
    commit = hub.add(MODEL, {**NEEDED, **USELESS})

    record = user.fetch()

    folder = Path(record.folder)
    assert record == Record(MODEL, "main", commit, str(folder), digests(NEEDED))
    assert user.cache in folder.parents
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == NEEDED
    assert list(json.loads(user.record.read_text())["files"]) == sorted(NEEDED)
    asked = {request.split("/resolve/")[1] for request in hub.requests if "/resolve/" in request}
    assert asked == {f"{commit}/{name}" for name in NEEDED}
    assert hub.downloads()[-1] == WEIGHTS, "the weights come last"


def test_rerun_transfers_nothing(user: User, hub: HubServer) -> None:
    hub.add(MODEL, NEEDED)
    first = user.fetch()
    hub.requests.clear()
    assert user.fetch() == first
    assert not [request for request in hub.requests if "/resolve/" in request]


@pytest.mark.parametrize("revision", ["commit", "short", "v1", "refs/pr/1"])
def test_other_revisions(user: User, hub: HubServer, revision: str) -> None:
    commit = hub.add(MODEL, NEEDED)
    hub.models[MODEL].refs |= {"v1": commit, "refs/pr/1": commit}
    hub.models[MODEL].commit({**NEEDED, "config.json": b"{}"})
    revision = {"commit": commit, "short": commit[:8]}.get(revision, revision)
    record = user.fetch(revision=revision)
    assert (record.commit, record.revision) == (commit, revision)
    assert Path(record.folder, "config.json").read_bytes() == NEEDED["config.json"]
    offline = user.fetch(revision=revision, HF_HUB_OFFLINE="1")
    assert offline == record


def test_pytorch_weights_if_there_are_no_others(user: User, hub: HubServer) -> None:
    files = {name: data for name, data in NEEDED.items() if name != WEIGHTS}
    files["pytorch_model.bin"] = content(2)
    hub.add(MODEL, {**files, "adapter_model.safetensors": content(6)})
    assert user.fetch().files == digests(files)


def test_ecapa(user: User, hub: HubServer) -> None:
    hub.add("lab/ecapa", {**ECAPA, "classifier.ckpt": content(12), "label_encoder.txt": b"x"})
    assert user.fetch("lab/ecapa", family="ecapa").files == digests(ECAPA)
    hub.downloads()
    assert "is it a transformers model?" in user.complaint("lab/ecapa")
    assert hub.downloads() == []


def test_cut_connection_is_resumed(user: User, hub: HubServer) -> None:
    files = {**NEEDED, WEIGHTS: content(1, CHUNK + 500_000)}
    hub.add(MODEL, files)
    hub.cut[WEIGHTS] = CHUNK + 200_000
    assert user.fetch().files == digests(files)
    assert hub.downloads()[-2:] == [WEIGHTS, f"{WEIGHTS} bytes={CHUNK}-"]


def test_broken_connection_loses_no_complete_file(user: User, hub: HubServer) -> None:
    hub.add(MODEL, NEEDED)
    hub.reset[WEIGHTS] = 3000
    complaint = user.complaint()
    assert f"{MODEL} (revision main) could not be fetched from {hub.url}" in complaint
    assert "Check the network" in complaint
    assert not user.record.exists()

    hub.reset.clear()
    hub.downloads()
    assert user.fetch().files == digests(NEEDED)
    assert hub.downloads() == [WEIGHTS]


@pytest.mark.parametrize("wrong", [content(99), content(99, 4000)])
def test_wrong_bytes_are_not_kept(user: User, hub: HubServer, wrong: bytes) -> None:
    hub.add(MODEL, NEEDED)
    hub.wrong[WEIGHTS] = wrong
    complaint = user.complaint()
    if len(wrong) == len(NEEDED[WEIGHTS]):
        found, expected = (hashlib.sha256(data).hexdigest() for data in (wrong, NEEDED[WEIGHTS]))
        assert f"{WEIGHTS} was not kept: its SHA-256 is {found}, expected {expected}" in complaint
    assert "snakemake download_models" in complaint
    assert not list(user.cache.rglob(WEIGHTS))
    assert all(path.stat().st_size < 1000 for path in user.cache.glob("*/blobs/*"))

    hub.wrong.clear()
    hub.downloads()
    assert user.fetch().files == digests(NEEDED)
    assert hub.downloads() == [WEIGHTS]


@pytest.mark.parametrize("offline", ["0", "1"])
def test_damaged_cache(user: User, hub: HubServer, offline: str) -> None:
    hub.add(MODEL, NEEDED)
    weights = Path(user.fetch().folder, WEIGHTS)
    weights.resolve().write_bytes(NEEDED[WEIGHTS][:-1])
    assert f"{weights} was not kept" in user.complaint(HF_HUB_OFFLINE=offline)
    assert user.fetch().files == digests(NEEDED)


def test_unknown_model(user: User, hub: HubServer) -> None:
    for token in ({}, {"HF_TOKEN": hub.token}):
        complaint = user.complaint("lab/nothing", **token)
        assert complaint.startswith(f"There is no model 'lab/nothing' on {hub.url}")
        assert "Mend 'model'" in complaint
        assert "hf auth login" in complaint


def test_unknown_revision(user: User, hub: HubServer) -> None:
    hub.add(MODEL, NEEDED)
    complaint = user.complaint(revision="v9")
    assert complaint.startswith(f"{MODEL} has no revision 'v9' on {hub.url}. Mend 'revision'")


def test_gated_model(user: User, hub: HubServer) -> None:
    hub.add(MODEL, NEEDED, gated=True)
    complaint = user.complaint()
    assert complaint.startswith(f"{MODEL} (revision main) is gated on {hub.url}")
    assert "`hf auth login` or set HF_TOKEN" in complaint
    assert user.fetch(HF_TOKEN=hub.token).files == digests(NEEDED)


@pytest.mark.parametrize(
    ("status", "message"),
    [(200, "HF_ENDPOINT"), (403, "Your token gives no access"), (503, "503.*HF_ENDPOINT")],
)
def test_hub_that_does_not_serve(user: User, hub: HubServer, status: int, message: str) -> None:
    hub.status = status
    complaint = user.complaint()
    assert re.search(message, complaint)
    assert f"{MODEL} (revision main) could not be fetched from {hub.url}" in complaint


def test_no_network(user: User, hub: HubServer) -> None:
    hub.add(MODEL, NEEDED)
    user.fetch()
    hub.close()
    complaint = user.complaint()
    assert f"{MODEL} (revision main) could not be fetched from {hub.url}" in complaint
    assert "Connection refused" in complaint
    assert "network" in complaint


def test_offline(user: User, hub: HubServer) -> None:
    hub.add(MODEL, NEEDED)
    complaint = user.complaint(HF_HUB_OFFLINE="1")
    assert complaint == (
        f"{MODEL} (revision main) is not in the Hugging Face cache ({user.cache}) and "
        "HF_HUB_OFFLINE is set. Run `snakemake download_models` on a machine with network, with "
        "the same HF_HOME."
    )
    assert hub.requests == []

    record = user.fetch()
    hub.close()
    assert user.fetch(HF_HUB_OFFLINE="1") == record
    assert "revision v2) is not in" in user.complaint(revision="v2", HF_HUB_OFFLINE="1")
    Path(record.folder, WEIGHTS).unlink()
    assert f"({user.cache}), which lacks {WEIGHTS} or" in user.complaint(HF_HUB_OFFLINE="1")


def test_hub_cache_elsewhere(user: User, hub: HubServer, tmp_path: Path) -> None:
    hub.add(MODEL, NEEDED)
    record = user.fetch(HF_HUB_CACHE=str(tmp_path / "elsewhere"))
    assert tmp_path / "elsewhere" in Path(record.folder).parents
    assert not user.cache.exists()


def test_branch_that_moved(user: User, hub: HubServer) -> None:
    hub.add(MODEL, NEEDED)
    old = user.fetch()
    files = {**NEEDED, WEIGHTS: content(20)}
    commit = hub.models[MODEL].commit(files)
    hub.downloads()

    record = user.fetch()

    assert record.commit == commit != old.commit
    assert record.files == digests(files)
    assert Path(record.folder, WEIGHTS).read_bytes() == files[WEIGHTS]
    assert hub.downloads() == [WEIGHTS]
    assert user.fetch(HF_HUB_OFFLINE="1") == record
    assert user.fetch(revision=old.commit or "", HF_HUB_OFFLINE="1").files == old.files


@pytest.mark.parametrize("name", ["../evil.txt", "/evil.txt", "a/../../evil.txt", "..\\evil.txt"])
def test_names_that_lead_out(user: User, hub: HubServer, name: str) -> None:
    hub.add(MODEL, {**NEEDED, name: b"evil"})
    complaint = user.complaint()
    assert f"lists a file {name!r}, which could lead out" in complaint
    assert hub.downloads() == []
    assert not user.cache.exists()


def test_commit_that_is_none(user: User, hub: HubServer) -> None:
    hub.models[MODEL] = Repository({"../../evil": NEEDED}, {"main": "../../evil"})
    assert "'../../evil' as the commit" in user.complaint()
    assert not user.cache.exists()


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (errno.ENOSPC, "The disk of .* is full. Make room, or set HF_HOME"),
        (errno.EACCES, "The cache .* cannot be written. Set HF_HOME"),
    ],
)
def test_disk(monkeypatch: pytest.MonkeyPatch, code: int, message: str) -> None:
    import huggingface_hub

    def full(*_: object, **__: object) -> str:
        raise OSError(code, os.strerror(code))

    files = [SimpleNamespace(rfilename=name, size=1, lfs=None) for name in NEEDED]
    info = SimpleNamespace(sha="0" * 40, siblings=files)
    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", lambda *_, **__: info)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", full)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    with pytest.raises(InputError, match=rf"lab/wavlm \(revision main\).*{message}"):
        fetch(MODEL, "main", "transformers")


def shards(ending: str) -> dict[str, bytes]:
    """Weights in two files and the index of them; ``ending`` as in ``model.{}safetensors``."""
    stem, suffix = ending.split("|")
    parts = [f"{stem}-0000{number}-of-00002{suffix}" for number in (1, 2)]
    index = json.dumps({"weight_map": {"a": parts[0], "b": parts[1], "c": parts[1]}}).encode()
    return {f"{stem}{suffix}.index.json": index, **dict.fromkeys(parts, b"weights")}


def test_local_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder_with(tmp_path / "models/mine", {**NEEDED, **USELESS})
    monkeypatch.chdir(tmp_path)
    for name in (
        "models/mine",
        "./models/mine",
        "models/../models/mine",
        f"{tmp_path}/models/mine",
    ):
        expected = Record(name, "main", None, str(tmp_path / "models/mine"), digests(NEEDED))
        assert fetch(name, "main", "transformers") == expected


def test_files_in_parts(tmp_path: Path) -> None:
    config = {"config.json": b"{}"}
    torch, safe = shards("pytorch_model|.bin"), shards("model|.safetensors")
    folder = folder_with(tmp_path, {**config, **torch})
    assert fetch(str(folder), "main", "transformers").files == digests({**config, **torch})
    folder_with(tmp_path, safe)
    assert fetch(str(folder), "main", "transformers").files == digests({**config, **safe})
    (folder / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(InputError, match=r"lacks model-00002-of-00002\.safetensors: 1 file"):
        fetch(str(folder), "main", "transformers")
    (folder / "model.safetensors.index.json").write_text("{}")
    with pytest.raises(InputError, match=r"index\.json is no index of weights"):
        fetch(str(folder), "main", "transformers")


def test_tokenizer_files_come_along(tmp_path: Path) -> None:
    names = (
        "generation_config.json processor_config.json tokenizer.json tokenizer_config.json "
        "special_tokens_map.json added_tokens.json vocab.json vocab.txt merges.txt "
        "spiece.model chat_template.jinja normalizer.json"
    )
    files = {**NEEDED, **dict.fromkeys(names.split(), b"{}")}
    folder = folder_with(tmp_path, {**files, "eval_results.json": b"{}"})
    assert fetch(str(folder), "main", "transformers").files == digests(files)


def test_local_folder_that_lacks_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"no folder {tmp_path}/none.*owner/name"):
        fetch(str(tmp_path / "none"), "main", "transformers")
    folder_with(tmp_path, {"README.md": b""})
    missing = r"no config\.json, and no model\.safetensors or .*; is it a transformers model\?"
    with pytest.raises(InputError, match=f"^{tmp_path} holds {missing}"):
        fetch(str(tmp_path), "main", "transformers")
    with pytest.raises(InputError, match=r"hyperparams\.yaml, and no embedding_model\.ckpt; is it"):
        fetch(str(tmp_path), "main", "ecapa")
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"
    folder_with(tmp_path, {**NEEDED, WEIGHTS: pointer})
    with pytest.raises(InputError, match=r"model\.safetensors is a pointer.*git lfs pull"):
        fetch(str(tmp_path), "main", "transformers")
