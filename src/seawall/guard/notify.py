"""Alerts sent to a webhook and to a command, one message at a time and all that came meanwhile.

The first alert goes out at once; those of the next ``interval_s`` are one message, so nothing is
lost to the limit and no flood leaves this computer. What could not be sent, or was interrupted, is
in the next message of the same way; the other way is apart from it. A message holds alerts, the
policy's name and the account; no key is known here, and the URL of a webhook, which may be a
secret, is in no error.
"""

import asyncio
import json
import os
import shlex
import shutil
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from seawall.domain.errors import InputError
from seawall.guard.actions import Alert
from seawall.report.kinds import duration

INTERVAL_S = 10.0
MOST_ALERTS = 50
"""In one message; of more it says how many."""
TRIES, ANSWER_S = 3, 10.0
"""How often one message is tried, and how long each may take."""
_GRAVITY = ("info", "warning", "critical")
_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "USER", "DISPLAY", "XDG_RUNTIME_DIR")
"""What of the environment a command is given: keys may stand in the rest."""

Sleep = Callable[[float], Awaitable[Any]]


class _Way:
    """One way that alerts go, and those that wait for it. ``send``: gives why a message was not
    taken, empty where it was."""

    def __init__(self, name: str, send: Callable[[bytes], Awaitable[str]]) -> None:
        self.name, self.send = name, send
        self.waiting: list[Alert] = []
        self.left_out = 0
        self.has_some = asyncio.Event()
        self.complaint = ""

    def add(self, alerts: Sequence[Alert], left_out: int = 0) -> None:
        """Put alerts before those that wait."""
        self.waiting[:0] = alerts
        self.left_out += left_out
        while len(self.waiting) > MOST_ALERTS:
            # The mildest goes, the oldest of them.
            self.waiting.remove(min(self.waiting, key=lambda each: _gravity(each.level)))
            self.left_out += 1
        if self.waiting:
            self.has_some.set()

    def take(self) -> tuple[list[Alert], int]:
        """All that wait, which are gone from here."""
        taken = self.waiting, self.left_out
        self.waiting, self.left_out = [], 0
        self.has_some.clear()
        return taken


class Notifier:
    """Sends alerts. ``webhook``: a URL that is given a JSON object by POST; ``command``: a program
    with its arguments, given the same on standard input. ``about``: fields of every message;
    ``complain``: is given what could not be sent, in a sentence. Raises InputError.
    """

    def __init__(
        self,
        webhook: str = "",
        command: str = "",
        about: Mapping[str, Any] | None = None,
        interval_s: float = INTERVAL_S,
        complain: Callable[[str], None] = lambda text: None,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._webhook, self._command = webhook, _command_words(command)
        self._ways: list[_Way] = []
        if webhook:
            _check_url(webhook)
            self._ways.append(_Way("webhook", self._post))
        if command:
            self._ways.append(_Way("command", self._call))
        self._about, self._interval_s = dict(about or {}), interval_s
        self._complain, self._sleep = complain, sleep

    def hear(self, alert: Alert) -> None:
        """Take an alert; it is sent by ``run``."""
        for way in self._ways:
            way.waiting.append(alert)
            way.add([])

    async def run(self) -> None:
        """Send until cancelled."""
        await asyncio.gather(*(self._keep_sending(way) for way in self._ways))
        await asyncio.Event().wait()

    async def _keep_sending(self, way: _Way) -> None:
        while True:
            await way.has_some.wait()
            await self._send(way)
            await self._sleep(self._interval_s)

    async def flush(self) -> None:
        """Send what waits now, whatever the limit: for the end."""
        await asyncio.gather(*(self._send(way) for way in self._ways if way.waiting))

    async def _send(self, way: _Way) -> None:
        alerts, left_out = way.take()
        why = "interrupted"
        try:
            why = await self._tried(way, self._message(alerts, left_out))
        finally:
            if why:
                way.add(alerts, left_out)
        if why and why != way.complaint:
            self._complain(f"{way.name}: not sent in {TRIES} tries, and tried again: {why}")
        way.complaint = why

    def _message(self, alerts: Sequence[Alert], left_out: int) -> bytes:
        gravest = max(alerts, key=lambda each: _gravity(each.level))
        more = len(alerts) - 1 + left_out
        made = {
            **self._about,
            "level": gravest.level,
            "text": gravest.text + (f" (and {more} more)" if more else ""),
            "alerts": [{"level": e.level, "key": e.key, "text": e.text} for e in alerts],
            "left_out": left_out,
        }
        return json.dumps(made).encode()

    async def _tried(self, way: _Way, message: bytes) -> str:
        """Why a message was not taken in all its tries; empty where it was."""
        why = ""
        for number in range(TRIES):
            if number:
                await self._sleep(2.0**number)
            why = await way.send(message)
            if not why:
                break
        return why

    async def _post(self, message: bytes) -> str:
        """Why it was not taken; empty where it was."""
        import aiohttp

        host = urlsplit(self._webhook).hostname
        headers = {"Content-Type": "application/json"}
        try:
            timeout = aiohttp.ClientTimeout(total=ANSWER_S)
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.post(
                    self._webhook, data=message, headers=headers, allow_redirects=False
                ) as answer,
            ):
                return "" if answer.status < 300 else f"{host} answers {answer.status}"
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            # Not the error's text: it may hold the whole URL.
            return f"{host}: {type(error).__name__}"

    async def _call(self, message: bytes) -> str:
        environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                env=environment,
            )
        except OSError as error:
            return f"{self._command[0]}: {error.strerror}"
        try:
            async with asyncio.timeout(ANSWER_S):
                await process.communicate(message)
        except TimeoutError:
            return f"{self._command[0]}: no end within {duration(ANSWER_S)}"
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        status = process.returncode
        return "" if status == 0 else f"{self._command[0]}: exit status {status}"


def _gravity(level: str) -> int:
    return _GRAVITY.index(level) if level in _GRAVITY else 0


def _check_url(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        # Not repeated: it may be a secret.
        raise InputError("--webhook: should be a URL such as https://example.com/alerts")


def _command_words(command: str) -> list[str]:
    expected = "a program that can be run, with its arguments"
    try:
        words = shlex.split(command)
    except ValueError:
        raise InputError.of("", "command", command, expected) from None
    if command and (not words or shutil.which(words[0]) is None):
        raise InputError.of("", "command", command, expected)
    return words
