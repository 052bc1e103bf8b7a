"""The book around a path: a market maker in each market who quotes a ladder of orders.

All of this is assumed, and stated here; nothing of it is in the engine.

* **Ladder.** Per side, ``usd_within_50bp`` USD of resting orders lie within 50 bp of the middle:
  20 % of it within 10 bp, 50 % within 25 bp, and beyond 50 bp as much again up to 100 bp and as
  much again up to 400 bp. The first order is half the spread away.
* **Calm depth** and spread are those of ``assumptions``.
* **Stress.** Makers leave when prices move. With r the absolute return of the path over the last
  minute, depth is multiplied by 1 / (1 + (r / 0.5 %)^2), not below 2 %, and the spread is divided
  by it, up to 20 times. The floor is the fall of depth reported for 2025-10-10 (98 %).

What is traded with the maker moves its next quotes: ``lab/simulation/price_formation``.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from seawall.domain.enums import CommandKind, Side
from seawall.domain.instrument import Instrument
from seawall.domain.quantities import Amount, PerMarket, assignments, for_markets, number
from seawall.domain.rulebook import AnyRulebook, Rulebook
from seawall.domain.units import MAX_PRICE, MAX_SIZE, MICRO
from seawall.engine.tables import command_dtype
from seawall.lab.arrays import Floats, Integers, Mask
from seawall.lab.market.assumptions import DEPTH, Assume, Assumptions, assumptions_of
from seawall.report.kinds import whole

LADDER_BP = (2.0, 5.0, 10.0, 17.0, 25.0, 37.0, 50.0, 75.0, 100.0, 200.0, 400.0)
"""Distance of each order from the middle; the first is half the spread instead."""
ORDERS_PER_MARKET = 2 * len(LADDER_BP)
QUOTED_FIGURES = 5
LEAST_QUOTE = 10 * MICRO
"""Where the rules ask for neither, so that a journal of quotes can be run under rules that do."""
CUMULATIVE = ((0, 0.0), (10, 0.2), (25, 0.5), (50, 1.0), (100, 2.0), (400, 3.0))

NONE_CHOSEN: Mapping[str, float] = {}
GREATEST_DEPTH = 10**9
"""USD within 50 bp per side: no market has more."""

RETURN_WINDOW_MS = 60_000
HALF_DEPTH_RETURN = 0.005
LEAST_MULTIPLIER = 0.02
WIDEST_SPREAD = 20.0

BP = 1e-4
_POWERS_OF_TEN = 10 ** np.arange(19, dtype=np.int64)
Rows = NDArray[Any]


class Depth(Struct, frozen=True):
    """Calm liquidity of one market: USD per side within 50 bp, and the spread in bp."""

    usd_within_50bp: float
    spread_bp: float


def assumed_depth(listed: Instrument, assume: Assume = None) -> Depth:
    """What is assumed of a market, as its venue lists it."""
    assumed, name, most = assumptions_of(assume), listed.name, listed.maximum_leverage
    return Depth(assumed.value(DEPTH, name, most), assumed.value("spread_bp", name, most))


def depth_multipliers(prices: Floats, times_ms: Integers) -> Floats:
    """For n prices, the n factors of the stress rule, each from prices up to its own time."""
    before = np.interp(times_ms - RETURN_WINDOW_MS, times_ms, prices)
    moved = np.abs(prices / before - 1.0)
    left: Floats = 1.0 / (1.0 + (moved / HALF_DEPTH_RETURN) ** 2)
    return np.maximum(LEAST_MULTIPLIER, left)


def ladder_shares() -> Floats:
    """Share of the 50 bp depth that each order of ``LADDER_BP`` carries: what lies up to it."""
    bounds, shares = zip(*CUMULATIVE, strict=True)
    edges = [0.0, *LADDER_BP]
    return np.asarray(np.diff(np.interp(edges, bounds, shares)), dtype=np.float64)


class Ticks:
    """Prices of m markets in their units, on the tick of the rules.

    ``figures``: significant figures of a price (0: all), whole USD always; ``least_value``:
    micro-USD of an order.
    """

    def __init__(self, instruments: Sequence[Instrument], figures: int, least_value: int) -> None:
        self.figures, self.least_value = figures, least_value
        self.decimals = np.asarray([each.price_decimals for each in instruments])
        self.scale = np.asarray([10.0**each.price_decimals for each in instruments])

    def round(self, units: Floats, decimals: Any, *, up: bool) -> Integers:
        """Units to the tick; ``decimals`` broadcasts to ``units``."""
        whole = (np.ceil if up else np.floor)(units).astype(np.int64)
        if not self.figures:
            return whole
        digits = np.searchsorted(_POWERS_OF_TEN, whole, side="right")
        tick = 10 ** np.clip(digits - self.figures, 0, decimals)
        return (whole + (tick - 1 if up else 0)) // tick * tick

    def one(self, market: int, units: int) -> int:
        """One price, rounded down."""
        found = self.round(np.asarray([float(units)]), self.decimals[market], up=False)
        return int(found[0])


class Ladder:
    """Quotes in m markets, one account each; integers out, floats only inside.

    ``orders``: which of ``LADDER_BP``; ``largest`` (m,): micro-USD of one order.
    """

    def __init__(
        self,
        accounts: Integers,
        depths: Sequence[Depth],
        ticks: Ticks,
        orders: slice = slice(None),
        largest: Floats | None = None,
    ) -> None:
        self.depth = np.asarray([each.usd_within_50bp for each in depths])
        self.half_spread = np.asarray([each.spread_bp for each in depths]) / 2 * BP
        self._ticks = ticks
        self._offsets = np.asarray(LADDER_BP)[orders] * BP
        self._shares = np.tile(ladder_shares()[orders], 2)
        self._is_inner = orders.start in (0, None)
        self._largest = np.full(len(depths), np.inf) if largest is None else largest
        count = len(self._offsets)
        self._rows = np.zeros((len(depths), 1 + 2 * count), command_dtype)
        self._rows["kind"] = int(CommandKind.PLACE_ORDER)
        self._rows["kind"][:, 0] = int(CommandKind.CANCEL_ALL)
        self._rows["account"] = accounts[:, None]
        self._rows["market"] = np.arange(len(depths))[:, None]
        self._rows["side"][:, 1:] = np.repeat([int(Side.BUY), int(Side.SELL)], count)

    def quotes(
        self, time_ms: int, price: Floats, left: Floats, where: Integers
    ) -> tuple[Rows, Mask]:
        """Rows (k, 1 + orders) of the markets ``where``, and which of them to send.

        Of each market first the cancel of what was quoted. ``price`` (USD) and ``left`` (share of
        the calm depth) of all markets.
        """
        ticks, left = self._ticks, left[where]
        decimals = ticks.decimals[where][:, None]
        offsets = np.repeat(self._offsets[None, :], len(where), axis=0)
        if self._is_inner:
            offsets[:, 0] = self.half_spread[where]
        widened = self.half_spread[where] * np.minimum(WIDEST_SPREAD, 1.0 / left)
        offsets = np.maximum(offsets, widened[:, None])
        middle = (price[where] * ticks.scale[where])[:, None]
        bids = ticks.round(middle * (1.0 - offsets), decimals, up=False)
        asks = ticks.round(middle * (1.0 + offsets), decimals, up=True)
        units = np.concatenate([bids, asks], axis=1)
        usd = (self.depth[where] * left)[:, None] * self._shares
        micro = np.minimum(usd * MICRO, self._largest[where][:, None])
        sizes = np.minimum(np.floor(micro / np.maximum(units, 1)), MAX_SIZE).astype(np.int64)
        rows = self._rows[where]
        rows["time_ms"] = time_ms
        rows["price"][:, 1:] = units
        rows["order_size"][:, 1:] = sizes
        usable = np.ones(rows.shape, np.bool_)
        usable[:, 1:] = (units > 0) & (units <= MAX_PRICE) & (units * sizes >= ticks.least_value)
        return rows, usable


def tick_rules(rulebook: AnyRulebook) -> tuple[int, int]:
    """(significant figures of a price, least micro-USD of an order) for quotes."""
    if isinstance(rulebook, Rulebook):
        return rulebook.order.maximum_significant_figures, rulebook.order.minimum_value
    return QUOTED_FIGURES, LEAST_QUOTE


def depths(
    markets: Iterable[Instrument],
    chosen: Mapping[str, float] = NONE_CHOSEN,
    assume: Assume = None,
) -> dict[str, Depth]:
    """Depth of each market: ``chosen`` (USD within 50 bp), else what is assumed."""
    assumed = assumptions_of(assume).given(DEPTH, chosen)
    return {each.name: assumed_depth(each, assumed) for each in markets}


def stated_depths(names: Sequence[str], depth: PerMarket) -> dict[str, float]:
    """USD within 50 bp of the markets that were given one: ``5000000`` of all, ``BTC=5000000``.

    Raises InputError.
    """

    def usd(field: str, value: Amount) -> float:
        expected = f"1 to {whole(GREATEST_DEPTH)} USD"
        return float(
            number(field, value, least=1, most=GREATEST_DEPTH, expected=expected, percent=False)
        )

    return for_markets("depth", assignments("depth", depth, usd), names)


def with_depth(assumed: Assumptions, names: Sequence[str], depth: PerMarket) -> Assumptions:
    """The assumptions with the depths that are stated. Raises InputError."""
    return assumed.given(DEPTH, stated_depths(names, depth), "--depth")


def chosen_depths(
    listed: Iterable[Instrument], depth: PerMarket, assume: Assume = None
) -> dict[str, Depth]:
    """Depth of each market: as stated, or what is assumed of it.

    ``listed``: as their venue lists them. Raises InputError.
    """
    markets = list(listed)
    return depths(markets, stated_depths([each.name for each in markets], depth), assume)
