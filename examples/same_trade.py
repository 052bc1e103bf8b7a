"""The same trade on a local Hyperliquid and on a local dYdX, by the same client (ccxt).

    python examples/same_trade.py

Needs ccxt 4.5.90, what its dYdX class wants (coincurve, protobuf), and seawall[dydx]. Each venue
is a process of its own: ccxt brings its own copy of the chain's messages. Prints a table.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import ccxt

import seawall as sw
from seawall.sandbox.client import ControlClient

SYMBOL, SIZE, ENTRY = "BTC/USDC:USDC", 16, 60_000
BID, FALLEN = 54_150, 54_200
"""Where a bid rests, and where the price falls to."""
SECONDS = 60


@contextmanager
def running(name: str) -> Iterator[Any]:
    """A venue without traders, whose clock only ``advance`` moves."""
    words = ["up", "--venue", name, "--port", "0", "--json", "--no-agents", "--no-quotas"]
    words += ["--feed", "manual", "--speed", "manual", "--markets", f"BTC={ENTRY}"]
    code = "from seawall.cli.main import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, *words], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
    finally:
        process.terminate()
        process.wait()


def client(name: str, venue: Any, number: int) -> Any:
    """ccxt for one user of a venue."""
    user = venue["accounts"][number]
    exchange = getattr(ccxt, name)(
        {"walletAddress": user["address"], "privateKey": user["privateKey"]}
    )
    if name == "dydx":
        exchange.on_json_response = lambda text: json.loads(text, parse_int=str, parse_float=str)
        exchange.options |= {
            "privateKey": user["privateKey"].removeprefix("0x"), "chainName": "localdydxprotocol",
        }  # fmt: skip
        at = {port: f"http://127.0.0.1:{number}" for port, number in venue["ports"].items()}
        exchange.urls["api"] = {
            "indexer": at["indexer"] + "/v4", "nodeRpc": at["rpc"], "nodeRest": at["rest"],
        }  # fmt: skip
    else:
        exchange.options |= {"builderFee": False, "approvedBuilderFee": True, "refSet": True}
        exchange.urls["api"] |= {"public": venue["url"], "private": venue["url"]}
    exchange.load_markets()
    return exchange


def left_of(exchange: Any) -> tuple[Decimal, Decimal]:
    """Coins, and USD of equity, as the venue says them."""
    info = exchange.fetch_balance()["info"]
    held = exchange.fetch_positions([SYMBOL])
    coins = Decimal(str(held[0]["contracts"])) if held else Decimal(0)
    equity = info["equity"] if "equity" in info else info["marginSummary"]["accountValue"]
    return coins, Decimal(equity)


def play(name: str) -> dict[str, str]:
    """What becomes of the trade on a venue, step by step."""
    with running(name) as venue:
        control, address = ControlClient(venue["url"]), venue["accounts"][0]["address"]
        control.advance(1)
        trader, seller, buyer = (client(name, venue, number) for number in range(3))
        seller.create_order(SYMBOL, "limit", "sell", SIZE, ENTRY)
        control.advance(1)
        trader.create_order(SYMBOL, "market", "buy", SIZE, 1.01 * ENTRY)
        buyer.create_order(SYMBOL, "limit", "buy", 2 * SIZE, BID)
        control.advance(1)
        account = sw.load_account(address, at=venue["url"])
        bucket = sw.stress(account, shocks=["-1%"]).sheet("buckets").plain()[0]
        price = account.liquidation_price("BTC")
        assert price is not None
        rows = {
            "opened": f"{SIZE} BTC long at {ENTRY:,}",
            "equity after the fee": f"{Decimal(bucket['equity']):,}",
            "maintenance margin": f"{Decimal(bucket['maintenance_margin']):,}",
            "liquidation price": f"{price:,.2f}",
        }
        control.price("BTC", str(FALLEN))
        for seconds in (2, SECONDS):
            control.advance(seconds, step=1)
            coins, equity = left_of(trader)
            rows[f"after {seconds} s at {FALLEN:,}"] = (
                f"{coins.normalize():f} BTC, {equity:,.2f} USD"
            )
        return rows


def main() -> None:
    """Print the table."""
    venues = {name: play(name) for name in ("hyperliquid", "dydx")}
    first, second = venues.values()
    print("| | Hyperliquid | dYdX |\n|---|---|---|")
    for step in first:
        print(f"| {step} | {first[step]} | {second[step]} |")


if __name__ == "__main__":
    main()
