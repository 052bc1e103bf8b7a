"""The margins of one account under block rules, in the rows of ``account_view``."""

from typing import TYPE_CHECKING, Any

import numpy as np

from seawall.domain.commands import Command
from seawall.domain.enums import Reason
from seawall.domain.events import CROSS_POOL
from seawall.domain.system_accounts import FIRST_USER
from seawall.engine.codec import encode_command
from seawall.engine.compile import entry, kernel
from seawall.engine.formulas.blocks.margin import (
    account_standing,
    position_initial,
    position_maintenance,
)
from seawall.engine.formulas.blocks.standing import is_under_maintenance
from seawall.engine.margin_rows import margins_at
from seawall.engine.rows import handle_of, make_batch_accessor
from seawall.engine.tables import (
    Batch,
    State,
    account_at,
    block_position_at,
    candidate_dtype,
    command_dtype,
    market_at,
    position_at,
)

if TYPE_CHECKING:
    from seawall.engine.engine import Engine

_found_at = make_batch_accessor(candidate_dtype)


@kernel
def _write_position(s: State, index: int, row: Any) -> None:
    position = position_at(s, index)
    market, size = position.market, position.signed_size
    open_interest = market_at(s, market).open_interest
    own_ppm = block_position_at(s, index).initial_ppm
    row.market = market
    row.equity = 0
    row.initial_margin = position_initial(s, market, size, open_interest, own_ppm)
    row.maintenance_margin = position_maintenance(s, market, size)
    row.transfer_floor = 0
    row.free = 0


@entry(4)
def read_block_margins(s: State, account: int, found: Batch, capacity: int) -> int:
    """Write the account's row, then one row for each open position. Returns how many rows it takes.

    ``free``: net collateral above the initial requirement. Rows beyond ``capacity`` are counted
    and not written.
    """
    if capacity > 0:
        row = margins_at(found, 0)
        net, initial, maintenance = account_standing(s, account, -1)
        row.market = CROSS_POOL
        row.equity = net
        row.initial_margin = initial
        row.maintenance_margin = maintenance
        row.transfer_floor = 0
        row.free = max(0, net - initial)
    used = 1
    index = account_at(s, account).first_position
    while index >= 0:
        if position_at(s, index).signed_size != 0:
            if used < capacity:
                _write_position(s, index, margins_at(found, used))
            used += 1
        index = position_at(s, index).next_of_account
    return used


@entry(5)
def sweep_block_range(s: State, start: int, stop: int, found: Batch, capacity: int) -> int:
    """Write the accounts of [start, stop) that are under maintenance into ``found``.

    ``severity``: net collateral. Returns next account x 2^32 + written.
    """
    used = 0
    account = max(start, FIRST_USER)
    while account < stop and used < capacity:
        net, _, maintenance = account_standing(s, account, -1)
        if is_under_maintenance(net, maintenance):
            row = _found_at(found, used)
            row.severity = net
            row.account = account
            row.position = -1
            used += 1
        account += 1
    return (account << 32) | used


def state_rejection(engine: "Engine", command: Command) -> Reason:
    """Why a transfer, or a command on orders of the state, would be refused now.

    It places, cancels by client id, or sets an initial fraction; nothing is written. NO_REASON: it
    would take effect. Raises CodecError for a malformed command.
    """
    from seawall.engine.transitions.blocks.apply import block_rejection

    row = np.zeros(1, command_dtype)
    encode_command(command, memoryview(row.view(np.uint8)))  # type: ignore[arg-type]
    return Reason(int(block_rejection(engine.state, handle_of(row))))
