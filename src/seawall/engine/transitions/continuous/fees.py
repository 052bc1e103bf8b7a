"""Fee rates: what an account pays, from its root's volume and its own discounts."""

from seawall.domain.codes import (
    NO_REASON,
    VALUE_OUT_OF_RANGE,
)
from seawall.domain.units import RATE_ONE
from seawall.engine.compile import kernel
from seawall.engine.formulas.continuous.fees import (
    discounted,
    fee_tier_of,
    rebate_rate,
    window_volume,
)
from seawall.engine.formulas.shared.fees import root_of
from seawall.engine.tables import (
    CommandRow,
    State,
    account_at,
    account_history_at,
    control,
    fee_tier_at,
)
from seawall.engine.transitions.shared.fees import apply_rates


@kernel
def total_maker_volume(s: State) -> int:
    """Maker volume of the venue in the fee window."""
    total = 0
    for account in range(control(s).accounts_used):
        if account_at(s, account).parent < 0:
            total += window_volume(s, account, True)
    return total


@kernel
def set_rates(s: State, account: int) -> None:
    """Set the rates of the account's volume and discounts; an event reports a change."""
    root = root_of(s, account)
    tier = fee_tier_at(s, fee_tier_of(s, window_volume(s, root, False)))
    history = account_history_at(s, account)
    staking, referral = history.staking_discount_rate, history.referral_discount_rate
    taker_rate = discounted(tier.taker_rate, staking, referral)
    maker_rate = rebate_rate(s, window_volume(s, root, True), control(s).venue_maker_volume)
    if maker_rate == 0:
        maker_rate = discounted(tier.maker_rate, staking, referral)
    apply_rates(s, account, taker_rate, maker_rate)


@kernel
def set_fee_discounts(s: State, command: CommandRow) -> int:
    """SET_FEE_DISCOUNTS: staking and referral discounts, effective at once."""
    staking, referral = command.price, command.trigger_price
    if staking < 0 or staking > RATE_ONE or referral < 0 or referral > RATE_ONE:
        return VALUE_OUT_OF_RANGE
    history = account_history_at(s, command.account)
    history.staking_discount_rate = staking
    history.referral_discount_rate = referral
    set_rates(s, command.account)
    return NO_REASON


@kernel
def evaluate_fee_tiers(s: State) -> None:
    """Set the fee rates of all accounts after a UTC day ended and its volume went to the roots."""
    row = control(s)
    row.venue_maker_volume = total_maker_volume(s)
    for account in range(row.accounts_used):
        owner = account_at(s, account)
        if owner.is_system == 0:
            set_rates(s, account)
