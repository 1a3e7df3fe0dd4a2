"""A local server that speaks the part of the Hub's API that downloads use, and breaks it on demand.

GET /api/{models,datasets}/OWNER/NAME: the repository, with its current revision.
GET /api/{models,datasets}/OWNER/NAME/tree/REV: the files, with sizes, git object names and LFS digests.
HEAD and GET /[datasets/]OWNER/NAME/resolve/REV/PATH: the file, with ranges.
"""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

COMMIT = hashlib.sha1(b"first").hexdigest()
LFS_FROM = 1000  # bytes; what is larger is announced by its SHA-256


class Hub:
    """What the server holds and how it misbehaves. files: {"models/owner/name": {path: content}}."""

    def __init__(self) -> None:
        self.files: dict[str, dict[str, bytes]] = {}
        self.commit = COMMIT
        self.break_after: list[int] = []  # of the next transfers of content: bytes sent before the connection drops
        self.hang = ""  # the path whose transfer hangs after half of it until `hold` is set
        self.hold: threading.Event | None = None
        self.garble: set[str] = set()  # paths whose first byte arrives altered
        self.status = 0  # answered to everything, when not 0
        self.sent: list[tuple[str, int, int]] = []  # path, first byte, bytes sent
        self.requests = 0  # of any kind
        self.endpoint = ""

    def tree(self, repository: str) -> list[dict[str, object]]:
        files = []
        for path, content in self.files[repository].items():
            file: dict[str, object] = {
                "type": "file",
                "path": path,
                "size": len(content),
                "oid": _git_blob(content),
            }
            if len(content) >= LFS_FROM:
                file["lfs"] = {"oid": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 134}
            files.append(file)
        return files


def _git_blob(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


@contextmanager
def serving(hub: Hub) -> Iterator[Hub]:
    """Serve on a free port of the loopback; hub.endpoint is its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(hub))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    hub.endpoint = f"http://127.0.0.1:{server.server_port}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_HEAD(self) -> None:
            self._answer(body=False)

        def do_GET(self) -> None:
            self._answer(body=True)

        def _answer(self, *, body: bool) -> None:
            hub.requests += 1
            path = unquote(urlsplit(self.path).path).strip("/")
            if hub.status:
                self._send(hub.status, b'{"error":"broken on purpose"}', body=body)
            elif path.startswith("api/"):
                self._list(path.removeprefix("api/"))
            else:
                self._file(path, body=body)

        def _list(self, path: str) -> None:
            repository, _, revision = path.partition("/tree/")
            if repository not in hub.files:
                self._send(404, b'{"error":"Repository not found"}', headers={"X-Error-Code": "RepoNotFound"})
            elif revision not in ("", hub.commit):
                self._send(404, b'{"error":"Invalid rev id"}', headers={"X-Error-Code": "RevisionNotFound"})
            elif revision:
                self._send(200, json.dumps(hub.tree(repository)).encode())
            else:
                name = repository.split("/", 1)[1]
                about = {"id": name, "modelId": name, "sha": hub.commit, "siblings": [], "private": False, "tags": []}
                self._send(200, json.dumps(about).encode())

        def _file(self, path: str, *, body: bool) -> None:
            repository, _, rest = path.partition("/resolve/")
            repository = repository if repository.startswith("datasets/") else f"models/{repository}"
            name = rest.partition("/")[2]
            content = hub.files[repository][name]
            headers = {"X-Repo-Commit": hub.commit, "Accept-Ranges": "bytes", "ETag": f'"{_git_blob(content)}"'}
            if len(content) >= LFS_FROM:
                headers["X-Linked-Size"] = str(len(content))
                headers["X-Linked-ETag"] = f'"{hashlib.sha256(content).hexdigest()}"'
            first = 0
            if body and (asked := self.headers.get("Range")):
                first = int(asked.removeprefix("bytes=").split("-")[0])
                headers["Content-Range"] = f"bytes {first}-{len(content) - 1}/{len(content)}"
            if name in hub.garble:
                content = bytes([content[0] ^ 1]) + content[1:]
            part = content[first:]
            limit = hub.break_after.pop(0) if body and hub.break_after else len(part)
            if name == hub.hang:
                limit = len(part) // 2
            if body:
                hub.sent.append((name, first, min(limit, len(part))))
            self._send(206 if first else 200, part, body=body, headers=headers, limit=limit)

        def _send(
            self,
            status: int,
            content: bytes,
            *,
            body: bool = True,
            headers: dict[str, str] | None = None,
            limit: int | None = None,
        ) -> None:
            self.send_response(status)
            for key, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
                self.send_header(key, value)
            self.end_headers()
            if body:
                self.wfile.write(content[:limit])
                if limit is not None and limit < len(content):
                    self.wfile.flush()
                    if hub.hold:
                        hub.hold.wait(60)
                    self.close_connection = True

    return Handler
