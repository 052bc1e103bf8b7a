"""Starting a venue for tests and steering it: nothing here speaks the venue's own language."""

import itertools
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from tests.conformance.hyperliquid.wire import info

if TYPE_CHECKING:
    from tests.conformance.hyperliquid.trader import Maker

ROOT = Path(__file__).resolve().parents[3]
PATIENCE_S = 900.0
"""The first start on a machine compiles the kernels."""
DAY_MS = 86_400_000
WARM_UP = 0.25
"""Share of a long run after which memory must be flat."""
GROWTH, GROWTH_BYTES = 0.10, 64_000_000


class ControlError(RuntimeError):
    """Control refused; the message is its answer."""


class Control:
    """The control API over HTTP."""

    def __init__(self, url: str) -> None:
        self.url = url

    def call(self, path: str, **fields: Any) -> Any:
        """POST. Raises ControlError."""
        return self._ask(path, json.dumps(fields).encode())

    def status(self) -> Any:
        return self._ask("/status", None)

    def _ask(self, path: str, body: bytes | None) -> Any:
        request = urllib.request.Request(f"{self.url}/control{path}", body)
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as refusal:
            raise ControlError(f"{path}: {refusal.code} {refusal.read().decode()}") from None

    def fund(self, address: str, usd: float) -> None:
        self.call("/fund", address=address, amount=usd)

    def price(self, coin: str, usd: float) -> None:
        self.call("/price", market=coin, price=round(usd, 4))

    def shock(self, coin: str, move: float) -> None:
        self.call("/shock", market=coin, move=round(move, 9), instant=True)

    def advance(self, ms: int, step_ms: int = 0) -> None:
        self.call("/time/advance", seconds=ms / 1000, stepSeconds=step_ms / 1000)


class Venue:
    """A running venue. ``users``: funded accounts as (address, private key)."""

    def __init__(
        self, process: "subprocess.Popen[str]", lines: "queue.Queue[str]", about: Any, log: Path
    ) -> None:
        self.process = process
        self._lines = lines
        self.about = about
        self.url: str = about["url"]
        self.users: list[tuple[str, str]] = [(a, k) for a, k in about["users"]]
        self.log = log
        self.control = Control(self.url)
        self._nonces = itertools.count(int(time.time() * 1000))
        self._lock = threading.Lock()

    @property
    def websocket_url(self) -> str:
        return "ws" + self.url.removeprefix("http") + "/ws"

    @property
    def action_path(self) -> str:
        return "/exchange"

    def action_of(self, body: bytes) -> Any:
        """The action of a request there."""
        return json.loads(body)["action"]

    def now_ms(self) -> int:
        """The venue's clock, as any client can ask for it."""
        return int(info(self.url, "exchangeStatus")["time"])

    def nonce(self) -> int:
        """One that nobody used; near the computer's time."""
        with self._lock:
            return next(self._nonces)

    def settle(self, coin: str, price: float, maker: "Maker", **quotes: float) -> None:
        """Move a coin to a price with a market maker around it, until the mark is there too.

        The quotes move first, so that nothing that fires meets an empty book.
        """
        maker.quote(coin, price, **quotes)
        self.control.price(coin, price)
        self.control.advance(6_000)

    def check(self) -> Any:
        """``broken``: an invariant of the machine that does not hold, 0 for none; ``hash``."""
        assert self.process.stdin is not None
        with self._lock:
            self.process.stdin.write("check\n")
            self.process.stdin.flush()
            line = _next_line(self._lines)
        if not line:
            raise RuntimeError(f"the venue does not answer:\n{self.complaints()[-3000:]}")
        return json.loads(line)

    def resident_bytes(self) -> int:
        """What the venue's process holds in memory."""
        pages = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def complaints(self) -> str:
        """What the venue wrote to its log: nothing, as long as all is well."""
        return self.log.read_text(errors="replace")


def faults_of_run(venue: Venue, megabytes: Sequence[float]) -> list[str]:
    """What was wrong with a long run as a whole, by the memory of its venue at each comparison: it
    ended, it wrote a traceback, or its memory grew after warm-up."""
    faults = []
    if venue.process.poll() is not None:
        faults.append("the venue ended")
    if "Traceback" in venue.complaints():
        faults.append(venue.complaints()[-1500:])
    warm = megabytes[int(len(megabytes) * WARM_UP) :]
    if len(warm) >= 4:
        half = len(warm) // 2
        first, last = sum(warm[:half]) / half, sum(warm[-half:]) / half
        if last > first * (1 + GROWTH) and (last - first) * 1e6 > GROWTH_BYTES:
            faults.append(f"memory grew after warm-up: {first:.0f} MB, then {last:.0f} MB")
    return faults


def lines_of(stream: IO[str]) -> "queue.Queue[str]":
    """What a process prints, line by line; an empty one when it ends."""
    lines: queue.Queue[str] = queue.Queue()

    def read() -> None:
        for line in stream:
            lines.put(line)
        lines.put("")

    threading.Thread(target=read, daemon=True).start()
    return lines


def _next_line(lines: "queue.Queue[str]") -> str:
    try:
        return lines.get(timeout=PATIENCE_S)
    except queue.Empty:
        return ""


@contextmanager
def started(*arguments: str) -> Iterator[Venue]:
    """A venue in a process of its own; see serve.py for the arguments."""
    with tempfile.NamedTemporaryFile("w+", suffix=".log") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.conformance.hyperliquid.serve", *arguments],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        lines = lines_of(process.stdout)
        line = _next_line(lines)
        try:
            if not line:
                raise RuntimeError(f"the venue did not start:\n{Path(log.name).read_text()}")
            yield Venue(process, lines, json.loads(line), Path(log.name))
        finally:
            process.stdin.close()
            try:
                process.wait(120)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            process.stdout.close()
