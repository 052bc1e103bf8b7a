"""An order that rests far from the market and is cancelled, for measuring how long that takes.

What is signed here is signed for the test network: the main network takes it for the signature of
another address, so that no order of this module can reach it.
"""

import time
from decimal import ROUND_DOWN, ROUND_UP, Decimal
from typing import Any

from seawall.domain.units import MONEY_DECIMALS
from seawall.venues.hyperliquid.gateway.key import SigningKey
from seawall.venues.hyperliquid.wire.signing import TEST_SOURCE
from seawall.venues.kept_connection import KeptConnection
from seawall.venues.raw_json import VenueDataError
from seawall.venues.venue import RestingOrder

PRICE_SHARE = Decimal("0.5")
"""Of the mark: far below, so that nothing trades with it."""
VALUE = Decimal(12)
"""USD; the venue takes no less than 10."""
FIGURES = 5
_MILLION = 1_000_000


class DistantOrder(RestingOrder):
    """A post-only order to buy, at half of the mark price."""

    def __init__(self, connection: KeptConnection, key: str, market: str) -> None:
        """``key``: hexadecimal. Raises VenueDataError for a market that is none, InputError for a
        key that is none."""
        self._connection, self._market = connection, market
        self._key = SigningKey(key)
        self._nonce = 0
        answer = self._connection.post("/info", {"type": "metaAndAssetCtxs"})
        try:
            names = [each["name"] for each in answer[0]["universe"]]
            self._asset = names.index(market)
            decimals = answer[0]["universe"][self._asset]["szDecimals"]
            mark = Decimal(answer[1][self._asset]["markPx"])
        except (LookupError, TypeError, ValueError, ArithmeticError):
            raise VenueDataError(f"{connection.base}: {market} is none of its markets") from None
        price = mark * PRICE_SHARE
        tick = Decimal(10) ** max(price.adjusted() - FIGURES + 1, decimals - MONEY_DECIMALS)
        price = price.quantize(tick, ROUND_DOWN)
        self._price = _text(price)
        self._size = _text((VALUE / price).quantize(Decimal(10) ** -decimals, ROUND_UP))
        self._order_id: int | None = None

    def ask(self) -> None:
        """Ask for the book, which needs no signature."""
        self._connection.post("/info", {"type": "l2Book", "coin": self._market})

    def place(self) -> None:
        """Send the order. Raises VenueDataError where it does not rest."""
        order = {
            "a": self._asset, "b": True, "p": self._price, "s": self._size, "r": False,
            "t": {"limit": {"tif": "Alo"}},
        }  # fmt: skip
        status = self._act({"type": "order", "orders": [order], "grouping": "na"})
        if not isinstance(status, dict) or "resting" not in status:
            raise VenueDataError(f"{self._connection.base}: the order does not rest: {status}")
        self._order_id = int(status["resting"]["oid"])

    def cancel(self) -> None:
        """Cancel it. Raises VenueDataError where that fails."""
        cancel = {"a": self._asset, "o": self._order_id}
        status = self._act({"type": "cancel", "cancels": [cancel]})
        if status != "success":
            raise VenueDataError(f"{self._connection.base}: the order is not cancelled: {status}")
        self._order_id = None

    def close(self) -> None:
        """Cancel what still rests and end the connection."""
        try:
            if self._order_id is not None:
                self.cancel()
        finally:
            self._connection.close()

    def _act(self, action: dict[str, Any]) -> Any:
        """The status of the one thing that an action asks for."""
        self._nonce = max(self._nonce + 1, time.time_ns() // _MILLION)
        signature = self._key.sign(action, self._nonce, None, TEST_SOURCE)
        body = {
            "action": action, "nonce": self._nonce, "signature": signature, "vaultAddress": None,
        }  # fmt: skip
        answer = self._connection.post("/exchange", body)
        try:
            return answer["response"]["data"]["statuses"][0]
        except (LookupError, TypeError):
            raise VenueDataError(
                f"{self._connection.base}: the action is refused: {answer}"
            ) from None


def _text(value: Decimal) -> str:
    """Plain decimal text without zeros at its end, as clients sign it."""
    return f"{value.normalize():f}"
