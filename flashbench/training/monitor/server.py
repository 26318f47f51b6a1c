"""The monitor's web server: standard library, this machine only, nothing but reading.

It answers requests that name this machine as host, so that no page of another site can read it through a name that
points here. The page takes names of trainings as text, never as markup.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from threading import Lock
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from flashbench.errors import InputError
from flashbench.storage import plain
from flashbench.training.monitor.collect import Collector

ADDRESS: Final = "127.0.0.1"
DEFAULT_PORT: Final = 8050
_PAGE: Final = {
    "/": ("index.html", "text/html"),
    "/monitor.js": ("monitor.js", "text/javascript"),
    "/charts.js": ("charts.js", "text/javascript"),
    "/monitor.css": ("monitor.css", "text/css"),
}
_HOSTS: Final = ("127.0.0.1", "localhost", "[::1]")
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'self'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, root: Path, port: int) -> None:
        super().__init__((ADDRESS, port), _Handler)
        self.collector, self.lock = Collector(root), Lock()


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        """Answer a browser of this machine: the page, its parts, or the state of all trainings."""
        if (self.headers.get("Host") or "").rpartition(":")[0] not in _HOSTS:
            self._send(HTTPStatus.FORBIDDEN, b"this server is for its own machine\n", "text/plain")
            return
        address = urlsplit(self.path)
        if address.path in _PAGE:
            name, kind = _PAGE[address.path]
            content = files("flashbench.training.monitor").joinpath("page", name).read_bytes()
            self._send(HTTPStatus.OK, content, kind)
        elif address.path == "/api/overview":
            self._json(self.server.collector.overview)
        elif address.path == "/api/history":
            asked = parse_qs(address.query)
            start = asked.get("from", ["0"])[0]
            first = int(start) if start.isdigit() else 0
            self._json(lambda: self.server.collector.history(asked.get("id", [""])[0], first))
        else:
            self._send(HTTPStatus.NOT_FOUND, b"no such page\n", "text/plain")

    def _json(self, make: Callable[[], dict[str, Any] | None]) -> None:
        with self.server.lock:
            content = make()
        if content is None:
            self._send(HTTPStatus.NOT_FOUND, b"no such training\n", "text/plain")
            return
        self._send(HTTPStatus.OK, json.dumps(plain(content), allow_nan=False).encode(), "application/json")

    def _send(self, status: HTTPStatus, content: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the page asks every second."""


def make_server(root: Path, port: int = 0) -> ThreadingHTTPServer:
    """A server for the trainings below `root`, on this machine; port 0 takes a free one.

    Raises:
        InputError: no such folder, or the port is taken.
    """
    if not root.is_dir():
        raise InputError(str(root), "no such folder", "give the folder of a training or of grids")
    try:
        return _Server(root, port)
    except OSError as error:
        raise InputError(f"{ADDRESS}:{port}", f"cannot be listened at: {error}", "give another --port") from error


def serve(root: Path, port: int = DEFAULT_PORT, ready: Callable[[str], None] | None = None) -> None:
    """Serve until interrupted; `ready` is called with the page's address."""
    with make_server(root, port) as server:
        if ready:
            ready(f"http://{ADDRESS}:{server.server_address[1]}/")
        server.serve_forever()
