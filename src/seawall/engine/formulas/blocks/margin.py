"""Net collateral and margin requirements of an account, now and after an update.

An update is the rows of one ``number`` in the ``updates`` table. Unsettled funding counts as
settled. Money in micro-USD.
"""

from seawall.domain.codes import NO_REASON
from seawall.engine.compile import kernel
from seawall.engine.formulas.blocks.fractions import (
    initial_requirement,
    maintenance_requirement,
    scaled_initial_ppm,
)
from seawall.engine.formulas.blocks.funding import unsettled_funding
from seawall.engine.formulas.blocks.standing import covers_initial, improvement_rejection
from seawall.engine.formulas.blocks.valuation import position_value
from seawall.engine.formulas.shared.positions import find_position, has_any_position, held_size
from seawall.engine.tables import (
    State,
    UpdateRow,
    account_at,
    block_market_at,
    block_position_at,
    block_rules,
    market_at,
    position_at,
    update_at,
)

NO_UPDATE = -1


@kernel
def initial_ppm_of(s: State, market: int, open_interest: int) -> int:
    """The market's initial margin fraction at this open interest (size units), ppm."""
    terms = block_market_at(s, market)
    if terms.open_interest_upper_cap == 0:
        return terms.initial_ppm
    return scaled_initial_ppm(
        terms.initial_ppm,
        abs(position_value(s, market, open_interest)),
        terms.open_interest_lower_cap,
        terms.open_interest_upper_cap,
    )


@kernel
def position_maintenance(s: State, market: int, size: int) -> int:
    """Maintenance requirement of a size: each of its two products rounded up."""
    terms = block_market_at(s, market)
    notional = abs(position_value(s, market, size))
    return maintenance_requirement(notional, terms.initial_ppm, terms.maintenance_fraction_ppm)


@kernel
def position_initial(s: State, market: int, size: int, open_interest: int, own_ppm: int) -> int:
    """Initial requirement of a size; ``own_ppm``: the account's own fraction or 0."""
    ppm = max(own_ppm, initial_ppm_of(s, market, open_interest))
    return initial_requirement(abs(position_value(s, market, size)), ppm)


@kernel
def size_after(s: State, account: int, market: int, size: int, number: int) -> int:
    """A signed size with the rows of an update added."""
    for place in range(block_rules(s).updates_used):
        row = update_at(s, place)
        if row.number == number and row.account == account and row.market == market:
            size += row.size_delta
    return size


@kernel
def cash_change(s: State, account: int, number: int) -> int:
    """Cash that an update brings to an account."""
    cash = 0
    for place in range(block_rules(s).updates_used):
        row = update_at(s, place)
        if row.number == number and row.account == account:
            cash += row.cash_delta
    return cash


@kernel
def _is_first_row(s: State, place: int) -> bool:
    """Whether no earlier row of the same update is of the same market."""
    row = update_at(s, place)
    for earlier in range(place):
        other = update_at(s, earlier)
        if (
            other.number == row.number
            and other.account == row.account
            and other.market == row.market
        ):
            return False
    return True


@kernel
def market_standing(
    s: State, market: int, size: int, moved_market: int, moved_by: int, own_ppm: int
) -> tuple[int, int, int]:
    """(value, initial, maintenance) of a size in a market whose open interest may have moved."""
    open_interest = market_at(s, market).open_interest
    if market == moved_market:
        open_interest += moved_by
    return (
        position_value(s, market, size),
        position_initial(s, market, size, open_interest, own_ppm),
        position_maintenance(s, market, size),
    )


@kernel
def standing_after(
    s: State, account: int, number: int, moved_market: int, moved_by: int
) -> tuple[int, int, int]:
    """(net collateral, initial, maintenance) after an update and a move of open interest.

    ``number`` -1: no update. ``moved_market`` -1: no move; the move counts for the present
    standing as well, so it is an argument of its own.
    """
    net = account_at(s, account).cash + unsettled_funding(s, account)
    initial = 0
    maintenance = 0
    index = account_at(s, account).first_position
    while index >= 0:
        position = position_at(s, index)
        size = position.signed_size
        net += position.isolated_cash
        if number >= 0:
            size = size_after(s, account, position.market, size, number)
        if size != 0:
            own_ppm = block_position_at(s, index).initial_ppm
            value, needed, kept = market_standing(
                s, position.market, size, moved_market, moved_by, own_ppm
            )
            net += value
            initial += needed
            maintenance += kept
        index = position.next_of_account
    if number < 0:
        return net, initial, maintenance
    net += cash_change(s, account, number)
    for place in range(block_rules(s).updates_used):
        row = update_at(s, place)
        if row.number != number or row.account != account or row.market < 0:
            continue
        if find_position(s, account, row.market) >= 0 or not _is_first_row(s, place):
            continue
        size = size_after(s, account, row.market, 0, number)
        value, needed, kept = market_standing(s, row.market, size, moved_market, moved_by, 0)
        net += value
        initial += needed
        maintenance += kept
    return net, initial, maintenance


@kernel
def account_standing(s: State, account: int, number: int) -> tuple[int, int, int]:
    """(net collateral, initial, maintenance), with update ``number`` applied or -1 for none."""
    return standing_after(s, account, number, -1, 0)


@kernel
def update_standing_rejection(
    s: State, account: int, number: int, moved_market: int, moved_by: int
) -> int:
    """Why an account may not end like this after an update, or NO_REASON.

    It must cover initial margin, or at least have improved. System accounts need no collateral.
    """
    if account_at(s, account).is_system != 0:
        return NO_REASON
    net, initial, maintenance = standing_after(s, account, number, moved_market, moved_by)
    if covers_initial(net, initial):
        return NO_REASON
    before, initial_before, maintenance_before = standing_after(
        s, account, -1, moved_market, moved_by
    )
    return improvement_rejection(
        before, initial_before, maintenance_before, net, initial, maintenance
    )


@kernel
def own_pool_market(s: State, account: int) -> int:
    """The market with its own pool that the account holds, or -1: its pool is the cross pool."""
    index = account_at(s, account).first_position
    while index >= 0:
        position = position_at(s, index)
        if position.signed_size != 0 and block_market_at(s, position.market).own_pool != 0:
            return position.market
        index = position.next_of_account
    return -1


@kernel
def keeps_pools_apart(s: State, account: int, number: int) -> bool:
    """Whether an account that holds a market with its own pool holds nothing else after an update.

    Such a market may be traded only by an account that holds nothing else, one row at a time.
    """
    rows = 0
    touched = -1
    for place in range(block_rules(s).updates_used):
        row = update_at(s, place)
        if row.number == number and row.account == account and row.market >= 0:
            rows += 1
            if touched < 0 and block_market_at(s, row.market).own_pool != 0:
                touched = row.market
    if rows == 0:
        return True
    held = own_pool_market(s, account)
    if held >= 0:
        return touched == held and rows == 1
    if touched < 0:
        return True
    return rows == 1 and not has_any_position(s, account)


@kernel
def open_interest_move(s: State) -> tuple[bool, int, int]:
    """(sound, market, change) of the open interest by a match: the first two updates.

    A match is two updates, each with one row of size, in one market, of opposite sizes; anything
    else is not sound. ``market`` is -1 when nothing changes.
    """
    first = -1
    second = -1
    for place in range(block_rules(s).updates_used):
        if update_at(s, place).number > 1:
            return False, -1, 0
        if update_at(s, place).market >= 0:
            if first < 0:
                first = place
            elif second < 0:
                second = place
            else:
                return False, -1, 0
    if first < 0 or second < 0:
        return False, -1, 0
    one = update_at(s, first)
    other = update_at(s, second)
    if one.market != other.market or one.size_delta != -other.size_delta:
        return False, -1, 0
    if one.number == other.number:
        return False, -1, 0
    change = _longs_change(s, one) + _longs_change(s, other)
    return True, (one.market if change != 0 else -1), change


@kernel
def _longs_change(s: State, row: UpdateRow) -> int:
    """By how much the account's long size grows."""
    size = held_size(s, row.account, row.market)
    return max(size + row.size_delta, 0) - max(size, 0)


@kernel
def gated_height_of(s: State, account: int) -> int:
    """The last block in which a negative account of this account's pool was seen, 0 for never."""
    market = own_pool_market(s, account)
    if market >= 0:
        return block_market_at(s, market).gated_height
    return block_rules(s).cross_gated_height


@kernel
def is_gated(s: State, account: int) -> bool:
    """Whether withdrawals and transfers of the account's pool are stopped."""
    seen = gated_height_of(s, account)
    policy = block_rules(s)
    return seen > 0 and policy.height + 1 - seen < policy.gate_blocks


@kernel
def net_and_own_initial(s: State, account: int, market: int, own_ppm: int) -> tuple[int, int]:
    """(net collateral, initial margin) with the account's own fraction in one market only."""
    net = account_at(s, account).cash + unsettled_funding(s, account)
    initial = 0
    index = account_at(s, account).first_position
    while index >= 0:
        position = position_at(s, index)
        net += position.isolated_cash
        if position.signed_size != 0:
            ppm = own_ppm if position.market == market else 0
            value, needed, _ = market_standing(s, position.market, position.signed_size, -1, 0, ppm)
            net += value
            initial += needed
        index = position.next_of_account
    return net, initial
