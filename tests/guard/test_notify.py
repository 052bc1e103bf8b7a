"""Alerts at a webhook and at a command: what arrives, how often, and what is never in it."""

import asyncio
import json
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from seawall.domain.errors import InputError
from seawall.guard.actions import Alert
from seawall.guard.notify import MOST_ALERTS, TRIES, Notifier
from tests import waiting

SECRET = "T0PSECRET"


def alert(number: int, level: str = "warning") -> Alert:
    return Alert(key=f"key {number}", level=level, text=f"text {number}")


class Gate:
    """Stands for waiting: each pause lasts until the test opens it."""

    def __init__(self) -> None:
        self.asked: list[float] = []
        self._open = asyncio.Semaphore(0)

    async def __call__(self, seconds: float) -> None:
        self.asked.append(seconds)
        await self._open.acquire()

    def open(self) -> None:
        self._open.release()


class Hook:
    """A server on this computer that keeps what it is given."""

    def __init__(self) -> None:
        self.bodies: list[Any] = []
        self.status = 204
        self.url = ""

    async def _take(self, request: web.Request) -> web.Response:
        assert request.content_type == "application/json"
        self.bodies.append(await request.json())
        return web.Response(status=self.status, headers={"Location": "/elsewhere"})

    async def start(self) -> web.AppRunner:
        app = web.Application()
        app.router.add_post(f"/{SECRET}", self._take)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}/{SECRET}"
        return runner


def with_hook(play: Callable[[Hook, Gate, list[str]], Any]) -> None:
    async def inside() -> None:
        hook = Hook()
        runner = await hook.start()
        try:
            await play(hook, Gate(), [])
        finally:
            await runner.cleanup()

    asyncio.run(inside())


def test_the_first_goes_at_once_and_those_of_the_interval_are_one_message() -> None:
    async def play(hook: Hook, gate: Gate, said: list[str]) -> None:
        notifier = Notifier(hook.url, "", {"policy": "p"}, 10.0, said.append, gate)
        running = asyncio.create_task(notifier.run())
        notifier.hear(alert(1))
        await waiting.until(lambda: gate.asked == [10.0])
        assert [each["text"] for each in hook.bodies] == ["text 1"]
        for number in range(2, 6):
            notifier.hear(alert(number, "critical" if number == 4 else "info"))
        for _ in range(50):
            await asyncio.sleep(0)
        assert len(hook.bodies) == 1, "nothing is sent before the interval is over"
        gate.open()
        await waiting.until(lambda: len(hook.bodies) == 2)
        found = hook.bodies[1]
        assert (found["policy"], found["level"]) == ("p", "critical")
        assert found["text"] == "text 4 (and 3 more)"
        assert [each["key"] for each in found["alerts"]] == [f"key {n}" for n in (2, 3, 4, 5)]
        running.cancel()
        assert said == []

    with_hook(play)


def test_of_a_flood_the_gravest_are_kept_and_the_rest_is_counted() -> None:
    async def play(hook: Hook, gate: Gate, said: list[str]) -> None:
        notifier = Notifier(hook.url, sleep=gate)
        notifier.hear(alert(0, "critical"))
        for number in range(1, MOST_ALERTS + 20):
            notifier.hear(alert(number))
        await notifier.flush()
        (found,) = hook.bodies
        assert len(found["alerts"]) == MOST_ALERTS
        assert found["left_out"] == 20
        assert found["alerts"][0]["level"] == "critical"

    with_hook(play)


@pytest.mark.parametrize("status", [500, 302])
def test_what_is_not_taken_is_tried_again_and_said_without_the_url(status: int) -> None:
    async def play(hook: Hook, gate: Gate, said: list[str]) -> None:
        hook.status = status
        notifier = Notifier(hook.url, complain=said.append, sleep=gate)
        for _ in range(TRIES):
            gate.open()
        notifier.hear(alert(1))
        await notifier.flush()
        assert len(hook.bodies) == TRIES
        (text,) = said
        assert f"answers {status}" in text
        assert SECRET not in text

    with_hook(play)


def test_a_server_that_is_not_there_is_said_without_the_url() -> None:
    async def inside() -> None:
        gate, said = Gate(), list[str]()
        for _ in range(TRIES):
            gate.open()
        notifier = Notifier(f"http://127.0.0.1:9/{SECRET}", complain=said.append, sleep=gate)
        notifier.hear(alert(1))
        await notifier.flush()
        assert len(said) == 1
        assert SECRET not in said[0]

    asyncio.run(inside())


def test_what_was_interrupted_is_sent_at_the_end() -> None:
    async def play(hook: Hook, gate: Gate, said: list[str]) -> None:
        hook.status = 500
        notifier = Notifier(hook.url, complain=said.append, sleep=gate)
        running = asyncio.create_task(notifier.run())
        notifier.hear(alert(1, "critical"))
        # It waits between two tries, and another alert comes meanwhile.
        await waiting.until(lambda: gate.asked == [2.0])
        notifier.hear(alert(2))
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        hook.status = 204
        await notifier.flush()
        assert [each["text"] for each in hook.bodies[-1]["alerts"]] == ["text 1", "text 2"]
        assert said == []

    with_hook(play)


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """Writes what it is given, and its environment, beside itself."""
    path = tmp_path / "program"
    path.write_text(
        f"#!{sys.executable}\nimport json, os, sys\nfrom pathlib import Path\n"
        "found = {'said': json.load(sys.stdin), 'words': sys.argv[1:], 'env': dict(os.environ)}\n"
        "Path(sys.argv[0] + '.json').write_text(json.dumps(found))\n"
        "raise SystemExit(int(sys.argv[2]))\n"
    )
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_what_could_not_be_sent_is_in_the_next_message(program: Path) -> None:
    async def play(hook: Hook, gate: Gate, said: list[str]) -> None:
        hook.status = 500
        notifier = Notifier(hook.url, f"{program} x 0", complain=said.append, sleep=gate)
        for _ in range(2 * TRIES):
            gate.open()
        notifier.hear(alert(1))
        await notifier.flush()
        await notifier.flush()
        assert len(said) == 1, "the same complaint is made once"
        hook.status = 204
        notifier.hear(alert(2))
        await notifier.flush()
        assert hook.bodies[-1]["text"] == "text 1 (and 1 more)"
        found = json.loads(Path(f"{program}.json").read_text())["said"]
        assert [each["text"] for each in found["alerts"]] == ["text 2"], "the other way is apart"
        sent = len(hook.bodies)
        await notifier.flush()
        assert len(hook.bodies) == sent, "and nothing is sent twice"

    with_hook(play)


def test_a_command_is_given_the_same_and_no_key(
    program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENT_KEY", SECRET)
    said: list[str] = []

    async def inside() -> None:
        notifier = Notifier("", f"{program} 'two words; $HOME' 0", {"policy": "p"},
                            complain=said.append)  # fmt: skip
        notifier.hear(alert(1, "critical"))
        await notifier.flush()

    asyncio.run(inside())
    text = Path(f"{program}.json").read_text()
    found = json.loads(text)
    assert found["words"] == ["two words; $HOME", "0"], "no shell reads it"
    assert found["said"]["text"] == "text 1"
    assert SECRET not in text
    assert said == []


def test_a_command_that_fails_is_said(program: Path) -> None:
    said: list[str] = []

    async def inside() -> None:
        gate = Gate()
        for _ in range(TRIES):
            gate.open()
        notifier = Notifier("", f"{program} x 3", complain=said.append, sleep=gate)
        notifier.hear(alert(1))
        await notifier.flush()

    asyncio.run(inside())
    assert len(said) == 1
    assert "exit status 3" in said[0]


@pytest.mark.parametrize("url", ["no~such", "ftp://a.b/T0PSECRET", "http:///T0PSECRET"])
def test_a_url_that_cannot_be_used_is_not_repeated(url: str) -> None:
    with pytest.raises(InputError, match="webhook") as error:
        Notifier(url)
    assert SECRET not in str(error.value)


@pytest.mark.parametrize("command", ["no~such", "'open", "   "])
def test_a_command_that_cannot_be_run_is_refused(command: str) -> None:
    with pytest.raises(InputError, match="a program that can be run"):
        Notifier("", command)
