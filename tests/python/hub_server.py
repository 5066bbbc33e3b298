"""A hub on the loopback interface that speaks Hugging Face's routes, for the tests: one repository, whole or misbehaving."""

from __future__ import annotations

import hashlib
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Iterator

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub:
    """Files of ``org/model``; what goes wrong is set by the test."""

    def __init__(self, folder: Path):
        self.files = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
        self.requests: list[str] = []
        #: Status of every answer, 0 for what is right.
        self.status = 0
        #: Files whose content is not what their hash says.
        self.spoilt: set[str] = set()
        self.endpoint = ""

    def entry(self, name: str) -> dict[str, Any]:
        content = self.files[name]
        return {
            "type": "file",
            "path": name,
            "size": len(content),
            "oid": hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest(),
            "lfs": {"oid": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 130},
        }


@contextmanager
def serving(folder: Path) -> Iterator[Hub]:
    hub = Hub(folder)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            pass

        def do_HEAD(self) -> None:
            self.answer(body=False)

        def do_GET(self) -> None:
            self.answer(body=True)

        def answer(self, body: bool) -> None:
            path = self.path.partition("?")[0]
            hub.requests.append(f"{self.command} {path}")
            if hub.status:
                return self.send(hub.status, b"{}", {}, body)
            if path.startswith("/api/models/org/model/tree/"):
                return self.send(200, json.dumps([hub.entry(name) for name in hub.files]).encode(), {}, body)
            if path.startswith("/api/models/org/model"):
                listed = {"id": "org/model", "sha": COMMIT, "siblings": [{"rfilename": name} for name in hub.files]}
                return self.send(200, json.dumps(listed).encode(), {}, body)
            name = path.rpartition("/")[2]
            if path.startswith("/org/model/resolve/") and name in hub.files:
                entry = hub.entry(name)
                headers = {
                    "X-Repo-Commit": COMMIT,
                    "X-Linked-Etag": f'"{entry["lfs"]["oid"]}"',
                    "X-Linked-Size": str(entry["size"]),
                    "ETag": f'"{entry["lfs"]["oid"]}"',
                    "Accept-Ranges": "bytes",
                }
                content = hub.files[name]
                if name in hub.spoilt:
                    content = bytes(len(content))
                return self.send(200, content, headers, body)
            self.send(404, b"{}", {"X-Error-Code": "RepoNotFound" if "/org/model/" not in path else "EntryNotFound"}, body)

        def send(self, status: int, content: bytes, headers: dict[str, str], body: bool) -> None:
            begin = 0
            asked = self.headers.get("Range", "")
            if status == 200 and asked.startswith("bytes=") and body:
                begin = int(asked[len("bytes=") :].partition("-")[0])
                status = 206
                headers = {**headers, "Content-Range": f"bytes {begin}-{len(content) - 1}/{len(content)}"}
            self.send_response(status)
            for key, value in headers.items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(content) - begin))
            self.end_headers()
            if body:
                self.wfile.write(content[begin:])

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: Any) -> None:
            """A client that hangs up is no error here."""

    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    hub.endpoint = f"http://127.0.0.1:{server.server_port}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
