"""``seawall stress`` as a user calls it: built-in account, files, wishes, and what is refused."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from cyclopts import App

from seawall.cli.stress import stress
from tests.shared_files import ROOT

# The first account in this process compiles the machine.
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
    app.command(stress, name="stress")
    app(["stress", *arguments])


def made(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    run(*arguments, "--json")
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_without_arguments(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = made(capsys)
    assert found["source"] == "the built-in example"
    assert found["equity"] == "100000"
    assert len(found["shocks"]) == 5 * 10
    moves = {each["move"] for each in found["shocks"]}
    assert moves == {"BTC", "ETH", "SOL", "all together", "BTC and betas"}
    prices = {each["market"]: each for each in found["liquidation_prices"]}
    assert Decimal(prices["BTC"]["last_safe"]) - Decimal(prices["BTC"]["first_liquidating"]) == (
        Decimal("0.1")
    )
    kinds = {(each["kind"], each["direction"]) for each in found["smallest_moves"]}
    assert ("together", "down") in kinds
    assert ("against", "up") in kinds
    assert found["assumptions"]


def test_every_figure_of_a_shock_adds_up(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = made(capsys)
    for each in found["shocks"]:
        total = sum(Decimal(bucket["equity"]) for bucket in each["buckets"])
        assert Decimal(each["equity"]) == total
        assert Decimal(each["change"]) == total - Decimal(found["equity"])
        assert Decimal(each["lost"]) == Decimal(found["equity"]) - Decimal(each["left"])
        after = each["after_liquidation"]
        assert (after is None) == (not each["liquidated"])
        if after is not None:
            assert sorted(after["liquidated_at_once"]) == sorted(each["liquidated"])
            worth = sum(max(Decimal(0), Decimal(bucket["equity"])) for bucket in each["buckets"])
            assert Decimal(after["cost"]) == worth - Decimal(after["equity"])


def test_the_terminal_says_what_matters(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("account.toml", "--shock", "-20", "--survive", "-20%", "--price", "BTC=117000")
    text = capsys.readouterr().out
    words = " ".join(text.split())
    assert "The nearest liquidation by one market: BTC -12.24 % (cross pool)." in words
    assert "To survive all together -20 %" in words
    assert "deposit to the account" in words
    assert "close a part of BTC" in words
    assert "Assumed" in words


def test_shocks_that_were_asked_for(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = made(capsys, "account.toml", "--shock", "7.5,-40%", "--shock", "+3")
    assert [each["percent"] for each in found["shocks"]] == [-7.5, 7.5, -40, 3]
    assert found["smallest_moves"] == []


def test_betas_that_were_asked_for(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = made(capsys, "--betas", "betas.toml", "--beta", "SOL=-0.5", "--shock", "-10")
    assert {name: each["beta"] for name, each in found["betas"].items()} == {
        "BTC": 1,
        "ETH": 1.2,
        "SOL": -0.5,
    }
    cell = next(each for each in found["shocks"] if each["move"] == "BTC and betas")
    now = found["prices"]
    assert Decimal(cell["prices"]["ETH"]) == Decimal(now["ETH"]) * Decimal("0.88")
    assert Decimal(cell["prices"]["SOL"]) == Decimal(now["SOL"]) * Decimal("1.05")


def test_moves_to_survive(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wishes = ["-20%", "+20%", "20%", "BTC=15%", "ETH=10%", "beta=-10%"]
    arguments = [part for wish in wishes for part in ("--survive", wish)]
    found = made(capsys, *arguments)["survive"]
    assert [(each["kind"], each["percent"]) for each in found] == [
        ("together", -20), ("together", 20), ("against", 20), ("alone", -15), ("alone", 10),
        ("beta", -10),
    ]  # fmt: skip
    assert not found[0]["survives"]
    assert found[1] == found[1] | {"survives": True, "remedies": []}
    deposit = found[0]["remedies"][0]["deposit"]
    assert Decimal(deposit) % Decimal("0.01") == 0


def test_scenarios(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = made(capsys, "account.toml", "--scenario", "fall.toml", "--scenario", "fall.toml")
    (line,) = found["scenarios"]
    assert line["name"] == "ten minutes down"
    assert line["minutes"] == 10
    assert [each["bucket"] for each in line["liquidated"]] == ["cross pool"]
    assert 2 < line["liquidated"][0]["minutes"] < 5
    assert line["first_position"] == "BTC"
    assert Decimal(line["lost"]) == Decimal(line["equity_start"]) - Decimal(line["equity_end"])
    assert Decimal(line["equity_lowest"]) <= Decimal(line["equity_end"])


def test_a_shipped_scenario_by_name(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("account.toml", "--scenario", "flash_crash", "--shock", "5", "--report", "out/r.html")
    text = " ".join(capsys.readouterr().out.split())
    assert "Named scenarios, starting now" in text
    assert "flash crash and rebound" in text


@pytest.mark.parametrize("name", ["account_hybrid.json", "account_parent.json"])
def test_accounts_of_venues(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = made(capsys, str(ROOT / "examples" / name), "--shock", "10")
    assert found["rulebook"]["name"] == ("dydx" if "parent" in name else "hyperliquid")
    assert len(found["buckets"]) >= 2


def test_other_rules(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = made(capsys, "--rulebook", "dydx", "--shock", "-20")
    assert [each["bucket"] for each in found["buckets"]] == ["main account", "SOL child account"]


def test_files_are_left(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("--report", "out/report.html", "--parquet", "out/tables", "--survive", "-10%")
    page = Path("out/report.html").read_text()
    assert "Liquidation ladder" in page
    assert "<svg" in page
    shocks = pq.read_table("out/tables/shocks.parquet").to_pydict()
    assert len(shocks["move"]) == 50
    assert any(shocks["is_liquidated"])
    assert pq.read_table("out/tables/liquidation_prices.parquet").num_rows == 3
    assert pq.read_table("out/tables/smallest_moves.parquet").num_rows == 5 * 2


def test_an_account_already_under_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(str(ROOT / "examples" / "account_parent.json"), "--shock", "5")
    words = " ".join(capsys.readouterr().out.split())
    assert "The account is liquidatable at the present prices." in words
    assert "SOL child account: under maintenance margin as it stands" in words


def test_open_orders_are_left_out_and_it_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    run(str(ROOT / "examples" / "rehearse_account.toml"), "--shock", "20")
    assert "1 open order left out of the shocks" in " ".join(capsys.readouterr().out.split())


REFUSED = {
    "no file": (["nothing.toml"], "nothing.toml: no such file"),
    "shock zero": (["--shock", "0"], "--shock: '0' should be percent above 0"),
    "shock words": (["--shock", "five"], "--shock: 'five' should be percent above 0"),
    "shock in a list": (["--shock", "5,,7"], "--shock: '' should be percent above 0"),
    "shock too far down": (["--shock", "-100"], "--shock: -100 % leaves no price"),
    "shock both ways too far": (["--shock", "100"], "--shock: -100 % leaves no price"),
    "shock too far up": (["--shock", "+1001"], "--shock: '+1001' should be percent above 0"),
    "too many shocks": (
        ["--shock", ",".join(f"{n}.5" for n in range(1, 22))], "--shock: 42 sizes; at most 40",
    ),
    "beta alone": (["--beta", "1.2"], "--beta: '1.2' should be MARKET=BETA"),
    "beta of nothing": (["--beta", "DOGE=1.2"], "--beta: 'DOGE' is not one of the markets"),
    "beta words": (["--beta", "ETH=much"], "--beta: 'ETH=much' should be a number"),
    "beta too high": (["--beta", "ETH=21"], "--beta: 'ETH=21' should be a number from -20 to 20"),
    "beta of the lead": (["--beta", "BTC=2"], "--beta: BTC leads"),
    "betas nowhere": (["--betas", "none.toml"], "--betas: none.toml: No such file"),
    "betas no TOML": (["--betas", "text.toml"], "--betas: text.toml: not valid TOML"),
    "betas no numbers": (["--betas", "fall.toml"], "--betas: fall.toml: name: 'ten minutes down'"),
    "survive words": (["--survive", "crash"], "--survive: 'crash' should be percent above 0"),
    "survive nothing": (["--survive", "DOGE=-5%"], "--survive: 'DOGE' is not one of the markets"),
    "survive all of it": (["--survive", "-100%"], "--survive: -100 % leaves no price"),
    "survive without a sign": (["--survive", "beta=5"], "--survive: 'beta=5' needs a sign"),
    "scenario nowhere": (["--scenario", "no_such"], "no_such: is no .toml file and no scenario"),
    "scenario broken": (["--scenario", "text.toml"], "text.toml: not valid TOML"),
    "depth": (["--depth", "0"], "--depth: '0' should be 1 to 1,000,000,000 USD"),
    "depth of nothing": (["--depth", "DOGE=5000"], "--depth: 'DOGE' is not one of the markets"),
    "price": (["--price", "BTC=low"], "--price: 'BTC=low'"),
    "price of nothing": (["--price", "DOGE=1"], "--price: 'DOGE' is not one of the markets"),
    "shocked beyond": (
        ["--price", "BTC=107374182.3", "--shock", "+20"],
        "BTC +20 %: BTC at 128849018.8 USD; the machine holds at most 107374182.3",
    ),
    "rulebook": (["--rulebook", "none"], "none"),
    "at without address": (["--at", "http://127.0.0.1:1"], "--at: "),
    "report": (["--report", "report.txt"], "--report: report.txt: a report is HTML"),
    "parquet": (["--parquet", "account.toml"], "--parquet: account.toml: is a file"),
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
