"""NautilusTrader's Hyperliquid adapter, whose REST hosts are fixed, in two runs.

``trade``: connect, history, orders. ``reconcile``: a new process finds position, stop and fills,
sees the liquidation, and goes on after the venue's restart. See ``talk.py`` for what it says and
asks.
"""

import asyncio
import json
import os
import sys
import traceback
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pandas as pd
from nautilus_trader.adapters.hyperliquid import (
    HYPERLIQUID,
    HyperliquidDataClientConfig,
    HyperliquidExecClientConfig,
    HyperliquidLiveDataClientFactory,
    HyperliquidLiveExecClientFactory,
)
from nautilus_trader.config import (
    InstrumentProviderConfig,
    LiveExecEngineConfig,
    LoggingConfig,
    StrategyConfig,
    TradingNodeConfig,
)
from nautilus_trader.indicators import ExponentialMovingAverage
from nautilus_trader.live.node import TradingNode
from nautilus_trader.model.data import BarType
from nautilus_trader.model.enums import OrderSide, TimeInForce, TriggerType
from nautilus_trader.model.identifiers import InstrumentId, TraderId
from nautilus_trader.trading.strategy import Strategy

ABOUT = json.loads(sys.argv[1])
INSTRUMENT = InstrumentId.from_str("BTC-USD-PERP.HYPERLIQUID")
BARS = BarType.from_str(f"{INSTRUMENT}-1-MINUTE-LAST-EXTERNAL")
PATIENCE_S = 300.0


def say(**said: Any) -> None:
    print("@@" + json.dumps(said, default=str), flush=True)


async def ask(what: str, **fields: Any) -> None:
    say(ask=what, **fields)
    await asyncio.to_thread(sys.stdin.readline)


async def until(what: str, wanted: Callable[[], bool]) -> None:
    for _ in range(int(PATIENCE_S * 10)):
        if wanted():
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"not so after {PATIENCE_S} s: {what}")


class Flow(Strategy):
    """The steps of one run, as a task on the node's loop."""

    def on_start(self) -> None:
        self.status = 1
        self.quotes = 0
        self.liquidated = False
        self.instrument = self.cache.instrument(INSTRUMENT)
        self.task = asyncio.get_running_loop().create_task(self.run_to_the_end())

    async def run_to_the_end(self) -> None:
        try:
            self.subscribe_quote_ticks(INSTRUMENT)
            await until("a quote", lambda: self.cache.quote_tick(INSTRUMENT) is not None)
            await (self.history_and_trade() if ABOUT["run"] == "trade" else self.rest())
            self.status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(self.status)

    def on_quote_tick(self, tick: Any) -> None:
        self.quotes += 1

    def price(self, part: float) -> Any:
        ask_price = float(self.cache.quote_tick(INSTRUMENT).ask_price)
        return self.instrument.make_price(round(ask_price * part))

    def held(self) -> Decimal:
        return sum((p.signed_decimal_qty() for p in self.cache.positions_open()), Decimal(0))

    async def history_and_trade(self) -> None:
        say(step="connect", detail=len(self.cache.instruments()))
        average = ExponentialMovingAverage(10)
        self.register_indicator_for_bars(BARS, average)
        while average.count < ABOUT["candles"]:  # it leaves out the candle of this minute
            self.request_bars(BARS, start=self.clock.utc_now() - pd.Timedelta(days=1))
            await asyncio.sleep(2)
        say(step="history", detail={"candles": average.count, "average": average.value})

        make, amount = self.order_factory, self.instrument.make_qty(ABOUT["size"])
        resting = make.limit(INSTRUMENT, OrderSide.BUY, amount, self.price(0.8))
        self.submit_order(resting)
        await until("it rests", lambda: resting.is_open)
        lower = self.price(0.79)
        self.modify_order(resting, price=lower)
        await until("it is modified", lambda: resting.price == lower)
        self.cancel_order(resting)
        await until("it is cancelled", lambda: resting.is_closed)
        bought = make.market(INSTRUMENT, OrderSide.BUY, amount, time_in_force=TimeInForce.IOC)
        self.submit_order(bought)
        await until("it is filled", lambda: bought.filled_qty == amount)
        trigger = {"trigger_price": self.price(0.5), "trigger_type": TriggerType.MARK_PRICE}
        stop = make.stop_market(INSTRUMENT, OrderSide.SELL, amount, reduce_only=True, **trigger)
        self.submit_order(stop)
        await until("the stop is there", lambda: stop.is_open)
        say(step="trade", detail={"amount": amount, "average": bought.avg_px})

    async def rest(self) -> None:
        size = Decimal(str(ABOUT["size"]))
        await until("the position is found again", lambda: self.held() == size)
        open_orders = self.cache.orders_open(instrument_id=INSTRUMENT)
        assert len(open_orders) == 1, f"the stop is missing: {open_orders}"
        account = self.portfolio.account(INSTRUMENT.venue)
        total = account.balances()[next(iter(account.balances()))].total
        say(step="reconcile", detail={"position": self.held(), "balance": total})

        await ask("shock", market="BTC", move="-5.8%")
        await until("liquidated", lambda: self.held() == 0)
        await until("the stop is gone", lambda: not self.cache.orders_open())
        say(step="liquidated", detail={"orders": len(self.cache.orders_closed())})

        await ask("restart")
        seen = self.quotes
        await until("quotes stream again", lambda: self.quotes > seen + 1)
        await ask("fund", address=ABOUT["address"], usd=1000)
        amount = self.instrument.make_qty(0.01)
        again = self.order_factory.market(INSTRUMENT, OrderSide.BUY, amount)
        self.submit_order(again)
        await until("an order is filled", lambda: again.filled_qty == amount)
        await until("and held", lambda: self.held() == Decimal("0.01"))
        say(step="reconnect", detail={"order": again.venue_order_id})


def main() -> None:
    common = {
        "instrument_provider": InstrumentProviderConfig(load_all=True),
        "base_url_ws": ABOUT["websocket"],
    }
    config = TradingNodeConfig(
        trader_id=TraderId("FLOW-001"),
        logging=LoggingConfig(log_level="INFO", log_colors=False),
        exec_engine=LiveExecEngineConfig(reconciliation=True, reconciliation_lookback_mins=1440),
        data_clients={HYPERLIQUID: HyperliquidDataClientConfig(**common)},
        exec_clients={HYPERLIQUID: HyperliquidExecClientConfig(private_key=ABOUT["key"], **common)},
    )
    node = TradingNode(config=config)
    claims = StrategyConfig(external_order_claims=[INSTRUMENT])
    node.trader.add_strategy(Flow(claims))
    node.add_data_client_factory(HYPERLIQUID, HyperliquidLiveDataClientFactory)
    node.add_exec_client_factory(HYPERLIQUID, HyperliquidLiveExecClientFactory)
    node.build()
    node.run()


if __name__ == "__main__":
    main()
