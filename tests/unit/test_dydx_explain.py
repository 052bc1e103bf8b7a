"""What ``seawall explain`` says about an indexer's subaccounts, checked against a second
computation from the published rules (``subaccount_answers``)."""

import json
from fractions import Fraction
from math import ceil, floor
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seawall.domain.commands import (
    AdoptPosition,
    AdvanceTime,
    Command,
    CreateAccount,
    Deposit,
    SetOraclePrice,
)
from seawall.domain.enums import Side
from seawall.domain.events import CROSS_POOL, CommandRejected, LiquidationStarted
from seawall.domain.system_accounts import FIRST_USER
from seawall.domain.units import fraction_text
from seawall.engine.account_view import account_margins
from seawall.engine.engine import Engine
from seawall.engine.formulas.blocks.liquidation_price import last_that
from seawall.venues.dydx.account.explain import AccountReport, PositionReport, SubaccountReport
from seawall.venues.dydx.account.sheets import SubaccountExplanation, steps
from seawall.venues.raw_json import VenueDataError
from seawall.venues.rulebook_file import load_rulebook
from tests.command_line import seawall
from tests.shared_files import ROOT
from tests.unit.subaccount_answers import (
    BTC,
    ETH,
    GROWN,
    MARKETS,
    MICRO,
    answer,
    example,
    is_liquidated,
    market,
    report_of,
    report_of_one,
    standing,
    subaccount,
)

GRID = {ticker: Fraction(1, 10**n) for ticker, n in (("BTC-USD", 5), ("ETH-USD", 6))}
GRID["FISH-USD"] = Fraction(1, 10**9)
"""One unit of the oracle price: exponent + atomic resolution is -15."""


def report_object(report: AccountReport) -> dict[str, Any]:
    """What the JSON object says of the account."""
    explained = SubaccountExplanation(markets=(), warnings=report.warnings, report=report)
    return explained.findings().plain_object()


def only(cash: str, sizes: dict[str, str], **more: Any) -> PositionReport:
    [found] = report_of_one(cash, sizes, **more).positions
    return found


def liquidation_price(position: PositionReport) -> Fraction:
    assert position.liquidation_price is not None
    return position.liquidation_price


def shown(*arguments: str | Path, raw: str = "") -> str:
    result = seawall("explain", *arguments, folder=ROOT, stdin=raw.encode())
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_one_bitcoin_at_fifty_thousand() -> None:
    position = only("-45000", {"BTC-USD": "1"})
    assert position.reading.value == 50_000 * MICRO
    assert (position.reading.initial, position.reading.maintenance) == (1000 * MICRO, 600 * MICRO)
    assert position.standing.net_collateral == 5000 * MICRO
    # p' = (e - s p) / (|s| MMF - s) = -45,000 / -0.988
    assert position.boundary.exact == Fraction(45_000 * 10**5 * 1000, 988)
    assert position.liquidation_price == Fraction("45546.5587")
    assert position.bankruptcy_price == 45_000
    assert position.bankruptcy_price_then == 45_000
    # Just below its requirement an account has lost nothing yet: the oracle price, up to a tick.
    assert position.fillable_price_then == 45_547
    assert position.fillable_price is None
    assert not position.standing.is_liquidatable


ACCOUNTS = [
    ("-45000", {"BTC-USD": "1"}),
    ("-45000.123457", {"BTC-USD": "1.0000000001"}),
    ("30000.000001", {"ETH-USD": "-10.123456789"}),
    ("-20000", {"BTC-USD": "1", "ETH-USD": "-10"}),
    ("-15500.5", {"FISH-USD": "20000"}),
    ("-49500", {"BTC-USD": "1"}),
    ("-51000", {"BTC-USD": "1"}),
    ("7600", {"ETH-USD": "-3"}),
    ("0.000061", {"FISH-USD": "-0.00007"}),
    ("-0.00005", {"FISH-USD": "0.000071"}),
    ("-99000.777777", {"BTC-USD": "2.5", "ETH-USD": "-9.999999999", "FISH-USD": "-0.000001"}),
]


@pytest.mark.parametrize(("cash", "sizes"), ACCOUNTS)
def test_figures_are_those_of_the_rules(cash: str, sizes: dict[str, str]) -> None:
    [report] = report_of_one(cash, sizes).subaccounts
    net, initial, maintenance = standing(cash, sizes)
    assert report.standing[1:] == (net, initial, maintenance)
    assert report.free_on_chain == net - initial
    assert report.standing.is_liquidatable == (maintenance > 0 and net < maintenance)
    for position in report.positions:
        _check_line(position, cash, sizes, MARKETS)


def _check_line(
    position: PositionReport, cash: str, sizes: dict[str, str], markets: dict[str, Any]
) -> None:
    """The account is liquidated at the price, and not one unit towards the safe side."""
    ticker, side = position.state.market.name, position.state.side
    unit = GRID[ticker]
    assert Fraction(1, 10**position.state.market.price_decimals) == unit
    if position.boundary.price is None:
        for price in (unit, Fraction(markets[ticker]["oraclePrice"]), Fraction(10**9)):
            found = is_liquidated(cash, sizes, ticker, price, markets)
            has_requirement = standing(cash, sizes, markets, {ticker: price})[2] > 0
            assert found == (position.boundary.always and has_requirement), price
        return
    price = liquidation_price(position)
    assert is_liquidated(cash, sizes, ticker, price, markets)
    assert not is_liquidated(cash, sizes, ticker, price + side * unit, markets)
    further = max(unit, price + side * 1000 * unit)
    assert not is_liquidated(cash, sizes, ticker, further, markets)
    if position.boundary.exact is not None and abs(Fraction(sizes[ticker])) > 1:
        exact = position.boundary.exact * unit
        assert abs(price - exact) <= unit + Fraction(4, MICRO) / abs(Fraction(sizes[ticker]))


@settings(max_examples=80, deadline=None)
@given(
    cash=st.integers(-(10**12), 10**12),
    btc=st.integers(-(10**12), 10**12),
    fish=st.integers(-(10**10), 10**10),
)
@hypothesis.example(
    cash=-1_118_333_859, btc=0, fish=1
)  # no requirement where a quantum is worth nothing
def test_liquidation_prices_are_the_first_of_the_grid(cash: int, btc: int, fish: int) -> None:
    markets = {"BTC-USD": BTC, "FISH-USD": GROWN | {"marketType": "CROSS"}}
    sizes = {
        ticker: fraction_text(Fraction(size, 10**decimals))
        for ticker, size, decimals in (("BTC-USD", btc, 10), ("FISH-USD", fish, 6))
        if size
    }
    text = fraction_text(Fraction(cash, MICRO))
    report = report_of_one(text, sizes, markets)
    assert report.subaccounts[0].standing[1:] == standing(text, sizes, markets)
    for position in report.positions:
        _check_line(position, text, sizes, markets)


def rebuilt(report: SubaccountReport) -> Engine:
    """The subaccount in a machine of its own, by commands alone."""
    markets = [position.state.market for position in report.positions]
    engine = Engine.create(load_rulebook("dydx"), [held.instrument for held in markets])
    commands: list[Command] = [
        SetOraclePrice(0, row, held.oracle_price) for row, held in enumerate(markets)
    ]
    commands += [CreateAccount(0), Deposit(0, FIRST_USER, report.standing.net_collateral)]
    for row, position in enumerate(report.positions):
        side = Side.BUY if position.state.side > 0 else Side.SELL
        size, value = abs(position.state.signed_size), abs(position.reading.value)
        commands.append(AdoptPosition(0, FIRST_USER, row, side, size, value, leverage=1))
    for command in commands:
        assert not [e for e in engine.apply(command) if isinstance(e, CommandRejected)]
    for row, held in enumerate(markets):
        engine.tables["markets"]["open_interest"][row] = held.open_interest
    return engine


@pytest.mark.parametrize("number", [0, 128])
def test_the_machine_liquidates_at_the_price_and_not_beside(number: int) -> None:
    """The account rebuilt by commands stands the same, and goes under in the same block."""
    whole = report_of(example("account_parent.json"))
    report = next(each for each in whole.subaccounts if each.state.number == number)
    margins = account_margins(rebuilt(report), FIRST_USER)
    assert margins[CROSS_POOL][1:4] == report.standing[1:]
    for row, position in enumerate(report.positions):
        reading = position.reading
        assert margins[row][2:4] == (reading.initial, reading.maintenance)
        assert position.boundary.price is not None
        for price, liquidated in ((0, True), (position.state.side, False)):
            engine = rebuilt(report)
            engine.apply(SetOraclePrice(1, row, position.boundary.price + price))
            events = engine.apply(AdvanceTime(60_000))
            started = [event for event in events if isinstance(event, LiquidationStarted)]
            assert bool(started) == liquidated


def test_long_without_debt_has_no_liquidation_price() -> None:
    position = only("0", {"BTC-USD": "1"})
    assert position.boundary.price is None
    assert not position.boundary.always
    assert position.bankruptcy_price is None
    assert position.distance is None


def test_short_that_no_price_saves() -> None:
    position = only("-10", {"ETH-USD": "-1"})
    assert position.boundary.price is None
    assert position.boundary.always
    assert position.standing.is_liquidatable
    assert position.bankruptcy_price is None
    text = shown("-", raw=json.dumps(answer(subaccount("-10", {"ETH-USD": "-1"}))))
    assert "any price" in text


def test_whole_notional_as_maintenance() -> None:
    """The safety of a market that keeps everything moves with nothing."""
    safe = market("BTC-USD", "50000", initialMarginFraction="1", maintenanceMarginFraction="1")
    held = only("0.000001", {"BTC-USD": "1"}, markets={"BTC-USD": safe})
    assert held.boundary.exact is None
    assert (held.boundary.price, held.boundary.always) == (None, False)
    owing = only("-0.000001", {"BTC-USD": "1"}, markets={"BTC-USD": safe})
    assert (owing.boundary.price, owing.boundary.always) == (None, True)


def test_equality_is_safe() -> None:
    at = "-49400"
    assert standing(at, {"BTC-USD": "1"}) == (600 * MICRO, 1000 * MICRO, 600 * MICRO)
    assert not only(at, {"BTC-USD": "1"}).standing.is_liquidatable
    below = only("-49400.000001", {"BTC-USD": "1"})
    assert below.standing.is_liquidatable
    assert below.liquidation_price == 50_000
    assert below.distance == 0
    further = only("-49500", {"BTC-USD": "1"})
    assert further.distance is not None
    assert further.distance < 0


@pytest.mark.parametrize(
    ("cash", "sizes"),
    [
        ("-49500", {"BTC-USD": "1"}),
        ("-51000", {"BTC-USD": "1"}),
        ("2540", {"ETH-USD": "-1"}),
        ("2400", {"ETH-USD": "-1"}),
        ("-24950", {"BTC-USD": "1", "ETH-USD": "-10"}),
    ],
)
def test_liquidatable_account(cash: str, sizes: dict[str, str]) -> None:
    """Fillable and bankruptcy price by the published formulas, in plain fractions."""
    net, _, total = standing(cash, sizes)
    if net >= total:
        cash = fraction_text(Fraction(cash) - Fraction(net - total + MICRO, MICRO))
        net, _, total = standing(cash, sizes)
    for position in report_of_one(cash, sizes).positions:
        assert position.standing.is_liquidatable
        ticker = position.state.market.name
        terms, size = MARKETS[ticker], Fraction(sizes[ticker])
        value, _, own = standing("0", {ticker: sizes[ticker]})
        lost = min(max(1 - Fraction(net, total), Fraction(0)), Fraction(1))
        offered = (value - lost * Fraction(3, 2) * own) / (size * MICRO)
        tick = Fraction(terms["tickSize"])
        ticks = ceil(offered / tick) if size > 0 else floor(offered / tick)
        assert position.fillable_price == ticks * tick
        assert position.bankruptcy_price == Fraction(value - net * own // total, MICRO) / size


def test_negative_account_is_offered_at_the_full_spread() -> None:
    position = only("-51000", {"BTC-USD": "1"})
    assert position.standing.net_collateral == -1000 * MICRO
    assert position.fillable_price == 50_000 - Fraction(3, 2) * 600
    assert position.bankruptcy_price == 51_000


def test_open_interest_raises_initial_only() -> None:
    report = report_of_one("-15500", {"FISH-USD": "20000"})
    [position], [account] = report.positions, report.subaccounts
    # 680,000 lies 36 % of the way between the caps: 0.05 + 0.95 x 0.36
    assert position.reading.open_interest_value == 680_000 * MICRO
    assert position.reading.initial_ppm == 392_000
    assert position.reading.initial == 6664 * MICRO
    assert position.reading.maintenance == 510 * MICRO
    assert account.free_collateral == 1500 - 850
    assert account.free_on_chain == (1500 - 6664) * MICRO
    full = GROWN | {"baseOpenInterest": "2000000"}
    grown = only("-15500", {"FISH-USD": "20000"}, markets={"FISH-USD": full})
    assert grown.reading.initial_ppm == MICRO
    assert grown.liquidation_price == position.liquidation_price


def test_open_interest_of_the_chain_comes_first() -> None:
    both = GROWN | {"openInterest": "999999", "baseOpenInterest": "800000"}
    one = {key: value for key, value in GROWN.items() if key != "baseOpenInterest"}
    for terms in (both, one | {"openInterest": "800000"}):
        position = only("-15500", {"FISH-USD": "20000"}, markets={"FISH-USD": terms})
        assert position.reading.initial_ppm == 392_000


def test_parent_with_isolated_children() -> None:
    report = report_of(example("account_parent.json"))
    assert report.warnings == ()
    assert [each.state.number for each in report.subaccounts] == [0, 128, 256]
    assert [each.state.mode for each in report.subaccounts] == ["cross", "isolated", "isolated"]
    assert [each.standing.is_liquidatable for each in report.subaccounts] == [False, False, True]
    found = report_object(report)
    account = found["account"]
    assert account["parent_subaccount_number"] == 0
    for name in (
        *("equity", "free_collateral", "net_collateral", "initial_margin", "maintenance_margin"),
    ):
        parts = [Fraction(each[name]) for each in found["subaccounts"]]
        assert Fraction(account[name]) == sum(parts)
    assert (account["equity"], account["free_collateral"]) == ("6700", "3975")
    assert account["withdrawable"] == "3500"
    assert [each["market"] for each in found["positions"]] == [
        *("BTC-USD", "ETH-USD", "FISH-USD", "SOL-USD")
    ]
    # A child alone has the same prices: nobody's loss is another's.
    children = example("account_parent.json")["subaccount"]["childSubaccounts"]
    markets = example("account_parent.json")["markets"]
    for child, here in zip(children, report.subaccounts, strict=True):
        [alone] = report_of(answer(child, markets)).subaccounts
        assert alone.standing == here.standing
        assert [p.liquidation_price for p in alone.positions] == [
            p.liquidation_price for p in here.positions
        ]


def test_cross_position_leaves_the_others_their_maintenance() -> None:
    long = next(p for p in report_of_one("-20000", {"BTC-USD": "1", "ETH-USD": "-10"}).positions)
    # p' = (e - O - s p) / (|s| MMF - s) = (5,000 - 300 - 50,000) / (0.012 - 1)
    assert long.boundary.exact == Fraction(45_300 * 10**5 * 1000, 988)
    assert long.liquidation_price == Fraction("45850.20242")


def test_no_position_needs_no_markets() -> None:
    report = report_of({"subaccount": subaccount("12.5", {}, equity="12.5", freeCollateral="12.5")})
    assert report.warnings == ()
    found = report_object(report)
    assert found["positions"] == []
    assert found["account"]["equity"] == found["account"]["withdrawable"] == "12.5"
    assert found["account"]["liquidatable"] is False
    nothing = report_of({"subaccount": {"parentSubaccountNumber": 3, "childSubaccounts": []}})
    assert report_object(nothing)["account"]["equity"] == "0"
    assert "12.5" in shown("-", raw=json.dumps(subaccount("12.5", {})))


def test_other_shapes_of_the_same_account() -> None:
    account = subaccount("-45000", {"BTC-USD": "1"})
    wrapped = report_object(report_of(answer(account)))
    bare = report_object(report_of(account | {"markets": MARKETS}))
    assert bare == wrapped
    of_address = report_object(report_of({"subaccounts": [account], "markets": MARKETS}))
    assert of_address["positions"] == wrapped["positions"]
    unsigned = json.loads(json.dumps(account))
    del unsigned["openPerpetualPositions"]["BTC-USD"]["side"]
    del unsigned["openPerpetualPositions"]["BTC-USD"]["status"]
    assert report_object(report_of(answer(unsigned))) == wrapped


def test_cash_below_a_micro_usd_is_rounded_down() -> None:
    """The indexer adds unsettled funding without rounding; settlement rounds down."""
    for cash, micro in (("10.0000019", 10_000_001), ("-10.0000011", -10_000_002)):
        [report] = report_of_one(cash, {}).subaccounts
        assert report.standing.net_collateral == micro


def test_differences_are_told() -> None:
    figures = {"equity": "5000.0000046", "freeCollateral": "3999.9"}
    account = subaccount("-45000.0000004", {"BTC-USD": "1.0000000001"}, **figures)
    [warning] = report_of(answer(account)).warnings
    assert warning == "subaccount 0: free collateral: 4000.0000045 here, 3999.9 at the venue"
    account["equity"] = "4990"
    first, _ = report_of(answer(account)).warnings
    assert first.startswith("subaccount 0: equity: 5000.0000046 here, 4990 at the venue: ")
    assert "funding" in first
    parent = example("account_parent.json")
    parent["subaccount"]["equity"] = "6701"
    [warning] = report_of(parent).warnings
    assert warning == "all subaccounts: equity: 6700 here, 6701 at the venue"


@pytest.mark.parametrize(
    ("cash", "sizes"),
    [
        *ACCOUNTS,
        ("10.0000019", {}),
        ("-10.0000011", {}),
        ("-45000.0000004", {"BTC-USD": "1.0000000001"}),
        ("7600.0000005", {"ETH-USD": "-3.000000001"}),
    ],
)
def test_equity_and_free_collateral_are_of_one_source(cash: str, sizes: dict[str, str]) -> None:
    """Both without rounding, as the indexer has them; what the chain rounds is named apart."""
    report = report_of_one(cash, sizes)
    found = report_object(report)["account"]
    values = [
        abs(Fraction(size) * Fraction(MARKETS[ticker]["oraclePrice"]))
        * Fraction(MARKETS[ticker]["initialMarginFraction"])
        for ticker, size in sizes.items()
    ]
    assert Fraction(found["equity"]) - Fraction(found["free_collateral"]) == sum(values)
    net, initial = Fraction(found["net_collateral"]), Fraction(found["initial_margin"])
    assert Fraction(found["free_collateral_on_chain"]) == net - initial
    assert abs(Fraction(found["equity"]) - net) <= Fraction(len(sizes) + 1, MICRO)
    # The account that other commands read has the chain's figure, not a third one.
    [subaccount] = report.state.subaccounts
    assert subaccount.net_collateral == report.subaccounts[0].standing.net_collateral


def test_other_assets_are_named_and_not_counted() -> None:
    account = subaccount("-45000", {"BTC-USD": "1"})
    alone = report_object(report_of(answer(account)))
    account["assetPositions"]["TUSD"] = {"symbol": "TUSD", "side": "LONG", "size": "150.5"}
    account["assetPositions"]["DYDX"] = {"symbol": "DYDX", "side": "SHORT", "size": "2"}
    account["assetPositions"]["NONE"] = {"symbol": "NONE", "side": "LONG", "size": "0"}
    report = report_of(answer(account))
    assert report_object(report)["account"] == alone["account"]
    assert report.warnings == (
        "subaccount 0: 150.5 TUSD is not counted: only USDC is collateral",
        "subaccount 0: -2 DYDX is not counted: only USDC is collateral",
    )


def test_children_without_positions_or_collateral() -> None:
    """What a tool leaves out of an empty child is not missed."""
    parent = example("account_parent.json")
    whole = report_object(report_of(parent))["account"]
    children = parent["subaccount"]["childSubaccounts"]
    children.append(subaccount("0", {}, 384))
    children.append({"subaccountNumber": 512})
    children.append({"subaccountNumber": 640, "openPerpetualPositions": None})
    children.append({"subaccountNumber": 768, "openPerpetualPositions": {}})
    report = report_of(parent)
    assert report_object(report)["account"] == whole
    assert [each.state.number for each in report.subaccounts[3:]] == [384, 512, 640, 768]
    assert all(each.standing == (False, 0, 0, 0) for each in report.subaccounts[3:])
    del children[1]["assetPositions"]
    with pytest.raises(VenueDataError, match=r"childSubaccounts\[1\]\.assetPositions: missing"):
        report_of(parent)


def test_two_pools_in_one_account_are_told() -> None:
    report = report_of_one("-10000", {"BTC-USD": "1", "FISH-USD": "10"})
    assert any("FISH-USD has collateral of its own" in warning for warning in report.warnings)


def test_tables() -> None:
    lines = [line.split() for line in shown("examples/account_parent.json").splitlines()]
    assert [
        *("0", "BTC-USD", "long", "1", "48,700.2", "1,299.75", "10x"),
        *("50,000", "50,000", "2", "%", "2", "%", "1,000", "600"),
        *("45,850.20242", "8.30", "%"),
    ] in lines
    assert ["256", "isolated", "200", "1,146.87", "225", "-25", "YES"] in lines
    assert ["128", "1,500", "1,500", "650", "650", "-5,164"] in lines
    assert ["sum", "6,700", "6,700", "3,975", "3,975", "-2,610.87"] in lines
    single = shown("examples/account_subaccount.json")
    assert "Funding is taken as settled" in single
    assert "\n sum" not in single


def test_markets_from_a_file(tmp_path: Path) -> None:
    markets = tmp_path / "markets.json"
    markets.write_text(json.dumps({"markets": MARKETS}))
    account = json.dumps({"subaccount": subaccount("-45000", {"BTC-USD": "1"})})
    text = shown("-", "--markets", markets, "--json", raw=account)
    assert json.loads(text)["positions"][0]["liquidation_price"] == "45546.5587"
    forced = shown("-", "--venue", "dydx", "--markets", markets, "--json", raw=account)
    assert json.loads(forced) | {"command": ""} == json.loads(text) | {"command": ""}


def test_a_strange_market_that_is_not_held_is_no_matter() -> None:
    odd = {"BTC-USD": BTC, "ODD-USD": {"ticker": "ODD-USD", "status": "?"}}
    assert report_of_one("-45000", {"BTC-USD": "1"}, odd).positions


def test_steps() -> None:
    report = report_of(example("account_parent.json"))
    [sheet] = steps(report, "SOL-USD")
    rows = {name.strip(): tuple(rest) for name, *rest in map(sheet.texts, sheet.rows)}
    assert rows["grown initial fraction"][2] == "0.152916"
    assert rows["maintenance requirement"][1:] == ("7,500 x 0.05 x 0.6", "225")
    assert rows["without rounding"][1:] == (
        "(200 - 0 - -50 x 150) / (50 x 0.03 - -50)",
        "149.5145631068",
    )
    assert rows["liquidation price"] == ("lowest p with e < O + M", "", "149.51456312")
    assert rows["e and O + M there"][1] == "224.271844 < 224.271845"
    assert rows["and at 149.51456311"][1] == "224.271845 >= 224.271845"
    assert rows["offered now"][2] == "150.75"
    assert rows["bankruptcy price now"][2] == "154"
    assert [each.name for each in sheet.columns] == ["name", "formula", "numbers", "value"]
    [none] = steps(report_of_one("0", {"BTC-USD": "1"}), "BTC-USD")
    shown_rows = [dict(row) for row in none.rows]
    formula = "no price above zero liquidates"
    price = {"name": "liquidation price", "formula": formula, "numbers": "", "value": "none"}
    assert price in shown_rows
    text = shown("examples/account_parent.json", "--steps", "ETH-USD")
    assert "Liquidation price of ETH-USD, subaccount 0, short (s < 0)" in text


@given(edge=st.integers(0, 10**6), guess=st.integers(-10, 2 * 10**6))
def test_last_that(edge: int, guess: int) -> None:
    asked = []

    def holds(number: int) -> bool:
        assert 1 <= number <= 10**6
        asked.append(number)
        return number <= edge

    assert last_that(holds, guess, 10**6) == edge
    assert len(asked) == len(set(asked)) <= 45


def test_a_near_guess_asks_little() -> None:
    asked = []
    assert last_that(lambda n: asked.append(n) or n <= 10**15, 10**15 - 1, 2**60) == 10**15
    assert len(asked) <= 5


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Fraction(0), "0"),
        (Fraction(1000), "1000"),
        (Fraction(-1, 8), "-0.125"),
        (Fraction(1, 10**15), "0.000000000000001"),
        (Fraction(1, 3), "0.3333333333"),
        (Fraction(-2, 3), "-0.6666666667"),
        (Fraction(100, 3), "33.3333333333"),
    ],
)
def test_fraction_text(value: Fraction, text: str) -> None:
    assert fraction_text(value) == text


def test_markets_of_the_tests_are_those_of_the_examples() -> None:
    assert Fraction(ETH["tickSize"]) == Fraction("0.1")
    markets = example("account_parent.json")["markets"]
    for ticker, terms in MARKETS.items():
        same = ("initialMarginFraction", "oraclePrice", "subticksPerTick", "atomicResolution")
        assert all(terms[name] == markets[ticker][name] for name in same)
