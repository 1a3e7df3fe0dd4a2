"""A local server that speaks the part of the Hub's API that downloads use, and breaks it on demand.

GET /api/{models,datasets}/OWNER/NAME/revision/REV: the listing, with sizes, git object names and LFS digests.
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
        self.announced: dict[str, str] = {}  # path: SHA-256 that the listing claims instead of the true one
        self.break_after: list[int] = []  # of the next transfers of content: bytes sent before the connection drops
        self.hold: threading.Event | None = None  # a broken transfer hangs until it is set
        self.garble: set[str] = set()  # paths whose first byte arrives altered
        self.status = 0  # answered to everything, when not 0
        self.sent: list[tuple[str, int, int]] = []  # path, first byte, bytes sent
        self.endpoint = ""

    def listing(self, repository: str) -> dict[str, object]:
        siblings = []
        for path, content in self.files[repository].items():
            sibling: dict[str, object] = {"rfilename": path, "size": len(content), "blobId": _git_blob(content)}
            if len(content) >= LFS_FROM:
                digest = self.announced.get(path, hashlib.sha256(content).hexdigest())
                sibling["lfs"] = {"sha256": digest, "size": len(content), "pointerSize": 134}
            siblings.append(sibling)
        name = repository.split("/", 1)[1]
        return {"id": name, "modelId": name, "sha": self.commit, "siblings": siblings, "private": False, "tags": []}


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
            path = unquote(urlsplit(self.path).path).strip("/")
            if hub.status:
                self._send(hub.status, b'{"error":"broken on purpose"}', body=body)
            elif path.startswith("api/"):
                self._list(path.removeprefix("api/"))
            else:
                self._file(path, body=body)

        def _list(self, path: str) -> None:
            repository, _, revision = path.partition("/revision/")
            if repository not in hub.files:
                self._send(404, b'{"error":"Repository not found"}', headers={"X-Error-Code": "RepoNotFound"})
            elif revision not in ("main", hub.commit):
                self._send(404, b'{"error":"Invalid rev id"}', headers={"X-Error-Code": "RevisionNotFound"})
            else:
                self._send(200, json.dumps(hub.listing(repository)).encode())

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
