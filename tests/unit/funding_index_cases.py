"""Funding as an index, case by case on a state built by hand; run by ``test_funding_index``.

    SEAWALL_INTERPRETED=1 python -m tests.unit.funding_index_cases

The kernels asked here are helpers of compiled entries and have no Python wrapper of their own, so
the cases run where kernels are plain Python. Each case is a function without arguments.
"""

import json
import sys
import traceback
from collections.abc import Callable

import msgspec
import numpy as np

from seawall.domain.enums import EventKind, Side
from seawall.domain.system_accounts import ROUNDING_ACCOUNT
from seawall.engine.compile import INTERPRETED
from seawall.engine.formulas.blocks.funding import (
    average_of_samples,
    index_delta,
    kept_sample,
    kept_samples,
    median_of_votes,
    settlement_terms,
    unsettled_funding,
)
from seawall.engine.formulas.blocks.impact import impact_terms, price_premium
from seawall.engine.transitions.blocks.funding import (
    run_funding_epochs,
    settle_funding,
    take_sample,
    tick,
    vote,
)
from tests.unit.funding_index_chain import HOUR_MS, MINUTE_MS, PRICE, TERMS, USD, Chain


def the_sum_of_settlements_is_rounded_down_once() -> None:
    chain = Chain(markets=2)
    chain.tables["block_markets"]["funding_index"] = 1
    before = chain.cash()
    chain.hold(5, 0, 1_500_000)
    chain.hold(5, 1, 1_400_000)
    assert unsettled_funding(chain.state, 5) == -3
    settle_funding(chain.state, 5)
    assert chain.tables["accounts"]["cash"][5] == 10**15 - 3
    paid = sorted(int(row["money"]) for row in chain.told(EventKind.FUNDING_PAID))
    assert paid == [-2, -2]
    assert chain.cash() == before
    assert unsettled_funding(chain.state, 5) == 0


def a_negative_settlement_is_not_truncated() -> None:
    assert settlement_terms(1, 0, 1) == (-1, 999_999)
    assert settlement_terms(1, 0, -1) == (0, 1)
    assert settlement_terms(1, 0, 1_000_001) == (-2, 999_999)
    assert settlement_terms(-7, 3, -300_000) == (-3, 0)
    whole, rest = settlement_terms(10**12, -(10**12), 10**13 + 1)
    assert int(whole) * 10**6 + int(rest) == -2 * 10**12 * (10**13 + 1)


def longs_shorts_and_rounding_add_up_to_nothing() -> None:
    chain = Chain()
    before = chain.cash()
    sizes = [7_000_003, -2_000_001, -5_000_002]
    for account, size in enumerate(sizes, start=5):
        chain.hold(account, 0, size)
    for index in (333, -41, 999_983):
        chain.tables["block_markets"]["funding_index"] = index
        for account in range(5, 8):
            settle_funding(chain.state, account)
        moved = [int(chain.tables["accounts"]["cash"][row]) - 10**15 for row in (5, 6, 7)]
        kept = int(chain.tables["accounts"]["cash"][ROUNDING_ACCOUNT])
        assert sum(moved) + kept == 0
        assert 0 <= kept <= 9
        assert chain.cash() == before
    totals = chain.tables["position_histories"]["funding_all_time"]
    assert [-int(total) for total in totals[:3]] == moved


def settling_twice_or_at_an_unmoved_index_does_nothing() -> None:
    chain = Chain()
    chain.tables["block_markets"]["funding_index"] = 77
    chain.hold(5, 0, 10**9, index=77)
    settle_funding(chain.state, 5)
    assert not chain.told(EventKind.FUNDING_PAID)
    assert chain.policy["must_look"] == 0
    chain.tables["block_markets"]["funding_index"] = 78
    settle_funding(chain.state, 5)
    settle_funding(chain.state, 5)
    (event,) = chain.told(EventKind.FUNDING_PAID)
    assert (event["money"], event["position_size"], event["price"]) == (-1000, 10**9, PRICE)
    assert chain.policy["must_look"] == 1


def opening_restarts_the_totals_of_a_position() -> None:
    chain = Chain()
    chain.hold(5, 0, 10**9)
    history = chain.tables["position_histories"]
    history["funding_since_open"] = history["funding_since_change"] = 5
    history["funding_all_time"] = 5
    chain.tables["positions"]["changes"][0] = 3
    chain.tables["block_markets"]["funding_index"] = 1
    settle_funding(chain.state, 5)
    fields = ("funding_all_time", "funding_since_open", "funding_since_change")
    assert [int(history[name][0]) for name in fields] == [1005, 1000, 1000]


def the_impact_size_is_rounded_up() -> None:
    chain = Chain(terms=msgspec.structs.replace(TERMS, size_step=1))
    chain.rest(5, Side.SELL, 30_000, 3 * 10**9)
    assert impact_terms(chain.state, 0, Side.BUY, 1) == (1, 1, True)
    assert impact_terms(chain.state, 0, Side.BUY, 10 * USD) == (10 * USD, 3_333_334, True)
    chain.rest(5, Side.SELL, 70_000, 7 * 10**9)
    quote, size, enough = impact_terms(chain.state, 0, Side.BUY, 9_000 * USD + 1)
    assert (quote, size, enough) == (9_000 * USD + 1, 3 * 10**9 + 1, True)
    assert impact_terms(chain.state, 0, Side.BUY, 58_000 * USD) == (58_000 * USD, 10**10, True)
    assert impact_terms(chain.state, 0, Side.BUY, 58_000 * USD + 1)[2] is False


def each_order_of_a_level_has_a_quote_of_its_own() -> None:
    chain = Chain(terms=msgspec.structs.replace(TERMS, size_step=1))
    for _ in range(4):
        chain.rest(5, Side.BUY, 19_999, 1)
    assert impact_terms(chain.state, 0, Side.SELL, 4) == (4, 4, True)
    assert impact_terms(chain.state, 0, Side.SELL, 5)[2] is False
    assert impact_terms(chain.state, 0, Side.SELL, 0) == (1_999_900_000, 10**9, True)


def an_order_its_owner_cannot_bear_is_passed_over() -> None:
    chain = Chain()
    chain.tables["accounts"]["cash"][6] = 1
    chain.rest(6, Side.BUY, 60_000, 10**10)
    chain.rest(5, Side.BUY, 55_000, 10**10)
    assert impact_terms(chain.state, 0, Side.SELL, 55_000 * USD) == (55_000 * USD, 10**10, True)
    assert price_premium(chain.state, 0) == 99_999
    assert impact_terms(chain.state, 0, Side.SELL, 0)[0] == 60_000 * 100_000


def a_vote_is_truncated_and_bounded() -> None:
    chain = Chain()
    chain.rest(5, Side.SELL, 49_999, 10**11)
    assert price_premium(chain.state, 0) == -20
    chain.tables["markets"]["oracle_price"] = PRICE + 7
    assert price_premium(chain.state, 0) == -20
    chain.tables["markets"]["oracle_price"] = 4_999_900_000
    assert price_premium(chain.state, 0) == 0
    chain.tables["markets"]["oracle_price"] = 4 * PRICE
    assert price_premium(chain.state, 0) == -480_000


def a_thin_book_or_an_impact_price_behind_the_oracle_is_no_premium() -> None:
    chain = Chain()
    chain.rest(5, Side.BUY, 50_100, 10**9)
    assert price_premium(chain.state, 0) == 0
    chain.rest(6, Side.BUY, 49_000, 10**11)
    assert price_premium(chain.state, 0) == 0
    chain.rest(7, Side.BUY, 50_100, 10**9)
    assert price_premium(chain.state, 0) == 1999


def a_median_of_two_is_rounded_away_from_zero() -> None:
    chain = Chain()
    for values, zeros, median in (
        ((5,), 0, 5),
        ((5,), 1, 3),
        ((-5,), 1, -3),
        ((-5, -5, 9), 1, -3),
        ((7, 7, 7, -7, -7), 0, 7),
        ((7, 7, -7, -7), 0, 0),
        ((0, 3, 0, 3), 0, 2),
        ((0, -3, 0, -3), 0, -2),
        ((1, 2), 3, 0),
        ((1, 1, 2), 3, 1),
        ((), 4, 0),
    ):
        chain.votes(*values)
        assert median_of_votes(chain.state, 0, len(values), zeros) == (True, median), values
    assert not median_of_votes(chain.state, 0, 0, 0)[0]


def tails_are_taken_from_a_sorted_list() -> None:
    chain = Chain()
    chain.samples(4, -9, 0, 4, 100)
    assert kept_samples(5, 0) == (0, 5)
    assert kept_samples(5, 300_000) == (1, 2)
    assert kept_samples(5, 500_000) == (0, 5)
    kept = [int(kept_sample(chain.state, 0, 5, 2, 200_000, place)) for place in range(5)]
    assert kept == [0, 0, 0, 4, 4]
    assert average_of_samples(chain.state, 0, 5, 2, 200_000) == 1
    assert average_of_samples(chain.state, 0, 5, 2, 0) == 14
    chain.samples(-4, -9)
    assert average_of_samples(chain.state, 0, 2, 2, 0) == -3
    assert average_of_samples(chain.state, 0, 0, 0, 0) == 0


def votes_beyond_the_table_are_left_out_but_not_taken_for_zeros() -> None:
    chain = Chain()
    chain.rest(5, Side.BUY, 50_100, 10**11)
    capacity = int(chain.policy["votes_capacity"])
    for _ in range(2 * capacity + 3):
        vote(chain.state)
    assert chain.policy["rounds_of_votes"] == 2 * capacity + 3
    assert chain.tables["block_markets"]["vote_count"][0] == 2 * capacity + 3
    take_sample(chain.state)
    assert chain.tables["samples"]["value"][0] == 1999
    assert chain.policy["rounds_of_votes"] == 0
    assert chain.tables["block_markets"]["vote_count"][0] == 0


def few_blocks_are_filled_up_with_zeros() -> None:
    chain = Chain(markets=2)
    chain.rest(5, Side.BUY, 50_100, 10**11)
    for _ in range(7):
        vote(chain.state)
    take_sample(chain.state)
    assert list(chain.tables["block_markets"]["sample_count"]) == [0, 0]
    for _ in range(8):
        vote(chain.state)
    take_sample(chain.state)
    assert list(chain.tables["block_markets"]["sample_count"]) == [1, 0]
    assert chain.policy["rounds_of_samples"] == 2
    told = chain.told(EventKind.FUNDING_SAMPLED)
    assert [int(row["market"]) for row in told] == [0, 1, 0, 1]
    assert [int(row["money"]) for row in told] == [0, 0, 1999 * 10**6, 0]


def only_open_markets_with_a_price_vote() -> None:
    chain = Chain(markets=3)
    for market in range(3):
        chain.rest(5, Side.BUY, 50_100, 10**11, market=market)
    chain.tables["markets"]["status"][1] = 4
    chain.tables["markets"]["oracle_price"][2] = 0
    vote(chain.state)
    assert list(chain.tables["block_markets"]["vote_count"]) == [1, 0, 0]
    assert list(chain.tables["markets"]["last_premium"]) == [1999, 0, 0]


def a_tick_moves_the_index_by_the_bounded_average() -> None:
    chain = Chain(markets=2, terms=msgspec.structs.replace(TERMS, default_funding_ppm=100))
    chain.samples(*[800] * 30)
    chain.tables["block_markets"]["sample_count"][0] = 30
    chain.policy["rounds_of_samples"] = 60
    tick(chain.state)
    first, second = chain.told(EventKind.FUNDING_INDEX_MOVED)
    assert (first["closed_profit"], first["money"], first["position_size"]) == (500, 312, 312)
    assert (second["closed_profit"], second["money"], second["position_size"]) == (100, 62, 62)
    assert list(chain.tables["markets"]["funding_rate"]) == [500, 100]
    assert chain.policy["must_look"] == 1
    chain.samples(*[2**31 - 1] * 100)
    chain.tables["block_markets"]["sample_count"][0] = 100
    chain.policy["rounds_of_samples"] = 100
    tick(chain.state)
    assert chain.tables["markets"]["funding_rate"][0] == 48_000
    assert chain.tables["block_markets"]["funding_index"][0] == 312 + 30_000
    assert chain.policy["rounds_of_samples"] == 0
    assert list(chain.tables["block_markets"]["sample_count"]) == [0, 0]
    chain.samples(6000, 6000)
    chain.tables["block_markets"]["sample_count"][0] = 2
    chain.policy["rounds_of_samples"] = 3
    tick(chain.state)
    assert list(chain.tables["markets"]["funding_rate"]) == [300, 100]


def an_index_moves_toward_zero_and_without_overflow() -> None:
    assert index_delta(1000, -6, 1_001_999, 8 * HOUR_MS, 8 * HOUR_MS) == 1001
    assert index_delta(1000, -6, -1_001_999, 8 * HOUR_MS, 8 * HOUR_MS) == -1001
    large = index_delta(PRICE, 1, 6_000_000, HOUR_MS, 8 * HOUR_MS)
    assert large == 37_500_000_000_000_000
    assert index_delta(PRICE, -18, 6_000_000, HOUR_MS, 8 * HOUR_MS) == 0
    assert index_delta(10**17, -18, 6_000_000, HOUR_MS, 8 * HOUR_MS) == 75_000


def epochs_begin_with_a_schedule_and_come_once_a_block() -> None:
    chain = Chain()
    control = chain.tables["control"]
    start = 1_000 * HOUR_MS + 10 * MINUTE_MS

    def block(at: int) -> tuple[int, int]:
        control["clock_ms"] = at
        vote(chain.state)
        run_funding_epochs(chain.state)
        told = chain.told
        return len(told(EventKind.FUNDING_SAMPLED)), len(told(EventKind.FUNDING_INDEX_MOVED))

    assert block(start) == (0, 0)
    assert chain.policy["next_sample_ms"] == start + 30_000
    assert chain.policy["next_tick_ms"] == start + 50 * MINUTE_MS
    assert block(start + 29_999) == (0, 0)
    assert block(start + 30_000) == (1, 0)
    assert block(start + 30_001) == (1, 0)
    assert block(start + 3 * MINUTE_MS) == (2, 0)
    assert block(start + 3 * MINUTE_MS + 1) == (3, 0)
    assert block(start + 3 * MINUTE_MS + 2) == (3, 0)
    assert block(start + 51 * MINUTE_MS) == (4, 1)
    assert block(start + 51 * MINUTE_MS + 1) == (5, 1)
    assert chain.policy["next_tick_ms"] == start + 110 * MINUTE_MS


CASES: dict[str, Callable[[], None]] = {
    case.__name__: case
    for case in (
        the_sum_of_settlements_is_rounded_down_once,
        a_negative_settlement_is_not_truncated,
        longs_shorts_and_rounding_add_up_to_nothing,
        settling_twice_or_at_an_unmoved_index_does_nothing,
        opening_restarts_the_totals_of_a_position,
        the_impact_size_is_rounded_up,
        each_order_of_a_level_has_a_quote_of_its_own,
        an_order_its_owner_cannot_bear_is_passed_over,
        a_vote_is_truncated_and_bounded,
        a_thin_book_or_an_impact_price_behind_the_oracle_is_no_premium,
        a_median_of_two_is_rounded_away_from_zero,
        tails_are_taken_from_a_sorted_list,
        votes_beyond_the_table_are_left_out_but_not_taken_for_zeros,
        few_blocks_are_filled_up_with_zeros,
        only_open_markets_with_a_price_vote,
        a_tick_moves_the_index_by_the_bounded_average,
        an_index_moves_toward_zero_and_without_overflow,
        epochs_begin_with_a_schedule_and_come_once_a_block,
    )
}


def outcome(case: Callable[[], None]) -> str:
    """Empty when the case holds, else where and how it does not."""
    try:
        case()
    except Exception:
        return traceback.format_exc()
    return ""


if __name__ == "__main__":
    assert INTERPRETED, "set SEAWALL_INTERPRETED=1"
    np.seterr(over="raise")
    json.dump({name: outcome(case) for name, case in CASES.items()}, sys.stdout)
