"""The scenarios that come with Seawall: what each says of itself and does to an account."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pytest
from msgspec import structs

from seawall.accounts.examples import ACCOUNT, example_text
from seawall.accounts.load import AccountOptions, load_account
from seawall.lab.cascade.setup import STEP_MS, grid_by_second
from seawall.lab.crises.crisis import even_grid
from seawall.lab.market.candle_file import PathError
from seawall.lab.market.groups import like
from seawall.lab.market.liquidity import depths
from seawall.lab.market.market_path import MarketPath
from seawall.lab.market.named_scenarios import DEFAULT, load, names, run_scenario, starting_path
from seawall.lab.market.scenario import TRADES, Scenario, scenario_path
from seawall.lab.market.scenario_file import parse_scenario
from seawall.lab.rehearse.rehearsal import Rehearsal
from seawall.lab.simulation.incidents import IncidentKind
from seawall.venues.registry import VENUES
from tests.lab.commands import made, refused, seawall
from tests.shared_files import ROOT

# The first run on a machine compiles the kernels.
pytestmark = pytest.mark.timeout(660)

PAGE = (ROOT / "docs" / "commands" / "scenarios.md").read_text(encoding="utf-8")
MAJORS = ("BTC", "ETH")
PRICES = {"BTC": "50000", "ETH": "2000", "SOL": "100"}
LONG = """
collateral = 20000
[[position]]
market = "BTC"
side = "long"
notional = 190000
leverage = 20
"""
HEDGED = """
collateral = 20000
[[position]]
market = "ETH"
side = "long"
notional = 200000
leverage = 20
[[position]]
market = "BTC"
side = "short"
notional = 200000
leverage = 20
"""


def taken_through(
    scenario: Scenario,
    account: str,
    rulebook: str,
    depth: float | None = None,
    prices: Mapping[str, str] = PRICES,
) -> Rehearsal:
    held = load_account(
        account.encode(),
        AccountOptions(
            rulebook=rulebook, usual_prices=lambda names: {name: prices[name] for name in names}
        ),
    )
    given = {} if depth is None else dict.fromkeys(held.listed, depth)
    liquidity = depths(held.listed.values(), given)
    return run_scenario(
        scenario, held.holdings, held.rulebook, held.instruments, held.price_texts, liquidity
    )


def liquidations(result: Rehearsal) -> list[int]:
    """When liquidations of the account began, ms since 1970."""
    started = IncidentKind.LIQUIDATION_STARTED
    return [each.time_ms for each in result.incidents if each.kind == started]


def test_those_that_should_be_there_are_there() -> None:
    assert set(names()) >= {
        *("flash_crash", "slow_grind", "funding_spike", "liquidity_drought", "correlated_tail"),
        *("dollar_depeg", "oracle_lag", "short_squeeze"),
        *("crash_2020_03_12", "crash_2021_05_19", "ftx_2022_11", "yfi_2023_11"),
        *("crash_2024_08_05", "jelly_2025_03_26", "crash_2025_10_10", "crash_2026_02_05"),
    }


@pytest.mark.parametrize("name", names())
def test_each_says_what_it_is_and_where_its_figures_come_from(name: str) -> None:
    scenario = load(name)
    assert 40 <= len(scenario.about) <= 120
    lines = scenario.source.splitlines()
    kinds = [line.split(":")[0] for line in lines]
    assert set(kinds) <= {"documented", "computed", "assumed"}
    assert "assumed" in kinds
    assert len(set(kinds)) == len(kinds)
    assert all(len(line) > len(kind) + 20 for line, kind in zip(lines, kinds, strict=True))


@pytest.mark.parametrize("name", names())
def test_each_begins_calmly_and_has_prices_for_any_account(name: str) -> None:
    scenario = load(name)
    prices = {"BTC": 50_000.0, "ETH": 2_000.0, "SOL": 100.0, "NOBODY-KNOWS": 1.0}
    path = scenario_path(scenario, list(prices), prices, {"BTC": 1, "ETH": -1})
    assert 1_000 <= len(path.times_ms) <= 3_000
    assert np.all(np.diff(path.times_ms) > 0)
    soon = path.times_ms < path.times_ms[0] + 300_000
    for market, price in prices.items():
        assert path.oracle[market][0] == pytest.approx(price)
        assert np.abs(path.oracle[market][soon] / price - 1).max() < 0.01


@pytest.mark.parametrize("name", [name for name in names() if load(name).recorded])
def test_every_recorded_level_is_met(name: str) -> None:
    scenario = load(name)
    path = scenario_path(scenario, list(scenario.levels), dict.fromkeys(scenario.levels, 100.0))
    places = [int(np.searchsorted(path.times_ms, t)) for t in minutes_ms(path, scenario.minutes)]
    for market, levels in scenario.levels.items():
        assert path.oracle[market][places] == pytest.approx(levels)


BETWEEN_STEPS = """
name = "between steps"
start = "2026-01-01T12:00"
step_seconds = 60
depth_percent = [[0, 100], [4.25, 100], [4.6, 3], [4.9, 100]]
[[market]]
name = "BTC"
wobble_bp = 2
waypoints = [[0, 100], [3, 100], [3.37, 80], [3.7, 100], [5.5, 101]]
[[market]]
name = "ETH"
waypoints = [[0, 100], [2.51, 130], [6, 100]]
"""


def minutes_ms(path: MarketPath, minutes: Iterable[float]) -> list[int]:
    return [int(path.times_ms[0]) + round(60_000 * each) for each in minutes]


def test_a_waypoint_between_two_steps_is_met() -> None:
    scenario = parse_scenario(BETWEEN_STEPS, "between.toml")
    path = scenario_path(scenario, ["BTC", "ETH"], {"BTC": 100.0, "ETH": 100.0})
    assert path.oracle["BTC"].min() == pytest.approx(80)
    assert path.oracle["ETH"].max() == pytest.approx(130)
    assert path.depth["BTC"].min() == pytest.approx(0.03)
    assert np.all(np.diff(path.times_ms) > 0)
    # Until the first market ends, that end included.
    assert path.times_ms[-1] == minutes_ms(path, [5.5])[0]
    assert path.oracle["BTC"][-1] == pytest.approx(101)
    held = 'collateral = 20500\n[[position]]\nmarket = "BTC"\nside = "long"\nsize = 2\nleverage = 5'
    result = taken_through(scenario, held, "hyperliquid")
    assert liquidations(result) != []


@pytest.mark.parametrize("name", names())
def test_levels_are_on_the_grid_of_every_step(name: str) -> None:
    """Of the path itself, of crises and of a cascade: a level between two steps would be passed by,
    the lowest one as well."""
    scenario = load(name)
    minutes = [*scenario.minutes, *(at for each in scenario.market for at, _ in each.waypoints)]
    account = load_account()
    path = starting_path(scenario, account.holdings, account.instruments, account.price_texts)
    crises = np.diff(even_grid(path, account.instruments).times_ms)
    steps = {round(1000 * scenario.step_seconds), int(crises[0]), STEP_MS}
    assert [(at, step) for at in minutes for step in steps if round(60_000 * at) % step] == []


@pytest.mark.parametrize("name", [each for each in names() if load(each).recorded])
def test_every_path_reaches_the_lowest_recorded_level(name: str) -> None:
    scenario, account = load(name), load_account()
    path = starting_path(scenario, account.holdings, account.instruments, account.price_texts)
    own = even_grid(path, account.instruments).oracle
    by_second = grid_by_second(path, account.instruments).oracle
    for place, market in enumerate(account.markets):
        shape = scenario.shape_of(market)
        assert shape is not None
        lowest = min(level for _, level in shape.waypoints) / 100
        prices = path.oracle[market]
        for each in (prices, own[:, place], by_second[:, place]):
            assert each.min() / each[0] == pytest.approx(lowest, abs=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("rulebook", VENUES)
@pytest.mark.parametrize("name", names())
def test_each_runs_under_all_rules_and_conserves_money(name: str, rulebook: str) -> None:
    scenario, usual = load(name), load(DEFAULT)
    prices = {each: repr(scenario.price_of(each) or usual.price_of(each)) for each in PRICES}
    result = taken_through(scenario, example_text(ACCOUNT), rulebook, prices=prices)
    assert result.is_conserved
    assert result.others.maker_rejections == 0
    assert len(result.series.times_ms) == len(result.path.times_ms)
    (row,) = re.findall(rf"^\| `{name}` \|([^|]*)\|([^|]*)\|$", PAGE, re.MULTILINE)
    told = row[list(VENUES).index(rulebook)].strip()
    assert told == f"{result.end.equity / 1e6:,.0f}"


@pytest.mark.parametrize("rulebook", VENUES)
def test_a_jump_conserves_money_and_repeats(rulebook: str) -> None:
    first, again = (
        taken_through(load("oracle_lag"), example_text(ACCOUNT), rulebook) for _ in range(2)
    )
    assert first.is_conserved
    assert first.state_hash == again.state_hash
    assert liquidations(first)


def test_the_neighbours_of_a_scenario_are_there() -> None:
    result = taken_through(load(DEFAULT), LONG.replace('"BTC"', '"ETH"'), "hyperliquid")
    assert result.others.liquidated_accounts > 10
    assert result.deposits > 10**15 + 1_200_000 * 10**6


def test_conditions_that_change_nothing_change_nothing() -> None:
    plain = structs.replace(load("liquidity_drought"), depth_percent=None)
    said = structs.replace(
        plain, depth_percent=[(0, 100)], premium_bp=[(0, 0)], oracle_lag_seconds=[(0, 0), (9, 0)]
    )
    left, right = (taken_through(each, LONG, "hyperliquid") for each in (plain, said))
    assert left.state_hash == right.state_hash


FLAT_WITH_PREMIUM = """
name = "flat"
start = "2026-01-01"
step_seconds = 5
premium_bp = [[0, {premium}]]
[[market]]
name = "BTC"
waypoints = [[0, 100.0], [65, 100.0]]
"""
FUNDED = (
    'collateral = 100000\n[[position]]\nmarket = "BTC"\nside = "{side}"\nsize = 2\nleverage = 5'
)


@pytest.mark.parametrize(
    ("rulebook", "premium", "side", "paid"),
    [
        # The best bid, half a spread of 1 bp under 50,500 and on the tick, is 50,497: a premium of
        # 0.994 %. It bears the whole impact notional. (0.994 % - 0.05 %) / 8 of 100,000 USD.
        ("hyperliquid", 100, "long", 118.0),
        ("hyperliquid", 100, "short", -118.0),
        # The best ask, above 49,500, is 49,503: -0.994 %, and (0.994 % - 0.05 %) / 8.
        ("hyperliquid", -100, "short", 118.0),
        # Within the interest's corridor (0.01 % - 0.014 % is small) the rate is 0.01 % / 8.
        ("hyperliquid", 2, "long", 1.25),
        # No interest there, and an impact of 10,000 USD: 0.19804 BTC (rounded up) at 50,494.85, a
        # premium of 9,896 ppm, an eighth of it; 0.20201 BTC at 49,502.50, a premium of -9,950 ppm.
        ("dydx", 100, "long", 123.7),
        ("dydx", -100, "short", 124.375),
    ],
)
def test_a_premium_pays_the_funding_of_the_venues_formula(
    rulebook: str, premium: int, side: str, paid: float
) -> None:
    scenario = parse_scenario(FLAT_WITH_PREMIUM.format(premium=premium), "flat")
    result = taken_through(scenario, FUNDED.format(side=side), rulebook)
    funding = [each.money for each in result.incidents if each.kind == IncidentKind.FUNDING]
    due = funding or [result.end.unsettled_funding]
    assert due == [round(-paid * 1_000_000)]


def test_the_funding_spike_reaches_the_recorded_hour_and_eight_hours() -> None:
    for side in ("long", "short"):
        account = FUNDED.format(side=side).replace("collateral = 100000", "collateral = 50000")
        result = taken_through(load("funding_spike"), account, "hyperliquid")
        rates = [-e.money / 1e9 for e in result.incidents if e.kind == IncidentKind.FUNDING]
        assert len(rates) == 10
        assert max(rates) == pytest.approx(0.587, abs=0.005)
        assert max(sum(rates[i : i + 8]) for i in range(3)) == pytest.approx(2.17, abs=0.1)


@pytest.mark.parametrize("rulebook", VENUES)
def test_a_drought_makes_the_same_liquidation_dearer(rulebook: str) -> None:
    thin = load("liquidity_drought")
    deep = structs.replace(thin, depth_percent=None)
    left, right = (taken_through(each, LONG, rulebook, depth=5e6) for each in (deep, thin))
    first = [
        next(e for e in result.incidents if e.kind == IncidentKind.PARTLY_LIQUIDATED)
        for result in (left, right)
    ]
    assert first[1].price < first[0].price
    assert right.end.equity <= left.end.equity


def test_a_drought_leaves_less_of_the_account() -> None:
    thin = load("liquidity_drought")
    deep = structs.replace(thin, depth_percent=None)
    left, right = (taken_through(each, LONG, "hyperliquid", depth=5e6) for each in (deep, thin))
    assert 0 < right.end.equity < left.end.equity * 0.8


@pytest.mark.parametrize("rulebook", VENUES)
def test_a_late_oracle_delays_the_liquidation_and_makes_it_worse(rulebook: str) -> None:
    late = load("oracle_lag")
    timely = structs.replace(late, oracle_lag_seconds=None)
    account = LONG.replace("190000", "300000")
    left, right = (taken_through(each, account, rulebook) for each in (timely, late))
    assert liquidations(right)[0] >= liquidations(left)[0] + 90_000
    assert right.end.equity <= left.end.equity


def test_a_standing_oracle_stands_and_catches_up() -> None:
    path = scenario_path(load("oracle_lag"), ["BTC"], {"BTC": 50_000.0})
    minutes = (path.times_ms - path.times_ms[0]) / 60_000
    standing = (minutes >= 15) & (minutes <= 21)
    oracle, middle = path.oracle["BTC"], path.middle["BTC"]
    assert np.ptp(oracle[standing]) < 1e-6
    assert np.ptp(middle[standing]) > 5_000
    after = minutes >= 21.05
    assert np.array_equal(oracle[after], middle[after])


@pytest.mark.parametrize("rulebook", VENUES)
def test_the_correlated_tail_takes_a_hedged_account_that_a_flash_crash_leaves(
    rulebook: str,
) -> None:
    crash = taken_through(load("flash_crash"), HEDGED, rulebook)
    tail = taken_through(load("correlated_tail"), HEDGED, rulebook)
    assert not liquidations(crash)
    assert len(crash.end.holdings) == 2
    assert liquidations(tail)
    assert tail.end.equity < crash.end.equity / 4


def test_a_shape_is_chosen_by_name_then_side_then_group_then_other() -> None:
    def shape(name: str) -> str:
        return f'[[market]]\nname = "{name}"\nwaypoints = [[0, 100.0], [5, 90.0]]\n'

    head = 'name = "x"\nstart = "2026-01-01"\nstep_seconds = 3\n'
    groups = '[group]\nmajors = ["BTC", "ETH"]\n[other]\nlike = "rest"\n'
    shapes = "".join(shape(name) for name in ("BTC", "longs", "majors", "rest"))
    scenario = parse_scenario(head + groups + shapes, "x")

    def chosen(market: str, side: int) -> str:
        found = scenario.shape_of(market, side)
        assert found is not None
        return found.name

    assert [chosen("BTC", 1), chosen("ETH", 1)] == ["BTC", "longs"]
    assert [chosen("ETH", -1), chosen("ETH", 0), chosen("SOL", -1)] == ["majors", "majors", "rest"]


def test_a_market_may_have_conditions_of_its_own() -> None:
    scenario = load("funding_spike")
    prices = {"BTC": 100.0, "ETH": 100.0}
    path = scenario_path(scenario, ["BTC", "ETH"], prices, {"BTC": 1, "ETH": -1})
    at_peak = int(np.argmin(np.abs(path.times_ms - path.times_ms[0] - 90 * 60_000)))
    for market, premium in (("BTC", 0.0475), ("ETH", -0.0475)):
        assert path.middle[market][at_peak] == pytest.approx(
            path.oracle[market][at_peak] * (1 + premium)
        )
        assert path.outside[market][at_peak] == path.middle[market][at_peak]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (
            "flash_crsh",
            "flash_crsh: is no .toml file and no scenario that comes with Seawall: corr",
        ),
        ("absent.toml", "absent.toml: No such file"),
    ],
)
def test_what_is_not_there_is_said(asked: str, message: str) -> None:
    with pytest.raises(PathError, match=re.escape(message)):
        load(asked)


def test_the_command_takes_a_name_and_its_dashes(tmp_path: Path) -> None:
    assert load("correlated-tail") == load("correlated_tail")
    told = made(tmp_path, "rehearse", "--path", "correlated-tail")
    usual = load(DEFAULT)
    prices = {each: repr(usual.price_of(each)) for each in PRICES}
    account = example_text(ACCOUNT)
    result = taken_through(load("correlated_tail"), account, "hyperliquid", prices=prices)
    assert told["path"] == load("correlated_tail").name
    assert told["state_hash"] == result.state_hash
    assert [each["source"] for each in told["price_paths"]] == [
        "the shape of longs",
        "the shape of shorts",
        "the shape of longs",
    ]


def test_the_command_refuses_what_is_no_scenario(tmp_path: Path) -> None:
    message = (
        "flash_crsh: is no .toml file and no scenario that comes with Seawall: correlated_tail"
    )
    refused(seawall(tmp_path, "rehearse", "--path", "flash_crsh"), "rehearse", message)
    (tmp_path / "mine.toml").write_text('name = "x"\n')
    refused(seawall(tmp_path, "rehearse", "--path", "mine.toml"), "rehearse", "mine.toml: Object")
    options = ("--path", "flash_crash", "--step", "3")
    refused(
        seawall(tmp_path, "rehearse", *options),
        "rehearse",
        "--step: '3' should be left out",
    )


def moves(scenario: Scenario) -> str:
    """The lowest level of each shape, and the highest of what rises, against the start.

    Of recorded markets BTC, ETH and the median of all others.
    """
    told = []
    shapes = [(each.name, each.waypoints) for each in scenario.market]
    if scenario.recorded:
        median = scenario.shape_of("a market without a record")
        assert median is not None
        levels = scenario.levels
        named = [(name, list(zip(scenario.minutes, levels[name], strict=True))) for name in MAJORS]
        shapes = [*named, ("median altcoin", median.waypoints), *shapes]
    for name, waypoints in shapes:
        levels = [percent - 100 for _, percent in waypoints]
        parts = [f"{min(levels):+.1f}"] if min(levels) <= -0.05 else []
        parts += [f"{max(levels):+.1f}"] if max(levels) >= 10 or not parts else []
        told.append(f"{name} {' / '.join(parts)}")
    return ", ".join(told)


def falls() -> list[str]:
    """The rows of the table of recorded markets: the lowest level of each in each crisis."""
    crises = [each for each in map(load, names()) if each.recorded]
    crises.sort(key=lambda each: each.start)
    rows = []
    for market in sorted({name for each in crises for name in each.levels}):
        cells = []
        for each in crises:
            source = next((one for one in each.recorded if market in one.levels), None)
            levels = each.levels.get(market)
            text = "" if levels is None else f"{min(levels) - 100:.1f}"
            cells.append(f"{text} t" if source and source.prices == TRADES else text)
        beside = next(each.beside[0].deleveraged_at for each in crises if each.beside)
        theirs = f"{beside[market] - 100:.1f}" if market in beside else ""
        rows.append(f"| {market} | {' | '.join([*cells, theirs])} |")
    return rows


def test_the_page_tells_the_fall_of_every_recorded_market() -> None:
    lines = PAGE.splitlines()
    first = next(place for place, line in enumerate(lines) if line.startswith("| AAVE |"))
    rows = falls()
    assert lines[first : first + len(rows)] == rows


@pytest.mark.parametrize("name", names())
def test_the_page_tells_each_with_its_figures_and_sources(name: str) -> None:
    scenario = load(name)
    lengths = [shape.waypoints[-1][0] for shape in scenario.market]
    minutes = min([*lengths, *scenario.minutes[-1:]])
    length = f"{minutes / 60:g} h in steps of {scenario.step_seconds:g} s"
    row = f"| `{name}` | {scenario.about} | {moves(scenario)} | {length} |"
    assert row in PAGE.splitlines()
    flowing = " ".join(PAGE.split())
    for line in scenario.source.splitlines():
        kind, text = line.split(": ", 1)
        assert f"*{kind}*: {text}" in flowing


def test_the_page_shows_a_scenario_file_that_is_one() -> None:
    (text,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    scenario = parse_scenario(text, "scenarios.md")
    prices = {name: float(price) for name, price in PRICES.items()}
    path = scenario_path(scenario, list(PRICES), prices, {"BTC": 1, "SOL": -1})
    assert path.depth["BTC"].min() == pytest.approx(0.1)
    assert path.middle["SOL"].max() > path.oracle["SOL"].max()


@pytest.mark.parametrize("name", [name for name in names() if load(name).recorded])
def test_a_median_falls_like_the_middle_of_its_members(name: str) -> None:
    scenario = load(name)
    shape = scenario.shape_of("a market without a record")
    assert shape is not None
    group, members = like("a market without a record", list(scenario.levels))
    falls = [min(scenario.levels[market]) for market in members]
    assert group == "altcoins"
    assert len(falls) >= 3
    lowest = min(level for _, level in shape.waypoints)
    assert lowest == pytest.approx(float(np.median(falls)), abs=3)


@pytest.mark.parametrize("name", ["yfi_2023_11", "jelly_2025_03_26"])
@pytest.mark.parametrize("side", [1, -1])
def test_a_thin_market_lends_its_shape_to_no_other(name: str, side: int) -> None:
    """A squeeze would make any long rich, a collapse any short."""
    scenario = load(name)
    (own,) = scenario.market
    for market in ("PENGU", "SUSHI", "MELANIA"):
        shape = scenario.shape_of(market, side)
        assert shape is not None
        assert shape.waypoints != own.waypoints
        assert shape.origin.kind == "median of its group"
