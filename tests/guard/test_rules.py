"""Funding, limits, pairs and inputs: each rule where it acts and where it does not."""

import pytest
from msgspec import structs

from seawall.domain.units import FUNDING_ONE, PPM
from seawall.guard.actions import Action, AddMargin, CancelOrder
from seawall.guard.assess import assess
from seawall.guard.decide import decide
from seawall.guard.limits import REDUCED_PPM
from seawall.guard.memory import Memory
from seawall.guard.policy import Policy
from seawall.guard.view import FundingPayment
from tests.guard.venue import (
    CROSS,
    START_MS,
    Guarded,
    Venue,
    account,
    alerts,
    coins,
    exits,
    orders,
    policy,
    price,
    usd,
)

MINUTE_MS = 60_000


def paying(made: Policy, rate: float = 0.001, minutes: int = 5) -> Guarded:
    """Ten coins at 1000 that pay 10 USD (at 0.001) at a settlement soon."""
    guarded = Guarded(account(cash=5000), made)
    at = START_MS + minutes * MINUTE_MS
    guarded.venue.funding = {"BTC": (round(rate * FUNDING_ONE), at)}
    return guarded


def test_funding_trims_to_its_limit_once_for_a_settlement() -> None:
    made = policy('[funding]\nmax_payment = 4\naction = "trim"\n')
    guarded = paying(made)
    assert [each.size for each in exits(guarded.look(4))] == [coins(6)]
    guarded.venue.open("BTC", 6)
    assert exits(guarded.look(4)) == [], "the same settlement is not acted for twice"
    guarded.venue.funding = {"BTC": (FUNDING_ONE // 1000, guarded.venue.time_ms + MINUTE_MS)}
    assert [each.size for each in exits(guarded.look(4))] == [coins(6)]


@pytest.mark.parametrize(
    ("text", "rate", "minutes"),
    [
        ("max_payment = 4", 0.001, 60),
        ("max_payment = 11", 0.001, 5),
        ("max_payment = 4", -0.001, 5),
    ],
)
def test_funding_does_nothing_far_from_a_settlement_below_the_limit_or_when_it_receives(
    text: str, rate: float, minutes: int
) -> None:
    guarded = paying(policy(f'[funding]\n{text}\naction = "close"\n'), rate, minutes)
    assert orders(guarded.look(3)) == []


def test_what_was_paid_in_the_last_days_counts() -> None:
    made = policy('[funding]\nmax_total = 30\ndays = 7\naction = "close"\n')
    for amount, days_ago, closed in ((25, 1, True), (15, 1, False), (25, 8, False)):
        guarded = paying(made)
        at = START_MS - days_ago * 24 * 60 * MINUTE_MS
        guarded.venue.payments = [FundingPayment(at, "BTC", usd(amount))]
        assert bool(exits(guarded.look(3))) == closed, (amount, days_ago)


def test_a_change_of_direction_is_said_once() -> None:
    guarded = paying(policy("[funding]\nmax_payment = 100\n"), rate=-0.001)
    guarded.look(2)
    guarded.venue.funding = {"BTC": (FUNDING_ONE // 1000, START_MS + 5 * MINUTE_MS)}
    said = alerts(guarded.look(4))
    assert said == ["BTC now pays funding"]


def test_the_limit_of_all_payments_is_shared_by_all_positions() -> None:
    """Each alone stays within it, both together do not: 10 and 5 USD are due, 12 may be paid."""
    made = policy('[funding]\nmax_total = 12\naction = "trim"\n')
    guarded = Guarded(pair(), made)
    at = START_MS + 5 * MINUTE_MS
    rates = {"BTC": (FUNDING_ONE // 1000, at), "ETH": (-FUNDING_ONE // 2000, at)}
    guarded.venue.funding = rates
    guarded.look(4)
    assert guarded.position("BTC") == coins(8)
    assert guarded.position("ETH") == -coins(80)
    # What one receives may be paid by the other.
    guarded = Guarded(pair(), made)
    guarded.venue.funding = rates | {"ETH": (FUNDING_ONE // 2000, at)}
    assert exits(guarded.look(4)) == []


def test_funding_near_its_settlement_goes_to_market() -> None:
    text = """
[funding]
max_payment = 4
action = "close"
execution = "slow"
[[execution]]
name = "slow"
style = "twap"
duration = "1h"
interval = "1s"
escalate_after = "1d"
"""
    guarded = paying(policy(text), minutes=2)
    guarded.look(50)
    assert guarded.position("BTC") > coins(9)
    guarded.look(15)
    assert guarded.position("BTC") == 0


def test_limits_cancel_entries_or_reduce() -> None:
    for action, left, size in (("alert", 1, 10), ("cancel_entries", 0, 10), ("reduce", 0, 5.7)):
        text = f"""
[account]
risk_capital = 10000
max_leverage = 3
over_limit = "{action}"
"""
        guarded = Guarded(account(), policy(text))
        guarded.venue.entry_order("BTC", True, 1, 900)
        guarded.look(5)
        assert len(guarded.venue.orders) == left, action
        assert guarded.position("BTC") == coins(size), action


@pytest.mark.parametrize("limit", ["max_leverage", "max_leverage_market"])
def test_a_reduction_ends_below_its_limit_so_that_the_next_tick_is_not_above_it(limit: str) -> None:
    text = f'[account]\nrisk_capital = 10000\n{limit} = 3\nover_limit = "reduce"\n'
    guarded = Guarded(account(), policy(text))
    assert len(exits(guarded.look(5))) == 1
    view = guarded.venue.view()
    assert view.gross_notional * PPM == 3 * view.equity * REDUCED_PPM
    assert exits(guarded.go("BTC", [1000.0, 995.0, 1000.0, 990.0, 985.0])) == []


def test_without_equity_every_leverage_is_too_high() -> None:
    text = "[account]\nrisk_capital = 10000\nmax_leverage = 3\nmax_leverage_trade = 3\n"
    guarded = Guarded(account(cash=-1), policy(text + 'over_limit = "reduce"\n'))
    guarded.venue.entry_order("ETH", True, 1, 90)
    guarded.venue.marks["ETH"] = price(100)
    guarded.look(3)
    assert guarded.position("BTC") == 0
    assert guarded.venue.orders == []


def test_limits_are_not_judged_on_an_equity_in_doubt() -> None:
    text = '[account]\nrisk_capital = 10000\nmax_leverage = 6\nover_limit = "reduce"\n'
    guarded = Guarded(account(), policy(text))
    view = guarded.venue.view()
    wrong = structs.replace(view.buckets[0], equity=usd(100), reported_equity=usd(2000))
    guarded.shown(structs.replace(view, buckets=(wrong,), equity=usd(100)))
    assert exits(guarded.look(4)) == []


def test_an_order_above_the_leverage_of_a_trade_is_cancelled() -> None:
    text = "[account]\nrisk_capital = 10000\nmax_leverage_trade = 1\n"
    guarded = Guarded(account(), policy(text))
    large = guarded.venue.entry_order("BTC", True, 3, 900)
    small = guarded.venue.entry_order("BTC", True, 1, 900)
    closing = guarded.venue.entry_order("BTC", False, 10, 1100)
    guarded.look(3)
    assert large not in guarded.venue.orders
    assert small in guarded.venue.orders
    assert closing in guarded.venue.orders


def test_the_share_of_one_market() -> None:
    """Entries of the largest are cancelled; it is never closed for being the last that is left."""
    text = '[account]\nrisk_capital = 10000\nmax_market_share = "60%"\nover_limit = "reduce"\n'
    guarded = Guarded(pair(), policy(text))
    entry = guarded.venue.entry_order("BTC", True, 1, 900)
    guarded.look(2)
    assert entry in guarded.venue.orders
    guarded.venue.open("BTC", 10)
    assert exits(guarded.look(3)) == []
    assert entry not in guarded.venue.orders
    del guarded.venue.held["ETH"]
    assert exits(guarded.look(3)) == []


def pair() -> Venue:
    venue = Venue({"BTC": price(1000), "ETH": price(100)}, {CROSS: usd(5000)})
    venue.open("BTC", 10)
    venue.open("ETH", -100)
    return venue


PAIR = '[[pair]]\nname = "p"\nlegs = ["BTC", "ETH"]\n'


LOST = [
    ("", 4, 40),
    ("", 0, 0),
    ('when_leg_lost = "close"', 4, 0),
    ('when_leg_lost = "alert"', 4, 100),
    ("", 9.7, 100),
]


@pytest.mark.parametrize(("more", "left", "expected"), LOST)
def test_a_leg_follows_the_one_that_was_lost(more: str, left: float, expected: float) -> None:
    guarded = Guarded(pair(), policy(PAIR + more))
    guarded.look(2)
    if left:
        guarded.venue.open("BTC", left - 10)
    else:
        del guarded.venue.held["BTC"]
    found = guarded.look(5)
    assert guarded.position("ETH") == -coins(expected)
    assert bool(alerts(found)) == (left != 9.7)


def test_a_pair_that_is_made_larger_by_hand_is_left_alone() -> None:
    guarded = Guarded(pair(), policy(PAIR))
    guarded.look(2)
    guarded.venue.open("BTC", 5)
    assert orders(guarded.look(4)) == []
    guarded.venue.open("BTC", -7.5)
    guarded.look(4)
    assert guarded.position("ETH") == -coins(50), "half of what the pair was since"


@pytest.mark.parametrize("lost", ["match", "close"])
def test_a_close_that_takes_its_time_in_one_leg_is_no_loss_of_the_other(lost: str) -> None:
    """The step closes half of both; one fills at once, the other slice by slice."""
    text = f"""
[[step]]
name = "half"
action = "close"
share = "50%"
trigger = "9%"
rearm = "5%"
verify_after = "1h"
execution = "slow"
[[execution]]
name = "slow"
style = "pov"
participation = "10%"
slice = 1
escalate_after = "1h"
{PAIR}when_leg_lost = "{lost}"
"""
    guarded = Guarded(pair(), policy(text))
    guarded.venue.volume = {"BTC": 0, "ETH": 0}
    for _ in range(60):
        guarded.venue.volume["BTC"] += coins(50)
        guarded.venue.volume["ETH"] += coins(20)
        guarded.look()
    assert guarded.position("BTC") == coins(5)
    assert guarded.position("ETH") == -coins(50)
    assert not any("smaller than its other leg" in each for each in guarded.said)


def test_a_leg_that_was_flipped_hedges_nothing() -> None:
    guarded = Guarded(pair(), policy(PAIR))
    guarded.look(2)
    guarded.venue.open("BTC", -20)
    found = guarded.look(4)
    assert guarded.position("ETH") == 0
    assert guarded.position("BTC") == -coins(10)
    assert any("smaller than its other leg" in each for each in alerts(found))


def test_a_pair_shows_how_near_one_coin_is() -> None:
    guarded = Guarded(pair(), policy(PAIR + 'warn_distance = "60%"'))
    said = alerts(guarded.look(2))
    assert sorted(each.split()[0] for each in said) == ["BTC", "ETH"]
    guarded = Guarded(pair(), policy(PAIR + 'warn_distance = "20%"'))
    assert alerts(guarded.look(2)) == []


def test_entries_are_cancelled_once_until_the_venue_has_had_its_time() -> None:
    step = '[[step]]\nname = "c"\naction = "cancel_entries"\ntrigger = "10%"\nrearm = "5%"\n'
    guarded = Guarded(account(), policy(step))
    guarded.venue.entry_order("BTC", True, 1, 900)
    guarded.memory, actions = _decided(guarded)
    assert len([each for each in actions if isinstance(each, CancelOrder)]) == 1
    guarded.venue.move(500)
    guarded.memory, actions = _decided(guarded)
    assert not [each for each in actions if isinstance(each, CancelOrder)]
    guarded.venue.move(2000)
    guarded.memory, actions = _decided(guarded)
    assert len([each for each in actions if isinstance(each, CancelOrder)]) == 1


def _decided(guarded: Guarded) -> tuple[Memory, tuple[Action, ...]]:
    return decide(guarded.policy, guarded.memory, guarded.venue.view())


def test_a_hold_waits_out_a_spike() -> None:
    text = """
[[step]]
name = "out"
action = "flatten"
trigger = "30%"
rearm = "10%"
hold = "3s"
"""
    guarded = Guarded(account(), policy(text))
    assert orders(guarded.go("BTC", [1000, 860, 860, 1000, 860, 860, 860])) == []
    assert exits(guarded.go("BTC", [860, 860]))


def test_a_step_is_armed_again_below_its_level_and_after_its_cooldown() -> None:
    text = """
[[step]]
name = "look"
action = "alert"
trigger = "20%"
rearm = "15%"
cooldown = "10s"
"""
    guarded = Guarded(account(), policy(text))
    path = [1000, 900, 950, 900, 1000, 900, 1000, 900, *([1000] * 9), 900]
    counts = [len(alerts(guarded.go("BTC", [each]))) for each in path]
    assert [n for n, each in enumerate(counts) if each] == [1, len(path) - 1]


@pytest.mark.parametrize("name", ["account", "orders", "prices", "ledger", "funding"])
@pytest.mark.parametrize("age", [None, 10**7, -60_000])
def test_every_input_has_an_outcome(name: str, age: int | None) -> None:
    made = policy('[drawdown]\nfrom_peak = "20%"\n[funding]\nmax_payment = 5\n')
    venue = account()
    venue.ages = {name: age}
    found = assess(made, venue.view())
    rule = getattr(made.inputs, name)
    assert [(each.input, each.outcome) for each in found.faults] == [(name, rule.outcome)]


def test_an_input_that_no_rule_needs_is_not_missed() -> None:
    venue = account()
    venue.ages = {"ledger": None, "funding": None}
    assert assess(policy(), venue.view()).faults == ()


def test_a_position_that_is_opened_again_between_two_looks_has_its_stop() -> None:
    """The stop has fired, and the account holds as much again."""
    guarded = Guarded(account(), policy('[[stop]]\nname = "s"\ndistance = "5%"\n'))
    guarded.look(3)
    guarded.venue.move(100, BTC=945)
    assert guarded.position("BTC") == 0
    guarded.venue.open("BTC", 10)
    assert exits(guarded.look(4)) == []
    assert [each.trigger_price for each in guarded.venue.orders] == [897_750]


def test_what_is_left_of_a_position_is_not_stopped_twice() -> None:
    text = '[[stop]]\nname = "s"\ndistance = "5%"\nshare = "50%"\n'
    guarded = Guarded(account(), policy(text))
    guarded.look(3)
    assert exits(guarded.go("BTC", [945.0] * 30)) == []
    assert guarded.position("BTC") == coins(5)
    assert guarded.venue.orders == []


def test_exits_are_not_replaced_with_every_slice_of_a_close() -> None:
    text = """
[[step]]
name = "out"
action = "close"
share = "90%"
trigger = "10%"
rearm = "5%"
verify_after = "1d"
execution = "slow"
[[execution]]
name = "slow"
style = "twap"
duration = "20s"
interval = "1s"
[[stop]]
name = "s"
distance = "5%"
"""
    guarded = Guarded(account(), policy(text))
    guarded.look(40)
    assert guarded.position("BTC") == coins(1)
    placed = [each.size for each in guarded.venue.placed if each.kind == "trigger"]
    assert placed == [coins(10), coins(1)]


def test_a_top_up_waits_for_a_reduction() -> None:
    text = """
[[step]]
name = "half"
on = "isolated"
action = "close"
share = "20%"
trigger = "25%"
rearm = "5%"
execution = "slow"
[[step]]
name = "add"
on = "isolated"
action = "top_up"
trigger = "26%"
rearm = "5%"
amount = 100
max_count = 1
max_total = 100
min_move = "0.1%"
[[execution]]
name = "slow"
style = "twap"
duration = "10s"
interval = "1s"
"""
    guarded = Guarded(account(cash=750, bucket="BTC"), policy(text))
    guarded.venue.cash[CROSS] = usd(5000)
    assert not [each for each in guarded.look(8) if isinstance(each, AddMargin)]
    guarded.venue.marks["BTC"] = price(985)
    assert [each.amount for each in guarded.look(8) if isinstance(each, AddMargin)] == [usd(100)]


def test_a_reset_is_not_lost_in_silence() -> None:
    guarded = Guarded(account(), policy())
    assert alerts(guarded.look(resets=("guard",))) == [
        "the guard has not stopped: nothing was reset"
    ]
    assert alerts(guarded.look(resets=("drawdown from peak",))) == [
        "drawdown from peak has not latched: nothing was reset"
    ]
    guarded.venue.ages = {"account": None}
    assert "s was not reset: inputs are missing" in alerts(guarded.look(resets=("s",)))


def test_a_reset_of_a_guard_that_has_stopped() -> None:
    fatal = policy('[inputs]\nprices = { max_age = "5s", outcome = "fatal" }\n')
    guarded = Guarded(account(), fatal)
    guarded.venue.ages["prices"] = 9_000
    guarded.look()
    found = alerts(guarded.look(resets=("guard", "out")))
    assert "guard was not reset: the guard has stopped" in found
    assert "out was not reset: the guard has stopped" in found
    guarded.venue.ages["prices"] = 0
    found = alerts(guarded.look(resets=("guard",)))
    assert found == ["the guard goes on; it had stopped: prices: 9000 ms old, at most 5000"]


def test_a_liquidation_price_that_only_the_venue_sees_is_a_difference() -> None:
    venue = account(cash=20_000)
    view = venue.view()
    (position,) = view.positions
    assert position.liquidation_price is None
    for theirs, differs in ((price(900), True), (price(1), False), (None, False)):
        seen = structs.replace(position, reported_price=theirs)
        found = assess(policy(), structs.replace(view, positions=(seen,)))
        assert bool(found.disagreeing) == differs, theirs
