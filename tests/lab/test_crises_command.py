"""``seawall crises`` as a user calls it: built-in account, files, candles, and what is refused."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from cyclopts import App

import seawall as sw
from seawall.cli.crises import crises
from seawall.engine.placement import Placement
from seawall.lab.crises.crisis import crisis_of, with_recorded
from seawall.lab.market.named_scenarios import load, starting_path
from seawall.report.findings import NOT_CONSERVED
from tests.lab.crisis_tasks import CRASH, PRICES, loaded
from tests.shared_files import shared_file

# The first account in this process compiles the engine.
pytestmark = pytest.mark.timeout(600)

ACCOUNT = """
collateral = 20000
[[position]]
market = "BTC"
side = "long"
notional = 160000
entry = 100000
leverage = 10
"""
SMALL = ("--population", "60", "--workers", "1")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "account.toml").write_text(ACCOUNT)
    (tmp_path / "empty.toml").write_text("collateral = 100\n")
    (tmp_path / "crash.toml").write_text(CRASH)
    (tmp_path / "text.toml").write_text("this is no TOML")
    (tmp_path / "btc.csv").write_text(candles("BTCUSDT"))
    (tmp_path / "doge.csv").write_text(candles("DOGEUSDT"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def candles(symbol: str) -> str:
    """The fifteen minutes of the test's crash, minute by minute, 10 % down in the sixth."""
    start = datetime(2025, 10, 10, 20, 50, tzinfo=UTC)
    lines = ["symbol,date,open,high,low,close"]
    for minute in range(20):
        level = 50_000 if minute < 10 else 45_000
        low = level if minute != 10 else 40_000
        when = (start + timedelta(minutes=minute)).strftime("%Y-%m-%dT%H:%M:%SZ")
        lines.append(f"{symbol},{when},{level},{level},{low},{level}")
    return "\n".join(lines) + "\n"


def run(*arguments: str) -> None:
    app = App(name="seawall", result_action="return_value")
    app.command(crises, name="crises")
    app(["crises", *arguments])


def made(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    run(*arguments, "--json")
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_every_outcome_is_there(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = made(capsys, "--crisis", "crash.toml", *SMALL)
    assert [each["name"] for each in found["rulebooks"]] == ["hyperliquid", "dydx"]
    outcomes = found["outcomes"]
    assert len(outcomes) == 2 * 3 * 2
    assert len({(e["rulebook"], e["mode"], e["depth"]) for e in outcomes}) == 12
    liquidated = {(e["rulebook"], e["mode"], e["depth"]) for e in found["liquidations"]}
    for each in outcomes:
        assert each["start"] == "100000"
        assert each["money_conserved"] is True
        assert float(each["lost"]) == pytest.approx(100_000 - float(each["end"]))
        closed = bool(set(each["closed_by"]) - {"deleveraged as a winner"})
        assert ((each["rulebook"], each["mode"], each["depth"]) in liquidated) == closed
    ends = [float(each["end"]) for each in outcomes]
    ranked = {each["rank"]: float(each["end"]) for each in outcomes}
    assert (ranked["best"], ranked["worst"]) == (max(ends), min(ends))
    assert len(found["rulebook_differences"]) == 6
    assert_counted(outcomes, found["worst_cases"])
    assert all(each["first_difference"] for each in found["rulebook_differences"])
    assert found["seed"] == 1


def assert_counted(outcomes: list[dict[str, Any]], cases: list[dict[str, Any]]) -> None:
    """The sheet of worst cases, counted again from the outcomes."""
    assert [each["mode"] for each in cases] == ["cross", "isolated", "hybrid"]
    for case in cases:
        mine = [each for each in outcomes if each["mode"] == case["mode"]]
        ends = [float(each["end"]) for each in mine]
        assert case["outcomes"] == len(mine)
        assert case["wiped_out"] == sum(end <= 10_000 for end in ends)
        assert float(case["worst_end"]) == min(ends)
        assert float(case["best_end"]) == max(ends)
        assert float(case["lowest"]) == min(float(each["lowest"]) for each in mine)
        (worst,) = [
            each for each in mine
            if (each["rulebook"], each["depth"]) == (case["worst_rulebook"], case["worst_depth"])
        ]  # fmt: skip
        assert float(worst["end"]) == min(ends)


def test_money_that_is_missing_ends_with_status_1(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Placement, "is_conserved", lambda _: False)
    only = ("--mode", "cross", "--depth", "2%", "--rulebook", "dydx")
    with pytest.raises(SystemExit) as ended:
        run("account.toml", "--crisis", "crash.toml", *only, *SMALL, "--json")
    assert ended.value.code == 1
    found = json.loads(capsys.readouterr().out)
    assert [each["money_conserved"] for each in found["outcomes"]] == [False]
    assert any(each.startswith(NOT_CONSERVED) for each in found["warnings"])


def test_tables_report_and_parquet(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(
        "account.toml", "--crisis", "crash.toml", "--depth", "calm,10%", *SMALL,
        "--report", "out/crises.html", "--parquet", "out",
    )  # fmt: skip
    printed = capsys.readouterr().out
    assert "\nWiped out: cross in " in printed
    assert "\nThe worst case leaves, of 20,000 USD: cross " in printed
    assert "The account under two rulebooks" in printed
    # What others hold and lose is for programs.
    for words in ("The population", "Accounts that end", "account 1", "sold to book"):
        assert words not in printed
    assert "hybrid" not in printed
    outcomes = pq.read_table(folder / "out" / "outcomes.parquet")
    assert sorted(set(outcomes["depth"].to_pylist())) == ["10%", "calm"]
    assert outcomes.num_rows == 2 * 2 * 2
    lines = pq.read_table(folder / "out" / "equity.parquet")
    assert set(lines["mode"].to_pylist()) == {"cross", "isolated"}
    accounts = pq.read_table(folder / "out" / "different_accounts.parquet")
    assert all(accounts["why"].to_pylist())
    assert "out/crises.html" in printed
    assert (folder / "out" / "crises.html").stat().st_size > 10_000


def test_one_mode_one_rulebook(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = made(
        capsys, "account.toml", "--crisis", "crash.toml", "--mode", "isolated", "--depth",
        "drought", "--rulebook", "dydx", *SMALL,
    )  # fmt: skip
    (each,) = found["outcomes"]
    assert (each["rulebook"], each["mode"], each["depth"]) == ("dydx", "isolated", "drought")
    assert found["liquidations"][0]["bucket"] == "BTC"
    assert "rulebook_differences" not in found


def test_candles_take_the_place_of_the_shape(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = ("account.toml", "--crisis", "crash.toml", "--mode", "cross", "--depth", "calm", *SMALL)
    shape = made(capsys, *line)
    real = made(capsys, *line, "--candles", "crash.toml=btc.csv")
    assert shape["marks"][1]["lowest"] == pytest.approx(0.8, abs=0.01)
    # Fifty thousand to forty, from the account's own hundred thousand: the mark of blocks is it.
    assert real["marks"][1]["lowest"] == pytest.approx(0.8, abs=0.002)
    assert real["crises"][0]["minutes"] != shape["crises"][0]["minutes"]
    assert [each["source"] for each in real["price_paths"]] == ["candles of btc.csv"]
    assert [each["source"] for each in shape["price_paths"]] == ["levels of its own"]


def test_other_markets_keep_their_shape(folder: Path) -> None:
    path = starting_path(
        load(folder / "crash.toml"), loaded().holdings, loaded().instruments, PRICES
    )
    mixed = with_recorded(path, [folder / "btc.csv"])
    assert mixed.oracle["BTC"][0] == pytest.approx(100_000)
    assert mixed.oracle["BTC"].min() == pytest.approx(80_000)
    assert mixed.oracle["ETH"][0] == pytest.approx(4_000, rel=0.01)
    assert mixed.oracle["ETH"].min() == pytest.approx(3_200, rel=0.01)


def test_recorded_prices_leave_the_conditions_of_the_scenario(folder: Path) -> None:
    text = CRASH.replace(
        "[[market]]", "depth_percent = [[0, 50]]\npremium_bp = [[0, 30]]\n[[market]]"
    )
    (folder / "thin.toml").write_text(text)
    path = starting_path(
        load(folder / "thin.toml"), loaded().holdings, loaded().instruments, PRICES
    )
    mixed = with_recorded(path, [folder / "btc.csv"])
    for market in mixed.markets:
        assert mixed.depth[market] == pytest.approx(np.full(len(mixed.times_ms), 0.5))
    assert mixed.middle["ETH"] == pytest.approx(1.003 * mixed.oracle["ETH"], rel=1e-4)
    assert "BTC" not in mixed.middle


def test_recorded_days_of_real_candles() -> None:
    """2024-08-05: the lowest of five minutes was 17.3 % below the start of the crisis."""
    file = shared_file("data/ohlcv_funding/stress_2024-08-05_binance_5m.parquet")
    crisis = crisis_of("crash_2024_08_05", loaded(), [file])
    assert crisis.path.oracle["BTC"].min() / 100_000 == pytest.approx(0.827, abs=0.002)
    assert crisis.path.oracle["BTC"][0] == pytest.approx(100_000)
    assert crisis.path.origins["BTC"].source == f"candles of {file.name}"
    assert crisis.path.origins["ETH"].source.startswith("marks of Binance")


def test_the_library_takes_values_and_mappings(folder: Path) -> None:
    answer = sw.crises(
        sw.load_account(folder / "account.toml"),
        crises=folder / "crash.toml",
        rulebooks="hyperliquid",
        modes="cross",
        depths=[0.25, "calm"],
        population=0,
        candles={str(folder / "crash.toml"): [folder / "btc.csv"]},
        workers=1,
    )
    assert [each.depth for each in answer.outcomes] == ["25 %", "calm"]
    assert answer.task.depths == {"25 %": 0.25, "calm": 1.0}
    assert answer.sheet("outcomes").to_arrow().num_rows == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--crisis", "tulips_1637"], "--crisis: tulips_1637: is no .toml file and no scenario"),
        (["--crisis", "text.toml"], "--crisis: text.toml: not valid TOML"),
        (["--depth", "shallow"], "--depth: 'shallow' should be calm, drought, or 2 to 100 percent"),
        (["--depth", "1%"], "--depth: '1%' should be"),
        (["--depth", "calm,"], "--depth: 'calm,' should be a list with commas"),
        (["--cluster", "tcp://127.0.0.1:1", "--workers", "2"], "should be given without workers"),
        (["--mode", "portfolio"], "--mode: 'portfolio' should be cross or isolated or hybrid"),
        (
            ["account.toml", "--mode", "hybrid"],
            "--mode: 'hybrid' should be cross or isolated: one position cannot",
        ),
        (["--population", "-1"], "--population: -1 should be 0 to 50,000"),
        (["--population", "60000"], "--population: 60000 should be 0 to 50,000"),
        (["--workers", "0"], "--workers: 0 should be 1 or more"),
        (["--seed", "-3"], "--seed: -3 should be 0"),
        (["--rulebook", "nowhere"], "nowhere"),
        (["--rulebook", "dydx", "--rulebook", "dydx"], "--rulebook: two are called dydx"),
        (["--candles", "btc.csv"], "--candles: 'btc.csv' should be CRISIS=FILE"),
        (
            ["--candles", "ftx_2022_11=btc.csv"],
            "--candles: 'ftx_2022_11' should be one of the crises: crash_2025_10_10",
        ),
        (
            ["account.toml", "--candles", "crash_2025_10_10=doge.csv"],
            "--candles: doge.csv: candles of DOGEUSDT; the account's markets are BTC",
        ),
        (["--candles", "crash_2025_10_10=none.csv"], "--candles: none.csv: no such file"),
        (["missing.toml"], "missing.toml: no such file"),
        (["empty.toml"], "position"),
        (["--price", "DOGE=1"], "--price: 'DOGE' is not one of the markets"),
        (["--report", "report.pdf"], "--report: report.pdf: a report is HTML"),
    ],
)
def test_bad_input_is_named(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    with pytest.raises(SystemExit) as left:
        run(*arguments)
    assert left.value.code == 2
    told = capsys.readouterr()
    line = told.err.strip().splitlines()[-1]
    assert line.startswith("seawall crises: ")
    assert message in line
    assert told.out == ""
