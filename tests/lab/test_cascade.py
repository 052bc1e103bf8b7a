"""A whole market: liquidations move the price, everything repeats, no money appears."""

import weakref

import numpy as np
import pytest
from msgspec import structs

from seawall.domain.enums import EventKind, FillFlag, MarginGrouping, MarginMode
from seawall.domain.holdings import Holdings, Position
from seawall.engine.account_view import account_cash, account_margins, account_pools
from seawall.engine.placement import Placement, Rows
from seawall.engine.tables import position_dtype
from seawall.lab.cascade.policies import agreement, judge_waves, wave_of_cascade
from seawall.lab.cascade.setup import NO_HOLDINGS, pace_of, simulation_of
from seawall.lab.cascade.simulate import (
    CascadeRun,
    further_seed,
    outcome_of,
    rehearse_market,
    simulate,
)
from seawall.lab.cascade.waves import bucket_cash, pool_equities
from seawall.lab.deleveraging.policies import Terms, rank_queue
from seawall.lab.simulation.simulation import steps
from tests.lab.cascade_setups import market

pytestmark = pytest.mark.timeout(600)
RULEBOOKS = ("hyperliquid", "dydx")
USD = 1_000_000

LONG_BTC = Holdings(
    name="a long",
    collateral=40_000 * USD,
    positions=(
        Position(
            market=0, signed_size=300_000, entry_notional=300_000 * USD, mode=MarginMode.CROSS,
            leverage=10, isolated_margin=0,
        ),
        Position(
            market=1, signed_size=-25_000, entry_notional=50_000 * USD, mode=MarginMode.ISOLATED,
            leverage=5, isolated_margin=10_000 * USD,
        ),
    ),
    orders=(),
)  # fmt: skip
"""3 BTC long at 10x in the cross pool, 250 SOL short in a bucket."""


@pytest.fixture(scope="module", params=RULEBOOKS)
def pair(request: pytest.FixtureRequest) -> tuple[CascadeRun, CascadeRun]:
    setup = market(rulebook=request.param, plan=LONG_BTC)
    return simulate(setup), simulate(setup, with_population=False)


def test_the_endogenous_fall_exceeds_the_exogenous_one(
    pair: tuple[CascadeRun, CascadeRun],
) -> None:
    run, without = pair
    assert run.is_liquidated.sum() > 20
    for fall, plain in zip(run.drops, without.drops, strict=True):
        assert 0.099 < plain < 0.103
        assert fall > plain + 0.005


def test_liquidations_reach_the_book_only_with_a_crowd(pair: tuple[CascadeRun, CascadeRun]) -> None:
    run, without = pair
    assert run.series.sold_to_book.sum() > 1e6
    assert without.series.sold_to_book.sum() == 0
    assert len(without.accounts) == 0


def test_money_is_conserved_exactly(pair: tuple[CascadeRun, CascadeRun]) -> None:
    for run in pair:
        assert run.is_conserved


@pytest.mark.parametrize("rulebook", RULEBOOKS)
def test_the_same_seed_is_bit_identical_and_another_is_not(rulebook: str) -> None:
    setup = market(rulebook=rulebook, seconds=200)
    first, again = simulate(setup), simulate(setup)
    assert first.state_hash == again.state_hash
    np.testing.assert_array_equal(first.series.mark, again.series.mark)
    assert simulate(market(rulebook=rulebook, seconds=200, seed=2)).state_hash != first.state_hash


@pytest.mark.parametrize("rulebook", RULEBOOKS)
def test_a_deeper_book_shrinks_the_fall_and_a_thinner_one_grows_it(rulebook: str) -> None:
    thin, usual, deep = (
        np.asarray(simulate(market(rulebook=rulebook, depth=depth)).drops)
        for depth in (0.5, 1.0, 2.0)
    )
    assert (thin > usual).all()
    assert (usual > deep).all()


@pytest.mark.parametrize("rulebook", RULEBOOKS)
def test_without_a_population_the_fall_is_the_exogenous_one(rulebook: str) -> None:
    setup = market(rulebook=rulebook, accounts=0)
    run, without = simulate(setup), simulate(setup, with_population=False)
    assert run.state_hash == without.state_hash
    np.testing.assert_allclose(run.drops, [0.1, 0.1], atol=0.003)


@pytest.mark.parametrize("rulebook", RULEBOOKS)
def test_fast_forward_changes_nothing_where_nothing_happens(rulebook: str) -> None:
    quiet = {"noise": 0.0, "trend": 0.0, "arbitrage": 0.0}
    made = [
        simulate(market(rulebook=rulebook, fall=0.0, fast_forward=wish, **quiet))
        for wish in (True, False)
    ]
    fast, slow = made
    assert fast.state_hash == slow.state_hash
    assert fast.commands == slow.commands
    assert fast.batches * 3 < slow.batches
    for name in ("mark", "oracle", "bid", "ask", "depth"):
        np.testing.assert_array_equal(getattr(fast.series, name), getattr(slow.series, name))


def test_fast_forward_keeps_the_marks_of_quiet_seconds() -> None:
    """A slow fall: marks move although nobody quotes anew, and are told second by second."""
    quiet = {"noise": 0.0, "trend": 0.0, "arbitrage": 0.0, "accounts": 0}
    fast, slow = (
        simulate(market(fall=0.001, fast_forward=wish, **quiet)) for wish in (True, False)
    )
    assert fast.state_hash == slow.state_hash
    np.testing.assert_array_equal(fast.series.mark, slow.series.mark)


def test_the_account_is_what_its_own_events_say(pair: tuple[CascadeRun, CascadeRun]) -> None:
    run, _ = pair
    assert run.own_start is not None
    assert run.own_end is not None
    assert run.population is not None
    again = simulation_of(run.setup, with_population=True)
    mine = [run.account, *run.children]
    own = np.concatenate(
        [
            batch.events[np.isin(batch.events["account"], mine)]
            for (batch,) in steps([again], pace_of(run.setup))
        ]
    )
    assert again.engine.state_hash() == run.state_hash
    cash, sizes = LONG_BTC.collateral, [0, 0]
    for each in LONG_BTC.positions:
        sizes[each.market] = each.signed_size
        cash -= each.entry_notional if each.signed_size > 0 else -each.entry_notional
    for row in own:
        kind, market, money = int(row["kind"]), int(row["market"]), int(row["money"])
        if kind in (EventKind.ORDER_FILLED, EventKind.DELEVERAGED):
            size = int(row["order_size"]) * (1 if row["flags"] & FillFlag.BUYER else -1)
            sizes[market] += size
            quote = -size * int(row["price"])
            cash += quote - money if kind == EventKind.ORDER_FILLED else quote or money
        elif kind == EventKind.BACKSTOP_TAKEN_OVER:
            sizes[market] -= int(row["position_size"])
            cash -= money
        elif kind in (EventKind.FUNDING_PAID, EventKind.INSURANCE_PAID):
            cash += money
        elif kind == EventKind.LIQUIDATION_FEE_PAID:
            cash -= money
    held = {market: each.signed_size for market, each in run.own_end.holdings.items()}
    assert held == {market: size for market, size in enumerate(sizes) if size}
    scale = [10**each.price_decimals for each in run.setup.instruments]
    worth = sum(
        size * round(float(run.series.mark[-1, market]) * scale[market])
        for market, size in enumerate(sizes)
    )
    assert run.own_end.equity == cash + worth + run.own_end.unsettled_funding
    assert run.own_end.equity < run.own_start.equity
    assert run.incidents


@pytest.mark.parametrize("plan", [NO_HOLDINGS, LONG_BTC])
def test_events_are_kept_no_longer_than_they_are_read(
    plan: Holdings, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[weakref.ref[Rows]] = []
    send = Placement.send

    def counted(placement: Placement, rows: Rows) -> Rows:
        events = send(placement, rows).copy()
        made.append(weakref.ref(events))
        assert sum(each() is not None for each in made) <= 5
        return events

    monkeypatch.setattr(Placement, "send", counted)
    simulate(market(plan=plan, accounts=200, seconds=120))
    assert len(made) > 50


def test_a_population_that_nobody_backs_is_deleveraged_in_waves() -> None:
    run = simulate(market(fall=0.25, depth=0.1, backstop_share=0.0))
    assert run.waves
    assert run.series.deleveraged.sum() > 0
    assert run.is_conserved
    taken = np.zeros(2)
    for wave in run.waves:
        taken[wave.market] += wave.taken.sum()
        assert wave.deficit > 0
        assert wave.bankrupt > 0
        assert wave.start_ms <= wave.end_ms
        known = wave.size != 0
        assert ((wave.size > 0) == wave.is_long)[known].all()
        assert (np.abs(wave.taken) <= wave.notional * 1.2 + 1.0)[known].all()
    np.testing.assert_allclose(taken, run.series.deleveraged.sum(axis=0), rtol=1e-9)


def test_each_collateral_has_makers_and_funds_of_its_own() -> None:
    """SOL in another collateral: every deposit is there, and makers lose what they lose in it."""
    setup = market(fall=0.05, seconds=60, accounts=100)
    bitcoin, sol = setup.instruments
    split = structs.replace(
        setup, instruments=(bitcoin, structs.replace(sol, group="other", collateral="USDE"))
    )
    one, two = simulate(setup), simulate(split)
    assert two.is_conserved
    assert two.series.backstop[0] == 2 * one.series.backstop[0]
    simulation = simulation_of(split, with_population=False)
    maker = simulation.agents.makers[0]
    engine = simulation.engine
    capital = [account_cash(engine, int(each)) // 2 for each in maker.accounts]
    traded = np.zeros(2, bool)
    for _ in steps([simulation], pace_of(split)):
        for number, account in enumerate(maker.accounts):
            pool = account_pools(engine, int(account))[number]
            equity = account_margins(engine, int(account))[pool].equity
            assert maker.losses(engine)[number] == (capital[number] - equity) / USD
            traded[number] |= equity != capital[number]
    assert traded.all()


@pytest.mark.parametrize("grouping", MarginGrouping)
def test_pools_are_worth_what_the_engine_says(grouping: MarginGrouping) -> None:
    """BTC, and SOL in another margin group of the same collateral, held in one pool or in two."""
    setup = market(accounts=100, seconds=60)
    bitcoin, sol = setup.instruments
    plan = structs.replace(
        LONG_BTC,
        grouping=grouping,
        other_collateral={1: 0 if grouping == MarginGrouping.SHARED else 30_000 * USD},
        positions=tuple(
            structs.replace(each, mode=MarginMode.CROSS, isolated_margin=0)
            for each in LONG_BTC.positions
        ),
    )
    simulation = simulation_of(
        structs.replace(
            setup, instruments=(bitcoin, structs.replace(sol, group="other")), plan=plan
        ),
        with_population=True,
    )
    engine, account = simulation.engine, simulation.account
    assert account is not None
    rows = engine.tables["positions"][: int(engine.tables["control"]["positions_used"][0])]
    for number in range(len(engine.instruments)):
        worth = pool_equities(number, rows, engine.tables)
        for each in (account.account, *simulation.population):
            held = account_margins(engine, int(each))
            pool = account_pools(engine, int(each))[number]
            assert worth[each] == held[pool].equity


def test_a_snapshot_shows_the_winners_as_they_stood_before_the_wave() -> None:
    """Against the machine one second earlier, valued at the wave's own marks."""
    setup = market(fall=0.25, depth=0.1, backstop_share=0.0, fast_forward=False)
    wave = simulate(setup).waves[0]
    number = int(np.flatnonzero(setup.grid.times_ms == wave.start_ms)[0])
    before = simulation_of(setup, with_population=True)
    run = steps([before], pace_of(setup))
    while next(run)[0].last < number - 1:
        pass
    rows = before.engine.fork().tables
    next(run)
    marks = before.engine.tables["markets"]["mark_price"]
    positions = rows["positions"][: int(rows["control"]["positions_used"][0])]
    value = positions["signed_size"] * marks[positions["market"]]
    known = 0
    for account, size, equity, profit, taken in zip(
        wave.account.tolist(), wave.size.tolist(), wave.equity, wave.profit, wave.taken, strict=True
    ):
        if not taken:
            continue
        own = positions["account"] == account
        here = own & (positions["market"] == wave.market)
        if int(positions["signed_size"][here][0]) != size:
            continue  # Joined the wave later, or traded in the same second.
        is_isolated = bool(positions["mode"][here][0])
        pool = own & (positions["mode"] == 0)
        cash = int(positions["isolated_cash"][here][0])
        cash = (
            cash + int(value[here][0])
            if is_isolated
            else int(rows["accounts"]["cash"][account] + value[pool].sum())
        )
        assert equity == pytest.approx(cash / USD, rel=1e-6, abs=1e-3)
        earned = int(value[here][0]) - int(positions["entry_notional"][here][0])
        assert profit == pytest.approx(earned / USD, rel=1e-6, abs=1e-3)
        known += 1
    assert known


def test_a_bucket_has_its_cash_in_proportion_or_that_of_the_start() -> None:
    start = np.zeros(3, position_dtype)
    start["signed_size"], start["isolated_cash"] = [-10, -10, -10], [1500, 1500, 1500]
    now = start[1:].copy()
    now["signed_size"], now["isolated_cash"] = [-4, 0], [600, 0]
    cash = bucket_cash(now, np.asarray([-6, -5]), np.asarray([1, 2]), start)
    assert cash.tolist() == [900.0, 750.0]


def test_a_wave_takes_from_the_highest_scores_first() -> None:
    run = simulate(market(fall=0.25, depth=0.1, backstop_share=0.0))
    wave = max(run.waves, key=lambda each: float(each.taken.sum()))
    ranked = wave.score[wave.taken > 0]
    assert len(ranked)
    left = wave.score[(wave.taken == 0) & (wave.equity > 0) & (wave.size != 0)]
    # Scores move within a wave; its middle does not fall below those that were spared.
    assert np.median(ranked) > np.median(left)


def test_the_rank_queue_closes_whom_the_run_closed() -> None:
    """In a wave with one bankrupt position the same accounts by as much; in longer ones mostly."""
    run = simulate(market(fall=0.25, depth=0.1, backstop_share=0.0))
    alone = [wave for wave in run.waves if wave.bankrupt == 1 and wave.start_ms == wave.end_ms]
    assert len(alone) > 3
    for wave in alone:
        queue = rank_queue(wave_of_cascade(wave, "alone"), Terms())
        holds = wave.notional != 0
        np.testing.assert_allclose(queue.closed, wave.closed[holds], rtol=1e-9, atol=1e-9)
    ends = [float(run.series.mark[-1, wave.market]) for wave in run.waves]
    judged = judge_waves(run.waves, run.setup.markets, ends)
    assert agreement(judged, "rank_queue") > 0.1 + agreement(judged, "rotating_offset")
    for wave, result in zip(run.waves, judged.results, strict=True):
        happened = result.outcomes[-1].taking.closed.sum()
        assert happened == pytest.approx(wave.closed[wave.size != 0].sum())
        assert result.wave.needed == pytest.approx(max(0.0, wave.haircut.sum()), abs=1e-6)


@pytest.mark.parametrize("rulebook", RULEBOOKS)
def test_policies_raise_what_the_closings_of_a_run_raised(rulebook: str) -> None:
    run = simulate(market(fall=0.25, depth=0.1, backstop_share=0.0, rulebook=rulebook))
    ends = [float(run.series.mark[-1, wave.market]) for wave in run.waves]
    judged = judge_waves(run.waves, run.setup.markets, ends)
    assert judged.results
    assert judged.unjudged == 0
    raised = sum(each.outcomes[-1].measures.raised for each in judged.results)
    assert raised == pytest.approx(sum(max(0.0, w.haircut.sum()) for w in run.waves), rel=0.01)
    for each in judged.results:
        queue = each.outcomes[0].measures
        assert queue.closed_usd == pytest.approx(each.wave.size * each.wave.mark_price, rel=1e-6)


def test_the_oracle_feels_the_selling_late_and_in_part() -> None:
    run = simulate(market())
    alone = simulate(market(coupling=0.0))
    drop = 1.0 - run.series.oracle[:, 0].min() / run.series.oracle[0, 0]
    assert 0.101 < drop < run.drops[0]
    np.testing.assert_allclose(alone.series.oracle, alone.series.fundamental)


def test_seeds_differ_and_do_not_depend_on_who_computes_them() -> None:
    setup = market(seconds=150, accounts=200)
    run, without, seeds = rehearse_market(setup, seeds=3, workers=1)
    assert [each.seed for each in seeds] == [1, 2, 3]
    assert len({each.state_hash for each in seeds}) == 3
    assert seeds[0] == outcome_of(run, without)
    assert seeds[2] == further_seed(setup, 1)
