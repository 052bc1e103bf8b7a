"""The book around a path: one market maker who quotes a ladder and is replaced every step.

All of this is assumed, and stated here; nothing of it is in the engine.

* **Ladder.** Per side, ``usd_within_50bp`` USD of resting orders lie within 50 bp of the middle:
  20 % of it within 10 bp, 50 % within 25 bp, and beyond 50 bp as much again up to 100 bp and as
  much again up to 400 bp. The first order is half the spread away.
* **Default depth** follows the market's maximum leverage, because venues grant leverage by
  liquidity: see ``DEFAULT_DEPTHS``.
* **Stress.** Makers leave when prices move. With r the absolute return of the path over the last
  minute, depth is multiplied by 1 / (1 + (r / 0.5 %)^2), not below 2 %, and the spread is divided
  by it, up to 20 times. The floor is the fall of depth reported for 2025-10-10 (98 %).
* **Pressure.** What others sell to the maker moves the next quotes: selling one side's 50 bp of
  depth moves their middle 50 bp down, buying up; the move halves every two minutes and stays
  within 5 %. So liquidations move the price, and the mark follows by the venue's own formula.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from seawall.domain.enums import CommandKind, Side, TimeInForce
from seawall.domain.instrument import Instrument
from seawall.domain.quantities import Amount, assignments, for_markets, number
from seawall.domain.rulebook import AnyRulebook, Rulebook
from seawall.domain.units import MAX_PRICE, MAX_SIZE, MICRO
from seawall.engine.tables import command_dtype

DEFAULT_DEPTHS = (
    (40, 20e6, 1.0),
    (25, 10e6, 1.5),
    (20, 4e6, 2.0),
    (10, 1e6, 4.0),
    (0, 0.2e6, 10.0),
)
"""Least maximum leverage, USD within 50 bp per side, spread in bp."""

LADDER_BP = (2.0, 5.0, 10.0, 17.0, 25.0, 37.0, 50.0, 75.0, 100.0, 200.0, 400.0)
"""Distance of each order from the middle; the first is half the spread instead."""
ORDERS_PER_MAKER = 2 * len(LADDER_BP)
QUOTED_FIGURES = 5
LEAST_QUOTE = 10 * MICRO
"""Where the rules ask for neither, so that a journal of quotes can be run under rules that do."""
CUMULATIVE = ((0, 0.0), (10, 0.2), (25, 0.5), (50, 1.0), (100, 2.0), (400, 3.0))

GREATEST_DEPTH = 10**9
"""USD within 50 bp per side: no market has more."""

RETURN_WINDOW_MS = 60_000
HALF_DEPTH_RETURN = 0.005
LEAST_MULTIPLIER = 0.02
WIDEST_SPREAD = 20.0
PRESSURE_HALF_LIFE_MS = 120_000
LARGEST_PRESSURE = 0.05

BP = 1e-4
_POWERS_OF_TEN = 10 ** np.arange(19, dtype=np.int64)
FloatArray = NDArray[np.float64]


class Depth(Struct, frozen=True):
    """Calm liquidity of one market: USD per side within 50 bp, and the spread in bp."""

    usd_within_50bp: float
    spread_bp: float


def default_depth(instrument: Instrument) -> Depth:
    for leverage, usd, spread in DEFAULT_DEPTHS:
        if instrument.maximum_leverage >= leverage:
            return Depth(usd, spread)
    raise AssertionError("the last row holds for every market")


def depth_multipliers(prices: FloatArray, times_ms: NDArray[np.int64]) -> FloatArray:
    """For n prices, the n factors of the stress rule, each from prices up to its own time."""
    before = np.interp(times_ms - RETURN_WINDOW_MS, times_ms, prices)
    moved = np.abs(prices / before - 1.0)
    left: FloatArray = 1.0 / (1.0 + (moved / HALF_DEPTH_RETURN) ** 2)
    return np.maximum(LEAST_MULTIPLIER, left)


def ladder_shares() -> FloatArray:
    """Share of the 50 bp depth that each order of ``LADDER_BP`` carries: what lies up to it."""
    bounds, shares = zip(*CUMULATIVE, strict=True)
    edges = [0.0, *LADDER_BP]
    return np.asarray(np.diff(np.interp(edges, bounds, shares)), dtype=np.float64)


class MarketMaker:
    """Commands of one account that quotes one market; integers out, floats only inside.

    ``significant_figures`` and ``minimum_value`` (micro-USD) are the venue's order rules.
    """

    def __init__(
        self,
        market: int,
        instrument: Instrument,
        account: int,
        depth: Depth,
        significant_figures: int,
        minimum_value: int,
    ) -> None:
        self.market = market
        self.account = account
        self.instrument = instrument
        self.depth = depth
        self.pressure = 0.0
        self._figures = significant_figures
        self._minimum_value = minimum_value
        self._shares = ladder_shares()
        self._offsets = np.asarray(LADDER_BP) * BP
        self._rows = np.zeros(1 + ORDERS_PER_MAKER, command_dtype)
        self._rows["account"] = account
        self._rows["market"] = market
        self._rows["kind"] = int(CommandKind.PLACE_ORDER)
        self._rows["kind"][0] = int(CommandKind.CANCEL_ALL)
        self._rows["time_in_force"] = int(TimeInForce.GOOD_TIL_CANCEL)
        self._rows["side"][1 : 1 + len(LADDER_BP)] = int(Side.BUY)
        self._rows["side"][1 + len(LADDER_BP) :] = int(Side.SELL)

    def feel(self, bought_usd: float, multiplier: float, elapsed_ms: int) -> None:
        """Let the pressure decay, then add what the maker bought (sold, if negative)."""
        self.pressure *= 0.5 ** (elapsed_ms / PRESSURE_HALF_LIFE_MS)
        self.pressure -= bought_usd / (self.depth.usd_within_50bp * multiplier) * 50 * BP
        self.pressure = min(LARGEST_PRESSURE, max(-LARGEST_PRESSURE, self.pressure))

    def to_tick(self, units: int) -> int:
        """A price (units) of this market, rounded down to a valid one."""
        one = np.asarray([float(units)])
        return int(round_to_tick(one, self.instrument, self._figures, up=False)[0])

    def quotes(self, time_ms: int, price: float, multiplier: float) -> NDArray[Any]:
        """Cancel everything and quote anew around ``price`` (USD): rows of ``command_dtype``."""
        middle = price * (1.0 + self.pressure) * 10**self.instrument.price_decimals
        offsets = self._offsets.copy()
        widened = min(WIDEST_SPREAD, 1.0 / multiplier)
        offsets[0] = self.depth.spread_bp / 2 * BP
        offsets = np.maximum(offsets, self.depth.spread_bp / 2 * BP * widened)
        bids = round_to_tick(middle * (1.0 - offsets), self.instrument, self._figures, up=False)
        asks = round_to_tick(middle * (1.0 + offsets), self.instrument, self._figures, up=True)
        prices = np.concatenate([bids, asks])
        usd = self.depth.usd_within_50bp * multiplier * np.concatenate([self._shares] * 2)
        sizes = np.minimum(np.floor(usd * MICRO / np.maximum(prices, 1)), MAX_SIZE).astype(np.int64)
        self._rows["time_ms"] = time_ms
        self._rows["price"][1:] = prices
        self._rows["order_size"][1:] = sizes
        usable = (prices > 0) & (prices <= MAX_PRICE) & (prices * sizes >= self._minimum_value)
        rows: NDArray[Any] = self._rows[np.concatenate([[True], usable])]
        return rows


def tick_rules(rulebook: AnyRulebook) -> tuple[int, int]:
    """(significant figures of a price, least micro-USD of an order) for quotes."""
    if isinstance(rulebook, Rulebook):
        return rulebook.order.maximum_significant_figures, rulebook.order.minimum_value
    return QUOTED_FIGURES, LEAST_QUOTE


def round_to_tick(
    units: FloatArray, instrument: Instrument, figures: int, *, up: bool
) -> NDArray[np.int64]:
    """Price units to the tick: so many significant figures (0: all), whole USD always."""
    whole = (np.ceil if up else np.floor)(units).astype(np.int64)
    if not figures:
        return whole
    digits = np.searchsorted(_POWERS_OF_TEN, whole, side="right")
    tick = 10 ** np.clip(digits - figures, 0, instrument.price_decimals)
    rounded: NDArray[np.int64] = (whole + (tick - 1 if up else 0)) // tick * tick
    return rounded


def depths(
    markets: Sequence[Instrument], wishes: Mapping[str, float], everywhere: float | None
) -> dict[str, Depth]:
    """Depth of each market: its own wish, else the wish for all, else the default."""
    result = {}
    for instrument in markets:
        usual = default_depth(instrument)
        usd = wishes.get(instrument.name, everywhere)
        result[instrument.name] = usual if usd is None else Depth(usd, usual.spread_bp)
    return result


def chosen_depths(
    listed: Iterable[Instrument], depth: Iterable[str] | Mapping[str, Amount]
) -> dict[str, Depth]:
    """Depth of each market as it was asked for: ``5000000`` of all, ``BTC=5000000`` of one.

    ``listed``: as their venue lists them; what is not said follows from the leverage granted there.
    Raises InputError.
    """

    def usd(field: str, value: Amount) -> float:
        expected = f"1 to {GREATEST_DEPTH:,.0f} USD"
        return float(
            number(field, value, least=1, most=GREATEST_DEPTH, expected=expected, percent=False)
        )

    markets = list(listed)
    names = [each.name for each in markets]
    return depths(markets, for_markets("depth", assignments("depth", depth, usd), names), None)
