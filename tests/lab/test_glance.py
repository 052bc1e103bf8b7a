"""What stands at the head of a report: red is a liquidation of the account, and top-ups no gain."""

from collections.abc import Sequence

import pytest
from msgspec import structs

import seawall as sw
from seawall.accounts.account import Account
from seawall.accounts.load import AccountOptions, load_account
from seawall.lab.cascade.question import CascadeAnswer
from seawall.lab.crises.question import CrisesAnswer
from seawall.lab.rehearse.lessons import lessons
from seawall.lab.rehearse.rehearsal import Rehearsal
from seawall.lab.simulation.incidents import Incident, IncidentKind
from seawall.report.findings import Answer, Status, Tile
from tests.lab.commands import SECONDS

pytestmark = pytest.mark.timeout(2 * SECONDS)

BAD = "bad"
POSITION = """
collateral = 100000
[[position]]
market = "BTC"
side = "{side}"
notional = {notional}
leverage = 20
"""
BET = """
collateral = 30000
[[position]]
market = "SOL"
side = "long"
notional = 100000
entry = 200
mode = "isolated"
leverage = 20
[[top_up]]
market = "SOL"
price = 197
amount = 2000
"""
SMALL, LARGE = 50_000, 1_900_000


def account_of(text: str, **options: object) -> Account:
    return load_account(text.encode(), AccountOptions(**options))


def held(side: str, notional: int) -> Account:
    return account_of(POSITION.format(side=side, notional=notional))


def rehearsed(side: str, notional: int) -> Rehearsal:
    return sw.rehearse(held(side, notional), path="flash_crash")


def crises(side: str, notional: int) -> CrisesAnswer:
    return sw.crises(
        held(side, notional), crises="flash_crash", rulebooks="hyperliquid", modes="cross",
        depths="calm", population=0, workers=1,
    )  # fmt: skip


def cascaded(side: str, notional: int) -> CascadeAnswer:
    return sw.cascade(held(side, notional), scenario="flash_crash", minutes=30, accounts=0, noise=0)


def styles(answer: Answer) -> set[str]:
    found = answer.findings()
    status: Sequence[Status | Tile] = [] if found.status is None else [found.status]
    return {each.style for each in [*status, *found.tiles]}


@pytest.mark.parametrize("ask", [rehearsed, crises, cascaded])
@pytest.mark.parametrize(("side", "notional"), [("long", SMALL), ("short", LARGE)])
def test_a_loss_or_a_gain_is_not_red(ask, side: str, notional: int) -> None:  # type: ignore[no-untyped-def]
    assert BAD not in styles(ask(side, notional))


@pytest.mark.parametrize("ask", [rehearsed, crises, cascaded])
def test_a_liquidation_is_red(ask) -> None:  # type: ignore[no-untyped-def]
    assert BAD in styles(ask("long", LARGE))


@pytest.mark.parametrize("ask", [rehearsed, cascaded])
def test_a_winner_that_is_deleveraged_is_not_liquidated(ask) -> None:  # type: ignore[no-untyped-def]
    answer = ask("short", SMALL)
    taken = Incident(time_ms=0, kind=IncidentKind.DELEVERAGED_WINNER, market=0, size=1, before=-1)
    if isinstance(answer, Rehearsal):
        answer = structs.replace(answer, incidents=[taken])
        assert not any("liquidation" in each.lower() for each in lessons(answer))
    else:
        answer = structs.replace(answer, run=structs.replace(answer.run, incidents=[taken]))
    found = answer.findings()
    assert found.status is not None
    assert found.status.style == "caution"
    assert BAD not in styles(answer)


@pytest.fixture(scope="module")
def topped_up() -> Rehearsal:
    """An isolated bet that is liquidated after money came to it."""
    found = sw.rehearse(account_of(BET), path="flash_crash")
    assert found.added == 2_000_000_000
    assert found.end.holdings == {}
    return found


def test_a_lost_bucket_lost_what_was_added_to_it_as_well(topped_up: Rehearsal) -> None:
    (lost,) = [each for each in lessons(topped_up) if "isolated SOL position lost" in each]
    before = topped_up.start.buckets[0].equity
    assert f"{(before + topped_up.added) / 1e6:,.0f} USD" in lost


def test_what_a_top_up_brings_is_no_gain(topped_up: Rehearsal) -> None:
    before, after = topped_up.start.equity, topped_up.end.equity
    change = f"{100 * ((after - topped_up.added) / before - 1):.1f} %"
    first = next(lessons(topped_up))
    assert f"({change}), and 2,000 were added on the way" in first
    tiles = {each.title: each for each in topped_up.findings().tiles}
    assert tiles["equity at the end, USD"].note == f"{change}, 2,000 added"
    own = topped_up.own_money
    assert own[0] == before
    assert own[-1] == after - topped_up.added
    fall = tiles["largest drawdown"].value
    assert fall == pytest.approx(1 - own.min() / own.max(), abs=1e-3)


def test_a_market_counts_what_was_added_as_well() -> None:
    answer = sw.cascade(account_of(BET), scenario="flash_crash", minutes=30, accounts=0, noise=0)
    run = answer.run
    assert run.own_start is not None
    assert run.own_end is not None
    assert run.added == 2_000_000_000
    lost = run.own_start.equity + run.added - run.own_end.equity
    assert run.own_loss == pytest.approx(lost / 1e6)
    said = " ".join(each.text for each in answer.findings().verdict)
    assert f"and 2,000 added on the way, to {run.own_end.equity / 1e6:,.0f}" in said
    assert f"it loses {lost / 1e6:,.0f} USD" in said
