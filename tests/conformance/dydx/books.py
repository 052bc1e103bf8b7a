"""A client's own books of one subaccount: USDC and positions, from what the indexer told.

They know fills, transfers and funding payments as the indexer shows them and nothing else. To the
last quantum,

    USDC = transfers in - transfers out + sold - bought - fees - funding paid

with the value of a fill rounded down to a quantum. Funding of several markets at once is rounded
once by the chain and once a market here, so an account of these books has one market.
"""

from collections import defaultdict
from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from typing import Any

QUANTUM = Decimal("0.000001")
WITHOUT_TICKS = ("DELEVERAGED", "OFFSETTING")
"""Fills that have a total; their price is printed from it."""


class Books:
    """Of one subaccount. Everything may be told twice: by the socket and by a list."""

    def __init__(self, address: str, number: int = 0) -> None:
        self.address, self.number = address, number
        self.fills: dict[str, dict[str, Any]] = {}
        self.transfers: dict[str, dict[str, Any]] = {}
        self.payments: dict[tuple[str, str], dict[str, Any]] = {}
        self.faults: list[str] = []

    def fill(self, told: dict[str, Any]) -> None:
        """A fill; told again it must be the same."""
        facts = {name: told[name] for name in ("side", "price", "size", "fee", "type", "market")}
        known = self.fills.setdefault(told["id"], facts)
        if known != facts:
            self.faults.append(f"fill {told['id']} was {known}, is {facts}")

    def transfer(self, told: dict[str, Any]) -> None:
        facts = {name: told[name] for name in ("sender", "recipient", "size", "type")}
        known = self.transfers.setdefault(told["id"], facts)
        if known != facts:
            self.faults.append(f"transfer {told['id']} was {known}, is {facts}")

    def payment(self, told: dict[str, Any]) -> None:
        self.payments[told["createdAt"], told["ticker"]] = told

    # The client's socket tells in a thread of its own, also while the books are read.

    @property
    def sizes(self) -> dict[str, Decimal]:
        """Signed, by market; positions that are closed are left out."""
        found: defaultdict[str, Decimal] = defaultdict(Decimal)
        for fill in list(self.fills.values()):
            found[fill["market"]] += Decimal(fill["size"]) * (1 if fill["side"] == "BUY" else -1)
        return {market: size for market, size in found.items() if size}

    @property
    def cash(self) -> Decimal:
        total = Decimal(0)
        for fill in list(self.fills.values()):
            rounding = ROUND_HALF_EVEN if fill["type"] in WITHOUT_TICKS else ROUND_FLOOR
            value = (Decimal(fill["price"]) * Decimal(fill["size"])).quantize(QUANTUM, rounding)
            total += (value if fill["side"] == "SELL" else -value) - Decimal(fill["fee"])
        own = {"address": self.address, "subaccountNumber": self.number}
        for transfer in list(self.transfers.values()):
            size = Decimal(transfer["size"])
            total += size if transfer["recipient"] == own else -size
        return total + sum(Decimal(each["payment"]) for each in list(self.payments.values()))

    def differences(self, subaccount: dict[str, Any]) -> list[str]:
        """What the indexer's subaccount says otherwise, and faults so far."""
        found = list(self.faults)
        asset = subaccount["assetPositions"].get("USDC")
        theirs = Decimal(0)
        if asset is not None:
            theirs = Decimal(asset["size"]) * (1 if asset["side"] == "LONG" else -1)
        if theirs != self.cash:
            found.append(f"USDC {self.cash}, the venue has {theirs}")
        positions = subaccount["openPerpetualPositions"]
        sizes = {ticker: Decimal(each["size"]) for ticker, each in positions.items()}
        if sizes != self.sizes:
            found.append(f"positions {self.sizes}, the venue has {sizes}")
        return found
