"""Upload of a package to a hub on this machine."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
from huggingface_hub import constants

from fairser.commands.base import BAD_INPUT
from fairser.commands.export import main
from fairser.inference.exporting import export
from fairser.inference.pushing import push
from unit.corpora.builders import assert_refused
from unit.hub_server import HubServer
from unit.run_builder import make_run

# Of huggingface_hub itself, where it sends a file.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")
NAME = "lab/ser"
WEIGHTS = "model.safetensors"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on fbank; tests must leave it as it is."""
    return make_run(tmp_path_factory.mktemp("run"))


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    """A hub that the user is logged in to; files go by Git LFS, as no server for Xet is here."""
    with HubServer() as server:
        huggingface_hub.close_session()
        settings = {"ENDPOINT": server.url, "HF_HUB_OFFLINE": False, "HF_HUB_DISABLE_XET": True}
        settings |= {"HF_TOKEN_PATH": str(tmp_path / "token")}
        for name, value in settings.items():
            monkeypatch.setattr(constants, name, value)
        monkeypatch.setattr("huggingface_hub.hf_api.api.endpoint", server.url)
        monkeypatch.setenv("HF_TOKEN", server.token)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield server
        huggingface_hub.close_session()


@pytest.fixture
def package(run: Path, tmp_path: Path) -> Path:
    export(run, tmp_path / "package")
    return tmp_path / "package"


def content(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def uploads(hub: HubServer) -> list[str]:
    """Methods and last parts of the paths of all that was sent since the last call."""
    sent = [one for one in hub.requests if not one.startswith(("GET", "HEAD"))]
    hub.requests.clear()
    return [one.split("?")[0] for one in sent]


def test_the_repository_holds_the_package(
    run: Path,
    hub: HubServer,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    folder = tmp_path / "package"
    assert main([str(run), str(folder), "--push", NAME]) == 0
    files = hub.models[NAME].files()
    assert files.pop(".gitattributes")
    assert files == content(folder)
    assert files["README.md"].startswith(b"---\nlicense: ")
    assert json.loads(files["config.json"])["weights"]["file"] == WEIGHTS
    commit = hub.models[NAME].refs["main"]
    told = capfd.readouterr()
    assert f"Uploaded: {hub.url}/{NAME}/commit/{commit}" in told.out
    assert hub.token not in told.out + told.err + caplog.text


def test_the_same_command_uploads_the_card_that_was_changed(
    run: Path, hub: HubServer, package: Path
) -> None:
    assert main([str(run), str(package), "--push", NAME]) == 0
    first = hub.models[NAME].files()
    uploads(hub)
    with (package / "README.md").open("a") as card:
        card.write("\nRecorded in a quiet room.\n")
    (package / "predictions.csv").write_text("clip,angry\n")
    (package / "fairser" / "__pycache__").mkdir()
    (package / "fairser" / "__pycache__" / "x.pyc").write_bytes(b"x")
    assert main([str(run), str(package), "--push", NAME]) == 0
    second = hub.models[NAME].files()
    assert second["README.md"].endswith(b"\nRecorded in a quiet room.\n")
    assert second == first | {"README.md": second["README.md"]}
    assert not [request for request in uploads(hub) if request.startswith("PUT")]


def test_an_interrupted_upload_goes_on(run: Path, hub: HubServer, package: Path) -> None:
    hub.failing["/commit/"] = 500
    assert_refused((NAME, hub.url, "same command"), push, package, NAME)
    assert {*hub.models[NAME].files()} == {".gitattributes"}
    assert len([one for one in uploads(hub) if one.startswith("PUT")]) == len(hub.lfs) == 1
    push(package, NAME)
    assert hub.models[NAME].files()[WEIGHTS] == (package / WEIGHTS).read_bytes()
    assert not [one for one in uploads(hub) if one.startswith("PUT")]


def test_modules_of_an_older_package_are_removed(hub: HubServer, package: Path) -> None:
    hub.add(NAME, {"README.md": b"old", "fairser/encoders/old.py": b"", "notes.txt": b"mine"})
    push(package, NAME)
    assert hub.models[NAME].files() == content(package) | {"notes.txt": b"mine"}


def test_a_repository_with_something_else_is_left_alone(hub: HubServer, package: Path) -> None:
    files = {"README.md": b"# WavLM", "pytorch_model.bin": b"weights"}
    hub.add(NAME, files)
    assert_refused((NAME, "pytorch_model.bin", "something else"), push, package, NAME)
    assert hub.models[NAME].files() == files


def refused(run: Path, folder: Path, name: str, capsys: pytest.CaptureFixture[str]) -> str:
    """The message of a command that must end before it makes anything."""
    assert main([str(run), str(folder), "--push", name]) == BAD_INPUT
    assert not folder.exists()
    return capsys.readouterr().err


@pytest.mark.parametrize("name", ["ser", "lab/ser/model", "lab/", "la b/ser", "../ser"])
def test_no_name(
    run: Path, hub: HubServer, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    told = refused(run, tmp_path / "package", name, capsys)
    assert f"--push {name}: " in told and "owner/name" in told
    assert hub.requests == []


def test_offline(
    run: Path,
    hub: HubServer,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert "HF_HUB_OFFLINE is set" in refused(run, tmp_path / "package", NAME, capsys)
    assert hub.requests == []


def test_no_token(
    run: Path,
    hub: HubServer,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("HF_TOKEN")
    assert "`hf auth login`" in refused(run, tmp_path / "package", NAME, capsys)
    assert hub.requests == []


def fail(hub: HubServer, **change: Any) -> None:
    for name, value in change.items():
        setattr(hub, name, value)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"token": "another"}, "not valid"),
        ({"owner": "other"}, "no right to write"),
        ({"status": 503}, "503"),
        ({"failing": {"/preupload/": 400}}, "BadRequestError"),
        ({"failing": {"/lfs/": 400}}, "BadRequestError"),
    ],
)
def test_a_hub_that_does_not_take_it(
    hub: HubServer, package: Path, change: dict[str, Any], told: str
) -> None:
    fail(hub, **change)
    assert_refused((str(package), NAME, hub.url, told, "same command"), push, package, NAME)


def test_no_network(hub: HubServer, package: Path) -> None:
    hub.close()
    assert_refused((hub.url, "Connection refused", "network"), push, package, NAME)


def test_a_damaged_package_and_a_faulty_card(hub: HubServer, package: Path) -> None:
    card = (package / "README.md").read_text()
    (package / "README.md").write_text(card.replace("license: ", "licence: ", 1))
    assert_refused(("front matter", "no license"), push, package, NAME)
    assert {*hub.models[NAME].files()} == {".gitattributes"}
    hub.requests.clear()
    (package / WEIGHTS).write_bytes(b"other weights")
    assert_refused(("SHA-256",), push, package, NAME)
    assert hub.requests == []


def test_another_run_is_not_uploaded_in_its_place(
    run: Path, hub: HubServer, package: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = json.loads((package / "config.json").read_text())
    config["weights"]["sha256"] = "0" * 64
    (package / "config.json").write_text(json.dumps(config))
    assert main([str(run), str(package), "--push", NAME]) == BAD_INPUT
    assert "exists already" in capsys.readouterr().err
    assert hub.requests == []
