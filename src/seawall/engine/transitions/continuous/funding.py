"""Funding: premiums are sampled, rates settled into the bucket that owns each position."""

from seawall.domain.codes import (
    CROSS,
    FUNDING_PAID,
    FUNDING_SAMPLED,
    ISOLATED_BUCKET,
    NO_REASON,
)
from seawall.domain.system_accounts import ROUNDING_ACCOUNT
from seawall.engine.compile import kernel
from seawall.engine.formulas.continuous.funding import (
    funding_payment,
    premium_sample,
    settlement_rate,
)
from seawall.engine.tables import (
    State,
    control,
    market_at,
    position_at,
    rules,
)
from seawall.engine.transitions.shared.cash import add_cash_in
from seawall.engine.transitions.shared.funding import count_funding
from seawall.engine.transitions.shared.outbox import emit
from seawall.engine.transitions.shared.positions import mark_dirty

MAX_SETTLEMENTS = 24


@kernel
def _sample(s: State, count: int) -> None:
    """Take ``count`` equal samples in every market: the book has not moved between them."""
    for market in range(control(s).markets_used):
        row = market_at(s, market)
        if row.oracle_price <= 0:
            continue
        premium = premium_sample(s, market)
        row.last_premium = premium
        row.premium_sum += premium * count
        row.premium_samples += count
        emit(s, FUNDING_SAMPLED, NO_REASON, -1, market, 0, row.oracle_price, count, premium)


@kernel
def _settle_position(s: State, index: int, rate: int) -> int:
    """Pay one position's funding; returns what was paid to the holder."""
    position = position_at(s, index)
    oracle = market_at(s, position.market).oracle_price
    payment = funding_payment(position.signed_size, oracle, rate)
    if position.mode == CROSS:
        add_cash_in(s, position.account, position.market, payment)
    else:
        position.isolated_cash += payment
    count_funding(s, index, payment)
    mark_dirty(s, position.account)
    event = emit(
        s, FUNDING_PAID, NO_REASON, position.account, position.market, 0, oracle, 0, payment
    )
    event.closed_profit = rate
    event.position_size = position.signed_size
    event.flags = 0 if position.mode == CROSS else ISOLATED_BUCKET
    return payment


@kernel
def _settle(s: State) -> None:
    """Settle funding in every market once; truncation's remainder goes to the rounding account."""
    row = control(s)
    for market in range(row.markets_used):
        one = market_at(s, market)
        one.funding_rate = settlement_rate(s, market)
        one.premium_sum = 0
        one.premium_samples = 0
    for index in range(row.positions_used):
        position = position_at(s, index)
        if position.signed_size != 0:
            rate = market_at(s, position.market).funding_rate
            payment = _settle_position(s, index, rate)
            add_cash_in(s, ROUNDING_ACCOUNT, position.market, -payment)


@kernel
def run_funding(s: State) -> None:
    """Take the samples due up to the clock, and at most 24 settlements."""
    row = control(s)
    policy = rules(s)
    if row.next_settlement_ms == 0:
        row.next_settlement_ms = _following(row.clock_ms, policy.funding_settlement_ms)
        row.next_sample_ms = _following(row.clock_ms, policy.funding_sample_ms)
        return
    for _ in range(MAX_SETTLEMENTS):
        until = min(row.clock_ms, row.next_settlement_ms)
        if row.next_sample_ms <= until:
            count = (until - row.next_sample_ms) // policy.funding_sample_ms + 1
            _sample(s, count)
            row.next_sample_ms += count * policy.funding_sample_ms
        if row.next_settlement_ms > row.clock_ms:
            return
        _settle(s)
        row.next_settlement_ms += policy.funding_settlement_ms


@kernel
def _following(time_ms: int, interval_ms: int) -> int:
    """The first multiple of the interval after a time."""
    return (time_ms // interval_ms + 1) * interval_ms
