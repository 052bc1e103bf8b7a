"""An account of perpetuals and options: surfaces, legs, moves, liquidation, hedges, time."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from seawall.accounts.account import Account
from seawall.accounts.load import load_account
from seawall.domain.errors import InputError
from seawall.lab.options import OptionsResult, options
from seawall.lab.options.analysis import deleveraged, hedges, moments, over_time, pooling
from seawall.lab.options.black76 import price
from seawall.lab.options.held import held_of, moved, surface_of
from seawall.lab.options.pool import Rule, boundaries
from seawall.lab.options.portfolio import Collateral, Future, Options, Portfolio
from seawall.lab.options.preset import RatioPreset, load_preset
from seawall.lab.options.ratio import RatioRule, coin_value
from seawall.lab.options.surface import SurfaceError, read_surface
from seawall.lab.size.margin import margin_rule
from seawall.lab.stress import stress
from seawall.venues.rulebook_file import load_rulebook
from tests.lab.test_portfolio_margin import SCENARIOS, scenarios
from tests.shared_files import ROOT, shared_file

FILE = ROOT / "examples" / "account_short_call.toml"
DAY_MS = 86_400_000
START_MS = 1_760_126_400_000
"""2025-10-10T20:00Z, the time of the example."""

QUOTES = """time,market,strike,expiry,volatility,forward,index
2025-10-10T20:00:00Z,BTC,90000,2025-11-09T20:00:00Z,0.70,101000,100000
2025-10-10T20:00:00Z,BTC,110000,2025-11-09T20:00:00Z,0.60,101000,100000
2025-10-10T20:00:00Z,BTC,110000,2025-11-09T20:00:00Z,0.62,101000,100000
2025-10-10T20:00:00Z,BTC,110000,2026-01-08T20:00:00Z,0.50,103000,100000
2025-10-10T20:00:00Z,BTC,90000,2026-01-08T20:00:00Z,,103000,100000
2025-10-10T12:00:00Z,BTC,110000,2025-11-09T20:00:00Z,0.90,101000,100000
"""


def rule(name: str, funding: float = 0.0) -> Rule:
    return Rule(preset=scenarios(name), funding={"BTC": funding})


def account(**lines: str) -> Account:
    """The example, its option with other lines."""
    top, option = FILE.read_text().split("[[option]]")
    found = dict(line.split(" = ", 1) for line in option.strip().splitlines()) | lines
    text = "\n".join(f"{name} = {value}" for name, value in found.items() if value)
    return load_account(f"{top}[[option]]\n{text}".encode())


def books(perpetual: float, *rows: tuple[bool, float, float]) -> dict[str, Portfolio]:
    """BTC at 100,000: (is_call, strike, size), 30 days, 60 %."""
    made = [(is_call, strike, 30 / 365, 0.6, 100_000.0, size) for is_call, strike, size in rows]
    futures = (Future(size=perpetual, price=100_000.0),) if perpetual else ()
    return {"BTC": Portfolio(spot=100_000.0, options=Options.of(made), futures=futures)}


@pytest.fixture(scope="module")
def result() -> OptionsResult:
    return options(load_account(FILE))


# The account


def test_premiums_and_profits_are_in_the_equity() -> None:
    held = held_of(account(entry="5000"), None, START_MS)
    worth = float(price(True, 100_000.0, 110_000.0, 0.6, 30 / 365))
    assert held.cash == pytest.approx(25_000 + 5_000)
    assert held.equity == pytest.approx(25_000 + 5_000 - worth)
    moved_on = held_of(account(entry="5000").with_prices({"BTC": 104_000}), None, START_MS)
    assert moved_on.cash == pytest.approx(25_000 + 5_000 + 4_000)
    at_mark = held_of(account(), None, START_MS)
    assert at_mark.equity == pytest.approx(25_000)


def test_an_option_needs_a_volatility_and_time() -> None:
    with pytest.raises(InputError, match=r'option 1 \(BTC\): volatility: is missing; .* "55%"'):
        options(account(volatility=""))
    with pytest.raises(
        InputError, match=r"option 1 \(BTC\): expiry: 2025-11-09 .* after the time now, 2026"
    ):
        options(account(), time="2026-01-01")
    text = FILE.read_text().replace("time = 2025-10-10T20:00:00Z", "")
    with pytest.raises(InputError, match="time: is missing; write the time of its prices"):
        options(load_account(text.encode()))


# Surfaces


@pytest.fixture
def quotes(tmp_path: Path) -> Path:
    path = tmp_path / "quotes.csv"
    path.write_text(QUOTES)
    return path


def test_a_surface_gives_its_quotes_and_what_lies_between(quotes: Path) -> None:
    found = read_surface(quotes, START_MS)
    month, quarter = 30 / 365, 90 / 365
    at = found.at("BTC", 110_000.0, month, 100_000.0)
    assert at == pytest.approx((0.61, 101_000.0)), "a call and a put count half each"
    assert found.at("BTC", 50_000.0, month, 100_000.0).volatility == pytest.approx(0.70)
    assert found.at("BTC", 110_000.0, quarter, 100_000.0) == pytest.approx((0.5, 103_000.0))
    # Half way in time: total variance and ln(F) are half way too.
    middle = found.at("BTC", 110_000.0, 60 / 365, 100_000.0)
    assert middle.forward == pytest.approx(100_000 * np.exp((np.log(1.01) + np.log(1.03)) / 2))
    k = np.log(110_000 / middle.forward)
    near, far = (np.log(strike / 101_000) for strike in (90_000, 110_000))
    slice_variance = np.interp(k, [near, far], [0.49, 0.61**2])
    variance = (slice_variance * month + 0.25 * quarter) / 2
    assert middle.volatility == pytest.approx(np.sqrt(variance / (60 / 365)))
    assert found.at("BTC", 110_000.0, 1 / 365, 100_000.0).volatility == pytest.approx(
        found.at("BTC", 110_000.0, month, 100_000.0).volatility, abs=0.01
    )
    assert found.at("BTC", 55_000.0, month, 50_000.0).forward == pytest.approx(50_500)


def test_the_last_snapshot_not_after_the_moment_counts(quotes: Path) -> None:
    earlier = read_surface(quotes, START_MS - 4 * 3_600_000)
    assert earlier.at("BTC", 110_000.0, 30 / 365, 100_000.0).volatility == pytest.approx(0.9)
    with pytest.raises(SurfaceError, match="its first snapshot is of 2025-10-10 12:00:00, after"):
        read_surface(quotes, START_MS - DAY_MS)
    with pytest.raises(SurfaceError, match="more than a week older"):
        read_surface(quotes, START_MS + 8 * DAY_MS)
    with pytest.raises(SurfaceError, match="no quotes of ETH; it has BTC"):
        earlier.at("ETH", 4_000.0, 0.1, 4_000.0)


def test_an_account_takes_its_volatility_from_the_file_beside_it(
    quotes: Path, tmp_path: Path
) -> None:
    path = tmp_path / "mine.toml"
    text = FILE.read_text().replace('volatility = "60%"', "")
    path.write_text(text.replace("[[position]]", 'surface = "quotes.csv"\n[[position]]', 1))
    mine = load_account(path)
    found = held_of(mine, surface_of(mine, None, mine.time_ms), START_MS).options[0]
    assert (found.volatility, found.forward) == pytest.approx((0.61, 101_000.0))
    assert found.origin.endswith("quotes.csv")
    given = options(account(volatility=""), surface=quotes)
    assert given.held.options[0].volatility == pytest.approx(0.61)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("strike", "price", "no column strike; it has"),
        ("110000,2025", "no,2025", "column strike, row 2: 'no' is not a number"),
        ("101000,100000", "-1,100000", "column forward, row 1: -1.0 should be above 0"),
        ("2025-11-09T20:00:00Z", "soon", "column expiry, row 1: 'soon' is not a time"),
    ],
)
def test_what_is_wrong_in_a_file_of_quotes_is_named(
    quotes: Path, old: str, new: str, message: str
) -> None:
    quotes.write_text(QUOTES.replace(old, new, 1))
    with pytest.raises(SurfaceError) as caught:
        read_surface(quotes)
    assert message in str(caught.value)


@pytest.mark.shared
def test_recorded_chains_give_back_their_own_prices() -> None:
    """Every quote of a snapshot in a crash, at its own volatility and forward."""
    path = shared_file("data/deribit_options/deribit_btc_eth_option_chains.parquet")
    found = read_surface(path)
    rows = [
        row
        for row in pq.read_table(path).to_pylist()
        if row["implied_volatility"] > 0 and row["time_to_maturity"] > 1 / 365
    ]
    wrong = [
        abs(
            float(price(row["option_type"] == "call", row["futures_price"], row["strike"],
                        row["implied_volatility"], row["time_to_maturity"]))
            / row["futures_price"] - row["mark_price"]
        )
        for row in rows[:5_000]
    ]  # fmt: skip
    assert np.median(wrong) < 5e-5, "coins, as the venue rounds"
    last = max(row["timestamp"] for row in rows)
    of_last = [row for row in rows if row["timestamp"] == last and row["currency"] == "BTC"]
    missed = [
        abs(found.at("BTC", row["strike"], row["time_to_maturity"], row["index_price"]).volatility
            - row["implied_volatility"])
        for row in of_last
    ]  # fmt: skip
    assert np.median(missed) < 0.002


# Moves and time


@given(
    st.floats(-0.6, 2), st.floats(-0.4, 1), st.floats(-3, 3), st.floats(60_000, 150_000),
    st.booleans(),
)  # fmt: skip
@settings(deadline=None)
def test_a_move_revalues_every_leg(
    change: float, volatility: float, size: float, strike: float, is_call: bool
) -> None:
    (before,) = books(2.0, (is_call, strike, size)).values()
    after = moved(before, change, volatility)
    worth = float(price(is_call, 1e5 * (1 + change), strike, 0.6 * (1 + volatility), 30 / 365))
    assert after.equity == pytest.approx(2e5 * change + size * worth, abs=1e-6)
    there_and_back = moved(moved(before, change), 1 / (1 + change) - 1)
    assert there_and_back.equity == pytest.approx(before.equity, abs=1e-6)


def test_what_expires_pays_its_exercise_and_is_gone() -> None:
    (before,) = books(0, (True, 110_000, -2), (False, 90_000, 1)).values()
    after = moved(before, 0.3, years=30 / 365)
    assert len(after.options) == 0
    assert after.cash == pytest.approx(-2 * 20_000)
    early = moved(before, years=29 / 365)
    assert len(early.options) == 2
    assert early.equity > before.equity


def test_a_forward_comes_to_the_price() -> None:
    made = Options.of([(True, 100_000.0, 0.2, 0.6, 110_000.0, 1.0)])
    (half,) = (moved(Portfolio(spot=100_000.0, options=made), years=0.1),)
    assert half.options.forward[0] == pytest.approx(100_000 * np.sqrt(1.1))


# Liquidation


@pytest.mark.parametrize("name", SCENARIOS)
@pytest.mark.parametrize(
    "rows", [((True, 110_000, -1),), ((False, 90_000, -3), (True, 120_000, 1))]
)
def test_a_liquidation_price_is_where_equity_meets_maintenance(
    name: str, rows: tuple[tuple[bool, float, float], ...]
) -> None:
    held = books(0.3, *rows)
    cash = 20_000.0 + 15_000 * len(rows)
    found = boundaries(rule(name), held, cash, "BTC", moved)
    assert found.below or found.above
    for end, safe in ((found.below, 1 + 1e-6), (found.above, 1 - 1e-6)):
        if end is not None:
            over = rule(name).total({"BTC": moved(held["BTC"], end / 1e5 - 1)}, cash)
            under = rule(name).total({"BTC": moved(held["BTC"], end / 1e5 * safe - 1)}, cash)
            assert over.equity == pytest.approx(over.maintenance, abs=0.01)
            assert under.equity > under.maintenance


def test_a_perpetual_alone_by_hand() -> None:
    """20,000 + (p - 100,000) = 0.8 x 0.18 p + 0.03 p under PM2."""
    found = boundaries(rule("derive-pm2"), books(1), 20_000.0, "BTC", moved)
    assert found.below == pytest.approx(80_000 / (1 - 0.8 * 0.18 - 0.03), rel=1e-9)
    assert found.above is None


def test_an_account_under_maintenance_is_liquidatable_at_its_price() -> None:
    found = boundaries(rule("derive-pm2"), books(1), 1_000.0, "BTC", moved)
    assert (found.below, found.above) == (100_000.0, 100_000.0)


# Hedges, pooling, deleveraging, time


@pytest.mark.parametrize("name", SCENARIOS)
def test_no_size_of_the_perpetual_asks_less_than_the_least(name: str) -> None:
    (held,) = books(1, (True, 110_000, -1), (False, 85_000, -0.5)).values()
    found = hedges(rule(name), "BTC", held)
    named = {each.what: each for each in found if each.what}
    least = named["least margin"]
    assert all(least.margin.initial <= each.margin.initial + 0.01 for each in found)
    assert named["none"].perpetual == 0
    assert named["as held"].perpetual == 1
    assert named["delta-neutral"].of_delta == pytest.approx(1)


def test_a_hedge_of_one_coin_saves_little_and_one_of_the_delta_halves() -> None:
    """The four published books: 1:1 is hardly cheaper than the perpetual, 0.4 halves the call."""
    scan = rule("paradex-scan")
    one = pooling(scan, books(1, (True, 110_000, -1)), 0.0)
    assert one.perpetuals.initial == pytest.approx(16_000)
    assert one.together.initial == pytest.approx(14_249.82, abs=0.005)
    assert one.saved_against_larger == pytest.approx(1_750.18, abs=0.005)
    part = pooling(scan, books(0.4, (True, 110_000, -1)), 0.0)
    assert part.together.initial == pytest.approx(6_881.51, abs=0.005)
    assert part.together.initial < 0.6 * part.options.initial


@pytest.mark.parametrize("side", [1, -1])
def test_a_deleveraged_perpetual_leaves_naked_options(side: int) -> None:
    held = books(side, (side > 0, 110_000 if side > 0 else 90_000, -1))
    found = deleveraged(rule("derive-pm2"), held, 25_000.0, "BTC", 0.1)
    assert [each.share for each in found] == [0, 0.25, 0.5, 0.75, 1]
    whole, none = found[0], found[-1]
    assert none.perpetual == 0
    assert none.total.equity == pytest.approx(whole.total.equity), "closed at the price, no loss"
    assert none.delta * side < 0 < whole.delta * side, "the delta has turned round"
    bare = books(0, (side > 0, 110_000 if side > 0 else 90_000, -1))
    then = moved(bare["BTC"], 0.1 * side)
    alone = rule("derive-pm2").total({"BTC": then}, 25_000.0 + 10_000)
    assert none.total.initial == pytest.approx(alone.initial)
    end = none.liquidation.above if side > 0 else none.liquidation.below
    assert end is not None
    assert (end - then.spot) * side > 0


def test_funding_is_paid_and_time_value_earned() -> None:
    held = books(1, (True, 110_000, -1))
    days = moments(held, None)
    assert days[0] == 0
    assert days[-1] == pytest.approx(30)
    found = over_time(rule("derive-pm2", 0.00001), held, 25_000.0, days)
    assert found[-1].funding == pytest.approx(30 * 24 * 100_000 * 0.00001)
    assert found[-1].expired == 1
    assert found[-1].options == 0
    worth = -float(held["BTC"].options.values.sum())
    assert found[-1].total.equity == pytest.approx(25_000 - found[-1].funding)
    assert found[0].total.equity == pytest.approx(25_000 - worth)


def test_expected_funding_is_provided_for_where_a_rule_asks_it() -> None:
    calm, dear = (rule("paradex-scan", rate).total(books(1), 0.0) for rate in (-1e-4, 1e-4))
    assert dear.initial - calm.initial == pytest.approx(8 * 100_000 * 1e-4)
    assert dear.maintenance - calm.maintenance == pytest.approx(8 * 100_000 * 1e-4)


# The answer


def test_the_answer_of_the_example(result: OptionsResult) -> None:
    rows = {row["preset"]: row for row in result.sheet("margin").numbers()}
    assert set(rows) == set(SCENARIOS)
    assert rows["derive-pm2"]["initial"] == pytest.approx(20_778.59, abs=0.005)
    assert rows["derive-pm2"]["maintenance"] == pytest.approx(16_322.87, abs=0.005)
    assert rows["derive-pm2"]["equity"] == pytest.approx(25_000)
    said = " ".join(each.text for each in result.findings().words)
    assert "the pool saves only 1,221 USD" in said
    assert "If the BTC perpetual is deleveraged after +10.00 %" in said
    assert result.now[result.strictest].rule.name == "derive-pm2"


def said(text: str) -> str:
    return " ".join(each.text for each in options(load_account(text.encode())).findings().words)


def test_sentences_of_other_accounts() -> None:
    """What is not there is not spoken of, and a loss is called one."""
    text = FILE.read_text()
    dead = said(text.replace("collateral = 25000", "collateral = 3000"))
    assert "is liquidatable now" in dead
    assert "liquidates it when" not in dead
    assert "is deleveraged after" not in dead, "it does not stand until then"
    put = text.replace('"call"', '"put"').replace('"short"', '"long"').replace("110000", "90000")
    bought = said(put)
    assert "its options lose " in bought
    assert "no price from a twentieth to ten times of it liquidates the account" in bought
    alone = said("collateral = 9000\ntime = 2025-10-10T20:00:00Z\n[[position]]\nmarket = \"BTC\"\n"
                 "side = \"long\"\nsize = 0.00001\nentry = 100000\nleverage = 10\n[[option]]"
                 + put.split("[[option]]")[1])  # fmt: skip
    assert "instead of 0.000010." in alone
    assert "-05" not in alone
    worthless = said(put.replace("90000", "9000"))
    assert "with 0 coins of the perpetual instead of 1.00" in worthless


def test_a_market_without_figures_leaves_a_preset_out() -> None:
    text = FILE.read_text().replace('"BTC"', '"HYPE"')
    text = text.replace("100000", "40").replace("110000", "44")
    found = options(load_account(text.encode()))
    assert [each.rule.name for each in found.now] == ["paradex-scan"]
    assert dict(found.unusable) == {
        "deribit-spm": "has no figures for HYPE",
        "derive-pm2": "has no figures for HYPE",
        "hyperliquid": "margins no options (HYPE)",
    }
    doge = text.replace('"HYPE"', '"DOGE"')
    with pytest.raises(InputError, match="preset: none can margin the account: deribit-spm has no"):
        options(load_account(doge.encode()))


def test_two_underlyings_add_up(result: OptionsResult) -> None:
    second = """
[[position]]
market = "ETH"
side = "short"
size = 10
entry = 4000
leverage = 10
"""
    both = options(load_account((FILE.read_text() + second).encode()))
    place = both.strictest
    alone = result.now[result.strictest].total
    assert set(both.now[place].total.by_market) == {"BTC", "ETH"}
    assert both.now[place].total.initial == pytest.approx(alone.initial + 40_000 * (0.18 + 0.04))
    assert both.sheet("liquidation").numbers()[-1]["market"] == "ETH"


def test_an_account_of_perpetuals_alone_is_answered() -> None:
    found = options(load_account(b'collateral = 9000\n[[position]]\nmarket = "BTC"\nside = "long"\n'
                                 b"size = 1\nentry = 100000\nleverage = 20\n"))  # fmt: skip
    assert not found.hedges
    assert not found.deleveraged
    assert found.findings().status is not None
    assert found.findings().status.style == "bad"


# Coins, USD and perpetuals in one pool


def ratio(**changes: float) -> RatioRule:
    preset = load_preset("hyperliquid")
    assert isinstance(preset, RatioPreset)
    terms = {name: structs.replace(each, **changes) for name, each in preset.market.items()}
    coin = b'collateral = 1\n[[spot]]\nmarket = "HYPE"\nsize = 1\n'
    prices = {"HYPE": 50, "BTC": 100_000}
    instruments = load_account(coin, extra_markets=["BTC"], prices=prices).instruments
    return RatioRule(
        preset=structs.replace(preset, market=terms),
        margins={each.name: margin_rule(load_rulebook(), each) for each in instruments},
    )


def coins(amount: float, spot: float) -> Portfolio:
    return Portfolio(spot=spot, collaterals=(Collateral(amount=amount, price=spot),))


def test_the_published_loan_against_coins() -> None:
    """10 HYPE at a loan to value of 0.5, 250 USD borrowed: at 33 they count 247.50, not enough."""
    preset = load_preset("hyperliquid")
    assert isinstance(preset, RatioPreset)
    terms = preset.market["HYPE"]
    assert coin_value(terms, coins(10, 33.0), preset.ratio.threshold) == pytest.approx(247.50)
    # Two thirds of the rest: 249.90 at 30, printed with the share rounded to 0.833.
    assert coin_value(terms, coins(10, 30.0), 2 / 3) == pytest.approx(250.0)
    total = ratio().total({"HYPE": coins(10, 33.0)}, -250.0)
    assert total.equity == pytest.approx(-2.50)
    assert total.maintenance == pytest.approx(270 / 0.95 - 250), "the offset counts with a loan"
    assert total.is_liquidatable
    assert not ratio().total({"HYPE": coins(10, 50.0)}, -250.0).is_liquidatable


def test_without_a_loan_the_offset_does_not_count() -> None:
    """A recorded account: 23.104792 of 894.08996004 is its ratio of 0.025841686."""
    held = {"BTC": Portfolio(spot=100_000.0, futures=(Future(size=0.01, price=100_000.0),))}
    total = ratio().total(held, 894.08996004)
    assert total.equity == pytest.approx(894.08996004)
    assert total.maintenance == pytest.approx(1_000 / 80 / 0.95)
    assert total.initial == pytest.approx(1_000 / 40)
    size = 80 * 23.104792 / 100_000
    asked = {"BTC": Portfolio(spot=100_000.0, futures=(Future(size=size, price=100_000.0),))}
    total = ratio().total(asked, 894.08996004)
    assert 0.95 * total.maintenance / total.equity == pytest.approx(0.025841686, abs=1e-9)


def test_caps_bound_what_coins_count() -> None:
    held = {"HYPE": coins(1_000, 50.0)}
    assert ratio(supply_cap=100.0).total(held, 0.0).equity == pytest.approx(100 * 50 * 0.75)
    assert ratio(borrow_cap=2_000.0).total(held, 0.0).equity == pytest.approx(2_000)


def test_a_loan_is_liquidated_where_the_ratio_passes_the_limit() -> None:
    found = boundaries(ratio(), {"HYPE": coins(10, 50.0)}, -250.0, "HYPE", moved)
    assert found.below == pytest.approx(270 / 0.95 / 7.5)
    assert found.above is None


LOAN = b"""borrowed = 250
[[spot]]
market = "HYPE"
size = 10
[[position]]
market = "BTC"
side = "long"
size = 0.001
entry = 100000
leverage = 10
"""


def test_an_account_with_coins_is_margined_by_the_rule_that_takes_them() -> None:
    mine = load_account(LOAN, prices={"HYPE": 50})
    found = options(mine)
    assert [each.rule.name for each in found.now] == ["hyperliquid"]
    assert found.unusable["derive-pm2"] == "takes no coins as collateral (HYPE)"
    assert found.held.equity == pytest.approx(250)
    assert found.now[0].total.equity == pytest.approx(375 - 250)
    assert found.now[0].total.maintenance == pytest.approx((270 + 100 / 80) / 0.95 - 250)
    assert found.now[0].liquidation["HYPE"].below == pytest.approx((271.25 / 0.95) / 7.5)
    assert any(row["kind"] == "spot" for row in found.sheet("positions").numbers())
    with pytest.raises(InputError, match="spot: the account holds coins or owes USD"):
        stress(mine)
