"""Prices: synthetic paths repeat, recorded ones are followed, and control bends them as it says."""

import math
from pathlib import Path

import pytest

from seawall.lab.market.recorded_feed import recorded_feed
from seawall.sandbox.feeds import ManualSource, RecordedPath, RecordedSource, SyntheticSource
from seawall.sandbox.markets import (
    MarketChoiceError,
    OpenMarket,
    choose_markets,
    price_units,
    to_tick,
)
from seawall.sandbox.world import LONGEST_LAG_MS, OracleMode, Shock, World
from seawall.venues.registry import DEFAULT_VENUE, VENUES

START = 1_800_000_000_000
HOUR = 3_600_000


def markets(*wishes: str) -> tuple[OpenMarket, ...]:
    venue = VENUES[DEFAULT_VENUE]
    shipped = {instrument.name: instrument for instrument in venue.built_in_markets()}
    return choose_markets(wishes, shipped, venue.builder_market)


def test_the_venues_own_markets_come_first() -> None:
    """They are margin group 0; builders' lists follow in the order of their first market."""
    found = markets("xyz:GOLD=3000", "ETH", "abc:X=5", "BTC=60000", "xyz:S=40")
    assert [market.name for market in found] == ["ETH", "BTC", "xyz:GOLD", "abc:X", "xyz:S"]
    assert [market.row for market in found] == [0, 1, 2, 3, 4]
    assert [market.instrument.group for market in found] == ["", "", "xyz", "abc", "xyz"]
    assert found[2].to_usd(found[2].start_price) == 3000


def test_a_synthetic_path_does_not_depend_on_how_often_one_asks() -> None:
    often = SyntheticSource(markets(), 7)
    seldom = SyntheticSource(markets(), 7)
    seldom.prices(START)
    for now in range(START, START + 600_001, 500):
        often.prices(now)
    assert list(often.prices(START + 600_000)) == list(seldom.prices(START + 600_000))
    other = SyntheticSource(markets(), 8)
    other.prices(START)
    assert list(other.prices(START + 600_000)) != list(often.prices(START + 600_000))


@pytest.mark.parametrize("name", ["ETH.csv", "ETHUSDT_1h.csv"])
def test_a_file_of_candles_is_about_the_market_that_its_name_begins_with(
    name: str, tmp_path: Path
) -> None:
    file = tmp_path / name
    file.write_text(
        "date,open,high,low,close\n2025-10-10T00:00:00Z,4000,4000,4000,4000\n"
        "2025-10-10T00:01:00Z,4000,4100,4000,4100\n"
    )
    assert list(recorded_feed(file).prices) == ["ETH"]


def test_a_synthetic_path_moves_as_much_as_its_profile_and_with_the_first_market() -> None:
    source = SyntheticSource(markets("BTC", "ETH"), 3)
    before = source.prices(START)
    moves = []
    for step in range(1, 4001):
        now = source.prices(START + step * 60_000)
        moves.append([math.log(a / b) for a, b in zip(now, before, strict=True)])
        before = now
    calm = [pair for pair in moves if all(abs(move) < 0.005 for move in pair)]
    deviation = [math.sqrt(sum(move[row] ** 2 for move in calm) / len(calm)) for row in (0, 1)]
    expected = [m.profile.yearly_volatility / math.sqrt(365 * 1440) for m in markets("BTC", "ETH")]
    assert deviation == pytest.approx(expected, rel=0.1)
    together = sum(a * b for a, b in calm) / len(calm) / deviation[0] / deviation[1]
    assert together == pytest.approx(0.75, abs=0.05)
    assert len(moves) - len(calm) > 5, "no jumps in 66 hours"


def test_a_recorded_path_is_followed_and_held_at_its_end() -> None:
    path = RecordedPath("crash.csv", [0, 1000, 3000], {"BTC": [100.0, 110.0, 90.0]})
    source = RecordedSource(path, markets("BTC=100"))
    seen = [source.prices(START + ms)[0] for ms in (0, 500, 1000, 2000, 3000, 9000)]
    assert seen == pytest.approx([100, 105, 110, 100, 90, 90])
    source.move(0, 0.5)
    assert source.prices(START + 9500)[0] == pytest.approx(45)
    # After a restart the prices go on from where the venue was.
    again = RecordedSource(path, markets("BTC=100"), began_ms=START)
    again.begin(START + 1000, [55.0])
    assert again.prices(START + 3000)[0] == pytest.approx(45)


def test_a_shock_ramps_holds_and_comes_back_by_its_share() -> None:
    shock = Shock(0, START, 0.8, ramp_ms=1000, hold_ms=2000, rebound=0.75, rebound_ms=4000)
    assert shock.factor_at(START) == 1.0
    assert shock.factor_at(START - 1) == Shock(0, START, 0.8).factor_at(START - 1) == 1.0
    assert shock.factor_at(START + 500) == pytest.approx(math.sqrt(0.8))
    assert shock.factor_at(START + 2500) == pytest.approx(0.8)
    assert shock.factor_at(START + 5000) == pytest.approx(0.875)
    assert shock.factor_at(shock.end_ms) == pytest.approx(0.95)
    world = World(markets("BTC=100"), ManualSource([100.0]))
    world.look(START)
    world.add_shock(shock)
    world.look(START + 3000)
    assert world.spot_usd(0) == pytest.approx(80)
    world.look(START + HOUR)
    assert (world.spot_usd(0), len(world.shocks)) == (pytest.approx(95), 0)


def test_an_instant_shock_and_a_set_price_last() -> None:
    world = World(markets("BTC=100", "ETH=10"), ManualSource([100.0, 10.0]))
    world.look(START)
    world.add_shock(Shock(0, START, 0.9))
    assert world.spot_usd(0) == pytest.approx(90)
    world.set_price(1, 12.5)
    world.look(START + 1000)
    assert [world.spot_usd(row) for row in (0, 1)] == pytest.approx([90, 12.5])
    world.add_shock(Shock(1, START + 1000, 2.0, ramp_ms=HOUR))
    world.look(START + HOUR // 2)
    world.set_price(1, 5.0)
    world.look(START + 2 * HOUR)
    assert world.spot_usd(1) == pytest.approx(5.0)


def test_an_oracle_freezes_lags_falls_silent_and_resumes() -> None:
    world = World(markets("BTC=100"), ManualSource([100.0]))

    def oracle() -> int | None:
        report = world.report(0)
        return None if report is None else report.oracle_price // 10

    for second in range(5):
        world.look(START + second * 1000)
        world.set_price(0, 100.0 + second)
    assert oracle() == 104
    world.set_oracle(0, OracleMode.LATE, 2000)
    assert oracle() == 102
    world.set_oracle(0, OracleMode.FROZEN)
    world.set_price(0, 200.0)
    report = world.report(0)
    assert report is not None
    assert (report.oracle_price, report.outside_price // 10) == (1020, 200)
    world.set_oracle(0, OracleMode.SILENT)
    assert oracle() is None
    world.set_oracle(0, OracleMode.LIVE)
    assert oracle() == 200


def test_a_late_oracle_reports_the_price_of_an_hour_ago() -> None:
    """However often the market looked in between, which is four times a second in real time."""
    world = World(markets("BTC=100"), ManualSource([100.0]))
    world.look(START)
    world.look(START + 1000)
    world.set_price(0, 90.0)
    world.set_oracle(0, OracleMode.LATE, LONGEST_LAG_MS)
    for now in range(START + 1250, START + LONGEST_LAG_MS + 1000, 250):
        world.look(now)
    report = world.report(0)
    assert report is not None
    assert report.oracle_price == 1000
    world.look(START + LONGEST_LAG_MS + 1000)
    report = world.report(0)
    assert report is not None
    assert report.oracle_price == 900


def test_a_price_that_is_set_far_away_stays() -> None:
    source = SyntheticSource(markets("BTC", "ETH"), 3)
    world = World(markets("BTC", "ETH"), source, swing=0.0)
    world.look(START)
    far = world.spot_usd(0) / 1000
    world.set_price(0, far)
    world.look(START + 10_000)
    assert world.spot_usd(0) == pytest.approx(far, rel=0.05)
    again = SyntheticSource(markets("BTC", "ETH"), 3)
    again.begin(START, [far, 2000.0])
    assert again.prices(START + 10_000)[0] == pytest.approx(far, rel=0.05)


def test_a_premium_moves_perpetuals_elsewhere_and_ends() -> None:
    world = World(markets("BTC=100"), ManualSource([100.0]))
    world.look(START)
    world.set_premium(0, 0.02, START + 1000)
    assert world.outlook(0).fair == pytest.approx(1020, rel=1e-4)
    world.look(START + 1000)
    assert world.outlook(0).fair == pytest.approx(1000, rel=1e-4)


def test_makers_show_less_when_prices_move_and_more_when_they_stand() -> None:
    world = World(markets("BTC=100"), ManualSource([100.0]))
    world.look(START)
    assert world.outlook(0)[1:] == (1.0, 1.0)
    world.look(START + 1000)
    world.set_price(0, 99.5)
    assert world.outlook(0).depth_left == pytest.approx(0.5, rel=0.01)
    world.set_price(0, 80.0)
    assert world.outlook(0)[1:] == (0.02, 20.0)
    world.look(START + 70_000)
    assert world.outlook(0).depth_left == pytest.approx(1.0)
    world.withdraw(0, 0.9)
    assert world.outlook(0).depth_left == pytest.approx(0.1)


def test_markets_are_chosen_by_name_and_price() -> None:
    chosen = markets("ETH=1234.5", "BTC")
    assert [(market.row, market.name) for market in chosen] == [(0, "ETH"), (1, "BTC")]
    assert chosen[0].to_usd(chosen[0].start_price) == 1234.5
    assert len(markets()) >= 6
    for wrong, about in (
        ("NOPE", "unknown market"),
        ("BTC=x", "a price is a number"),
        ("BTC=0", "not above 0"),
    ):
        with pytest.raises(MarketChoiceError, match=about):
            markets(wrong)
    with pytest.raises(MarketChoiceError, match="twice"):
        markets("BTC", "BTC=5")


@pytest.mark.parametrize(
    ("units", "up", "found"),
    [
        (774961.9, False, 774960),
        (774961.9, True, 774970),
        (1234567.0, False, 1234560),
        (999.5, True, 1000),
        (0.2, False, 1),
    ],
)
def test_prices_are_rounded_to_valid_ones(units: float, up: bool, found: int) -> None:
    assert to_tick(units, 5, 1, up=up) == found


def test_prices_are_read_exactly() -> None:
    assert price_units("price", "77500.5", markets("BTC")[0].instrument) == 775005
