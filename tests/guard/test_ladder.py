"""The ladder's clocks and counts: of which position a step is, and what it may give in all."""

from collections.abc import Mapping

import pytest

from seawall.guard.actions import Action, AddMargin
from seawall.guard.decide import decide
from seawall.guard.measures import level_text
from seawall.guard.policy import DISTANCE
from tests.guard.venue import (
    CROSS,
    Guarded,
    Held,
    account,
    alerts,
    coins,
    exits,
    orders,
    policy,
    price,
    usd,
)

HALF = """
[[step]]
name = "half"
on = "isolated"
action = "close"
trigger = "30%"
rearm = "20%"
share = "50%"
verify_after = "10s"
"""
OUT = """
[[step]]
name = "out"
action = "flatten"
trigger = "60%"
rearm = "20%"
"""
ADD = """
[[step]]
name = "add"
on = "isolated"
action = "top_up"
trigger = "30%"
rearm = "20%"
cooldown = "0s"
amount = 300
max_count = {count}
max_total = {total}
min_move = "0.1%"
verify_after = "5s"
"""


def added(actions: list[Action]) -> list[tuple[str, int]]:
    return [(each.bucket, each.amount) for each in actions if isinstance(each, AddMargin)]


def isolated(text: str, cash: float = 1000) -> Guarded:
    """Ten coins at 1000 in a bucket of their own, and 5000 USD in the pool."""
    guarded = Guarded(account(cash=cash, bucket="BTC"), policy(text))
    guarded.venue.cash[CROSS] = usd(5_000)
    return guarded


def closed(guarded: Guarded) -> None:
    """The position is closed by hand, its bucket goes back into the pool."""
    venue = guarded.venue
    venue.cash[CROSS] += venue.equity("BTC")
    del venue.held["BTC"], venue.cash["BTC"]


def opened(guarded: Guarded, margin: float, size: float = 10) -> None:
    guarded.venue.cash["BTC"] = usd(margin)
    guarded.venue.cash[CROSS] -= usd(margin)
    guarded.venue.open("BTC", size, bucket="BTC")


@pytest.mark.parametrize("seen", [True, False])
def test_what_a_step_verifies_ends_with_its_position(seen: bool) -> None:
    """Closed while a step is verified, and opened again: the next step does not follow it."""
    guarded = isolated(HALF + OUT)
    guarded.venue.fills = 0
    guarded.go("BTC", [1000.0, 965.0, 965.0])
    assert guarded.memory.steps["half/BTC"].verify_ms
    closed(guarded)
    if seen:
        guarded.look()
    # The other way round, so that it is another one even where nothing was seen between.
    opened(guarded, 500, size=-10)
    guarded.venue.fills = 1_000_000
    assert exits(guarded.look(15)) == [], "in danger, and what fired before is not of it"
    assert guarded.position("BTC") == -coins(10)


def test_a_step_protects_the_next_position_when_its_cooldown_is_over() -> None:
    guarded = isolated(HALF.replace('verify_after = "10s"', 'cooldown = "20s"'))
    assert exits(guarded.go("BTC", [1000.0, 930.0, 930.0]))
    closed(guarded)
    guarded.look()
    opened(guarded, 500)
    assert exits(guarded.look(10)) == []
    assert [each.size for each in exits(guarded.look(12))] == [coins(5)], "though never calm"


def test_a_hold_begins_anew_with_each_position() -> None:
    guarded = isolated(HALF + 'hold = "10s"\n')
    guarded.go("BTC", [1000.0, 930.0, 930.0])
    closed(guarded)
    guarded.look(20)
    opened(guarded, 500)
    assert exits(guarded.look(9)) == []
    assert exits(guarded.look(5))


def test_limits_of_a_top_up_count_all_buckets() -> None:
    guarded = isolated(ADD.format(count=3, total=700))
    guarded.venue.marks["ETH"] = price(100)
    guarded.venue.cash["ETH"] = usd(1_000)
    guarded.venue.open("ETH", 100, bucket="ETH")
    guarded.venue.marks |= {"BTC": price(930), "ETH": price(93)}
    given = added(guarded.look(3))
    guarded.venue.marks |= {"BTC": price(1000), "ETH": price(100)}
    guarded.look(10)
    guarded.venue.marks |= {"BTC": price(880), "ETH": price(88)}
    given += added(guarded.look(10))
    assert sum(amount for _, amount in given) == usd(700)
    assert {bucket for bucket, _ in given} == {"BTC", "ETH"}
    guarded = isolated(ADD.format(count=1, total=700))
    guarded.venue.marks["ETH"] = price(100)
    guarded.venue.cash["ETH"] = usd(1_000)
    guarded.venue.open("ETH", 100, bucket="ETH")
    guarded.venue.marks |= {"BTC": price(930), "ETH": price(93)}
    assert len(added(guarded.look(3))) == 1


def pending(guarded: Guarded) -> Mapping[str, int]:
    return {key: each.pending for key, each in guarded.memory.steps.items() if each.pending}


def test_a_top_up_that_is_no_longer_needed_is_still_awaited() -> None:
    """Its level is calm again before it has arrived: what it takes from the pool is known until
    its time is over, and no longer."""
    guarded = isolated(ADD.format(count=3, total=900))
    guarded.venue.adds_margin = False
    assert added(guarded.go("BTC", [1000.0, 930.0, 990.0]))
    assert pending(guarded) == {"add/BTC": usd(300)}
    found = guarded.look(8)
    assert any("has not arrived" in each for each in alerts(found))
    assert pending(guarded) == {}


def test_what_was_on_its_way_to_a_bucket_that_is_gone_is_free_again() -> None:
    guarded = isolated(ADD.format(count=3, total=900))
    guarded.venue.adds_margin = False
    assert added(guarded.go("BTC", [1000.0, 930.0]))
    closed(guarded)
    guarded.look(2)
    assert pending(guarded) == {}


def test_nothing_fires_or_is_missed_on_figures_that_disagree() -> None:
    """The mirror is wrong for a minute: when it is right again nothing of that minute is sent."""
    guarded = Guarded(account(), policy(OUT))
    guarded.look(2)
    guarded.venue.reported[CROSS] = usd(1)
    assert orders(guarded.go("BTC", [820.0] * 60)) == []
    del guarded.venue.reported[CROSS]
    assert orders(guarded.go("BTC", [1000.0] * 5)) == []
    assert guarded.position("BTC") == coins(10)


def test_a_step_is_not_missed_for_what_could_not_be_sent() -> None:
    """It has fired, and figures disagree before it is filled: the next step does not follow."""
    text = HALF.replace("isolated", "cross")
    guarded = Guarded(account(), policy(text + OUT))
    guarded.venue.fills = 0
    guarded.go("BTC", [1000.0, 860.0])
    guarded.venue.reported[CROSS] = usd(1)
    found = guarded.look(30)
    assert not any("out follows" in each for each in alerts(found))
    del guarded.venue.reported[CROSS]
    guarded.venue.fills = 1_000_000
    guarded.look(8)
    assert guarded.position("BTC") == coins(5), "it goes on where it was"


def test_what_a_bucket_without_equity_is_said_to_have() -> None:
    made = policy(OUT)
    venue = account(cash=-100)
    found = decide(made, Guarded(venue, made).memory, venue.view())[1]
    assert "out: cross has no equity" in alerts(found)
    assert not any("100000" in each for each in alerts(found))
    view = account(cash=20_000).view()
    far = made.steps[0].__class__(name="a", action="alert", trigger=1, rearm=2, measure=DISTANCE)
    assert level_text(far, view.buckets[0], view) == "no price liquidates cross"
    venue.held = {"BTC": Held(1, 1)}
