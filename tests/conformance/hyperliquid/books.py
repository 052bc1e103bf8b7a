"""A client's own books: cash, fees, funding and positions from what the venue told, in Decimal.

They know the messages of ``userFills``, ``userFundings`` and ``userNonFundingLedgerUpdates`` and
nothing else. An account without spot money has on its perp side, to the last unit,

    totalRawUsd = deposits - withdrawals + closedPnl - fees + funding - cost of open positions
"""

from collections import defaultdict
from decimal import Decimal
from typing import Any

ZERO = Decimal(0)


class Books:
    """Of one address. ``take`` what a subscription delivered, then ``differences``."""

    def __init__(self, address: str) -> None:
        self.address = address.lower()
        self.moved = self.profit = self.fees = self.funding = ZERO
        self.sizes: defaultdict[str, Decimal] = defaultdict(Decimal)
        self.costs: defaultdict[str, Decimal] = defaultdict(Decimal)
        self.paid: defaultdict[str, Decimal] = defaultdict(Decimal)
        """Funding of each coin."""
        self.trades: set[tuple[int, str]] = set()
        self.methods: defaultdict[str, int] = defaultdict(int)
        """Fills by what forced them."""
        self.faults: list[str] = []

    def take(self, channel: str, data: dict[str, Any]) -> None:
        """One message; of a snapshot too, whose fills come newest first."""
        fills = data.get("fills", [])
        for fill in fills[::-1] if data.get("isSnapshot") else fills:
            self.fill(fill)
        for paid in data.get("fundings", []):
            self.funding += Decimal(paid["usdc"])
            self.paid[paid["coin"]] += Decimal(paid["usdc"])
        for entry in data.get("nonFundingLedgerUpdates", []):
            self.moved += self.transferred(entry["delta"])

    def fill(self, fill: dict[str, Any]) -> None:
        coin, size, price = fill["coin"], Decimal(fill["sz"]), Decimal(fill["px"])
        if (fill["tid"], fill["side"]) in self.trades:
            self.faults.append(f"told twice: {fill}")
        self.trades.add((fill["tid"], fill["side"]))
        before = self.sizes[coin]
        if Decimal(fill["startPosition"]) != before:
            self.faults.append(f"{before} {coin} before {fill}")
        sign = 1 if fill["side"] == "B" else -1
        closing = min(abs(before), size) if before * sign < 0 else ZERO
        profit = Decimal(fill["closedPnl"])
        if fill.get("liquidation"):
            self.methods[forced_by(fill)] += 1
        self.profit += profit
        self.fees += Decimal(fill["fee"])
        self.sizes[coin] += sign * size
        if closing == abs(before):
            self.costs[coin] = ZERO
        else:
            self.costs[coin] -= -sign * closing * price - profit
        self.costs[coin] += sign * (size - closing) * price

    def transferred(self, delta: dict[str, Any]) -> Decimal:
        """What one entry of the ledger brought the perp side."""
        kind = delta["type"]
        if kind == "liquidation":
            return ZERO
        amount = Decimal(delta.get("usdc", delta.get("amount", "0")))
        if kind == "deposit":
            return amount
        if kind == "withdraw":
            return -amount - Decimal(delta["fee"])
        if kind == "accountClassTransfer":
            return amount if delta["toPerp"] else -amount
        if kind in ("internalTransfer", "subAccountTransfer"):
            return amount if delta["destination"] == self.address else -amount
        self.faults.append(f"an entry that these books do not know: {delta}")
        return ZERO

    @property
    def balance(self) -> Decimal:
        """The account's value without what open positions have gained or lost."""
        return self.moved + self.profit - self.fees + self.funding

    @property
    def cash(self) -> Decimal:
        """What ``totalRawUsd`` must be."""
        return self.balance - sum(self.costs.values())

    def differences(self, state: dict[str, Any]) -> list[str]:
        """What ``clearinghouseState`` says otherwise, and faults so far."""
        found = list(self.faults)
        told = Decimal(state["marginSummary"]["totalRawUsd"])
        if told != self.cash:
            found.append(f"cash {self.cash}, the venue has {told}")
        theirs = {each["position"]["coin"]: each["position"] for each in state["assetPositions"]}
        own = {coin: size for coin, size in self.sizes.items() if size}
        sizes = {coin: Decimal(each["szi"]) for coin, each in theirs.items()}
        if own != sizes:
            found.append(f"positions {own}, the venue has {sizes}")
        for coin, each in theirs.items():
            paid = -Decimal(each["cumFunding"]["allTime"])
            if paid != self.paid[coin]:
                found.append(f"funding of {coin} {self.paid[coin]}, the venue has {paid}")
        profit = sum(map(Decimal, (each["unrealizedPnl"] for each in theirs.values())))
        value = self.balance + profit
        told = Decimal(state["marginSummary"]["accountValue"])
        if told != value:
            found.append(f"account value {value}, the venue has {told}")
        return found


def forced_by(fill: dict[str, Any]) -> str:
    """``market``, ``backstop`` or ``deleveraging``, with the side that the account was on."""
    method: str = fill["liquidation"]["method"]
    if fill["dir"] == "Auto-Deleveraging":
        return "deleveraged"
    return method if fill["dir"].startswith("Liquidated") else f"against {method}"


def books_of(info: Any, address: str) -> Books:
    """The books of everything so far, from the venue's lists."""
    books = Books(address)
    ledger = info.user_non_funding_ledger_updates(address, 0)
    books.take("userNonFundingLedgerUpdates", {"nonFundingLedgerUpdates": ledger})
    books.take("userFills", {"fills": info.user_fills(address), "isSnapshot": True})
    paid = [entry["delta"] for entry in info.user_funding_history(address, 0)]
    books.take("userFundings", {"fundings": paid})
    return books
