"""A guard over real sockets: a position in a child subaccount, a policy, a price that falls.

The venue's clock stands still but for the blocks that a test asks for.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from seawall.domain.errors import InputError
from seawall.domain.units import MICRO
from seawall.guard.actions import AddMargin, Alert, PlaceOrder, QueryOrder
from seawall.guard.journal import Acted, Decided, Journal, read_journal
from seawall.guard.loop import Guard
from seawall.guard.observe import Observer
from seawall.guard.policy_file import parse_policy
from seawall.guard.running import Run, Running
from seawall.venues.dydx.gateway import reader as gateway_reader
from seawall.venues.gateway_port import Accepted, ReduceOrder, Refused, Unknown, VenueWriter
from seawall.venues.public_api import PublicApi
from seawall.venues.registry import gateway_of
from tests.conformance.dydx.quiet import PRICE, Quiet, quiet_venue
from tests.conformance.dydx.signer import SHORT_TERM, Signer
from tests.conformance.killed_guard import Guarded, guard_process
from tests.waiting import PATIENCE_S, eventually, until

BUY, SELL, CHILD = 1, 2, 128
SIZE = Decimal("0.3")
HEAD = 'name = "test"\n[account]\nrisk_capital = 10_000\n'
STEP = '[[step]]\nname = "s"\ntrigger = "30%"\nrearm = "5%"\nverify_after = "1h"\n'
HALF = HEAD + STEP + 'action = "close"\nshare = "50%"\n'
OUT = HEAD + STEP + 'action = "flatten"\n'
TOP_UP = (
    HEAD + STEP + 'action = "top_up"\nsource = "pool"\namount = 500\nmax_count = 1\n'
    'max_total = 500\nmin_move = "0.1%"\non = "isolated"\n'
)  # fmt: skip
STOP = HEAD + '[[stop]]\nname = "s"\nmarket = "BTC"\ndistance = "3%"\nslippage = "1%"\n'
FALLEN = "55800"
"""Where the position's 1,991 USDC are 731, and its margin ratio is 27.5 %."""
LOWER = "55700"
"""The same with 701 USDC and 28.6 %; at 55,500 it is 31.1 %."""


class Held:
    """A user with 0.3 BTC long on 1,991 USDC in a child subaccount, and a market beside it."""

    def __init__(self, venue: Quiet, journal: Path) -> None:
        self.venue, self.journal = venue, journal
        self.signer, self.other = venue.signer(0), venue.signer(1)
        self.alerts: list[Alert] = []
        self.reader: Any = None
        self.guard: Guard | None = None

    async def open(self) -> None:
        until_height = self.venue.height + 10
        await self.venue.taken(self.signer, self.signer.transfer(CHILD, 2_000_000_000))
        sold = self.other.order(1, SHORT_TERM, SELL, PRICE, 3000, until_height)
        await self.venue.taken(self.other, sold)
        bought = self.signer.order(2, SHORT_TERM, BUY, PRICE, 3000, until_height, number=CHILD)
        await self.venue.taken(self.signer, bought)
        await self.venue.blocks()

    async def bid(self, usd: int, steps: int = 20_000) -> None:
        order = self.other.order(9, SHORT_TERM, BUY, usd, steps, self.venue.height + 19)
        await self.venue.taken(self.other, order)

    async def fall(self, usd: str) -> None:
        change = {"market": "BTC", "price": usd}
        url = f"{self.venue.venue.url}/control/price"
        async with self.venue.session.post(url, json=change) as answer:
            assert answer.status == 200, await answer.text()
        await self.venue.blocks()

    def size(self) -> Decimal:
        return self.venue_size(self.signer, CHILD)

    def venue_size(self, signer: Signer, number: int) -> Decimal:
        rows = self.venue.engine.tables["positions"]
        mine = (rows["account"] == self.venue.row(signer, number)) & (rows["signed_size"] != 0)
        return Decimal(int(rows["signed_size"][mine].sum())) / 10**10

    def cash(self, number: int) -> int:
        return int(
            self.venue.engine.tables["accounts"]["cash"][self.venue.row(self.signer, number)]
        )

    async def fills(self) -> list[dict[str, Any]]:
        path = f"/v4/fills?address={self.signer.address}&subaccountNumber={CHILD}"
        return list((await self.venue.get(path))["fills"])

    async def orders(self, status: str = "") -> list[dict[str, Any]]:
        path = f"/v4/orders?address={self.signer.address}&subaccountNumber={CHILD}"
        return list(await self.venue.get(path + (f"&status={status}" if status else "")))

    def writer(self) -> VenueWriter:
        gateway = gateway_of("dydx")
        network = gateway.network(url=self.venue.venue.url)
        return gateway.writer(network, self.signer.address, "env:DYDX_KEY")

    @asynccontextmanager
    async def guarded(self, policy: str, *, is_armed: bool = True) -> AsyncIterator[Observer]:
        """While a guard runs; it has seen the account once."""
        gateway = gateway_of("dydx")
        network = gateway.network(url=self.venue.venue.url)
        reader = gateway.reader(network, self.signer.address, ["BTC"])
        writer = self.writer() if is_armed else None
        observer, journal = Observer("dydx", reader, ["BTC"]), Journal(self.journal)
        guard = Guard(parse_policy(policy), reader, observer, journal, writer, self.alerts.append)
        tasks = [asyncio.create_task(reader.run()), asyncio.create_task(guard.run())]
        self.reader, self.guard = reader, guard

        def is_seen() -> bool:
            for each in tasks:
                if each.done():
                    each.result()
            state = reader.state()
            return state is not None and state.is_live and journal.last() is not None

        try:
            await until(is_seen)
            yield observer
        finally:
            for each in tasks:
                each.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            journal.close()
            self.guard = None
            if writer is not None:
                await writer.close()

    async def block(self) -> None:
        """One block, and what the guard makes of it."""
        await self.venue.blocks()
        if self.guard is not None:
            # By its messages and by what it asks for then.
            seen = await self.reader.changed(-1, 0.0)
            await self.reader.changed(seen, PATIENCE_S)
            await self.guard.look()

    async def until(self, condition: Callable[[], Any]) -> None:
        """Until it is so, with a block after a block: orders end with them."""

        async def is_so() -> bool:
            if not condition():
                await self.block()
            return bool(condition())

        await eventually(is_so)

    def decided(self, kind: type) -> list[Any]:
        return [
            action
            for entry in read_journal(self.journal)
            if isinstance(entry, Decided)
            for action in entry.actions
            if isinstance(action, kind)
        ]


Act = Callable[[Held], Awaitable[None]]


def held(act: Act, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with quiet_venue() as venue:
            made = Held(venue, folder / "guard.journal")
            monkeypatch.setenv("DYDX_KEY", venue.venue.users[0].mnemonic)
            await made.open()
            await act(made)

    asyncio.run(main())


def test_the_mirror_is_the_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def act(held: Held) -> None:
        async with held.guarded(HALF, is_armed=False) as observer:
            await held.fall(FALLEN)
            await held.until(lambda: (v := observer.view()) and v.market["BTC"].mark == 558_000)
            view = observer.view()
            assert view is not None
            pool, child = view.bucket["cross"], view.bucket["BTC"]
            assert (pool.equity, child.equity) == (98_000 * MICRO, 731 * MICRO)
            assert child.maintenance == int(Decimal("200.88") * MICRO)
            assert child.reported_equity == child.equity
            assert child.pool == "cross"
            (position,) = view.positions
            assert position.entry_notional == 18_000 * MICRO
            assert position.liquidation_price == 540_114  # 54,011.47098, in units of 0.1
            assert view.net_deposits == 100_000 * MICRO
            assert view.wallets == {"wallet": 10_000 * MICRO}

    held(act, tmp_path, monkeypatch)


def test_a_step_closes_its_share_once_and_a_restart_does_nothing_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def act(held: Held) -> None:
        async with held.guarded(HALF):
            await held.bid(55_400)
            await held.fall("55500")
            await held.until(lambda: held.size() == SIZE / 2)
            await held.until(lambda: not _works(held))
        async with held.guarded(HALF):
            for _ in range(5):
                await held.block()
        assert held.size() == SIZE / 2
        # One that came too late for its last block is sent again under the same id.
        placed = {(o.client_id, o.kind, o.is_buy, o.size) for o in held.decided(PlaceOrder)}
        ((client_id, *what),) = placed
        assert (what, len(client_id)) == (["immediate", False, 15_000], 18)
        closing = [each for each in await held.orders() if each["side"] == "SELL"]
        assert [(o["reduceOnly"], o["timeInForce"], o["orderFlags"]) for o in closing] == [
            (True, "IOC", "0")
        ]

    held(act, tmp_path, monkeypatch)


def _works(held: Held) -> bool:
    last = [entry for entry in read_journal(held.journal) if isinstance(entry, Decided)][-1]
    return bool(last.memory.works)


def test_a_flatten_fills_in_parts_until_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def act(held: Held) -> None:
        async with held.guarded(OUT):
            await held.bid(55_400, steps=1000)
            await held.fall("55500")
            await held.until(lambda: held.size() == Decimal("0.2"))
            await held.bid(55_300)
            await held.until(lambda: held.size() == 0)
        assert sum(Decimal(each["size"]) for each in await held.fills()) == 2 * SIZE
        names = [each.client_id for each in held.decided(PlaceOrder)]
        closing = [each for each in await held.orders() if each["side"] == "SELL"]
        assert len({each["clientId"] for each in closing}) == len(closing) >= 2
        assert len(set(names)) >= 2

    held(act, tmp_path, monkeypatch)


def test_a_stop_rests_at_the_venue_and_fires_without_the_guard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def act(held: Held) -> None:
        async with held.guarded(STOP) as observer:
            await held.until(lambda: (v := observer.view()) and v.orders)
            await held.venue.blocks(2)
        (order,) = await held.orders("UNTRIGGERED")
        assert (order["triggerPrice"], order["size"], order["reduceOnly"]) == ("58200", "0.3", True)
        await held.bid(58_100)
        await held.fall("58190")
        await held.venue.blocks(2)
        assert held.size() == 0

    held(act, tmp_path, monkeypatch)


def test_a_top_up_comes_from_the_parent_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def act(held: Held) -> None:
        before = held.cash(0), held.cash(CHILD)
        async with held.guarded(TOP_UP):
            await held.fall("55500")
            await until(lambda: held.cash(CHILD) != before[1])
            await held.until(lambda: any("have arrived" in each.text for each in held.alerts))
        async with held.guarded(TOP_UP):
            await held.venue.blocks(3)
        moved = 500 * MICRO
        assert (held.cash(0), held.cash(CHILD)) == (before[0] - moved, before[1] + moved)
        assert [each.amount for each in held.decided(AddMargin)] == [moved]

    held(act, tmp_path, monkeypatch)


def test_collateral_comes_from_the_wallet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def act(held: Held) -> None:
        writer, before = held.writer(), held.cash(0)
        assert await writer.check() == ""
        assert await writer.add_collateral(7 * MICRO) == Accepted()
        assert held.cash(0) == before + 7 * MICRO
        await writer.close()

    held(act, tmp_path, monkeypatch)


def order(**changes: Any) -> ReduceOrder:
    fields: dict[str, Any] = {
        "market": "BTC", "is_buy": False, "size": 1000, "price": 500_000, "size_decimals": 5,
        "kind": "immediate", "client_id": "0x5e00000000000001", "expires_ms": 2 * 10**12, **changes,
    }  # fmt: skip
    return ReduceOrder(**fields)


def test_the_same_order_sent_again_fills_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def act(held: Held) -> None:
        await held.bid(59_000)
        writer = held.writer()
        first = await writer.place(order())
        assert isinstance(first, Accepted)
        again = await writer.place(order())
        assert isinstance(again, (Refused, Unknown)), again
        assert held.size() == SIZE - Decimal("0.01")
        await writer.close()

    held(act, tmp_path, monkeypatch)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"kind": "post_only"}, "kind"), ({"kind": "resting"}, "kind"), ({"size": 0}, "size"),
        ({"client_id": "0x" + "5" * 32}, "client_id"), ({"market": "XYZ"}, "market"),
        ({"trigger_price": 1}, "trigger_price"), ({"price": 0}, "price"),
    ],
)  # fmt: skip
def test_what_cannot_be_sent_is_an_error_that_names_it(
    changes: dict[str, Any], field: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def act(held: Held) -> None:
        writer = held.writer()
        with pytest.raises(InputError, match=field):
            await writer.place(order(**changes))
        await writer.close()

    held(act, tmp_path, monkeypatch)


def test_an_order_against_no_position_is_refused_before_it_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def act(held: Held) -> None:
        writer = held.writer()
        found = await writer.place(order(market="ETH", size_decimals=3))
        assert isinstance(found, Refused)
        assert not found.was_sent
        # One that would open a position does not: the side of the position is not looked at here.
        await held.bid(59_000)
        bought = await writer.place(order(is_buy=True, price=700_000))
        assert not isinstance(bought, Unknown)
        assert held.size() == SIZE
        await writer.close()

    held(act, tmp_path, monkeypatch)


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/v4/height", b'{"height":"","time":"2026-01-01T00:00:00Z"}'),
        ("/cosmos/auth", b'{"info":{"account_number":"1e999"}}'),
    ],
)
def test_nothing_is_sent_after_an_answer_that_cannot_be_read(
    path: str, answer: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guard goes on: it is no error of the guard's own."""
    get = PublicApi.get

    def garbled(api: PublicApi, asked: str) -> bytes:
        return answer if asked.startswith(path) else get(api, asked)

    async def act(held: Held) -> None:
        monkeypatch.setattr(PublicApi, "get", garbled)
        writer = held.writer()
        found = await writer.place(order())
        assert isinstance(found, Refused)
        assert not found.was_sent
        await writer.close()

    held(act, tmp_path, monkeypatch)


CHASE = (
    HEAD + STEP + 'action = "flatten"\nexecution = "c"\n[[execution]]\nname = "c"\nstyle = "{}"\n'
)


@pytest.mark.parametrize("style", ["chase", "iceberg"])
def test_a_style_that_rests_is_refused_when_the_policy_is_loaded(
    style: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from seawall.guard.notify import Notifier

    text = CHASE.format(style) + ("slice = 1_000\n" if style == "iceberg" else "")
    run = Run(
        policy=parse_policy(text), address="dydx1ny4pclt0hzmarw0cxhf4ln5lus9ca2yy2nt770",
        journal=tmp_path / "j",
    )  # fmt: skip
    with pytest.raises(InputError, match=r"execution\[0\].*style.*no order rests that only reduc"):
        Running(run, Notifier("", "", {}, 1.0, print), print)
    assert not (tmp_path / "j").exists()


def test_the_key_is_the_accounts_own_and_nothing_shows_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def act(held: Held) -> None:
        words = held.venue.venue.users[1].mnemonic
        monkeypatch.setenv("DYDX_KEY", words)
        with pytest.raises(InputError, match="should be that of") as found:
            held.writer()
        assert words.split()[0] not in str(found.value)
        monkeypatch.setenv("DYDX_KEY", words.replace(words.split()[0], "nonsense", 1))
        with pytest.raises(InputError, match="is no private key") as found:
            held.writer()
        assert words.split()[1] not in str(found.value)
        user = held.venue.venue.users[0]
        file = tmp_path / "key"
        file.write_text(user.private_key)
        file.chmod(0o640)
        gateway = gateway_of("dydx")
        network = gateway.network(url=held.venue.venue.url)
        with pytest.raises(InputError, match="let others at it"):
            gateway.writer(network, user.address, f"file:{file}")
        file.chmod(0o600)
        writer = gateway.writer(network, user.address, f"file:{file}")
        assert user.private_key[2:] not in repr(writer)
        await writer.close()

    held(act, tmp_path, monkeypatch)


@pytest.mark.parametrize("moment", ["decided", "filled"])
def test_a_guard_killed_in_the_middle_of_a_step_sends_nothing_twice(
    moment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed with signal 9 once the decision is in the journal, or once its order has filled."""

    async def act(held: Held) -> None:
        key = held.venue.venue.users[0].mnemonic
        guarded = Guarded("dydx", held.signer.address, key, "BTC", HALF)
        process = guard_process(held.venue.venue.url, guarded, held.journal)
        await asyncio.to_thread(process.start)
        try:
            await until(lambda: _has_decided(held))
            await held.bid(55_400)
            await held.fall("55500")
            if moment == "decided":
                await until(lambda: held.decided(PlaceOrder))
            else:
                await until(lambda: held.size() == SIZE / 2)
        finally:
            process.kill()
            process.join()
        async with held.guarded(HALF):
            await held.until(lambda: held.size() == SIZE / 2 and not _works(held))
            for _ in range(5):
                await held.block()
        assert held.size() == SIZE / 2
        sold = [each for each in await held.fills() if each["side"] == "SELL"]
        assert sum(Decimal(each["size"]) for each in sold) == SIZE / 2
        assert len({each.client_id for each in held.decided(PlaceOrder)}) == 1

    held(act, tmp_path, monkeypatch)


def _has_decided(held: Held) -> bool:
    with suppress(Exception):
        return any(isinstance(each, Decided) for each in read_journal(held.journal))
    return False


def test_what_became_of_an_order_is_asked_before_another_follows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing bids, so the first order fills nothing: the next has another id and follows once
    the venue has said so and its last block is over."""

    async def act(held: Held) -> None:
        async with held.guarded(HALF):
            await held.fall("55500")
            await held.until(lambda: len({o.client_id for o in held.decided(PlaceOrder)}) > 1)
            await held.bid(55_300)
            await held.until(lambda: held.size() == SIZE / 2)
        # One that was too late to be sent is decided anew, with the same id.
        orders = list({each.client_id: each for each in held.decided(PlaceOrder)}.values())
        assert orders[1].price < orders[0].price  # the cap grows with each try that fills nothing
        entries = list(read_journal(held.journal))
        assert any(isinstance(each, Acted) for each in entries)
        assert held.decided(QueryOrder) is not None

    held(act, tmp_path, monkeypatch)


def test_flows_that_are_known_are_not_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway_reader, "_PAGE", 2)
    gateway = gateway_of("dydx")

    async def main() -> None:
        async with quiet_venue() as venue:
            signer = venue.signer(0)

            async def pages(reader: Any) -> list[str]:
                asked: list[str] = []
                ask = reader._ask

                async def counted(path: str) -> bytes:
                    asked.append(path)
                    return await ask(path)  # type: ignore[no-any-return]

                with monkeypatch.context() as patched:
                    patched.setattr(reader, "_ask", counted)
                    await reader._read_money()
                return [each for each in asked if "/transfers" in each]

            def reader() -> Any:
                return gateway.reader(gateway.network(url=venue.venue.url), f"{signer.address}/0")

            for _ in range(5):
                await venue.taken(signer, signer.transfer(200, 1_000_000))
            await venue.blocks()
            known = reader()
            await known._read_all()
            assert len(await pages(known)) == 1
            await venue.taken(signer, signer.transfer(200, 7_000_000))
            await venue.blocks()
            assert len(await pages(known)) == 1
            afresh = reader()
            await afresh._read_all()
            assert known.state().net_deposits == afresh.state().net_deposits

    asyncio.run(main())


def test_an_order_that_is_not_there_may_still_be_in_the_next_blocks() -> None:
    gateway = gateway_of("dydx")

    async def main() -> None:
        async with quiet_venue() as venue:
            address = f"{venue.signer(0).address}/0"
            reader: Any = gateway.reader(gateway.network(url=venue.venue.url), address)
            await reader._read_all()
            ending = await reader.order("00" * 8)
            assert ending.state == "unknown"
            assert ending.asked_ms <= ending.answered_ms - 1000 * gateway_reader.LAST_BLOCKS_S

    asyncio.run(main())
