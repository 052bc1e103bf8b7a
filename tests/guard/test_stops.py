"""Exits that fire in part, late or not at all, are refused, or were placed before a restart."""

import pytest
from msgspec import structs

from seawall.domain.units import PPM
from seawall.guard.memory import Memory
from seawall.guard.policy import CHASE, MARKET, Execution
from seawall.guard.recover import recovered
from tests.guard.venue import Guarded, account, alerts, coins, exits, orders, policy, price, usd

STOP = '[[stop]]\nname = "s"\ndistance = "5%"\nescalate_after = "3s"\n'
HALF = STOP + 'share = "50%"\n'


def resting(guarded: Guarded) -> list[int]:
    return [each.size for each in guarded.venue.orders]


def test_a_stop_that_fired_in_part_closes_its_share_and_no_more() -> None:
    """Three of five coins fill, the rest of the order is gone, the mark stays beyond its level."""
    guarded = Guarded(account(), policy(HALF))
    guarded.look(3)
    (order,) = guarded.venue.orders
    guarded.venue.marks["BTC"] = price(945)
    order.price = 1
    guarded.venue._reduce(order, coins(3))
    guarded.venue.orders.clear()
    guarded.venue.statuses[order.client_id] = "cancelled"
    assert [each.size for each in exits(guarded.look(6))] == [coins(2)]
    assert guarded.position("BTC") == coins(5)
    assert resting(guarded) == []


def test_a_stop_that_does_not_fill_is_cancelled_before_its_share_goes_to_market() -> None:
    """Both together would close the other half too."""
    guarded = Guarded(account(), policy(HALF))
    guarded.look(3)
    guarded.venue.fires = False
    found = guarded.go("BTC", [945.0] * 10)
    assert [each.size for each in exits(found)] == [coins(5)]
    assert any("has fired and is not filled" in each for each in alerts(found))
    assert resting(guarded) == []
    guarded.venue.fires = True
    guarded.go("BTC", [945.0] * 5)
    assert guarded.position("BTC") == coins(5)


def test_a_stop_for_the_whole_goes_to_market_without_waiting_for_that() -> None:
    guarded = Guarded(account(), policy(STOP))
    guarded.look(3)
    guarded.venue.fires = False
    found = guarded.go("BTC", [945.0] * 5)
    assert [each.size for each in exits(found)] == [coins(10)]
    guarded.look(3)
    assert resting(guarded) == [], "and what rests is swept"


def test_a_share_that_another_rule_has_closed_leaves_no_order_behind() -> None:
    """The mark is beyond the level, the stop has not fired, and a person closes its share."""
    guarded = Guarded(account(), policy(HALF.replace("3s", "1h")))
    guarded.look(3)
    guarded.venue.fires = False
    guarded.go("BTC", [945.0])
    guarded.venue.open("BTC", -5)
    guarded.look(3)
    assert resting(guarded) == []
    assert guarded.position("BTC") == coins(5)


def test_a_refused_exit_is_tried_at_a_pace_and_said_once() -> None:
    guarded = Guarded(account(), policy(STOP))
    guarded.venue.refuses = {"s/BTC"}
    found = guarded.look(100, passed_ms=100)
    assert 3 <= len(orders(found)) <= 6, "every two seconds"
    assert [each for each in alerts(found) if "rejected" in each] == [
        "s in BTC was rejected; it is tried again"
    ]
    guarded.venue.refuses = set()
    guarded.look(30, passed_ms=100)
    assert resting(guarded) == [coins(10)]
    assert "s/BTC rejected" not in guarded.memory.raised


def test_a_stop_is_not_moved_by_a_liquidation_price_in_doubt() -> None:
    """The mirror sees liquidation at the mark: no stop is moved there and closes the position."""
    guarded = Guarded(account(), policy(STOP.replace("5%", "15%")))
    guarded.look(3)
    for _ in range(3):
        view = guarded.venue.view()
        position = view.positions[0]
        wrong = structs.replace(
            position, liquidation_price=price(999), reported_price=position.liquidation_price
        )
        assert orders(guarded.shown(structs.replace(view, positions=(wrong,)))) == []
    assert exits(guarded.look(5)) == []
    assert guarded.position("BTC") == coins(10)


def test_a_mental_stop_fires_though_it_was_passed_while_figures_disagreed() -> None:
    guarded = Guarded(account(), policy(STOP + 'held_by = "guard"\n'))
    guarded.look(2)
    guarded.venue.reported["cross"] = usd(1)
    assert orders(guarded.go("BTC", [945.0] * 3)) == []
    guarded.venue.reported.clear()
    assert [each.size for each in exits(guarded.go("BTC", [945.0] * 3))] == [coins(10)]


def test_a_trailing_stop_does_not_move_back_when_the_journal_is_lost() -> None:
    guarded = Guarded(account(), policy(STOP + 'kind = "trailing"\n'))
    guarded.go("BTC", [1000.0] * 3 + [1100.0] * 3)
    guarded.go("BTC", [1060.0] * 3)
    (order,) = guarded.venue.orders
    assert order.trigger_price == price(1045)
    guarded.memory = recovered(guarded.policy, None, guarded.venue.view())
    assert orders(guarded.look(5)) == []
    assert [each.trigger_price for each in guarded.venue.orders] == [price(1045)]


@pytest.mark.parametrize("sign", [1, -1])
def test_an_order_of_the_position_before_is_awaited(sign: int) -> None:
    """A close rests when its position is closed by hand and another is opened: the order that is
    still there and the close of the other are not at work together."""
    text = """
[[step]]
name = "out"
action = "close"
share = "50%"
trigger = "20%"
rearm = "10%"
cooldown = "0s"
execution = "way"
[[execution]]
name = "way"
style = "chase"
urgent_above = "500%"
"""
    guarded = Guarded(account(cash=1100), policy(text))
    guarded.venue.depth = {"BTC": coins(5)}
    guarded.look(2)
    (first,) = guarded.venue.orders
    guarded.venue.marks["BTC"] = price(2000)
    guarded.venue.held.clear()
    guarded.venue.cash["cross"] = usd(2000)
    guarded.look()
    # It rests as long as the venue does not take the cancel.
    if first not in guarded.venue.orders:
        del guarded.venue.statuses[first.client_id]
        guarded.venue.orders.append(first)
    guarded.venue.open("BTC", sign * 10)
    found = guarded.look()
    assert exits(found) == [], "the first is still there"
    assert [each.size for each in exits(guarded.look(5))] == [coins(5)]


def test_a_work_whose_execution_the_policy_no_longer_has_goes_on_at_market() -> None:
    text = """
[[step]]
name = "out"
action = "flatten"
trigger = "20%"
rearm = "10%"
"""
    slow = Execution(name="slow", style=CHASE)
    made = policy(text)
    steps = (structs.replace(made.steps[0], execution="slow"),)
    guarded = Guarded(account(cash=1100), structs.replace(made, steps=steps, executions=(slow,)))
    guarded.venue.fills = 0
    guarded.look(2)
    assert guarded.memory.works["BTC"].execution == "slow"
    guarded.policy = made
    guarded.memory = recovered(made, guarded.memory, guarded.venue.view())
    assert guarded.memory.works["BTC"].execution == MARKET
    guarded.venue.fills = PPM
    guarded.look(4)
    assert guarded.position("BTC") == 0


def test_what_lasts_is_said_again_after_a_restart() -> None:
    made = policy(STOP.replace("5%", "50%"))
    guarded = Guarded(account(), made)
    (said,) = alerts(guarded.look(3))
    assert "beyond liquidation" in said
    guarded.memory = recovered(made, guarded.memory, guarded.venue.view())
    assert alerts(guarded.look(3)) == [said]
    assert Memory() == recovered(made, Memory(), guarded.venue.view())
