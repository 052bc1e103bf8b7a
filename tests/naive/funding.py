"""Section "Funding": premium samples, settlement, payments."""

from fractions import Fraction
from math import trunc

from seawall.domain.enums import EventKind, PremiumMethod, Side

from . import book
from .state import ROUNDING, Market, State, divide

FUNDING_ONE = 10**12
MAX_SETTLEMENTS = 24


def premium_of(s: State, market: Market) -> int:
    value = market.instrument.impact_notional
    bid = book.impact_price(s, market.number, Side.BUY, value)
    ask = book.impact_price(s, market.number, Side.SELL, value)
    if bid is None or ask is None:
        return 0
    oracle = Fraction(market.oracle)
    if s.rules.funding.premium_method == PremiumMethod.IMPACT_MID:
        premium = (bid + ask) / 2 / oracle - 1
    else:
        premium = (max(bid - oracle, Fraction(0)) - max(oracle - ask, Fraction(0))) / oracle
    return trunc(premium * FUNDING_ONE)


def with_hint(market: Market, premium: int) -> int:
    """The other machine's premium, where rounding the impact price explains the difference."""
    hint = market.premium_hint
    tolerance = 2 * FUNDING_ONE // market.oracle + 1
    return hint if hint is not None and abs(hint - premium) <= tolerance else premium


def take_samples(s: State, count: int) -> None:
    """Nothing moves between two samples of one command, so all of them are equal."""
    for market in s.markets:
        if market.oracle and count:
            premium = with_hint(market, premium_of(s, market))
            market.last_premium = premium
            market.premium_sum += premium * count
            market.premium_samples += count
            s.emit(EventKind.FUNDING_SAMPLED, market=market.number, money=premium)


def clamp(value: int, limit: int) -> int:
    return max(-limit, min(limit, value))


def funding_rate(s: State, market: Market) -> int:
    policy = s.rules.funding
    samples = market.premium_samples
    premium = divide(market.premium_sum, samples) if samples else 0
    period = premium + clamp(policy.interest - premium, policy.clamp)
    return clamp(divide(period, policy.intervals_per_period), policy.cap)


def settle(s: State) -> None:
    for market in s.markets:
        if not market.oracle:
            continue
        rate = funding_rate(s, market)
        market.funding_rate = rate
        market.premium_sum = market.premium_samples = 0
        paid = 0
        for account in s.accounts:
            position = account.positions.get(market.number)
            if position is None or position.size == 0:
                continue
            payment = divide(position.size * market.oracle * rate, FUNDING_ONE)
            if position.isolated:
                position.isolated_cash -= payment
            else:
                account.cash[s.group(account, market.number)] -= payment
            paid += payment
            s.emit(
                EventKind.FUNDING_PAID,
                account=account.number,
                market=market.number,
                money=-payment,
            )
        rounding = s.accounts[ROUNDING]
        rounding.cash[s.group(rounding, market.number)] += paid


def start(s: State) -> None:
    """The first ADVANCE_TIME says where funding begins."""
    policy = s.rules.funding
    s.next_sample = (s.clock // policy.sample_ms + 1) * policy.sample_ms
    s.next_settlement = (s.clock // policy.settlement_ms + 1) * policy.settlement_ms


def advance(s: State) -> None:
    """Samples and settlements up to the clock, a day of settlements at most."""
    policy = s.rules.funding
    settlements = 0
    while s.next_sample <= s.clock or s.next_settlement <= s.clock:
        until = min(s.clock, s.next_settlement)
        count = (until - s.next_sample) // policy.sample_ms + 1 if s.next_sample <= until else 0
        take_samples(s, count)
        s.next_sample += count * policy.sample_ms
        if s.next_settlement <= s.clock:
            settle(s)
            s.next_settlement += policy.settlement_ms
            settlements += 1
            if settlements == MAX_SETTLEMENTS:
                return
