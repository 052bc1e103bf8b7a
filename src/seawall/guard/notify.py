"""Alerts sent to a webhook and to a command, one message at a time and all that came meanwhile.

The first alert goes out at once; those of the next ``interval_s`` are one message, so nothing is
lost to the limit and no flood leaves this computer. A message holds alerts, the policy's name and
the account; no key is known here, and the URL of a webhook, which may be a secret, is in no error.
"""

import asyncio
import json
import os
import shlex
import shutil
from collections.abc import Awaitable, Callable, Mapping
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
        if webhook:
            _check_url(webhook)
        self._about, self._interval_s = dict(about or {}), interval_s
        self._complain, self._sleep = complain, sleep
        self._waiting: list[Alert] = []
        self._left_out = 0
        self._has_some = asyncio.Event()

    def hear(self, alert: Alert) -> None:
        """Take an alert; it is sent by ``run``."""
        if not self._webhook and not self._command:
            return
        self._waiting.append(alert)
        if len(self._waiting) > MOST_ALERTS:
            # The mildest goes, the oldest of them.
            self._waiting.remove(min(self._waiting, key=lambda each: _gravity(each.level)))
            self._left_out += 1
        self._has_some.set()

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            await self._has_some.wait()
            await self._send()
            await self._sleep(self._interval_s)

    async def flush(self) -> None:
        """Send what waits now, whatever the limit: for the end."""
        if self._waiting:
            await self._send()

    async def _send(self) -> None:
        message = self._message()
        ways = []
        if self._webhook:
            ways.append(self._tried("webhook", self._post, message))
        if self._command:
            ways.append(self._tried("command", self._call, message))
        await asyncio.gather(*ways)

    def _message(self) -> bytes:
        alerts, self._waiting = self._waiting, []
        left_out, self._left_out = self._left_out, 0
        self._has_some.clear()
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

    async def _tried(
        self, name: str, send: Callable[[bytes], Awaitable[str]], message: bytes
    ) -> None:
        why = ""
        for number in range(TRIES):
            if number:
                await self._sleep(2.0**number)
            why = await send(message)
            if not why:
                return
        self._complain(f"{name}: not sent in {TRIES} tries: {why}")

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
            process.kill()
            await process.wait()
            return f"{self._command[0]}: no end within {duration(ANSWER_S)}"
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
