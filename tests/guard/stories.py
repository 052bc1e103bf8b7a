"""Fifteen losses that automated protection has made elsewhere, each as a story that must end well.

A story plays one of them against the guard and asserts what must not happen. ``SWITCHES`` takes the
rule that answers it out of the guard: the story must then fail, so it proves something.
"""

from collections.abc import Callable
from typing import Any

import pytest
from msgspec import structs

from seawall.domain.units import DAY_MS, PPM
from seawall.guard.actions import Action, AddMargin
from seawall.guard.client_id import read_client_id
from seawall.guard.decide import decide
from seawall.guard.drawdown import reset_account
from seawall.guard.memory import StepMemory
from seawall.guard.policy import GRACEFUL_STOP, MANUAL, NORMAL, PANIC, TAKE_PROFIT_ONLY
from seawall.guard.policy_file import parse_policy
from seawall.guard.preflight import due_at_once
from seawall.guard.recover import recovered
from seawall.venues.gateway_port import VenueWriter
from tests.guard.venue import (
    CROSS,
    Guarded,
    account,
    alerts,
    coins,
    exits,
    orders,
    policy,
    price,
    usd,
)

LADDER = """
[[step]]
name = "cut"
action = "close"
trigger = "30%"
rearm = "20%"
share = "50%"
cooldown = "30s"
verify_after = "10s"
[[step]]
name = "out"
action = "flatten"
trigger = "60%"
rearm = "20%"
"""
DRAWDOWN = """
[drawdown]
from_peak = "20%"
smoothing = "20s"
"""
ISOLATED = "BTC"


def a_close_is_asked_for_before_it_is_sent_again() -> None:
    """Its answer is lost twice: once the venue has filled it, once it has never had it."""
    guarded = Guarded(account(), policy(LADDER))
    guarded.venue.confirms, guarded.venue.answers, guarded.venue.fills = False, False, PPM // 2
    sent = exits(guarded.go("BTC", [860.0] * 5))
    assert [each.size for each in sent] == [coins(5)]
    assert guarded.position("BTC") == coins(7.5)
    assert read_client_id(sent[0].client_id) is not None
    # The answer comes: what is left goes out under another id, and the position is never reversed.
    guarded.venue.confirms, guarded.venue.answers, guarded.venue.fills = True, True, PPM
    more = exits(guarded.go("BTC", [860.0] * 5))
    assert [each.size for each in more] == [coins(2.5)]
    assert more[0].client_id != sent[0].client_id
    assert guarded.position("BTC") == coins(5)

    guarded = Guarded(account(), policy(LADDER))
    guarded.venue.takes = False
    sent = exits(guarded.go("BTC", [860.0] * 4))
    guarded.venue.takes = True
    sent += exits(guarded.go("BTC", [860.0] * 4))
    assert len(sent) > 1
    assert len({each.client_id for each in sent}) == 1, "the same order has one id"
    assert guarded.position("BTC") == coins(5)


def a_close_waits_for_the_account_that_it_has_left() -> None:
    """The order is known to be filled, and the answer about the position is from before."""
    text = (
        '[[step]]\nname = "cut"\naction = "close"\ntrigger = "30%"\nrearm = "20%"\nshare = "50%"\n'
    )
    guarded = Guarded(account(), policy(text))
    guarded.go("BTC", [1000.0])
    guarded.venue.marks["BTC"] = price(860)
    old = guarded.venue.view()
    assert [each.size for each in exits(guarded.look())] == [coins(5)]
    for _ in range(3):
        now = guarded.venue.view()
        seen = structs.replace(now.observed, account_ms=old.observed.account_ms)
        lagging = structs.replace(
            now, observed=seen, positions=old.positions, buckets=old.buckets, equity=old.equity
        )
        guarded.memory, actions = decide(guarded.policy, guarded.memory, lagging)
        guarded.venue.apply(actions)
        assert exits(actions) == []
        guarded.venue.move(1000)
    assert exits(guarded.look(3)) == []
    assert guarded.position("BTC") == coins(5)


def no_file_is_authority() -> None:
    """The journal is lost with a position open, and an old one names a position that is gone."""
    guarded = Guarded(account(), policy('[[stop]]\nname = "s"\ndistance = "5%"\n' + LADDER))
    guarded.look(3)
    assert [each.trigger_price for each in guarded.venue.orders] == [price(950)]
    old = guarded.memory
    guarded.memory = recovered(guarded.policy, None, guarded.venue.view())
    assert orders(guarded.look(3)) == [], "the stop that rests is the stop"
    assert len(guarded.venue.orders) == 1
    # An old memory with a work and an exit, and a venue on which all is closed.
    guarded.venue.held.clear()
    guarded.memory = recovered(guarded.policy, old, guarded.venue.view())
    assert orders(guarded.look(3)) == []
    assert guarded.venue.orders == []


def drawdown_trips_on_the_smaller_of_raw_and_smoothed() -> None:
    """A mark that is wrong for two seconds closes nothing; a loss that lasts does, once."""
    guarded = Guarded(account(cash=20_000), policy(DRAWDOWN))
    assert exits(guarded.go("BTC", [1000, 1000, 700, 700, 1000, 1000])) == []
    assert guarded.position("BTC") == coins(10)
    fired = exits(guarded.go("BTC", [700.0] * 60))
    assert [each.size for each in fired] == [coins(10)]
    assert guarded.memory.account is not None
    assert guarded.memory.account.latched == "drawdown from peak"
    # It counts again only after a reset, and at a level of its own.
    guarded.look(resets=("drawdown from peak",))
    guarded.look(2)
    assert guarded.memory.account is not None
    assert guarded.memory.account.latched == ""
    assert guarded.memory.account.peak.armed


def day_limits_count_again_at_their_own_level() -> None:
    text = '[drawdown]\nfrom_day_start = "10%"\nsmoothing = "1s"\nrearm = "50%"\n'
    guarded = Guarded(account(cash=20_000), policy(text))
    guarded.go("BTC", [1000.0, 1000.0] + [850.0] * 20)
    assert guarded.position("BTC") == 0
    guarded.look(resets=("drawdown from day start",))
    guarded.venue.open("BTC", 10)
    assert exits(guarded.go("BTC", [850.0] * 10)) == [], "its loss of the day is not new"
    guarded.venue.move(DAY_MS)
    guarded.go("BTC", [850.0] * 3)
    assert exits(guarded.go("BTC", [700.0] * 20)), "the next day has a limit of its own"


def a_peak_is_corrected_for_cash_flows() -> None:
    """A deposit is withdrawn again; later an old episode must not hold a new position."""
    guarded = Guarded(account(cash=5_000), policy(DRAWDOWN))
    guarded.look(3)
    for amount in (3_000, -3_000, -2_500):
        guarded.venue.cash[CROSS] += usd(amount)
        guarded.venue.net_deposits += usd(amount)  # type: ignore[operator]
        assert exits(guarded.look(60)) == [], "cash flows are no drawdown"
    assert guarded.memory.account is not None
    assert not guarded.memory.account.latched
    # Another risk capital is another base, and no loss.
    limits = structs.replace(guarded.policy.account, risk_capital=usd(1_000))
    guarded.policy = structs.replace(guarded.policy, account=limits)
    assert exits(guarded.look(60)) == []
    # It trips, is reset, and the orders of that episode are still in the venue's answers.
    guarded.go("BTC", [950.0] * 60)
    assert guarded.position("BTC") == 0
    assert guarded.memory.account.latched
    guarded.look(resets=("drawdown from peak",))
    guarded.venue.open("BTC", 1)
    assert exits(guarded.look(20)) == []
    guarded.memory = recovered(guarded.policy, None, guarded.venue.view())
    assert exits(guarded.look(20)) == [], "what happened in an old episode holds nothing"


def missing_inputs_have_outcomes() -> None:
    """Nothing is taken to be zero, old or fine: each input that is missing has its outcome."""
    guarded = Guarded(account(), policy(LADDER + DRAWDOWN))
    entry = guarded.venue.entry_order("BTC", True, 1, 500)
    guarded.venue.ages["account"] = None
    found = guarded.go("BTC", [860.0] * 3)
    assert orders(found) == []
    assert any("account: missing: defer" in each for each in alerts(found))
    assert entry in guarded.venue.orders
    found = guarded.go("BTC", [860.0] * 70)
    assert orders(found) == []
    assert entry not in guarded.venue.orders, "a long deferral fails closed: entries are cancelled"
    guarded.venue.ages["account"] = 0
    assert exits(guarded.go("BTC", [860.0] * 2)), "and goes on when the input is there"

    guarded = Guarded(account(), policy(DRAWDOWN))
    guarded.venue.net_deposits = None
    found = guarded.look(3)
    assert any("drawdown is unavailable" in each for each in alerts(found))
    assert guarded.memory.account is None, "without a ledger there is no profit, not one of zero"

    fatal = policy('[inputs]\nprices = { max_age = "5s", outcome = "fatal" }\n' + LADDER)
    guarded = Guarded(account(), fatal)
    guarded.venue.ages["prices"] = 9_000
    guarded.look()
    guarded.venue.ages["prices"] = 0
    assert orders(guarded.go("BTC", [860.0] * 3)) == []
    assert exits(guarded.look(resets=("guard",)) + guarded.look(2))


def the_scope_of_an_action_is_that_of_its_signal() -> None:
    """One isolated position is in danger; the book beside it is not touched."""
    guarded = Guarded(account(cash=50_000), policy(LADDER + DRAWDOWN, risk_capital=50_000))
    guarded.venue.marks["ETH"] = price(100)
    guarded.venue.cash["ETH"] = usd(100)
    guarded.venue.open("ETH", 10, bucket="ETH")
    guarded.look()
    sent = exits(guarded.go("ETH", [92.0] * 4))
    assert {each.market for each in sent} == {"ETH"}
    assert guarded.position("BTC") == coins(10)
    assert guarded.memory.account is not None
    assert not guarded.memory.account.latched, "a margin limit is no equity limit"


def the_largest_reduction_wins_and_entries_do_not_refill() -> None:
    """Close a third, close a half and a stop at once: a half. And the bot does not buy it back."""
    text = """
[[step]]
name = "third"
action = "close"
trigger = "30%"
rearm = "20%"
share = "30%"
[[step]]
name = "half"
action = "close"
trigger = "31%"
rearm = "20%"
share = "50%"
[[stop]]
name = "s"
distance = "10%"
share = "20%"
held_by = "guard"
"""
    guarded = Guarded(account(), policy(text))
    entry = guarded.venue.entry_order("BTC", True, 5, 500)
    guarded.look()
    sent = exits(guarded.go("BTC", [860.0] * 6))
    assert sum(each.size for each in sent) == coins(5)
    assert entry not in guarded.venue.orders
    again = guarded.venue.entry_order("BTC", True, 5, 500)
    guarded.look(2)
    assert again not in guarded.venue.orders, "entries wait until the cool-down is over"


def a_step_that_did_not_help_is_followed_by_the_next() -> None:
    """The close fills, and the ratio is as bad as before: not the same again."""
    guarded = Guarded(account(cash=900), policy(LADDER.replace("50%", "20%")))
    sizes = [each.size for each in exits(guarded.go("BTC", [1000.0] + [960.0] * 5))]
    assert sizes == [coins(2)]
    found = guarded.go("BTC", [960.0] * 15)
    assert any("out follows" in each for each in alerts(found))
    assert guarded.position("BTC") == 0
    assert len(exits(found)) == 1


def a_top_up_is_bounded_and_must_move_the_liquidation_price() -> None:
    """Bybit's replenishment would use the whole wallet; this one has limits, and must help."""
    step = """
[[step]]
name = "add"
on = "isolated"
action = "top_up"
trigger = "30%"
rearm = "28%"
cooldown = "0s"
amount = 500
max_count = 3
max_total = 1200
min_move = "2%"
"""
    guarded = Guarded(account(cash=1000, bucket=ISOLATED), policy(step))
    guarded.venue.cash[CROSS] = usd(50_000)
    path = [1000.0, 985.0, 985.0, 985.0] + [value / 1 for value in range(985, 700, -5)]
    found = guarded.go("BTC", path)
    added = [each.amount for each in found if isinstance(each, AddMargin)]
    assert added == [usd(500), usd(500), usd(200)]
    assert guarded.venue.cash[CROSS] == usd(50_000 - 1_200)
    # The same with a position on which 500 USD move nothing.
    guarded = Guarded(account(size=100, cash=9000, bucket=ISOLATED), policy(step))
    guarded.venue.cash[CROSS] = usd(50_000)
    found = guarded.go("BTC", [1000.0] + [985.0] * 5)
    assert [each for each in found if isinstance(each, AddMargin)] == []
    assert any("would not move the liquidation price" in each for each in alerts(found))


def the_margin_buffer_is_never_used() -> None:
    text = """
[account]
risk_capital = 10000
margin_buffer = 900
[[step]]
name = "add"
on = "isolated"
action = "top_up"
trigger = "30%"
rearm = "28%"
amount = 500
max_count = 3
max_total = 1200
min_move = "0.1%"
"""
    guarded = Guarded(account(cash=1000, bucket=ISOLATED), policy(text))
    guarded.venue.cash[CROSS] = usd(1_000)
    found = guarded.go("BTC", [1000.0] + [980.0] * 5)
    assert [each.amount for each in found if isinstance(each, AddMargin)] == [usd(100)]


def a_stop_lies_before_liquidation_and_escalates() -> None:
    """The policy puts it beyond liquidation; then the venue's trigger does not fill."""
    stop = '[[stop]]\nname = "s"\ndistance = "30%"\nescalate_after = "5s"\n'
    guarded = Guarded(account(), policy(stop))
    guarded.look(3)
    liquidation = guarded.venue.liquidation_price("BTC")
    assert liquidation is not None
    level = guarded.venue.orders[0].trigger_price
    assert level > liquidation * (PPM + PPM // 100) // PPM, "slippage of 1% included"
    guarded.venue.fires = False
    found = guarded.go("BTC", [829.0] * 9)
    assert [each.size for each in exits(found)] == [coins(10)]
    assert any("has fired and is not filled" in each for each in alerts(found))
    assert guarded.position("BTC") == 0
    # A position that is opened so near to liquidation that its stop is behind the mark.
    guarded = Guarded(account(cash=350), policy(stop))
    assert exits(guarded.look(2))[0].size == coins(10), "liquidated before the stop was placed"


def orphans_are_swept() -> None:
    """The position is closed by hand and opened the other way: no old exit may meet it."""
    guarded = Guarded(account(), policy('[[stop]]\nname = "s"\ndistance = "5%"\n'))
    guarded.look(3)
    first = guarded.venue.orders[0]
    guarded.venue.held.clear()
    guarded.venue.cash[CROSS] = usd(2000)
    guarded.venue.open("BTC", -10)
    guarded.look(3)
    assert first not in guarded.venue.orders
    assert [each.is_buy for each in guarded.venue.orders] == [True]
    # Of other hands only where the policy says so.
    for sweep, left in (("own", 1), ("all", 0)):
        guarded = Guarded(account(), structs.replace(policy(), sweep=sweep))
        foreign = guarded.venue.entry_order("ETH", False, 1, 90)
        foreign.reduce_only, foreign.trigger_price = True, price(90)
        guarded.venue.marks["ETH"] = price(100)
        guarded.look(3)
        assert len(guarded.venue.orders) == left


def partial_entries_are_protected_leg_by_leg() -> None:
    """An entry fills in parts, and the venue refuses one of the two exits."""
    text = """
[[stop]]
name = "goal"
kind = "take_profit"
distance = "10%"
[[stop]]
name = "s"
distance = "5%"
"""
    guarded = Guarded(account(size=2), policy(text))
    guarded.venue.entry_order("BTC", True, 8, 1000)
    guarded.venue.refuses = {"goal/BTC"}
    guarded.look(3)
    stops = [each for each in guarded.venue.orders if each.client_id]
    assert [each.size for each in stops] == [coins(2)], "what is filled has its stop"
    guarded.venue.open("BTC", 4)
    guarded.look(4)
    stops = [each for each in guarded.venue.orders if each.client_id]
    assert [each.size for each in stops] == [coins(6)], "and it follows the size"
    tried = [each for each in guarded.venue.placed if each.step == "goal/BTC"]
    assert len(tried) > 1, "the refused one is tried again by itself"


def a_reset_names_what_it_resets() -> None:
    """And nothing that the guard can do cancels every order at once."""
    look = '[[step]]\nname = "look"\naction = "alert"\ntrigger = "25%"\nrearm = "1%"\n'
    text = look + LADDER + DRAWDOWN.replace("20s", "1s")
    guarded = Guarded(account(), policy(text, risk_capital=2000))
    guarded.go("BTC", [1000.0, 860.0, 860.0, 780.0, 780.0] + [780.0] * 10)
    assert guarded.memory.account is not None
    assert guarded.memory.account.latched
    assert not guarded.memory.steps["cut/cross"].armed
    assert not guarded.memory.steps["look/cross"].armed
    guarded.look(resets=("cut",))
    assert guarded.memory.steps["cut/cross"].armed
    assert not guarded.memory.steps["look/cross"].armed, "no other step is reset"
    assert guarded.memory.account.latched, "and no limit"
    found = guarded.look(resets=("everything",))
    assert any("nothing was reset" in each for each in alerts(found))
    assert guarded.memory.account.latched
    kinds = {each.__name__ for each in Action.__args__}  # type: ignore[attr-defined]
    assert kinds == {"PlaceOrder", "CancelOrder", "QueryOrder", "AddMargin", "Alert"}
    methods = {each for each in vars(VenueWriter) if not each.startswith("_")}
    assert methods == {
        "check", "place", "cancel", "cancel_other", "add_isolated_margin", "add_collateral", "close"
    }  # fmt: skip


def a_reset_of_one_limit_leaves_the_other() -> None:
    """Day after day the limit of the day trips and is reset; that of the peak counts them all."""
    text = '[drawdown]\nfrom_day_start = "10%"\nfrom_peak = "25%"\nsmoothing = "1s"\n'
    guarded = Guarded(account(cash=20_000), policy(text))
    guarded.look(3)
    for _ in range(2):
        guarded.venue.cash[CROSS] -= usd(1_100)
        guarded.look(10)
        assert guarded.memory.account is not None
        assert guarded.memory.account.latched == "drawdown from day start"
        guarded.look(resets=("drawdown from day start",))
        guarded.venue.move(DAY_MS)
        guarded.look(3)
        assert guarded.memory.account.latched == ""
    guarded.venue.cash[CROSS] -= usd(500)
    guarded.look(10)
    assert guarded.memory.account.latched == "drawdown from peak"


def hands_have_a_policy_during_the_cooldown() -> None:
    """A person opens a position while the hard stop is latched."""
    expected = {
        # (it is closed, entries are cancelled, exits that rest)
        PANIC: (True, True, set()),
        NORMAL: (False, False, {"s", "goal"}),
        MANUAL: (False, False, set()),
        TAKE_PROFIT_ONLY: (False, True, {"goal"}),
        GRACEFUL_STOP: (False, True, {"s", "goal"}),
    }
    for hands, (closed, cancelled, resting) in expected.items():
        text = f"""
[drawdown]
from_peak = "20%"
smoothing = "1s"
[hands]
during_cooldown = "{hands}"
[[stop]]
name = "s"
distance = "5%"
[[stop]]
name = "goal"
kind = "take_profit"
distance = "5%"
"""
        guarded = Guarded(account(cash=20_000), policy(text))
        guarded.go("BTC", [1000.0, 1000.0] + [700.0] * 20)
        assert guarded.position("BTC") == 0
        guarded.venue.open("BTC", 1)
        entry = guarded.venue.entry_order("BTC", True, 1, 600)
        guarded.look(5)
        seen = {
            each.trigger_price: each.take_profit for each in guarded.venue.orders if each.client_id
        }
        names = {"goal" if is_goal else "s" for is_goal in seen.values()}
        found = guarded.position("BTC") == 0, entry not in guarded.venue.orders, names
        assert found == (closed, cancelled, resting), hands


def preflight_says_what_would_fire_at_once() -> None:
    """Armed in the middle of a fall; and an override that was left in a file."""
    guarded = Guarded(account(mark=1000, cash=600), policy(LADDER))
    due = [each for each in due_at_once(guarded.policy, guarded.venue.view()) if each.is_order]
    assert [(each.where, each.what) for each in due] == [("BTC", "close 5,000 USD")]
    calm = Guarded(account(cash=5000), policy(LADDER))
    assert due_at_once(calm.policy, calm.venue.view()) == []
    text = 'name = "x"\nignore_disagreement = true\n[account]\nrisk_capital = 10000\n' + LADDER
    made = parse_policy(text)
    assert made.stripped == ("ignore_disagreement",)
    guarded = Guarded(account(), made)
    guarded.venue.reported[CROSS] = usd(1)
    assert orders(guarded.go("BTC", [860.0] * 5)) == [], "nothing is sent while figures disagree"
    view = guarded.venue.view(overrides=("ignore_disagreement",))
    assert orders(decide(made, guarded.memory, view)[1]), "but for one run, on the command line"


Story = Callable[[], None]
Switch = tuple[str, Any]
"""Where a rule is, and what stands there without it."""


def _lost_is_ended(self: Any, sent: Any) -> str:
    return "open" if sent.client_id in self.view.open_ids else "ended"


def _at_once(self: Any, sent: Any) -> str:
    status = self.view.status.get(sent.client_id)
    return "" if status is None else "ended"


def _summed(reductions: Any) -> Any:
    found: dict[str, Any] = {}
    for each in reductions:
        before = found.get(each.market)
        closed = coins(10) - each.target
        target = each.target if before is None else max(0, before.target - closed)
        found[each.market] = each._replace(target=target)
    return found


def _everywhere(view: Any, bucket: Any) -> Any:
    return list(view.position.values())


def _after_no_rejection(original: Any) -> Any:
    def rest(draft: Any, *rest: Any) -> None:
        goal = draft.legs.get("goal/BTC")
        if rest[0].name == "goal" or goal is None or (goal.sent is not None and goal.sent.seen):
            original(draft, *rest)

    return rest


def _all_steps(draft: Any, name: str) -> bool:
    draft.steps = {key: StepMemory() for key in draft.steps}
    return True


def _all_limits(draft: Any, name: str) -> bool:
    done = reset_account(draft, name)
    fresh = structs.replace(draft.account.peak, reference=draft.view.profit, smoothed=0)
    draft.account = structs.replace(draft.account, peak=fresh)
    return done


def _ended_at_once(draft: Any, work: Any, sent: Any) -> Any:
    from seawall.guard import works

    return works._ended(draft, work, sent)


def _raw(policy: Any, account: Any, limit: Any, profit: int) -> int:
    return PPM * max(0, limit.reference - profit) // policy.account.risk_capital


def _without_limits(draft: Any, bucket: Any, step: Any) -> tuple[int, str]:
    return step.amount, ""


def switches() -> dict[str, tuple[Story, list[list[Switch]]]]:
    """Each story with its number, and the ways to take its rule out."""
    from seawall.guard import stops

    g = "seawall.guard"
    nothing: Any = lambda *_: None  # noqa: E731
    none: Any = lambda *_: iter(())  # noqa: E731
    zero = property(lambda view: view.equity - (view.net_deposits or 0))
    return {
        "01": (
            a_close_is_asked_for_before_it_is_sent_again,
            [
                [(f"{g}.draft.Draft.state_of", _lost_is_ended)],
                [(f"{g}.works._again", _ended_at_once)],
            ],
        ),
        "01 account": (
            a_close_waits_for_the_account_that_it_has_left,
            [[(f"{g}.draft.Draft.state_of", _at_once)]],
        ),
        "02": (no_file_is_authority, [[(f"{g}.recover._named_orders", lambda *_: [])]]),
        "03": (
            drawdown_trips_on_the_smaller_of_raw_and_smoothed,
            [[(f"{g}.drawdown.score", _raw)]],
        ),
        "03 day": (
            day_limits_count_again_at_their_own_level,
            [[(f"{g}.drawdown.reset_account", nothing), (f"{g}.decide.reset_account", _rearmed)]],
        ),
        "04": (
            a_peak_is_corrected_for_cash_flows,
            [[(f"{g}.view.View.profit", property(lambda view: view.equity))]],
        ),
        "05": (
            missing_inputs_have_outcomes,
            [
                [(f"{g}.assess._faults", none)],
                [(f"{g}.decide._may_go_on", lambda *_: True)],
                [(f"{g}.decide.increases", lambda *_: False)],
                [(f"{g}.assess.needs_ledger", lambda _: False), (f"{g}.view.View.profit", zero)],
                [(f"{g}.decide.FATAL", "never")],
            ],
        ),
        "06": (
            the_scope_of_an_action_is_that_of_its_signal,
            [[(f"{g}.ladder.scope", _everywhere)]],
        ),
        "07": (
            the_largest_reduction_wins_and_entries_do_not_refill,
            [[(f"{g}.works.largest", _summed)], [(f"{g}.draft.Draft.stop_entries", nothing)]],
        ),
        "08": (
            a_step_that_did_not_help_is_followed_by_the_next,
            [[(f"{g}.ladder._failures", none)]],
        ),
        "09": (
            a_top_up_is_bounded_and_must_move_the_liquidation_price,
            [
                [(f"{g}.top_up.price_move", lambda *_: PPM)],
                [(f"{g}.top_up.allowed", _without_limits)],
            ],
        ),
        "09 buffer": (the_margin_buffer_is_never_used, [[(f"{g}.top_up._available", _everything)]]),
        "10": (
            a_stop_lies_before_liquidation_and_escalates,
            [[(f"{g}.stops.bound_of", nothing)], [(f"{g}.stops._crossed", _uncrossed)]],
        ),
        "11": (
            orphans_are_swept,
            [[(f"{g}.stops._sweep", nothing)], [(f"{g}.stops.orphans", none)]],
        ),
        "12": (
            partial_entries_are_protected_leg_by_leg,
            [
                [(f"{g}.stops._rest", _after_no_rejection(stops._rest))],
                [(f"{g}.stops.leg_size", lambda *_: coins(2))],
            ],
        ),
        "13": (a_reset_names_what_it_resets, [[(f"{g}.decide.reset_step", _all_steps)]]),
        "13 limits": (
            a_reset_of_one_limit_leaves_the_other,
            [[(f"{g}.decide.reset_account", _all_limits)]],
        ),
        "14": (
            hands_have_a_policy_during_the_cooldown,
            [
                [(f"{g}.drawdown._hold", nothing)],
                [(f"{g}.decide.EXITS", {})],
                [(f"{g}.decide._cancel_entries", nothing)],
            ],
        ),
        "15": (
            preflight_says_what_would_fire_at_once,
            [
                [(f"{g}.preflight.decide_fully", lambda policy, memory, view: (memory, ()))],
                [(f"{g}.assess.disagreements", none)],
            ],
        ),
    }


def _rearmed(draft: Any, name: str) -> bool:
    account = draft.account
    day = structs.replace(account.day, armed=True)
    draft.account = structs.replace(account, latched="", flat_ms=0, day=day)
    return True


def _everything(draft: Any, *_: Any) -> int:
    return int(draft.view.bucket[CROSS].equity)


def _uncrossed(draft: Any, stop: Any, position: Any, market: Any, memory: Any, *_: Any) -> Any:
    return memory


def patched(patch: pytest.MonkeyPatch, ways: list[Switch]) -> None:
    """Take rules out."""
    for where, other in ways:
        patch.setattr(where, other)


SWITCHES = switches()
