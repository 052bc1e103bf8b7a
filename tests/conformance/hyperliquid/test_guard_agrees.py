"""The same path in the lab and over real sockets: the same decisions in the same order.

The lab plays a scenario with the account as the sandbox shows it and notes every decision. Then the
sandbox is taken to the marks that the lab's guard has seen, one after the other, and an armed guard
of the same policy looks at each until it has nothing to do.
"""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from seawall.accounts.account import Account
from seawall.accounts.load import AccountOptions, account_of
from seawall.guard.actions import Action, AddMargin, CancelOrder, PlaceOrder
from seawall.guard.decide import decide
from seawall.guard.journal import Decided, read_journal
from seawall.guard.memory import Memory
from seawall.guard.policy_file import parse_policy
from seawall.lab.guard_test import crisis
from seawall.lab.guard_test.crashes import Rehearsed
from seawall.lab.guard_test.played import Outside, Protection
from seawall.lab.market.liquidity import Depth
from seawall.lab.market.scenario import Scenario, ScenarioMarket
from seawall.lab.transfers.route import NO_ROUTE, load_route
from tests import waiting
from tests.conformance.hyperliquid.running import Venue
from tests.conformance.hyperliquid.test_guard_execution import COIN, PRICE, Slow
from tests.conformance.hyperliquid.trader import Maker, Trader, filled

pytestmark = pytest.mark.conformance

POLICY = """
name = "agrees"
[account]
risk_capital = 10_000
[[step]]
name = "half"
action = "close"
trigger = "30%"
rearm = "20%"
share = "50%"
cooldown = "1m"
verify_after = "1h"
[[step]]
name = "out"
action = "flatten"
trigger = "60%"
rearm = "20%"
[[stop]]
name = "stop"
distance = "4%"
clearance = "0.1%"
slippage = "0.5%"
escalate_after = "10m"
[[stop]]
name = "goal"
kind = "take_profit"
distance = "1%"
share = "50%"
slippage = "0.5%"
escalate_after = "10m"
"""
WAYPOINTS = [
    (0.0, 100.0), (1.0, 99.6), (2.0, 99.15), (3.0, 99.15), (5.0, 100.2), (7.0, 101.3),
    (8.0, 100.9), (10.0, 99.0), (12.0, 97.0), (14.0, 95.5), (15.0, 95.5),
]  # fmt: skip
SCENARIO = Scenario(
    name="down, up and down",
    about="made for this test",
    source="none",
    start="2026-01-01T12:00",
    step_seconds=60,
    seed=1,
    market=[ScenarioMarket(name=COIN, waypoints=WAYPOINTS)],
)
SAME_USD = 0.3
"""Between a mark of the lab and that of the sandbox, whose quotes have five figures."""
Deed = tuple[Any, ...]


def deeds(actions: tuple[Action, ...]) -> list[Deed]:
    """What a decision does: rule, action, market, size."""
    found: list[Deed] = []
    for each in actions:
        if isinstance(each, PlaceOrder):
            found.append((each.step, each.kind, each.market, each.is_buy, each.size))
        elif isinstance(each, CancelOrder):
            found.append((each.why, "cancel", each.market))
        elif isinstance(each, AddMargin):
            found.append((each.name, "add", each.bucket, each.amount))
    return found


def remembered(path: Path) -> Memory:
    """What the guard of a journal knows."""
    decided = [each for each in read_journal(path) if isinstance(each, Decided)]
    return decided[-1].memory if decided else Memory()


def in_the_lab(account: Account, monkeypatch: pytest.MonkeyPatch) -> tuple[list[int], list[Deed]]:
    """The marks that the guard has seen, each once, and what it did."""
    marks: list[int] = []
    done: list[Deed] = []

    def noted(policy: Any, memory: Any, view: Any) -> Any:
        after, actions = decide(policy, memory, view)
        mark = view.market[COIN].mark
        if not marks or marks[-1] != mark:
            marks.append(mark)
        done.extend(deeds(actions))
        return after, actions

    monkeypatch.setattr(crisis, "decide", noted)
    plan = Protection(name="policy", policy=parse_policy(POLICY))
    depths = {each.name: Depth(50_000_000.0, 1.0) for each in account.instruments}
    crash = Rehearsed(scenario=SCENARIO, account=account, depths=depths)
    crisis.through(crash, plan, Outside(wallet=0, route=load_route(NO_ROUTE)))
    return marks, done


def test_lab_and_sandbox_decide_the_same_in_the_same_order(
    venue: Venue, maker: Maker, trader: Trader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    venue.settle(COIN, PRICE, maker)
    trader.exchange.usd_class_transfer(90_000.0, to_perp=False)
    filled(trader.exchange.market_open(COIN, True, 70.0))
    venue.settle(COIN, PRICE, maker)
    _, key = trader.exchange.approve_agent()
    monkeypatch.setenv("AGENT_KEY", key)
    slow = Slow(venue, trader, maker, tmp_path / "guard.journal")
    over_sockets: list[Deed] = []
    in_lab: list[Deed] = []

    async def look_until_idle() -> None:
        idle = 0
        while idle < 3:
            await waiting.until(slow.is_fresh)
            found = deeds(await slow.guard.look())
            over_sockets.extend(found)
            memory = remembered(slow.path)
            is_settled = not memory.works and all(
                not each.leaving and (each.sent is None or each.sent.seen)
                for each in memory.legs.values()
            )
            idle = 0 if found or not is_settled else idle + 1
            await slow.reader.changed(await slow.reader.changed(0, 0.0), 0.05)

    async def act() -> None:
        state = slow.reader.state()
        assert state is not None
        account = account_of("hyperliquid", trader.address, "", state.answers, AccountOptions())
        marks, done = in_the_lab(account, monkeypatch)
        in_lab.extend(done)
        assert len(marks) > 20
        for mark in marks:
            usd = mark / 100
            await asyncio.to_thread(venue.settle, COIN, usd, maker)

            def is_there(wanted: float = usd) -> bool:
                state = slow.reader.state()
                return state is not None and abs(state.prices[COIN].mark - wanted) < SAME_USD

            await waiting.until(is_there)
            slow.later.seconds += 54.0
            await look_until_idle()

    slow.run(POLICY, act)
    assert over_sockets == in_lab
    assert {each[0] for each in in_lab} >= {"half/cross", f"stop/{COIN}", f"goal/{COIN}"}
    assert trader.position(COIN) is None
