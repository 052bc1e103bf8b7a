"""What a market shows beside its book, and what an account may still trade. Nothing is written."""

from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from seawall.domain.codes import BUY, SELL
from seawall.domain.events import CROSS_POOL
from seawall.domain.rulebook import BlockRulebook
from seawall.domain.units import FUNDING_ONE, HOUR_MS, PPM
from seawall.engine.account_view import account_margins
from seawall.engine.compile import entry
from seawall.engine.formulas.blocks.liquidation_price import value_of
from seawall.engine.formulas.continuous.funding import premium_sample, settlement_rate
from seawall.engine.formulas.continuous.margin import free_margin
from seawall.engine.formulas.shared.depth import impact_price
from seawall.engine.rows import handle_of, make_batch_accessor
from seawall.engine.tables import Batch, State, market_at

if TYPE_CHECKING:
    from seawall.engine.engine import Engine

market_view_dtype = np.dtype(
    [(name, "<i8") for name in "impact_bid impact_ask premium funding_rate".split()]
)
_found_at = make_batch_accessor(market_view_dtype)


class MarketView(NamedTuple):
    """Impact prices in 1e-6 of a price unit, 0 where the book is too thin for them.

    ``premium``: of the book now, ``funding_rate``: what the samples so far would give; 1e-12.
    """

    impact_bid: int
    impact_ask: int
    premium: int
    funding_rate: int


@entry(3)
def read_market(s: State, market: int, found: Batch) -> int:
    """Write the one row of a market's view."""
    row = _found_at(found, 0)
    notional = market_at(s, market).impact_notional
    row.impact_bid = impact_price(s, market, SELL, notional)
    row.impact_ask = impact_price(s, market, BUY, notional)
    row.premium = premium_sample(s, market)
    row.funding_rate = settlement_rate(s, market)
    return 1


@entry(3)
def read_free_margin(s: State, account: int, group: int) -> int:
    """Equity of a group's pool less initial margins and holds, micro-USD; may be negative."""
    return free_margin(s, account, group)


def market_view(engine: "Engine", market: int) -> MarketView:
    """Impact prices, premium and the running funding estimate of a market."""
    rows = np.zeros(1, market_view_dtype)
    handle = handle_of(rows)
    read_market(engine.state, market, handle)
    return MarketView(*map(int, rows[0]))


def account_free_margin(engine: "Engine", account: int, group: int = 0) -> int:
    """What new orders of an account may hold in a margin group, micro-USD.

    Negative when it is short of margin. Under block rules no order holds any.
    """
    if isinstance(engine.rulebook, BlockRulebook):
        whole = account_margins(engine, account)[CROSS_POOL]
        return whole.equity - whole.initial_margin
    return int(read_free_margin(engine.state, account, group))


def mark_price(engine: "Engine", market: int) -> int | Fraction:
    """The price that positions are valued at, in units of order prices."""
    of = engine.instruments[market]
    if not isinstance(engine.rulebook, BlockRulebook):
        return int(engine.tables["markets"]["mark_price"][market])
    price = int(engine.tables["markets"]["oracle_price"][market])
    return price * of.oracle_unit / of.price_unit


def mark_value(engine: "Engine", market: int, signed_size: int) -> int:
    """Signed micro-USD of a size at the mark, as the machine values it."""
    markets, terms = engine.tables["markets"], engine.instruments[market].block_terms
    if terms is None or not isinstance(engine.rulebook, BlockRulebook):
        return signed_size * int(markets["mark_price"][market])
    return value_of(terms, signed_size, int(markets["oracle_price"][market]))


def initial_ppm(engine: "Engine", market: int, own_ppm: int = 0) -> int:
    """Blocks only: the initial margin fraction now, ppm; ``own_ppm``: an account's own, or 0."""
    terms = engine.instruments[market].block_terms
    assert terms is not None
    fractions, found = terms.fractions, terms.fractions.initial_ppm
    low, high = fractions.open_interest_lower_cap, fractions.open_interest_upper_cap
    open_interest = int(engine.tables["markets"]["open_interest"][market])
    notional = mark_value(engine, market, open_interest)
    if high and notional > low:
        grown = (PPM - found) * (notional - low) // (high - low)
        found = min(PPM, found + grown)
    return max(own_ppm, found)


def funding_rate(engine: "Engine", market: int) -> Fraction:
    """An hour's rate as the samples so far would give it, a fraction of notional."""
    if not isinstance(engine.rulebook, BlockRulebook):
        return Fraction(market_view(engine, market).funding_rate, FUNDING_ONE)
    tables, terms = engine.tables, engine.instruments[market].block_terms
    assert terms is not None
    rules = tables["block_rules"]
    hours = Fraction(int(rules["rate_period_ms"][0]), HOUR_MS)
    ppm = Fraction(terms.default_funding_ppm)
    rounds = int(rules["rounds_of_samples"][0])
    if rounds:
        first = market * int(rules["samples_capacity"][0])
        count = int(tables["block_markets"]["sample_count"][market])
        ppm += Fraction(int(tables["samples"]["value"][first : first + count].sum()), rounds)
    return ppm / PPM / hours


def next_funding_ms(engine: "Engine") -> int:
    """When funding is settled next, or the index of it moves; 0 before the first command."""
    if isinstance(engine.rulebook, BlockRulebook):
        return int(engine.tables["block_rules"]["next_tick_ms"][0])
    return int(engine.tables["control"]["next_settlement_ms"][0])
