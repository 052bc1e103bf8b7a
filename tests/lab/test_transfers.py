"""Routes of money: known figures, time, fees as an equality, and the free route changes nothing."""

import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

import seawall as sw
from seawall.accounts.account import Account
from seawall.accounts.load import AccountOptions, load_account
from seawall.domain.holdings import TopUp
from seawall.lab.compare.question import CompareResult
from seawall.lab.compare.transfers import moves_of
from seawall.lab.guard_test.purse import Purse, Sent
from seawall.lab.guard_test.question import guard_test
from seawall.lab.market.named_scenarios import run_scenario
from seawall.lab.market.scenario_file import parse_scenario
from seawall.lab.paths.kernels.simulate import simulate_chunk
from seawall.lab.paths.kernels.task import Outcomes
from seawall.lab.paths.setup import path_setup
from seawall.lab.rehearse.rehearsal import Rehearsal
from seawall.lab.simulation.incidents import IncidentKind
from seawall.lab.transfers.priced import with_route
from seawall.lab.transfers.route import (
    FIELDS,
    LONGEST_MS,
    NO_ROUTE,
    RouteError,
    Way,
    load_route,
    route_names,
)
from seawall.report.findings import Answer
from tests.command_line import seawall
from tests.shared_files import ROOT

USD = 10**6
SECOND, MINUTE, HOUR = 1_000, 60_000, 3_600_000
RULEBOOKS = pytest.mark.parametrize("rulebook", ["hyperliquid", "dydx"])
EXAMPLES = ROOT / "examples"
ACCOUNT = """
collateral = 12000
[[position]]
market = "BTC"
side = "long"
mode = "isolated"
notional = 60000
leverage = 20
[[position]]
market = "ETH"
side = "short"
notional = 30000
leverage = 10
"""
TOP_UP = '[[top_up]]\nmarket = "BTC"\nprice = 98000\namount = 5000\n'
DOWN = """
name = "down"
about = "4.5 % in four and a half minutes, 8 % in all"
source = "made for a test"
start = "2026-01-01T12:00"
step_seconds = 10
[[market]]
name = "BTC"
waypoints = [[0, 100.0], [1, 99.0], [10, 90.0], [12, 90.0]]
[[market]]
name = "ETH"
waypoints = [[0, 100.0], [12, 100.0]]
"""
LIKE = '[other]\nlike = "BTC"\n'


def account_of(text: str = ACCOUNT + TOP_UP, rulebook: str | None = None) -> Account:
    prices = ["BTC=100000", "ETH=4000"]
    return load_account(text.encode(), AccountOptions(price=prices, rulebook=rulebook))


def free_file(folder: Path, **changes: int) -> Path:
    """A route as a file, free where nothing is changed."""
    lines = ['title = "mine"', 'gas = "none"', 'as_of = "2026-12-01"']
    lines += [
        f'{field} = {{ value = {changes.get(field, 0)}, source = "mine", mark = "assumed" }}'
        for field in FIELDS
    ]
    path = folder / "mine.toml"
    path.write_text("\n".join(lines))
    return path


# Known figures


def test_a_fast_bridge_costs_a_basis_point_and_gas() -> None:
    """Circle: 1 bp. 160,000 units at 2 gwei and 4,000 USD cost 1.28 USD, in a crash 30 times."""
    route = load_route("fast_bridge")
    assert route.outside(10_000 * USD) == Way(delay_ms=36 * SECOND, cost=USD + 1_280_000)
    full = route.outside(10_000 * USD, 0.10)
    assert full == route.outside(10_000 * USD, 0.5)
    assert full == Way(delay_ms=216 * SECOND, cost=USD + 38_400_000)
    half = route.outside(10_000 * USD, 0.05)
    assert half.delay_ms == 126 * SECOND
    assert half.cost == USD + round(1_280_000 * 30**0.5)
    # A share of a micro-USD is one.
    assert route.outside(1).cost - route.outside(0).cost == 1


def test_a_withdrawal_of_a_dollar_and_four_minutes() -> None:
    """Bridge2: a withdrawal costs 1 USDC and arrives in 3 to 4 minutes; a deposit in a minute."""
    route = load_route("hyperliquid")
    assert route.leave() == Way(delay_ms=4 * MINUTE, cost=USD)
    assert route.outside(1000 * USD).delay_ms == MINUTE
    assert route.least_micro_usd == 5 * USD
    assert route.inside() == Way(delay_ms=SECOND, cost=0)


def test_a_way_into_a_bucket_is_both_ways_after_each_other() -> None:
    route = load_route("dydx")
    both = route.top_up(1000 * USD, is_bucket=True, from_pool=False)
    outside, inside = route.outside(1000 * USD), route.inside()
    assert both == Way(delay_ms=outside.delay_ms + inside.delay_ms, cost=outside.cost + inside.cost)
    assert route.top_up(1000 * USD, is_bucket=True, from_pool=True) == inside
    assert route.top_up(1000 * USD, is_bucket=False, from_pool=False) == outside


def test_every_number_has_its_source() -> None:
    assert route_names() == (NO_ROUTE, "dydx", "fast_bridge", "hyperliquid")
    for name in route_names():
        assert set(load_route(name).sources) == set(FIELDS)


# The free route


def figures(answer: Answer) -> dict[str, Any]:
    """What ``--json`` prints, without the route itself."""
    found = answer.to_dict()
    for name in ("route", "transfers"):
        found.pop(name, None)
    found["assumptions"] = [each for each in found["assumptions"] if "--route" not in each]
    return found


def compared(account: Account, folder: Path, route: str | Path) -> CompareResult:
    return sw.compare(
        account, route=route, scenarios=folder / "down.toml", paths=256, hours=12,
        step_seconds=600, workers=1,
    )  # fmt: skip


ACCOUNTS: dict[str, Callable[[], Account]] = {
    "its own": account_of,
    "its own, in blocks": lambda: account_of(rulebook="dydx"),
    "ETH with a stop": lambda: load_account(EXAMPLES / "rehearse_account.toml"),
    "hybrid": lambda: load_account(EXAMPLES / "account_hybrid.json"),
    "scalper": lambda: load_account(EXAMPLES / "account_scalper.toml"),
}


@pytest.mark.parametrize("name", ACCOUNTS)
def test_compare_with_a_free_route_is_compare_without_one(tmp_path: Path, name: str) -> None:
    """A file of zeros goes the whole way of a route, and changes no figure."""
    (tmp_path / "down.toml").write_text(DOWN + LIKE)
    account = ACCOUNTS[name]()
    without, free = (compared(account, tmp_path, each) for each in (NO_ROUTE, free_file(tmp_path)))
    assert without.route is None
    assert free.route is not None
    assert "transfers" in free.to_dict()
    assert "transfers" not in without.to_dict()
    assert figures(free) == figures(without)


@pytest.mark.parametrize("name", ["small", "scalper", "macro_book"])
def test_guard_test_with_a_free_route_is_guard_test_without_one(tmp_path: Path, name: str) -> None:
    (tmp_path / "down.toml").write_text(DOWN + LIKE)
    account = load_account(EXAMPLES / f"account_{name}.toml")
    made = [
        guard_test(
            EXAMPLES / "guard" / f"{name}.toml", account, route=each, paths=64, hours=6,
            step_seconds=300, rules=False, scenarios=tmp_path / "down.toml",
        )
        for each in (NO_ROUTE, free_file(tmp_path))
    ]  # fmt: skip
    assert [each.outside.route.name for each in made] == [NO_ROUTE, "mine"]
    without, free = made
    assert figures(free) == figures(without)
    assert any(each.actions for each in free.crises), "nothing acts"


# Time


def rehearsed(account: Account, **route: int) -> Rehearsal:
    """Down by 10 % with top-ups that take so long and cost so much."""
    top_ups = [structs.replace(each, **route) for each in account.holdings.top_ups]
    setup = path_setup(account, paths=2, hours=1)
    return run_scenario(
        parse_scenario(DOWN, "down.toml"),
        structs.replace(account.holdings, top_ups=tuple(top_ups)),
        account.rulebook, account.instruments, account.price_texts, setup.depths,
    )  # fmt: skip


def times_of(found: Rehearsal, kind: IncidentKind) -> list[int]:
    begin = int(found.path.times_ms[0])
    return [each.time_ms - begin for each in found.incidents if each.kind == kind]


@RULEBOOKS
def test_money_that_arrives_in_time_saves_and_late_money_does_not(rulebook: str) -> None:
    """98 % of the price is there after two minutes, the liquidation after less than four."""
    account = account_of(rulebook=rulebook)
    at_once, soon, late = (
        rehearsed(account, delay_ms=each * SECOND, cost=3 * USD) for each in (0, 60, 300)
    )
    (first,) = times_of(at_once, IncidentKind.TOPPED_UP)
    assert first == 2 * MINUTE
    for found, delay in ((at_once, 0), (soon, 60), (late, 300)):
        assert times_of(found, IncidentKind.TOPPED_UP) == [first + delay * SECOND]
        assert found.added == 5_003 * USD
        assert found.is_conserved
        # The fee never reaches the venue.
        assert found.deposits == at_once.deposits
    assert not times_of(at_once, IncidentKind.LIQUIDATION_STARTED)
    assert not times_of(soon, IncidentKind.LIQUIDATION_STARTED)
    assert times_of(late, IncidentKind.LIQUIDATION_STARTED)[0] < first + 300 * SECOND
    # What was closed by then is not opened again, and the money is still the account's.
    assert late.end.equity >= 5_000 * USD
    never = rehearsed(account, delay_ms=HOUR, cost=3 * USD)
    assert never.added == 0
    assert times_of(never, IncidentKind.LIQUIDATION_STARTED) == times_of(
        late, IncidentKind.LIQUIDATION_STARTED
    )


@RULEBOOKS
def test_on_paths_the_longer_the_way_the_fewer_are_saved(rulebook: str) -> None:
    account = account_of(rulebook=rulebook)
    setup = path_setup(account, paths=1024, hours=24, step_seconds=60)

    def outcomes(delay_ms: int | None) -> Outcomes:
        top_ups = () if delay_ms is None else (
            structs.replace(account.holdings.top_ups[0], delay_ms=delay_ms, cost=3 * USD),
        )  # fmt: skip
        return simulate_chunk(setup.task(structs.replace(account.holdings, top_ups=top_ups)), 0)

    without, never = outcomes(None), outcomes(25 * HOUR)
    assert np.array_equal(without.first, never.first)
    assert np.array_equal(without.equity, never.equity)
    assert never.added.max() == 0
    saved = []
    for delay in (0, HOUR, 6 * HOUR):
        found = outcomes(delay)
        assert set(np.unique(found.added)) == {0.0, 5_003.0}
        # Nothing that stood without the money is liquidated with it.
        assert not ((found.first > 0) & (without.first == 0)).any()
        saved.append(int(((found.first == 0) & (without.first > 0)).sum()))
    assert saved[0] > saved[1] > saved[2] > 0


def test_what_is_less_than_the_route_takes_is_not_sent() -> None:
    account = account_of()
    small = structs.replace(account.holdings.top_ups[0], amount=5 * USD - 1)
    held = structs.replace(account.holdings, top_ups=(*account.holdings.top_ups, small))
    prices = [10**6, 4 * 10**5]
    sent = with_route(held, prices, load_route("hyperliquid")).top_ups
    assert [each.amount for each in sent] == [5_000 * USD]
    # In a bucket: over the bridge and then inside; the rollup is a fifth full at a fall of 2 %.
    assert sent[0].delay_ms == 60_000 + 24_000 + 1_000
    assert sent[0].cost > 0


# Fees


class Move(NamedTuple):
    wait_ms: int
    amount: int
    is_bucket: bool
    from_pool: bool
    fall: float


MOVES = st.builds(
    Move,
    wait_ms=st.integers(0, 10 * MINUTE),
    amount=st.integers(1, 5_000 * USD),
    is_bucket=st.booleans(),
    from_pool=st.booleans(),
    fall=st.floats(0, 0.2),
)


@given(
    moves=st.lists(MOVES, max_size=30),
    name=st.sampled_from(route_names()),
    wallet=st.integers(0, 10_000 * USD),
)
@settings(max_examples=200, deadline=None)
def test_what_leaves_the_wallet_arrives_or_is_paid(
    moves: list[Move], name: str, wallet: int
) -> None:
    """At every moment: the wallet, its fees, what is on its way and what has arrived are it."""
    route = load_route(name)
    purse, now = Purse(wallet, route), 0
    here: list[Sent] = []
    fees = sent = 0
    for each in moves:
        now += each.wait_ms
        here += purse.arrived(now)
        before = purse.wallet
        purse.send(
            now, 0, each.amount, each.fall, is_bucket=each.is_bucket, from_pool=each.from_pool
        )
        way = route.top_up(
            each.amount, each.fall, is_bucket=each.is_bucket, from_pool=each.from_pool
        )
        if purse.fees > fees or purse.wallet < before:
            assert before - purse.wallet <= way.cost + (0 if each.from_pool else each.amount)
            assert purse.fees - fees == way.cost
            sent += before - purse.wallet - way.cost
        fees = purse.fees
        outside = sum(one.amount for one in here if not one.from_pool)
        assert purse.wallet >= 0
        assert purse.wallet + fees + sent == wallet
        assert outside <= sent
    here += purse.arrived(now + LONGEST_MS)
    assert purse.wallet + fees + sum(one.amount for one in here if not one.from_pool) == wallet
    assert all(one.due_ms >= one.sent_ms for one in here)
    assert all(one.amount >= route.least_micro_usd for one in here if not one.from_pool)
    assert not purse.arrived(now + 2 * LONGEST_MS)


TOP_UPS = st.lists(
    st.builds(
        TopUp,
        market=st.integers(0, 1),
        trigger_price=st.integers(900_000, 999_999),
        amount=st.integers(1, 5_000 * USD),
        delay_ms=st.integers(0, 12 * MINUTE),
        cost=st.integers(0, 50 * USD),
    ),
    max_size=5,
)


@pytest.mark.parametrize("rulebook", ["hyperliquid", "dydx"])
@given(top_ups=TOP_UPS)
@settings(max_examples=15, deadline=None)
def test_what_the_venue_gets_is_what_arrived(rulebook: str, top_ups: list[TopUp]) -> None:
    account = account_of(ACCOUNT, rulebook=rulebook)
    numbers = [each.market for each in account.holdings.positions]
    # Prices of ETH lie at 0.4 of those of BTC in their units.
    placed = [
        structs.replace(
            each, market=numbers[each.market],
            trigger_price=units_at(account, numbers[each.market], each.trigger_price),
        )
        for each in top_ups
    ]  # fmt: skip
    held = structs.replace(account.holdings, top_ups=tuple(placed))
    bare = rehearsed(account)
    found = rehearsed(account.replace(holdings=held))
    came = [each.money for each in found.incidents if each.kind == IncidentKind.TOPPED_UP]
    lost = [each.money for each in found.incidents if each.kind == IncidentKind.TOP_UP_BLOCKED]
    assert found.is_conserved
    assert found.deposits - bare.deposits == sum(came)
    paid = found.added - sum(came)
    assert 0 <= paid <= sum(each.cost for each in placed)
    if len(came) + len(lost) == len(placed):
        assert paid == sum(each.cost for each in placed)


def units_at(account: Account, market: int, ppm: int) -> int:
    """Price units at a share of the price now."""
    instrument = account.instruments[market]
    now = Decimal(account.price_texts[instrument.name]) * 10**instrument.price_decimals
    return int(now * ppm / 10**6)


# Blocked transfers

JUMP = """
name = "jump"
about = "BTC jumps down below what an account can pay, ETH falls a few seconds later"
source = "made for a test"
start = "2026-01-01T12:00"
step_seconds = 10
[[market]]
name = "BTC"
waypoints = [[0, 100.0], [2, 100.0], [2.2, 94.5], [6, 94.5]]
[[market]]
name = "ETH"
waypoints = [[0, 100.0], [2, 100.0], [2.5, 98.0], [6, 98.0]]
"""
BLOCKED = """
collateral = 3500
[[position]]
market = "BTC"
side = "long"
mode = "isolated"
notional = 40000
leverage = 20
[[position]]
market = "ETH"
side = "long"
notional = 10000
leverage = 20
[[top_up]]
market = "ETH"
price = 3970
amount = 1000
"""


def test_money_does_not_come_while_transfers_are_blocked(tmp_path: Path) -> None:
    """An account below zero closes the gate of all accounts; ``compare`` says so and goes on."""
    (tmp_path / "down.toml").write_text(JUMP)
    account = account_of(BLOCKED, rulebook="dydx")
    free, paid = (
        compared(account, tmp_path, each)
        for each in (NO_ROUTE, free_file(tmp_path, outside_micro_usd=7 * USD))
    )
    for found, cost in ((free, 0), (paid, 7 * USD)):
        (line,) = found.comparison.given.scenarios
        assert (line.blocked, line.added) == (1_000 * USD, cost)
        assert line.lost == line.start + cost - line.end
        said = [each.text for each in found.findings().words]
        assert any(
            "transfers were blocked, so 1,000 USD of top-ups did not" in each for each in said
        )
    # Under rules without a gate the same money comes.
    (line,) = compared(account_of(BLOCKED), tmp_path, NO_ROUTE).comparison.given.scenarios
    assert (line.blocked, line.added) == (0, 1_000 * USD)


def test_crises_say_that_transfers_were_blocked(tmp_path: Path) -> None:
    # The bucket has more of the money here than as given: it takes a deeper fall.
    (tmp_path / "down.toml").write_text(JUMP.replace("94.5", "91.0"))
    found = sw.crises(
        account_of(BLOCKED, rulebook="dydx"), crises=tmp_path / "down.toml", rulebooks=("dydx",),
        modes="isolated", depths="calm", population=0, workers=1,
    )  # fmt: skip
    (outcome,) = found.outcomes
    assert (outcome.blocked, outcome.added) == (1_000 * USD, 0)
    said = [each.text for each in found.findings().words]
    assert any("so 1,000 USD of top-ups did not come" in each for each in said)


# The pages

PAGES = ROOT / "docs" / "commands"


def table(page: str, begin: str) -> list[list[str]]:
    """The rows below the head that begins so."""
    text = (PAGES / page).read_text().split(begin, 1)[1]
    lines = text.split("\n\n", 1)[0].splitlines()[2:]
    return [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in lines]


def test_the_table_of_compare_is_what_it_says() -> None:
    (text,) = re.findall(
        r'load_account\(b"""(.*?)"""', (PAGES / "compare.md").read_text(), re.DOTALL
    )
    account = load_account(text.encode())
    rows = table("compare.md", "| route | a top-up")
    assert [row[0] for row in rows] == [NO_ROUTE, "hyperliquid", "fast_bridge", "dydx"]
    for name, *cells in rows:
        answer = sw.compare(
            account, route=name, scenarios="flash_crash", paths=64, hours=2, step_seconds=600,
            workers=1,
        )  # fmt: skip
        line = answer.comparison.given.scenarios[0]
        given = answer.sheet("scenarios").plain()[0]
        ways = [(0, 0), (0, 0)]
        if answer.route is not None:
            first = next(moves_of([answer.comparison.given.mode], answer.route, 10_000 * USD))
            ways = [(each.delay_ms, each.cost) for each in (first.calm, first.full)]
        said = [f"{delay // 1000:,} s, {cost / USD:,.2f}" for delay, cost in ways]
        said += [given["liquidated"], f"{line.lost / USD:,.0f}", f"{line.added / USD:,.2f}"]
        assert cells == said


def test_the_table_of_guard_test_is_what_it_says() -> None:
    account = load_account(EXAMPLES / "account_scalper.toml")
    rows = table("guard.md", "| route | *wallet")
    assert [row[0] for row in rows] == [NO_ROUTE, "hyperliquid", "fast_bridge", "dydx"]
    for name, *cells in rows:
        answer = guard_test(
            EXAMPLES / "guard" / "scalper.toml",
            account,
            route=name,
            paths=8,
            hours=1,
            rules=False,
            scenarios="crash_2025_10_10",
        )
        (line,) = answer.crises_of("wallet until empty")
        (shown,) = (
            each["outcome"]
            for each in answer.sheet("crises").plain()
            if each["protection"] == "wallet until empty"
        )
        assert cells == [f"{line.lost:,.0f}", f"{line.cost:,.2f}", shown]


# Input


def test_a_route_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    path = free_file(tmp_path)
    assert load_route(path).network == load_route(NO_ROUTE).network
    lines = path.read_text().splitlines()
    for field, wrong, message in (
        ("inside_ms", "inside_ms = 5", "inside_ms: 5: write { value, source, as_of, mark }"),
        ("inside_ms", "", "inside_ms: is missing"),
        (
            "inside_ms", 'inside_ms = { value = -1, source = "x", mark = "assumed" }',
            "inside_ms: -1 should be a whole number from 0 to 1,209,600,000",
        ),
        (
            "outside_ppm", 'outside_ppm = { value = 1000001, source = "x", mark = "assumed" }',
            "outside_ppm: 1000001 should be a whole number from 0 to 1,000,000",
        ),
        (
            "leave_micro_usd", 'leave_micro_usd = { value = 0.5, source = "x", mark = "assumed" }',
            "leave_micro_usd: 0.5 should be a whole number from 0 to",
        ),
        (
            "outside_ms", 'outside_ms = { value = 9, source = "x", mark = "assumed" }',
            "outside_full_ms: 0 should be at least outside_ms, 9",
        ),
        ("gas", 'gas = "coal"', "gas: 'coal' should be a .toml file or one of ethereum"),
        ("gas", "", "gas: is missing"),
        ("title", "title = 5", "title: 5 should be text"),
        (
            "inside_ms", lines[3] + '\nlate = { value = 1, source = "x", mark = "assumed" }',
            "field: 'late' should be one of inside_ms",
        ),
    ):  # fmt: skip
        text = [wrong if each.startswith(f"{field} ") else each for each in lines]
        path.write_text("\n".join(text))
        with pytest.raises(sw.SeawallError) as caught:
            load_route(path)
        assert message in str(caught.value)
    with pytest.raises(RouteError, match=r"route: 'mine.txt' should be a \.toml file or one of"):
        load_route("mine.txt")
    with pytest.raises(RouteError, match=r"route: .*none_here\.toml: No such file"):
        load_route(tmp_path / "none_here.toml")


@pytest.mark.parametrize("command", [("compare",), ("guard", "test", "x.toml")])
def test_an_unknown_route_is_answered_with_those_that_ship(command: tuple[str, ...]) -> None:
    policy = EXAMPLES / "guard" / "small.toml"
    words = [str(policy) if each == "x.toml" else each for each in command]
    refused = seawall(*words, "--route", "mule")
    assert refused.returncode == 2
    assert (
        "route: 'mule' should be a .toml file or one of dydx, fast_bridge, hyperliquid, none"
        in " ".join(refused.stderr.split())
    )
    told = " ".join(seawall(*command[:2], "--help").stdout.replace("│", " ").split())
    assert "--route" in told
    assert "Without it none: at once and free" in told
