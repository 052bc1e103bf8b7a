"""Flows of the unmodified ``dydx-v4-client``, in its own environment, against a venue whose clock
stands still.

    python client.py ABOUT.json

Prints a line of JSON for each flow: its name and, if it failed, why. Nothing of seawall is
imported: this environment does not have it.
"""

import asyncio
import json
import sys
import threading
import traceback
import urllib.request
from collections.abc import Awaitable, Callable
from typing import Any

from dydx_v4_client import OrderFlags
from dydx_v4_client.indexer.rest.constants import OrderType
from dydx_v4_client.indexer.rest.indexer_client import IndexerClient
from dydx_v4_client.indexer.socket.websocket import IndexerSocket
from dydx_v4_client.network import make_local
from dydx_v4_client.node.client import NodeClient
from dydx_v4_client.node.market import Market
from dydx_v4_client.node.message import subaccount
from dydx_v4_client.wallet import Wallet
from v4_proto.dydxprotocol.clob.order_pb2 import Order
from v4_proto.dydxprotocol.clob.tx_pb2 import OrderBatch

BUY, SELL = Order.SIDE_BUY, Order.SIDE_SELL
GTT, IOC = Order.TIME_IN_FORCE_UNSPECIFIED, Order.TIME_IN_FORCE_IOC
TICKER, PRICE = "BTC-USD", 60_000
USDC = "ibc/8E27BA2D5493AF5636760E354E46004562C46AB7EC0CC4C1CA14E9E20E2545B5"
PATIENCE_S = 300.0


class Venue:
    """The venue from the outside: its ports, its users, its control."""

    def __init__(self, about: dict[str, Any]) -> None:
        self.url, self.ports, self.users = about["url"], about["ports"], about["accounts"]

    def control(self, path: str, **fields: Any) -> Any:
        body = json.dumps(fields).encode()
        request = urllib.request.Request(f"{self.url}/control{path}", body)
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            return json.load(answer)

    def blocks(self, count: int) -> None:
        self.control("/time/advance", seconds=count, stepSeconds=1)

    def price(self, usd: float) -> None:
        """The oracle price from the next block on."""
        self.control("/price", market=TICKER, price=usd)
        self.blocks(1)


class Trader:
    """One user with the client's own objects."""

    ids = iter(range(1, 10**6))

    def __init__(self, venue: Venue, number: int) -> None:
        at = {name: f"127.0.0.1:{port}" for name, port in venue.ports.items()}
        self.net = make_local(
            node_url=at["grpc"],
            rest_indexer=f"http://{at['indexer']}",
            websocket_indexer=f"ws://{at['socket']}/v4/ws",
        )
        self.venue = venue
        self.address = venue.users[number]["address"]
        self.mnemonic = venue.users[number]["mnemonic"]

    async def connect(self) -> "Trader":
        self.node = await NodeClient.connect(self.net.node)
        self.indexer = IndexerClient(self.net.rest_indexer)
        self.wallet = await Wallet.from_mnemonic(self.node, self.mnemonic, self.address)
        assert self.wallet.address == self.address
        markets = await self.indexer.markets.get_perpetual_markets(TICKER)
        self.market = Market(markets["markets"][TICKER])
        return self

    async def place(
        self, side: int, size: float, price: float, flags: int = OrderFlags.SHORT_TERM,
        force: int = GTT, number: int = 0, code: int = 0, blocks: int = 10, **more: Any,
    ) -> Any:  # fmt: skip
        """Place an order and expect a code; its id."""
        order_id = self.market.order_id(self.address, number, next(self.ids), flags)
        if flags == OrderFlags.SHORT_TERM:
            height = await self.node.latest_block_height()
            more |= {"good_til_block": height + blocks}
        else:
            more |= {"good_til_block_time": await self.now_s() + 600}
        kind = OrderType.MARKET if force == IOC else OrderType.LIMIT
        more = {"reduce_only": False, **more}
        order = self.market.order(
            order_id, kind, side, size, price=price, time_in_force=force, **more
        )
        if force == IOC:
            order.time_in_force = IOC
        answer = await self.node.place_order(self.wallet, order)
        found = answer.tx_response
        assert found.code == code, f"{found.code} {found.raw_log}"
        assert len(found.txhash) == 64
        return order_id

    async def now_s(self) -> int:
        return int((await self.indexer.utility.get_time())["epoch"])

    async def order(self, order_id: Any, number: int = 0) -> dict[str, Any] | None:
        """The indexer's view of an order."""
        orders = await self.indexer.account.get_subaccount_orders(self.address, number)
        return next((o for o in orders if o["clientId"] == str(order_id.client_id)), None)

    async def status(self, order_id: Any, number: int = 0) -> str:
        found = await self.order(order_id, number)
        return found["status"] if found else ""

    async def account(self, number: int = 0) -> dict[str, Any]:
        answer = await self.indexer.account.get_subaccount(self.address, number)
        return answer["subaccount"]

    async def usdc(self, number: int = 0) -> float:
        asset = (await self.account(number))["assetPositions"]["USDC"]
        return float(asset["size"]) * (1 if asset["side"] == "LONG" else -1)

    async def position(self, number: int = 0) -> float:
        held = (await self.account(number))["openPerpetualPositions"]
        return float(held[TICKER]["size"]) if held else 0.0

    async def bank(self) -> int:
        return int((await self.node.get_account_balance(self.address, USDC)).balance.amount)


Flow = Callable[[Trader, Trader], Awaitable[None]]


async def market(taker: Trader, maker: Trader) -> None:
    resting = await maker.place(SELL, 0.5, PRICE)
    before = await taker.usdc(), await maker.usdc()
    bought = await taker.place(BUY, 0.2, PRICE * 1.02, force=IOC)
    found = await taker.order(bought)
    assert found is not None
    assert (found["status"], found["totalFilled"], found["timeInForce"]) == ("FILLED", "0.2", "IOC")
    assert await taker.position() == 0.2
    assert await maker.position() == -0.2
    # Taker 5 bp, maker 1 bp of 12,000 USD.
    assert round(before[0] - await taker.usdc(), 6) == 12_000 + 6
    assert round(await maker.usdc() - before[1], 6) == 12_000 - 1.2
    rest = await maker.order(resting)
    assert rest is not None
    assert (rest["status"], rest["totalFilled"]) == ("OPEN", "0.2")
    fills = (await taker.indexer.account.get_subaccount_fills(taker.address, 0))["fills"]
    assert (fills[0]["price"], fills[0]["size"], fills[0]["fee"]) == (str(PRICE), "0.2", "6")
    assert (fills[0]["orderId"], fills[0]["liquidity"]) == (found["id"], "TAKER")
    held = await taker.indexer.account.get_subaccount_perpetual_positions(taker.address, 0)
    assert held["positions"][0]["entryPrice"] == str(PRICE)


async def limit_short_term(taker: Trader, maker: Trader) -> None:
    order = await taker.place(BUY, 0.1, PRICE * 0.9, blocks=5)
    assert await taker.status(order) == "BEST_EFFORT_OPENED"
    book = await taker.indexer.markets.get_perpetual_market_orderbook(TICKER)
    assert book["bids"] == [{"price": "54000", "size": "0.1"}]
    taker.venue.blocks(4)
    assert await taker.status(order) == "BEST_EFFORT_OPENED"
    taker.venue.blocks(2)
    assert await taker.status(order) == "CANCELED"
    await taker.place(BUY, 0.1, PRICE * 0.9, blocks=60, code=11)


async def limit_long_term(taker: Trader, maker: Trader) -> None:
    order = await maker.place(BUY, 0.3, 59_000, flags=OrderFlags.LONG_TERM)
    book = await maker.indexer.markets.get_perpetual_market_orderbook(TICKER)
    assert book["bids"] == []  # it goes to the book with the block
    maker.venue.blocks(1)
    assert await maker.status(order) == "OPEN"
    await taker.place(SELL, 0.3, 58_000, force=IOC)
    assert await maker.status(order) == "FILLED"
    assert await maker.position() == 0.3


async def conditional(taker: Trader, maker: Trader) -> None:
    resting = await maker.place(SELL, 0.1, PRICE)
    await taker.place(BUY, 0.1, PRICE, force=IOC)
    assert await maker.status(resting) == "FILLED"
    ticks = taker.market.calculate_subticks(57_000)
    stop = await taker.place(
        SELL, 0.1, 55_000, flags=OrderFlags.CONDITIONAL, force=IOC, reduce_only=True,
        condition_type=Order.CONDITION_TYPE_STOP_LOSS,
        conditional_order_trigger_subticks=ticks,
    )  # fmt: skip
    taker.venue.blocks(1)
    found = await taker.order(stop)
    assert found is not None
    assert (found["status"], found["triggerPrice"], found["type"]) == (
        "UNTRIGGERED", "57000", "STOP_LIMIT",
    )  # fmt: skip
    await maker.place(BUY, 0.1, 56_500, blocks=20)
    taker.venue.price(57_500)
    assert await taker.status(stop) == "UNTRIGGERED"
    taker.venue.price(56_900)
    taker.venue.blocks(1)
    assert await taker.status(stop) == "FILLED"
    assert await taker.position() == 0.0


async def cancel(taker: Trader, maker: Trader) -> None:
    short = await taker.place(BUY, 0.1, 50_000)
    long = await taker.place(BUY, 0.1, 49_000, flags=OrderFlags.LONG_TERM)
    taker.venue.blocks(1)
    height = await taker.node.latest_block_height()
    # A shorter good-til is taken and removes nothing.
    answer = await taker.node.cancel_order(taker.wallet, short, good_til_block=height + 2)
    assert answer.tx_response.code == 0
    assert await taker.status(short) == "BEST_EFFORT_OPENED"
    answer = await taker.node.cancel_order(taker.wallet, short, good_til_block=height + 15)
    assert answer.tx_response.code == 0
    assert await taker.status(short) == "BEST_EFFORT_CANCELED"
    until = await taker.now_s()
    answer = await taker.node.cancel_order(taker.wallet, long, good_til_block_time=until + 60)
    assert answer.tx_response.code == 29, answer.tx_response.raw_log
    answer = await taker.node.cancel_order(taker.wallet, long, good_til_block_time=until + 900)
    assert answer.tx_response.code == 0, answer.tx_response.raw_log
    assert await taker.status(long) == "OPEN"
    taker.venue.blocks(1)
    assert await taker.status(long) == "CANCELED"
    answer = await taker.node.cancel_order(taker.wallet, long, good_til_block_time=until + 900)
    assert (answer.tx_response.codespace, answer.tx_response.code) == ("clob", 3006)


async def batch_cancel(taker: Trader, maker: Trader) -> None:
    orders = [await taker.place(BUY, 0.1, price) for price in (50_000, 49_000, 48_000)]
    height = await taker.node.latest_block_height()
    batch = OrderBatch(clob_pair_id=0, client_ids=[each.client_id for each in orders[:2]])
    answer = await taker.node.batch_cancel_orders(
        taker.wallet, subaccount(taker.address, 0), [batch], height + 20
    )
    assert answer.tx_response.code == 0, answer.tx_response.raw_log
    states = [await taker.status(each) for each in orders]
    assert states == ["BEST_EFFORT_CANCELED", "BEST_EFFORT_CANCELED", "BEST_EFFORT_OPENED"]


async def money(taker: Trader, maker: Trader) -> None:
    node, wallet = taker.node, taker.wallet
    own, child = subaccount(taker.address, 0), subaccount(taker.address, 1)
    usdc, bank = await taker.usdc(), await taker.bank()
    sequence = (await node.get_account(taker.address)).sequence
    await node.transfer(wallet, own, child, 0, 250_000_000)
    assert await taker.usdc(1) == 250
    await node.withdraw(wallet, own, taker.address, 0, 7_500_000)
    assert await taker.bank() == bank + 7_500_000
    await node.deposit(wallet, taker.address, child, 0, 1_000_001)
    assert await taker.bank() == bank + 6_499_999
    assert await taker.usdc(1) == 251.000001
    assert round(usdc - await taker.usdc(), 6) == 257.5
    received = await maker.bank()
    await node.send_token(wallet, taker.address, maker.address, 123, USDC)
    assert await maker.bank() == received + 123
    assert (await node.get_account(taker.address)).sequence == sequence + 4
    await node.withdraw(wallet, child, taker.address, 0, 10**9)  # more than there is
    assert await taker.usdc(1) == 251.000001
    assert (await node.get_account(taker.address)).sequence == sequence + 5
    found = (await taker.indexer.account.get_subaccount_transfers(taker.address, 1))["transfers"]
    assert [(each["type"], each["size"]) for each in found] == [
        ("DEPOSIT", "1.000001"), ("TRANSFER_IN", "250"),
    ]  # fmt: skip


class Listener:
    """What the client's socket brings, by a thread of its own: its loop never returns."""

    def __init__(self, trader: Trader) -> None:
        self.messages: list[dict[str, Any]] = []
        self._arrived = threading.Condition()
        self._trader = trader
        self.socket = IndexerSocket(trader.net.websocket_indexer, on_message=self._heard)
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self._thread.start()

    async def _run(self) -> None:
        await self.socket.connect()

    def _heard(self, app: Any, message: dict[str, Any]) -> None:
        with self._arrived:
            if message["type"] == "connected":
                self.socket.subaccounts.subscribe(address=self._trader.address, subaccount_number=0)
                self.socket.order_book.subscribe(id=TICKER, batched=False)
                self.socket.trades.subscribe(id=TICKER, batched=True)
            self.messages.append(message)
            self._arrived.notify_all()

    def wait_for(self, name: str, found: Callable[[], Any]) -> Any:
        with self._arrived:
            got = self._arrived.wait_for(found, PATIENCE_S)
            assert got, f"{name} did not come: {[m['type'] for m in self.messages]}"
            return got

    def contents(self, channel: str) -> list[Any]:
        found = []
        for each in self.messages:
            if each.get("channel") == channel and each["type"].startswith("channel"):
                found += each["contents"] if "batch" in each["type"] else [each["contents"]]
        return found


async def streams(taker: Trader, maker: Trader) -> None:
    ears = Listener(taker)
    ears.wait_for("subscribed", lambda: sum(m["type"] == "subscribed" for m in ears.messages) == 3)
    first = next(m for m in ears.messages if m.get("channel") == "v4_subaccounts")
    assert first["contents"]["subaccount"]["address"] == taker.address
    await maker.place(SELL, 0.2, PRICE)
    bought = await taker.place(BUY, 0.2, PRICE, force=IOC)

    def news(name: str) -> list[Any]:
        return [x for c in ears.contents("v4_subaccounts") for x in c.get(name, [])]

    (fill,) = ears.wait_for("a fill", lambda: news("fills"))
    assert (fill["size"], fill["price"], fill["quoteAmount"]) == ("0.2", str(PRICE), "12000")
    order = ears.wait_for("an order", lambda: news("orders"))[-1]
    assert (order["clientId"], order["status"]) == (str(bought.client_id), "FILLED")
    assert fill["orderId"] == order["id"]
    position = ears.wait_for("a position", lambda: news("perpetualPositions"))[-1]
    assert (position["size"], position["side"], position["status"]) == ("0.2", "LONG", "OPEN")
    cash = ears.wait_for("USDC", lambda: news("assetPositions"))[-1]
    assert float(cash["size"]) == await taker.usdc()
    assert ears.wait_for("a trade", lambda: ears.contents("v4_trades"))[-1]["trades"]
    book = ears.wait_for("book", lambda: ears.contents("v4_orderbook"))
    assert [str(PRICE), "0.2"] in book[0]["asks"]
    assert [str(PRICE), "0"] in book[-1]["asks"]
    ears.socket.close()


async def liquidation(taker: Trader, maker: Trader) -> None:
    node, wallet = taker.node, taker.wallet
    small = subaccount(taker.address, 2)
    await node.transfer(wallet, subaccount(taker.address, 0), small, 0, 1_000_000_000)
    await maker.place(SELL, 0.5, PRICE, blocks=30)
    await taker.place(BUY, 0.5, PRICE, force=IOC, number=2)  # 30,000 USD with 985 of equity
    assert await taker.position(2) == 0.5
    await maker.place(BUY, 0.5, 58_690, blocks=30)
    taker.venue.price(58_700)  # equity 335, maintenance 352.2; fillable down to 58,649
    taker.venue.blocks(1)
    fills = (await taker.indexer.account.get_subaccount_fills(taker.address, 2))["fills"]
    assert fills[0]["type"] == "LIQUIDATED"
    assert fills[0]["price"] == "58690"
    # A tenth of the position at least, 1,000 USD of notional at least.
    assert 0.05 <= 0.5 - await taker.position(2) <= 0.5
    makers = (await maker.indexer.account.get_subaccount_fills(maker.address, 0))["fills"]
    assert makers[0]["type"] == "LIQUIDATION"


async def isolated_child(taker: Trader, maker: Trader) -> None:
    child = subaccount(taker.address, 128)
    own = subaccount(taker.address, 0)
    await taker.node.transfer(taker.wallet, own, child, 0, 2_000_000_000)
    await maker.place(SELL, 0.3, PRICE, blocks=30)
    await taker.place(BUY, 0.3, PRICE, force=IOC, number=128)
    parent = await taker.indexer.account.get_parent_subaccount(taker.address, 0)
    numbers = [each["subaccountNumber"] for each in parent["subaccount"]["childSubaccounts"]]
    assert numbers == [0, 128]
    assert await taker.position(128) == 0.3
    assert await taker.position(0) == 0.0
    whole = await taker.usdc(0)
    taker.venue.price(50_000)  # the child has lost more than it has
    taker.venue.blocks(2)
    assert await taker.usdc(0) == whole


async def queries(taker: Trader, maker: Trader) -> None:
    pairs = await taker.node.get_clob_pairs()
    assert next((pair.id, pair.step_base_quantums) for pair in pairs.clob_pair) == (0, 1_000_000)
    assert (await taker.node.get_price(0)).price == PRICE * 10**5
    assert (await taker.node.get_perpetual(0)).perpetual.params.ticker == TICKER
    found = await taker.node.get_subaccount(taker.address, 0)
    (cash,) = found.asset_positions
    assert int.from_bytes(cash.quantums[1:], "big") == round(await taker.usdc() * 10**6)
    tiers = await taker.node.get_fee_tiers()
    assert [tier.taker_fee_ppm for tier in tiers.params.tiers][:2] == [500, 450]
    assert (await taker.node.get_user_fee_tier(taker.address)).index == 0
    assert (await taker.node.get_equity_tier_limit_config()) is not None


FLOWS: list[Flow] = [
    market, limit_short_term, limit_long_term, conditional, cancel, batch_cancel, money, streams,
    liquidation, isolated_child, queries,
]  # fmt: skip


async def main() -> None:
    with open(sys.argv[1]) as file:
        venue = Venue(json.load(file))
    for number, flow in enumerate(FLOWS):
        why = ""
        try:
            venue.control("/reset")
            venue.price(PRICE)
            taker = await Trader(venue, number % 8).connect()
            await flow(taker, await Trader(venue, 9).connect())
        except BaseException:
            why = traceback.format_exc()
        print(json.dumps({"flow": flow.__name__, "why": why}), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
