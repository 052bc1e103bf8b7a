"""Sharing, policies and measures on waves small enough to work out by hand."""

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from seawall.lab.cascade.policies import judge_waves, wave_of_cascade
from seawall.lab.cascade.sheets import policy_sections
from seawall.lab.cascade.waves import ObservedWave
from seawall.lab.deleveraging.comparison import closed_over_starts, compare_policies, totals
from seawall.lab.deleveraging.measures import (
    concentration,
    gini,
    haircuts,
    measures,
    profit_to_deficit,
    profit_to_worst,
    share_kept,
    top_share,
)
from seawall.lab.deleveraging.policies import (
    POLICIES,
    Terms,
    bearable_size,
    pro_rata_contracts,
    pro_rata_equity,
    pro_rata_notional,
    pro_rata_profit,
    profit_queue,
    projection,
    queue_order,
    rank,
    rank_queue,
    risk_aware,
    rotating_offset,
)
from seawall.lab.deleveraging.sharing import queue_filling, water_filling, whole_steps
from seawall.lab.deleveraging.synthetic import synthetic_wave
from seawall.lab.deleveraging.wave import (
    DeleveragingWave,
    WaveError,
    Winners,
    checked_wave,
    with_winner,
)
from seawall.report.sheet import Sheet

TERMS = Terms()


def wave_of(
    sizes: list[float], entry: list[float], equity: list[float], **fields: Any
) -> DeleveragingWave:
    """Shorts at a mark of 100; a long of 10 contracts closed at 102, unless in ``fields``."""
    usual = {
        "name": "test", "closes_longs": True, "size": 10.0, "mark_price": 100.0,
        "close_price": 102.0,
    }  # fmt: skip
    winners = Winners(
        size=np.array(sizes, float), entry_price=np.array(entry, float),
        equity=np.array(equity, float),
    )  # fmt: skip
    return checked_wave(DeleveragingWave(winners=winners, **(usual | fields)))


def profits(
    profit: list[float], equity: list[float], needed: float, **fields: Any
) -> DeleveragingWave:
    """Winners with these profits and notionals of ten times that."""
    size = [abs(each) / 10 for each in profit]
    entry = [100 + each / part for each, part in zip(profit, size, strict=True)]
    return wave_of(size, entry, equity, needed_usd=needed, **fields)


def naive_water_level(amount: Fraction, weights: list[int], caps: list[int]) -> list[Fraction]:
    """Raise all levels together; what is full drops out."""
    shares = [Fraction(0)] * len(caps)
    while amount > 0:
        going = [i for i, w in enumerate(weights) if w and shares[i] < caps[i]]
        if not going:
            break
        total = sum(weights[i] for i in going)
        rise = min([amount / total] + [(caps[i] - shares[i]) / weights[i] for i in going])
        for i in going:
            shares[i] += rise * weights[i]
        amount -= rise * total
    return shares


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=12),
    st.integers(0, 300),
)
def test_water_filling_is_the_slow_one(winners: list[tuple[int, int]], amount: int) -> None:
    weights, caps = [each[0] for each in winners], [each[1] for each in winners]
    found = water_filling(float(amount), np.array(weights, float), np.array(caps, float))
    slow = naive_water_level(Fraction(amount), weights, caps)
    assert found == pytest.approx([float(each) for each in slow], abs=1e-9)


def test_small_weights_keep_their_share_beside_huge_ones() -> None:
    weights = np.array([1e18, 1.0, 1.0])
    found = water_filling(2.0, weights, np.array([1.0, 10.0, 10.0]))
    assert found == pytest.approx([1.0, 0.5, 0.5])


@given(
    st.lists(st.floats(0, 1000), min_size=1, max_size=20),
    st.floats(0.001, 10),
    st.floats(0.0, 1.0),
)
def test_whole_steps_are_whole_and_enough(most: list[float], step: float, part: float) -> None:
    caps = np.array(most)
    ideal = part * caps
    found = whole_steps(ideal, caps, step)
    steps = found / step
    assert steps == pytest.approx(np.round(steps))
    assert (found <= caps + 1e-6 * step).all()
    room = math.floor(sum(math.floor(cap / step + 1e-9) for cap in most))
    needed = math.ceil(ideal.sum() / step - 1e-9)
    assert steps.sum() == pytest.approx(min(needed, room))


def test_whole_steps_go_to_the_largest_remainders() -> None:
    found = whole_steps(np.array([2.5, 2.4, 0.9, 1.2]), np.full(4, 9.0), 1.0)
    assert found.tolist() == [3, 2, 1, 1]
    assert whole_steps(np.array([0.4, 0.4]), np.array([0.9, 9.0]), 1.0).tolist() == [0, 1]


def test_the_queue_and_pro_rata_of_the_paper_s_example() -> None:
    """Endowments 8, 4 and 0.5, half of a deficit of 15, the second first."""
    caps = np.array([8, 4, 0.5])
    assert queue_filling(7.5, np.array([1, 0, 2]), caps).tolist() == [3.5, 4, 0]
    wave = profits([8, 4, 0.5], [10, 5, 1], 7.5)
    assert pro_rata_profit(wave, TERMS).paid == pytest.approx([4.8, 2.4, 0.3])


def test_the_rank_is_profit_factor_times_leverage() -> None:
    shorts = wave_of([1, 1, 1], [150, 120, 150], [50, 10, -1])
    assert rank(shorts) == pytest.approx([1.5 * 2, 1.2 * 10, -1])
    assert queue_order(shorts).tolist() == [1, 0, 2]
    longs = wave_of([1, 2], [80, 50], [50, 400], closes_longs=False, close_price=98)
    assert rank(longs) == pytest.approx([1.25 * 2, 2 * 0.5])
    equal = wave_of([1, 1, 1], [150, 150, 160], [50, 50, 50])
    assert queue_order(equal).tolist() == [2, 0, 1]


def test_the_queue_closes_whole_positions_until_the_size_is_met() -> None:
    wave = wave_of([6, 6, 6], [150, 120, 150], [300, 60, 900])
    taking = rank_queue(wave, TERMS)
    assert taking.closed.tolist() == [4, 6, 0]
    assert haircuts(wave, taking).tolist() == [8, 12, 0]
    assert measures(wave, taking).raised == wave.needed == 20


def test_no_winner_is_closed_beyond_what_the_equity_bears() -> None:
    # Two USD a contract: the second can bear three contracts, the third none.
    wave = wave_of([6, 6, 6, 6], [150, 101, 101, 101], [300, 6, -1, 50])
    assert bearable_size(wave).tolist() == [6, 3, 0, 6]
    assert rank_queue(wave, TERMS).closed.tolist() == [1, 3, 0, 6]
    generous = replace(wave, close_price=99.0)
    assert bearable_size(generous).tolist() == [6, 6, 0, 6]
    assert generous.needed == 0


def test_the_rotation_passes_over_who_cannot_bear_and_goes_round() -> None:
    wave = wave_of([6, 6, 6, 3], [150, 101, 101, 101], [300, 6, -1, 50])
    assert rotating_offset(wave, Terms(start=0)).closed.tolist() == [6, 0, 0, 3]
    assert rotating_offset(wave, Terms(start=4)).closed.tolist() == [6, 0, 0, 3]
    small = replace(wave, size=2.0)
    # A part that it can bear is borne, the whole was not.
    assert rotating_offset(wave, Terms(start=3)).closed.tolist() == [6, 1, 0, 3]
    assert rotating_offset(small, Terms(start=1)).closed.tolist() == [0, 2, 0, 0]
    assert rotating_offset(wave, Terms(start=1, visits=3)).closed.tolist() == [0, 0, 0, 3]


def test_pro_rata_of_contracts_in_whole_steps() -> None:
    wave = wave_of([5, 3, 12], [150, 150, 150], [500, 500, 500], size=7.0)
    assert pro_rata_contracts(wave, TERMS).closed == pytest.approx([1.75, 1.05, 4.2])
    assert pro_rata_contracts(replace(wave, step=1.0), TERMS).closed.tolist() == [2, 1, 4]
    # More is to be closed than there is.
    most = replace(wave, size=100.0, step=1.0)
    assert pro_rata_contracts(most, TERMS).closed.tolist() == [5, 3, 12]
    assert measures(most, pro_rata_contracts(most, TERMS)).unmet == pytest.approx(160)


def test_money_is_shared_by_profit_equity_and_notional() -> None:
    wave = profits([100, 50, -20, 10], [200, 25, 500, 100], 30)
    assert pro_rata_profit(wave, TERMS).paid == pytest.approx(
        [30 * 100 / 135, 30 * 25 / 135, 0, 30 * 10 / 135]
    )
    assert pro_rata_equity(wave, TERMS).paid == pytest.approx(
        [30 * 200 / 325, 30 * 25 / 325, 0, 30 * 100 / 325]
    )
    # Who is losing has nothing to give, however large the position.
    by_notional = pro_rata_notional(wave, TERMS).paid
    assert by_notional == pytest.approx([x * 30 / 160 for x in (100, 50, 0, 10)])
    # More than all profits is never taken, nor more than the equity behind them.
    all_of_it = pro_rata_equity(replace(wave, needed_usd=1000.0), TERMS)
    assert all_of_it.paid == pytest.approx([100, 25, 0, 10])
    half = pro_rata_profit(replace(wave, needed_usd=1000.0), Terms(largest_share=0.5))
    assert half.paid == pytest.approx([50, 12.5, 0, 5])


def test_risk_aware_takes_shares_of_profit_by_leverage_times_risk() -> None:
    # Leverages 1 and 5 on the same profit.
    wave = profits([100, 100], [1000, 200], 52)
    assert wave.leverage.tolist() == [1, 5]
    assert risk_aware(wave, TERMS).paid == pytest.approx([2, 50])
    assert risk_aware(wave, Terms(power=0)).paid == pytest.approx([52 / 6, 52 * 5 / 6])
    # The cap binds on the leveraged one, the rest falls to the other.
    assert risk_aware(wave, Terms(largest_share=0.3)).paid == pytest.approx([22, 30])


def test_the_paper_s_example_of_risk_aware_shares() -> None:
    """Winners A, C, E of appendix "Examples of RAP": equities 0.163, 0.728, 0.109 of all.

    There shares go with equity x leverage x g; our shares of profit do where profit is equity.
    """
    leverage = np.array([1.031, 0.925, 1.548])
    equity = np.array([0.163, 0.728, 0.109])
    size = equity * leverage / 100
    wave = wave_of(size.tolist(), (100 + equity / size).tolist(), equity.tolist(), needed_usd=0.01)
    paid = risk_aware(wave, TERMS).paid / 0.01
    assert paid == pytest.approx([0.164, 0.589, 0.246], abs=2e-3)
    assert risk_aware(wave, Terms(power=2)).paid / 0.01 == pytest.approx(
        [0.155, 0.498, 0.348], abs=3e-3
    )


def test_the_projection_is_the_least_sum_of_squares() -> None:
    wave = profits([100, 50, 10], [200, 100, 100], 90)
    found = projection(wave, TERMS).paid
    shares = found / wave.capacity
    assert found.sum() == pytest.approx(90)
    assert shares == pytest.approx([90 / 126 * x for x in (1, 0.5, 0.1)])
    random = np.random.default_rng(5)
    for _ in range(50):
        moved = shares + random.normal(0, 0.05, 3)
        moved += (90 - (moved * wave.capacity).sum()) * wave.capacity / (wave.capacity**2).sum()
        assert (moved**2).sum() >= (shares**2).sum() - 1e-12


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_pro_rata_of_equity_has_the_least_largest_haircut(seed: int) -> None:
    (result,) = compare_policies([synthetic_wave(seed)], TERMS)
    largest = {each.policy.key: each.measures.largest_of_equity for each in result.outcomes}
    assert min(largest, key=lambda key: largest[key]) == "pro_rata_equity"
    by_profit = {each.policy.key: each.measures.largest_of_profit for each in result.outcomes}
    paying = [each.key for each in POLICIES if not each.closes]
    assert min(paying, key=lambda key: by_profit[key]) == "pro_rata_profit"
    # The queue of profits leaves the first with nothing.
    assert by_profit["profit_queue"] == 1


def test_paying_takes_what_is_needed_and_closing_misses_what_comes() -> None:
    wave = synthetic_wave(1)
    (result,) = compare_policies([wave], TERMS)
    assert wave.missed == pytest.approx(108_000 * (0.0125 + 0.035))
    for each in result.outcomes:
        assert each.measures.raised == pytest.approx(wave.needed)
        expected = wave.size * wave.missed if each.policy.closes else wave.needed
        assert each.measures.taken == pytest.approx(expected)
    # Where the price comes back, closing costs less than was needed.
    (back,) = compare_policies([replace(wave, later_price=wave.close_price)], TERMS)
    assert [each.measures.taken == 0 for each in back.outcomes] == [
        each.closes for each in POLICIES
    ]


def test_in_contracts_pro_rata_closes_by_what_each_would_pay() -> None:
    wave = profits([100, 50, 10], [200, 100, 100], 20, step=0.5)
    taking = pro_rata_profit(wave, Terms(in_contracts=True))
    assert not taking.paid.any()
    assert taking.closed.tolist() == [6.5, 3, 0.5]
    (result,) = compare_policies([wave], Terms(in_contracts=True))
    assert [each.policy.key for each in result.outcomes if each.taking.paid.any()] == [
        "profit_queue"
    ]


def test_measures_by_hand() -> None:
    wave = wave_of(
        [5, 5, 10], [120, 110, 100.5], [500, 100, 50],
        later_price=90, deficit_usd=60.0, largest_deficit_usd=45.0,
    )  # fmt: skip
    taking = rank_queue(wave, TERMS)
    # Ranks 1.2, 5.5 and 20.1: the third bears all ten contracts.
    assert taking.closed.tolist() == [0, 0, 10]
    found = measures(wave, taking)
    assert (found.needed, found.raised, found.taken, found.overshoot) == (20, 20, 120, 100)
    assert (found.largest_usd, found.touched, found.closed_usd) == (120, 1, 1000)
    # At 90 the third would have had 105 of profit and 150 of equity.
    assert found.largest_of_profit == pytest.approx(120 / 105)
    assert found.largest_of_equity == pytest.approx(120 / 150)
    assert found.gini == pytest.approx(2 / 3)
    assert found.top_share == 1
    assert found.best_left == 100
    assert math.isnan(found.ptsr)
    paid = measures(wave, pro_rata_profit(wave, TERMS))
    assert paid.taken == pytest.approx(20)
    assert paid.best_left == pytest.approx(100 * (1 - 20 / 155))
    assert paid.ptsr == pytest.approx(paid.best_left / 40)
    assert paid.share_kept == pytest.approx(paid.best_left / (paid.best_left + 40))
    assert paid.pmr == pytest.approx(paid.best_left / (40 / 60 * 45))


def test_ratios_say_nothing_where_no_deficit_is_left() -> None:
    assert math.isnan(profit_to_deficit(10, 5, 5))
    assert math.isnan(profit_to_worst(10, 5, 6, 5))
    assert share_kept(10, 5, 6) == pytest.approx(10 / 9)


def test_inequality_by_hand() -> None:
    assert gini(np.zeros(3)) == 0
    assert gini(np.ones(7)) == pytest.approx(0)
    assert gini(np.array([0.0, 0, 0, 9])) == pytest.approx(0.75)
    assert top_share(np.arange(1.0, 101)) == pytest.approx(100 / 5050)
    winners, paid = concentration(np.array([1.0, 3, 0, 4]))
    assert winners.tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert paid == pytest.approx([0, 0.5, 0.875, 1, 1])


def test_the_reader_is_one_more_winner() -> None:
    wave = with_winner(synthetic_wave(1), 60_000, 9_000, 20_000)
    assert wave.own == 400
    (result,) = compare_policies([wave], TERMS)
    for each in result.outcomes:
        assert each.own is not None
        assert each.own.haircut == each.haircut[400]
    by_key = {each.policy.key: each.own for each in result.outcomes}
    share = by_key["pro_rata_profit"]
    assert share is not None
    assert share.of_profit == pytest.approx(wave.needed / wave.capacity.sum())
    assert share.of_equity == pytest.approx(share.haircut / 20_000)
    queue = by_key["rank_queue"]
    assert queue is not None
    assert queue.place == 1 + (rank(wave) > rank(wave)[400]).sum()


def test_the_chance_of_the_rotation_is_what_all_starts_say() -> None:
    wave = with_winner(wave_of([6, 6, 6, 3], [150, 101, 150, 150], [300, 9, 200, 50]), 400, 9, 90)
    assert wave.own == 4
    closed = closed_over_starts(wave, 4, TERMS)
    slow = [rotating_offset(wave, Terms(start=start)).closed[4] for start in range(5)]
    assert closed.tolist() == slow
    assert len(set(slow)) > 2
    few = Terms(visits=2)
    slow = [rotating_offset(wave, replace(few, start=start)).closed[4] for start in range(5)]
    assert closed_over_starts(wave, 4, few).tolist() == slow


def test_totals_add_waves_up() -> None:
    results = compare_policies([synthetic_wave(1), synthetic_wave(2)], TERMS)
    for index, total in enumerate(totals(results)):
        lines = [each.outcomes[index].measures for each in results]
        assert total.taken == lines[0].taken + lines[1].taken
        assert total.largest_of_equity == max(line.largest_of_equity for line in lines)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"size": 0.0}, "wave test: size: 0 is no number above zero"),
        ({"close_price": math.inf}, "wave test: close_price: inf is no number above zero"),
        ({"step": -1.0}, "wave test: step: -1 is no number of at least zero"),
    ],
)
def test_waves_that_cannot_be_are_refused(fields: dict[str, float], message: str) -> None:
    with pytest.raises(WaveError, match=message):
        wave_of([1], [120], [10], **fields)


def test_winners_that_cannot_be_are_refused() -> None:
    with pytest.raises(WaveError, match="winner 2: entry_price: 0 is not a number above zero"):
        wave_of([1, 1], [120, 0], [10, 10])
    with pytest.raises(WaveError, match="winners: there are none"):
        wave_of([], [], [])
    with pytest.raises(WaveError, match="different lengths"):
        wave_of([1], [1, 2], [1])
    longs = wave_of([1], [80], [50], closes_longs=False, close_price=98)
    with pytest.raises(WaveError, match="profit: 100 should be below 100 for a long of 100 USD"):
        with_winner(longs, 100, 100, 50)
    with pytest.raises(WaveError, match="profit: -200 should be above -100 for a short"):
        with_winner(wave_of([1], [120], [50]), 100, -200, 50)


@pytest.mark.parametrize("is_long", [True, False])
def test_a_wave_of_the_cascade_keeps_its_winners(is_long: bool) -> None:
    sign = 1 if is_long else -1
    entry = np.array([90.0, 95.0, 99.0]) if is_long else np.array([120.0, 110.0, 101.0])
    coins, mark = np.array([2.0, 4.0, 1.0]), 100.0
    notional, equity = coins * mark, np.array([50.0, 100.0, 60.0])
    factor = mark / entry if is_long else entry / mark
    # 3 coins were closed at two USD worse than the mark.
    closed = np.array([2.0, 1.0, 0.0])
    recorded = ObservedWave(
        market=0, start_ms=0, end_ms=1, is_long=is_long, mark=mark, deficit=6.0, bankrupt=1,
        account=np.array([7, 8, 9]), size=sign * coins.astype(int), notional=notional,
        equity=equity, profit=sign * coins * (mark - entry), score=factor * notional / equity,
        closed=closed, taken=closed * (mark - sign * 2), haircut=2 * closed,
    )  # fmt: skip
    wave = wave_of_cascade(recorded, "BTC 1")
    assert wave.size == pytest.approx(3)
    assert wave.close_price == pytest.approx(100 - sign * 2)
    assert wave.needed == pytest.approx(6)
    assert wave.winners.entry_price == pytest.approx(entry)
    assert rank(wave) == pytest.approx(factor * notional / equity)
    assert rank_queue(wave, TERMS).closed.sum() == pytest.approx(3)
    assert profit_queue(wave, TERMS).paid.sum() == pytest.approx(6)
    judged = judge_waves([recorded], ["BTC"], [100 + sign * 5], accounts=[8])
    table, mine, every, *figures = policy_sections(judged, "rank_queue")
    assert isinstance(table, Sheet)
    assert table.texts(table.rows[0])[:3] == ["rank queue", "closes", "21.00"]
    assert len(figures) == 3
    assert table.texts(table.rows[-1])[:3] == ["as it happened", "closes", "21.00"]
    assert isinstance(mine, Sheet)
    assert mine.texts(mine.rows[-1]) == ["as it happened", "7.00", "100.00", "1"]
    assert isinstance(every, Sheet)
    assert [each["policy"] for each in every.numbers()][-1] == "as_happened"
    happened = judged.results[0].outcomes[-1]
    assert happened.haircut.tolist() == pytest.approx((7 * closed).tolist())
    assert policy_sections(judge_waves([], ["BTC"], []), "rank_queue") == []


def test_waves_at_one_time_of_two_days_are_told_apart() -> None:
    def wave(day: int, closed: list[float]) -> ObservedWave:
        coins = np.array([2.0, 4.0])
        return ObservedWave(
            market=0, start_ms=day * 86_400_000, end_ms=day * 86_400_000 + 1, is_long=True,
            mark=100.0, deficit=6.0, bankrupt=1, account=np.array([7, 8]), size=coins.astype(int),
            notional=100 * coins, equity=100 * coins, profit=10 * coins, score=coins,
            closed=np.array(closed), taken=98 * np.array(closed), haircut=2 * np.array(closed),
        )  # fmt: skip

    taken = [[2.0, 1.0], [0.0, 3.0]]
    judged = judge_waves([wave(20_000, taken[0]), wave(20_001, taken[1])], ["BTC"], [105, 105])
    assert [each.wave.name for each in judged.results] == [
        "10-04 00:00:00 BTC longs", "10-05 00:00:00 BTC longs"
    ]  # fmt: skip
    closed = [each.outcomes[-1].taking.closed.tolist() for each in judged.results]
    assert closed == taken
