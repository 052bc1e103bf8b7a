"""Deleveraging, final settlement and gates: what follows the liquidations of a block."""

from seawall.domain.enums import EventKind, FillFlag, MarketStatus

from .arithmetic import value_of
from .liquidation import bankruptcy_quote, candidates, first_of, liquidate
from .matching import Match, judge_match
from .state import CROSS_POOL, FIRST_USER, OUTSIDE, Account, State
from .updates import apply_updates, closed_profit, risk_of


def may_deleverage(s: State, account: Account, market: int) -> bool:
    """A negative account, or any in a market that is being settled."""
    settled = s.markets[market].status == MarketStatus.FINAL_SETTLEMENT
    return risk_of(s, account).net < 0 or settled


def counterparties(s: State, market: int, delta: int) -> list[Account]:
    """Holders of the other side in the order of accounts; the account outside comes last."""
    users = s.accounts[FIRST_USER:]
    found = [a for a in users if a.size(market) * delta > 0]
    start = first_of(s, s.rules.liquidation.counterparty_offset, len(found))
    found = found[start:] + found[:start]
    limit = s.rules.liquidation.counterparties_per_deleveraging
    outside = s.accounts[OUTSIDE]
    return found[:limit] + ([outside] if outside.size(market) * delta > 0 else [])


def offset(
    s: State, account: Account, other: Account, market: int, part: int, bankrupt: bool
) -> bool:
    """Close a signed part of the account's position against the other's, if both can bear it."""
    quote = -value_of(s.markets[market], part)
    if bankrupt:
        quote = bankruptcy_quote(s, account, market, part)
    match = Match(market, other, account, 0, part, -quote, 0, 0)
    other_reason, reason = judge_match(s, match)
    if reason or (other_reason and other.number != OUTSIDE):
        return False
    sides = ((account, other, part, quote, FillFlag.LIQUIDATED), (other, account, -part, -quote, 0))
    told = [
        (mine, theirs, delta, received, flags, mine.size(market),
         closed_profit(mine, market, delta, -received))
        for mine, theirs, delta, received, flags in sides
    ]  # fmt: skip
    apply_updates(s, match.updates())
    for mine, theirs, delta, received, flags, before, profit in told:
        s.emit(
            EventKind.DELEVERAGED,
            account=mine.number,
            market=market,
            size=abs(delta),
            money=received,
            flags=flags | (FillFlag.BUYER if delta > 0 else 0),
            profit=profit,
            position=before,
            counterparty=theirs.number,
        )
    return True


def deleverage(s: State, account: Account, market: int) -> bool:
    """Close the whole position against others; whether it was tried.

    At the bankruptcy price of an account that is negative when it begins, else at the oracle's.
    """
    size = account.size(market)
    if size == 0 or not may_deleverage(s, account, market):
        return False
    bankrupt = risk_of(s, account).net < 0
    left = -size
    for other in counterparties(s, market, left):
        if left == 0:
            break
        theirs = other.size(market)
        part = min(left, theirs) if left > 0 else max(left, theirs)
        if offset(s, account, other, market, part, bankrupt):
            left -= part
    if left:
        s.emit(
            EventKind.DELEVERAGING_STALLED,
            account=account.number,
            market=market,
            size=abs(account.size(market)),
            position=account.size(market),
        )
    return True


def settle_markets(s: State, attempts: int) -> None:
    for market in s.markets:
        if market.status != MarketStatus.FINAL_SETTLEMENT:
            continue
        if s.open_interest(market.number) == 0:
            continue
        for account in s.accounts[FIRST_USER:]:
            if attempts <= 0:
                return
            attempts -= deleverage(s, account, market.number)


def close_gate(s: State, account: Account) -> None:
    market = s.own_market(account)
    seen = s.cross_gated if market == CROSS_POOL else s.markets[market].gated
    if seen != s.next_height:
        shut(s, market, account.number)


def shut(s: State, market: int, account: int) -> None:
    if market == CROSS_POOL:
        s.cross_gated = s.next_height
    else:
        s.markets[market].gated = s.next_height
    s.emit(EventKind.TRANSFERS_GATED, account=account, market=market, money=s.next_height)


def shut_all(s: State) -> None:
    """Blocks stood still for too long."""
    shut(s, CROSS_POOL, -1)
    for market in s.markets:
        if market.terms.own_pool:
            shut(s, market.number, -1)


def after_block(s: State) -> None:
    """Liquidations, deleveraging of what found nobody, markets that end, gates."""
    found = candidates(s)
    attempts = s.rules.liquidation.deleveragings_per_block
    for account, market in liquidate(s, found):
        if attempts > 0:
            attempts -= 1
            deleverage(s, account, market)
    settle_markets(s, attempts)
    for account in found:
        if risk_of(s, account).net < 0:
            close_gate(s, account)
