"""Flows of the unmodified ``ccxt`` against a venue whose clock stands still.

    python ccxt_client.py ABOUT.json

Prints a line of JSON for each flow: its name and, if it failed, why. A process of its own, because
ccxt brings its own copy of the chain's messages. Its versions want different things of a user:

* 4.5.90 reads native integers where its own arithmetic wants text, which ``on_json_response`` works
  around. It takes the key of the account as ``options.privateKey``.
* 4.5.60 takes the words of the wallet as ``options.mnemonic`` and ignores a key.
"""

import asyncio
import json
import sys
import traceback
import urllib.request
from collections.abc import Callable
from typing import Any

import ccxt
import ccxt.pro

SYMBOL, PRICE = "BTC/USDC:USDC", 60_000
NEEDS_TEXT = ccxt.__version__ != "4.5.60"
"""Whether it is the version that fails on native integers, and takes a key."""


def as_text(text: str) -> Any:
    return json.loads(text, parse_int=str, parse_float=str)


def secret_of(user: dict[str, Any]) -> dict[str, str]:
    """The key of a user, as this version takes it."""
    if NEEDS_TEXT:
        return {"privateKey": user["privateKey"].removeprefix("0x")}
    return {"mnemonic": user["mnemonic"]}


def options_of(about: dict[str, Any], number: int) -> dict[str, Any]:
    """What a user gives the library, beside the URLs."""
    user = about["accounts"][number]
    return {
        "walletAddress": user["address"],
        "options": {"chainName": "localdydxprotocol", **secret_of(user)},
    }


def at(about: dict[str, Any], name: str, scheme: str = "http") -> str:
    return f"{scheme}://127.0.0.1:{about['ports'][name]}"


class User:
    """A user of the library, and the control of the venue."""

    def __init__(self, about: dict[str, Any], number: int) -> None:
        self.about, self.address = about, about["accounts"][number]["address"]
        self.exchange = ccxt.dydx(options_of(about, number))
        if NEEDS_TEXT:
            self.exchange.on_json_response = as_text
        self.exchange.urls["api"] = {
            "indexer": f"{at(about, 'indexer')}/v4",
            "nodeRpc": at(about, "rpc"),
            "nodeRest": at(about, "rest"),
        }
        self.exchange.load_markets()

    def blocks(self, count: int) -> None:
        body = json.dumps({"seconds": count, "stepSeconds": 1}).encode()
        url = f"{self.about['url']}/control/time/advance"
        urllib.request.urlopen(urllib.request.Request(url, body), timeout=300).read()

    def place(self, kind: str, side: str, size: float, price: float, **more: Any) -> Any:
        return self.exchange.create_order(SYMBOL, kind, side, size, price, more)

    def position(self) -> float:
        held = self.exchange.fetch_positions([SYMBOL])
        return sum(each["contracts"] * (1 if each["side"] == "long" else -1) for each in held)


def public(user: User, other: User) -> None:
    assert sorted(user.exchange.markets) == ["BTC/USDC:USDC", "ETH/USDC:USDC"]
    market = user.exchange.market(SYMBOL)
    assert (market["precision"]["price"], market["precision"]["amount"]) == (1.0, 0.0001)
    assert user.exchange.fetch_time() > 1_700_000_000  # the library leaves it in seconds
    assert user.exchange.fetch_order_book(SYMBOL)["bids"] == []


def orders(user: User, other: User) -> None:
    sold = other.place("limit", "sell", 0.2, PRICE, clientOrderId=11)
    user.blocks(1)
    (found,) = other.exchange.fetch_open_orders(SYMBOL)
    assert found["id"] == sold["id"]  # the library makes the id itself
    assert user.exchange.fetch_order_book(SYMBOL)["asks"] == [[PRICE, 0.2]]
    user.place("market", "buy", 0.05, PRICE * 1.01)
    assert user.position() == 0.05
    assert other.position() == -0.05
    balance = user.exchange.fetch_balance()
    assert float(balance["info"]["assetPositions"]["USDC"]["size"]) == 100_000 - 3_000 - 1.5
    (trade,) = user.exchange.fetch_trades(SYMBOL)
    assert (trade["price"], trade["amount"], trade["side"]) == (PRICE, 0.05, "buy")
    assert user.exchange.fetch_ohlcv(SYMBOL, "1m")[-1][1:] == [PRICE] * 4 + [0.05]
    other.exchange.cancel_order("x", SYMBOL, {"clientOrderId": 11})
    user.blocks(1)
    assert other.exchange.fetch_open_orders(SYMBOL) == []
    (closed,) = other.exchange.fetch_orders(SYMBOL)
    assert (closed["status"], closed["filled"]) == ("canceled", 0.05)


def money(user: User, other: User) -> None:
    own = user.address
    user.exchange.transfer("USDC", 5, own, own, {"fromSubaccountId": 0, "toSubaccountId": 3})
    numbers = [each["id"] for each in user.exchange.fetch_accounts()]
    assert numbers == ["0", "3"]
    (found,) = user.exchange.fetch_transfers("USDC", None, None, {"subaccountNumber": 3})
    assert (found["amount"], found["currency"]) == (5.0, "USDC")


def refused(user: User, other: User) -> None:
    why = ""
    try:
        user.exchange.cancel_order("x", SYMBOL, {"clientOrderId": 12345})
    except ccxt.BaseError as error:
        why = str(error)
    assert "Stateful order does not exist" in why


def streams(user: User, other: User) -> None:
    async def main() -> None:
        exchange = ccxt.pro.dydx(options_of(user.about, 0))
        exchange.urls["api"] = {
            **user.exchange.urls["api"], "ws": f"{at(user.about, 'socket', 'ws')}/v4/ws",
        }  # fmt: skip
        try:
            book = await exchange.watch_order_book(SYMBOL)
            assert book["bids"] == []
            other.place("limit", "buy", 0.3, 59_000, clientOrderId=21)
            waiting = asyncio.ensure_future(exchange.watch_order_book(SYMBOL))
            await asyncio.sleep(0)
            await asyncio.to_thread(user.blocks, 1)
            assert (await waiting)["bids"][0][:2] == [59_000, 0.3]
            await exchange.watch_trades(SYMBOL)  # those before
            waiting = asyncio.ensure_future(exchange.watch_trades(SYMBOL))
            await asyncio.to_thread(user.place, "market", "sell", 0.01, 58_000)
            assert (await waiting)[-1]["price"] == 59_000
        finally:
            await exchange.close()

    asyncio.run(main())


FLOWS: list[Callable[[User, User], None]] = [public, orders, money, refused, streams]


def main() -> None:
    with open(sys.argv[1]) as file:
        about = json.load(file)
    for number, flow in enumerate(FLOWS):
        why = ""
        try:
            flow(User(about, 2 * number), User(about, 2 * number + 1))
        except BaseException:
            why = traceback.format_exc()
        print(json.dumps({"flow": flow.__name__, "why": why}), flush=True)


if __name__ == "__main__":
    main()
