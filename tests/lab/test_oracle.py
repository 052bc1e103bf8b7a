"""Published prices: the model by hand-made paths, known figures, and the account on both prices."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec import structs

import seawall as sw
from seawall.accounts.account import Account
from seawall.accounts.load import load_account
from seawall.accounts.valuation import valuation_of
from seawall.lab.arrays import Floats, Integers
from seawall.lab.crises.crisis import crisis_of, even_grid
from seawall.lab.oracle.moves import DEEPEST, PRECISION, Prices, compared_moves
from seawall.lab.oracle.preset import (
    DIRECT,
    FIELDS,
    Preset,
    PresetError,
    load_preset,
    loaded,
    preset_names,
)
from seawall.lab.oracle.publish import aggregate, drawn_errors, is_refused, publish
from seawall.lab.oracle.question import oracle
from seawall.lab.oracle.reach import fastest, reach
from seawall.lab.oracle.update import parsed_update

PLAIN = load_preset(DIRECT)
SECOND = 1_000
TIMES = SECOND * np.arange(20, dtype=np.int64)
LONG = b"""
name = "one long"
collateral = 10000
[[position]]
market = "BTC"
side = "long"
notional = 100000
entry = 100000
leverage = 20
"""
HEDGED = b"""
name = "hedged"
collateral = 6000
[[position]]
market = "BTC"
side = "long"
notional = 100000
entry = 100000
leverage = 20
[[position]]
market = "ETH"
side = "short"
notional = 100000
entry = 4000
leverage = 20
"""


def preset(**changes: Any) -> Preset:
    return structs.replace(PLAIN, **changes)


def column(*prices: float) -> Floats:
    """One market, each price for a second."""
    return np.asarray(prices, np.float64)[:, None]


def shown(true: Floats, rules: Preset, times: Integers = TIMES) -> list[float]:
    found: list[float] = publish(times[: len(true)], true, rules, 1).prices[:, 0].tolist()
    return found


# The model


def test_the_direct_preset_publishes_the_true_price_to_the_last_bit() -> None:
    true = np.random.Generator(np.random.Philox(3)).uniform(1, 2, (20, 3)) * 1e5
    made = publish(TIMES, true, PLAIN, 1)
    assert (made.prices == true).all()
    assert (made.taken == true).all()
    assert not made.refused.any()
    assert not made.user_refused.any()
    assert made.confidence.max() == 0


def test_a_threshold_publishes_what_moved_far_enough() -> None:
    true = column(100, 100.4, 100.6, 101.0, 100.2, 99.4)
    assert shown(true, preset(deviation_ppm=5_000)) == [100, 100, 100.6, 100.6, 100.6, 99.4]


def test_a_heartbeat_publishes_what_hardly_moved() -> None:
    true = column(100, 100.1, 100.2, 100.3, 100.4, 100.5, 100.6)
    rules = preset(deviation_ppm=50_000, heartbeat_ms=3 * SECOND)
    assert shown(true, rules) == [100, 100, 100, 100.3, 100.3, 100.3, 100.6]
    assert shown(true, preset(deviation_ppm=50_000)) == [100] * 7


def test_a_price_is_in_force_after_its_delay() -> None:
    true = column(100, 101, 102, 103, 104, 105)
    assert shown(true, preset(delay_ms=2 * SECOND)) == [100, 100, 100, 101, 102, 103]


def test_an_oracle_looks_at_its_interval_and_phase() -> None:
    true = column(100, 101, 102, 103, 104, 105, 106)
    rules = preset(interval_ms=3 * SECOND)
    assert shown(true, rules) == [100, 100, 100, 103, 103, 103, 106]
    late = publish(TIMES[:7], true, rules, 1, phase_ms=SECOND).prices[:, 0].tolist()
    assert late == [100, 101, 101, 101, 104, 104, 104]


def test_an_hourly_price_holds_an_hour_later() -> None:
    """docs: oracle security module: every hop the next price becomes current, and a new next one
    is read."""
    hours = 3_600 * SECOND * np.arange(5, dtype=np.int64)
    rules = preset(interval_ms=3_600 * SECOND, delay_ms=3_600 * SECOND)
    assert shown(column(100, 90, 80, 70, 60), rules, hours) == [100, 100, 90, 80, 70]


def test_late_sources_are_spread_over_the_lag() -> None:
    true = column(*range(100, 120))
    made = shown(true, preset(source_weights=(1, 1, 1), source_lag_ms=4 * SECOND))
    # 0, 2 and 4 seconds late: the middle one.
    assert made[4:] == true[2:-2, 0].tolist()


def test_the_median_counts_weights_and_leaves_out_sources() -> None:
    quotes = np.asarray([[[1.0], [2.0], [9.0]], [[1.0], [2.0], [np.nan]], [[np.nan]] * 3])
    middle, confidence = aggregate(quotes, (1, 1, 1), 0.0)
    assert middle[:2, 0].tolist() == [2.0, 1.5]
    assert np.isnan(middle[2, 0])
    assert confidence.max() == 0
    heavy, _ = aggregate(quotes[:1], (1, 1, 3), 0.0)
    assert heavy[0, 0] == 9.0


def test_three_votes_a_source() -> None:
    """One publisher: its own confidence. Two that disagree: half the votes lie between them."""
    one, width = aggregate(np.asarray([[[100.0]]]), (1,), 0.01)
    assert (one[0, 0], width[0, 0]) == (100.0, 1.0)
    middle, width = aggregate(np.asarray([[[100.0], [110.0]]]), (1, 1), 0.01)
    # Votes 99, 100, 101, 108.9, 110, 111.1: the middle of 101 and 108.9, quartiles 100 and 110.
    assert middle[0, 0] == pytest.approx(104.95)
    assert width[0, 0] == pytest.approx(5.05)


def test_without_quorum_nothing_is_published() -> None:
    rules = preset(
        source_weights=(1, 1), quorum=2, source_failures_a_day=1_000, source_failure_ms=20 * SECOND
    )
    times = SECOND * np.arange(3_600, dtype=np.int64)
    true = np.linspace(100, 200, 3_600)[:, None]
    counts = 2 - drawn_errors(times, 1, rules, 1).is_out.sum(axis=1)
    made = publish(times, true, rules, 1)
    assert 0 < (counts < 2).sum() < 3_600
    moved = np.flatnonzero(np.diff(made.prices[:, 0]) != 0) + 1
    assert moved.tolist() == [row for row in range(1, 3_600) if counts[row] == 2]
    assert (made.prices[moved, 0] == true[moved, 0]).all()


def test_what_is_too_old_is_refused_and_all_prices_stay() -> None:
    """The second market moves on; the account's liquidation waits for both."""
    true = np.stack([np.full(20, 100.0), np.linspace(50, 40, 20)], axis=1)
    rules = preset(deviation_ppm=1_000, liquidation_age_ms=5 * SECOND)
    made = publish(TIMES, true, rules, 1)
    assert np.flatnonzero(made.refused).tolist() == list(range(6, 20))
    assert (made.taken[6:] == made.taken[5]).all()
    assert (made.prices[6:, 1] < made.taken[5, 1]).all()


def test_prices_know_nothing_of_what_comes_after_them() -> None:
    random = np.random.Generator(np.random.Philox(5))
    true = 100 * np.exp(np.cumsum(random.normal(0, 0.01, (20, 2)), axis=0))
    other = true.copy()
    other[12:] *= 2
    for name in preset_names():
        rules = load_preset(name)
        one, two = (publish(TIMES, each, rules, 9) for each in (true, other))
        assert (one.prices[:12] == two.prices[:12]).all(), name


def test_a_seed_draws_the_errors() -> None:
    true = np.full((20, 1), 100.0)
    rules = load_preset("pyth_like")
    first, again, other = (publish(TIMES, true, rules, each).prices for each in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()
    assert np.abs(first / 100 - 1).max() <= rules.source_error_ppm / 1e6


# Known figures


def test_a_published_price_with_its_exponent() -> None:
    """Exponent -5, confidence 1500, price 12276250: 122.7625 +- 0.015."""
    update = parsed_update("BTC=12276250,1500,-5,12", ["BTC"])
    assert (update.price, update.confidence) == (Decimal("122.7625"), Decimal("0.015"))
    assert (update.low, update.high) == (Decimal("122.7475"), Decimal("122.7775"))
    assert update.age_ms == 12_000


@pytest.mark.parametrize(
    ("name", "use", "age_seconds", "percent"),
    [
        ("pyth_like", "user", 60, 0),
        ("pyth_like", "liquidation", 60, 0),
        ("jupiter_like", "user", 60, 2),
        ("jupiter_like", "liquidation", 1_800, 4),
        ("drift_like", "user", 10 * 0.4, 2),
        ("drift_like", "liquidation", 120 * 0.4, 2),
    ],
)
def test_limits_of_age_and_confidence(
    name: str, use: str, age_seconds: float, percent: float
) -> None:
    rules = load_preset(name)
    limits = getattr(rules, f"{use}_age_ms"), getattr(rules, f"{use}_confidence_ppm")
    age = np.asarray([round(1000 * age_seconds), round(1000 * age_seconds) + 1])
    assert is_refused(age, np.zeros(2), *limits).tolist() == [False, True]
    if percent:
        share = np.asarray([percent / 100, percent / 100 + 1e-6])
        assert is_refused(np.zeros(2, np.int64), share, *limits).tolist() == [False, True]


def test_presets_state_source_and_mark_of_every_number() -> None:
    assert preset_names()[0] == DIRECT
    for name in preset_names():
        sources = load_preset(name).sources
        assert set(sources) == set(FIELDS)


# The account


def account(text: bytes = LONG) -> Account:
    return load_account(text)


def test_the_smallest_true_move_is_the_liquidation_price() -> None:
    held = account()
    price = held.liquidation_price("BTC")
    assert price is not None
    found = compared_moves(valuation_of(held), [PLAIN], {"BTC": 1.0}, 1)
    (true,) = {each.true for each in found}
    assert {each.published for each in found} == {each.surely for each in found} == {true}
    assert {each.verdict for each in found} == {"the same"}
    grain = PRECISION * DEEPEST[-1]
    assert true == pytest.approx(float(price) / 100_000 - 1.0, abs=grain)


def test_a_short_move_shows_under_a_slow_oracle_only_at_its_look() -> None:
    rules = preset(name="slow", interval_ms=600 * SECOND)
    found = compared_moves(valuation_of(account()), [PLAIN, rules], {"BTC": 1.0}, 1)
    slow = {each.duration_ms: each for each in found if each.preset == "slow"}
    assert slow[10_000].surely is None
    assert slow[10_000].verdict == "published if looked at in time"
    # Five minutes from the deepest point, after an hour's way, a twelfth of it is left out.
    least = slow[7_200_000].true / (1 - 1 / 12)
    assert slow[7_200_000].surely == pytest.approx(least, abs=PRECISION)


def test_sources_that_err_liquidate_on_the_published_price_first() -> None:
    rules = preset(name="rough", source_error_ppm=30_000)
    found = compared_moves(valuation_of(account()), [rules], {"BTC": 1.0}, 1)
    assert {each.verdict for each in found} == {"published price first"}


def test_a_hedge_whose_price_is_not_published_does_not_count() -> None:
    """Both markets fall together, and only one of them by the oracle's threshold."""
    held = account(HEDGED)
    prices = Prices(valuation_of(held))
    shares = np.concatenate([np.linspace(0, 0.055, 30), np.linspace(0.055, 0, 30)])
    true = np.stack([100_000 * (1 - shares), 4_000 * (1 - 0.85 * shares)], axis=1)
    times = SECOND * np.arange(60, dtype=np.int64)
    made = publish(times, true, preset(deviation_ppm=50_000), 1)
    assert prices.first(true) == {}
    assert prices.first(made.taken) != {}


@pytest.mark.parametrize("name", preset_names())
def test_the_true_price_at_a_liquidation_lies_in_the_stated_range(name: str) -> None:
    """Whatever the seed, while no source fails and no price is refused."""
    held = account()
    rules = structs.replace(
        load_preset(name),
        source_failures_a_day=0, liquidation_age_ms=0, liquidation_confidence_ppm=0,
    )  # fmt: skip
    grid = even_grid(crisis_of("crash_2025_10_10", held).path, held.instruments)
    price = held.liquidation_price("BTC")
    assert price is not None
    # The grid shows a look and a price in force one step late at most.
    lag = rules.longest_lag_ms + (2 * grid.step_ms if rules.longest_lag_ms else 0)
    moves = fastest(grid.times_ms, grid.oracle[:, 0], lag)
    stated = reach("BTC", 1, 1e5, float(price), rules, moves)
    assert stated.last <= stated.liquidation_price <= stated.first
    step = fastest(grid.times_ms, grid.oracle[:, 0], grid.step_ms).fall
    seen = []
    for seed in range(20):
        # A level that the crash passes at another moment for each seed.
        level = float(price) * (1 + 0.004 * seed)
        made = publish(grid.times_ms, grid.oracle, rules, seed)
        rows = np.flatnonzero(made.taken[:, 0] <= level)
        if len(rows):
            true = float(grid.oracle[rows[0], 0]) * float(price) / level
            assert stated.last * (1 - step) <= true <= stated.first, seed
            seen.append(true)
    assert seen or name == "maker_like"


def test_a_fall_within_a_lag_is_the_largest_on_straight_lines() -> None:
    random = np.random.Generator(np.random.Philox(11))
    prices = 100 * np.exp(np.cumsum(random.normal(0, 0.01, 20)))
    fine = np.arange(0, 19 * SECOND + 1, 100)
    line = np.interp(fine, TIMES, prices)
    for lag in (300, 1_000, 2_500, 19_000, 90_000):
        window = lag // 100
        falls = [1 - line[at : at + window + 1].min() / line[at] for at in range(len(line))]
        rises = [line[at : at + window + 1].max() / line[at] - 1 for at in range(len(line))]
        found = fastest(TIMES, prices, lag)
        assert found.fall == pytest.approx(max(falls), rel=1e-9)
        assert found.rise == pytest.approx(max(rises), rel=1e-9)


# The command


def test_published_prices_are_judged(tmp_path: Path) -> None:
    held = account()
    price = held.liquidation_price("BTC")
    assert price is not None
    level = round(price)
    near, past = f"BTC={level + 50}", f"BTC={level - 50}"
    answer = oracle(
        held, oracles="jupiter_like", crisis="flash_crash", population=0, workers=1,
        published=[f"{near},20,0,61", f"{near},100,0", f"{past},20,0"],
    )  # fmt: skip
    rows = answer.sheet("published_prices").plain()
    assert [each["liquidates"] for each in rows] == ["no", "yes, within its confidence", "yes"]
    taken = [
        (each["users"], each["liquidations"])
        for each in answer.sheet("acceptance").plain()
        if each["oracle"] == "jupiter_like"
    ]
    assert taken == [(False, True), (True, True), (True, True)]


def test_sentences_of_other_accounts() -> None:
    """Of one that is liquidatable now, and one that no price of the crisis liquidates."""

    def said(text: bytes) -> str:
        answer = oracle(account(text), oracles="dydx", population=0, workers=1)
        return " ".join(each.text for each in answer.findings().words)

    under = said(LONG.replace(b"10000\n", b"1000\n", 1))
    assert "Below maintenance margin at the prices now: cross pool." in under
    safe = said(LONG.replace(b"10000\n", b"900000\n", 1))
    assert "neither the true nor any published price liquidates the account" in safe
    assert "Below maintenance margin" not in safe


def test_a_file_is_a_preset(tmp_path: Path) -> None:
    lines = [
        f'{field} = {{ value = {[1] if field == "source_weights" else 0}, source = "mine", '
        'mark = "assumed" }'
        for field in FIELDS
    ]
    head = ['title = "mine"', 'as_of = "2026-12-01"']
    path = tmp_path / "mine.toml"
    path.write_text("\n".join([*head, *lines]))
    made = load_preset(path)
    assert structs.replace(made, name=DIRECT, title=PLAIN.title, sources=PLAIN.sources) == PLAIN
    assert [each.name for each in loaded(["dydx", path, path])] == [DIRECT, "dydx", "mine"]
    (tmp_path / "dydx.toml").write_text(path.read_text())
    with pytest.raises(sw.SeawallError, match="oracle: 'dydx' should be the name of one file"):
        loaded(["dydx", tmp_path / "dydx.toml"])
    for wrong, message in (
        ("delay_ms = 5", "delay_ms: 5: write { value, source, as_of, mark }"),
        ("", "delay_ms: is missing"),
        (
            'delay_ms = { value = -1, source = "x", mark = "assumed" }',
            "delay_ms: -1 should be a whole number from 0 to",
        ),
        (
            'delay_ms = { value = [1], source = "x", mark = "assumed" }',
            "delay_ms: Expected `int`, got `array`",
        ),
        (
            'delay_ms = { value = 1, source = "x", mark = "known" }',
            "delay_ms.mark: 'known': one of",
        ),
        ('delay_ms = { value = 1, source = "", mark = "assumed" }', "delay_ms.source: '': say"),
        ("late = 1", "late: 1: write { value, source, as_of, mark }"),
        (
            'late = { value = 1, source = "x", mark = "assumed" }',
            "field: 'late' should be one of source_weights",
        ),
    ):
        text = [wrong if each.startswith("delay_ms") else each for each in [*head, *lines]]
        path.write_text("\n".join(text))
        with pytest.raises(PresetError) as caught:
            load_preset(path)
        assert message in str(caught.value)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"oracles": "none"}, "oracle: 'none' should be a .toml file or one of chainlink_like"),
        ({"oracles": "none.toml"}, "oracle: none.toml: No such file"),
        ({"crisis": "tulips"}, "crises: tulips: is no .toml file and no scenario"),
        ({"crisis": "all"}, "crisis: 'all' should be one crisis"),
        ({"published": "BTC=1,2"}, "published: 'BTC=1,2' should be MARKET=PRICE"),
        ({"published": "DOGE=1,0,0"}, "should be of one of the markets: BTC"),
        ({"published": "BTC=5,9,0"}, "should be a price above 0, a confidence below it"),
        ({"published": "BTC=100000,9,0,1e400"}, "an age of 0 to 315,360,000 s"),
        ({"published": "BTC=100000,9,0,nan"}, "should be MARKET=PRICE"),
        ({"population": -1}, "population: -1 should be 0 to"),
        ({"betas": "ETH=99"}, "betas: '99' should be a number"),
    ],
)
def test_bad_input_is_named(given: dict[str, Any], message: str) -> None:
    with pytest.raises(sw.SeawallError) as caught:
        oracle(account(), workers=1, **given)
    assert message in str(caught.value)
