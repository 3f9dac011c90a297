"""A server on the loopback that speaks the part of the hub's API that huggingface_hub uses here.

It serves the files of dataset repositories by revision, and can be told to misbehave once.
"""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote


@dataclass
class Hub:
    """Repositories by name; of each, the commits by revision, and the files by commit."""

    revisions: dict[str, dict[str, str]] = field(default_factory=dict)
    files: dict[tuple[str, str], dict[str, bytes]] = field(default_factory=dict)
    token: str | None = None
    # Statuses to answer the next GETs of a file with, in order; then the file.
    statuses: list[int] = field(default_factory=list)
    # After so many bytes the connection breaks, once for each number.
    breaks: list[int] = field(default_factory=list)
    # A body that is shorter than announced at the first request, without a broken connection.
    lies_about_size: bool = False
    requests: list[tuple[str, str, str | None]] = field(default_factory=list)
    endpoint: str = ""

    def commit(self, repository: str, files: dict[str, bytes], revision: str = "main") -> str:
        """A new commit with these files, to which the revision points from now on."""
        commit = hashlib.sha1(json.dumps(sorted(files)).encode() + b"".join(files.values()))
        name = commit.hexdigest()
        self.revisions.setdefault(repository, {})[revision] = name
        self.files[repository, name] = files
        return name

    def downloads(self) -> list[str | None]:
        """The Range header of each GET of a file."""
        return [
            range_
            for method, path, range_ in self.requests
            if method == "GET" and "/resolve/" in path
        ]


def _handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_HEAD(self) -> None:
            self._answer(with_body=False)

        def do_GET(self) -> None:
            self._answer(with_body=True)

        def _answer(self, with_body: bool) -> None:
            hub.requests.append((self.command, self.path, self.headers.get("Range")))
            path = unquote(self.path.split("?")[0])
            if hub.token and self.headers.get("Authorization") != f"Bearer {hub.token}":
                return self._error(401, "RepoNotFound" if "/resolve/" in path else None)
            if path.startswith("/api/datasets/"):
                return self._list(path.removeprefix("/api/datasets/"))
            repository, _, rest = path.removeprefix("/datasets/").partition("/resolve/")
            revision, _, name = rest.partition("/")
            commits = hub.revisions.get(repository)
            if commits is None:
                return self._error(404, "RepoNotFound")
            commit = commits.get(revision, revision)
            files = hub.files.get((repository, commit))
            if files is None:
                return self._error(404, "RevisionNotFound")
            if name not in files:
                return self._error(404, "EntryNotFound", commit)
            if with_body and hub.statuses:
                return self._error(hub.statuses.pop(0), None)
            return self._file(files[name], commit, with_body)

        def _list(self, path: str) -> None:
            repository, _, rest = path.partition("/revision/")
            repository, _, tree = repository.partition("/tree/")
            revision = (rest or tree or "main").split("/")[0]
            commits = hub.revisions.get(repository)
            if commits is None:
                return self._error(404, "RepoNotFound")
            commit = commits.get(revision, revision)
            files = hub.files.get((repository, commit))
            if files is None:
                return self._error(404, "RevisionNotFound")
            if tree:
                listed = [
                    {
                        "type": "file",
                        "path": name,
                        "size": len(body),
                        "oid": hashlib.sha1(body).hexdigest(),
                    }
                    for name, body in files.items()
                ]
                return self._json(listed)
            siblings = [{"rfilename": name} for name in files]
            return self._json({"id": repository, "sha": commit, "siblings": siblings})

        def _file(self, body: bytes, commit: str, with_body: bool) -> None:
            first = 0
            if range_ := self.headers.get("Range"):
                first = int(range_.removeprefix("bytes=").partition("-")[0])
            part = body[first:]
            self.send_response(206 if range_ else 200)
            self.send_header("ETag", f'"{hashlib.sha1(body).hexdigest()}"')
            self.send_header("X-Repo-Commit", commit)
            self.send_header("Accept-Ranges", "bytes")
            if range_:
                self.send_header("Content-Range", f"bytes {first}-{len(body) - 1}/{len(body)}")
            if with_body and hub.lies_about_size:
                part = part[: len(part) // 2]
            self.send_header("Content-Length", str(len(part)))
            self.end_headers()
            if not with_body:
                return
            if hub.breaks:
                self.wfile.write(part[: hub.breaks.pop(0)])
                self.wfile.flush()
                self.connection.close()
                self.close_connection = True
                return
            self.wfile.write(part)

        def _json(self, value: object) -> None:
            body = json.dumps(value).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _error(self, status: int, code: str | None, commit: str | None = None) -> None:
            self.send_response(status)
            if code:
                self.send_header("X-Error-Code", code)
            if commit:
                self.send_header("X-Repo-Commit", commit)
            if status == 429:
                self.send_header("Retry-After", "0")
                self.send_header("RateLimit", '"resolvers";r=0;t=0')
            self.send_header("Content-Length", "0")
            self.end_headers()

    return Handler


@contextmanager
def serve() -> Iterator[Hub]:
    """A hub on a free port of the loopback; ``endpoint`` is its address."""
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(hub))
    server.daemon_threads = True
    hub.endpoint = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
