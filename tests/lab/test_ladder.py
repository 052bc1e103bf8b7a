"""Ladders of exits: how they are written, where their orders lie, and what is said of them."""

from collections.abc import Sequence
from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from msgspec import structs

from seawall.accounts.account import Account
from seawall.domain.errors import InputError
from seawall.domain.holdings import OpenOrder
from seawall.domain.units import MICRO
from seawall.engine.compile import INTERPRETED
from seawall.lab.ladder.placed import Placed, placed
from seawall.lab.ladder.question import OWN, LadderLine, LadderResult, Regime, ladder
from seawall.lab.ladder.rungs import NONE, READY, Action, Ladder, Unit, read_ladders, read_rungs
from seawall.lab.market.price_models import ModelOptions
from seawall.lab.paths import paths
from seawall.lab.paths.estimates import Estimate, share
from tests.lab.path_setups import account_of, position
from tests.shared_files import ROOT

pytestmark = pytest.mark.skipif(INTERPRETED, reason="thousands of paths take the compiled kernel")

SIGMAS = {"BTC": 0.02, "ETH": 0.03}
STEADY = ModelOptions(jumps=False, volatility_moves=False, funding="0%")


def two_positions(folder: Path, *more: str) -> Account:
    held = [position("BTC", "long", 100_000, 10), position("ETH", "short", 40_000, 10, "isolated")]
    return account_of(folder, 20_000, [*held, *more])


def orders_of(folder: Path, text: str) -> Placed:
    return placed(two_positions(folder), Ladder(name="it", rungs=read_rungs("", text)), SIGMAS)


def shown(orders: Sequence[OpenOrder]) -> list[tuple[int, str, int, int]]:
    return [(e.market, e.side.name, e.size, e.trigger_price or e.price) for e in orders]


def test_a_rung_is_for_every_position_in_its_own_direction(tmp_path: Path) -> None:
    found = orders_of(tmp_path, "stop 50% at -5%, take 25% at +10%")
    assert shown(found.holdings.orders) == [
        (0, "SELL", 50_000, 950_000), (1, "BUY", 50_000, 420_000),
        (0, "SELL", 25_000, 1_100_000), (1, "BUY", 25_000, 360_000),
    ]  # fmt: skip
    assert all(each.reduce_only for each in found.holdings.orders)
    assert [each.take_profit for each in found.holdings.orders] == [False, False, True, True]


def test_levels_are_prices_or_deviations_too(tmp_path: Path) -> None:
    text = "BTC stop 40% at 96_000, ETH limit 100% at +2 sigma, add 5000 at -1.5 sigma"
    found = orders_of(tmp_path, text)
    assert shown(found.holdings.orders) == [
        (0, "SELL", 40_000, 960_000), (1, "BUY", 100_000, 376_000),
    ]  # fmt: skip
    assert found.holdings.orders[1].price == 376_000
    assert [(e.market, e.trigger_price, e.amount) for e in found.holdings.top_ups] == [
        (0, 970_000, 5_000 * MICRO), (1, 418_000, 5_000 * MICRO),
    ]  # fmt: skip


def test_closes_before_funding_are_parts_with_a_rate(tmp_path: Path) -> None:
    found = orders_of(
        tmp_path, "close 25% before funding above 0.01%, BTC close 10% before funding"
    )
    assert [(e.market, e.size, e.rate) for e in found.closes] == [
        (0, 25_000, 0.0001), (0, 10_000, 0.0), (1, 25_000, 0.0001),
    ]  # fmt: skip


def test_parts_that_are_a_whole_position_close_all_of_it(tmp_path: Path) -> None:
    account = account_of(tmp_path, 20_000, [position("SOL", "long", 20_002, 10)])
    (one,) = account.positions
    third = next(each for each in READY if each.name == "staggered stops")
    sizes = [each.size for each in placed(account, third, {"SOL": 0.02}).holdings.orders]
    assert len(sizes) == 3
    assert sum(sizes) == one.signed_size


def test_ready_ladders_lie_before_the_liquidation(tmp_path: Path) -> None:
    for notional, expected in ((30_000, 0.02), (100_000, None)):
        account = account_of(tmp_path, 5_500, [position("BTC", "long", notional, 40)])
        liquidation = float(account.liquidation_price("BTC") or 0)
        stops = placed(account, READY[1], {"BTC": 0.02}).holdings.orders
        prices = [each.trigger_price / 10 for each in stops]
        space = expected or (1 - liquidation / 100_000) / 4
        assert prices == pytest.approx([100_000 * (1 - n * space) for n in (1, 2, 3)], abs=60)
        assert min(prices) > liquidation


def test_ladders_are_read_from_texts_and_files(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('tight = "stop 100% at -2%"\nout = ["take 50% at +4%", "take 50% at +8%"]\n')
    found = read_ladders(["mine = stop 50% at -5%", "stop 10% at -1%", "one stop"], [file])
    assert [each.name for each in found] == ["mine", "stop 10% at -1%", "one stop", "tight", "out"]
    assert [len(each.rungs) for each in found] == [1, 1, 1, 1, 2]
    assert read_ladders([], []) == list(READY)
    assert read_ladders(["ready"], []) == list(READY)
    shipped = read_ladders([], [ROOT / "examples" / "ladders.toml"])
    assert [each.name for each in shipped] == ["tight", "wide", "scale out", "stop and money"]
    assert shipped[3].rungs[0].market == "ETH"
    assert shipped[3].rungs[1].action == Action.ADD
    assert read_rungs("", "stop 5% at -1.5 sigma")[0].unit == Unit.SIGMA


def test_a_file_says_where_it_is_wrong(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    for text, message in {
        'tight = "stop"': f"{file}: tight: ladder: 'stop' should be such as",
        "tight = 5": f"{file}: tight: should be rungs in quotes, such as",
        "": f"{file}: has no ladder; a line is NAME = ",
        "tight": f"ladders: '{file}' should be a TOML file",
    }.items():
        file.write_text(text)
        with pytest.raises(InputError) as caught:
            read_ladders([], [file])
        assert str(caught.value).startswith(message)
    with pytest.raises(InputError, match="should be a readable file: No such file"):
        read_ladders([], [tmp_path / "none.toml"])


REFUSED = {
    "stop": "'stop' should be such as 'stop 50% at -5%'",
    "sell 50% at -5%": "should be such as 'stop 50% at -5%'",
    "stop 50% at 5%": "should be below 0: a stop lies against the position",
    "take 50% at -5%": "should be above 0: it lies on the winning side",
    "stop 150% at -5%": "size '150%' should be a share of the position such as 50%",
    "stop half at -5%": "size 'half' should be a share",
    "stop 50% at 95000": "at: signed, such as -5%, +8% or -1.5 sigma; or with a market first",
    "add 5% at -5%": "add '5%' should be USD above 0, such as 5000",
    "close 50% after funding": "should be such as",
    "close 50% before funding above much": "above 'much' should be a rate an hour",
    "stop 50% at -5%,": "'' should be such as",
    "none = stop 50% at -5%": "'none' should be another name",
    " = stop 50% at -5%": "a name before '='",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_cannot_be_a_ladder_is_refused(text: str) -> None:
    with pytest.raises(InputError) as caught:
        read_ladders([text], [])
    assert REFUSED[text] in str(caught.value)
    assert str(caught.value).startswith("ladder: ")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("SOL stop 50% at -5%", "should be for a market with a position: BTC, ETH"),
        ("BTC stop 50% at 105000", r"BTC\): 105000 should be below the price of now, 100000"),
        ("ETH take 50% at 4100", r"ETH\): 4100 should be below the price of now, 4000"),
        ("stop 60% at -5%, stop 60% at -7%", "stop of BTC: parts are 120 % together"),
        ("BTC stop 50% at -100%", "leaves no price"),
        ("stop 0.0001% at -5%", "at least the smallest size of BTC"),
    ],
)
def test_what_does_not_fit_the_account_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        orders_of(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("stressed", "'stressed' should be NAME=FACTOR"),
        ("x=0", "'0' should be NAME=FACTOR with a factor from 0.05 to 20"),
    ],
)
def test_regimes_are_checked(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        ladder(two_positions(tmp_path), regimes=text, paths=100, hours=1)


@cache
def ready(folder: Path, seed: int = 1) -> LadderResult:
    """A long at ten times leverage, for three days."""
    account = account_of(folder, 10_000, [position("BTC", "long", 100_000, 20)])
    return ladder(account, days=3, step_seconds=300, paths=3_000, seed=seed)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("account")


def line_of(result: LadderResult, regime: str, name: str) -> LadderLine:
    return next(e for e in result.lines if (e.regime.name, e.ladder) == (regime, name))


def test_without_exits_it_is_what_paths_says(folder: Path) -> None:
    result = ready(folder)
    alone = paths(result.setup.account, days=3, step_seconds=300, paths=3_000, leverages=[])
    line = line_of(result, "normal", NONE)
    assert line.statistics.liquidated == alone.liquidated
    assert line.statistics.loss == alone.statistics.loss


def test_what_is_saved_less_what_is_given_up_is_the_difference(folder: Path) -> None:
    for line in ready(folder).lines:
        if line.ladder == NONE:
            assert line.result is None
            continue
        assert line.result is not None
        assert line.saved is not None
        assert line.given_up is not None
        assert line.result.value == pytest.approx(line.saved.value - line.given_up.value)
        none = line_of(ready(folder), line.regime.name, NONE)
        gained = none.statistics.loss.mean.value - line.statistics.loss.mean.value
        assert line.result.value == pytest.approx(gained)
        assert line.spared is not None
        assert line.spared.value == pytest.approx(none.worst.value - line.worst.value)


def test_stops_act_more_often_and_keep_less_in_wild_markets(folder: Path) -> None:
    result = ready(folder)
    calm, normal, stressed = (
        line_of(result, each.name, "staggered stops") for each in result.regimes
    )
    assert calm.acted.high < normal.acted.low
    assert normal.acted.high < stressed.acted.low
    assert calm.profit_kept is not None
    assert stressed.profit_kept is not None
    assert stressed.profit_kept.high < calm.profit_kept.low
    bare = line_of(result, "stressed", NONE)
    assert bare.survives.high < stressed.survives.low
    assert result.regimes[0].factor * result.regimes[2].factor == pytest.approx(1.0)


def test_the_ladder_that_is_named_is_the_better_one_on_other_paths_too(folder: Path) -> None:
    """Advice is a claim: where a worst loss is called smaller, other paths must say so as well."""
    here, there = ready(folder), ready(folder, seed=2)
    named = [each for each in here.lines if each.is_safer]
    assert len(named) > 4
    for each in named:
        other = line_of(there, each.regime.name, each.ladder)
        assert other.spared is not None
        assert other.spared.value > 0, (each.regime.name, each.ladder)


def test_survival_is_compared_on_the_same_paths(folder: Path) -> None:
    """Both lose many of the same paths; one loses 60 fewer of 10,000, which is no chance."""
    many = np.arange(10_000) < 9_000
    more = np.arange(10_000) < 9_060
    shares = [share(each, paired=False) for each in (many, more)]
    assert shares[1].low < shares[0].high
    none, first, second, *_ = ready(folder).of(Regime("normal", 1.0))
    safer = structs.replace(
        first, alive=many, survives=shares[0], spared=Estimate(100, 50, 150)
    )  # fmt: skip
    survivor = structs.replace(
        second, alive=more, survives=shares[1], spared=Estimate(0, -1, 1)
    )  # fmt: skip
    assert survivor.survives_more(safer).low > 0
    result = structs.replace(
        ready(folder), regimes=[none.regime], lines=[none, safer, survivor],
        ladders=ready(folder).ladders[:3],
    )  # fmt: skip
    words = next(each.text for each in result.findings().verdict)
    assert f"Most paths survive with {survivor.ladder}, 90.6 %" in words
    one = structs.replace(survivor, alive=many, survives=shares[0])
    result = structs.replace(result, lines=[none, safer, one])
    assert "Most paths survive" not in next(each.text for each in result.findings().verdict)


def test_a_ladder_without_any_use_is_called_so(tmp_path: Path) -> None:
    account = account_of(tmp_path, 50_000, [position("BTC", "long", 100_000, 10)])
    # In a thin book, and so far up that paths which end badly hardly ever come there.
    tight = "noise = take 10% at +2.5%"
    result = ladder(
        account, ladders=tight, regimes="normal=1", model=STEADY, hours=12, step_seconds=60,
        paths=20_000, depth="100000",
    )  # fmt: skip
    (line,) = (each for each in result.lines if each.ladder == "noise")
    assert line.only_costs
    words = [each.text for each in result.findings().verdict]
    assert "Noise only costs in normal volatility" in words[-1]


def test_own_orders_are_compared_and_late_stops_named(tmp_path: Path) -> None:
    order = '[[order]]\nmarket = "BTC"\nside = "sell"\nsize = 0.5\nstop = 80000\n'
    account = account_of(tmp_path, 10_000, [position("BTC", "long", 100_000, 20), order])
    result = ladder(account, ladders="stop 100% at -3%", paths=300, hours=6, step_seconds=300)
    assert [each.name for each in result.ladders] == [NONE, OWN, "stop 100% at -3%"]
    assert any("is liquidated at 9" in note and "before 80000" in note for note in result.notes)
    rows = result.sheet("orders").plain()
    assert [row["price"] for row in rows] == ["80000", "97000"]


def test_recorded_blocks_are_one_regime(tmp_path: Path) -> None:
    account = account_of(tmp_path, 20_000, [position("BTC", "long", 100_000, 10)])
    file = tmp_path / "BTC.csv"
    minutes = range(600)
    rows = [
        f"{1_700_000_000_000 + 60_000 * n},{p},{p + 40},{p - 40},{p}"
        for n in minutes
        for p in [100_000 + 30 * (n % 7)]
    ]
    file.write_text("time,open,high,low,close\n" + "\n".join(rows) + "\n")
    model = ModelOptions(bootstrap=[file], block_hours=1)
    result = ladder(account, ladders="one stop", model=model, paths=200, hours=2)
    assert [each.name for each in result.regimes] == ["as recorded"]
    with pytest.raises(InputError, match="left out: prices are recorded"):
        ladder(account, regimes="x=2", model=model, paths=200, hours=2)


def test_money_that_is_added_is_no_gain(tmp_path: Path) -> None:
    account = account_of(tmp_path, 60_000, [position("BTC", "long", 100_000, 10)])
    result = ladder(
        account, ladders="add 5000 at -0.1%", regimes="normal=1", model=STEADY, hours=6,
        step_seconds=60, paths=500,
    )  # fmt: skip
    line = result.lines[1]
    assert line.statistics.added.value > 1_000
    assert line.result is not None
    assert line.result.value == pytest.approx(0.0, abs=1e-6)
    assert Fraction(line.acted.value) > 0
