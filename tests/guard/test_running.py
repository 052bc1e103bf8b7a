"""One run: when it is armed, what it does with requests, and that no key is in what it leaves."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from seawall.guard.actions import PlaceOrder
from seawall.guard.explain import explain_journal
from seawall.guard.journal import Decided, Opened, read_journal
from seawall.guard.notify import Notifier
from seawall.guard.policy import Policy
from seawall.guard.requests import RESET, STOP, Request, ask, asked, requests_path
from seawall.guard.running import NotArmed, Run, Running
from seawall.guard.watch import watch_frame
from seawall.report.html import report_page
from seawall.report.values import json_object
from seawall.venues.gateway_port import Reported, VenueWriter
from seawall.venues.hyperliquid.gateway.entry import HyperliquidGateway
from seawall.venues.hyperliquid.gateway.key import SigningKey
from tests import waiting
from tests.guard.reading import ADDRESS, KeepingWriter, StillGateway, StillReader
from tests.guard.test_loop import CALM, FIRES

KEY = "0x" + "ab" * 32
PATCHED = "seawall.guard.running.gateway_of"


class Started:
    """A run whose venue is the test's."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.path, self.said = path, list[str]()
        self.reader, self.writer = StillReader(), KeepingWriter()
        monkeypatch.setattr(PATCHED, lambda name: StillGateway(self.reader, self.writer))

    def disagree(self, maintenance: int | None) -> None:
        """Have the venue report a maintenance margin of its own, in a new answer."""
        flows = {} if maintenance is None else {"": maintenance}
        self.reader.reported = Reported(cross_maintenance=flows)
        self.reader.raw += b"\n"

    async def until(self, text: str) -> None:
        await waiting.until(lambda: any(text in each for each in self.said))

    def run(
        self, act: Callable[[Running], object], made: Policy = CALM, *, arm: bool = True
    ) -> str:
        """Why a run has ended that ``act`` was played with."""

        async def inside() -> str:
            asked_of = Run(policy=made, address=ADDRESS, journal=self.path, key="env:K", arm=arm)
            running = Running(asked_of, Notifier(), self.said.append)
            guarding = asyncio.create_task(running.guard())
            acting = asyncio.ensure_future(act(running))  # type: ignore[call-overload]
            await asyncio.wait([guarding, acting], return_when=asyncio.FIRST_COMPLETED)
            if acting.done():
                acting.result()
                running.end("the test is over")
            why = await guarding
            acting.cancel()
            return why

        return asyncio.run(inside())


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Started:
    return Started(tmp_path / "j", monkeypatch)


def opened(path: Path) -> int:
    return sum(isinstance(each, Opened) for each in read_journal(path))


def test_it_is_not_armed_while_figures_disagree(started: Started) -> None:
    """They hide what would fire at once; when they agree that is judged."""
    started.disagree(1)

    async def act(running: Running) -> None:
        await started.until("not armed yet: maintenance margin of cross")
        assert opened(started.path) == 0
        started.disagree(None)
        await started.until("guarding")

    started.run(act)
    assert sum("not armed yet" in each for each in started.said) == 1


def test_when_figures_agree_it_is_judged_what_would_fire(started: Started) -> None:
    started.disagree(1)

    async def act(running: Running) -> None:
        await started.until("not armed yet")
        started.disagree(None)
        await asyncio.Event().wait()

    with pytest.raises(NotArmed):
        started.run(act, FIRES)
    assert started.writer.placed == []
    assert opened(started.path) == 0


@pytest.mark.parametrize("what", ["account", "unreadable"])
def test_it_is_not_armed_on_what_is_missing(started: Started, what: str) -> None:
    whole = started.reader.raw
    if what == "account":
        started.reader.missing = {what}
    else:
        started.reader.raw = b"{}"

    async def act(running: Running) -> None:
        await started.until("not armed yet")
        assert opened(started.path) == 0
        started.reader.missing, started.reader.raw = set(), whole
        await started.until("guarding")

    started.run(act)


def test_a_run_that_goes_on_does_not_wait_for_that(started: Started) -> None:
    async def act(running: Running) -> None:
        await started.until("guarding")

    started.run(act)
    started.said.clear()
    started.disagree(1)
    started.run(act)
    assert not any("not armed yet" in each for each in started.said)
    assert opened(started.path) == 2


def test_a_stop_ends_what_waits_to_be_armed(started: Started) -> None:
    started.disagree(1)

    async def act(running: Running) -> None:
        await started.until("not armed yet")
        ask(started.path, Request(STOP))
        await asyncio.Event().wait()

    assert started.run(act) == "stopped as was asked"
    assert asked(started.path) == []


def resets(started: Started) -> int:
    return started.said.count("info: out was reset")


def test_a_reset_is_done_once_whatever_ends_the_run(started: Started) -> None:
    ask(started.path, Request(RESET, "out"))
    (request,) = asked(started.path)

    async def wait(running: Running) -> None:
        await asyncio.Event().wait()

    with pytest.raises(NotArmed):
        started.run(wait, FIRES)
    assert asked(started.path) == [request], "a run that is not armed does not lose it"

    async def act(running: Running) -> None:
        await started.until("out was reset")
        await waiting.until(lambda: asked(started.path) == [])

    started.run(act)
    assert resets(started) == 1
    # The run had been killed between its journal and the file: it is not done again.
    requests_path(started.path).write_text(
        json.dumps({"what": RESET, "name": "out", "token": request.token}) + "\n"
    )

    async def again(running: Running) -> None:
        await waiting.until(lambda: asked(started.path) == [])
        looked = started.reader.time_ms
        await waiting.until(lambda: started.reader.time_ms > looked + 1_000)

    started.run(again)
    assert resets(started) == 1


def test_a_stop_from_before_a_run_is_not_for_it(started: Started) -> None:
    ask(started.path, Request(STOP))

    async def act(running: Running) -> None:
        await started.until("guarding")
        assert asked(started.path) == []

    assert started.run(act) == "the test is over"


def test_requests_that_cannot_be_read_do_not_end_what_protects(started: Started) -> None:
    ask(started.path, Request(RESET, "out"))
    requests_path(started.path).chmod(0o622)

    async def act(running: Running) -> None:
        await started.until("others may write it")
        await started.until("guarding")
        requests_path(started.path).chmod(0o600)
        await started.until("out was reset")

    assert started.run(act) == "the test is over"
    assert sum("others may write it" in each for each in started.said) == 1


class SigningGateway(StillGateway):
    """The writer is the venue's own; nothing answers where it sends to."""

    def writer(self, network, address, key, owner_key="") -> VenueWriter:  # type: ignore[no-untyped-def]
        return HyperliquidGateway().writer(network, address, key, owner_key)


@pytest.mark.parametrize("place", ["env", "file"])
def test_no_key_is_in_anything_that_a_run_leaves(
    started: Started, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory,
    place: str, capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """Its journal, status, requests, lines, alerts, errors, and every report made of them."""
    reader = started.reader
    monkeypatch.setattr(PATCHED, lambda name: SigningGateway(reader, KeepingWriter()))
    where, folder = "env:AGENT_KEY", tmp_path_factory.mktemp("keys")
    if place == "env":
        monkeypatch.setenv("AGENT_KEY", KEY)
    else:
        where = f"file:{folder / 'key'}"
        (folder / "key").write_text(KEY)
        (folder / "key").chmod(0o600)
    reader.address = SigningKey.at(where).address
    made = Run(
        policy=FIRES, address=reader.address, journal=started.path, key=where, owner_key=where,
        arm=True, fire_at_once=True,
    )  # fmt: skip
    found: list[object] = []

    def has_acted() -> bool:
        return bool(opened(started.path)) and bool(explain_journal(started.path).done)

    async def inside() -> None:
        running = Running(made, Notifier(), started.said.append)
        found.extend([repr(running), repr(running.writer), repr(vars(running)), repr(made)])
        guarding = asyncio.create_task(running.guard())
        await waiting.until(has_acted)
        ask(started.path, Request(RESET, "out"))
        await started.until("out was reset")
        running.end("the test is over")
        await guarding

    asyncio.run(inside())
    told, frame = explain_journal(started.path), watch_frame(started.path, 0)
    assert any(each.what == "close" for each in told.done), "it has tried to act with its key"
    for each in (told, frame):
        findings = each.findings()
        found += [json_object(findings, "guard"), report_page(findings, "guard")]
    found += [each.read_bytes() for each in started.path.parent.iterdir() if each.is_file()]
    text = "".join(map(str, [*found, *started.said, *capfd.readouterr()])).lower()
    assert len(text) > 10_000
    assert KEY[2:] not in text
    assert str(int(KEY, 16)) not in text
    assert repr(bytes.fromhex(KEY[2:])) not in text


def test_what_is_not_done_is_said_once_while_its_cause_lasts(started: Started) -> None:
    """The journal has every decision; a person reads one line for each order."""

    def decided() -> list[str]:
        entries = [each for each in read_journal(started.path) if isinstance(each, Decided)]
        actions = [action for each in entries for action in each.actions]
        return [each.client_id for each in actions if isinstance(each, PlaceOrder)]

    async def act(running: Running) -> None:
        await started.until("guarding")
        await waiting.until(lambda: len(decided()) >= 3 * len(set(decided())) > 0)

    started.run(act, FIRES, arm=False)
    said = [each for each in started.said if each.startswith("would ")]
    assert len(said) == len(set(decided()))
