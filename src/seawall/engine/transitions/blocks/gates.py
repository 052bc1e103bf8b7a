"""Gates: withdrawals and transfers of a pool stop after one of its accounts was negative."""

from seawall.domain.codes import NO_REASON, TRANSFERS_GATED
from seawall.engine.compile import kernel
from seawall.engine.formulas.blocks.margin import own_pool_market
from seawall.engine.tables import State, block_market_at, block_rules, control
from seawall.engine.transitions.shared.outbox import emit


@kernel
def _close(s: State, market: int, account: int) -> None:
    height = block_rules(s).height + 1
    if market >= 0:
        block_market_at(s, market).gated_height = height
    else:
        block_rules(s).cross_gated_height = height
    emit(s, TRANSFERS_GATED, NO_REASON, account, market, 0, 0, 0, height)


@kernel
def close_gate(s: State, account: int) -> None:
    """Close the gate of an account's pool: the account has negative net collateral."""
    market = own_pool_market(s, account)
    seen = block_rules(s).cross_gated_height
    if market >= 0:
        seen = block_market_at(s, market).gated_height
    if seen != block_rules(s).height + 1:
        _close(s, market, account)


@kernel
def close_all_gates(s: State) -> None:
    """Close every pool's gate: no block was committed for too long."""
    _close(s, -1, -1)
    for market in range(control(s).markets_used):
        if block_market_at(s, market).own_pool != 0:
            _close(s, market, -1)
