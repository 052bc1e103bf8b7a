"""Builder fees as the directory remembers them: which orders owe one, and what was paid."""

from typing import Any

from msgspec import Struct

KEPT_FEES = 10_000
"""Of each account, the newest."""


class BuilderOrder(Struct, frozen=True):
    """An open order with a fee for its builder, ``tenths`` of a basis point of every fill.

    ``settled``: the id of the latest trade whose fee was decided; all later ones, none before
    ``since_ms``, are still owed.
    """

    order_id: int
    account: int
    builder: str
    tenths: int
    since_ms: int
    settled: int = 0


class FeesPaid(Struct):
    """What one account paid, micro-USD. ``moves``: the transfers behind it, as (recipient's row,
    amount) by their time."""

    by_trade: dict[int, int] = {}
    moves: dict[int, list[tuple[int, int]]] = {}


class BuilderFees(Struct):
    """Orders by id, and payments by the payer's account row."""

    orders: dict[int, BuilderOrder] = {}
    paid: dict[int, FeesPaid] = {}

    def of_trade(self, account: int, trade_id: int) -> int:
        """What the account paid a builder for its side of a trade, micro-USD."""
        paid = self.paid.get(account)
        return paid.by_trade.get(trade_id, 0) if paid else 0

    def is_fee(self, account: int, time_ms: int, recipient: int, amount: int) -> bool:
        """Whether a transfer of the account was the payment of fees."""
        paid = self.paid.get(account)
        return paid is not None and (recipient, amount) in paid.moves.get(time_ms, ())

    def take(self, body: dict[str, Any], time_ms: int) -> None:
        """A settlement: what is still open, what has ended, what was paid for which trade."""
        account = body["account"]
        for order_id in body["ended"]:
            self.orders.pop(order_id, None)
        for order_id in body["open"]:
            self.orders[order_id] = BuilderOrder(
                order_id, account, body["builder"], body["tenths"], time_ms, body["settled"]
            )
        if not body["paid"]:
            return
        kept = self.paid.setdefault(account, FeesPaid())
        kept.by_trade.update(body["paid"])
        move = (body["recipient"], sum(amount for _, amount in body["paid"]))
        kept.moves.setdefault(time_ms, []).append(move)
        for rows in (kept.by_trade, kept.moves):
            while len(rows) > KEPT_FEES:
                del rows[next(iter(rows))]

    def undo(self, body: dict[str, Any], time_ms: int) -> None:
        """The machine did not move what the settlement of this time said was paid."""
        kept = self.paid.get(body["account"])
        if kept is None:
            return
        for trade, _ in body["paid"]:
            kept.by_trade.pop(trade, None)
        kept.moves.pop(body["settled_ms"], None)
