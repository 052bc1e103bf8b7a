"""Totals of the funding that a position has paid."""

from seawall.engine.compile import kernel
from seawall.engine.tables import OPENED, State, position_at, position_history_at


@kernel
def count_funding(s: State, index: int, payment: int) -> None:
    """Count a payment into a position's totals of what it has paid; receiving lowers them."""
    position = position_at(s, index)
    history = position_history_at(s, index)
    if position.changes & OPENED != 0:
        history.funding_since_open = 0
    if position.changes != 0:
        history.funding_since_change = 0
        position.changes = 0
    history.funding_all_time -= payment
    history.funding_since_open -= payment
    history.funding_since_change -= payment
