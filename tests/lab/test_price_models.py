"""The price model: fitted to candles whose truth is known, shipped, and as given by options."""

import csv
import math
import tomllib
from pathlib import Path

import numpy as np
import pytest

from seawall.lab.market.assumptions import assumptions_of
from seawall.lab.market.candle_file import PathError
from seawall.lab.market.price_candles import close_returns, read_joint, recorded_steps
from seawall.lab.market.price_fit import (
    Returns,
    fit,
    fit_funding,
    jump_steps,
    positive_definite,
    volatility_changes,
)
from seawall.lab.market.price_models import ModelOptions, price_model
from tests.lab import price_data
from tests.shared_files import ROOT

HOURS_A_YEAR = 8760.0


def returns(*columns: np.ndarray, markets: tuple[str, ...] = ("BTC", "ETH")) -> Returns:
    return Returns(markets=markets, step_seconds=3600.0, values=np.stack(columns, axis=1))


def correlated(count: int, rho: float, seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Normals of which the second has this correlation with the first."""
    draw = np.random.default_rng(seed)
    first, second = draw.standard_normal((2, count))
    return first, rho * first + math.sqrt(1 - rho**2) * second


def test_a_fit_finds_what_the_returns_were_made_of() -> None:
    count, rho = 60_000, 0.7
    first, second = correlated(count, rho)
    hourly = np.array([0.5, 0.9]) / math.sqrt(HOURS_A_YEAR)
    draw = np.random.default_rng(5)
    jumps = np.zeros(count)
    places = draw.choice(np.arange(500, count), 300, replace=False)
    jumps[places] = draw.choice([-1.0, 1.0], 300) * draw.uniform(0.04, 0.08, 300)
    made = fit(returns(hourly[0] * first + jumps, hourly[1] * second + 1.5 * jumps))
    assert made.volatility == pytest.approx([0.5, 0.9], rel=0.02)
    assert made.correlation[0, 1] == pytest.approx(rho, abs=0.02)
    assert made.jump_rate == pytest.approx(300 / (count / HOURS_A_YEAR), rel=0.03)
    assert made.jump_beta == pytest.approx([1.0, 1.5], abs=0.05)
    assert made.jump_std == pytest.approx(float(np.abs(jumps[places]).mean()), rel=0.1)
    assert made.jump_mean == pytest.approx(0.0, abs=0.01)


def test_jumps_do_not_hide_in_their_own_volatility() -> None:
    values = np.full(400, 0.001) * np.tile([1, -1], 200)
    values[300] = 0.02
    found = jump_steps(values, 168)
    assert np.flatnonzero(found).tolist() == [300]
    values[300] = 0.004
    assert not jump_steps(values, 168).any()


def test_changing_volatility_is_told_from_noise() -> None:
    draw = np.random.default_rng(8)
    days, std, half_life = 3_000, 0.4, 15.0
    decay = 0.5 ** (1 / half_life)
    state = np.zeros(days)
    for day in range(1, days):
        shock = std * math.sqrt(1 - decay**2) * draw.standard_normal()
        state[day] = decay * state[day - 1] + shock
    values = 0.005 * np.repeat(np.exp(state), 24) * draw.standard_normal(24 * days)
    found = volatility_changes(values, 3600.0)
    assert found is not None
    assert found[0] == pytest.approx(std, rel=0.15)
    assert found[1] == pytest.approx(half_life, rel=0.35)
    steady = volatility_changes(0.005 * draw.standard_normal(24 * days), 3600.0)
    assert steady is not None
    assert steady[0] < 0.06
    assert volatility_changes(values[:240], 3600.0) is None


def test_contradicting_correlations_become_possible_ones() -> None:
    wrong = np.array([[1.0, 0.9, -0.9], [0.9, 1.0, 0.9], [-0.9, 0.9, 1.0]])
    right, notes = positive_definite(wrong)
    assert np.linalg.eigvalsh(right)[0] > 0
    assert np.diag(right) == pytest.approx([1.0, 1.0, 1.0])
    assert "contradicted" in notes[0]
    fine = np.array([[1.0, 0.3], [0.3, 1.0]])
    kept, none = positive_definite(fine)
    assert kept is fine
    assert none == []


def test_funding_of_any_interval_is_hourly() -> None:
    draw = np.random.default_rng(2)
    decay = 0.5 ** (8 / 30)
    rates = np.zeros(6_000)
    for each in range(1, len(rates)):
        rates[each] = decay * rates[each - 1] + draw.standard_normal() * 1e-4
    made = fit_funding({"BTC": (rates + 8e-5, 8.0)})
    assert made.mean["BTC"] == pytest.approx(1e-5, rel=0.2)
    assert made.std["BTC"] == pytest.approx(float(rates.std()) / 8, rel=1e-6)
    assert made.half_life_hours == pytest.approx(30, rel=0.15)


def test_the_shipped_figures_are_plausible_and_consistent() -> None:
    shipped = assumptions_of()
    names = [name for name in shipped.markets if shipped.is_listed(name)]
    assert len(names) >= 16
    for place, name in enumerate(names):
        assert all(frozenset((name, other)) in shipped.correlations for other in names[:place])
        assert 0.2 < shipped.value("volatility", name, 10) < 4
        deviation = shipped.value("funding_deviation", name, 10)
        assert abs(shipped.value("funding", name, 10)) < deviation * 3
    steps = [each.least_leverage for each in shipped.groups]
    assert steps == sorted(steps, reverse=True)
    assert steps[-1] == 1
    model = price_model(dict.fromkeys(names, 10))
    assert np.linalg.eigvalsh(model.diffusion.correlation)[0] > 0
    assert set(model.origin) == {"shipped"}


@pytest.mark.shared
def test_the_shipped_figures_come_from_the_recorded_candles() -> None:
    text = (ROOT / "src/seawall/lab/market/assumptions.toml").read_text(encoding="utf-8")
    shipped, again = tomllib.loads(text), price_data.shipped_again()
    assert shipped["common"].items() >= again["common"].items()
    listed = [name for name, each in shipped["market"].items() if "volatility" in each]
    assert listed == list(again["market"])
    for name, figures in again["market"].items():
        assert shipped["market"][name].items() >= figures.items()


def test_options_override_the_shipped_figures() -> None:
    leverages = {"BTC": 40, "ETH": 25, "NEW": 5}
    usual = price_model(leverages)
    given = price_model(
        leverages,
        ModelOptions(volatility={"ETH": 0.3}, correlation=0.9, jumps=False, drift={"BTC": 0.1},
               funding={"BTC": 0.0}, volatility_moves=False),
    )  # fmt: skip
    assert given.diffusion.volatility[1] == 0.3
    assert given.diffusion.volatility[0] == usual.diffusion.volatility[0]
    assert given.origin[1] == "as given"
    assert usual.origin[2] == "assumed: markets of 1x and more"
    assert given.diffusion.correlation[0, 2] == pytest.approx(0.9)
    assert given.diffusion.jump_rate == 0
    assert given.diffusion.volatility_of_volatility == 0
    assert given.diffusion.drift == pytest.approx([0.1, 0.0, 0.0])
    assert (given.funding.rate[0], given.funding.std[0]) == (0.0, 0.0)
    impossible = price_model(leverages, ModelOptions(correlation=-0.9))
    assert "contradicted" in impossible.notes[0]


def test_jumps_bring_no_trend() -> None:
    moves = price_model({"BTC": 40, "SOL": 20}).diffusion
    assert moves.jump_beta is not None
    jump = np.exp(moves.jump_beta * moves.jump_mean + (moves.jump_beta * moves.jump_std) ** 2 / 2)
    assert moves.drift + moves.jump_rate * (jump - 1) == pytest.approx([0.0, 0.0], abs=1e-12)


def test_rates_of_now_are_where_funding_starts() -> None:
    model = price_model({"BTC": 40}, rates_now={"BTC": 0.0005})
    assert model.funding.rate[0] == 0.0005
    assert model.funding.mean[0] < 0.0001


def write(path: Path, rows: list[list[object]], header: str = "date,open,high,low,close") -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header.split(","), *rows])
    return path


def candles(path: Path, closes: np.ndarray, first_hour: int = 0) -> Path:
    """Hourly candles that open at the close before, reach 1 % up and 2 % down."""
    rows: list[list[object]] = []
    opens = np.concatenate([[100.0], closes[:-1]])
    for hour, (opened, closed) in enumerate(zip(opens, closes, strict=True)):
        top, bottom = 1.01 * max(opened, closed), 0.98 * min(opened, closed)
        time = 1_700_000_000 - 1_700_000_000 % 3600 + 3600 * (hour + first_hour)
        rows.append([time, opened, top, bottom, closed])
    return write(path, rows)


def test_blocks_pass_through_all_four_prices_of_a_candle(tmp_path: Path) -> None:
    closes = 100 * np.exp(np.cumsum(0.01 * np.random.default_rng(1).standard_normal(300)))
    btc = candles(tmp_path / "BTC.csv", closes)
    eth = candles(tmp_path / "ETH.csv", closes**0.5 * 10, first_hour=2)
    joint = read_joint([btc, eth], ["BTC", "ETH"])
    recorded = recorded_steps(joint, ["ETH", "BTC"])
    # Two hours have no ETH, and the first one that has both has no candle before it.
    assert recorded.returns.shape == (4 * 297, 2)
    assert recorded.step_seconds == 900.0
    assert recorded.funding is None
    btc_steps = recorded.returns[:, 1].reshape(-1, 4)
    assert btc_steps.sum(axis=1) == pytest.approx(np.diff(np.log(closes))[2:299], abs=1e-9)
    assert np.abs(btc_steps).max(axis=1).min() > 0.009
    # The first extreme after the open is the high of a falling candle, the low of a rising one.
    fell = np.diff(np.log(closes))[2:299] < 0
    assert ((btc_steps[:, 1] > 0) == fell).all()
    with pytest.raises(PathError, match="no candles of SOL"):
        recorded_steps(joint, ["BTC", "SOL"])


def test_recorded_funding_falls_on_its_candle(tmp_path: Path) -> None:
    path = candles(tmp_path / "BTC.csv", np.full(300, 100.0))
    start = 1_700_000_000 - 1_700_000_000 % 3600
    paid = [[start + 8 * 3600 * n, 0.0001 * n] for n in range(1, 30)]
    rates = write(tmp_path / "BTC_funding.csv", paid, "date,funding_rate")
    joint = read_joint([path, rates], ["BTC"])
    funding = recorded_steps(joint, ["BTC"]).funding
    assert funding is not None
    # The first candle has no candle before it and is left out.
    assert np.flatnonzero(funding[:, 0])[:2].tolist() == [4 * 7, 4 * 15]
    assert funding.sum() == pytest.approx(sum(rate for _, rate in paid))
    assert fit_funding(joint.rates).mean["BTC"] == pytest.approx(0.0001 * 15 / 8)


def test_candles_that_say_nothing_are_refused(tmp_path: Path) -> None:
    few = candles(tmp_path / "BTC.csv", np.linspace(100, 110, 50))
    with pytest.raises(PathError, match=r"BTC: 49 candles in a row; .* at least 200"):
        fit(close_returns(read_joint([few], ["BTC"])))
    with pytest.raises(PathError, match="at least 200"):
        recorded_steps(read_joint([few], ["BTC"]), ["BTC"])
    still = candles(tmp_path / "ETH.csv", np.full(400, 100.0))
    with pytest.raises(PathError, match="ETH: its price never moves"):
        fit(close_returns(read_joint([still], ["ETH"])))
    with pytest.raises(PathError, match="no candles of SOL, ETH; found BTC"):
        read_joint([few], ["SOL", "ETH"])
    slow = write(tmp_path / "SOL.csv", [[1_700_000_000 + 86_400 * n, 1, 1, 1, 1] for n in range(9)])
    with pytest.raises(PathError, match="candles of different lengths"):
        read_joint([few, slow], ["BTC", "SOL"])
