"""The smallest move that liquidates: equal to ``explain`` and to what the machine does."""

import json
from fractions import Fraction
from typing import Any

import pytest

from seawall.accounts.valuation import Valuation
from seawall.domain.errors import InputError
from seawall.domain.units import MAX_PRICE
from seawall.engine.formulas.continuous.liquidation_price import liquidation_price
from seawall.lab.stress.grid import against, alone, together, with_betas
from seawall.lab.stress.reverse import (
    PriceBoundary,
    directions_of,
    liquidation_boundary,
    smallest_move,
)
from seawall.venues.dydx.account.explain import account_report as subaccount_report
from seawall.venues.dydx.account.machine import AccountMachine
from seawall.venues.dydx.account.markets import market_states
from seawall.venues.dydx.account.state import account_state as subaccount_state
from seawall.venues.dydx.account.state import tickers
from seawall.venues.hyperliquid.account.explain import account_report, position_tiers
from seawall.venues.hyperliquid.account.state import account_state
from seawall.venues.hyperliquid.account.user import perps_only
from seawall.venues.rulebook_file import load_rulebook
from tests.facts import dydx
from tests.facts.hyperliquid import recorded_accounts
from tests.lab.stress_worlds import (
    RULEBOOKS,
    World,
    bucket_position,
    expected_over,
    one_position,
    random_world,
    recorded_world,
    shocked,
    subaccount_world,
)
from tests.unit.subaccount_answers import answer, example, market, subaccount

# The first account in this process compiles the machine.
pytestmark = pytest.mark.timeout(600)

RECORDED = (
    "S00", "S01", "S02", "S03", "S04", "S05", "S08", "S09", "S14", "S15", "S20",
)  # fmt: skip
SEEDS = range(20)


def recorded(case: str) -> Any:
    """A recorded account; S02 says no maximum leverage, so the one it uses stands for it."""
    state = next(each["state"] for each in recorded_accounts() if each["id"] == case)
    for row in state["assetPositions"]:
        row["position"].setdefault("maxLeverage", row["position"]["leverage"]["value"])
    return account_state(json.dumps(state).encode())


def check_against_explain(
    valuation: Valuation, line: PriceBoundary, exact: tuple[int, int] | None, signed_size: int
) -> None:
    """The first liquidating price unit is the one just beyond the exact price.

    Or one further, where equity at that one *equals* maintenance margin to the micro-USD: the
    exact price knows what truncation drops at today's notional, the machine at each price.
    """
    if exact is None:
        assert line.over is None
        return
    assert line.over is not None
    expected = expected_over(exact, signed_size)
    if line.over == expected:
        return
    assert line.over == expected + (-1 if signed_size > 0 else 1)
    prices = list(valuation.prices)
    prices[line.market] = expected
    value = valuation.at(prices)[line.bucket]
    assert value.equity == value.maintenance_margin


def check_in_the_machine(world: World, line: PriceBoundary) -> None:
    """A unit above liquidates, one below does not: the events of a whole machine say so."""
    assert line.safe is not None
    assert line.over is not None
    side = -1 if line.safe > line.over else 1
    assert line.over == line.safe + side
    if max(line.safe, line.over) > MAX_PRICE:
        return
    safe, over = (shocked(world, line.market, price) for price in (line.safe, line.over))
    assert line.bucket not in world.standing_at(safe).started
    assert line.bucket in world.standing_at(over).started
    if not line.is_liquidatable:  # the same at the end of a move from the prices of now
        machine = world.machine()
        assert line.bucket not in machine.after(safe).started
        assert line.bucket in machine.after(over).started


def check_no_price_liquidates(world: World, line: PriceBoundary, signed_size: int) -> None:
    """Neither almost nothing nor as much as the machine can hold."""
    worst = 1 if signed_size > 0 else MAX_PRICE
    after = world.machine().after(shocked(world, line.market, worst))
    assert line.bucket not in after.started


@pytest.mark.parametrize("case", RECORDED)
def test_recorded_accounts_go_where_explain_says(case: str) -> None:
    state = recorded(case)
    world = recorded_world(state, [position_tiers(each, None) for each in state.positions])
    report = account_report(perps_only(state), load_rulebook())  # type: ignore[arg-type]
    valuation = world.valuation()
    for market_index, position in enumerate(report.positions):
        line = liquidation_boundary(valuation, market_index)
        size = position.state.signed_size
        check_against_explain(valuation, line, liquidation_price(position.bucket), size)
        if line.over is not None:
            check_in_the_machine(world, line)
        else:
            check_no_price_liquidates(world, line, size)


def test_every_recorded_account_is_named() -> None:
    assert [account["id"] for account in recorded_accounts()] == list(RECORDED)


def check_subaccounts(document: dict[str, Any]) -> int:
    """The explainer's own machine judges the two prices; how many were compared."""
    world = subaccount_world(document)
    raw = json.dumps(document).encode()
    state = subaccount_state(raw, market_states(raw, tickers(raw)))
    book = load_rulebook("dydx")
    report = subaccount_report(state, book)  # type: ignore[arg-type]
    judge = AccountMachine(state, book)  # type: ignore[arg-type]
    places = {each.number: place for place, each in enumerate(state.subaccounts)}
    valuation = world.valuation()
    names = [each.name for each in world.instruments]
    compared = 0
    for position in report.positions:
        own = position.state.market
        index = names.index(own.name.partition("-")[0])
        line = liquidation_boundary(valuation, index)
        assert (line.over is None) == (position.liquidation_price is None)
        if line.over is None or line.safe is None:
            continue
        decimals = world.instruments[index].price_decimals
        for units, expected in ((line.safe, False), (line.over, True)):
            price = Fraction(units, 10**decimals) / own.usd(1)
            assert price.denominator == 1, "the venue's own grid is the finer one"
            with judge.at_price(own, int(price)):
                standing = judge.standing(places[position.subaccount])
            assert standing.is_liquidatable == expected, (own.name, units)
        check_in_the_machine(world, line)
        compared += 1
    return compared


@pytest.mark.parametrize(
    ("name", "count"), [("account_subaccount.json", 1), ("account_parent.json", 4)]
)
def test_example_subaccounts_go_where_explain_says(name: str, count: int) -> None:
    assert check_subaccounts(example(name)) == count


def vector_documents() -> list[dict[str, Any]]:
    """Every subaccount of the chain's own test tables that holds collateral and positions."""
    groups = dydx.read()
    found: dict[str, dict[str, Any]] = {}
    for cases in groups.values():
        for case in cases:
            given = case["given"]
            for each in given.get("accounts", [given]):
                made = as_answer(each, given.get("markets", []))
                if made is not None:
                    found[json.dumps(made, sort_keys=True)] = made
    return list(found.values())


def as_answer(holder: dict[str, Any], perpetuals: list[dict[str, Any]]) -> dict[str, Any] | None:
    """A subaccount of a vector as an indexer would tell it; None without positions."""
    known = {each["id"]: each for each in perpetuals}
    positions = holder.get("positions") or []
    if not positions or any(each["market"] not in known for each in positions):
        return None
    assets = {each["asset"]: each["amount"] for each in holder.get("cash") or []}
    if set(assets) - {0}:
        return None
    sizes, markets = {}, {}
    for each in positions:
        perpetual = known[each["market"]]
        resolution = perpetual["size_exponent"]
        size = Fraction(each["amount"]) * Fraction(10) ** resolution
        price = Fraction(perpetual["price"]) * Fraction(10) ** perpetual["price_exponent"]
        tier = perpetual["tier"]
        initial = Fraction(tier["initial_margin_ppm"], 10**6)
        kept = initial * Fraction(tier["maintenance_fraction_ppm"], 10**6)
        ticker = f"P{each['market']}-USD"
        sizes[ticker] = decimal(size)
        step = Fraction(10**6) * Fraction(10) ** resolution
        markets[ticker] = market(
            ticker,
            decimal(price),
            -9,
            atomicResolution=resolution,
            initialMarginFraction=decimal(initial),
            maintenanceMarginFraction=decimal(kept),
            stepSize=decimal(step),
            tickSize=decimal(Fraction(10**5) * Fraction(10) ** (-6 - 9 - resolution)),
            subticksPerTick=100_000,
        )
    return answer(subaccount(decimal(Fraction(assets.get(0, 0), 10**6)), sizes), markets)


def decimal(value: Fraction) -> str:
    """Exact text of a number with at most 18 decimals."""
    units = value * 10**18
    assert units.denominator == 1
    sign = "-" if units < 0 else ""
    whole, rest = divmod(abs(int(units)), 10**18)
    return f"{sign}{whole}" + (f".{rest:018d}".rstrip("0") if rest else "")


def test_subaccounts_of_the_vectors_go_where_explain_says() -> None:
    compared, refused = 0, []
    for document in vector_documents():
        try:
            compared += check_subaccounts(document)
        except InputError as error:
            # No equity, or sizes that plain units cannot hold: it cannot be stressed.
            refused.append(str(error))
    reasons = ("no equity", "does not fit", "must be at most", "must be from 0.000001")
    assert all(any(reason in text for reason in reasons) for text in refused), refused
    assert compared == 14


@pytest.mark.parametrize("rulebook", RULEBOOKS)
@pytest.mark.parametrize("seed", SEEDS)
def test_random_hybrids_stand_and_go_at_neighbouring_prices(seed: int, rulebook: str) -> None:
    world = random_world(seed, rulebook)
    valuation = world.valuation()
    assert not any(each.is_liquidatable for each in valuation.at(world.prices).values())
    for position in world.plan.positions:
        line = liquidation_boundary(valuation, position.market)
        size = position.signed_size
        if rulebook == "hyperliquid":
            exact = liquidation_price(bucket_position(world, position.market))
            check_against_explain(valuation, line, exact, size)
        if line.over is not None:
            check_in_the_machine(world, line)
        else:
            check_no_price_liquidates(world, line, size)


def test_the_random_hybrids_are_what_they_should_be() -> None:
    """Both modes and both sides in most of them, and prices that liquidate."""
    worlds = [random_world(seed, "hyperliquid") for seed in SEEDS]
    hybrids = sum(
        len({each.mode for each in world.plan.positions}) == 2
        and len({each.signed_size > 0 for each in world.plan.positions}) == 2
        for world in worlds
    )
    found = [
        liquidation_boundary(world.valuation(), each.market).over is not None
        for world in worlds
        for each in world.plan.positions
    ]
    assert hybrids >= 8
    assert sum(found) >= 50 > 2 * found.count(False)


BETAS = {name: Fraction(text) for name, text in (
    ("BTC", "1"), ("ETH", "1.34"), ("SOL", "1.43"), ("DOGE", "1.39"), ("XRP", "-0.5"),
)}  # fmt: skip


@pytest.mark.parametrize("rulebook", RULEBOOKS)
@pytest.mark.parametrize("seed", SEEDS)
def test_joint_moves_stand_and_go_one_price_unit_apart(seed: int, rulebook: str) -> None:
    world = random_world(seed, rulebook)
    valuation, machine = world.valuation(), world.machine()
    for move in (together(valuation), with_betas(valuation, BETAS), against(valuation)):
        for direction in directions_of(move):
            edge = smallest_move(valuation, move, direction)
            if edge.over is None:
                continue
            steps = [
                abs(after - before)
                for before, after in zip(edge.safe_prices, edge.over_prices, strict=True)
            ]
            assert max(steps) == 1, "one unit further, in no market more"
            standing = valuation.at(edge.safe_prices).values()
            assert not any(each.is_liquidatable for each in standing)
            if max(edge.over_prices) <= MAX_PRICE:
                assert not machine.after(edge.safe_prices).started
                gone = machine.after(edge.over_prices)
                assert set(gone.started) == set(edge.buckets) != set()


def test_a_joint_move_of_one_market_is_its_line() -> None:
    world = random_world(3, "hyperliquid")
    valuation = world.valuation()
    for position in world.plan.positions:
        line = liquidation_boundary(valuation, position.market)
        direction = -1 if position.signed_size > 0 else 1
        edge = smallest_move(valuation, alone(valuation, position.market), direction)
        if line.over is not None and abs(line.size or 0) < 1:
            assert edge.safe_prices[position.market] == line.safe
            assert edge.over_prices[position.market] == line.over


def test_by_hand() -> None:
    """Long 1 BTC at 100,000 with 10,000 of collateral; 40x at most, so maintenance is 1.25 %.

    10,000 + (p - 100,000) < 0.0125 p  <=>  p < 90,000 / 0.9875 = 91,139.240...
    """
    world = one_position("long", "10000")
    line = liquidation_boundary(world.valuation(), 0)
    assert (line.safe, line.over) == (911_393, 911_392)
    edge = smallest_move(world.valuation(), against(world.valuation()), 1)
    assert (edge.safe_prices, edge.over_prices) == ((911_393,), (911_392,))
    # The short: 10,000 - (p - 100,000) < 0.0125 p  <=>  p > 110,000 / 1.0125 = 108,641.975...
    line = liquidation_boundary(one_position("short", "10000").valuation(), 0)
    assert (line.safe, line.over) == (1_086_419, 1_086_420)


def test_too_much_equity_has_no_price() -> None:
    world = one_position("long", "100000")
    valuation = world.valuation()
    line = liquidation_boundary(valuation, 0)
    assert (line.safe, line.over, line.always) == (None, None, False)
    assert smallest_move(valuation, together(valuation), -1).over is None


def test_an_account_under_water_says_so() -> None:
    """Ten USD under: every joint move of nothing liquidates, and the line lies above."""
    world = one_position("long", "1240")
    valuation = world.valuation()
    line = liquidation_boundary(valuation, 0)
    assert line.is_liquidatable
    assert line.safe is not None
    assert line.safe > world.prices[0]
    edge = smallest_move(valuation, together(valuation), 1)
    assert (edge.safe, edge.over, edge.buckets) == (0, 0, (-1,))
