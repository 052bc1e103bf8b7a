"""A public API on loopback that gives answers made beforehand, for tests of what asks them."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple


class Reply(NamedTuple):
    """``body``: JSON, or bytes as they are. ``length``: what the header claims, if not the truth.

    ``held``: nothing is answered until the server stops. ``dripping``: a byte at a time.
    """

    body: Any = None
    status: int = 200
    location: str = ""
    length: int | None = None
    held: bool = False
    dripping: bool = False


class Served:
    """``asked``: the path of each request, and of a POST the body after a space."""

    def __init__(self, url: str, asked: list[str]) -> None:
        self.url = url
        self.asked = asked


@contextmanager
def serving(replies: Mapping[str, Reply | Any]) -> Iterator[Served]:
    """Answers by path, or by path and ``type`` of a POST, with its ``dex`` (``/info meta xyz``).

    404 for any other.
    """
    asked: list[str] = []
    end = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self._answer(self.path)

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked.append(f"{self.path} {json.dumps(body, sort_keys=True)}")
            kind = " ".join(str(body[name]) for name in ("type", "nSigFigs", "dex") if name in body)
            self._answer(f"{self.path} {kind}")

        def _answer(self, key: str) -> None:
            found = replies.get(key, Reply({"errors": [{"msg": "not here"}]}, 404))
            reply = found if isinstance(found, Reply) else Reply(found)
            if reply.held:
                end.wait(60)
                return
            raw = reply.body
            if not isinstance(raw, bytes):
                raw = json.dumps(raw).encode()
            self.send_response(reply.status)
            if reply.location:
                self.send_header("Location", reply.location)
            self.send_header("Content-Length", str(reply.length or len(raw)))
            self.end_headers()
            size = 1 if reply.dripping else len(raw) or 1
            for start in range(0, len(raw), size):
                if not (reply.dripping and end.wait(0.05)):
                    self.wfile.write(raw[start : start + size])

        def log_message(self, *_: Any) -> None:
            """Nothing on the terminal."""

        def handle(self) -> None:
            # The client may have hung up, which is what some tests are about.
            with suppress(ConnectionError):
                super().handle()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield Served(f"http://127.0.0.1:{server.server_port}", asked)
    finally:
        end.set()
        server.shutdown()
        thread.join()
        server.server_close()
