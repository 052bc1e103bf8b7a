"""The invariants of a state under block rules: those of every state, and more."""

from seawall.domain.codes import FREE, SLICING, WAITING_FOR_BLOCK
from seawall.domain.system_accounts import FEE_ACCOUNT, FIRST_USER, INSURANCE_FUND
from seawall.engine.compile import entry, kernel
from seawall.engine.formulas.blocks.liquidation import is_liquidatable
from seawall.engine.formulas.blocks.margin import NO_UPDATE, account_standing, own_pool_market
from seawall.engine.formulas.blocks.watch import standing_at_maintenance
from seawall.engine.invariants import (
    broken_account,
    broken_market,
    broken_position_or_order,
    money_is_conserved,
)
from seawall.engine.rows import make_batch_accessor
from seawall.engine.tables import (
    LONG_TERM_ORDER,
    TWAP_PARENT,
    Batch,
    State,
    account_at,
    block_account_at,
    block_market_at,
    block_order_at,
    block_rules,
    control,
    margin_group_at,
    memory_bucket_at,
    order_at,
    order_memory_at,
    position_at,
    watch_dtype,
)

watch_at = make_batch_accessor(watch_dtype)


@kernel
def _own_insurance(s: State) -> int:
    """Cash of the insurance funds that belong to one market."""
    total = 0
    for market in range(control(s).markets_used):
        total += block_market_at(s, market).insurance_cash
    return total


@kernel
def _pools_hold_the_rest(s: State) -> bool:
    """Whether the pools hold all money but fees and insurance."""
    pools = block_rules(s).cross_pool_cash
    for market in range(control(s).markets_used):
        pools += block_market_at(s, market).pool_cash
    funds = account_at(s, INSURANCE_FUND).cash + account_at(s, FEE_ACCOUNT).cash + _own_insurance(s)
    return pools == margin_group_at(s, 0).money_outside - funds


@kernel
def _cash_of_holders(s: State, market: int) -> int:
    """Cash of the users that hold a market with its own pool."""
    cash = 0
    for account in range(FIRST_USER, control(s).accounts_used):
        if own_pool_market(s, account) == market:
            cash += account_at(s, account).cash
    return cash


@kernel
def _own_pools_are_their_holders(s: State) -> bool:
    """Whether each market's own pool is its holders' cash and what no holder owns, no more or less.

    With the sum of all pools this is the cross pool's equality too.
    """
    for market in range(control(s).markets_used):
        row = block_market_at(s, market)
        if row.own_pool == 0:
            if row.pool_cash != 0 or row.pool_other_cash != 0:
                return False
        elif row.pool_cash != _cash_of_holders(s, market) + row.pool_other_cash:
            return False
    return True


@kernel
def _insurance_is_whole(s: State) -> bool:
    """Whether no insurance fund is negative."""
    for market in range(control(s).markets_used):
        if block_market_at(s, market).insurance_cash < 0:
            return False
    return account_at(s, INSURANCE_FUND).cash >= 0


@kernel
def _is_alone_in_its_pool(s: State, account: int) -> bool:
    """Whether an account that holds a market with its own pool holds nothing else."""
    if own_pool_market(s, account) < 0:
        return True
    held = 0
    index = account_at(s, account).first_position
    while index >= 0:
        if position_at(s, index).signed_size != 0:
            held += 1
        index = position_at(s, index).next_of_account
    return held == 1


@kernel
def _count_stateful_orders(s: State, account: int) -> int:
    """How many stateful orders an account has open."""
    count = 0
    index = account_at(s, account).first_position
    while index >= 0:
        slot = position_at(s, index).first_order
        while slot >= 0:
            if LONG_TERM_ORDER <= block_order_at(s, slot).kind <= TWAP_PARENT:
                count += 1
            slot = order_at(s, slot).next_of_position
        index = position_at(s, index).next_of_account
    return count


@kernel
def _list_length(s: State, first: int, wanted: int) -> int:
    """Length of a list of orders in one state; -1 when one is in another or it does not end."""
    count = 0
    slot = first
    while slot >= 0:
        if order_at(s, slot).state != wanted or count > control(s).orders_used:
            return -1
        count += 1
        slot = block_order_at(s, slot).next_queued
    return count


@kernel
def _memories_agree(s: State) -> bool:
    """Whether every used memory is in a bucket's chain or free."""
    row = block_rules(s)
    chained = 0
    for bucket in range(control(s).memory_buckets_capacity):
        place = memory_bucket_at(s, bucket).first_memory - 1
        while place >= 0 and chained <= row.memories_used:
            chained += 1
            place = order_memory_at(s, place).next
    free = 0
    place = row.memories_free
    while place >= 0 and free <= row.memories_used:
        free += 1
        place = order_memory_at(s, place).next
    return chained + free == row.memories_used


@kernel
def _lists_agree(s: State) -> bool:
    """Whether lists and counts of queued, slicing and cancelled orders agree with the orders."""
    queued = 0
    slicing = 0
    pending = 0
    for slot in range(control(s).orders_used):
        state = order_at(s, slot).state
        if state == FREE:
            continue
        if state == WAITING_FOR_BLOCK:
            queued += 1
        elif state == SLICING:
            slicing += 1
        if block_order_at(s, slot).cancel_pending != 0:
            pending += 1
    row = block_rules(s)
    if _list_length(s, row.first_queued, WAITING_FOR_BLOCK) != queued:
        return False
    if _list_length(s, row.first_slicing, SLICING) != slicing:
        return False
    return pending == row.pending_cancels and row.updates_used == 0 and _memories_agree(s)


@kernel
def _broken_block_account(s: State, account: int) -> int:
    broken = broken_account(s, account)
    if broken != 0:
        return broken
    if account < FIRST_USER:
        return 0
    if not _is_alone_in_its_pool(s, account):
        return 19
    if _count_stateful_orders(s, account) != block_account_at(s, account).stateful_orders:
        return 20
    if block_rules(s).must_look == 0 and is_liquidatable(s, account):
        return 15
    return 0


@entry(2)
def broken_watch(s: State, watches: Batch) -> int:
    """The first user account whose watch says another standing than it has, -1 for none.

    ``watches``: rows of ``watch_dtype``, one for each account there is room for.
    """
    for account in range(FIRST_USER, control(s).accounts_used):
        watch = watch_at(watches, account)
        net, _, maintenance = account_standing(s, account, NO_UPDATE)
        if watch.moves_left > 0 and watch.standing != standing_at_maintenance(net, maintenance):
            return account
    return -1


@entry(1)
def broken_block_invariant(s: State) -> int:
    """The number of the first invariant that the state breaks, 0 for none."""
    if not money_is_conserved(s, _own_insurance(s)):
        return 1
    if not _pools_hold_the_rest(s) or not _own_pools_are_their_holders(s):
        return 18
    if not _insurance_is_whole(s):
        return 8
    row = control(s)
    for market in range(row.markets_used):
        broken = broken_market(s, market)
        if broken != 0:
            return broken
    for account in range(row.accounts_used):
        broken = _broken_block_account(s, account)
        if broken != 0:
            return broken
    broken = broken_position_or_order(s)
    if broken != 0:
        return broken
    return 0 if _lists_agree(s) else 20
