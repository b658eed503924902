"""A Git LFS server on the loopback interface, which can cut connections and send wrong bytes."""

import hashlib
import json
import re
import threading
from http.server import BaseHTTPRequestHandler

from unit.loopback import LoopbackServer


class LfsServer(LoopbackServer):
    """Serves ``objects`` (SHA-256: content) by the batch API with the basic transfer.

    ``wrong`` replaces the content of an object; ``cut`` names objects of which no response, in
    whatever range, goes beyond the given byte, and ``held`` those whose response then hangs until
    the server closes; ``requests`` has one (object, Range) per download.
    """

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.wrong: dict[str, bytes] = {}
        self.cut: dict[str, int] = {}
        self.held: set[str] = set()
        self.requests: list[tuple[str, str | None]] = []
        self.closing = threading.Event()
        super().__init__(type("Handler", (_Handler,), {"lfs": self}))

    def close(self) -> None:
        self.closing.set()
        super().close()

    def add(self, content: bytes) -> str:
        """Store an object; returns its SHA-256."""
        digest = hashlib.sha256(content).hexdigest()
        self.objects[digest] = content
        return digest


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    lfs: LfsServer

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        body = json.dumps({"objects": [self._answer(item) for item in asked["objects"]]}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/vnd.git-lfs+json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _answer(self, item: dict) -> dict:
        if item["oid"] not in self.lfs.objects:
            return {**item, "error": {"code": 404, "message": "Object does not exist"}}
        href = f"{self.lfs.url}/objects/{item['oid']}"
        return {**item, "authenticated": True, "actions": {"download": {"href": href}}}

    def do_GET(self) -> None:
        digest = self.path.removeprefix("/objects/")
        asked = self.headers["Range"]
        self.lfs.requests.append((digest, asked))
        content = self.lfs.wrong.get(digest, self.lfs.objects[digest])
        start = int(re.match(r"bytes=(\d+)-", asked)[1]) if asked else 0
        if start >= len(content):
            self.send_response(416)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(206 if asked else 200)
        if asked:
            whole = len(content)
            self.send_header("Content-Range", f"bytes {start}-{whole - 1}/{whole}")
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        if digest in self.lfs.cut:
            self.wfile.write(content[start : self.lfs.cut[digest]])
            if digest in self.lfs.held:
                self.lfs.closing.wait()
            self.close_connection = True
        else:
            self.wfile.write(content[start:])

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""
