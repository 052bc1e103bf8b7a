"""Watches under block rules: who is under maintenance is found as if every account were examined.

What a watch promises is checked against exact fractions, and a machine with watches against one
that examines every account in every block: the same events, the same bytes.
"""

from fractions import Fraction
from math import exp, log1p
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seawall.domain.commands import (
    AdoptPosition,
    AdvanceTime,
    Command,
    CreateAccount,
    Deposit,
    PlaceOrder,
    SetOraclePrice,
)
from seawall.domain.enums import OrderFlag, Side, TimeInForce
from seawall.domain.events import Event
from seawall.domain.system_accounts import FIRST_USER, INSURANCE_FUND
from seawall.engine.block_invariants import broken_watch
from seawall.engine.engine import Engine
from seawall.engine.formulas.blocks.watch import (
    MOST_EXPOSED,
    MOVE_ONE,
    NEGATIVE,
    UNBOUNDED,
    UNDER_MAINTENANCE,
)
from seawall.engine.layout import Limits
from seawall.engine.placement import write_prices
from seawall.engine.rows import handle_of
from tests.rulebooks import USD, shipped_blocks
from tests.scalar_formulas import ask
from tests.simulation.block_worlds import BTC, ETH, MEME

SOON = {"funding.sample_ms": "2000", "funding.sample_offset_ms": "0", "funding.tick_ms": "10000"}
"""Funding every ten blocks."""
START = 1_767_225_600_000
PRICES = (10**10, 4 * 10**9, 10**11)
UNIT = (10**8, 25 * 10**7, 10**7)
"""Sizes that are worth 1,000 USD, by market."""
MAKER = FIRST_USER
HOLDERS = range(FIRST_USER + 1, FIRST_USER + 7)


@given(st.integers(1, 10**17), st.integers(1, 10**17))
def test_a_move_is_rounded_up(old: int, new: int) -> None:
    exact = Fraction(abs(new - old) * MOVE_ONE, old)
    assert min(exact, UNBOUNDED) <= ask("price_move", old, new) < exact + 1


def test_a_first_price_is_a_move_after_which_nothing_is_known() -> None:
    assert ask("price_move", 0, 100) == UNBOUNDED


money = st.integers(-(10**15), 10**15)
amount = st.integers(0, 10**15)


@given(money, amount, amount, st.integers(1, 8))
def test_moves_that_last_cannot_use_up_the_margin(
    net: int, maintenance: int, notional: int, count: int
) -> None:
    """The bound of the docstring, with the worst of all paths: e^m - 1 of the whole exposure."""
    moves = ask("lasting_moves", net, maintenance, notional, count)
    assert moves >= 0
    if moves == 0:
        return
    lost = (notional + maintenance + 8 * count) * (exp(moves / MOVE_ONE) - 1) * (1 - 1e-12)
    standing = ask("standing_at_maintenance", net, maintenance)
    margins = [net - maintenance] if not standing else [abs(net), abs(maintenance - net)]
    if standing & NEGATIVE:
        margins.append(maintenance)
    assert all(lost < abs(margin) for margin in margins)


@pytest.mark.parametrize(
    ("net", "maintenance", "standing"),
    [
        (5, 5, 0), (4, 5, UNDER_MAINTENANCE), (0, 5, UNDER_MAINTENANCE), (0, 0, 0),
        (-1, 5, UNDER_MAINTENANCE | NEGATIVE), (-1, 0, NEGATIVE),
    ],
)  # fmt: skip
def test_standings(net: int, maintenance: int, standing: int) -> None:
    assert ask("standing_at_maintenance", net, maintenance) == standing


def test_moves_of_a_plain_account_are_nearly_what_its_margin_allows() -> None:
    # 10,000 USD of a position, 3 % of it maintenance, 1,000 USD of net collateral.
    moves = ask("lasting_moves", 1_000 * USD, 300 * USD, 10_000 * USD, 1)
    assert 0.95 * log1p(700 / 10_300) < moves / MOVE_ONE < log1p(700 / 10_300)


def test_nothing_lasts_on_an_edge_or_beyond_what_can_be_counted() -> None:
    assert ask("lasting_moves", 500, 500, 10_000, 1) == 0
    assert ask("lasting_moves", -5, 0, 0, 1) == 0
    assert ask("lasting_moves", 10, 5, MOST_EXPOSED, 1) == 0
    assert ask("lasting_moves", -(2**62), 5, 10**9, 1) == 0
    assert ask("lasting_moves", -5, 0, 0, 0) == UNBOUNDED


def machine() -> Engine:
    limits = Limits(accounts=16, positions=64, orders=64, levels=64, nodes=512)
    engine = Engine.create(shipped_blocks(SOON), [BTC, ETH, MEME], limits)
    commands: list[Command] = [AdvanceTime(START)]
    commands += [SetOraclePrice(START, row, price) for row, price in enumerate(PRICES)]
    commands.append(Deposit(START, INSURANCE_FUND, 1_000 * USD))
    for account in (MAKER, *HOLDERS):
        commands += [CreateAccount(START), Deposit(START, account, 1_000 * USD)]
    commands.append(Deposit(START, MAKER, 1_000_000 * USD))
    for command in commands:
        engine.apply(command)
    return engine


def adoption(account: int, market: int, side: Side, times: int) -> AdoptPosition:
    size = UNIT[market] * times
    terms = (BTC, ETH, MEME)[market].block_terms
    assert terms is not None
    value = int(Fraction(size * PRICES[market]) * Fraction(10) ** terms.value_exponent)
    return AdoptPosition(START, account, market, side, size, value, leverage=1)


def apply_to_both(
    watched: Engine, searching: Engine, command: Command
) -> tuple[list[Event], list[Event]]:
    """The events of a machine with its watches, and of one whose watches have all ended."""
    searching.rows_were_written()
    return watched.apply(command), searching.apply(command)


holdings = st.lists(
    st.tuples(
        st.sampled_from(HOLDERS), st.integers(0, 2), st.sampled_from(Side), st.integers(1, 12)
    ),
    min_size=1, max_size=12,
)  # fmt: skip
ratios = st.one_of(st.floats(0.999, 1.001), st.floats(0.9, 1.1), st.floats(0.3, 3.0))
happenings = st.lists(
    st.one_of(
        st.tuples(st.just("price"), st.integers(0, 2), ratios),
        st.tuples(st.just("deposit"), st.sampled_from(HOLDERS), st.integers(1, 500)),
        st.tuples(st.just("quote"), st.integers(0, 2), st.sampled_from(Side)),
        st.tuples(st.just("blocks"), st.integers(1, 3), st.just(0)),
        st.tuples(st.just("blocks"), st.just(10), st.just(0)),
    ),
    min_size=1, max_size=40,
)  # fmt: skip


class Story:
    """The commands of what happens, made from the machine's own prices and clock."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.now = START

    def commands(self, kind: str, first: int, second: Any) -> list[Command]:
        if kind == "price":
            price = int(self.engine.tables["markets"]["oracle_price"][first] * second)
            commands: list[Command] = [SetOraclePrice(self.now, first, max(1, price))]
            return [*commands, self.advance(1_000)]
        if kind == "deposit":
            return [Deposit(self.now, first, second * USD)]
        if kind == "quote":
            return [self.quote(first, second), self.advance(1_000)]
        return [self.advance(1_000 * first)]

    def advance(self, span_ms: int) -> AdvanceTime:
        self.now += span_ms
        return AdvanceTime(self.now)

    def quote(self, market: int, side: Side) -> PlaceOrder:
        terms = (BTC, ETH, MEME)[market].block_terms
        assert terms is not None
        oracle = int(self.engine.tables["markets"]["oracle_price"][market])
        power = Fraction(10) ** (terms.value_exponent - terms.quote_exponent)
        ticks = max(1, int(oracle * power) // terms.price_step)
        return PlaceOrder(
            self.now, MAKER, market, side, ticks, UNIT[market] * 3,
            TimeInForce.GOOD_TIL_CANCEL, OrderFlag.SHORT_TERM,
        )  # fmt: skip


@settings(deadline=None)
@given(holdings, happenings)
def test_a_machine_with_watches_does_what_a_full_search_does(
    held: list[tuple[int, int, Side, int]], happening: list[tuple[str, int, Any]]
) -> None:
    watched, searching = machine(), machine()
    story = Story(watched)
    setting_up: list[Command] = [adoption(*each) for each in held]
    for commands in (setting_up, *(story.commands(*each) for each in happening)):
        for command in commands:
            found, wanted = apply_to_both(watched, searching, command)
            assert found == wanted
            assert watched.state_hash() == searching.state_hash()
            assert broken_watch(watched.state, handle_of(watched.watches)) == -1


def falling() -> Engine:
    """A long position of 10,000 USD with 1,000 USD, watched since one block."""
    engine = machine()
    engine.apply(adoption(HOLDERS[0], 0, Side.BUY, 10))
    engine.apply(AdvanceTime(START + 1_000))
    assert engine.watches["moves_left"][HOLDERS[0]] > 0
    return engine


def kinds(events: list[Event]) -> set[str]:
    return {type(event).__name__ for event in events}


def next_block(engine: Engine, price: int) -> set[str]:
    time_ms = engine.clock_ms + 1_000
    return kinds(
        engine.apply(SetOraclePrice(engine.clock_ms, 0, price)) + engine.apply(AdvanceTime(time_ms))
    )


CRASH = PRICES[0] * 905 // 1_000
"""A price at which it is under maintenance, and not negative."""


def test_a_watch_ends_with_the_move_that_could_matter() -> None:
    engine = falling()
    before = int(engine.watches["moves_left"][HOLDERS[0]])
    next_block(engine, PRICES[0] * 999 // 1_000)
    assert engine.watches["moves_left"][HOLDERS[0]] == before - MOVE_ONE // 1_000
    assert "LiquidationStarted" in next_block(engine, CRASH)


def test_a_fork_begins_without_watches_and_goes_on_alike() -> None:
    engine = falling()
    fork = engine.fork()
    assert not fork.watches["moves_left"].any()
    assert next_block(fork, CRASH) == next_block(engine, CRASH)
    assert fork.state_hash() == engine.state_hash()


def test_a_state_taken_back_is_examined_anew() -> None:
    """The watches of what came after would hide the account."""
    engine, calm = falling(), falling()
    calm.apply(Deposit(calm.clock_ms, HOLDERS[0], 100_000 * USD))
    next_block(calm, PRICES[0] + 1)
    saved = engine.snapshot()
    calm.restore(saved)
    assert "LiquidationStarted" in next_block(calm, CRASH)
    other = falling()
    other.apply(Deposit(other.clock_ms, HOLDERS[0], 100_000 * USD))
    next_block(other, PRICES[0] + 1)
    other.copy_from(falling())
    assert "LiquidationStarted" in next_block(other, CRASH)


def test_prices_written_past_the_commands_end_all_watches() -> None:
    engine = falling()
    write_prices(engine, [CRASH, *PRICES[1:]])
    assert not engine.watches["moves_left"].any()


def test_watches_are_no_part_of_the_state() -> None:
    engine = falling()
    before = engine.snapshot()
    engine.rows_were_written()
    assert engine.snapshot() == before
    assert engine.tables["control"]["watches"][0] == 0
    assert not np.shares_memory(engine.watches, engine.buffer)


def broken(engine: Engine) -> int:
    return int(broken_watch(engine.state, handle_of(engine.watches)))


@pytest.mark.parametrize("parts", [3, 20, 200])
def test_a_slow_fall_is_found_in_the_block_that_counts(parts: int) -> None:
    engine = falling()
    started = []
    for step in range(1, 2 * parts):
        price = PRICES[0] - PRICES[0] * step // (10 * parts)
        started.append("LiquidationStarted" in next_block(engine, price))
        assert broken(engine) == -1
    searching = falling()
    for step, was_started in enumerate(started, start=1):
        searching.rows_were_written()
        price = PRICES[0] - PRICES[0] * step // (10 * parts)
        assert ("LiquidationStarted" in next_block(searching, price)) == was_started
    assert any(started)
    assert not all(started)


def test_a_deposit_ends_the_watch_of_an_account_under_maintenance() -> None:
    engine = falling()
    next_block(engine, CRASH)
    assert engine.watches["moves_left"][HOLDERS[0]] > 0
    assert engine.watches["standing"][HOLDERS[0]] & UNDER_MAINTENANCE
    engine.apply(Deposit(engine.clock_ms, HOLDERS[0], 5_000 * USD))
    assert broken(engine) == -1
    next_block(engine, CRASH + 1)
    assert engine.watches["standing"][HOLDERS[0]] == 0
