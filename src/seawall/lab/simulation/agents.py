"""Agents who trade with the population, all markets at once: arrays in, command rows out.

* **Makers.** Two accounts a market: one quotes the ladder of ``lab/liquidity`` up to 50 bp, one
  the rest up to 400 bp. They quote anew only when it matters: when the price moved (by half the
  spread and at least 1 bp; 15 bp for the outer one), when the depth they want changed by a tenth,
  when they were hit, or after 10 (60) seconds.
* **Noise.** In each market and second a buyer with chance 0.1 and a seller with chance 0.1; sizes
  log-normal around 0.02 % of the calm depth.
* **Trend followers.** They hold up to a quarter of the calm depth in the direction of the last
  five minutes (fully at a move of 2 %), and trade a twentieth of it at least.
* **Arbitrage.** Where the venue's price is more than 30 bp from that of other venues: up to 2 % of
  the calm depth a second against the gap (fully at 1 %), until they hold one depth.
* **The backstop** sells what it took over: half of it in ten minutes, at most 1 % of the depth that
  is left a second.

Takers' orders are immediate and go at most 5 % through the fair price.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from seawall.domain.enums import CommandKind, OrderFlag, Side, TimeInForce
from seawall.domain.units import MAX_PRICE, MAX_SIZE, MICRO
from seawall.engine.tables import command_dtype
from seawall.lab.market.liquidity import (
    BP,
    LADDER_BP,
    WIDEST_SPREAD,
    Depth,
    ladder_shares,
    tick_rules,
)
from seawall.lab.simulation.assumptions import Assumptions
from seawall.lab.simulation.price_formation import PriceFormation
from seawall.lab.simulation.world import Rows, World, backstop_account

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

INNER = 7
"""Orders of the ladder up to 50 bp."""
CHANGED_DEPTH = 0.1
HIT = 0.05
"""A maker quotes anew when so much of the calm depth was taken from it."""
CAPITAL = 10**15
"""Micro-USD of an agent: a billion, so that it is never the story."""

NOISE_CHANCE = 0.1
NOISE_SIZE = 2e-4
NOISE_SIGMA = 1.0
TREND_SECONDS = 300
TREND_FULL = 0.02
TREND_HOLDING = 0.25
TREND_LEAST = 0.05
GAP_LEAST = 0.003
GAP_FULL = 0.01
GAP_SHARE = 0.02
GAP_HOLDING = 1.0
UNWIND_HALF_LIFE_SECONDS = 600.0
UNWIND_SHARE = 0.01
THROUGH = 0.05

_POWERS = 10 ** np.arange(19, dtype=np.int64)


class Ticks:
    """Prices of all markets in their units, on the tick of the rules."""

    def __init__(self, world: World) -> None:
        self.figures, self.least_value = tick_rules(world.engine.rulebook)
        self.decimals = np.asarray([each.price_decimals for each in world.instruments])
        self.scale = 10.0**self.decimals

    def round(self, units: Floats, decimals: Any, *, up: bool) -> Integers:
        """Units to the tick; ``decimals`` broadcasts to ``units``."""
        whole = (np.ceil if up else np.floor)(units).astype(np.int64)
        if not self.figures:
            return whole
        digits = np.searchsorted(_POWERS, whole, side="right")
        tick = 10 ** np.clip(digits - self.figures, 0, decimals)
        rounded: Integers = (whole + (tick - 1 if up else 0)) // tick * tick
        return rounded

    def one(self, market: int, units: int) -> int:
        """One price, rounded down."""
        found = self.round(np.asarray([float(units)]), self.decimals[market], up=False)
        return int(found[0])


class Makers:
    """One quoting account in each market, with some of the orders of the ladder."""

    def __init__(
        self, accounts: Integers, orders: slice, depths: list[Depth], ticks: Ticks, largest: Floats,
        *, least_move: float, patience: int,
    ) -> None:  # fmt: skip
        self.accounts = accounts
        self._ticks = ticks
        self._offsets = np.asarray(LADDER_BP)[orders] * BP
        self._shares = ladder_shares()[orders]
        self._is_inner = orders.start in (0, None)
        self._depth = np.asarray([each.usd_within_50bp for each in depths])
        self._half = np.asarray([each.spread_bp for each in depths]) / 2 * BP
        self._largest = largest[:, None]
        self._least_move = np.maximum(least_move, self._half)
        self._patience = patience
        markets, count = len(accounts), len(self._shares)
        self._price = np.full(markets, 1e-300)
        self._left = np.zeros(markets)
        self._age = np.zeros(markets, np.int64)
        self.hit = np.zeros(markets)
        self._rows = np.zeros((markets, 2 * count), command_dtype)
        self._rows["kind"] = int(CommandKind.PLACE_ORDER)
        self._rows["account"] = accounts[:, None]
        self._rows["market"] = np.arange(markets)[:, None]
        self._rows["side"] = np.repeat([int(Side.BUY), int(Side.SELL)], count)
        self._cancels = np.zeros(markets, command_dtype)
        self._cancels["kind"] = int(CommandKind.CANCEL_ALL)
        self._cancels["account"] = accounts
        self._cancels["market"] = np.arange(markets)

    def wait(self) -> None:
        """A decision passes."""
        self._age += 1

    def wishes(self, prices: PriceFormation) -> NDArray[np.bool_]:
        """In which markets quoting anew matters."""
        moved = np.abs(prices.fair / self._price - 1.0)
        changed = np.abs(prices.left / np.maximum(self._left, 1e-9) - 1.0)
        found: NDArray[np.bool_] = (
            (moved > self._least_move)
            | (changed > CHANGED_DEPTH)
            | (self.hit > HIT * self._depth * prices.left)
            | (self._age >= self._patience)
        )
        return found

    def quotes(self, time_ms: int, prices: PriceFormation, where: Integers) -> tuple[Rows, Rows]:
        """Cancels and new orders of the markets ``where``, to be sent in this order."""
        self._price[where] = prices.fair[where]
        self._left[where] = prices.left[where]
        self._age[where] = 0
        self.hit[where] = 0.0
        ticks = self._ticks
        decimals = ticks.decimals[where][:, None]
        widened = self._half[where] * np.minimum(WIDEST_SPREAD, 1.0 / prices.left[where])
        offsets = np.repeat(self._offsets[None, :], len(where), axis=0)
        if self._is_inner:
            offsets[:, 0] = self._half[where]
        offsets = np.maximum(offsets, widened[:, None])
        middle = (prices.fair[where] * ticks.scale[where])[:, None]
        bids = ticks.round(middle * (1.0 - offsets), decimals, up=False)
        asks = ticks.round(middle * (1.0 + offsets), decimals, up=True)
        units = np.concatenate([bids, asks], axis=1)
        usd = (self._depth[where] * prices.left[where])[:, None] * np.tile(self._shares, 2)
        micro = np.minimum(usd * MICRO, self._largest[where])
        sizes = np.minimum(np.floor(micro / np.maximum(units, 1)), MAX_SIZE).astype(np.int64)
        rows = self._rows[where]
        rows["time_ms"] = time_ms
        rows["price"] = units
        rows["order_size"] = sizes
        usable = (units > 0) & (units <= MAX_PRICE) & (units * sizes >= ticks.least_value)
        cancels = self._cancels[where]
        cancels["time_ms"] = time_ms
        return cancels, rows[usable]


class Takers:
    """Noise, trend followers, arbitrage and the backstop: what each buys or sells now."""

    def __init__(
        self, world: World, accounts: Integers, depths: list[Depth], ticks: Ticks,
        assumptions: Assumptions, decisions: int, step_ms: int, largest: Floats,
    ) -> None:  # fmt: skip
        self.accounts = accounts
        self._ticks = ticks
        self._assumptions = assumptions
        self._depth = np.asarray([each.usd_within_50bp for each in depths])
        self._largest = largest
        self._keep = 0.5 ** (step_ms / 1000 / UNWIND_HALF_LIFE_SECONDS)
        self._backstop = backstop_account(world.in_blocks)
        self._lag = TREND_SECONDS * 1000 // step_ms
        self._fair = np.zeros((self._lag, len(depths)))
        self._noise = _noise(assumptions, decisions, self._depth)
        self.holding = np.zeros((len(accounts), len(depths)))
        """USD held by each taker account in each market, about."""
        self.inherited = np.zeros(len(depths), np.int64)
        """Signed size of the backstop."""

    def wanted(self, number: int, prices: PriceFormation) -> Floats:
        """Signed USD (5, m) of noise buyers, noise sellers, trend, arbitrage and the backstop."""
        found = np.zeros((5, len(self._depth)))
        found[0], found[1] = self._noise[number, 0], -self._noise[number, 1]
        before = self._fair[number % self._lag]
        known = before if number >= self._lag else prices.fair
        self._fair[number % self._lag] = prices.fair
        signal = np.clip((prices.fair / known - 1.0) / TREND_FULL, -1.0, 1.0)
        target = self._assumptions.trend * TREND_HOLDING * self._depth * signal
        change = target - self.holding[1]
        least = TREND_LEAST * TREND_HOLDING * self._depth
        found[2] = np.where(np.abs(change) > least, change, 0.0)
        gap = np.log(prices.elsewhere) - prices.displacement
        eager = np.clip((np.abs(gap) - GAP_LEAST) / GAP_FULL, 0.0, 1.0) * np.sign(gap)
        usd = self._assumptions.arbitrage * GAP_SHARE * self._depth * eager
        full = GAP_HOLDING * self._depth
        found[3] = np.clip(usd, -full - self.holding[2], full - self.holding[2])
        found[3] = np.where(eager * found[3] > 0, found[3], 0.0)
        if self.inherited.any():
            value = self.inherited / MICRO * prices.fair * self._ticks.scale
            most = UNWIND_SHARE * self._depth * prices.left
            found[4] = np.clip(-value * (1.0 - self._keep), -most, most)
        return found

    def orders(self, time_ms: int, prices: PriceFormation, wanted: Floats) -> Rows:
        """Immediate orders for what is wanted; what is too small for the rules is left out."""
        agents, markets = np.nonzero(wanted)
        usd = wanted[agents, markets]
        fair = (prices.fair * self._ticks.scale)[markets]
        decimals = self._ticks.decimals[markets]
        buys = usd > 0
        high = self._ticks.round(fair * (1.0 + THROUGH), decimals, up=False)
        low = self._ticks.round(fair * (1.0 - THROUGH), decimals, up=True)
        limit = np.where(buys, high, low)
        micro = np.minimum(np.abs(usd) * MICRO, self._largest[markets] * (1.0 - THROUGH))
        size = np.floor(micro / fair).astype(np.int64)
        is_backstop = agents == 4
        size[is_backstop] = np.minimum(
            size[is_backstop], np.abs(self.inherited[markets[is_backstop]])
        )
        rows = np.zeros(len(usd), command_dtype)
        rows["kind"] = int(CommandKind.PLACE_ORDER)
        rows["time_ms"] = time_ms
        owners = np.asarray([self.accounts[0], self.accounts[0], *self.accounts[1:], 0])
        rows["account"] = np.where(is_backstop, self._backstop, owners[agents])
        rows["market"] = markets
        rows["side"] = np.where(buys, int(Side.BUY), int(Side.SELL))
        rows["price"] = limit
        rows["order_size"] = size
        rows["time_in_force"] = int(TimeInForce.IMMEDIATE_OR_CANCEL)
        rows["flags"][is_backstop] = int(OrderFlag.REDUCE_ONLY)
        usable = (limit > 0) & (limit <= MAX_PRICE) & (size * limit >= self._ticks.least_value)
        made: Rows = rows[usable]
        return made


def _noise(assumptions: Assumptions, decisions: int, depth: Floats) -> Floats:
    """USD that noise buys and sells, (decisions, 2, markets), drawn before anything happens."""
    random = np.random.Generator(np.random.Philox(key=[assumptions.seed, 2]))
    shape = (decisions, 2, len(depth))
    trades = random.random(shape) < NOISE_CHANCE
    sizes = random.lognormal(np.log(NOISE_SIZE), NOISE_SIGMA, shape)
    found: Floats = np.where(trades, sizes, 0.0) * depth * assumptions.noise
    return found
