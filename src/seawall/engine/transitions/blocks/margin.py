"""Margin settings under block rules: an account's own initial margin fraction of a market."""

from seawall.domain.codes import (
    COMMAND_NOT_OFFERED,
    CROSS,
    INITIAL_FRACTION_SET,
    INVALID_INITIAL_FRACTION,
    INVALID_LEVERAGE,
    LEVERAGE_SET,
    LEVERAGE_UNDERCOLLATERALIZED,
    NO_REASON,
    POSITION_TABLE_FULL,
)
from seawall.domain.units import PPM
from seawall.engine.compile import kernel
from seawall.engine.formulas.blocks.margin import net_and_own_initial
from seawall.engine.formulas.blocks.scaling import divide_ceil
from seawall.engine.formulas.blocks.standing import covers_initial
from seawall.engine.formulas.shared.positions import find_position, has_position_room
from seawall.engine.tables import (
    CommandRow,
    State,
    block_market_at,
    block_position_at,
    position_at,
)
from seawall.engine.transitions.shared.outbox import emit
from seawall.engine.transitions.shared.positions import position_of


@kernel
def _own_fraction_rejection(s: State, command: CommandRow, ppm: int) -> int:
    """Why an account's own fraction is refused: it may only raise margin, and must be covered now.

    Only the fraction of this command counts in that check, not those set earlier.
    """
    if ppm <= 0 or ppm > PPM or ppm < block_market_at(s, command.market).initial_ppm:
        return INVALID_INITIAL_FRACTION
    index = find_position(s, command.account, command.market)
    if index < 0 and not has_position_room(s):
        return POSITION_TABLE_FULL
    net, initial = net_and_own_initial(s, command.account, command.market, ppm)
    return NO_REASON if covers_initial(net, initial) else LEVERAGE_UNDERCOLLATERALIZED


@kernel
def initial_fraction_rejection(s: State, command: CommandRow) -> int:
    """Why SET_INITIAL_FRACTION would be refused; nothing is written."""
    return _own_fraction_rejection(s, command, command.leverage)


@kernel
def set_initial_fraction(s: State, command: CommandRow) -> int:
    """SET_INITIAL_FRACTION: ``leverage`` carries ppm; raises initial margin only."""
    reason = initial_fraction_rejection(s, command)
    if reason != NO_REASON:
        return reason
    index = position_of(s, command.account, command.market)
    block_position_at(s, index).initial_ppm = command.leverage
    emit(
        s, INITIAL_FRACTION_SET, NO_REASON, command.account, command.market, 0, 0,
        command.leverage, 0,
    )  # fmt: skip
    return NO_REASON


@kernel
def set_block_leverage(s: State, command: CommandRow) -> int:
    """SET_LEVERAGE: a whole multiple stands for the fraction 1 / leverage, rounded up."""
    if command.mode != CROSS:
        return COMMAND_NOT_OFFERED
    if command.leverage < 1:
        return INVALID_LEVERAGE
    ppm = divide_ceil(PPM, command.leverage)
    reason = _own_fraction_rejection(s, command, ppm)
    if reason == INVALID_INITIAL_FRACTION:
        return INVALID_LEVERAGE
    if reason != NO_REASON:
        return reason
    index = position_of(s, command.account, command.market)
    block_position_at(s, index).initial_ppm = ppm
    position_at(s, index).leverage = min(command.leverage, 1000)
    event = emit(
        s, LEVERAGE_SET, NO_REASON, command.account, command.market, 0, 0, command.leverage, 0
    )
    event.flags = CROSS
    return NO_REASON
