"""What leaving a book costs, and the largest size that a loss budget, a stop and margins allow."""

import gzip
import json
from fractions import Fraction
from math import isclose
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seawall.accounts.markets import markets_under, shipped_markets
from seawall.accounts.valuation import Valuation
from seawall.domain.enums import MarginMode
from seawall.domain.holdings import Holdings, Position
from seawall.domain.instrument import Instrument, MarginTier
from seawall.domain.units import MICRO
from seawall.lab.market.assumptions import assumptions_of
from seawall.lab.market.book import BookError, ladder_book
from seawall.lab.market.book_file import read_book_file
from seawall.lab.market.candle_file import PathError
from seawall.lab.market.fees import fee_rates
from seawall.lab.market.liquidity import Depth
from seawall.lab.size.advice import Odds, SizeTask, advise
from seawall.lab.size.candles import read_trading
from seawall.lab.size.exit import BookSide, book_side, exit_hours
from seawall.lab.size.margin import FractionRule, TierRule, margin_rule
from seawall.lab.size.sizing import (
    Backing,
    Trade,
    best_setting,
    exit_cost_share,
    is_beyond_stop,
    liquidation_price,
    liquidity_leverage,
    loss_at_stop,
    margin_left,
    size_by_budget,
    size_by_initial_margin,
    size_by_liquidation,
    size_by_liquidity,
)
from seawall.lab.stress.reverse import liquidation_boundary
from seawall.venues.rulebook_file import load_rulebook
from tests.shared_files import shared_file

SHIPPED = shipped_markets()
BTC = SHIPPED["BTC"]
PRICE = 1_000_000
"""100,000 USD in BTC's units of 0.1 USD."""
UNEVEN = 1_000_003
"""A price at which margins are no whole micro-USD."""
USD = MICRO


def side_of(*levels: tuple[int, int], middle: int, bids: bool = True) -> BookSide:
    made = [(Fraction(price), Fraction(size)) for price, size in levels]
    return BookSide(made, Fraction(middle), bids=bids)


BIDS = side_of((990, 10), (980, 20), (960, 30), middle=1000)


@pytest.mark.parametrize(
    ("size", "shortfall", "average"),
    [
        (1, 10, Fraction(990)),
        (10, 100, Fraction(990)),
        (11, 120, Fraction(1000) - Fraction(120, 11)),
        (30, 100 + 400, Fraction(1000) - Fraction(500, 30)),
        (60, 100 + 400 + 1200, Fraction(1000) - Fraction(1700, 60)),
    ],
)
def test_a_book_is_walked_level_by_level(size: int, shortfall: int, average: Fraction) -> None:
    left = BIDS.exit(size)
    assert (left.shortfall, left.average, left.in_book) == (shortfall, average, size)
    assert not left.is_beyond
    assert left.share == Fraction(shortfall, size * 1000)


def test_asks_are_walked_upwards() -> None:
    asks = side_of((1010, 10), (1030, 10), middle=1000, bids=False)
    assert asks.exit(15).shortfall == 10 * 10 + 5 * 30
    assert asks.exit(15).average == 1000 + Fraction(250, 15)


def test_beyond_the_book_the_square_root_law_goes_on() -> None:
    # 240 units are four times the book: 2/3 x 40 x 60 x (4^1.5 - 1) more.
    far = BIDS.exit(240)
    assert far.is_beyond
    assert far.in_book == 60
    assert far.shortfall == 1700 + 2 * 40 * 60 * 7 // 3
    # The law is that of the next unit: it starts where the last order was.
    assert BIDS.exit(61).shortfall - BIDS.exit(60).shortfall == pytest.approx(40, abs=1.5)
    assert BIDS.exit(241).shortfall - far.shortfall == pytest.approx(40 * 2, abs=1.5)


def test_nothing_is_sold_below_zero() -> None:
    # The law reaches a price of zero at 60 x (1000 / 40)^2 units.
    end = 60 * 625
    a_unit = BIDS.exit(end + 1001).shortfall - BIDS.exit(end + 1000).shortfall
    assert a_unit == 1000
    assert BIDS.exit(10**12).share < 1


def test_stress_keeps_a_share_of_every_order() -> None:
    half = BIDS.stressed(Fraction(1, 2))
    # 5 at 980 (the spread doubled), 10 at 980, 15 at 960.
    assert half.exit(15).shortfall == 15 * 20
    assert half.exit(30).shortfall == 15 * 20 + 15 * 40
    assert half.held == 30
    # The spread widens up to 20 times, and a price stays above zero.
    assert BIDS.stressed(Fraction(1, 1000)).exit(1).shortfall >= 200
    near_zero = side_of((3, 1000), (1, 1000), middle=4).stressed(Fraction(1, 50))
    assert near_zero.exit(1).average == 1


LEVELS = st.lists(st.tuples(st.integers(1, 400), st.integers(1, 10**6)), min_size=1, max_size=12)


def drawn_side(levels: list[tuple[int, int]], *, bids: bool) -> BookSide:
    middle, side = 10_000, -1 if bids else 1
    made, distance = [], 0
    for step, size in levels:
        distance += step
        made.append((Fraction(middle + side * distance), Fraction(size)))
    return BookSide(made, Fraction(middle), bids=bids)


@settings(max_examples=80, deadline=None)
@given(LEVELS, st.booleans(), st.integers(1, 10**8), st.integers(1, 1000), st.fractions(0.001, 1))
def test_slippage_is_monotone(
    levels: list[tuple[int, int]], bids: bool, size: int, more: int, depth: Fraction
) -> None:
    side = drawn_side(levels, bids=bids)
    calm, larger = side.exit(size), side.exit(size + more)
    assert larger.shortfall >= calm.shortfall
    # A share rounded up to whole micro-USD may fall by less than one of them.
    assert larger.share + Fraction(1, size * 10_000) >= calm.share
    stressed = side.stressed(depth).exit(size)
    assert stressed.shortfall >= calm.shortfall
    assert side.stressed(depth).exit(size + more).shortfall >= stressed.shortfall
    assert side.stressed(depth / 2).exit(size).shortfall >= stressed.shortfall


@settings(max_examples=80, deadline=None)
@given(LEVELS, st.booleans(), st.fractions(0.001, 3), st.sampled_from([1, 2, 3, 50]))
def test_slippage_equals_a_naive_walk(
    levels: list[tuple[int, int]], bids: bool, share: Fraction, parts: int
) -> None:
    side = drawn_side(levels, bids=bids)
    size = 1 + int(side.held * share / parts)
    half = abs(side.middle - side.levels[0][0])
    furthest = side.middle - 1 if bids else side.middle * 10**6
    left, cost, last = Fraction(size), Fraction(0), Fraction(0)
    for price, held in side.levels:
        taken = min(left, held / parts)
        last = max(abs(side.middle - price), min(half * min(parts, 20), furthest))
        cost += taken * last
        left -= taken
    found = side.stressed(Fraction(1, parts)).exit(size)
    if not left:
        assert 0 <= found.shortfall - cost < 1
        return
    held = size - left
    beyond = last * 2 / 3 * held * Fraction(float(size / held) ** 1.5 - 1)
    if not bids or last * Fraction(float(size / held) ** 0.5) < side.middle:
        assert isclose(found.shortfall, cost + beyond, rel_tol=1e-9, abs_tol=1.0)


@pytest.mark.parametrize("levels", [[], [(1000, 5)], [(990, 0)], [(990, 1), (995, 1)], [(1010, 1)]])
def test_a_side_that_is_none(levels: list[tuple[int, int]]) -> None:
    with pytest.raises(BookError):
        side_of(*levels, middle=1000)


def test_exit_time() -> None:
    # 10 % of 24 million a day is 100,000 an hour.
    assert exit_hours(Fraction(250_000), Fraction(24_000_000), Fraction(1, 10)) == Fraction(5, 2)


RECORDED = "data/l2_small_samples/hyperliquid_l2book_btcusd_20250126.jsonl.gz"


@pytest.mark.parametrize("bids", [True, False])
def test_a_recorded_book_walked_independently(bids: bool) -> None:
    path = shared_file(RECORDED)
    book = read_book_file(path, "BTC", None)
    with gzip.open(path, "rt") as lines:
        messages = [json.loads(line.split(" ", 1)[1]) for line in lines]
    last = [each for each in messages if each.get("channel") == "l2Book"][-1]["data"]["levels"]
    sides = [[(Fraction(o["px"]), Fraction(o["sz"])) for o in side] for side in last]
    middle = (sides[0][0][0] + sides[1][0][0]) / 2
    walked = book_side(book, BTC, bids=bids)
    assert walked.middle == middle * 10
    for coins in ("0.00001", "1", "2.5", "7.12345", "15"):
        left, received = Fraction(coins), Fraction(0)
        for price, size in sides[0 if bids else 1]:
            taken = min(left, size)
            received += taken * price
            left -= taken
        assert left == 0
        found = walked.exit(int(Fraction(coins) * 10**5))
        exact = abs(received - Fraction(coins) * middle) * MICRO
        assert 0 <= found.shortfall - exact < 1


def test_a_deep_recorded_book() -> None:
    path = shared_file("data/l2_trades_binance_2024-08-08/binance_usdm_btcusdt_20240808.parquet")
    book = read_book_file(path, "BTC", None)
    side = book_side(book, BTC, bids=True)
    # Its README: about 6.5 million USD of bids within 10 bp at the end.
    near = book.bids[book.bids[:, 0] >= book.middle * 0.999]
    usd = float(np.sum(near[:, 0] * near[:, 1]))
    assert usd == pytest.approx(6.5e6, rel=0.05)
    coins = float(np.sum(near[:, 1]))
    average = float(np.sum(near[:, 0] * near[:, 1])) / coins
    found = side.exit(round(coins * 10**5))
    assert float(found.average) / 10 == pytest.approx(average, rel=1e-9)


def trade_of(
    *, is_long: bool = True, depth: Fraction = Fraction(1, 50), stop: int | None = None, **more: int
) -> Trade:
    """BTC at 100,000 USD, a book of 20 million within 50 bp, and a stop 3 % away."""
    book = ladder_book(BTC, Depth(20e6, 1.0), PRICE / 10)
    way_out = book_side(book, BTC, bids=is_long)
    costs = {"entry_rate": 450_000, "exit_rate": 450_000, "funding_rate": 12_500_000,
             "settlements": 24} | more  # fmt: skip
    return Trade(
        is_long=is_long,
        entry_price=PRICE,
        stop_price=stop or (970_000 if is_long else 1_030_000),
        entry_book=book_side(book, BTC, bids=not is_long),
        exit_book=way_out.stressed(depth),
        **costs,
    )


def test_the_loss_adds_up_by_hand() -> None:
    # 1 BTC at 100,000, all of it at one price 10 USD under the middle, stop at 97,000.
    side = side_of((999_900, 10**6), middle=PRICE)
    asks = side_of((1_000_200, 10**6), middle=PRICE, bids=False)
    trade = Trade(
        is_long=True, entry_price=PRICE, stop_price=970_000, entry_book=asks, exit_book=side,
        entry_rate=450_000, exit_rate=450_000, funding_rate=12_500_000, settlements=24,
    )  # fmt: skip
    loss = loss_at_stop(trade, 10**5)
    assert loss.stop == 3_000 * USD
    assert loss.entry_slippage == 20 * USD
    assert loss.exit_slippage == 9_700_000  # 10 USD x 0.97
    assert loss.entry_fee == 45_009_000  # 0.045 % of 100,020
    assert loss.exit_fee == 43_645_635  # 0.045 % of 96,990.30
    assert loss.funding == 30 * USD  # 24 hours of 0.00125 % of 100,000
    assert loss.total == 3_000 * USD + 20 * USD + 9_700_000 + 45_009_000 + 43_645_635 + 30 * USD


@pytest.mark.parametrize("is_long", [True, False])
@pytest.mark.parametrize("budget", [1, 100, 2_000, 250_000])
def test_the_size_is_the_largest_lot_within_the_budget(is_long: bool, budget: int) -> None:
    trade = trade_of(is_long=is_long)
    size = size_by_budget(trade, budget * USD)
    assert loss_at_stop(trade, size).total <= budget * USD < loss_at_stop(trade, size + 1).total
    coarse = size_by_budget(trade, budget * USD, 100)
    assert coarse == size // 100 * 100


def test_no_lot_fits_a_tiny_budget() -> None:
    assert size_by_budget(trade_of(), 10) == 0


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 10**8), st.integers(1, 10**6), st.booleans())
def test_no_part_of_a_loss_falls_with_size(size: int, more: int, is_long: bool) -> None:
    trade = trade_of(is_long=is_long)
    small, large = loss_at_stop(trade, size), loss_at_stop(trade, size + more)
    assert large.total > small.total
    assert large.exit_slippage >= small.exit_slippage
    assert large.exit_fee >= small.exit_fee


def test_stress_makes_the_size_smaller() -> None:
    budget = 20_000 * USD
    sizes = [size_by_budget(trade_of(depth=Fraction(1, each)), budget) for each in (1, 10, 50, 500)]
    assert sizes == sorted(sizes, reverse=True)
    assert len(set(sizes)) == 4


@pytest.mark.parametrize("rulebook", ["hyperliquid", "dydx"])
@pytest.mark.parametrize("is_long", [True, False])
def test_every_limit_is_the_last_that_holds(rulebook: str, is_long: bool) -> None:
    book = load_rulebook(rulebook)
    instrument = markets_under(book, [BTC], SHIPPED)[0]
    rule, trade, equity = margin_rule(book, instrument), trade_of(is_long=is_long), 10**5 * USD
    half, backing = Fraction(1, 2), Backing.alone(equity)

    size = size_by_liquidation(rule, trade, backing, half)
    assert is_beyond_stop(rule, trade, size, equity, half)
    assert not is_beyond_stop(rule, trade, size + 1, equity, half)
    price = liquidation_price(rule, trade, size, equity)
    assert price is not None
    distance = abs(PRICE - price) / PRICE
    assert distance == pytest.approx(0.045, rel=1e-3)
    # There the machine's own rounding makes equity meet maintenance margin.
    signed = size if is_long else -size
    left = margin_left(trade, equity, size) + signed * (price - PRICE)
    # With fractions it is the first price of the grid that liquidates.
    grain = 2 if rulebook == "hyperliquid" else size
    assert float(left) == pytest.approx(rule.maintenance(int(size * price)), abs=1.03 * grain)

    size = size_by_liquidity(rule, trade, backing)
    assert size * PRICE <= equity * liquidity_leverage(rule, trade, size)
    assert (size + 1) * PRICE > equity * liquidity_leverage(rule, trade, size + 1)
    cost = exit_cost_share(trade, size) * size * PRICE
    assert float(cost) == pytest.approx(float(equity * rule.maintenance_share), rel=1e-4)

    def opens(size: int) -> bool:
        loss, notional = loss_at_stop(trade, size), size * PRICE
        left = equity - loss.entry_fee - loss.entry_slippage
        return rule.initial(notional, rule.most_leverage(notional)) <= left

    size = size_by_initial_margin(rule, trade, backing)
    assert opens(size)
    assert not opens(size + 1)


def test_tiers_bound_the_leverage() -> None:
    rule = TierRule(BTC)
    assert rule.most_leverage(149_999_999 * USD) == 40
    assert rule.most_leverage(150_000_000 * USD) == 20
    # 160 million: 1.25 % of the first 150, 2.5 % of the rest.
    assert rule.maintenance(160_000_000 * USD) == (1_875_000 + 250_000) * USD
    money = Backing.alone(7_000_000 * USD)
    # The leverage that tiers allow halves at the bound; the equity then opens no more than that.
    assert size_by_initial_margin(rule, trade_of(), money) * PRICE < 150_000_000 * USD


@pytest.mark.parametrize("rulebook", ["hyperliquid", "dydx"])
@pytest.mark.parametrize("signed_size", [123_456, -123_456, 180_000_001])
def test_margin_and_liquidation_price_are_the_machines(rulebook: str, signed_size: int) -> None:
    book = load_rulebook(rulebook)
    instrument = markets_under(book, [BTC], SHIPPED)[0]
    rule = margin_rule(book, instrument)
    notional = abs(signed_size) * UNEVEN
    margin = rule.initial(notional, 7)
    position = Position(
        market=0, signed_size=signed_size, entry_notional=notional, mode=MarginMode.ISOLATED,
        leverage=7, isolated_margin=margin,
    )  # fmt: skip
    plan = Holdings(name="one", collateral=2 * margin, positions=(position,), orders=())
    machine = Valuation(plan, book, [instrument], (UNEVEN,))
    value = machine.at((UNEVEN,))[0]
    assert (value.equity, value.maintenance_margin) == (margin, rule.maintenance(notional))
    boundary = liquidation_boundary(machine, 0)
    price = rule.liquidation_price(signed_size, UNEVEN, margin)
    assert price is not None
    assert boundary.over is not None
    assert boundary.safe is not None
    low, high = sorted((boundary.over, boundary.safe))
    assert low <= price <= high
    if rulebook == "dydx":
        assert price == boundary.over


def test_plain_units_are_needed() -> None:
    with pytest.raises(ValueError, match="units of its own"):
        FractionRule(BTC)


def test_the_setting_keeps_clear_of_the_stop() -> None:
    rule, trade, size = TierRule(BTC), trade_of(), 60_000
    half = Fraction(1, 2)
    setting = best_setting(rule, trade, size, Backing.alone(10**5 * USD), half, 40)
    assert setting is not None
    notional = size * PRICE
    assert is_beyond_stop(rule, trade, size, notional // setting, half)
    assert not is_beyond_stop(rule, trade, size, notional // (setting + 1), half)
    # Equity that cannot pay for the margin of a safe setting has none.
    assert best_setting(rule, trade, size, Backing.alone(1_000 * USD), half, 40) is None


def task_of(trade: Trade, **more: object) -> SizeTask:
    fields = {
        "rulebook": load_rulebook(), "instrument": BTC, "trade": trade,
        "calm_exit": book_side(ladder_book(BTC, Depth(20e6, 1.0), 1e5), BTC, bids=trade.is_long),
        "equity": 10**5 * USD, "budget": 2_000 * USD, "clearance": Fraction(1, 2),
        "volume": Fraction(10**9 * USD), "participation": Fraction(1, 10),
        "horizon_hours": Fraction(24), "odds": Odds(volatility=0.5, edge=None, win_rate=None,
                                                    payoff=2.0, kelly_share=0.5, trades=100,
                                                    max_drawdown=0.5),
        "risk_capital": 10**5 * USD // 2, "refill_s": Fraction(10), "simulated": {},
        "backing": Backing.alone(10**5 * USD),
    } | more  # fmt: skip
    return SizeTask(**fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("more", "stop", "decided"),
    [
        ({}, 970_000, "loss budget"),
        ({"budget": 90_000 * USD}, 900_000, "liquidation"),
        ({"budget": 99_000 * USD, "clearance": Fraction(1, 100)}, 995_000, "liquidity"),
        (
            {"budget": 99_000 * USD, "clearance": Fraction(1, 100),
             "instrument": Instrument(name="BTC", size_decimals=5, tiers=(MarginTier(0, 3),))},
            995_000,
            "initial margin",
        ),
    ],
)  # fmt: skip
def test_the_smallest_limit_decides(more: dict[str, object], stop: int, decided: str) -> None:
    task = task_of(trade_of(stop=stop), **more)
    advice = advise(task)
    assert advice.deciding.name == decided
    assert advice.size == min(limit.size for limit in advice.limits) > 0
    assert advice.loss is not None
    assert advice.loss.total <= task.budget
    assert advice.by_liquidity is not None
    allowed = [
        row.leverage
        for row in advice.settings
        if row.clear_of_stop and row.can_open and row.leverage <= advice.by_liquidity
    ]
    assert advice.setting == max(allowed, default=None)


def test_sizes_ascend_and_hold_the_advised_size() -> None:
    advice = advise(task_of(trade_of()))
    sizes = [row.calm.size for row in advice.sizes]
    assert sizes == sorted(sizes)
    assert advice.size in sizes
    for row in advice.sizes:
        assert row.stressed.shortfall > row.calm.shortfall


def test_the_volume_that_is_assumed_is_that_of_the_recording() -> None:
    path = shared_file(
        "data/hyperliquid_funding_candles/hl_1h_candles_14coins_2024-09_2025-07.parquet"
    )
    for name in ("BTC", "ETH", "FARTCOIN", "PURR"):
        found = read_trading(path, name)
        assert found.volume is not None
        assumed = assumptions_of().value("volume", name, 10)
        assert assumed == pytest.approx(float(found.volume), rel=0.005)


CANDLES = "date,open,high,low,close,volume\n" + "".join(
    f"2026-01-0{1 + hour // 24}T{hour % 24:02d}:00:00Z,100,101,99,{100 + hour % 2},"
    f"{10 * (1 + hour // 24)}\n"
    for hour in range(72)
)


def test_volume_and_volatility_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "BTC_1h.csv"
    path.write_text(CANDLES)
    found = read_trading(path, "BTC")
    # Days trade 10, 20 and 30 coins an hour, half the hours at 100 and half at 101.
    assert found.volume == 20 * 12 * (100 + 101)
    hourly = np.std(np.diff(np.log([100 + hour % 2 for hour in range(72)])), ddof=1)
    assert found.volatility == pytest.approx(float(hourly) * np.sqrt(8760), rel=1e-12)
    for broken, message in (
        (CANDLES.replace(",10\n", ",x\n"), "column volume"),
        ("".join(CANDLES.splitlines(keepends=True)[:9]), "24 candles"),
    ):
        path.write_text(broken)
        with pytest.raises(PathError, match=message):
            read_trading(path, "BTC")


def test_fee_tiers() -> None:
    book = load_rulebook()
    assert fee_rates(book, 0) == (450_000, 150_000, 0)
    # The bound itself is not above the bound.
    assert fee_rates(book, 5_000_000 * USD) == (450_000, 150_000, 0)
    assert fee_rates(book, 5_000_001 * USD) == (400_000, 120_000, 1)
    assert fee_rates(book, 0, 6_000).maker == -10_000
    assert fee_rates(book, 0, 20_000).maker == -20_000
    blocks = load_rulebook("dydx")
    assert fee_rates(blocks, 0) == (500_000, 100_000, 0)
    assert fee_rates(blocks, 1_000_000 * USD) == (450_000, 100_000, 1)
    assert fee_rates(blocks, 10**9 * USD).maker == -110_000
