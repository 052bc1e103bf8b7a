"""The question of ``seawall frontrun``: what acting first takes from an account, and from whom."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from msgspec import Struct

from seawall.accounts.account import Account
from seawall.accounts.valuation import Valuation, valuation_of
from seawall.domain.enums import Side
from seawall.domain.errors import InputError
from seawall.domain.holdings import OpenOrder
from seawall.domain.quantities import Amount, number, several
from seawall.domain.units import MICRO, PPM
from seawall.lab.arrays import Integers
from seawall.lab.crises.crisis import Crisis, even_grid
from seawall.lab.crises.question import DEPTHS, HIGHEST_SEED, one_crisis
from seawall.lab.frontrun.early import Early, Values, early_liquidations
from seawall.lab.frontrun.pool import Pool, load_pool, pool_names
from seawall.lab.frontrun.sandwich import ORDERS, BatchFill, Sandwich, batch, sandwich
from seawall.lab.frontrun.scene import Scene
from seawall.lab.frontrun.searcher import USUAL, Searcher, load_searcher
from seawall.lab.frontrun.stale import Stale, feed_of, stale_trades
from seawall.lab.frontrun.stops import Hunt, hunt
from seawall.lab.keepers.gas import Gas, gas_prices, load_gas
from seawall.lab.keepers.mechanism import Mechanism, load_mechanism
from seawall.lab.market.assumptions import Assume, assumptions_of
from seawall.lab.market.fees import fee_rates
from seawall.lab.market.liquidity import Ticks, tick_rules
from seawall.lab.market.named_scenarios import DEFAULT
from seawall.lab.oracle.preset import load_preset, loaded
from seawall.lab.oracle.publish import publish
from seawall.lab.paths.variants import sole_pool
from seawall.lab.simulation.setup import Grid
from seawall.lab.sourced_file import each_once
from seawall.report.findings import Answer, Findings
from seawall.report.progress import Progress, silent

ORACLES = ("pyth_like", "chainlink_like", "maker_like")
GAS, MECHANISM = "rollup", "fixed_bonus"
STOP = "2%"
BEYOND = 1e-4
"""How far beyond its liquidation price a market goes, as a share of the price."""
APART = 0.01
"""Under block rules a price that moves by less than a threshold is not taken."""


class BookSandwich(Struct, frozen=True, kw_only=True):
    """The liquidation of one bucket. ``price``: units of ``market`` that liquidate it.

    ``uniform``: in a batch auction, None where nothing is sold; ``batch_gain``: the best that a
    searcher gains in the same batch, micro-USD.
    """

    bucket: int
    market: int
    depth: str
    price: int
    found: Sandwich
    uniform: BatchFill | None
    batch_gain: int


class PoolTrades(Struct, frozen=True, kw_only=True):
    """One pool in one market: as it is, with orders at once at the price in force, and with orders
    at the first price that is read after them. ``notional``: micro-USD of the account there."""

    pool: Pool
    market: str
    notional: int
    found: Stale
    one_step: Stale
    two_steps: Stale

    @property
    def runs(self) -> tuple[Stale, ...]:
        """What was played."""
        return self.found, self.one_step, self.two_steps

    @property
    def given_back(self) -> int:
        """Micro-USD that the pool loses less in two steps than in one."""
        return self.two_steps.pool - self.one_step.pool

    @property
    def toll(self) -> int:
        """Micro-USD that the account pays more, opening and closing what it holds, where the fee is
        raised until no trade in one step is worth it."""
        more = max(0, self.one_step.stopping_ppm - self.pool.fee_ppm)
        return 2 * self.notional * more // PPM


class FrontrunAnswer(Answer, frozen=True, kw_only=True):
    """What ``frontrun`` found. ``unreached``: buckets that no price of their largest position
    liquidates, or that are liquidatable now."""

    account: Account
    valuation: Valuation
    crisis: Crisis
    searcher: Searcher
    gas: Gas
    mechanism: Mechanism
    pools: tuple[Pool, ...]
    stop: float
    sandwiches: tuple[BookSandwich, ...]
    unreached: tuple[int, ...]
    stale: tuple[PoolTrades, ...]
    early: tuple[Early, ...]
    hunts: tuple[Hunt, ...]
    seed: int

    @property
    def is_conserved(self) -> bool:
        books = all(each.found.is_conserved for each in self.sandwiches)
        pools = all(one.is_conserved for each in self.stale for one in each.runs)
        return books and pools and all(one.is_conserved for each in self.hunts for one in each.runs)

    def findings(self) -> Findings:
        from seawall.lab.frontrun.sheets import findings

        return findings(self)


def frontrun(
    account: Account,
    *,
    pools: str | Path | Iterable[str | Path] = (),
    oracles: str | Path | Iterable[str | Path] = ORACLES,
    searcher: str | Path = USUAL,
    gas: str | Path = GAS,
    mechanism: str | Path = MECHANISM,
    crisis: str | Path = DEFAULT,
    stop: Amount = STOP,
    seed: int = 1,
    assume: Assume = None,
    progress: Progress = silent,
) -> FrontrunAnswer:
    """What a searcher that acts first takes from an account and its venue.

    A sandwich of its liquidations in the book, trades at an old price with pools, liquidations sent
    ahead of the price that allows them, and stops that are reached through the book. ``pools``: by
    name, or files; without any all that ship. ``oracles``: presets of ``seawall oracle`` for the
    liquidations. ``searcher``: what is assumed of it; ``gas``, ``mechanism``: as in ``keepers``.
    ``crisis``: the path of prices. ``stop``: how far away a position without a stop is looked at as
    if it had one. ``seed``: of the errors of sources, and of gas.

    Raises SeawallError for input that cannot be used.
    """
    if not 0 <= seed <= HIGHEST_SEED:
        raise InputError.of("", "seed", seed, f"0 to {HIGHEST_SEED:,}")
    expected = "above 0% and below 50%, such as 2%"
    distance = number("stop", stop, least=0, most=0.49, expected=expected, above=True)
    chosen = tuple(each_once("pool", map(load_pool, several(pools) or pool_names())))
    presets = loaded(several(oracles))
    who, price, rules = load_searcher(searcher), load_gas(gas), load_mechanism(mechanism)
    if not account.positions:
        raise InputError(f"{account.source}: position: the account has none")
    sole_pool(account.holdings, account.rulebook, account.instruments)
    assumed = assumptions_of(assume)
    found = one_crisis(crisis, account, assumed)
    priced = assumed.account(account)
    valuation = valuation_of(priced)
    grid = even_grid(found.path, account.instruments)
    books = _Books(priced, valuation, found, who, price)
    progress("liquidations in the book")
    sandwiches = tuple(books.sandwiches())
    progress("stops")
    hunts = tuple(books.hunts(float(distance)))
    progress("pools")
    stale = tuple(_stale(chosen, valuation, grid, price, seed))
    progress("liquidations on chain")
    values = Values(valuation)
    early: list[Early] = []
    for preset in presets:
        shown = publish(grid.times_ms, grid.oracle, preset, seed)
        costs = gas_prices(grid.times_ms, grid.oracle[:, books.largest], price, seed)
        early += early_liquidations(
            values, grid.times_ms, grid.oracle, shown, preset, who, rules, price, costs
        )
    reached = {each.bucket for each in sandwiches}
    held = [bucket for bucket, markets in valuation.buckets.items() if markets]
    return FrontrunAnswer(
        account=priced, valuation=valuation, crisis=found, searcher=who, gas=price, mechanism=rules,
        pools=chosen, stop=float(distance), sandwiches=sandwiches,
        unreached=tuple(each for each in held if each not in reached), stale=stale,
        early=tuple(early), hunts=hunts, seed=seed,
    )  # fmt: skip


class _Books:
    """What happens in the books of one account's markets."""

    def __init__(
        self, account: Account, valuation: Valuation, crisis: Crisis, searcher: Searcher, gas: Gas
    ) -> None:
        self._account, self._valuation = account, valuation
        self._crisis, self._searcher, self._gas = crisis, searcher, gas
        self._now = np.asarray(valuation.prices, np.int64)
        self._held = {each.market: each.signed_size for each in valuation.plan.positions}
        self._taker = fee_rates(account.rulebook, 0).taker
        self._ticks = Ticks(account.instruments, *tick_rules(account.rulebook))
        self.largest = max(self._held, key=self._notional)

    def _notional(self, market: int) -> int:
        return abs(self._held[market]) * int(self._now[market])

    def _side(self, market: int) -> Side:
        return Side.SELL if self._held[market] > 0 else Side.BUY

    def _cost(self, *, is_busy: bool) -> int:
        """Micro-USD of a searcher's orders."""
        base, peak = self._gas.base_micro_gwei, self._gas.peak_ppm
        price = round(base * peak / PPM) if is_busy else base
        return ORDERS * self._gas.cost(self._searcher.order_gas_units, price)

    def sandwiches(self) -> Iterator[BookSandwich]:
        """Of every bucket that its largest position can liquidate, in every depth of the book."""
        for bucket, markets in self._valuation.buckets.items():
            if not markets:
                continue
            market = max(markets, key=self._notional)
            ends = self._valuation.boundary(market)
            if ends is None or self._is_over(bucket):
                continue
            before, after = self._prices(market, *ends)
            for name, left in DEPTHS.items():
                scene = Scene(
                    self._account, self._crisis.depths, left, market, self._side(market), before,
                    after,
                )  # fmt: skip
                found = sandwich(scene, self._cost(is_busy=left < 1))
                uniform, gain = batch(scene, found.calm, self._taker)
                yield BookSandwich(
                    bucket=bucket, market=market, depth=name, price=int(after[market]), found=found,
                    uniform=uniform, batch_gain=gain,
                )  # fmt: skip

    def _is_over(self, bucket: int) -> bool:
        return self._valuation.at(self._valuation.prices)[bucket].is_liquidatable

    def _prices(self, market: int, safe: int, over: int) -> tuple[Integers, Integers]:
        """Before and after the move that liquidates."""
        falls = self._held[market] > 0
        sign = -1 if falls else 1
        before, after = self._now.copy(), self._now.copy()
        after[market] = over + sign * max(1, round(over * BEYOND))
        before[market] = safe
        if self._valuation.in_blocks:
            before[market] = round(int(after[market]) * (1 - sign * APART))
        return before, after

    def hunts(self, distance: float) -> Iterator[Hunt]:
        """Of every stop of the account, and of positions without one at ``distance``."""
        for order, is_assumed in self._stops(distance):
            market = order.market
            price = int(self._now[market])
            share = 100 * abs(order.trigger_price / price - 1) * self._searcher.stops_ppm / PPM
            usd = self._crisis.interest[market] * share
            others = round(usd * MICRO / price)

            def made(size: int, market: int = market) -> Scene:
                return Scene(
                    self._account, self._crisis.depths, 1.0, market, self._side(market), self._now,
                    self._now, size,
                )  # fmt: skip

            yield hunt(made, order, others, self._cost(is_busy=False), is_assumed=is_assumed)

    def _stops(self, distance: float) -> Iterator[tuple[OpenOrder, bool]]:
        orders = self._account.holdings.orders
        for market, size in self._held.items():
            side = self._side(market)
            own = [
                each for each in orders
                if each.market == market and each.trigger_price and not each.take_profit
                and each.side == side and self._is_ahead(each)
            ]  # fmt: skip
            yield from ((each, False) for each in own)
            if not own:
                sign = -1 if size > 0 else 1
                trigger = self._ticks.one(
                    market, round(int(self._now[market]) * (1 + sign * distance))
                )
                yield OpenOrder(
                    market=market, side=side, size=abs(size), price=0, trigger_price=trigger,
                    take_profit=False, reduce_only=True,
                ), True  # fmt: skip

    def _is_ahead(self, order: OpenOrder) -> bool:
        """Whether the price has not passed the trigger yet."""
        now = int(self._now[order.market])
        return order.trigger_price < now if order.side == Side.SELL else order.trigger_price > now


def _stale(
    pools: Sequence[Pool], valuation: Valuation, grid: Grid, gas: Gas, seed: int
) -> Iterator[PoolTrades]:
    """Every pool in every market with a position."""
    for pool in pools:
        preset = load_preset(pool.oracle)
        shown = publish(grid.times_ms, grid.oracle, preset, seed)
        for held in valuation.plan.positions:
            market = held.market
            true = grid.oracle[:, market]
            prices = gas_prices(grid.times_ms, true, gas, seed)
            feed = feed_of(grid.times_ms, true, shown, market, preset, pool, gas, prices)
            yield PoolTrades(
                pool=pool,
                market=valuation.instruments[market].name,
                notional=abs(held.signed_size) * valuation.prices[market],
                found=stale_trades(feed, pool),
                one_step=stale_trades(feed, pool.in_one_step),
                two_steps=stale_trades(feed, pool.in_two_steps),
            )
