"""Markets of real venues through ccxt, by their public endpoints, without a key.

ccxt is not needed by anything else and is not installed with Seawall. Sizes are turned from
contracts into coins; contracts that are settled in the coin itself are refused.
"""

import re
from importlib import import_module
from typing import Any

import numpy as np

from seawall.lab.vet.live import LiveBook, plain_error
from seawall.lab.vet.tape import Charges, TradeRow, VetError
from seawall.venues.raw_json import VenueDataError

TIMEOUT_MS = 20_000
FUNDING_EVERY = 30
"""Looks between two questions about funding, which moves slowly."""
_INTERVAL = re.compile(r"(\d+)h")
_SIDES = {"buy": 1, "sell": -1}


class CcxtFeed:
    """One market of one exchange."""

    def __init__(self, exchange_id: str, symbol: str, base: str | None, charges: Charges) -> None:
        """``base``: asked instead of the exchange's own address. ``charges``: where the exchange
        gives no fees. Raises VetError."""
        self._exchange = _exchange(exchange_id, base)
        self._symbol = symbol
        try:
            self._exchange.load_markets()
        except Exception as error:
            raise VetError(f"--ccxt: {exchange_id}: {plain_error(error)}") from None
        market = self._exchange.markets.get(symbol)
        if market is None:
            some = ", ".join(sorted(self._exchange.markets)[:5])
            raise VetError(f"--market: {symbol!r} is none of {exchange_id}; such as {some}")
        if market.get("inverse"):
            raise VetError(f"--market: {symbol}: is settled in the coin; give one settled in USD")
        self._contract = float(market.get("contractSize") or 1.0)
        self.source = f"{symbol} of {exchange_id} through ccxt"
        self.charges = charges
        if market.get("taker") is not None and market.get("maker") is not None:
            given = f"as ccxt gives them for {exchange_id}, without discounts"
            self.charges = Charges(float(market["taker"]), float(market["maker"]), given)
        self._seen: set[Any] = set()
        self._has_trades = bool(self._exchange.has.get("fetchTrades"))
        self._looks = 0
        self._funding: float | None = None

    def book(self) -> LiveBook:
        """Raises VenueDataError."""
        found = self._asked("fetch_order_book", self._symbol)
        sides = []
        for name in ("bids", "asks"):
            levels = np.asarray([row[:2] for row in found[name]], np.float64).reshape(-1, 2)
            sides.append(levels * (1.0, self._contract))
        return LiveBook(found.get("timestamp"), sides[0], sides[1])

    def trades(self) -> list[TradeRow] | None:
        """What is missed in one call comes with the next; None if not even the first succeeds."""
        if not self._has_trades:
            return None
        try:
            found = self._asked("fetch_trades", self._symbol)
        except VenueDataError:
            self._has_trades = bool(self._seen)
            return [] if self._seen else None
        made = []
        for each in found:
            key = each.get("id") or (each["timestamp"], each["price"], each["amount"])
            if key in self._seen or each.get("side") not in _SIDES:
                continue
            self._seen.add(key)
            size = float(each["amount"]) * self._contract
            made.append((int(each["timestamp"]), float(each["price"]), size, _SIDES[each["side"]]))
        return made

    def funding(self) -> float | None:
        """The last known rate; None where the exchange does not tell rate and interval."""
        self._looks += 1
        if self._exchange.has.get("fetchFundingRate") and self._looks % FUNDING_EVERY == 1:
            try:
                found = self._asked("fetch_funding_rate", self._symbol)
            except VenueDataError:
                return self._funding
            interval = _INTERVAL.fullmatch(str(found.get("interval")))
            rate = found.get("fundingRate")
            if interval and rate is not None:
                self._funding = float(rate) / int(interval[1])
        return self._funding

    def close(self) -> None:
        close = getattr(self._exchange, "close", None)
        if close is not None:
            close()

    def _asked(self, method: str, *arguments: Any) -> Any:
        try:
            return getattr(self._exchange, method)(*arguments)
        except Exception as error:
            raise VenueDataError(f"{self.source}: {plain_error(error)}") from None


def _exchange(exchange_id: str, base: str | None) -> Any:
    try:
        ccxt: Any = import_module("ccxt")
    except ImportError:
        raise VetError(
            "--ccxt: ccxt is not installed in this environment; pip install ccxt brings it"
        ) from None
    if exchange_id not in ccxt.exchanges:
        raise VetError(
            f"--ccxt: {exchange_id!r} is no exchange of ccxt, such as binance, bybit or okx"
        )
    exchange = getattr(ccxt, exchange_id)({"enableRateLimit": base is None, "timeout": TIMEOUT_MS})
    if base is not None:
        _redirect(exchange, base.rstrip("/"))
    return exchange


def _redirect(exchange: Any, base: str) -> None:
    """Ask another address. Raises VetError for an exchange whose addresses are not that simple."""
    api = exchange.urls.get("api")
    if isinstance(api, str):
        exchange.urls["api"] = base
        return
    if not isinstance(api, dict) or not {"public", "private"} <= set(api):
        raise VetError("--at: this exchange of ccxt has no single address that can be replaced")
    for name, value in api.items():
        if isinstance(value, str):
            api[name] = base
