"""Collateral of accounts and updates of them: judged together, applied together or not at all."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from math import floor
from typing import NamedTuple

from seawall.domain.enums import EventKind, Reason, UpdateKind

from .arithmetic import mul_ppm, value_of
from .state import CROSS_POOL, PPM, ROUNDING, Account, Market, Position, State

NOTHING: Mapping[int, int] = {}


class Risk(NamedTuple):
    """Net collateral, initial and maintenance requirement, micro-USD."""

    net: int
    initial: int
    maintenance: int

    @property
    def is_liquidatable(self) -> bool:
        return self.maintenance > 0 and self.net < self.maintenance


@dataclass
class Update:
    """Signed sizes by market and signed cash for one account."""

    account: Account
    sizes: dict[int, int] = field(default_factory=dict)
    cash: int = 0
    trade_cash: int = 0
    """The part of the cash that is the price of the sizes; the rest is fees."""


def owed_funding(s: State, position: Position, market: int) -> int:
    """What a position receives since it was settled, in millionths of a micro-USD."""
    return -(s.markets[market].index - position.index) * position.size


def unsettled(s: State, account: Account) -> int:
    """Funding of all positions together, rounded down."""
    owed = sum(owed_funding(s, p, market) for market, p in account.positions.items())
    return floor(Fraction(owed, PPM))


def initial_fraction(market: Market, open_interest: int) -> int:
    """Grows with the notional of open interest between the caps."""
    f = market.terms.fractions
    notional = abs(value_of(market, open_interest))
    low, high = f.open_interest_lower_cap, f.open_interest_upper_cap
    if high == 0 or notional <= low:
        return f.initial_ppm
    if notional >= high:
        return PPM
    return f.initial_ppm + floor(Fraction((PPM - f.initial_ppm) * (notional - low), high - low))


def maintenance_of(market: Market, size: int) -> int:
    f = market.terms.fractions
    base = mul_ppm(abs(value_of(market, size)), f.initial_ppm, up=True)
    return mul_ppm(base, f.maintenance_fraction_ppm, up=True)


def risk_of(
    s: State,
    account: Account,
    sizes: Mapping[int, int] = NOTHING,
    cash: int = 0,
    interest: Mapping[int, int] = NOTHING,
    fractions: Mapping[int, int] | None = None,
) -> Risk:
    """Where the account stands with ``sizes`` and ``cash`` added.

    ``interest``: how much open interest has moved in a market. ``fractions``: in place of the
    account's own initial fractions.
    """
    own = account.fractions if fractions is None else fractions
    net, initial, maintenance = account.cash + unsettled(s, account) + cash, 0, 0
    for number in sorted({*account.positions, *sizes}):
        market = s.markets[number]
        size = account.size(number) + sizes.get(number, 0)
        open_interest = s.open_interest(number) + interest.get(number, 0)
        ppm = max(initial_fraction(market, open_interest), own.get(number, 0))
        net += value_of(market, size)
        initial += mul_ppm(abs(value_of(market, size)), ppm, up=True)
        maintenance += maintenance_of(market, size)
    return Risk(net, initial, maintenance)


def riskier(new: Risk, old: Risk) -> bool:
    """Whether net / maintenance is lower now; both requirements are above 0."""
    left, right = new.net * old.maintenance, old.net * new.maintenance
    if left != right:
        return left < right
    return new.maintenance > old.maintenance


def transition(old: Risk, new: Risk) -> Reason:
    """An account covers its initial requirement after the update, or has improved."""
    if new.net >= new.initial:
        return Reason.NO_REASON
    label = Reason.STILL_UNDERCOLLATERALIZED
    if old.net >= old.initial:
        label = Reason.NEWLY_UNDERCOLLATERALIZED
    if new.maintenance > old.maintenance:
        return label
    if 0 in (old.maintenance, new.maintenance):
        improved = old.maintenance == new.maintenance == 0 and new.net > old.net
        return Reason.NO_REASON if improved else label
    return label if riskier(new, old) else Reason.NO_REASON


def breaks_isolation(s: State, update: Update) -> bool:
    """A market with its own pool is traded alone, by an account that holds nothing else."""
    touched = set(update.sizes)
    isolated = {market for market in touched if s.markets[market].terms.own_pool}
    held = s.own_market(update.account)
    if not touched:
        return False
    if held != CROSS_POOL and not isolated:
        return True
    if held == CROSS_POOL and update.account.positions and isolated:
        return True
    if isolated and len(touched) > 1:
        return True
    return held != CROSS_POOL and isolated != {held}


def is_gated(s: State, account: Account) -> bool:
    """Whether money may not leave or change accounts in the account's pool."""
    market = s.own_market(account)
    seen = s.cross_gated if market == CROSS_POOL else s.markets[market].gated
    return seen > 0 and s.next_height - seen < s.rules.block.gate_blocks


def interest_moves(s: State, updates: list[Update]) -> dict[int, int]:
    moves: dict[int, int] = {}
    for update in updates:
        for market, delta in update.sizes.items():
            before = update.account.size(market)
            change = max(before + delta, 0) - max(before, 0)
            moves[market] = moves.get(market, 0) + change
    return moves


def judge(s: State, kind: UpdateKind, updates: list[Update]) -> list[Reason]:
    """Why each of the updates fails; NO_REASON for all of them: they may be applied."""
    broken = [breaks_isolation(s, update) for update in updates]
    if any(broken):
        return [Reason.ISOLATED_MARKET_RULE if b else Reason.NO_REASON for b in broken]
    leaving = kind in (UpdateKind.WITHDRAWAL_UPDATE, UpdateKind.TRANSFER_UPDATE)
    if leaving and any(is_gated(s, update.account) for update in updates):
        return [Reason.TRANSFERS_BLOCKED] * len(updates)
    if any(s.markets[market].oracle <= 0 for update in updates for market in update.sizes):
        return [Reason.NO_REFERENCE_PRICE] * len(updates)
    moves = interest_moves(s, updates) if kind == UpdateKind.MATCH_UPDATE else NOTHING
    return [judge_collateral(s, update, moves) for update in updates]


def judge_collateral(s: State, update: Update, moves: Mapping[int, int]) -> Reason:
    if update.account.is_system:
        return Reason.NO_REASON
    old = risk_of(s, update.account, interest=moves)
    new = risk_of(s, update.account, update.sizes, update.cash, moves)
    return transition(old, new)


def pool_move(s: State, update: Update) -> tuple[int, int]:
    """(market, what goes from the cross pool into its own); ``CROSS_POOL``: nothing moves."""
    account = update.account
    if account.is_system:
        return CROSS_POOL, 0
    held = s.own_market(account)
    balance = account.cash + unsettled(s, account)
    if held != CROSS_POOL and account.size(held) + update.sizes.get(held, 0) == 0:
        return held, -(balance + update.cash)
    if not account.positions:
        for market, delta in update.sizes.items():
            if s.markets[market].terms.own_pool and delta:
                return market, balance
    return CROSS_POOL, 0


def judge_pools(s: State, updates: list[Update]) -> list[Reason]:
    """No negative balance moves, and no pool is overdrawn by the moves up to each update."""
    left = {CROSS_POOL: s.cross_pool} | {n: m.pool for n, m in enumerate(s.markets)}
    found = []
    for update in updates:
        market, amount = pool_move(s, update)
        if market == CROSS_POOL:
            found.append(Reason.NO_REASON)
            continue
        opens = s.own_market(update.account) == CROSS_POOL
        source, goal, moved = (
            (CROSS_POOL, market, amount) if opens else (market, CROSS_POOL, -amount)
        )
        reason = Reason.NO_REASON
        if moved < 0:
            reason = Reason.NEGATIVE_POOL_MOVE
        elif moved > left[source]:
            reason = Reason.POOL_TOO_SMALL
        left[source] -= moved
        left[goal] += moved
        found.append(reason)
    return found


def settle(s: State, account: Account) -> None:
    """Pay what funding owes the account; the rounding account is the other side."""
    money = unsettled(s, account)
    for market, position in account.positions.items():
        whole = floor(Fraction(owed_funding(s, position, market), PPM))
        position.index = s.markets[market].index
        if whole:
            s.emit(
                EventKind.FUNDING_PAID,
                account=account.number,
                market=market,
                money=whole,
                price=s.markets[market].oracle,
                position=position.size,
            )
    account.cash += money
    s.accounts[ROUNDING].cash -= money


def closed_part(position: Position | None, delta: int, quote: int) -> tuple[int, int]:
    """(entry that closes, quote that closes it) of a size bought for a signed quote."""
    if position is None or (position.size > 0) == (delta > 0):
        return 0, 0
    closing = min(abs(position.size), abs(delta))
    entry = int(Fraction(position.entry * closing, abs(position.size)))
    return entry, int(Fraction(quote * closing, abs(delta)))


def closed_profit(account: Account, market: int, delta: int, quote: int) -> int:
    entry, share = closed_part(account.positions.get(market), delta, quote)
    return -share - entry


def change_size(s: State, account: Account, market: int, delta: int, quote: int) -> None:
    position = account.positions.get(market)
    entry, share = closed_part(position, delta, quote)
    if position is None:
        position = Position(0, 0, s.markets[market].index)
        account.positions[market] = position
    position.entry += quote - share - entry
    position.size += delta
    if position.size == 0:
        del account.positions[market]


def apply_updates(s: State, updates: list[Update]) -> None:
    """What ``judge`` and ``judge_pools`` have allowed."""
    for update in updates:
        account = update.account
        settle(s, account)
        market, amount = pool_move(s, update)
        if amount:
            s.cross_pool -= amount
            s.markets[market].pool += amount
            s.emit(EventKind.POOL_MOVED, account=account.number, market=market, money=amount)
        account.cash += update.cash
        for number, delta in update.sizes.items():
            change_size(s, account, number, delta, -update.trade_cash)
