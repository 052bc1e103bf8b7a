"""Funding under block rules: votes, samples, ticks of the index, and settling accounts."""

from seawall.domain.codes import (
    FUNDING_INDEX_MOVED,
    FUNDING_PAID,
    FUNDING_SAMPLED,
    NO_REASON,
    OPEN,
)
from seawall.domain.system_accounts import ROUNDING_ACCOUNT
from seawall.domain.units import PPM
from seawall.engine.compile import kernel
from seawall.engine.formulas.blocks.fractions import clamp_bound_ppm
from seawall.engine.formulas.blocks.funding import (
    average_of_samples,
    funding_rate,
    index_delta,
    median_of_votes,
    position_funding,
)
from seawall.engine.formulas.blocks.impact import price_premium
from seawall.engine.formulas.blocks.margin import own_pool_market
from seawall.engine.formulas.blocks.scaling import divide_ceil
from seawall.engine.formulas.blocks.watch import UNBOUNDED
from seawall.engine.tables import (
    State,
    account_at,
    block_market_at,
    block_position_at,
    block_rules,
    control,
    market_at,
    position_at,
    sample_at,
    vote_at,
)
from seawall.engine.transitions.blocks.watch import note_change, note_move
from seawall.engine.transitions.shared.funding import count_funding
from seawall.engine.transitions.shared.outbox import emit


@kernel
def settle_funding(s: State, account: int) -> None:
    """Pay an account what the indices moved since each of its positions was last settled.

    Cash moves by the sum of all positions rounded down; a position's event is rounded down on its
    own, so the events may add up to a micro-USD less for each position. The other side is the
    rounding account: it keeps the rounding and what other accounts have yet to settle. The money
    stays in the pool of the account.
    """
    money = 0
    rests = 0
    index = account_at(s, account).first_position
    while index >= 0:
        position = position_at(s, index)
        market_index = block_market_at(s, position.market).funding_index
        settled = block_position_at(s, index)
        if position.signed_size != 0 and settled.funding_index != market_index:
            whole, rest = position_funding(s, index)
            money += whole
            rests += rest
            settled.funding_index = market_index
            count_funding(s, index, whole)
            if whole != 0:
                price = market_at(s, position.market).oracle_price
                event = emit(
                    s, FUNDING_PAID, NO_REASON, account, position.market, 0, price, 0, whole
                )
                event.position_size = position.signed_size
                note_change(s, account)
        index = position.next_of_account
    money += rests // PPM
    if money != 0:
        account_at(s, account).cash += money
        account_at(s, ROUNDING_ACCOUNT).cash -= money
        pool = own_pool_market(s, account)
        if pool >= 0 and account_at(s, account).is_system == 0:
            block_market_at(s, pool).pool_other_cash -= money
        note_change(s, account)


@kernel
def vote(s: State) -> None:
    """Add every open market's premium as a vote of this block; one of 0 counts as a round only.

    A market keeps as many votes as the table gives it. Later ones before the next sample are
    counted but left out of the median, so that they do not pass for zeros.
    """
    policy = block_rules(s)
    policy.rounds_of_votes += 1
    for market in range(control(s).markets_used):
        row = market_at(s, market)
        if row.status != OPEN or row.oracle_price <= 0:
            continue
        premium = price_premium(s, market)
        row.last_premium = premium
        if premium == 0:
            continue
        terms = block_market_at(s, market)
        if terms.vote_count < policy.votes_capacity:
            vote_at(s, market * policy.votes_capacity + terms.vote_count).value = premium
        terms.vote_count += 1


@kernel
def _median_vote(s: State, market: int) -> tuple[bool, int]:
    """(there is one, sample) of a market: its votes, with zeros up to the rounds or the least."""
    policy = block_rules(s)
    votes = block_market_at(s, market).vote_count
    stored = min(votes, policy.votes_capacity)
    zeros = max(policy.rounds_of_votes, policy.minimum_votes) - votes
    return median_of_votes(s, market * policy.votes_capacity, stored, max(0, zeros))


@kernel
def take_sample(s: State) -> None:
    """Add the median of each market's votes as a sample; a sample of 0 counts as a round only.

    The event's premium is in 10^-12, as of every sampling of premiums.
    """
    policy = block_rules(s)
    policy.rounds_of_samples += 1
    for market in range(control(s).markets_used):
        terms = block_market_at(s, market)
        has_median, premium = _median_vote(s, market)
        terms.vote_count = 0
        if has_median and premium != 0:
            if terms.sample_count < policy.samples_capacity:
                place = market * policy.samples_capacity + terms.sample_count
                sample_at(s, place).value = premium
            terms.sample_count += 1
        price = market_at(s, market).oracle_price
        if price > 0:
            emit(s, FUNDING_SAMPLED, NO_REASON, -1, market, 0, price, 1, premium * PPM)
    policy.rounds_of_votes = 0


@kernel
def _average_sample(s: State, market: int) -> int:
    """The premium of a tick: the samples, with zeros up to the rounds or a tick's number."""
    policy = block_rules(s)
    samples = block_market_at(s, market).sample_count
    stored = min(samples, policy.samples_capacity)
    rounds = max(policy.rounds_of_samples, divide_ceil(policy.tick_ms, policy.sample_ms))
    first = market * policy.samples_capacity
    return average_of_samples(s, first, stored, max(0, rounds - samples), policy.tail_ppm)


@kernel
def _market_rate(s: State, market: int) -> int:
    """Rate of the market's funding period, ppm: premium and default, bounded by its fractions."""
    terms = block_market_at(s, market)
    bound = clamp_bound_ppm(
        block_rules(s).rate_clamp_ppm, terms.initial_ppm, terms.maintenance_fraction_ppm
    )
    return funding_rate(_average_sample(s, market), terms.default_funding_ppm, bound)


@kernel
def tick(s: State) -> None:
    """Move each market's index by the average of its samples; a market without a price waits."""
    policy = block_rules(s)
    has_moved = False
    for market in range(control(s).markets_used):
        row = market_at(s, market)
        terms = block_market_at(s, market)
        rate = _market_rate(s, market)
        terms.sample_count = 0
        if row.oracle_price <= 0:
            continue
        delta = index_delta(
            row.oracle_price, terms.value_exponent, rate, policy.tick_ms, policy.rate_period_ms
        )
        terms.funding_index += delta
        row.funding_rate = rate
        has_moved = has_moved or delta != 0
        event = emit(s, FUNDING_INDEX_MOVED, NO_REASON, -1, market, 0, 0, 0, delta)
        event.closed_profit = rate
        event.position_size = terms.funding_index
    if has_moved:
        note_move(s, UNBOUNDED)
    policy.rounds_of_samples = 0


@kernel
def _following(time_ms: int, interval_ms: int, offset_ms: int) -> int:
    """The first time after ``time_ms`` that lies ``offset_ms`` behind a whole interval."""
    return ((time_ms - offset_ms) // interval_ms + 1) * interval_ms + offset_ms


@kernel
def run_funding_epochs(s: State) -> None:
    """At the end of a block: the sample that is due, then the tick, each at most once.

    The first call only makes the schedule. Blocks that come late catch up, one epoch each.
    """
    policy = block_rules(s)
    clock = control(s).clock_ms
    if policy.next_tick_ms == 0:
        policy.next_sample_ms = _following(clock, policy.sample_ms, policy.sample_offset_ms)
        policy.next_tick_ms = _following(clock, policy.tick_ms, 0)
        return
    if policy.next_sample_ms <= clock:
        policy.next_sample_ms += policy.sample_ms
        take_sample(s)
    if policy.next_tick_ms <= clock:
        policy.next_tick_ms += policy.tick_ms
        tick(s)
