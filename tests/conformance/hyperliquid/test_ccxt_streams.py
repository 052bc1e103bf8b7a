"""ccxt's websocket methods: what they watch really happened, what they send takes effect."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.conformance.hyperliquid.ccxt_client import SYMBOLS, streaming_client
from tests.conformance.hyperliquid.running import Venue
from tests.conformance.hyperliquid.trader import Maker, Trader, filled
from tests.waiting import PATIENCE_S, until

pytestmark = pytest.mark.conformance

COIN = "DOGE"
SYMBOL = SYMBOLS[COIN]
PRICE = 0.1
Step = Callable[[Any], Awaitable[None]]


@pytest.fixture(autouse=True)
def _book(venue: Venue, maker: Maker) -> None:
    venue.settle(COIN, PRICE, maker, notional=400_000.0, spread=0.002)


def run(venue: Venue, trader: Trader, step: Step) -> None:
    """One coroutine with one streaming client."""

    async def whole() -> None:
        exchange = streaming_client(venue.url, trader.address, trader.key)
        count_answers(exchange)
        try:
            await exchange.load_markets()
            await asyncio.wait_for(step(exchange), PATIENCE_S)
        finally:
            await exchange.close()

    asyncio.run(whole())


def count_answers(exchange: Any) -> None:
    """Count in ``exchange.answers`` the subscriptions that the venue has answered."""
    handle = exchange.handle_subscription_response
    exchange.answers = 0

    def count(socket: Any, message: Any) -> None:
        exchange.answers += 1
        handle(socket, message)

    exchange.handle_subscription_response = count


async def meanwhile(exchange: Any, watching: Awaitable[Any], work: Callable[[], Any]) -> Any:
    """Start watching, do the work once the venue has answered, and return what was seen."""
    before = exchange.answers
    task = asyncio.ensure_future(watching)
    await until(lambda: exchange.answers > before)
    await asyncio.to_thread(work)
    return await task


def test_book(venue: Venue, trader: Trader) -> None:
    async def step(exchange: Any) -> None:
        book = await exchange.watch_order_book(SYMBOL)
        assert book["bids"][0][0] < book["asks"][0][0]

    run(venue, trader, step)


def test_tickers(venue: Venue, trader: Trader) -> None:
    async def step(exchange: Any) -> None:
        ticker = await exchange.watch_ticker(SYMBOL)
        assert ticker["symbol"] == SYMBOL
        assert float(ticker["info"]["markPx"]) == pytest.approx(PRICE, rel=0.02)
        tickers = await exchange.watch_tickers()
        assert SYMBOL in tickers

    run(venue, trader, step)


def test_trades_and_candles(venue: Venue, trader: Trader, other: Trader) -> None:
    async def step(exchange: Any) -> None:
        def buy() -> None:
            filled(other.exchange.market_open(COIN, True, 777.0))

        await asyncio.to_thread(buy)  # the first message is the recent trades
        trades = await exchange.watch_trades(SYMBOL)
        assert 777.0 in [trade["amount"] for trade in trades]
        candles = await meanwhile(exchange, exchange.watch_ohlcv(SYMBOL, "1m"), buy)
        assert candles[-1][5] >= 777.0

    run(venue, trader, step)


def test_orders_and_own_trades(venue: Venue, trader: Trader) -> None:
    async def step(exchange: Any) -> None:
        orders = await meanwhile(
            exchange,
            exchange.watch_orders(SYMBOL),
            lambda: trader.exchange.order(COIN, True, 500, 0.05, {"limit": {"tif": "Gtc"}}),
        )
        assert (orders[-1]["price"], orders[-1]["status"]) == (0.05, "open")
        mine = await meanwhile(
            exchange,
            exchange.watch_my_trades(SYMBOL),
            lambda: filled(trader.exchange.market_open(COIN, True, 888.0)),
        )
        assert mine[-1]["amount"] == 888.0

    run(venue, trader, step)


def test_balance_and_positions(venue: Venue, trader: Trader) -> None:
    async def step(exchange: Any) -> None:
        balance = await exchange.watch_balance({"type": "swap"})
        assert balance["USDC"]["total"] == pytest.approx(float(trader.value()))
        filled(await asyncio.to_thread(trader.exchange.market_open, COIN, True, 888.0))
        while True:
            positions = await exchange.watch_positions([SYMBOL])
            if positions:
                break
        assert (positions[0]["symbol"], positions[0]["contracts"]) == (SYMBOL, 888.0)

    run(venue, trader, step)


def test_orders_over_the_websocket(venue: Venue, trader: Trader) -> None:
    async def step(exchange: Any) -> None:
        order = await exchange.create_order_ws(SYMBOL, "limit", "buy", 500, 0.05)
        (shown,) = await exchange.fetch_open_orders(SYMBOL)
        assert shown["id"] == order["id"]
        edited = await exchange.edit_order_ws(order["id"], SYMBOL, "limit", "buy", 600, 0.051)
        (shown,) = await exchange.fetch_open_orders(SYMBOL)
        assert (shown["id"], shown["price"]) == (edited["id"], 0.051)
        await exchange.cancel_order_ws(edited["id"], SYMBOL)
        assert await exchange.fetch_open_orders(SYMBOL) == []
        bought = await exchange.create_order_ws(SYMBOL, "market", "buy", 500, PRICE)
        assert bought["filled"] == 500.0

    run(venue, trader, step)
