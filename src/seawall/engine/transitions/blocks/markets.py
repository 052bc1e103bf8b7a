"""A market's status under block rules, and its final settlement."""

from seawall.domain.codes import (
    DELISTED,
    DELISTED_CANCELLED,
    FINAL_SETTLEMENT,
    INITIALIZING,
    INVALID_FLAGS,
    MARKET_HALTED,
    MARKET_STATUS_SET,
    NO_REASON,
    OPEN,
)
from seawall.engine.compile import kernel
from seawall.engine.tables import CommandRow, State, block_rules, control, market_at, position_at
from seawall.engine.transitions.shared.cancels import cancel_orders_of
from seawall.engine.transitions.shared.outbox import emit


@kernel
def _may_become(now: int, wanted: int) -> bool:
    """Whether a status may follow another.

    A market that starts may open or end, an open one may only end, an ended one may restart.
    """
    if now == wanted:
        return True
    if now == FINAL_SETTLEMENT:
        return wanted == INITIALIZING
    if wanted == INITIALIZING:
        return now != OPEN
    return True


@kernel
def set_block_market_status(s: State, command: CommandRow) -> int:
    """SET_MARKET_STATUS. Final settlement cancels every order; positions close with the blocks."""
    row = market_at(s, command.market)
    wanted = command.status
    if wanted < OPEN or wanted > FINAL_SETTLEMENT or wanted == DELISTED:
        return INVALID_FLAGS
    if row.status == DELISTED or not _may_become(row.status, wanted):
        return MARKET_HALTED
    row.status = wanted
    if wanted == FINAL_SETTLEMENT:
        for index in range(control(s).positions_used):
            if position_at(s, index).market == command.market:
                cancel_orders_of(s, index, DELISTED_CANCELLED)
        block_rules(s).must_look = 1
    event = emit(s, MARKET_STATUS_SET, NO_REASON, -1, command.market, 0, 0, 0, 0)
    event.flags = wanted
    return NO_REASON
