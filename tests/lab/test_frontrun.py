"""Front-running: the book, pools at an old price, liquidations ahead of it, stops."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

import seawall as sw
from seawall.accounts.account import Account
from seawall.accounts.load import AccountOptions, load_account
from seawall.accounts.valuation import valuation_of
from seawall.domain.enums import MarkMethod, Side
from seawall.domain.holdings import OpenOrder
from seawall.domain.rulebook import Rulebook
from seawall.lab.frontrun import frontrun
from seawall.lab.frontrun.early import Early, Values, early_liquidations
from seawall.lab.frontrun.pool import Pool, PoolError, load_pool, pool_names
from seawall.lab.frontrun.sandwich import batch, sandwich, uniform_price
from seawall.lab.frontrun.scene import Level, Party, Scene
from seawall.lab.frontrun.searcher import load_searcher, searcher_names
from seawall.lab.frontrun.stale import Feed, best_notional, feed_of, side_cost, stale_trades
from seawall.lab.frontrun.stops import hunt, reached
from seawall.lab.keepers.gas import gas_prices, load_gas
from seawall.lab.keepers.mechanism import load_mechanism
from seawall.lab.market.liquidity import Depth, assumed_depth
from seawall.lab.oracle.preset import load_preset
from seawall.lab.oracle.publish import publish

USD = 10**6
BOOKS = ("hyperliquid", "dydx")


def account(rulebook: str = "hyperliquid") -> Account:
    return load_account(None, AccountOptions(rulebook=rulebook))


def scene(
    rulebook: str = "hyperliquid", market: int = 0, left: float = 1.0, *, others: int = 0,
    moved: bool = True, size: float = 1.0,
) -> Scene:  # fmt: skip
    """The built-in account just beyond the liquidation price of a market; or at the prices now."""
    held = account(rulebook)
    valuation = valuation_of(held)
    before = np.asarray(valuation.prices, np.int64)
    after = before.copy()
    signed = next(
        each.signed_size for each in held.holdings.positions if each.market == market
    )  # fmt: skip
    sign = -1 if signed > 0 else 1
    if moved:
        ends = valuation.boundary(market)
        assert ends is not None
        before[market] = ends[0]
        after[market] = round(ends[1] * (1 + sign * 1e-4))
        if valuation.in_blocks:
            before[market] = round(int(after[market]) * (1 - sign * 0.01))
    depths = [
        Depth(size * each.usd_within_50bp, each.spread_bp)
        for each in (assumed_depth(held.listed[name]) for name in held.markets)
    ]
    side = Side.SELL if signed > 0 else Side.BUY
    return Scene(held, depths, left, market, side, before, after, others)


def test_a_deep_book_leaves_nothing_to_a_sandwich() -> None:
    found = sandwich(scene(), 0)
    assert not found.is_done
    assert found.tries > 0
    assert found.gross is not None
    assert found.gross < 0
    assert (found.cost, found.profit, found.gas) == (0, 0, 0)
    assert found.played == found.calm


# The sandwich


@pytest.mark.parametrize("rulebook", BOOKS)
@pytest.mark.parametrize("market", [0, 2])
@pytest.mark.parametrize("size", [1.0, 0.05, 0.02])
def test_money_is_conserved_and_no_searcher_loses(rulebook: str, market: int, size: float) -> None:
    found = sandwich(scene(rulebook, market, size=size), 3 * USD)
    assert found.is_conserved
    assert sum(found.played.money.values()) == 0
    assert found.profit >= 0
    assert found.is_done == (found.profit > 0)
    assert found.cost >= 0


def test_a_sandwich_is_what_its_fills_say() -> None:
    """Sold ahead, bought from the liquidation: the difference less fees is what the searcher has.

    The account loses what it is sold for less, and what a larger liquidation costs it.
    """
    made = scene(market=2, left=0.02)
    found = sandwich(made, 0)
    assert found.is_done
    played = found.played
    assert played.sold.size == played.bought.size == found.first
    # Taker at both ends would be 9 bp; its resting order pays less.
    gross = played.sold.value - played.bought.value
    fees = gross - played.money[Party.SEARCHER]
    assert 45 * played.sold.value / 100_000 < fees < 90 * played.sold.value / 100_000
    assert played.account.price is not None
    assert found.calm.account.price is not None
    assert played.account.price < found.calm.account.price
    assert found.cost > 0


def test_gas_decides_whether_it_pays() -> None:
    made = scene(market=2, left=0.02)
    free = sandwich(made, 0)
    assert sandwich(made, free.profit - 1).profit == 1
    dear = sandwich(made, free.profit)
    assert not dear.is_done
    assert dear.cost == dear.gas == 0


def test_beyond_the_fillable_price_nothing_is_sold() -> None:
    """Under block rules quotes that are too far away are not taken, so nothing is sandwiched."""
    thin = sandwich(scene("dydx", left=0.02), 0)
    assert (thin.calm.account.size, thin.tries, thin.gross) == (0, 0, None)
    assert not thin.is_done
    found, gain = batch(scene("dydx", left=0.02), thin.calm, 500_000)
    assert (found, gain) == (None, 0)


def test_one_price_for_a_batch() -> None:
    bids = [Level(100, 5), Level(99, 5), Level(98, 10)]
    assert uniform_price(bids, 5, Side.SELL, 0) == (100, 5)
    assert uniform_price(bids, 6, Side.SELL, 0) == (99, 6)
    assert uniform_price(bids, 50, Side.SELL, 0) == (98, 20)
    assert uniform_price(bids, 50, Side.SELL, 99) == (99, 10)
    assert uniform_price(bids, 5, Side.SELL, 101) == (0, 0)
    asks = [Level(101, 5), Level(102, 5)]
    assert uniform_price(asks, 6, Side.BUY, 2**62) == (102, 6)


def test_a_batch_gives_a_sandwich_nothing_and_costs_the_last_price() -> None:
    made = scene(market=2, left=0.02)
    calm = made.liquidation()
    found, gain = batch(made, calm, 450_000)
    assert found is not None
    assert gain < 0
    assert found.cost == calm.account.value - found.price * calm.account.size
    assert found.cost > 0
    assert found.price == min(
        each.price
        for each in made.levels
        if sum(one.size for one in made.levels if one.price > each.price) < calm.account.size
    )


# Stops


def stop_at(made: Scene, share: float, size: int) -> OpenOrder:
    price = made.on_tick(round(int(made.after[made.market]) * share))
    return OpenOrder(
        market=made.market, side=made.side, size=size, price=0, trigger_price=price,
        take_profit=False, reduce_only=True,
    )  # fmt: skip


def test_an_own_stop_alone_is_worth_reaching_for_none() -> None:
    order = stop_at(scene(moved=False), 0.98, 645_464)
    found = hunt(lambda size: scene(moved=False, others=size), order, 0, 0, is_assumed=False)
    assert found.first is not None
    assert found.gain(found.alone) < found.gain(found.own) < 0
    assert not found.pays_alone
    assert found.needed is not None
    assert all(each.is_conserved for each in found.runs)
    # What it found is enough, and half of it is not.
    for others, pays in ((found.needed, True), (found.needed // 2, False)):
        again = hunt(
            lambda size: scene(moved=False, others=size), order, others, 0, is_assumed=False
        )  # fmt: skip
        assert again.pays is pays


def test_a_stop_beyond_the_quoted_book_is_said() -> None:
    order = stop_at(scene(moved=False), 0.9, 645_464)
    found = hunt(lambda size: scene(moved=False, others=size), order, 0, 0, is_assumed=False)
    assert (found.first, found.runs, found.needed) == (None, [], None)
    assert reached([Level(99, 1)], 98, Side.SELL) is None
    assert reached([Level(99, 1), Level(98, 1)], 98, Side.SELL) == 1
    assert reached([Level(101, 1), Level(103, 1)], 102, Side.BUY) == 1


def test_a_median_mark_does_not_follow_the_book() -> None:
    """A sale through two percent of the book moves the last price, and not the venue's mark.

    Where the oracle itself falls, the same stop fires.
    """
    made = scene(moved=False)
    order = stop_at(made, 0.98, 645_464)
    quoted = sum(each.size for each in made.levels[:-1])
    assert not made.fires(order, quoted)
    held = account()
    assert isinstance(held.rulebook, Rulebook)
    assert held.rulebook.mark.method == MarkMethod.MEDIAN
    now = made.after
    lower = now.copy()
    lower[0] = round(int(now[0]) * 0.97)
    depths = [assumed_depth(held.listed[name]) for name in held.markets]
    fallen = Scene(held, depths, 1.0, 0, Side.SELL, now, lower)
    assert fallen.fires(order, 0)


# Pools


FLAT = load_pool("at_published")


def feed(true: Any, shown: Any, read_ms: Any, pool: Pool, gas: int = 0) -> Feed:
    """A step each second."""
    count = len(true)
    prices = np.asarray(true, np.float64)
    return Feed(
        times_ms=1000 * np.arange(count, dtype=np.int64), true=prices,
        shown=np.asarray(shown, np.float64), read_ms=np.asarray(read_ms, np.int64),
        expected=prices, is_refused=np.zeros(count, np.bool_), gas=np.full(count, gas, np.int64),
    )  # fmt: skip


def test_a_late_price_pays_its_gap_less_costs() -> None:
    """1 % higher than published for a second: 0.8 % of 5 million after 0.1 % at each side."""
    found = stale_trades(feed([100, 101, 101], [100, 100, 101], [0, 0, 2000], FLAT, USD), FLAT)
    (trade,) = found.trades
    assert (trade.sent, trade.opened, trade.closed, trade.side) == (1, 1, 2, 1)
    assert trade.notional == 5_000_000 * USD
    assert trade.move == 50_000 * USD
    assert trade.costs == 10_000 * USD
    assert (found.searcher, found.pool, found.gas) == (39_998 * USD, -40_000 * USD, 2 * USD)
    assert found.is_conserved
    # From 0.5 % at each side on nothing of a gap of 1 % is left.
    assert found.stopping_ppm == 5_000


def test_two_steps_and_limits_take_it_back() -> None:
    path = feed([100, 101, 101, 101], [100, 100, 101, 101], [0, 0, 2000, 2000], FLAT)
    assert stale_trades(path, FLAT).trades
    assert stale_trades(path, FLAT.in_two_steps).trades == ()
    fresh = structs.replace(FLAT, most_age_ms=900)
    assert stale_trades(path, fresh).trades == ()
    assert stale_trades(path, structs.replace(FLAT, most_age_ms=1000)).trades
    refused = structs.replace(path, is_refused=np.ones(4, np.bool_))
    assert stale_trades(refused, FLAT).trades == ()


@pytest.mark.parametrize(
    ("name", "age_ms", "is_taken"),
    [("drift_like", 4_000, True), ("drift_like", 4_001, False)],
)
def test_quotes_stand_for_prices_of_ten_slots(name: str, age_ms: int, is_taken: bool) -> None:
    """Drift: an oracle price of more than 10 slots stops its own quotes."""
    pool = load_pool(name)
    path = feed([100, 110, 110], [100, 100, 110], [0, 1000 - age_ms, 2000], pool)
    assert bool(stale_trades(path, pool).trades) is is_taken


@pytest.mark.parametrize(("silence", "trades"), [(60, True), (61, False)])
def test_clients_of_a_pulled_price_refuse_it_after_sixty_seconds(
    silence: int, trades: bool
) -> None:
    """Pyth: what was published more than 60 s ago is refused, so nothing is opened at it."""
    preset = structs.replace(
        load_preset("direct"), name="silent", interval_ms=10**7, user_age_ms=60_000
    )
    times = 1000 * np.arange(silence + 1, dtype=np.int64)
    true = np.full(silence + 1, 100.0)
    true[-1] = 101.0
    shown = publish(times, true[:, None], preset, 1)
    gas = load_gas("none")
    prices = gas_prices(times, true, gas, 1)
    path = feed_of(times, true, shown, 0, preset, FLAT, gas, prices)
    assert bool(path.is_refused[-1]) is not trades
    # The last step is too late to close: what counts is whether it is worth opening.
    assert (stale_trades(path, FLAT).stopping_ppm > 0) is trades


def test_a_price_that_is_known_an_hour_before() -> None:
    """Maker: what is read becomes the price an hour later; until then it can be traded on."""
    preset = structs.replace(
        load_preset("maker_like"), source_failures_a_day=0, source_error_ppm=0, source_lag_ms=0
    )
    times = 60_000 * np.arange(181, dtype=np.int64)
    true = np.where(times < 3_600_000, 1000.0, 900.0)
    shown = publish(times, true[:, None], preset, 1)
    gas = load_gas("none")
    path = feed_of(times, true, shown, 0, preset, FLAT, gas, gas_prices(times, true, gas, 1))
    first = stale_trades(path, FLAT).trades[0]
    assert first.side == -1
    assert (first.entry, first.exit) == (1000.0, 900.0)
    assert times[first.closed] == 2 * 3_600_000
    assert first.move == first.notional // 10


def test_the_position_of_the_example_at_an_old_price() -> None:
    """gTrade: 1,938.8 at 45 times from 4.7781798348. A price late by 0.3 % is worth 261.74."""
    notional = round(1938.8 * 45 * USD)
    pool = structs.replace(
        FLAT, most_micro_usd=notional, fee_ppm=600, spread_ppm=0, scale_micro_usd=0
    )
    now = 4.7781798348
    path = feed([now, 1.003 * now, 1.003 * now], [now, now, 1.003 * now], [0, 0, 2000], pool)
    (trade,) = stale_trades(path, pool).trades
    assert trade.notional == 87_246 * USD
    assert trade.move == pytest.approx(261.738 * USD, abs=1)
    assert trade.costs == 2 * 87_246 * USD * 600 // USD
    two = stale_trades(path, pool.in_two_steps)
    assert (two.trades, two.pool) == ((), 0)


def test_gas_of_an_order_as_documented() -> None:
    """GMX: 3 to 3.9 million, 600,000 and 250,000 for each oracle price."""
    units = load_pool("gmx_like").gas_units
    assert 3_000_000 + 600_000 + 250_000 <= units <= 3_900_000 + 600_000 + 250_000


@given(gap=st.floats(0, 0.2), scale=st.integers(0, 10**15), most=st.integers(1, 10**14))
@settings(max_examples=200, deadline=None)
def test_no_other_size_gains_more(gap: float, scale: int, most: int) -> None:
    pool = structs.replace(FLAT, scale_micro_usd=scale, most_micro_usd=most)
    (size,) = best_notional(np.asarray([gap]), pool).tolist()
    assert 0 <= size <= most

    def gain(notional: int) -> float:
        return notional * gap - 2 * side_cost(notional, pool)

    for other in (size // 2, size * 9 // 10, min(most, size * 11 // 10), most):
        assert gain(size) >= gain(other) - 4 - 1e-9 * gain(size)


@given(
    moves=st.lists(st.floats(-0.05, 0.05), min_size=5, max_size=80),
    name=st.sampled_from(pool_names()),
    oracle=st.sampled_from(["direct", "pyth_like", "chainlink_like", "maker_like"]),
    seed=st.integers(0, 100),
)
@settings(max_examples=100, deadline=None)
def test_money_of_pools_is_conserved_on_any_path(
    moves: list[float], name: str, oracle: str, seed: int
) -> None:
    true = 100 * np.exp(np.cumsum(moves))
    times = 5_000 * np.arange(len(true), dtype=np.int64)
    preset, pool, gas = load_preset(oracle), load_pool(name), load_gas("ethereum")
    shown = publish(times, true[:, None], preset, seed)
    path = feed_of(times, true, shown, 0, preset, pool, gas, gas_prices(times, true, gas, seed))
    for each in (pool, pool.in_one_step, pool.in_two_steps):
        found = stale_trades(path, each)
        assert found.is_conserved
        assert all(one.opened < one.closed for one in found.trades)
        assert all(one.sent <= one.opened for one in found.trades)
        again = stale_trades(path, structs.replace(each, fee_ppm=found.stopping_ppm))
        assert again.trades == ()


@given(later=st.lists(st.floats(1, 1000), min_size=10, max_size=10))
@settings(max_examples=50, deadline=None)
def test_a_trade_knows_no_later_price(later: list[float]) -> None:
    """What is opened before a time does not depend on true prices from then on."""
    head = [100.0, 101.0, 103.0, 99.0, 100.0, 104.0, 104.0, 100.0, 97.0, 100.0]
    times = 10_000 * np.arange(20, dtype=np.int64)
    preset, gas = load_preset("chainlink_like"), load_gas("none")
    opened = []
    for tail in ([100.0] * 10, later):
        true = np.asarray(head + tail)
        shown = publish(times, true[:, None], preset, 1)
        path = feed_of(times, true, shown, 0, preset, FLAT, gas, gas_prices(times, true, gas, 1))
        known = [each for each in stale_trades(path, FLAT).trades if each.closed < 10]
        opened.append([(each.sent, each.side, each.notional) for each in known])
    assert opened[0] == opened[1]


@pytest.mark.parametrize("name", pool_names())
def test_the_true_price_leaves_nothing(name: str) -> None:
    """Without lag: nobody trades with a pool, however cheap."""
    pool = structs.replace(load_pool(name), oracle="direct", fee_ppm=0, spread_ppm=0)
    true = 100 * np.exp(np.cumsum(np.random.default_rng(1).normal(0, 0.01, 300)))
    times = 1000 * np.arange(300, dtype=np.int64)
    preset, gas = load_preset("direct"), load_gas("none")
    shown = publish(times, true[:, None], preset, 1)
    path = feed_of(times, true, shown, 0, preset, pool, gas, gas_prices(times, true, gas, 1))
    for each in (pool, pool.in_one_step, pool.in_two_steps):
        assert stale_trades(path, each).trades == ()


# Liquidations ahead of the price


def early(prices: Any, oracle: str = "direct", step_ms: int = 1000) -> Early:
    """The isolated position in SOL of the built-in account, at shares of its price now."""
    held = account()
    valuation = valuation_of(held)
    scale = [10.0**-each.price_decimals for each in held.instruments]
    now = np.asarray(valuation.prices) * scale
    true = np.tile(now, (len(prices), 1))
    true[:, 2] *= np.asarray(prices)
    times = step_ms * np.arange(len(prices), dtype=np.int64)
    gas = load_gas("rollup")
    preset = load_preset(oracle)
    found = early_liquidations(
        Values(valuation), times, true, publish(times, true, preset, 1), preset,
        load_searcher("usual"), load_mechanism("fixed_bonus"), gas,
        gas_prices(times, true[:, 2], gas, 1),
    )  # fmt: skip
    return next(each for each in found if each.bucket == 2)


def test_a_block_is_lost_of_the_time_to_add_money() -> None:
    found = early([1.0] * 5 + [0.96] * 5 + [0.94] * 5 + [0.9] * 5)
    assert (found.true_ms, found.update_ms, found.attempts) == (15_000, 15_000, 0)
    assert found.warned_ms is not None
    assert found.left_ms == 15_000 - found.warned_ms
    assert found.lost_ms == load_searcher("usual").block_ms
    assert found.pays


def test_a_short_dip_is_survived_where_keepers_wait() -> None:
    short = early([1.0, 0.9, 0.9, 1.0, 1.0, 1.0])
    assert (short.updates, short.over) == (1, 1)
    long = early([1.0, 0.9, 0.9, 0.9, 0.9, 1.0])
    assert (long.updates, long.over) == (1, 0)
    twice = early([1.0, 0.9, 1.0, 1.0, 0.9, 1.0, 1.0])
    assert (twice.updates, twice.over) == (2, 2)


def test_what_is_sent_in_vain_is_paid() -> None:
    """One each block from the true price's liquidation to the published one's."""
    found = early([1.0] * 5 + [0.9] * 60, "chainlink_like")
    assert found.true_ms is not None
    assert found.update_ms is not None
    waited = found.update_ms - found.true_ms
    assert waited > 0
    assert found.attempts == waited // load_searcher("usual").block_ms
    assert found.gas > early([1.0] * 5 + [0.9] * 60).gas


def test_never_is_said() -> None:
    found = early([1.0, 0.99, 0.98])
    assert (found.update_ms, found.lost_ms, found.left_ms, found.pays) == (None, None, None, False)


# Files and the command


def test_every_number_has_its_source() -> None:
    others = ("name", "title", "oracle", "sources")
    for name in pool_names():
        pool = load_pool(name)
        fields = [each for each in Pool.__struct_fields__ if each not in others]
        assert list(pool.sources) == fields
    for name in searcher_names():
        assert "block_ms" in load_searcher(name).sources


def test_a_file_is_a_pool(tmp_path: Any) -> None:
    fields = load_pool("gmx_like").sources
    lines = [f'{each} = {{ value = 1, source = "mine", mark = "assumed" }}' for each in fields]
    head = ['title = "mine"', 'oracle = "dydx"', 'as_of = "2026-12-02"']
    path = tmp_path / "mine.toml"
    path.write_text("\n".join([*head, *lines]))
    assert load_pool(path).fee_ppm == 1
    path.write_text(
        "\n".join([*head, *lines]).replace("two_step = { value = 1", "two_step = { value = 2")
    )
    with pytest.raises(PoolError, match="is_two_step: 2 should be a whole number from 0 to 1"):
        load_pool(path)
    path.write_text("\n".join([*head, *lines]).replace('"dydx"', '"delphi"'))
    with pytest.raises(sw.SeawallError, match=r"oracle: 'delphi' should be a .toml file"):
        load_pool(path)


@pytest.mark.parametrize("rulebook", BOOKS)
def test_the_answer_adds_up(rulebook: str) -> None:
    asked: dict[str, Any] = {"oracles": "chainlink_like", "crisis": "flash_crash"}
    answer = sw.frontrun(account(rulebook), **asked)
    assert answer.is_conserved
    assert len(answer.sandwiches) == 4
    assert len(answer.hunts) == 3
    assert len(answer.stale) == 3 * len(pool_names())
    assert [each.preset for each in answer.early] == ["direct"] * 2 + ["chainlink_like"] * 2
    for row in answer.stale:
        assert row.given_back >= 0
    again = sw.frontrun(account(rulebook), **asked)
    assert (again.sandwiches, again.stale, again.early) == (
        answer.sandwiches, answer.stale, answer.early,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"pools": "pond"}, "pool: 'pond' should be a .toml file or one of at_published"),
        ({"oracles": "x"}, "oracle: 'x' should be a .toml file or one of"),
        ({"searcher": "x"}, "searcher: 'x' should be a .toml file or one of usual"),
        ({"gas": "oil"}, "gas: 'oil' should be a .toml file or one of ethereum"),
        ({"mechanism": "x"}, "mechanism: 'x' should be a .toml file or one of derive_like"),
        ({"crisis": "tulips"}, "crises: tulips: is no .toml file"),
        ({"stop": "0%"}, "stop: '0%' should be above 0% and below 50%"),
        ({"seed": -1}, "seed: -1 should be 0 to"),
    ],
)
def test_bad_input_is_named(given: Mapping[str, Any], message: str) -> None:
    with pytest.raises(sw.SeawallError) as caught:
        frontrun(load_account(), **given)
    assert message in str(caught.value)
