"""Executions keep their schedule, their share of the tape and their slippage budget."""

import pytest

from seawall.domain.units import PPM
from seawall.guard.actions import CancelOrder
from seawall.guard.execution import walked
from seawall.guard.policy import Policy
from tests.guard.venue import Guarded, account, coins, exits, policy, price

STEP = """
[[step]]
name = "out"
action = "flatten"
trigger = "20%"
rearm = "10%"
verify_after = "1d"
execution = "way"
[[execution]]
name = "way"
"""


def way(text: str) -> Policy:
    return policy(STEP + text)


def danger(made: Policy, cash: float = 1100) -> Guarded:
    """Ten coins at 1000: a margin ratio of 22.7 %."""
    return Guarded(account(cash=cash), made)


def test_market_takes_what_the_book_needs_and_no_more_than_its_cap() -> None:
    guarded = danger(way('style = "market"\nslippage_cap = "1%"\n'))
    guarded.venue.depth = {"BTC": coins(5)}
    (order,) = exits(guarded.look())
    # Two levels of 0.1 % hold ten coins, and a quarter of the cap is on top.
    assert order.price == price(1000 * (1 - 0.002 - 0.0025))
    assert order.size == coins(10)
    guarded = danger(way('style = "market"\nslippage_cap = "1%"\n'))
    (order,) = exits(guarded.look())
    assert order.price == price(990), "without a book the cap stands for it"


def test_each_try_that_fills_nothing_may_cost_more_up_to_the_most() -> None:
    guarded = danger(way('style = "market"\nslippage_cap = "1%"\nmax_slippage = "2.5%"\n'))
    guarded.venue.fills = 0
    prices = [each.price for each in exits(guarded.look(5))]
    assert prices == [price(990), price(980), price(975), price(975), price(975)]


def test_twap_is_on_its_schedule() -> None:
    made = way('style = "twap"\nduration = "10s"\ninterval = "2s"\nurgent_above = "300%"\n')
    guarded = danger(made)
    sizes = []
    for _ in range(10):
        sizes.append(sum(each.size for each in exits(guarded.look())))
    assert sizes == [coins(2), 0] * 5
    assert guarded.position("BTC") == 0


def test_a_twap_that_is_behind_catches_up() -> None:
    made = way('style = "twap"\nduration = "10s"\ninterval = "2s"\nurgent_above = "300%"\n')
    guarded = danger(made)
    guarded.venue.fills = 0
    guarded.look(4)
    guarded.venue.fills = PPM
    sizes = [each.size for each in exits(guarded.look(1))]
    assert sizes == [coins(6)], "three of five slices are due"


def test_pov_keeps_its_share_of_the_tape() -> None:
    made = way('style = "pov"\nparticipation = "10%"\nslice = 100\nurgent_above = "300%"\n')
    guarded = danger(made)
    guarded.venue.volume = {"BTC": 0}
    start = guarded.venue.volume["BTC"]
    closed_at = {}
    for second in range(40):
        guarded.venue.volume["BTC"] += coins(3)
        guarded.look()
        closed = coins(10) - guarded.position("BTC")
        traded = guarded.venue.volume["BTC"] - start
        assert closed * PPM <= traded * (PPM // 10), second
        closed_at[second] = closed
    assert closed_at[39] > coins(10) * 8 // 10, "and uses it"
    assert len(exits(each for _, each in guarded.log)) > 10


def test_pov_without_a_tape_is_a_market_order() -> None:
    made = way('style = "pov"\nurgent_above = "300%"\n')
    guarded = danger(made)
    assert [each.size for each in exits(guarded.look(2))] == [coins(10)]


def test_chase_rests_at_its_own_side_and_follows() -> None:
    made = way('style = "chase"\nescalate_after = "20s"\nurgent_above = "300%"\n')
    guarded = danger(made)
    guarded.venue.depth = {"BTC": coins(5)}
    (first,) = exits(guarded.look(3))
    assert (first.kind, first.price) == ("post_only", price(1001))
    guarded.venue.marks["BTC"] = price(990)
    found = guarded.look(3)
    assert any(isinstance(each, CancelOrder) for each in found)
    (second,) = exits(found)
    assert (second.kind, second.price) == ("post_only", 990_990)
    assert second.client_id != first.client_id
    # Nothing fills: in the end it goes to market, the resting order cancelled first.
    found = guarded.look(20)
    assert exits(found)[-1].kind == "immediate"
    assert guarded.position("BTC") == 0
    assert guarded.venue.orders == []


def test_iceberg_shows_a_slice_at_a_time() -> None:
    made = way('style = "iceberg"\nslice = 3000\nescalate_after = "1h"\nurgent_above = "300%"\n')
    guarded = danger(made)
    guarded.venue.depth = {"BTC": coins(5)}
    shown = []
    for _ in range(12):
        shown += [each.size for each in exits(guarded.look())]
        for each in list(guarded.venue.orders):
            each.price = 1
            guarded.venue._reduce(each, each.size)
            guarded.venue.orders.remove(each)
            guarded.venue.statuses[each.client_id] = "filled"
    assert shown == [coins(3), coins(3), coins(3), coins(1)]
    assert guarded.position("BTC") == 0


@pytest.mark.parametrize("style", ["chase", "twap", "pov", "iceberg"])
def test_danger_makes_every_style_urgent(style: str) -> None:
    made = way(f'style = "{style}"\nslice = 100\nurgent_above = "60%"\n')
    guarded = danger(made)
    guarded.venue.depth, guarded.venue.volume = {"BTC": coins(5)}, {"BTC": 0}
    assert all(each.size < coins(10) or each.kind == "post_only" for each in exits(guarded.look()))
    guarded.venue.marks["BTC"] = price(925)
    found = exits(guarded.look(3))
    assert found[-1].kind == "immediate"
    assert guarded.position("BTC") == 0


def test_a_walk_ends_where_the_book_does() -> None:
    venue = account()
    venue.depth = {"BTC": coins(2)}
    market = venue.view().markets[0]
    assert walked(market, 1, coins(2)) == 1000
    assert walked(market, -1, coins(3)) == 2000
    assert walked(market, 1, coins(11)) is None


def test_reduce_closes_what_its_target_needs() -> None:
    text = '[[step]]\nname = "r"\naction = "reduce"\ntrigger = "20%"\nrearm = "15%"\ntarget = "18%"'
    guarded = danger(policy(text))
    guarded.venue.slip = PPM // 100
    guarded.look(3)
    bucket = guarded.venue.view().bucket["cross"]
    assert bucket.ratio <= 18 * PPM // 100
    assert bucket.ratio > 17 * PPM // 100, "and little more"


def test_reduce_to_a_distance() -> None:
    text = """
[[step]]
name = "r"
action = "reduce"
measure = "distance"
trigger = "9%"
rearm = "15%"
target = "14%"
"""
    guarded = danger(policy(text))
    guarded.venue.slip = PPM // 100
    guarded.look(3)
    view = guarded.venue.view()
    assert 14 * PPM // 100 <= view.bucket_distance("cross") < 16 * PPM // 100
