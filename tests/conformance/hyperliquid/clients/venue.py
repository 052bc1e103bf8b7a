"""A venue as a user starts it, with ``seawall up`` and ``seawall proxy``, that can be restarted."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from seawall.sandbox.client import ControlClient
from tests.conformance.hyperliquid.running import ROOT
from tests.waiting import PATIENCE_S

SEAWALL = [sys.executable, "-c", "from seawall.cli.main import main; main()"]
MARKETS = "BTC,ETH"


class LocalVenue:
    """``seawall up --data`` on one port, however often it is restarted."""

    def __init__(self, folder: Path, *options: str) -> None:
        self._folder = folder
        self._options = options
        self._log = (folder / "venue.log").open("a")
        self.port = free_port()
        self.about: dict[str, Any] = {}
        self.start()
        self.control = ControlClient(self.url)

    @property
    def url(self) -> str:
        return str(self.about["url"])

    @property
    def websocket_url(self) -> str:
        return str(self.about["websocket"])

    def start(self) -> None:
        """Start it, or go on where it was."""
        data = ["--data", str(self._folder / "data"), "--port", str(self.port)]
        markets = [] if self.about else ["--markets", MARKETS]
        command = ["up", "--json", *data, *markets, *self._options]
        self._process, self.about = _started(command, self._log)

    def stop(self) -> None:
        """As by Ctrl-C."""
        _stop(self._process)

    def restart(self) -> None:
        self.stop()
        self.start()

    def close(self) -> None:
        self.stop()
        self._log.close()
        complaints = (self._folder / "venue.log").read_text()
        assert "Traceback" not in complaints, complaints

    @contextmanager
    def proxy(self) -> Iterator[dict[str, Any]]:
        """What ``seawall proxy`` says of itself, for the length of a block."""
        with (self._folder / "proxy.log").open("a") as log:
            process, about = _started(["proxy", "--json", "--port", "0", "--url", self.url], log)
            try:
                yield about
            finally:
                _stop(process)


def _started(arguments: list[str], log: IO[str]) -> "tuple[subprocess.Popen[str], dict[str, Any]]":
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    process = subprocess.Popen(
        [*SEAWALL, *arguments], env=environment, stdout=subprocess.PIPE, stderr=log, text=True
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        process.wait(PATIENCE_S)
        raise RuntimeError(f"seawall {' '.join(arguments)} did not start")
    return process, json.loads(line)


def _stop(process: "subprocess.Popen[str]") -> None:
    process.send_signal(signal.SIGINT)
    try:
        process.communicate(timeout=PATIENCE_S)
    finally:
        process.kill()
        process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
