"""The event of a fill."""

from seawall.domain.codes import BUYER, NO_REASON
from seawall.engine.compile import inline
from seawall.engine.tables import State, position_at
from seawall.engine.transitions.shared.outbox import emit


@inline
def fill_event(
    s: State,
    kind: int,
    index: int,
    order_id: int,
    price: int,
    delta: int,
    money: int,
    profit: int,
    before: int,
    other: int,
    flags: int,
) -> None:
    """Append the event of one side of a fill.

    ``delta``: signed size; ``money``: the fee; ``before``: the signed size before the fill.
    """
    position = position_at(s, index)
    event = emit(
        s, kind, NO_REASON, position.account, position.market, order_id, price, abs(delta), money
    )
    event.closed_profit = profit
    event.position_size = before
    event.counterparty = other
    event.flags = flags | (BUYER if delta > 0 else 0)
