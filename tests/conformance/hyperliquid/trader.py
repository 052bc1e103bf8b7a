"""A trader with the venue's official Python client, and a market maker made of one."""

from collections.abc import Sequence
from decimal import ROUND_DOWN, Decimal
from typing import Any

import eth_account
from hyperliquid.exchange import Exchange
from hyperliquid.info import Info

GTC = {"limit": {"tif": "Gtc"}}
IOC = {"limit": {"tif": "Ioc"}}
ALO = {"limit": {"tif": "Alo"}}
TAKER = Decimal("0.00045")
MAKER = Decimal("0.00015")
TIMEOUT = 120.0


def truncated(value: Decimal, places: int = 6) -> Decimal:
    """Toward zero at ``places`` decimals, as the venue books money."""
    return value.quantize(Decimal(1).scaleb(-places), ROUND_DOWN)


def fee(price: str, size: str, rate: Decimal = TAKER) -> Decimal:
    """What one fill is charged, in USD."""
    return truncated(Decimal(price) * Decimal(size) * rate)


def done(result: Any) -> Any:
    """The payload of an action that was accepted."""
    assert isinstance(result, dict), result
    assert result.get("status") == "ok", result
    return result["response"]


def statuses(result: Any) -> list[Any]:
    """The statuses of an order, cancel or modify action."""
    found: list[Any] = done(result)["data"]["statuses"]
    return found


def only(result: Any) -> Any:
    """The one status of an action with one order."""
    found = statuses(result)
    assert len(found) == 1, found
    return found[0]


def resting(result: Any) -> int:
    """The id of the one order that now rests."""
    status = only(result)
    assert "resting" in status, status
    return int(status["resting"]["oid"])


def filled(result: Any) -> dict[str, Any]:
    """The ``filled`` part of the one status."""
    status = only(result)
    assert "filled" in status, status
    part: dict[str, Any] = status["filled"]
    return part


def error(result: Any) -> str:
    """The text with which the one order of an action was refused, or the whole action."""
    if result["status"] == "err":
        return str(result["response"])
    status = only(result)
    assert isinstance(status, dict), status
    assert "error" in status, status
    return str(status["error"])


def dex_of(coin: str) -> str:
    """The dex of a coin; empty for the venue's own."""
    return coin.partition(":")[0] if ":" in coin else ""


class Trader:
    """One wallet. ``vault``: trade as this sub-account; ``account``: sign as an agent of it.

    ``dexes``: those it trades on.
    """

    def __init__(
        self,
        url: str,
        key: str,
        account: str | None = None,
        vault: str | None = None,
        dexes: Sequence[str] = ("",),
    ) -> None:
        self.url = url
        self.key = key
        self.wallet = eth_account.Account.from_key(key)
        self.address: str = vault or account or self.wallet.address
        self.dexes = list(dexes)
        self.exchange = Exchange(
            self.wallet,
            url,
            account_address=account,
            vault_address=vault,
            perp_dexs=self.dexes if len(dexes) > 1 else None,
            timeout=TIMEOUT,
        )
        self.info: Info = self.exchange.info

    def state(self, dex: str = "") -> dict[str, Any]:
        found: dict[str, Any] = self.info.user_state(self.address, dex)
        return found

    def position(self, coin: str) -> dict[str, Any] | None:
        """The position of a coin, or None where there is none."""
        for entry in self.state(dex_of(coin))["assetPositions"]:
            if entry["position"]["coin"] == coin:
                position: dict[str, Any] = entry["position"]
                return position
        return None

    def held(self, coin: str) -> dict[str, Any]:
        """The position of a coin that must be there."""
        position = self.position(coin)
        assert position is not None, f"no position in {coin}"
        return position

    def value(self) -> Decimal:
        return Decimal(self.state()["marginSummary"]["accountValue"])

    def withdrawable(self) -> Decimal:
        return Decimal(self.state()["withdrawable"])

    def open_orders(self) -> list[dict[str, Any]]:
        return [order for dex in self.dexes for order in self.info.open_orders(self.address, dex)]

    def fills(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.info.user_fills(self.address)
        return found

    def order_status(self, oid: int) -> str:
        """The latest status of an order, such as ``open`` or ``canceled``."""
        found = self.info.query_order_by_oid(self.address, oid)
        assert found["status"] == "order", found
        return str(found["order"]["status"])

    def mid(self, coin: str) -> float:
        return float(self.info.all_mids(dex_of(coin))[coin])

    def cancel_everything(self) -> None:
        for dex in self.dexes:
            orders = self.info.frontend_open_orders(self.address, dex)
            if orders:
                self.exchange.bulk_cancel([{"coin": o["coin"], "oid": o["oid"]} for o in orders])

    def go_flat(self) -> None:
        """Cancel all orders and close all positions at whatever the book offers."""
        self.cancel_everything()
        for dex in self.dexes:
            for entry in self.state(dex)["assetPositions"]:
                self.exchange.market_close(entry["position"]["coin"], slippage=0.2)


def valid_price(price: float, size_decimals: int) -> float:
    """Five significant figures and no more decimals than a perpetual's price may have."""
    return round(float(f"{price:.5g}"), 6 - size_decimals)


class Maker(Trader):
    """Quotes both sides of a coin, so that others have somebody to trade with."""

    def quote(
        self, coin: str, mid: float, notional: float = 2_000_000.0, spread: float = 0.0004
    ) -> None:
        """Replace all quotes of a coin: three levels a side, ``notional`` USD on each."""
        self.clear(coin)
        decimals = self.info.asset_to_sz_decimals[self.info.coin_to_asset[coin]]
        orders = []
        for level in (1, 2, 3):
            for is_buy in (True, False):
                away = spread / 2 * level * (-1 if is_buy else 1)
                orders.append(
                    {
                        "coin": coin,
                        "is_buy": is_buy,
                        "sz": round(notional / mid, decimals),
                        "limit_px": valid_price(mid * (1 + away), decimals),
                        "order_type": ALO,
                        "reduce_only": False,
                    }
                )
        for status in statuses(self.exchange.bulk_orders(orders)):
            assert "resting" in status, status

    def clear(self, coin: str) -> None:
        """Cancel all quotes of a coin."""
        mine = [order for order in self.open_orders() if order["coin"] == coin]
        if mine:
            self.exchange.bulk_cancel([{"coin": coin, "oid": order["oid"]} for order in mine])
