"""NautilusTrader's dYdX adapter, unmodified, as far as its configuration reaches.

    python nautilus_client.py ABOUT.json       (with the repository in PYTHONPATH)

Prints a line of JSON for each step. The adapter signs for the chains of the test network or of the
real one, and its configuration names no other, so its own orders are refused here: the last step.

The adapter of 1.231.0 asks its socket for a ``py_url`` that it does not have, and so connects to no
dYdX at all; ``SocketWithUrl`` gives it one.
"""

import asyncio
import json
import os
import sys
import traceback
from decimal import Decimal
from typing import Any

from nautilus_trader.adapters.dydx.config import DydxDataClientConfig, DydxExecClientConfig
from nautilus_trader.adapters.dydx.factories import (
    DydxLiveDataClientFactory,
    DydxLiveExecClientFactory,
)
from nautilus_trader.config import (
    InstrumentProviderConfig,
    LiveExecEngineConfig,
    LoggingConfig,
    StrategyConfig,
    TradingNodeConfig,
)
from nautilus_trader.core import nautilus_pyo3
from nautilus_trader.core.nautilus_pyo3 import DydxNetwork
from nautilus_trader.live.node import TradingNode
from nautilus_trader.model.enums import OrderSide
from nautilus_trader.model.identifiers import InstrumentId, TraderId
from nautilus_trader.trading.strategy import Strategy

from tests.waiting import until

with open(sys.argv[1]) as file:
    ABOUT = json.load(file)
DYDX = "DYDX"
INSTRUMENT = InstrumentId.from_str("BTC-USD-PERP.DYDX")


class SocketWithUrl:
    """The adapter's socket, with the attribute that the adapter reads."""

    def __init__(self, socket: Any, url: str) -> None:
        self._socket, self.py_url = socket, url

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)


class Sockets:
    """In the place of the class that makes them."""

    kind: Any = nautilus_pyo3.DydxWebSocketClient

    @classmethod
    def new_private(cls, **terms: Any) -> SocketWithUrl:
        return SocketWithUrl(cls.kind.new_private(**terms), terms["url"])

    @classmethod
    def new_public(cls, **terms: Any) -> SocketWithUrl:
        return SocketWithUrl(cls.kind.new_public(**terms), terms["url"])


nautilus_pyo3.DydxWebSocketClient = Sockets


def say(step: str, **detail: Any) -> None:
    print("@@" + json.dumps({"step": step, **detail}, default=str), flush=True)


class Flow(Strategy):
    """The steps, as a task on the node's loop."""

    def on_start(self) -> None:
        self.status = 1
        self.task = asyncio.get_running_loop().create_task(self.run_to_the_end())

    async def run_to_the_end(self) -> None:
        try:
            await self.look()
            self.status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(self.status)

    def held(self) -> Decimal:
        return sum((p.signed_decimal_qty() for p in self.cache.positions_open()), Decimal(0))

    async def look(self) -> None:
        say("instruments", names=sorted(str(each.id) for each in self.cache.instruments()))
        account = self.portfolio.account(INSTRUMENT.venue)
        balances = account.balances()
        say("account", balances={str(name): str(each.total) for name, each in balances.items()})
        await until(lambda: self.held() == Decimal("0.2"))
        say("reports", position=self.held())
        self.subscribe_quote_ticks(INSTRUMENT)
        await until(lambda: self.cache.quote_tick(INSTRUMENT) is not None)
        say("quotes", bid=self.cache.quote_tick(INSTRUMENT).bid_price)
        instrument = self.cache.instrument(INSTRUMENT)
        order = self.order_factory.limit(
            INSTRUMENT, OrderSide.BUY, instrument.make_qty(0.1), instrument.make_price(50_000)
        )
        self.submit_order(order)
        await until(lambda: order.is_closed)
        say("orders", status=order.status_string(), why=getattr(order.last_event, "reason", ""))


def main() -> None:
    ports = ABOUT["ports"]
    common = {
        "instrument_provider": InstrumentProviderConfig(load_all=True),
        "environment": DydxNetwork.TESTNET,
        "base_url_http": f"http://127.0.0.1:{ports['indexer']}",
        "base_url_ws": f"ws://127.0.0.1:{ports['socket']}/v4/ws",
    }
    user = ABOUT["accounts"][0]
    config = TradingNodeConfig(
        trader_id=TraderId("FLOW-001"),
        logging=LoggingConfig(log_level="INFO", log_colors=False),
        exec_engine=LiveExecEngineConfig(reconciliation=True, reconciliation_lookback_mins=1440),
        data_clients={DYDX: DydxDataClientConfig(**common)},
        exec_clients={
            DYDX: DydxExecClientConfig(
                wallet_address=user["address"],
                private_key=user["privateKey"].removeprefix("0x"),
                base_url_grpc=f"http://127.0.0.1:{ports['grpc']}",
                **common,
            )
        },
    )
    node = TradingNode(config=config)
    claims = StrategyConfig(external_order_claims=[INSTRUMENT])
    node.trader.add_strategy(Flow(claims))
    node.add_data_client_factory(DYDX, DydxLiveDataClientFactory)
    node.add_exec_client_factory(DYDX, DydxLiveExecClientFactory)
    node.build()
    node.run()


if __name__ == "__main__":
    main()
