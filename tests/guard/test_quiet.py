"""Within its bounds a decision does nothing; whatever leaves them is decided in full.

Each case has one rule, an account that is quiet under it, and one change that the rule must see.
"""

from collections.abc import Callable
from typing import NamedTuple

import pytest
from msgspec import structs

from seawall.domain.units import DAY_MS, FUNDING_ONE
from seawall.guard.decide import decide, decide_fully
from seawall.guard.memory import Memory
from seawall.guard.quiet import is_quiet
from tests.guard.venue import CROSS, START_MS, Guarded, Venue, coins, policy, price, usd

Change = Callable[[Venue], None]


class Case(NamedTuple):
    """``small``: a change of the same kind that is within the bounds, if there is one."""

    text: str
    change: Change
    small: Change | None = None


def book() -> Venue:
    """Two positions in one pool, with plenty of margin."""
    venue = Venue({"BTC": price(1000), "ETH": price(100)}, {CROSS: usd(8_000)})
    venue.open("BTC", 10)
    venue.open("ETH", 50)
    venue.funding = dict.fromkeys(("BTC", "ETH"), (FUNDING_ONE // 10**5, START_MS + 3_600_000))
    return venue


def mark(market: str, at: float) -> Change:
    def change(venue: Venue) -> None:
        venue.marks[market] = price(at)

    return change


def later(passed_ms: int) -> Change:
    return lambda venue: venue.move(passed_ms)


def withdraw(amount: float) -> Change:
    def change(venue: Venue) -> None:
        venue.cash[CROSS] -= usd(amount)
        assert venue.net_deposits is not None
        venue.net_deposits -= usd(amount)

    return change


def cancelled(venue: Venue) -> None:
    gone = venue.orders.pop()
    venue.statuses[gone.client_id] = "cancelled"


def bought(venue: Venue) -> None:
    venue.entry_order("BTC", True, 20, 900)


def flipped(venue: Venue) -> None:
    venue.funding["BTC"] = (-FUNDING_ONE // 10**5, START_MS + 3_600_000)


def filled(venue: Venue) -> None:
    venue.open("BTC", 1)


def reported(venue: Venue) -> None:
    venue.reported[CROSS] = usd(5000)


def aged(name: str) -> Change:
    def change(venue: Venue) -> None:
        venue.ages[name] = 10**7

    return change


RATIO = '[[step]]\nname = "a"\naction = "alert"\ntrigger = "10%"\nrearm = "8%"\n'
DISTANCE = RATIO.replace('"10%"', '"30%"').replace('"8%"', '"40%"') + 'measure = "distance"\n'
DRAWDOWN = '[drawdown]\nfrom_peak = "20%"\nsmoothing = "0s"\n'
DAY = DRAWDOWN.replace("from_peak", "from_day_start")
RESTING = '[[stop]]\nname = "s"\ndistance = "10%"\n'
FAR = '[[stop]]\nname = "s"\ndistance = "45%"\nmarket = "BTC"\n'
MENTAL = RESTING + 'held_by = "guard"\n'
TRAILING = RESTING + 'kind = "trailing"\n'
GOAL = RESTING + 'kind = "take_profit"\n'
LEVERAGE = "[account]\nrisk_capital = 20000\nmax_leverage = 2.5\n"
SHARE = '[account]\nrisk_capital = 20000\nmax_market_share = "70%"\n'
TRADE = "[account]\nrisk_capital = 20000\nmax_leverage_trade = 2\n"
FUNDING = "[funding]\nmax_payment = 0.05\n"
PAIR = '[[pair]]\nname = "p"\nlegs = ["BTC", "ETH"]\nwarn_distance = "40%"\n'

CASES = {
    "margin ratio": Case(RATIO, mark("BTC", 350), mark("BTC", 900)),
    "distance, its own mark": Case(DISTANCE, mark("BTC", 300), mark("BTC", 990)),
    "distance, another mark": Case(DISTANCE, mark("ETH", 1), mark("ETH", 99)),
    "loss from the peak": Case(DRAWDOWN, mark("BTC", 750), mark("BTC", 850)),
    "a new peak": Case(DRAWDOWN, mark("BTC", 1001)),
    "loss of the day": Case(DAY, mark("BTC", 750), mark("BTC", 850)),
    "a new day": Case(DAY, later(DAY_MS), later(1000)),
    "a stop's level": Case(MENTAL, mark("BTC", 899), mark("BTC", 901)),
    "a goal's level": Case(GOAL, mark("BTC", 1101), mark("BTC", 1099)),
    "a new extreme": Case(TRAILING, mark("BTC", 1100), mark("BTC", 999)),
    "a trailing level": Case(TRAILING, mark("BTC", 899), mark("BTC", 901)),
    "liquidation moves to a stop": Case(FAR, mark("ETH", 10), mark("ETH", 99)),
    "a stop was cancelled": Case(RESTING, cancelled),
    "a position has grown": Case(RESTING, filled),
    "leverage by the mark": Case(LEVERAGE, mark("BTC", 700), mark("BTC", 995)),
    "leverage by a withdrawal": Case(LEVERAGE, withdraw(3000), withdraw(50)),
    "share of one market": Case(SHARE, mark("ETH", 40), mark("ETH", 99)),
    "a large entry": Case(TRADE, bought),
    "funding flips": Case(FUNDING, flipped),
    "funding is near": Case(FUNDING, later(3_000_000 + 100_000), later(1000)),
    "a pair's distance": Case(PAIR, mark("ETH", 1), mark("ETH", 99)),
    "the venue's figures": Case(RATIO, reported),
    **{f"{name} is old": Case(RATIO, aged(name)) for name in ("account", "orders", "prices")},
    "ledger is old": Case(DRAWDOWN, aged("ledger")),
    "funding is old": Case(FUNDING, aged("funding")),
}


def quiet(case: Case) -> Guarded:
    guarded = Guarded(book(), policy(case.text, risk_capital=10_000))
    guarded.look(5)
    assert guarded.memory.quiet is not None, "nothing is due"
    assert is_quiet(guarded.policy, guarded.memory, guarded.venue.view())
    return guarded


def without_bounds(memory: Memory) -> Memory:
    return structs.replace(memory, quiet=None)


@pytest.mark.parametrize("name", CASES)
def test_what_a_rule_must_see_leaves_the_bounds(name: str) -> None:
    guarded = quiet(CASES[name])
    CASES[name].change(guarded.venue)
    view = guarded.venue.view()
    after, actions = decide(guarded.policy, guarded.memory, view)
    full, same = decide_fully(guarded.policy, guarded.memory, view)
    assert actions == same
    assert without_bounds(after) == without_bounds(full)
    assert not is_quiet(guarded.policy, guarded.memory, view)


@pytest.mark.parametrize("name", [name for name, each in CASES.items() if each.small is not None])
def test_what_changes_little_stays_within_them(name: str) -> None:
    guarded = quiet(CASES[name])
    small = CASES[name].small
    assert small is not None
    small(guarded.venue)
    view = guarded.venue.view()
    assert is_quiet(guarded.policy, guarded.memory, view)
    after, actions = decide(guarded.policy, guarded.memory, view)
    full, same = decide_fully(guarded.policy, guarded.memory, view)
    assert actions == same == ()
    assert without_bounds(after) == without_bounds(full)


def test_a_reset_and_another_policy_leave_them() -> None:
    guarded = quiet(CASES["margin ratio"])
    assert not is_quiet(guarded.policy, guarded.memory, guarded.venue.view(resets=("a",)))
    other = structs.replace(guarded.policy, steps=())
    assert not is_quiet(other, guarded.memory, guarded.venue.view())


def test_a_step_that_is_not_armed_waits_for_its_level_and_its_time() -> None:
    """Fired once; then the level is calm, and its cool-down of ten minutes goes on."""
    guarded = quiet(CASES["margin ratio"])
    assert guarded.go("BTC", [350.0])
    guarded.look(3)
    assert guarded.memory.quiet is not None
    guarded.venue.marks["BTC"] = price(1000)
    guarded.look(2)
    assert guarded.memory.quiet is not None
    assert not guarded.memory.steps["a/cross"].armed
    assert guarded.memory.quiet.until_ms == guarded.memory.steps["a/cross"].cool_until_ms
    guarded.venue.move(600_000)
    guarded.look(1)
    assert guarded.memory.steps["a/cross"].armed
    assert guarded.position("BTC") == coins(10)


def test_an_exit_that_stayed_during_a_close_is_not_yet_at_rest() -> None:
    """It is larger than its share of what is left; the work ends in a look without an action."""
    mental = MENTAL.replace('"s"', '"mental"') + 'share = "50%"\n'
    guarded = Guarded(book(), policy(GOAL + 'share = "50%"\n' + mental))
    guarded.look(5)
    guarded.go("BTC", [899.0] * 8)
    assert guarded.position("BTC") == coins(5)
    assert {(each.market, each.size) for each in guarded.venue.orders} == {
        ("BTC", coins(2.5)), ("ETH", coins(25)),
    }  # fmt: skip
    assert guarded.memory.quiet is not None


def test_a_bucket_that_is_gone_is_let_go() -> None:
    """Its hold and what was to be verified are over; entered again, it begins anew."""
    made = policy(RATIO.replace('"alert"', '"flatten"') + 'hold = "1m"\n', risk_capital=10_000)
    venue = Venue({"BTC": price(1000)}, {CROSS: usd(8_000), "BTC": usd(400)})
    venue.open("BTC", 10, bucket="BTC")
    guarded = Guarded(venue, made)
    guarded.look(1)
    assert guarded.memory.steps["a/BTC"].over_ms
    held, cash = venue.held.pop("BTC"), venue.cash.pop("BTC")
    guarded.look(1)
    assert not guarded.memory.steps["a/BTC"].over_ms
    venue.move(3_600_000)
    venue.held["BTC"], venue.cash["BTC"] = held, cash
    guarded.look(2)
    assert guarded.position("BTC") == coins(10), "it was closed without its hold"
