"""Downloads from a hub on this machine, with the settings of huggingface_hub that users change."""

import errno
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import huggingface_hub
import pytest
from huggingface_hub import constants

from fairser.core.errors import InputError
from fairser.pretrained.hub import fetch
from fairser.pretrained.records import Record
from unit.hub_server import HubServer, Repository, git_digest
from unit.model_files import MODEL, NEEDED, USELESS, WEIGHTS, content, digests, folder_with

CHUNK = 10 * 2**20  # bytes that huggingface_hub holds before it writes them
ECAPA = {"hyperparams.yaml": b"sample_rate: 16000\n", "embedding_model.ckpt": content(11)}


class User:
    """Someone with a cache of models, who fetches from a hub."""

    def __init__(self, hub: HubServer, patch: pytest.MonkeyPatch, folder: Path) -> None:
        self.hub, self.patch, self.cache = hub, patch, folder / "cache" / "hub"
        settings = {"ENDPOINT": hub.url, "HF_HUB_CACHE": str(self.cache), "HF_HUB_OFFLINE": False}
        settings |= {"HF_TOKEN_PATH": str(folder / "token")}
        url = constants.HUGGINGFACE_CO_URL_TEMPLATE.replace(constants.ENDPOINT, hub.url)
        settings |= {"HUGGINGFACE_CO_URL_TEMPLATE": url}
        for name, value in settings.items():
            patch.setattr(constants, name, value)
        patch.delenv("HF_TOKEN", raising=False)
        patch.setenv("NO_PROXY", "127.0.0.1")

    def offline(self, on: bool = True) -> None:
        self.patch.setattr(constants, "HF_HUB_OFFLINE", on)

    def fetch(
        self, model: str = MODEL, revision: str = "main", family: str = "transformers"
    ) -> Record:
        return fetch(model, revision, family)

    def complaint(self, *arguments: str, **named: str) -> str:
        """The message of the InputError with which a fetch ends."""
        with pytest.raises(InputError) as caught:
            self.fetch(*arguments, **named)
        return str(caught.value)


@pytest.fixture
def hub() -> Iterator[HubServer]:
    with HubServer() as server:
        yield server


@pytest.fixture
def user(tmp_path: Path, hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[User]:
    huggingface_hub.close_session()  # it keeps the proxies of its start
    yield User(hub, monkeypatch, tmp_path)
    huggingface_hub.close_session()


def test_only_the_needed_files_are_fetched(user: User, hub: HubServer) -> None:
    commit = hub.add(MODEL, {**NEEDED, **USELESS})

    record = user.fetch()

    folder = Path(record.folder)
    assert record == Record(MODEL, "main", commit, str(folder), digests(NEEDED))
    assert user.cache in folder.parents
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == NEEDED
    assert list(record.files) == sorted(NEEDED)
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
    user.offline()
    assert user.fetch(revision=revision) == record


def test_pytorch_weights_if_there_are_no_others(user: User, hub: HubServer) -> None:
    files = {name: data for name, data in NEEDED.items() if name != WEIGHTS}
    files["pytorch_model.bin"] = content(2)
    hub.add(MODEL, {**files, "adapter_model.safetensors": content(6)})
    assert user.fetch().files == digests(files)


def test_ecapa(user: User, hub: HubServer) -> None:
    hub.add("lab/ecapa", {**ECAPA, "classifier.ckpt": content(12), "label_encoder.txt": b"x"})
    assert user.fetch("lab/ecapa", family="ecapa").files == digests(ECAPA)
    hub.downloads()
    assert "lab/ecapa (revision main) holds no config.json" in user.complaint("lab/ecapa")
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
    assert all(named in complaint for named in (MODEL, hub.url, "network"))

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
        assert all(named in complaint for named in (WEIGHTS, found, expected))
    assert "snakemake download_models" in complaint
    assert not list(user.cache.rglob(WEIGHTS))
    assert all(path.stat().st_size < 1000 for path in user.cache.glob("*/blobs/*"))

    hub.wrong.clear()
    hub.downloads()
    assert user.fetch().files == digests(NEEDED)
    assert hub.downloads() == [WEIGHTS]


def test_other_bytes_of_the_same_size_are_not_kept(user: User, hub: HubServer) -> None:
    """A small file has no SHA-256 on the hub, but the number that Git gives it."""
    hub.add(MODEL, NEEDED)
    right = NEEDED["config.json"]
    hub.wrong["config.json"] = wrong = right[:-1] + bytes([right[-1] ^ 1])
    complaint = user.complaint()
    assert all(part in complaint for part in ("config.json", git_digest(wrong), git_digest(right)))
    assert not list(user.cache.rglob("config.json"))
    assert not list(user.cache.rglob(git_digest(right)))

    hub.wrong.clear()
    assert user.fetch().files == digests(NEEDED)


@pytest.mark.parametrize("name", [WEIGHTS, "config.json"])
@pytest.mark.parametrize("offline", [False, True])
def test_damaged_cache(user: User, hub: HubServer, offline: bool, name: str) -> None:
    hub.add(MODEL, NEEDED)
    damaged = Path(user.fetch().folder, name)
    damaged.resolve().write_bytes(NEEDED[name][:-1] + b"?")
    user.offline(offline)
    assert str(damaged) in user.complaint()
    assert not damaged.exists()
    user.offline(False)
    assert user.fetch().files == digests(NEEDED)


@pytest.mark.parametrize("token", [False, True])
def test_unknown_model(user: User, hub: HubServer, token: bool) -> None:
    if token:
        user.patch.setenv("HF_TOKEN", hub.token)
    complaint = user.complaint("lab/nothing")
    assert all(named in complaint for named in ("'lab/nothing'", hub.url, "`hf auth login`"))


def test_unknown_revision(user: User, hub: HubServer) -> None:
    hub.add(MODEL, NEEDED)
    complaint = user.complaint(revision="v9")
    assert all(named in complaint for named in (MODEL, "'v9'", hub.url, "'revision'"))


def test_gated_model(user: User, hub: HubServer) -> None:
    hub.add(MODEL, NEEDED, gated=True)
    complaint = user.complaint()
    assert all(named in complaint for named in (MODEL, "is gated", hub.url, "HF_TOKEN"))
    user.patch.setenv("HF_TOKEN", hub.token)
    assert user.fetch().files == digests(NEEDED)


@pytest.mark.parametrize(("status", "told"), [(200, "HF_ENDPOINT"), (403, "token"), (503, "503")])
def test_hub_that_does_not_serve(user: User, hub: HubServer, status: int, told: str) -> None:
    hub.status = status
    complaint = user.complaint()
    assert all(named in complaint for named in (MODEL, hub.url, told))


def test_no_network(user: User, hub: HubServer) -> None:
    """A branch that was downloaded earlier may have moved: without network nobody knows."""
    hub.add(MODEL, NEEDED)
    user.fetch()
    hub.close()
    huggingface_hub.close_session()
    complaint = user.complaint()
    assert all(named in complaint for named in (MODEL, hub.url, "Connection refused"))


def test_offline(user: User, hub: HubServer) -> None:
    hub.add(MODEL, NEEDED)
    user.offline()
    assert user.complaint() == (
        f"{MODEL} (revision main) is not in the Hugging Face cache ({user.cache}) and "
        "HF_HUB_OFFLINE is set. Run `snakemake download_models` on a machine with network, with "
        "the same HF_HOME."
    )
    assert hub.requests == []

    user.offline(False)
    record = user.fetch()
    hub.close()
    user.offline()
    assert user.fetch() == record
    assert "revision v2" in user.complaint(revision="v2")
    Path(record.folder, WEIGHTS).unlink()
    assert f"lacks {WEIGHTS}" in user.complaint()


def test_variables_of_the_environment(hub: HubServer, tmp_path: Path) -> None:
    hub.add(MODEL, NEEDED)
    code = (
        "import sys; from fairser.pretrained.hub import fetch; print(fetch(*sys.argv[1:]).folder)"
    )
    variables = {"HF_ENDPOINT": hub.url, "HF_HUB_CACHE": str(tmp_path), "HF_HUB_OFFLINE": "0"}
    variables |= {"PYTHONPATH": os.pathsep.join(sys.path), "NO_PROXY": "127.0.0.1"}
    command = [sys.executable, "-W", "error", "-c", code, MODEL, "main", "transformers"]
    done = subprocess.run(
        command, env=os.environ | variables, stdout=subprocess.PIPE, text=True, check=True
    )
    assert tmp_path in Path(done.stdout).parents
    hub.close()
    variables["HF_HUB_OFFLINE"] = "1"
    again = subprocess.run(
        command, env=os.environ | variables, stdout=subprocess.PIPE, text=True, check=True
    )
    assert again.stdout == done.stdout


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
    user.offline()
    assert user.fetch() == record
    assert user.fetch(revision=old.commit or "").files == old.files


@pytest.mark.parametrize("name", ["../evil.txt", "/evil.txt", "a/../../evil.txt", "..\\evil.txt"])
def test_names_that_lead_out(user: User, hub: HubServer, name: str) -> None:
    hub.add(MODEL, {**NEEDED, name: b"evil"})
    assert repr(name) in user.complaint()
    assert hub.downloads() == []
    assert not user.cache.exists()


def test_commit_that_is_none(user: User, hub: HubServer) -> None:
    hub.models[MODEL] = Repository({"../../evil": NEEDED}, {"main": "../../evil"})
    assert "'../../evil'" in user.complaint()
    assert not user.cache.exists()


@pytest.mark.parametrize(("code", "told"), [(errno.ENOSPC, "full"), (errno.EACCES, "writable")])
def test_disk(user: User, monkeypatch: pytest.MonkeyPatch, code: int, told: str) -> None:
    def full(*_: object, **__: object) -> str:
        raise OSError(code, os.strerror(code))

    user.hub.add(MODEL, NEEDED)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", full)
    complaint = user.complaint()
    assert all(named in complaint for named in (MODEL, str(user.cache), told, "HF_HOME"))


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
    with pytest.raises(InputError, match=r"lacks model-00002-of-00002\.safetensors"):
        fetch(str(folder), "main", "transformers")
    (folder / "model.safetensors.index.json").write_text("{}")
    with pytest.raises(InputError, match=r"model\.safetensors\.index\.json"):
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
    with pytest.raises(InputError, match=f"{tmp_path}/none.*'model'"):
        fetch(str(tmp_path / "none"), "main", "transformers")
    folder_with(tmp_path, {"README.md": b""})
    with pytest.raises(InputError, match=rf"^{tmp_path} .*config\.json.* model\.safetensors or"):
        fetch(str(tmp_path), "main", "transformers")
    with pytest.raises(InputError, match=r"hyperparams\.yaml.* embedding_model\.ckpt"):
        fetch(str(tmp_path), "main", "ecapa")
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"
    folder_with(tmp_path, {**NEEDED, WEIGHTS: pointer})
    with pytest.raises(InputError, match=r"model\.safetensors.*`git lfs pull`"):
        fetch(str(tmp_path), "main", "transformers")
