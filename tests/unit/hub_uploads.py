"""What the hub on the loopback interface does with uploads: repositories, Git LFS and commits."""

import base64
import hashlib
import json
import re
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import urlsplit

JSON = {"Content-Type": "application/json"}


class Uploads(BaseHTTPRequestHandler):
    """Answers POST and PUT; ``hub`` is the :class:`unit.hub_server.HubServer`.

    Whoever has the token may write below its ``owner``. An object of Git LFS stays where it is
    when the commit that would name it never comes.
    """

    hub: Any

    def do_POST(self) -> None:
        self._write(self._body())

    def do_PUT(self) -> None:
        self._write(self._body())

    def _body(self) -> bytes:
        length = self.headers["Content-Length"]
        if length is not None:
            return self.rfile.read(int(length))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _write(self, body: bytes) -> None:
        self.hub.requests.append(f"{self.command} {self.path}")
        path = urlsplit(self.path).path
        failing = next((part for part in self.hub.failing if part in path), None)
        if self.hub.status or failing:
            self._error(self.hub.status or self.hub.failing.pop(failing), "")
        elif found := re.fullmatch(r"/lfs/([0-9a-f]{64})", path):
            assert hashlib.sha256(body).hexdigest() == found[1]
            self.hub.lfs[found[1]] = body
            self._send(200, b"", {})
        elif not self._known():
            self._error(401, "")
        else:
            self._answer_json(path, body)

    def _answer_json(self, path: str, body: bytes) -> None:
        if path == "/api/repos/create":
            self._create(json.loads(body))
        elif path == "/api/validate-yaml":
            whole = json.loads(body)["content"].startswith("---\nlicense: ")
            faults = [] if whole else [{"message": "no license"}]
            self._json(200 if whole else 400, {"errors": faults, "warnings": []})
        elif found := re.fullmatch(r"/api/models/(.+)/preupload/main", path):
            self._preupload(found[1], json.loads(body)["files"])
        elif re.fullmatch(r"/.+\.git/info/lfs/objects/batch", path):
            objects = [self._object(one) for one in json.loads(body)["objects"]]
            self._json(200, {"transfer": "basic", "objects": objects})
        elif found := re.fullmatch(r"/api/models/(.+)/commit/main", path):
            self._commit(found[1], [json.loads(line) for line in body.splitlines()])
        else:
            self._error(404, "")

    def _create(self, given: dict[str, Any]) -> None:
        name = f"{given['organization']}/{given['name']}"
        if given["organization"] != self.hub.owner:
            self._json(403, {"error": "You don't have the rights to create a model there"})
        elif name in self.hub.models:
            self._json(
                409,
                {"error": "You already created this model repo", "url": f"{self.hub.url}/{name}"},
            )
        else:
            self.hub.add(name, {".gitattributes": b"*.safetensors filter=lfs"})
            self._json(200, {"url": f"{self.hub.url}/{name}", "name": name, "id": name})

    def _preupload(self, model: str, files: list[dict[str, Any]]) -> None:
        """Weights are kept with Git LFS, whatever their size."""
        there = self.hub.models[model].files()
        answers = []
        for file in files:
            large = file["path"].endswith(".safetensors")
            answer = {"path": file["path"], "shouldIgnore": False}
            answer["uploadMode"] = "lfs" if large else "regular"
            if file["path"] in there:
                answer["oid"] = self.hub.digest(there[file["path"]], large)
            answers.append(answer)
        self._json(200, {"files": answers})

    def _object(self, given: dict[str, Any]) -> dict[str, Any]:
        there = given["oid"] in self.hub.lfs
        upload = {"upload": {"href": f"{self.hub.url}/lfs/{given['oid']}", "header": {}}}
        return given if there else given | {"actions": upload}

    def _commit(self, model: str, lines: list[dict[str, Any]]) -> None:
        repository = self.hub.models[model]
        files = dict(repository.files())
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.hub.lfs[value["oid"]]
            elif line["key"] == "deletedFile":
                del files[value["path"]]
        commit = repository.commit(files)
        url = f"{self.hub.url}/{model}/commit/{commit}"
        self._json(200, {"commitUrl": url, "commitOid": commit, "success": True})

    def _json(self, status: int, content: dict[str, Any]) -> None:
        self._send(status, json.dumps(content).encode(), JSON)
