"""What a market shows beside its book, and what an account may still trade. Nothing is written."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from seawall.domain.codes import BUY, SELL
from seawall.engine.compile import entry
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

    Negative when it is short of margin.
    """
    return int(read_free_margin(engine.state, account, group))
