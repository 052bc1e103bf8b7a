"""Liquidation by stages: the book, the backstop, the insurance fund, deleveraging.

Each stage re-computes the bucket's risk and stops when it is healthy again. A bucket is named by
its account and, for an isolated one, the position row (``index`` >= 0); ``pool_index`` of a group
is its cross pool.
"""

from seawall.domain.codes import (
    BACKSTOP,
    BOOK,
    BUY,
    DELEVERAGE,
    INSURANCE,
    LIQUIDATED_CANCELLED,
    LIQUIDATION,
    LIQUIDATION_ENDED,
    LIQUIDATION_STARTED,
    NO_REASON,
    REDUCE_ONLY,
    SELL,
)
from seawall.domain.system_accounts import BACKSTOP_ACCOUNT
from seawall.engine.compile import inline, kernel
from seawall.engine.formulas.continuous.liquidation import (
    bucket_risk,
    is_below_backstop,
    is_liquidatable,
    liquidation_size,
)
from seawall.engine.formulas.continuous.margin import position_notional
from seawall.engine.tables import (
    State,
    account_at,
    account_history_at,
    candidate_at,
    control,
    market_at,
    position_at,
    position_history_at,
    rules,
)
from seawall.engine.transitions.continuous.backstop import (
    bear_empty_pool,
    bucket_group,
    in_bucket,
    move_bucket_to_backstop,
    pay_from_insurance,
)
from seawall.engine.transitions.continuous.deleveraging import deleverage_position
from seawall.engine.transitions.continuous.fills import liquidation_order_ended
from seawall.engine.transitions.continuous.matching import match
from seawall.engine.transitions.continuous.watch import drop_worst, find_candidates
from seawall.engine.transitions.shared.cancels import cancel_orders_of
from seawall.engine.transitions.shared.orders import forced_order_id
from seawall.engine.transitions.shared.outbox import emit
from seawall.engine.transitions.shared.positions import mark_dirty


@kernel
def largest_position(s: State, account: int, index: int, attempt: int) -> int:
    """The bucket's largest position not yet tried in this ``attempt``, or -1."""
    best = -1
    best_notional = -1
    own = account_at(s, account).first_position
    while own >= 0:
        position = position_at(s, own)
        if position.signed_size != 0 and in_bucket(s, position, index, own):
            if position_history_at(s, own).attempted_sequence != attempt:
                notional = position_notional(s, position)
                if notional > best_notional or (notional == best_notional and own < best):
                    best = own
                    best_notional = notional
        own = position.next_of_account
    return best


@kernel
def _cancel_bucket_orders(s: State, account: int, index: int) -> None:
    """Cancel the orders of a bucket's markets."""
    own = account_at(s, account).first_position
    while own >= 0:
        position = position_at(s, own)
        if in_bucket(s, position, index, own):
            cancel_orders_of(s, own, LIQUIDATED_CANCELLED)
        own = position.next_of_account


@inline
def _band_price(s: State, market: int, side: int) -> int:
    """The farthest price inside the band on the side a liquidation order trades toward."""
    row = market_at(s, market)
    return row.band_low + 1 if side == SELL else row.band_high


@kernel
def _send_order(s: State, own: int, size: int) -> int:
    """What a market order for ``size`` of a position leaves unfilled."""
    position = position_at(s, own)
    side = SELL if position.signed_size > 0 else BUY
    limit = _band_price(s, position.market, side)
    order_id = forced_order_id(s)
    unfilled, _, _ = match(s, own, order_id, side, size, limit, REDUCE_ONLY | LIQUIDATION)
    if unfilled < size:
        liquidation_order_ended(s, own, order_id, side, limit, size, unfilled)
    return unfilled


@kernel
def _send_to_book(s: State, account: int, index: int) -> None:
    """The BOOK stage: market orders, largest position first, in part where the rule says so."""
    row = control(s)
    history = account_history_at(s, account)
    in_cooldown = row.clock_ms < history.cooldown_until_ms
    attempt = row.sequence
    partial = False
    while row.visits_left > 0:
        own = largest_position(s, account, index, attempt)
        if own < 0:
            break
        position_history_at(s, own).attempted_sequence = attempt
        position = position_at(s, own)
        size = liquidation_size(s, own, in_cooldown)
        is_part = size < abs(position.signed_size)
        unfilled = _send_order(s, own, size)
        partial = partial or (is_part and unfilled < size)
        equity, maintenance = bucket_risk(s, account, index)
        if not is_liquidatable(equity, maintenance):
            break
    if partial:
        history.cooldown_until_ms = row.clock_ms + rules(s).liquidation_cooldown_ms


@kernel
def _deleverage(s: State, account: int, index: int) -> None:
    """The DELEVERAGE stage: every position of the bucket, largest first."""
    attempt = -control(s).sequence
    while True:
        own = largest_position(s, account, index, attempt)
        if own < 0:
            break
        position_history_at(s, own).attempted_sequence = attempt
        deleverage_position(s, own)
    bear_empty_pool(s, account, bucket_group(s, account, index))


@inline
def _book_comes_first(s: State, equity: int, maintenance: int) -> bool:
    """Whether the book is tried although the bucket is below the backstop level."""
    if equity < 0:
        return False
    return rules(s).book_first_below_backstop != 0 or not is_below_backstop(s, equity, maintenance)


@kernel
def _run_stage(
    s: State, stage: int, account: int, index: int, equity: int, maintenance: int
) -> None:
    """Run one stage of the rulebook's list on a bucket."""
    is_backstop = account == BACKSTOP_ACCOUNT
    if stage == BOOK:
        if not is_backstop and _book_comes_first(s, equity, maintenance):
            _send_to_book(s, account, index)
    elif stage == BACKSTOP:
        if not is_backstop and equity >= 0 and is_below_backstop(s, equity, maintenance):
            move_bucket_to_backstop(s, account, index, False)
    elif stage == INSURANCE:
        if not is_backstop and equity < 0:
            pay_from_insurance(s, account, index, -equity)
    elif stage == DELEVERAGE:
        if equity < 0:
            _deleverage(s, account, index)


@kernel
def liquidate_bucket(s: State, account: int, index: int) -> None:
    """Run the rulebook's stages on one bucket until it is healthy or the stages end."""
    equity, maintenance = bucket_risk(s, account, index)
    if not is_liquidatable(equity, maintenance):
        return
    if account == BACKSTOP_ACCOUNT and equity >= 0:
        mark_dirty(s, account)
        return
    market = position_at(s, index).market if index >= 0 else index
    event = emit(s, LIQUIDATION_STARTED, NO_REASON, account, market, 0, 0, 0, equity)
    event.closed_profit = maintenance
    _cancel_bucket_orders(s, account, index)
    for place in range(4):
        policy = rules(s)
        stage = policy.liquidation_stage_1
        if place == 1:
            stage = policy.liquidation_stage_2
        elif place == 2:
            stage = policy.liquidation_stage_3
        elif place == 3:
            stage = policy.liquidation_stage_4
        equity, maintenance = bucket_risk(s, account, index)
        if not is_liquidatable(equity, maintenance):
            break
        _run_stage(s, stage, account, index, equity, maintenance)
    equity, maintenance = bucket_risk(s, account, index)
    event = emit(s, LIQUIDATION_ENDED, NO_REASON, account, market, 0, 0, 0, equity)
    event.closed_profit = maintenance
    mark_dirty(s, account)


@kernel
def liquidate(s: State, market: int) -> None:
    """Liquidate the worst buckets below maintenance after a price moved in ``market``.

    At most ``liquidations_per_command`` buckets; the others stay dirty for the next command.
    """
    find_candidates(s, market)
    row = control(s)
    handled = 0
    limit = rules(s).liquidations_per_command
    while row.candidates_used > 0 and handled < limit and row.visits_left > 0:
        worst = candidate_at(s, 0)
        account, index = worst.account, worst.position
        drop_worst(s)
        liquidate_bucket(s, account, index)
        handled += 1
    while row.candidates_used > 0:
        account = candidate_at(s, 0).account
        drop_worst(s)
        mark_dirty(s, account)
