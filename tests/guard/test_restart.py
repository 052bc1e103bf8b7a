"""Killed at any moment, the guard goes on from its journal: nothing twice, nothing lost.

The journal is written before anything is sent. A kill may fall before it, between it and the first
action, or between two actions.
"""

from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seawall.domain.units import PPM
from seawall.guard.actions import AddMargin
from seawall.guard.client_id import client_id, fill_state, read_client_id
from seawall.guard.decide import decide
from seawall.guard.memory import Memory
from seawall.guard.policy import Policy
from seawall.guard.recover import recovered
from tests.guard.venue import CROSS, Venue, account, coins, policy, price, usd

HALF = """
[[step]]
name = "half"
action = "close"
trigger = "30%"
rearm = "5%"
share = "50%"
verify_after = "1h"
"""
STOPPED = HALF + '[[stop]]\nname = "s"\ndistance = "60%"\nclearance = "0.1%"\nslippage = "0.1%"\n'
CHASED = (
    HALF
    + """
execution = "chase"
[[execution]]
name = "chase"
style = "chase"
escalate_after = "6s"
urgent_above = "500%"
"""
)
"""Its orders rest while it is killed."""
ADD = """
[[step]]
name = "add"
on = "isolated"
action = "top_up"
trigger = "30%"
rearm = "5%"
amount = 300
max_count = 1
max_total = 300
min_move = "1%"
verify_after = "10s"
"""
KILLS = st.lists(st.sampled_from(["", "", "early", "late", "between"]), min_size=6, max_size=16)
FAULTS = st.sampled_from(["", "partial", "silent", "partial silent"])


def run(made: Policy, venue: Venue, kills: Sequence[str], looks: int) -> Venue:
    """The venue after some looks, of which each of the first may be the last of its process."""
    journal = msgspec.json.encode(Memory())
    memory = recovered(made, Memory(), venue.view())
    for number in range(looks):
        kill = kills[number] if number < len(kills) else ""
        after, actions = decide(made, memory, venue.view())
        if kill != "early":
            journal = msgspec.json.encode(after)
        venue.apply({"early": (), "late": (), "between": actions[:1]}.get(kill, actions))
        venue.move(1000)
        memory = after
        if kill:
            memory = recovered(made, msgspec.json.decode(journal, type=Memory), venue.view())
    return venue


@settings(
    max_examples=50, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)  # fmt: skip
@given(kills=KILLS, fault=FAULTS, text=st.sampled_from([HALF, STOPPED, CHASED]))
def test_a_step_is_done_once_whenever_it_is_killed(kills: list[str], fault: str, text: str) -> None:
    venue = account()
    venue.marks["BTC"] = price(860)
    venue.fills = PPM // 2 if "partial" in fault else PPM
    venue.confirms = "silent" not in fault
    venue.depth = {"BTC": coins(5)}
    run(policy(text), venue, kills, 60)
    left = venue.held["BTC"].signed_size
    assert left == coins(5)
    assert all(each.trigger_price for each in venue.orders), "nothing else is left at the venue"
    stops = [each for each in venue.orders if each.trigger_price]
    assert len(stops) == (text == STOPPED)
    assert all(each.size == left for each in stops)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(kills=KILLS)
def test_a_top_up_is_made_once_at_most(kills: list[str]) -> None:
    venue = account(cash=1000, bucket="BTC")
    venue.cash[CROSS] = usd(5000)
    venue.marks["BTC"] = price(980)
    run(policy(ADD), venue, kills, 40)
    assert venue.cash[CROSS] in (usd(5000), usd(4700))


def test_a_kill_before_the_journal_sends_what_is_due_afterwards() -> None:
    venue = account()
    venue.marks["BTC"] = price(860)
    run(policy(HALF), venue, ["early", "early", "late"], 20)
    assert venue.held["BTC"].signed_size == coins(5)


def test_without_the_memory_in_the_journal_an_order_would_be_doubled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The test itself: a restart that forgets closes a half of what is left."""
    venue = account()
    venue.marks["BTC"] = price(860)
    monkeypatch.setitem(globals(), "recovered", lambda *_: Memory())
    venue.cash[CROSS] -= usd(250)
    run(policy(HALF), venue, ["", "", "between", ""], 20)
    assert venue.held["BTC"].signed_size < coins(5)


def test_an_id_says_what_it_belongs_to() -> None:
    made = client_id(0xABCDEF, "half/cross@BTC", 65_537, fill_state(10, 5), 3)
    name = read_client_id(made)
    assert name is not None
    assert (name.policy, name.episode, name.attempt) == (0xABCDEF, 1, 3)
    assert name.state == fill_state(10, 5)
    assert read_client_id("0x" + "0" * 32) is None
    assert read_client_id("mine") is None
    assert made != client_id(0xABCDEF, "half/cross@ETH", 65_537, fill_state(10, 5), 3)


def test_actions_are_values() -> None:
    action = AddMargin(bucket="BTC", amount=1, source="pool", name="add/BTC/1", why="")
    assert msgspec.json.decode(msgspec.json.encode(action))["type"] == "add_margin"
