"""A Hugging Face hub on the loopback interface, which can cut connections and send wrong bytes."""

import hashlib
import json
import re
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from urllib.parse import unquote, urlsplit

from unit.hub_uploads import Uploads
from unit.loopback import LoopbackServer

LARGE = 1000  # bytes; the hub keeps files of this size with Git LFS


@dataclass
class Repository:
    """A model of the hub: its commits, and the branches and tags that name one.

    A ``gated`` one answers only to ``token``; it still shows what files it has, as the hub does.
    """

    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    gated: bool = False

    def commit(self, files: Mapping[str, bytes], ref: str = "main") -> str:
        """Add a commit, to which ``ref`` then leads; returns it."""
        names = "".join(f"{name} {git_digest(content)}\n" for name, content in files.items())
        commit = hashlib.sha1(names.encode(), usedforsecurity=False).hexdigest()
        self.commits[commit] = dict(files)
        self.refs[ref] = commit
        return commit

    def files(self) -> dict[str, bytes]:
        """Content of each file on ``main``."""
        return self.commits[self.refs["main"]]

    def resolve(self, revision: str) -> str | None:
        """The commit of a branch, a tag, a commit or the start of one."""
        starts = [commit for commit in self.commits if commit.startswith(revision)]
        return self.refs.get(revision) or (starts[0] if len(revision) >= 7 and starts else None)


class HubServer(LoopbackServer):
    """Serves ``models`` to huggingface_hub, whose HF_ENDPOINT is ``url``.

    ``wrong`` replaces the content of a file's download; ``cut`` has, by file, the bytes after which
    its next response ends too early, ``reset`` those after which each response breaks down;
    ``status`` answers all requests, and ``failing`` has, by a part of the path, the status that
    answers the next upload there. ``lfs`` has the objects of Git LFS. ``requests`` has "METHOD
    /path" of each, and " Range" if given.
    """

    def __init__(self) -> None:
        self.models: dict[str, Repository] = {}
        self.wrong: dict[str, bytes] = {}
        self.cut: dict[str, int] = {}
        self.reset: dict[str, int] = {}
        self.status: int | None = None
        self.token = "hf_secret"  # noqa: S105 (of this server)
        self.owner = "lab"
        self.failing: dict[str, int] = {}
        self.lfs: dict[str, bytes] = {}
        self.requests: list[str] = []
        super().__init__(type("Handler", (_Handler,), {"hub": self}))

    def add(self, model: str, files: Mapping[str, bytes], gated: bool = False) -> str:
        """Add a model with one commit on ``main``; returns the commit."""
        self.models[model] = Repository(gated=gated)
        return self.models[model].commit(files)

    def digest(self, content: bytes, large: bool) -> str:
        """What the hub knows a file by: its SHA-256 with Git LFS, else the number of Git."""
        return hashlib.sha256(content).hexdigest() if large else git_digest(content)

    def downloads(self) -> list[str]:
        """The files whose content was asked for since the last call, with the Range if any."""
        asked = [request for request in self.requests if request.startswith("GET /")]
        self.requests.clear()
        return [request.split("/", 5)[-1] for request in asked if "/resolve/" in request]


class _Handler(Uploads, BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: HubServer

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def _answer(self) -> None:
        asked = self.headers["Range"]
        self.hub.requests.append(f"{self.command} {self.path}{f' {asked}' if asked else ''}")
        path = urlsplit(self.path).path
        if self.hub.status:
            self._error(self.hub.status, "")
        elif found := re.fullmatch(r"/api/models/(.+)/revision/([^/]+)", path):
            self._info(found[1], unquote(found[2]))
        elif found := re.fullmatch(r"/api/models/(.+)/tree/([^/]+)", path):
            self._tree(found[1], unquote(found[2]))
        elif found := re.fullmatch(r"/([^/]+(?:/[^/]+)?)/resolve/([^/]+)/(.+)", path):
            self._file(found[1], unquote(found[2]), unquote(found[3]))
        else:
            self._error(404, "")

    def _repository(self, model: str, revision: str) -> tuple[Repository, str] | None:
        """The repository and commit; None if an error was sent, with the hub's codes for it."""
        repository = self.hub.models.get(model)
        if repository is None:
            # The hub does not tell strangers whether a model exists.
            self._error(*((404, "RepoNotFound") if self._known() else (401, "RepoNotFound")))
            return None
        commit = repository.resolve(revision)
        if commit is None:
            self._error(404, "RevisionNotFound")
            return None
        return repository, commit

    def _known(self) -> bool:
        return self.headers["Authorization"] == f"Bearer {self.hub.token}"

    def _info(self, model: str, revision: str) -> None:
        if found := self._repository(model, revision):
            repository, commit = found
            blobs = "blobs=" in self.path
            files = repository.commits[commit]
            siblings = [_sibling(name, content, blobs) for name, content in files.items()]
            body = {"id": model, "sha": commit, "siblings": siblings, "gated": repository.gated}
            self._send(200, json.dumps(body).encode(), {"Content-Type": "application/json"})

    def _tree(self, model: str, revision: str) -> None:
        if found := self._repository(model, revision):
            repository, commit = found
            entries = [
                {"type": "file", "path": name, "size": len(content), "oid": git_digest(content)}
                for name, content in repository.commits[commit].items()
            ]
            self._send(200, json.dumps(entries).encode(), {"Content-Type": "application/json"})

    def _file(self, model: str, revision: str, name: str) -> None:
        if not (found := self._repository(model, revision)):
            return
        repository, commit = found
        if repository.gated and not self._known():
            self._error(401, "GatedRepo")
        elif name not in repository.commits[commit]:
            self._error(404, "EntryNotFound", {"X-Repo-Commit": commit})
        else:
            content = repository.commits[commit][name]
            headers = {"X-Repo-Commit": commit, "ETag": f'"{git_digest(content)}"'}
            if len(content) >= LARGE:
                digest = hashlib.sha256(content).hexdigest()
                headers |= {"X-Linked-Etag": f'"{digest}"', "X-Linked-Size": str(len(content))}
            self._content(name, self.hub.wrong.get(name, content), headers)

    def _content(self, name: str, content: bytes, headers: dict[str, str]) -> None:
        asked = self.headers["Range"]
        start = int(re.match(r"bytes=(\d+)-", asked)[1]) if asked else 0
        if asked:
            headers |= {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}
        end = self.hub.reset.get(name)
        if self.command == "GET" and name in self.hub.cut:
            end = self.hub.cut.pop(name)
        self._send(206 if asked else 200, content[start:], headers, end)
        if self.command == "GET" and name in self.hub.reset:
            # Without lingering, a close is no orderly end but a reset.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.rfile.close()
            self.connection.close()

    def _error(self, status: int, code: str, headers: Mapping[str, str] | None = None) -> None:
        named = {"X-Error-Code": code, "X-Error-Message": f"the hub says {code}"} if code else {}
        self._send(status, b"", {**named, **(headers or {})})

    def _send(
        self, status: int, body: bytes, headers: Mapping[str, str], end: int | None = None
    ) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[:end])
            self.close_connection = end is not None

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


def git_digest(content: bytes) -> str:
    """SHA-1 that Git gives to a file."""
    blob = b"blob %d\0" % len(content) + content
    return hashlib.sha1(blob, usedforsecurity=False).hexdigest()


def _sibling(name: str, content: bytes, blobs: bool) -> dict:
    if not blobs:
        return {"rfilename": name}
    lfs = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 134}
    large = {"lfs": lfs} if len(content) >= LARGE else {}
    return {"rfilename": name, "size": len(content), "blobId": git_digest(content), **large}
