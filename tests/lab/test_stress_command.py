"""``seawall stress``: what is computed, how it is shown, and what is refused."""

import json
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from cyclopts import App

from seawall.accounts.load import AccountOptions, load_account
from seawall.cli.stress import stress as command
from seawall.domain.units import MICRO
from seawall.lab.stress import StressResult, stress
from tests.shared_files import ROOT

# The first account in this process compiles the kernels.
pytestmark = pytest.mark.timeout(600)

ACCOUNT = """
collateral = 20000
[[position]]
market = "BTC"
side = "long"
notional = 150000
entry = 117000
leverage = 10
"""
SCENARIO = """
name = "ten minutes down"
about = "a fall of a fifth"
source = "made for a test"
start = "2025-10-10T20:45"
step_seconds = 10
[[market]]
name = "BTC"
price = 117000
waypoints = [[0, 100.0], [5, 80.0], [10, 82.0]]
[backstop]
capital = 1000000
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "account.toml").write_text(ACCOUNT)
    (tmp_path / "fall.toml").write_text(SCENARIO)
    (tmp_path / "betas.toml").write_text("ETH = 1.2\nDOGE = 3\n")
    (tmp_path / "text.toml").write_text("this is no TOML")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> None:
    app = App(name="seawall", result_action="return_value")
    app.command(command, name="stress")
    app(["stress", *arguments])


def result_of(
    source: str | None = None, *, rulebook: str | None = None, **more: Any
) -> StressResult:
    return stress(load_account(source, AccountOptions(rulebook=rulebook)), **more)


@pytest.fixture(scope="module")
def default() -> dict[str, Any]:
    """The built-in account as an object."""
    return result_of().to_dict()


def test_the_built_in_account(default: dict[str, Any]) -> None:
    assert default["source"] == "the built-in example"
    assert default["equity"] == "100000"
    assert len(default["shocks"]) == 5 * 10
    moves = {each["move"] for each in default["shocks"]}
    assert moves == {"BTC", "ETH", "SOL", "all together", "BTC and betas"}
    prices = {each["market"]: each for each in default["liquidation_prices"]}
    assert Decimal(prices["BTC"]["last_safe"]) - Decimal(prices["BTC"]["first_liquidating"]) == (
        Decimal("0.1")
    )
    kinds = {(each["kind"], each["direction"]) for each in default["smallest_moves"]}
    assert ("together", "down") in kinds
    assert ("against", "up") in kinds
    assert default["assumptions"]


def test_every_figure_of_a_shock_adds_up(default: dict[str, Any]) -> None:
    def shock_of(row: dict[str, Any]) -> tuple[str, float]:
        return row["move"], row["price_change"]

    buckets: dict[tuple[str, float], list[Decimal]] = {}
    for each in default["shock_buckets"]:
        buckets.setdefault(shock_of(each), []).append(Decimal(each["equity"]))
    after = {shock_of(each): each for each in default["liquidations"]}
    for each in default["shocks"]:
        worth = buckets[shock_of(each)]
        assert Decimal(each["equity"]) == sum(worth)
        assert Decimal(each["equity_change"]) == sum(worth) - Decimal(default["equity"])
        assert Decimal(each["lost"]) == Decimal(default["equity"]) - Decimal(each["left"])
        assert (shock_of(each) in after) == bool(each["liquidated"])
        if each["liquidated"]:
            end = after[shock_of(each)]
            assert sorted(end["liquidated_at_once"]) == sorted(each["liquidated"])
            assert end["left"] == each["left"]
            kept = sum(max(Decimal(0), one) for one in worth)
            assert Decimal(end["cost"]) == kept - Decimal(each["left"])


def test_the_parts_of_a_joint_move_belong_to_it(default: dict[str, Any]) -> None:
    for each in default["smallest_moves"]:
        alone = [
            abs(one["price_change"])
            for one in default["bucket_moves"]
            if (one["move"], one["direction"]) == (each["move"], each["direction"])
            and one["price_change"] is not None
        ]
        nearest = each["price_change"]
        assert (min(alone) if alone else None) == (None if nearest is None else abs(nearest))
    first = [each for each in default["move_prices"] if each["bucket"] is None]
    assert len(first) == 3 * sum(e["price_change"] is not None for e in default["smallest_moves"])


def test_the_matrix_is_the_shocks(folder: Path) -> None:
    found = result_of("account.toml", shocks=["-20", "+5"])
    matrix = found.sheet("matrix")
    assert [each.heading for each in matrix.columns] == ["move", "-20 %", "+5 %"]
    (row,) = matrix.rows
    left = [each.left for each in found.cells]
    assert matrix.texts(row)[0] == "BTC"
    assert matrix.texts(row)[1].endswith("*")
    assert matrix.texts(row)[2] == f"{left[1] / 1e6:,.0f}"


def test_the_terminal_says_what_matters(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("account.toml", "--shock", "-20", "--survive", "-20%", "--price", "BTC=117000")
    text = " ".join(capsys.readouterr().out.split())
    assert "The nearest liquidation by one market: BTC -12.24 % (cross pool)." in text
    assert "all together -20 %" in text
    assert "deposit to the account" in text
    assert "Or close a part of one position now" in text
    assert "Assumed" in text


def test_shocks_that_were_asked_for(folder: Path) -> None:
    found = result_of("account.toml", shocks=["7.5,-40%", "+3", -0.25]).to_dict()
    assert [each["price_change"] for each in found["shocks"]] == [-7.5, 7.5, -40, 3, -25]
    assert found["smallest_moves"] == []


def test_betas_that_were_asked_for(folder: Path) -> None:
    found = result_of(betas=[Path("betas.toml"), "SOL=-0.5"], shocks=["-10"]).to_dict()
    markets = {each["market"]: each for each in found["markets"]}
    assert {name: each["beta"] for name, each in markets.items()} == {
        "BTC": 1, "ETH": 1.2, "SOL": -0.5,
    }  # fmt: skip
    shocked = {
        each["market"]: Decimal(each["price"])
        for each in found["shock_prices"]
        if each["move"] == "BTC and betas"
    }
    assert shocked["ETH"] == Decimal(markets["ETH"]["price"]) * Decimal("0.88")
    assert shocked["SOL"] == Decimal(markets["SOL"]["price"]) * Decimal("1.05")


def test_moves_to_survive() -> None:
    wanted = ["-20%", "+20%", "20%", "BTC=15%", "ETH=10%", "beta=-10%"]
    found = result_of(survive=wanted)
    made = found.to_dict()
    assert [(each["kind"], each["price_change"]) for each in made["survive"]] == [
        ("together", -20), ("together", 20), ("against", 20), ("alone", -15), ("alone", 10),
        ("beta", -10),
    ]  # fmt: skip
    assert [each["survives"] for each in made["survive"]][:2] == [False, True]
    assert "To survive all together +20 %: nothing is needed." in made["verdict"]
    assert all(Decimal(each["deposit"]) % Decimal("0.01") == 0 for each in made["remedies"])
    assert made["remedies"][0]["move"] == made["closes"][0]["move"] == "all together"


def test_scenarios(folder: Path) -> None:
    found = result_of("account.toml", scenarios=["fall.toml", "fall.toml"]).to_dict()
    (line,) = found["scenarios"]
    assert line["scenario"] == "ten minutes down"
    assert line["minutes"] == 10
    (liquidated,) = found["scenario_liquidations"]
    assert liquidated["bucket"] == "cross pool"
    assert 2 < liquidated["minutes"] < 5
    assert line["first_position"] == "BTC"
    assert Decimal(line["lost"]) == Decimal(line["equity_start"]) - Decimal(line["equity_end"])
    assert Decimal(line["equity_lowest"]) <= Decimal(line["equity_end"])


def test_a_shipped_scenario_by_name(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("account.toml", "--scenario", "flash_crash", "--shock", "5", "--report", "out/r.html")
    text = " ".join(capsys.readouterr().out.split())
    assert "Named scenarios, starting now" in text
    assert "flash crash and rebound" in text


@pytest.mark.parametrize("name", ["account_hybrid.json", "account_parent.json"])
def test_accounts_of_venues(name: str) -> None:
    found = result_of(str(ROOT / "examples" / name), shocks=["10"]).to_dict()
    assert found["rulebook"]["name"] == ("dydx" if "parent" in name else "hyperliquid")
    assert len(found["buckets"]) >= 2


def test_other_rules() -> None:
    found = result_of(rulebook="dydx", shocks=["-20"]).to_dict()
    assert [each["bucket"] for each in found["buckets"]] == ["main account", "SOL child account"]


def test_files_are_left(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("--report", "out/report.html", "--parquet", "out/tables", "--survive", "-10%", "--json")
    found = json.loads(capsys.readouterr().out)
    page = Path("out/report.html").read_text()
    assert "Liquidation ladder" in page
    assert "<svg" in page
    shocks = pq.read_table("out/tables/shocks.parquet")
    assert shocks.num_rows == len(found["shocks"]) == 50
    assert shocks.schema.field("left").metadata[b"unit"] == b"USD"
    assert any(shocks.column("liquidated").to_pylist())
    assert pq.read_table("out/tables/liquidation_prices.parquet").num_rows == 3
    assert pq.read_table("out/tables/bucket_moves.parquet").num_rows == 5 * 2


TWENTY = b"""
collateral = 320
[[position]]
market = "BTC"
side = "long"
notional = 6140
entry = 50000
mode = "isolated"
leverage = 20
margin = 307
"""


def test_a_fall_costs_the_margin_and_a_jump_is_asked_for_and_said(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    account = load_account(TWENTY, AccountOptions(price=("BTC=50000",)))
    fall, jump = (
        stress(account, shocks=["-2%", "-10%", "-60%"], survive="-10%", instant=instant).to_dict()
        for instant in (False, True)
    )
    assert (fall["instant"], jump["instant"]) == (False, True)
    assert [Decimal(each["lost"]) for each in jump["shocks"]] == [Decimal("122.8"), 0, 0]
    small, large, larger = (Decimal(each["lost"]) for each in fall["shocks"])
    assert (small, larger) == (Decimal("122.8"), large)
    assert 230 < large <= 307
    # Only what is left differs: prices, remedies and what is liquidated are the same.
    for sheet in ("liquidation_prices", "smallest_moves", "remedies", "closes", "shock_buckets"):
        assert fall[sheet] == jump[sheet]
    assert not fall["warnings"]
    assert "instant, one mark step each" in jump["warnings"][0]
    Path("twenty.toml").write_bytes(TWENTY)
    for option, said in ((), "move through the book"), (("--instant",), "Prices jump"):
        run("twenty.toml", "--price", "BTC=50000", "--shock", "-10", *option)
        assert said in " ".join(capsys.readouterr().out.split())


def test_an_account_already_under_maintenance_is_a_warning() -> None:
    found = result_of(str(ROOT / "examples" / "account_parent.json"), shocks=["5"]).to_dict()
    assert found["verdict"] == ["The account is liquidatable at the present prices."]
    assert "SOL child account: under maintenance margin as it stands" in found["warnings"][0]


def test_open_orders_act_and_it_says_so() -> None:
    result = result_of(str(ROOT / "examples" / "rehearse_account.toml"), shocks=["20"])
    found = result.to_dict()
    assert not found["warnings"]
    assert "with them" in found["verdict"][0]
    assert "the account's orders rest from now on" in found["assumptions"][-1]
    traded = {each.size: each.ordered for each in result.cells if each.move.kind == "alone"}
    assert traded[Fraction(1, 5)] == 0
    assert 0 < (traded[Fraction(-1, 5)] or 0) < 60_000 * MICRO


REFUSED = {
    "shock zero": (["--shock", "0"], "--shock: '0' should be percent above 0"),
    "shock words": (["--shock", "five"], "--shock: 'five' should be percent above 0"),
    "shock in a list": (["--shock", "5,,7"], "--shock: '' should be percent above 0"),
    "shock too far down": (["--shock", "-100"], "--shock: '-100' should be less than 100 % down"),
    "shock both ways too far": (["--shock", "100"], "--shock: '100' should be less than 100 %"),
    "shock too far up": (["--shock", "+1001"], "--shock: '+1001' should be percent above 0"),
    "too many shocks": (
        ["--shock", ",".join(f"{n}.5" for n in range(1, 22))],
        "--shock: '42 sizes' should be at most 40",
    ),
    "beta alone": (["--beta", "1.2"], "--beta: '1.2' should be MARKET=BETA"),
    "beta of nothing": (["--beta", "DOGE=1.2"], "--beta: 'DOGE' should be one of the markets"),
    "beta words": (["--beta", "ETH=much"], "--beta: 'much' should be a number"),
    "beta too high": (["--beta", "ETH=21"], "--beta: '21' should be a number from -20 to 20"),
    "beta of the lead": (["--beta", "BTC=2"], "--beta: 'BTC=2' should be 1"),
    "betas no TOML": (["--betas", "text.toml"], "betas: text.toml: not valid TOML"),
    "betas no numbers": (["--betas", "fall.toml"], "betas: fall.toml: name: 'ten minutes down'"),
    "survive words": (["--survive", "crash"], "--survive: 'crash' should be percent above 0"),
    "survive nothing": (["--survive", "DOGE=-5%"], "--survive: 'DOGE' should be one of"),
    "survive all of it": (["--survive", "-100%"], "--survive: '-100%' should be less than"),
    "survive without a sign": (["--survive", "beta=5"], "--survive: 'beta=5' should be beta=-5"),
    "scenario nowhere": (["--scenario", "no_such"], "no_such: is no .toml file and no scenario"),
    "scenario broken": (["--scenario", "text.toml"], "text.toml: not valid TOML"),
    "depth": (["--depth", "0"], "--depth: '0' should be 1 to 1,000,000,000 USD"),
    "depth of nothing": (["--depth", "DOGE=5000"], "--depth: 'DOGE' should be one of the markets"),
    "price": (["--price", "BTC=low"], "--price: 'BTC=low'"),
    "price of nothing": (["--price", "DOGE=1"], "--price: 'DOGE' is not one of the markets"),
    "shocked beyond": (
        ["--price", "BTC=107374182.3", "--shock", "+20"],
        "BTC +20 %: BTC at 128849018.8 USD; the engine holds at most 107374182.3",
    ),
    "at without address": (["--at", "http://127.0.0.1:1"], "--at: "),
}  # fmt: skip


@pytest.mark.parametrize("case", list(REFUSED))
def test_bad_input_is_one_line_and_status_2(
    case: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments, message = REFUSED[case]
    with pytest.raises(SystemExit) as ended:
        run(*arguments)
    assert ended.value.code == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    last = shown.err.splitlines()[-1]
    assert last.startswith("seawall stress: ")
    assert message in last
    assert "Traceback" not in shown.err
