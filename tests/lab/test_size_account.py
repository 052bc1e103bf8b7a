"""A trade inside an account: what it may be, that the machine takes it, and what it does there."""

from collections.abc import Sequence
from fractions import Fraction
from functools import cache

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from seawall.accounts.account import Account
from seawall.accounts.load import load_account
from seawall.domain.enums import CommandKind, MarginMode, OrderFlag, Side, TimeInForce
from seawall.domain.events import CROSS_POOL
from seawall.domain.holdings import Holdings, OpenOrder, Position
from seawall.domain.units import MAX_MONEY, MICRO
from seawall.engine.account_view import account_margins
from seawall.engine.engine import Engine
from seawall.engine.layout import Limits
from seawall.engine.placement import Placement, marked_at_oracle, rows_of, write_prices
from seawall.lab.market.assumptions import assumptions_of
from seawall.lab.market.book import Book, checked_book, ladder_book
from seawall.lab.market.liquidity import assumed_depth
from seawall.lab.paths.runner import Runner
from seawall.lab.paths.setup import path_setup
from seawall.lab.paths.statistics import losses, path_statistics
from seawall.lab.size import SizeResult, size
from seawall.lab.size.account import held_in, moved_along, place_of
from seawall.lab.size.margin import margin_rule
from seawall.lab.size.market import traded_market
from seawall.lab.size.sizing import loss_at_stop, margin_left

# Accounts are valued by the machine, which the first test of a process may compile.
pytestmark = pytest.mark.timeout(900)

MARKETS = ("BTC", "ETH", "SOL")
START_MS = 600_000
PLENTY = MAX_MONEY // 4
BIDS = [[99_990 - 10 * step, 1.0] for step in range(1000)]
ASKS = [[100_010 + 10 * step, 1.0] for step in range(1000)]


@cache
def empty() -> Account:
    account = load_account(None)
    assert set(MARKETS) <= set(account.markets)
    return account.replace(holdings=Holdings(name="made", collateral=0, positions=()))


def account_of(
    collateral: int, held: Sequence[tuple[str, int, int, bool]], orders: Sequence[OpenOrder] = ()
) -> Account:
    """``held``: market, USD of notional (below 0: short), leverage, whether isolated."""
    account = empty()
    positions = []
    for name, notional, leverage, isolated in held:
        market = account.market(name)
        units = abs(notional) * MICRO // account.prices[market]
        value = units * account.prices[market]
        positions.append(
            Position(
                market=market,
                signed_size=units if notional > 0 else -units,
                entry_notional=value,
                mode=MarginMode.ISOLATED if isolated else MarginMode.CROSS,
                leverage=leverage,
                isolated_margin=value // leverage if isolated else 0,
            )
        )
    holdings = Holdings(
        name="made", collateral=collateral * MICRO, positions=tuple(positions), orders=tuple(orders)
    )
    return account.replace(holdings=holdings)


# Books


def book_of(levels: int, sizes: float = 1.0) -> Book:
    bids, asks = (np.asarray(side[:levels]) * (1.0, sizes) for side in (BIDS, ASKS))
    return checked_book("made", "BTC", None, bids, asks)


def advised(book: Book | None, **more: object) -> SizeResult:
    asked = {"equity": 2_000_000, "price": 100_000, "stop": "3%", "loss_budget": "20%"} | more
    return size(empty(), "BTC", book=book, **asked)  # type: ignore[arg-type]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(5, 1000), min_size=2, max_size=5),
    st.sampled_from([0.01, 1.0, 50.0]),
    st.sampled_from(["long", "short"]),
    st.sampled_from(["2%", "20%", "100%"]),
    st.integers(10_000, 10**8),
)
def test_the_size_rises_with_the_book_up_to_the_assumed_ladders(
    levels: list[int], sizes: float, side: str, stress: str, equity: int
) -> None:
    asked = {"side": side, "stress": stress, "equity": equity}
    most = advised(None, **asked).advice.size
    found = [advised(book_of(each, sizes), **asked).advice.size for each in sorted(levels)]
    assert found == sorted(found)
    assert found[-1] <= most
    deeper = advised(book_of(min(levels), 2 * sizes), **asked).advice.size
    assert found[0] <= deeper <= most


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 50), st.integers(1, 400)), min_size=5, max_size=60),
    st.integers(1, 400),
)
def test_no_size_is_advised_that_a_drawn_book_does_not_show(
    levels: list[tuple[int, int]], equity: int
) -> None:
    steps = np.cumsum([step for step, _ in levels])
    sizes = np.asarray([held for _, held in levels]) / 10
    bids, asks = (np.column_stack([100_000 + way * 5 * steps, sizes]) for way in (-1, 1))
    found = advised(checked_book("drawn", "BTC", None, bids, asks), equity=equity * 10_000)
    left = found.task.trade.exit_book
    assert found.advice.size <= left.held
    assert not left.exit(max(1, found.advice.size)).is_beyond
    assert found.advice.by_liquidity is None or found.advice.by_liquidity <= 40
    for row in found.advice.sizes:
        assert row.by_liquidity <= row.by_tiers


def test_a_snapshot_of_few_levels_says_where_it_ends() -> None:
    found = advised(book_of(20))
    # 2 % of 20 coins.
    assert found.advice.size == 40_000
    assert found.advice.deciding.name == "book"
    text = " ".join(each.text for each in found.findings().verdict)
    assert "The book covers less than the exit: its 20 bids reach 0.20 %" in text
    assert "the other limits would allow" in text
    deep = advised(book_of(1000, 1000.0))
    assert deep.advice.deciding.by_ladder
    assert "is that of the ladder" in " ".join(each.text for each in deep.findings().verdict)
    # No figure is drawn from beyond the end of what is shown.
    few = advised(book_of(5), equity=10**6)
    alone = {each.name: each.size for each in advised(None, equity=10**6).advice.limits}
    for limit in few.advice.limits:
        assert limit.name == "book" or limit.size <= alone[limit.name]
    # A ladder that is said to be deeper moves it.
    assert advised(book_of(1000, 1000.0), depth=10**9).advice.size > deep.advice.size


def test_held_coins_leave_through_the_same_book_and_first() -> None:
    account = account_of(200_000, [("BTC", 1_000_000, 10, False)])
    alone = size(account_of(200_000, []), "BTC", loss_budget="50%", stop="3%")
    more = size(account, "BTC", loss_budget="50%", stop="3%")
    against = size(account, "BTC", side="short", loss_budget="50%", stop="3%")
    assert more.advice.size < alone.advice.size
    assert more.advice.loss is not None
    assert alone.advice.loss is not None
    a_coin = loss_at_stop(more.task.trade, 10**5), loss_at_stop(alone.task.trade, 10**5)
    assert a_coin[0].exit_slippage > a_coin[1].exit_slippage
    assert a_coin[0].entry_slippage == a_coin[1].entry_slippage
    assert against.advice.size > more.advice.size
    # No bucket of its own beside a cross position in the same market.
    assert not more.advice.settings
    assert more.advice.setting is None


def test_margin_in_use_makes_the_size_smaller() -> None:
    asked = {"market": "BTC", "loss_budget": "90%", "stop": "1%", "clearance": "1%"}
    free = size(account_of(100_000, []), **asked)
    used = size(account_of(100_000, [("ETH", 800_000, 10, False)]), **asked)
    apart = size(account_of(100_000, [("ETH", 800_000, 10, True)]), **asked)
    assert used.advice.size < free.advice.size / 2
    # The bucket took its margin; what is left is free of it.
    assert apart.task.equity == pytest.approx(20_000 * MICRO, rel=1e-5)
    order = OpenOrder(
        market=empty().market("ETH"), side=Side.BUY, size=10**6, price=400_000, trigger_price=0,
        take_profit=False, reduce_only=False,
    )  # fmt: skip
    waiting = size(account_of(100_000, [], [order]), **asked)
    assert waiting.advice.size < free.advice.size


# The machine


def machine(account: Account, market: int) -> tuple[Placement, int]:
    """The account in an engine whose book is the assumed ladder of the market, from one maker."""
    limits = Limits(accounts=16, positions=64, orders=128, levels=256, nodes=256)
    rules = marked_at_oracle(account.rulebook)
    placement = Placement(Engine.create(rules, list(account.instruments), limits))
    prices = np.asarray(account.prices, np.int64)
    placement.prices(START_MS, prices, prices)
    placed = placement.account(START_MS, account.holdings)
    maker = placement.open_account(START_MS, PLENTY, "the maker")
    instrument = account.instruments[market]
    scale = 10**instrument.price_decimals
    listed = account.listed[instrument.name]
    book = ladder_book(
        instrument, assumed_depth(listed, assumptions_of(None)), account.prices[market] / scale
    )
    levels = np.concatenate([book.bids, book.asks])
    rows = rows_of(CommandKind.PLACE_ORDER, len(levels), START_MS)
    rows["account"], rows["market"] = maker, market
    rows["side"] = [int(Side.BUY)] * len(book.bids) + [int(Side.SELL)] * len(book.asks)
    rows["price"] = np.rint(levels[:, 0] * scale)
    rows["order_size"] = np.rint(levels[:, 1] * 10**instrument.size_decimals)
    rows["time_in_force"] = int(TimeInForce.POST_ONLY)
    placement.require(rows, "the ladder")
    return placement, placed.account


def made(placement: Placement, account: int, found: SizeResult) -> None:
    """The advised trade, sent as a market order at the highest leverage of its tier."""
    task, trade = found.task, found.task.trade
    market = placement.engine.instruments.index(task.instrument)
    value = abs(trade.total(found.advice.size)) * trade.entry_price
    most = max(
        (each for each in task.instrument.tiers if each.lower_bound <= value),
        key=lambda each: each.lower_bound,
    ).maximum_leverage
    rows = rows_of(CommandKind.SET_LEVERAGE, 1, START_MS)
    rows["account"], rows["market"], rows["leverage"] = account, market, most
    rows["mode"] = int(MarginMode.CROSS)
    placement.require(rows, "the leverage")
    rows = rows_of(CommandKind.PLACE_ORDER, 1, START_MS)
    rows["account"], rows["market"] = account, market
    rows["side"] = int(Side.BUY if trade.is_long else Side.SELL)
    away = trade.entry_price * 5 // 100
    price = trade.entry_price + trade.side * away
    rows["price"] = int(float(f"{price:.5g}"))
    rows["order_size"] = found.advice.size
    rows["time_in_force"] = int(TimeInForce.IMMEDIATE_OR_CANCEL)
    rows["flags"] = int(OrderFlag.MARKET)
    placement.require(rows, "the trade")


HELD = st.lists(
    st.tuples(
        st.sampled_from(MARKETS), st.integers(1_000, 400_000), st.booleans(), st.integers(1, 20),
        st.sampled_from([False, False, True]),
    ),
    max_size=3,
    unique_by=lambda each: each[0],
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(
    HELD, st.sampled_from(MARKETS), st.sampled_from(["long", "short"]),
    st.sampled_from(["1%", "4%", "15%"]), st.sampled_from(["2%", "30%", "100%"]),
)  # fmt: skip
@example([("ETH", 400_000, True, 5, False)], "BTC", "long", "1%", "100%")
@example([("ETH", 300_000, False, 4, False)], "SOL", "short", "1%", "100%")
def test_the_machine_takes_the_advised_trade_and_every_margin_check_holds(
    held: list[tuple[str, int, bool, int, bool]], market: str, side: str, stop: str, budget: str
) -> None:
    account = account_of(
        100_000, [(m, usd if up else -usd, lev, own) for m, usd, up, lev, own in held]
    )
    index = account.market(market)
    position = held_in(account.holdings, index)
    assume(position is None or not position.is_isolated)
    margins = sum(each.isolated_margin for each in account.positions)
    assume(margins < 90_000 * MICRO)
    found = size(account, market, side=side, stop=stop, loss_budget=budget)
    trade, advice = found.task.trade, found.advice
    assume(advice.size * trade.entry_price >= 10 * MICRO)
    placement, number = machine(account, index)
    before = account_margins(placement.engine, number)[CROSS_POOL]
    made(placement, number, found)
    pool = account_margins(placement.engine, number)[CROSS_POOL]
    after = account_margins(placement.engine, number).get(index)
    assert (0 if after is None else after.initial_margin) <= pool.initial_margin
    assert pool.equity >= pool.initial_margin
    # Entry costs are what was counted, up to the rounding of each fill to whole micro-USD.
    assert advice.loss is not None
    paid = before.equity - pool.equity
    assert paid <= advice.loss.entry_fee + advice.loss.entry_slippage + 50
    # At the stop and beyond, others standing still or moving along, nothing is liquidated.
    at = trade.entry_price + round(Fraction(3, 2) * (trade.stop_price - trade.entry_price))
    place = place_of(traded_market(account, market))
    grows = trade.side * trade.total(advice.size) > 0
    for prices in (moved(account, index, trade.stop_price), moved(account, index, at)):
        write_prices(placement.engine, prices)
        there = account_margins(placement.engine, number)[CROSS_POOL]
        assert not grows or there.equity - advice.loss.funding >= there.maintenance_margin - 1
    others = [each for each in account.positions if each.market != index and not each.is_isolated]
    if others:
        rule = margin_rule(account.rulebook, found.task.instrument)
        along = moved_along(place, rule, at, assumptions_of())
        assert along == found.task.backing.along
        assert along is not None
        assert margin_left(trade, along.equity, advice.size) + trade.side * advice.size * (
            along.price - trade.entry_price
        ) >= along.others_maintenance + rule.maintenance(
            abs(trade.total(advice.size)) * along.price
        )


def moved(account: Account, market: int, price: int) -> list[int]:
    prices = list(account.prices)
    prices[market] = price
    return prices


# What it does to the account


def test_the_effect_is_that_of_the_account_with_the_trade() -> None:
    account = account_of(50_000, [("ETH", 120_000, 10, False), ("SOL", -20_000, 5, True)])
    found = size(account, "BTC", loss_budget="20%")
    effect = found.account
    assert effect is not None
    before, after = effect.figures
    loss, value = found.advice.loss, found.advice.notional(found.task)
    assert loss is not None
    assert before.equity - after.equity == loss.entry_fee + loss.entry_slippage
    assert after.notional - before.notional == value
    assert after.free < before.free
    rows = {row.market: row for row in effect.prices}
    assert set(rows) == {"BTC", "ETH", "SOL"}
    assert rows["SOL"].before == rows["SOL"].after
    old, new = rows["ETH"].before, rows["ETH"].after
    assert old is not None
    assert new is not None
    # Maintenance margin of the trade and its costs: ETH has less far to fall.
    assert old < new < rows["ETH"].price
    assert rows["BTC"].before is None
    calm, traded = effect.tail
    assert traded.shortfall.value > calm.shortfall.value
    assert traded.liquidated.value >= calm.liquidated.value
    names = {each.name for each in found.findings().sheets}
    assert {"account", "liquidation_prices", "tail"} <= names


@pytest.mark.parametrize("side", ["long", "short"])
def test_a_trade_in_a_held_market_is_merged(side: str) -> None:
    account = account_of(50_000, [("ETH", 20_000, 10, False)])
    found = size(account, "ETH", side=side, loss_budget="10%")
    assert found.account is not None
    (row,) = found.account.prices
    coins = Fraction(found.advice.size, 10**4)
    assert row.signed_after - row.signed_before == (coins if side == "long" else -coins)


def test_an_isolated_position_has_all_that_is_free_behind_it() -> None:
    account = account_of(50_000, [("ETH", 20_000, 10, True), ("BTC", 100_000, 10, False)])
    found = size(account, "ETH")
    assert "ETH isolated with what is free in the cross pool" in found.source
    # 2,000 in the bucket, and 48,000 in the pool of which BTC needs 10,000.
    assert found.task.equity == pytest.approx(40_000 * MICRO, rel=1e-4)
    assert found.task.backing.along is None
    assert found.account is not None
    assert {row.market for row in found.account.prices} == {"ETH", "BTC"}


def test_an_account_that_the_move_would_liquidate_gets_no_trade() -> None:
    account = account_of(30_000, [("ETH", 350_000, 15, False)])
    found = size(account, "BTC", stop="10%", loss_budget="50%")
    assert found.advice.size == 0
    assert found.advice.deciding.name == "moving along"
    # The other way the same move helps it.
    assert size(account, "BTC", side="short", stop="10%", loss_budget="50%").advice.size > 0


def test_positions_move_along_by_the_betas_that_are_assumed() -> None:
    account = account_of(100_000, [("ETH", 200_000, 10, False)])
    own = assumptions_of().given("beta", {"ETH": 0.5}, "mine.toml")
    found = size(account, "BTC", stop="4%", clearance="50%", assume=own)
    along = found.task.backing.along
    assert along is not None
    trade, eth = found.task.trade, account.market("ETH")
    (held,) = account.positions
    moved = Fraction(along.price, trade.entry_price) - 1
    assert moved == pytest.approx(-0.06, rel=1e-3)
    there = round(account.prices[eth] * (1 + moved / 2))
    lost = held.signed_size * (account.prices[eth] - there)
    assert along.equity == found.task.equity - lost
    (row,) = (e for e in found.assumed if (e.field, e.market) == ("beta", "ETH"))
    assert (row.value, row.source) == (0.5, "mine.toml")


def test_all_that_the_tail_reads_is_said() -> None:
    account = account_of(100_000, [("ETH", 200_000, 10, False)])
    found = size(account, "BTC", volatility="60%", funding="0.004%")
    rows = {(each.field, each.market): each for each in found.assumed}
    assert len(rows) == len(found.assumed)
    for field in ("volatility", "jump_beta", "funding", "funding_deviation", "depth", "spread_bp"):
        assert {(field, "BTC"), (field, "ETH")} <= set(rows), field
    assert {"correlation", "jump_rate", "funding_half_life_hours"} <= {key[0] for key in rows}
    # What is stated has the jumps in it; the tail must not add them again.
    assert rows["volatility_with_jumps", "BTC"].value == 0.6
    jumps = rows["jump_rate", ""].value * (
        rows["jump_mean", ""].value ** 2 + rows["jump_std", ""].value ** 2
    )
    assert rows["volatility", "BTC"].value ** 2 + jumps == pytest.approx(0.36)
    # A rate that is given stays, whatever the venue says.
    told = account.replace(funding={"BTC": -0.0005, "ETH": 0.0001})
    setup = path_setup(with_both(told), **size(told, "BTC", funding="0.004%").task.simulated)
    rates = dict(zip(setup.source.model.markets, setup.source.funding.rate, strict=True))  # type: ignore[union-attr]
    assert rates == {"BTC": pytest.approx(0.00004), "ETH": 0.0001}
    assert setup.source.funding.std[0] == 0.0


def with_both(account: Account) -> Account:
    other = account_of(100_000, [("BTC", 10_000, 10, False), ("ETH", 200_000, 10, False)])
    return account.replace(holdings=other.holdings)


def test_risk_capital_is_lost_at_some_moment() -> None:
    """As ``seawall paths`` counts ruin, on the same paths."""
    account = account_of(100_000, [("BTC", 800_000, 20, False)])
    found = size(account, "BTC", hours=168, loss_budget="1%")
    assert found.account is not None
    calm = found.account.tail[0]
    setup = path_setup(account, paths=2_000, hours=168, **found.task.simulated)
    task = setup.task()
    outcomes = Runner(workers=1).outcomes(task, "")
    statistics = path_statistics(task, outcomes, setup.limits)
    assert calm.lost == statistics.ruin
    at_the_end = (losses(task, outcomes) >= 50_000).mean()
    assert at_the_end < statistics.ruin.value - 0.01
