"""Funding: votes of blocks, samples of votes, ticks of samples, an index."""

from fractions import Fraction
from math import ceil, floor, trunc

from seawall.domain.enums import EventKind, MarketStatus, Side

from .arithmetic import average, fill_quote, median, oracle_ticks, power, tick_value
from .state import PPM, Market, State
from .validity import whole_fill_reason


def bound_of(market: Market, factor_ppm: int) -> int:
    """factor x (initial - maintenance fraction), without growth by open interest."""
    f = market.terms.fractions
    maintenance = floor(Fraction(f.initial_ppm * f.maintenance_fraction_ppm, PPM))
    return floor(Fraction(factor_ppm * (f.initial_ppm - maintenance), PPM))


def impact_price(s: State, market: Market, side: int) -> Fraction | None:
    """Ticks at which the impact notional trades with the orders of a side; None: too thin.

    Orders whose owner could not bear all of them do not count.
    """
    left = Fraction(market.instrument.impact_notional)
    orders = s.book(market.number, side)
    if left == 0:
        return Fraction(orders[0].price)
    size = Fraction(0)
    for order in orders:
        account = s.accounts[order.account]
        if whole_fill_reason(s, account, market.number, side, order.remaining, order.price):
            continue
        quote = fill_quote(market, order.remaining, order.price)
        if left <= quote:
            size += order.remaining * left / quote
            return market.instrument.impact_notional / (ceil(size) * tick_value(market))
        left -= quote
        size += order.remaining
    return None


def premium_of(s: State, market: Market) -> int:
    """How far the book lies beyond the oracle price, ppm; 0 where it does not."""
    index = oracle_ticks(market)
    bids = s.book(market.number, Side.BUY)
    asks = s.book(market.number, Side.SELL)
    if bids and index < bids[0].price:
        price = impact_price(s, market, Side.BUY)
        beyond = price is not None and price > index
    elif asks and index > asks[0].price:
        price = impact_price(s, market, Side.SELL)
        beyond = price is not None and price < index
    else:
        return 0
    if not beyond or price is None:
        return 0
    bound = bound_of(market, s.rules.funding.vote_clamp_ppm)
    return max(-bound, min(bound, trunc((price / index - 1) * PPM)))


def vote(s: State) -> None:
    s.vote_rounds += 1
    for market in s.markets:
        if market.status == MarketStatus.OPEN and market.oracle > 0:
            premium = premium_of(s, market)
            if premium:
                market.votes.append(premium)


def take_samples(s: State) -> None:
    rounds = max(s.vote_rounds, s.rules.funding.minimum_votes)
    for market in s.markets:
        sample = median(market.votes + [0] * (rounds - len(market.votes)))
        market.votes = []
        if sample:
            market.samples.append(sample)
        if market.oracle > 0:
            s.emit(
                EventKind.FUNDING_SAMPLED,
                market=market.number,
                price=market.oracle,
                size=1,
                money=sample * PPM,
            )
    s.sample_rounds += 1
    s.vote_rounds = 0


def average_sample(s: State, market: Market, rounds: int) -> int:
    """Without the tails; both ends together are rounded down, an odd one goes from the top."""
    samples = market.samples + [0] * (rounds - len(market.samples))
    removed = floor(Fraction(len(samples) * 2 * s.rules.funding.tail_ppm, PPM))
    if 0 < removed < len(samples):
        low = removed // 2
        samples = sorted(samples)[low : len(samples) - (removed - low)]
    return average(samples)


def tick(s: State) -> None:
    rules = s.rules.funding
    rounds = max(s.sample_rounds, ceil(Fraction(rules.tick_ms, rules.sample_ms)))
    for market in s.markets:
        premium = average_sample(s, market, rounds)
        market.samples = []
        if market.oracle <= 0:
            continue
        bound = bound_of(market, rules.rate_clamp_ppm)
        rate = max(-bound, min(bound, premium + market.terms.default_funding_ppm))
        worth = trunc(rules.tick_ms * rate * market.oracle * power(market.terms.value_exponent))
        delta = trunc(Fraction(worth, rules.rate_period_ms))
        market.index += delta
        s.emit(
            EventKind.FUNDING_INDEX_MOVED,
            market=market.number,
            money=delta,
            profit=rate,
            position=market.index,
        )
    s.sample_rounds = 0


def following(time: int, interval: int, offset: int) -> int:
    """The first time after ``time`` that lies ``offset`` behind a whole interval."""
    return ((time - offset) // interval + 1) * interval + offset


def run_epochs(s: State) -> None:
    """The sample that is due, then the tick, each at most once in a block."""
    rules = s.rules.funding
    if s.next_tick == 0:
        s.next_sample = following(s.clock, rules.sample_ms, rules.sample_offset_ms)
        s.next_tick = following(s.clock, rules.tick_ms, 0)
        return
    if s.next_sample <= s.clock:
        s.next_sample += rules.sample_ms
        take_samples(s)
    if s.next_tick <= s.clock:
        s.next_tick += rules.tick_ms
        tick(s)
