"""The numbered invariants that a state must satisfy by itself (``docs/machine/invariants.md``).

Those that speak of events or of two states (6, 7, 9, 14, 16, 17) are checked by the simulator's
auditor from outside, 18 to 20 belong to block rules (``block_invariants``). Everything here
looks at all rows: for simulation and tests, not for trading.
"""

from seawall.domain.codes import (
    BUY,
    CROSS,
    FREE,
    ISOLATED,
    POSITION_ATTACHED,
    REDUCE_ONLY,
    RESTING,
    WAITING_FOR_BLOCK,
    WAITING_FOR_FILL,
    WAITING_FOR_TRIGGER,
)
from seawall.domain.system_accounts import FIRST_USER, INSURANCE_FUND
from seawall.engine.compile import entry, kernel
from seawall.engine.formulas.continuous.liquidation import bucket_risk, is_liquidatable
from seawall.engine.formulas.continuous.margin import has_cross_position, pool_solvency
from seawall.engine.formulas.shared.groups import (
    cash_of,
    collateral_of,
    group_count,
    is_own_group,
)
from seawall.engine.formulas.shared.ladder import (
    ASKS,
    BIDS,
    STOPS_ABOVE,
    STOPS_BELOW,
    highest_level,
    ladder_root,
    level_beyond,
    lowest_level,
)
from seawall.engine.tables import (
    State,
    account_at,
    client_id_at,
    control,
    level_at,
    margin_group_at,
    market_at,
    node_at,
    order_at,
    position_at,
)

SENTENCES = {
    1: "the cash and isolated cash of each collateral equal its deposits minus its withdrawals",
    2: "the position sizes of a market sum to zero",
    3: "open interest equals the sum of the long sizes of its market",
    4: "no book is crossed at rest",
    5: "a level's size and count equal the sum and number of its orders",
    8: "the insurance fund's cash is never negative, in any collateral",
    10: "a pool without positions has no negative cash at the end of a command",
    11: "a flat position owns no isolated cash and no entry; only an isolated one owns a bucket",
    12: "the holds of a position equal the sum of the holds of its resting orders, by side",
    13: "best prices, free lists, client-order-id chains and order counts agree with the orders",
    15: "after a price update no pool or bucket outside the work list is below maintenance",
    18: "the pools hold what their accounts hold: all cash but fees and insurance",
    19: "an account that holds a market with its own pool holds nothing else",
    20: "counts and lists of queued, slicing and remembered orders agree with the orders",
    21: "an account has cash only in the margin groups that it keeps apart",
}


@kernel
def money_is_conserved(s: State, apart: int) -> bool:
    """Whether the money of each collateral is what came in less what went out.

    ``apart``: what no account holds, in the collateral of group 0.
    """
    row = control(s)
    for collateral in range(group_count(s)):
        total = apart if collateral == 0 else 0
        for group in range(group_count(s)):
            if collateral_of(s, group) == collateral:
                for account in range(row.accounts_used):
                    total += cash_of(s, account, group)
        for index in range(row.positions_used):
            position = position_at(s, index)
            if market_at(s, position.market).collateral_group == collateral:
                total += position.isolated_cash
        if total != margin_group_at(s, collateral).money_outside:
            return False
    return True


@kernel
def _cash_is_in_own_groups(s: State, account: int) -> bool:
    """Whether an account has no cash in groups that it does not keep apart."""
    for group in range(group_count(s)):
        if not is_own_group(s, account, group) and cash_of(s, account, group) != 0:
            return False
    return True


@kernel
def _market_sums(s: State, market: int) -> tuple[int, int]:
    """(sum of sizes, sum of long sizes) of a market."""
    total = 0
    longs = 0
    for index in range(control(s).positions_used):
        position = position_at(s, index)
        if position.market == market:
            total += position.signed_size
            longs += max(0, position.signed_size)
    return total, longs


@kernel
def _ladder_is_sound(s: State, market: int, ladder: int) -> bool:
    """Every level of an order ladder: ascending, not empty, sums right, members in order."""
    root = ladder_root(market, ladder)
    level_index = lowest_level(s, root)
    while level_index >= 0:
        level = level_at(s, level_index)
        size = 0
        count = 0
        previous = -1
        slot = level.first
        while slot >= 0:
            order = order_at(s, slot)
            price = order.price if ladder <= ASKS else order.trigger_price
            wanted = RESTING if ladder <= ASKS else WAITING_FOR_TRIGGER
            if order.level != level_index or order.previous != previous or order.state != wanted:
                return False
            if price != level.price or order.market != market:
                return False
            size += order.remaining_size
            count += 1
            previous = slot
            slot = order.next
        if count == 0 or previous != level.last or count != level.count:
            return False
        if size != level.total_size:
            return False
        level_index = level_beyond(s, root, level.price, True)
    return True


@kernel
def _best_is_right(s: State, market: int) -> bool:
    """Whether the best levels of a market are those of its ladders."""
    row = market_at(s, market)
    if row.bid_level != highest_level(s, ladder_root(market, BIDS)):
        return False
    return row.ask_level == lowest_level(s, ladder_root(market, ASKS))


@kernel
def _is_crossed(s: State, market: int) -> bool:
    """Whether the best bid reaches the best ask."""
    row = market_at(s, market)
    if row.bid_level < 0 or row.ask_level < 0:
        return False
    return level_at(s, row.bid_level).price >= level_at(s, row.ask_level).price


@kernel
def _position_orders_agree(s: State, index: int) -> tuple[bool, bool]:
    """(holds agree, counts agree) of the orders of a position row."""
    position = position_at(s, index)
    buy_hold = 0
    sell_hold = 0
    reduce_only = 0
    attached = 0
    linked = True
    previous = -1
    slot = position.first_order
    while slot >= 0:
        order = order_at(s, slot)
        if order.position != index or order.previous_of_position != previous:
            linked = False
        if order.side == BUY:
            buy_hold += order.hold
        else:
            sell_hold += order.hold
        if order.state == RESTING and order.flags & REDUCE_ONLY != 0:
            reduce_only += 1
        if order.flags & POSITION_ATTACHED != 0:
            attached += 1
        previous = slot
        slot = order.next_of_position
    holds = buy_hold == position.buy_hold and sell_hold == position.sell_hold
    counts = reduce_only + attached == position.special_orders
    return holds, counts and linked


@kernel
def _order_tables_agree(s: State) -> bool:
    """Whether live counts and free lists agree with the rows."""
    row = control(s)
    live = 0
    reserved = 0
    for slot in range(row.orders_used):
        state = order_at(s, slot).state
        if state != FREE:
            live += 1
        if state == WAITING_FOR_TRIGGER or state == WAITING_FOR_BLOCK:
            reserved += 1
        elif state == WAITING_FOR_FILL:
            reserved += 2
    if reserved != row.reserved_levels:
        return False
    free = 0
    slot = row.orders_free
    while slot >= 0 and free <= row.orders_used:
        if order_at(s, slot).state != FREE:
            return False
        free += 1
        slot = order_at(s, slot).next
    if live != row.orders_live or live + free != row.orders_used:
        return False
    levels_free = 0
    level = row.levels_free
    while level >= 0 and levels_free <= row.levels_used:
        levels_free += 1
        level = level_at(s, level).next_free
    if row.levels_live + levels_free != row.levels_used:
        return False
    nodes_free = 0
    node = row.nodes_free
    while node >= 0 and nodes_free <= row.nodes_used:
        nodes_free += 1
        node = node_at(s, node).next_free
    return row.nodes_live + nodes_free == row.nodes_used


@kernel
def _client_ids_agree(s: State) -> bool:
    """Whether the chains of client ids hold exactly the orders that have one."""
    row = control(s)
    named = 0
    for slot in range(row.orders_used):
        order = order_at(s, slot)
        if order.state != FREE and (order.client_id_high != 0 or order.client_id_low != 0):
            named += 1
    chained = 0
    for bucket in range(row.client_ids_capacity):
        slot = client_id_at(s, bucket).first_order - 1
        while slot >= 0:
            if order_at(s, slot).state == FREE or chained > row.orders_used:
                return False
            chained += 1
            slot = order_at(s, slot).next_client_id
    return named == chained


@kernel
def _open_orders_agree(s: State, account: int) -> bool:
    """Whether the account's count of open orders is right."""
    count = 0
    index = account_at(s, account).first_position
    while index >= 0:
        slot = position_at(s, index).first_order
        while slot >= 0:
            count += 1
            slot = order_at(s, slot).next_of_position
        index = position_at(s, index).next_of_account
    return count == account_at(s, account).open_orders


@kernel
def _unwatched_loser(s: State) -> bool:
    """Whether an account that is not on the dirty list is below maintenance."""
    for account in range(FIRST_USER, control(s).accounts_used):
        owner = account_at(s, account)
        if owner.is_dirty != 0:
            continue
        for group in range(group_count(s)):
            equity, maintenance = pool_solvency(s, account, group)
            if is_liquidatable(equity, maintenance):
                return True
        index = owner.first_position
        while index >= 0:
            position = position_at(s, index)
            if position.mode == ISOLATED and position.signed_size != 0:
                equity, maintenance = bucket_risk(s, account, index)
                if is_liquidatable(equity, maintenance):
                    return True
            index = position.next_of_account
    return False


@kernel
def broken_account(s: State, account: int) -> int:
    """The invariant that an account breaks, 0 for none."""
    if not _cash_is_in_own_groups(s, account):
        return 21
    for group in range(group_count(s)):
        if account >= FIRST_USER and cash_of(s, account, group) < 0:
            if not has_cross_position(s, account, group):
                return 10
    return 0 if _open_orders_agree(s, account) else 13


@kernel
def _broken_position(s: State, index: int) -> int:
    """The invariant that a position breaks, 0 for none."""
    position = position_at(s, index)
    if position.signed_size == 0:
        if position.isolated_cash != 0 or position.entry_notional != 0:
            return 11
    elif (position.signed_size > 0) != (position.entry_notional > 0):
        if position.entry_notional != 0:
            return 11
    if position.mode == CROSS and position.isolated_cash != 0:
        return 11
    holds, counts = _position_orders_agree(s, index)
    if not holds:
        return 12
    return 0 if counts else 13


@kernel
def broken_market(s: State, market: int) -> int:
    """The invariant that a market breaks, 0 for none."""
    total, longs = _market_sums(s, market)
    if total != 0:
        return 2
    if longs != market_at(s, market).open_interest:
        return 3
    if _is_crossed(s, market):
        return 4
    for ladder in (BIDS, ASKS, STOPS_BELOW, STOPS_ABOVE):
        if not _ladder_is_sound(s, market, ladder):
            return 5
    return 0 if _best_is_right(s, market) else 13


@kernel
def broken_position_or_order(s: State) -> int:
    """The first invariant that the rows of positions and orders break, 0 for none."""
    for index in range(control(s).positions_used):
        broken = _broken_position(s, index)
        if broken != 0:
            return broken
    return 0 if _order_tables_agree(s) and _client_ids_agree(s) else 13


@entry(1)
def broken_invariant(s: State) -> int:
    """The number of the first invariant that the state breaks, 0 for none."""
    if not money_is_conserved(s, 0):
        return 1
    row = control(s)
    for market in range(row.markets_used):
        broken = broken_market(s, market)
        if broken != 0:
            return broken
    for group in range(group_count(s)):
        if cash_of(s, INSURANCE_FUND, group) < 0:
            return 8
    for account in range(row.accounts_used):
        broken = broken_account(s, account)
        if broken != 0:
            return broken
    broken = broken_position_or_order(s)
    if broken != 0:
        return broken
    return 15 if _unwatched_loser(s) else 0
