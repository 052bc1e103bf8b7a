"""Inputs of fee rates under block rules, and the rates that views show."""

from seawall.domain.codes import (
    FEE_STANDING_SET,
    MARKET_DISCOUNT_SET,
    NO_REASON,
    VALUE_OUT_OF_RANGE,
)
from seawall.domain.units import MAX_STAKED, MAX_TIME_MS, PPM
from seawall.engine.compile import kernel
from seawall.engine.formulas.blocks.fees import RATE_PER_PPM, fee_tier_of_account, fee_volumes
from seawall.engine.formulas.shared.fees import root_of
from seawall.engine.tables import (
    CommandRow,
    State,
    account_at,
    block_account_at,
    block_market_at,
    block_rules,
    control,
    volume_tier_at,
)
from seawall.engine.transitions.shared.fees import apply_rates, gather_day, roll_days
from seawall.engine.transitions.shared.outbox import emit


@kernel
def set_tier_rates(s: State, account: int) -> None:
    """Set the rates (1e-9) of the account's fee tier, before discounts; reports a change."""
    tier = volume_tier_at(s, fee_tier_of_account(s, account))
    apply_rates(s, account, tier.taker_ppm * RATE_PER_PPM, tier.maker_ppm * RATE_PER_PPM)


@kernel
def set_fee_standing(s: State, command: CommandRow) -> int:
    """SET_FEE_STANDING: what is staked (``money``), referred (``flags``), a vault (``status``).

    A child account has its root's standing, so that of the root is set.
    """
    staked, referred, vault = command.money, command.flags, command.status
    if staked < 0 or staked > MAX_STAKED:
        return VALUE_OUT_OF_RANGE
    if referred < 0 or referred > 1 or vault < 0 or vault > 1:
        return VALUE_OUT_OF_RANGE
    standing = block_account_at(s, root_of(s, command.account))
    standing.staked = staked
    standing.referred = referred
    standing.vault = vault
    event = emit(s, FEE_STANDING_SET, NO_REASON, command.account, -1, 0, 0, 0, staked)
    event.flags = referred
    event.counterparty = vault
    set_tier_rates(s, command.account)
    return NO_REASON


@kernel
def set_market_discount(s: State, command: CommandRow) -> int:
    """SET_MARKET_DISCOUNT: fees are ``leverage`` ppm in [``price``, ``trigger_price``), ms."""
    charge_ppm, from_ms, until_ms = command.leverage, command.price, command.trigger_price
    if charge_ppm < 0 or charge_ppm > PPM:
        return VALUE_OUT_OF_RANGE
    if from_ms < 0 or until_ms <= from_ms or until_ms > MAX_TIME_MS:
        return VALUE_OUT_OF_RANGE
    terms = block_market_at(s, command.market)
    terms.charge_ppm = charge_ppm
    terms.charge_from_ms = from_ms
    terms.charge_until_ms = until_ms
    emit(
        s, MARKET_DISCOUNT_SET, NO_REASON, -1, command.market, 0, from_ms, charge_ppm, until_ms
    )  # fmt: skip
    return NO_REASON


@kernel
def _count_volumes(s: State) -> None:
    """Volumes of the whole venue in the fee window: those of all roots."""
    taker_total = 0
    maker_total = 0
    for account in range(control(s).accounts_used):
        if account_at(s, account).parent < 0:
            taker, maker = fee_volumes(s, account)
            taker_total += taker
            maker_total += maker
    chain = block_rules(s)
    chain.total_taker_volume = taker_total
    chain.total_maker_volume = maker_total


@kernel
def evaluate_fees(s: State) -> None:
    """Move the fee window on and set new rates, where an evaluation is due at the end of a block.

    Evaluations are due at multiples of the rules' ``evaluation_ms``; the first call schedules.
    """
    chain = block_rules(s)
    row = control(s)
    due = chain.next_evaluation_ms
    if row.clock_ms < due:
        return
    period = max(1, chain.fee_evaluation_ms)
    chain.next_evaluation_ms = row.clock_ms // period * period + period
    roll_days(s)
    if due == 0:
        return
    gather_day(s)
    _count_volumes(s)
    for account in range(row.accounts_used):
        if account_at(s, account).is_system == 0:
            set_tier_rates(s, account)
