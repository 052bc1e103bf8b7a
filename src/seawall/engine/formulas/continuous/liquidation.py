"""Which buckets are below maintenance, how far, and how far prices may move before one is."""

from seawall.domain.units import MAX_PRICE, RATE_ONE
from seawall.engine.compile import inline, kernel
from seawall.engine.formulas.continuous.margin import (
    bucket_solvency,
    is_in_pool,
    pool_solvency,
)
from seawall.engine.formulas.shared.fixed_point import highest_bit, mul_div_floor, rate_of
from seawall.engine.formulas.shared.groups import group_of_index
from seawall.engine.tables import (
    State,
    account_at,
    market_at,
    position_at,
    rules,
    schedule_at,
    tier_at,
)

WATCH_BITS = 14


@inline
def bucket_risk(s: State, account: int, index: int) -> tuple[int, int]:
    """(equity, maintenance) of an isolated bucket (``index`` >= 0) or of a group's cross pool."""
    if index >= 0:
        return bucket_solvency(s, index)
    return pool_solvency(s, account, group_of_index(index))


@inline
def is_liquidatable(equity: int, maintenance: int) -> bool:
    """Whether equity is below maintenance margin."""
    return equity < maintenance


@inline
def is_below_backstop(s: State, equity: int, maintenance: int) -> bool:
    """Whether equity is below the backstop level, a fraction of maintenance margin."""
    policy = rules(s)
    return equity * policy.backstop_denominator < maintenance * policy.backstop_numerator


@kernel
def severity(equity: int, maintenance: int) -> int:
    """Equity over maintenance in 1e-9, floored: the smaller, the worse."""
    return mul_div_floor(equity, RATE_ONE, max(1, maintenance))


@kernel
def liquidation_size(s: State, index: int, in_cooldown: bool) -> int:
    """How much of a position its next liquidation order sells."""
    position = position_at(s, index)
    size = abs(position.signed_size)
    notional = size * market_at(s, position.market).mark_price
    policy = rules(s)
    if in_cooldown or policy.liquidation_partial_above <= 0:
        return size
    if notional <= policy.liquidation_partial_above:
        return size
    return max(1, rate_of(size, policy.liquidation_portion_rate))


@kernel
def risk_weight(s: State, index: int) -> int:
    """The loss of slack per unit of adverse move: notional, for shorts also growing maintenance.

    The steepest tier bounds every tier the price may reach.
    """
    position = position_at(s, index)
    notional = abs(position.signed_size) * market_at(s, position.market).mark_price
    if position.signed_size > 0:
        return notional
    row = schedule_at(s, position.schedule)
    tier = tier_at(s, row.first_tier + row.tier_count - 1)
    growth = notional * tier.maintenance_numerator // tier.maintenance_denominator
    return notional + growth + 1


@kernel
def pool_weight(s: State, account: int, group: int) -> tuple[int, int]:
    """(sum of risk weights, number) of an account's positions in a group's cross pool."""
    total = 0
    count = 0
    index = account_at(s, account).first_position
    while index >= 0:
        position = position_at(s, index)
        if is_in_pool(s, position, group):
            total += risk_weight(s, index)
            count += 1
        index = position.next_of_account
    return total, count


@kernel
def coarse_up(price: int) -> int:
    """The price rounded up to its leading bits, so that few levels hold many watches."""
    shift = max(0, highest_bit(price) - WATCH_BITS)
    return min(MAX_PRICE, ((price + (1 << shift) - 1) >> shift) << shift)


@kernel
def coarse_down(price: int) -> int:
    """The price rounded down to its leading bits."""
    shift = max(0, highest_bit(price) - WATCH_BITS)
    return max(1, (price >> shift) << shift)


@kernel
def watch_price(mark: int, is_long: bool, slack: int, weight: int) -> int:
    """The mark up to which a bucket with this slack is safe; 0 when no price can reach it.

    If every market of the bucket keeps within its own watch price, the loss stays below the
    slack: the moves are the same fraction slack/weight of each mark.
    """
    move = mul_div_floor(mark, max(0, slack), weight)
    if is_long:
        if move >= mark:
            return 0
        return coarse_up(mark - move)
    if move > MAX_PRICE - mark:
        return 0
    return coarse_down(mark + move)
