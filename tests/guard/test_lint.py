"""Lint finds each mistake that it claims to find, and is silent without one."""

from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec import structs

from seawall.accounts.load import load_account
from seawall.guard.check import check_policy, view_of
from seawall.guard.lint import RULES, lint
from seawall.guard.policy import Policy
from seawall.guard.policy_file import load_policy
from seawall.guard.view import View
from tests.guard.venue import CROSS, account, coins, policy, price, usd
from tests.shared_files import ROOT

GUARD = ROOT / "examples" / "guard"
ACCOUNT = b"""
collateral = %d
[[position]]
market = "BTC"
side = "long"
notional = %d
entry = 100000
mode = "%s"
leverage = 10
margin = %d
"""


def good(more: str = "") -> Policy:
    return policy(
        '[drawdown]\nfrom_peak = "20%"\n' + more + '[[step]]\nname = "out"\naction = "flatten"\n'
        'trigger = "80%"\nrearm = "40%"\n[[stop]]\nname = "s"\ndistance = "5%"\n'
    )


def calm() -> View:
    return account(cash=9000).view()


def without_drawdown() -> tuple[Policy, View]:
    made = good()
    return structs.replace(made, drawdown=structs.replace(made.drawdown, from_peak=None)), calm()


def without_end() -> tuple[Policy, View]:
    step = structs.replace(good().steps[0], action="close", share=500_000)
    return structs.replace(good(), steps=(step,)), calm()


def late() -> tuple[Policy, View]:
    step = structs.replace(good().steps[0], trigger=1_000_000)
    return structs.replace(good(), steps=(step,)), calm()


TOP_UP = """
[[step]]
name = "add"
on = "isolated"
action = "top_up"
trigger = "60%"
rearm = "40%"
amount = 5000
max_count = 2
max_total = {total}
min_move = "1%"
source = "{source}"
"""


def unlimited() -> tuple[Policy, View]:
    return good(TOP_UP.format(total=10000, source="pool")), calm()


def empty_source() -> tuple[Policy, View]:
    made = good(TOP_UP.format(total=8000, source="pool"))
    venue = account(cash=9000, bucket="BTC")
    venue.cash[CROSS] = usd(500)
    limits = structs.replace(made.account, margin_buffer=usd(500))
    return structs.replace(made, account=limits), venue.view()


def test_a_wallet_that_is_empty_is_an_empty_source() -> None:
    made = good(TOP_UP.format(total=8000, source="wallet").replace("isolated", "cross"))
    venue = account(cash=9000)
    for wallets, found in (({}, False), ({"wallet": 1}, False), ({"wallet": 0}, True)):
        venue.wallets = wallets
        rules = {each.rule for each in lint(made, venue.view())}
        assert ("top-up-without-source" in rules) == found, wallets


def test_what_is_checked_for_a_file_finds_an_empty_source(tmp_path: Path) -> None:
    """The rule reaches what `seawall guard lint` is given."""
    policy_file = tmp_path / "p.toml"
    text = 'name = "p"\n[account]\nrisk_capital = 20000\nmargin_buffer = 9000\n{}'
    policy_file.write_text(text.format(TOP_UP.format(total=8000, source="pool")))
    held = load_account(ACCOUNT % (9_000, 3_000, b"isolated", 1_000))
    assert "top-up-without-source" in {e.rule for e in check_policy(policy_file, held).mistakes}
    held = load_account(ACCOUNT % (19_000, 3_000, b"isolated", 1_000))
    assert "top-up-without-source" not in {e.rule for e in check_policy(policy_file, held).mistakes}


def slow_smoothing() -> tuple[Policy, View]:
    drawdown = structs.replace(good().drawdown, smoothing_ms=700_000)
    return structs.replace(good(), drawdown=drawdown), calm()


def slow_flatten() -> tuple[Policy, View]:
    made = good('[[execution]]\nname = "slow"\nstyle = "twap"\nurgent_above = "100%"\n')
    step = structs.replace(made.steps[0], execution="slow")
    return structs.replace(made, steps=(step,)), calm()


def override() -> tuple[Policy, View]:
    return structs.replace(good(), stripped=("ignore_disagreement",)), calm()


def no_stop() -> tuple[Policy, View]:
    return structs.replace(good(), stops=()), account(cash=9000).view()


def fires() -> tuple[Policy, View]:
    return good(), account(cash=300).view()


def far_stop() -> tuple[Policy, View]:
    stop = structs.replace(good().stops[0], distance=150_000)
    return structs.replace(good(), stops=(stop,)), account(cash=1500).view()


def thin() -> tuple[Policy, View]:
    venue = account(cash=9000)
    venue.depth = {"BTC": coins(1)}
    return good(), venue.view()


def nothing_free() -> tuple[Policy, View]:
    return good(), account(cash=510).view()


CASES: dict[str, Callable[[], tuple[Policy, View]]] = {
    "no-hard-stop": without_drawdown,
    "no-end-of-ladder": without_end,
    "trigger-beyond-liquidation": late,
    "top-up-without-limit": unlimited,
    "slow-smoothing": slow_smoothing,
    "slow-flatten": slow_flatten,
    "override-in-file": override,
    "cross-without-stop": no_stop,
    "ladder-too-wide": fires,
    "stop-beyond-liquidation": far_stop,
    "leverage-over-depth": thin,
    "collateral-in-use": nothing_free,
    "top-up-without-source": empty_source,
}


BESIDE = {
    # An account so near to liquidation has nothing free, and its stop no room.
    "ladder-too-wide": ("collateral-in-use", "stop-beyond-liquidation"),
    "collateral-in-use": ("stop-beyond-liquidation",),
}
"""What goes with a mistake."""


def test_every_rule_has_its_case() -> None:
    assert set(CASES) == set(RULES)


@pytest.mark.parametrize("rule", RULES)
def test_each_mistake_is_found(rule: str) -> None:
    """And nothing else that the policy without it does not have."""
    made, view = CASES[rule]()
    found = {each.rule for each in lint(made, view)}
    assert rule in found
    assert found == {rule, *BESIDE.get(rule, ())}


def test_a_good_policy_has_none() -> None:
    venue = account(cash=9000)
    venue.depth = {"BTC": coins(20)}
    assert lint(good(), venue.view()) == []


def test_a_stop_at_the_venue_counts() -> None:
    venue = account(cash=9000)
    order = venue.entry_order("BTC", False, 10, 900)
    order.reduce_only, order.trigger_price = True, price(900)
    assert lint(structs.replace(good(), stops=()), venue.view()) == []


KINDS = [
    ("scalper", 20_000, 3_000, "isolated", 1_000),
    ("macro_book", 200_000, 300_000, "cross", 0),
    ("hybrid", 20_000, 30_000, "cross", 0),
    ("small", 20_000, 30_000, "cross", 0),
]


@pytest.mark.parametrize(("name", "collateral", "notional", "mode", "margin"), KINDS)
def test_the_examples_are_silent_for_an_account_of_their_kind(
    name: str, collateral: int, notional: int, mode: str, margin: int
) -> None:
    text = ACCOUNT % (collateral, notional, mode.encode(), margin)
    held = load_account(text.replace(b"margin = 0\n", b""))
    found = check_policy(GUARD / f"{name}.toml", held, "BTC=50000000")
    assert found.mistakes == ()
    assert not any(each.is_order for each in found.due)
    assert found.is_clean
    assert all(each.now is not None and each.fires_at is not None for each in found.levels)


def test_the_mark_at_which_a_step_fires_is_where_it_fires() -> None:
    """The mirror at that mark has the level of the trigger."""
    held = load_account(ROOT / "examples" / "account_hybrid.json")
    found = check_policy(GUARD / "hybrid.toml", held)
    made = load_policy(GUARD / "hybrid.toml")
    steps = {each.name: each for each in made.steps}
    assert found.levels
    for row in found.levels:
        at = held.with_prices({row.market: row.fires_at})  # type: ignore[dict-item]
        view = view_of(at, {})
        bucket = view.bucket[row.bucket]
        level = bucket.ratio if row.measure == "margin ratio" else view.bucket_distance(row.bucket)
        assert abs(level - steps[row.step].trigger) < 300, row


def test_depth_needs_an_account() -> None:
    with pytest.raises(ValueError, match="depth: 'BTC=1' should be given with an account"):
        check_policy(GUARD / "small.toml", None, "BTC=1")
    held = load_account(ACCOUNT % (20, 9, b"isolated", 5))
    with pytest.raises(ValueError, match="DOGE"):
        check_policy(GUARD / "small.toml", held, "DOGE=1")
