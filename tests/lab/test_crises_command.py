"""``seawall crises`` as a user calls it: built-in account, files, candles, and what is refused."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from cyclopts import App

from seawall.cli.crises import crises
from seawall.lab.crises.scripts import make_script, with_recorded
from seawall.lab.crises.setup import Rules
from seawall.lab.market.named_scenarios import load, starting_path
from tests.lab.crisis_tasks import CRASH, PRICES, account, both_rules
from tests.shared_files import shared_file

# The first account in this process compiles the machine.
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


def test_every_cell_is_there(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = made(capsys, "--crisis", "crash.toml", *SMALL)
    assert [each["name"] for each in found["rulebooks"]] == ["hyperliquid", "dydx"]
    (crisis,) = found["crises"]
    cells = crisis["cells"]
    assert len(cells) == 2 * 3 * 2
    assert len({(e["rulebook"], e["mode"], e["depth"]) for e in cells}) == 12
    for cell in cells:
        assert cell["start"] == "100000"
        assert cell["money_conserved"] is True
        assert float(cell["lost"]) == pytest.approx(100_000 - float(cell["end"]))
        assert bool(cell["liquidated"]) == bool(set(cell["taken_by"]) - {"deleveraged as a winner"})
    ends = [float(each["end"]) for each in cells]
    assert float(crisis["best"]["end"]) == max(ends)
    assert float(crisis["worst"]["end"]) == min(ends)
    assert len(crisis["rulebooks_compared"]) == 6
    assert all(each["first_difference"] for each in crisis["rulebooks_compared"])
    assert found["seed"] == 1


def test_tables_report_and_parquet(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(
        "account.toml", "--crisis", "crash.toml", "--depth", "calm,10%", *SMALL,
        "--report", "out/crises.html", "--parquet", "out",
    )  # fmt: skip
    printed = capsys.readouterr().out
    assert "best " in printed
    assert "worst " in printed
    assert "First differing event: " in printed
    assert "Who ends differently under hyperliquid and dydx" in printed
    assert "hybrid" not in printed
    cells = pq.read_table(folder / "out" / "cells.parquet")
    assert sorted(set(cells["depth"].to_pylist())) == ["10%", "calm"]
    assert cells.num_rows == 2 * 2 * 2
    lines = pq.read_table(folder / "out" / "equity.parquet")
    assert set(lines["mode"].to_pylist()) == {"cross", "isolated"}
    people = pq.read_table(folder / "out" / "people.parquet")
    assert all(people["why"].to_pylist())
    assert "out/crises.html" in printed
    assert (folder / "out" / "crises.html").stat().st_size > 10_000


def test_one_mode_one_rulebook(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = made(
        capsys, "account.toml", "--crisis", "crash.toml", "--mode", "isolated", "--depth",
        "drought", "--rulebook", "dydx", *SMALL,
    )  # fmt: skip
    (crisis,) = found["crises"]
    (cell,) = crisis["cells"]
    assert (cell["rulebook"], cell["mode"], cell["depth"]) == ("dydx", "isolated", "drought")
    assert cell["liquidated"][0]["bucket"] == "BTC"
    assert crisis["rulebooks_compared"] == []


def test_candles_take_the_place_of_the_shape(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wish = ("account.toml", "--crisis", "crash.toml", "--mode", "cross", "--depth", "calm", *SMALL)
    shape = made(capsys, *wish)["crises"][0]
    real = made(capsys, *wish, "--candles", "crash.toml=btc.csv")["crises"][0]
    assert shape["cells"][1]["lowest_mark"]["BTC"] == pytest.approx(0.8, abs=0.01)
    # Fifty thousand to forty, from the account's own hundred thousand: the mark of blocks is it.
    assert real["cells"][1]["lowest_mark"]["BTC"] == pytest.approx(0.8, abs=0.002)
    assert real["minutes"] != shape["minutes"]
    assert "BTC from btc.csv" in real["sources"]["prices"]


def test_other_markets_keep_their_shape(folder: Path) -> None:
    rules = both_rules()[0]
    path = starting_path(load(folder / "crash.toml"), account(), rules.instruments, PRICES)
    mixed = with_recorded(path, [folder / "btc.csv"])
    assert mixed.oracle["BTC"][0] == pytest.approx(100_000)
    assert mixed.oracle["BTC"].min() == pytest.approx(80_000)
    assert mixed.oracle["ETH"][0] == pytest.approx(4_000, rel=0.01)
    assert mixed.oracle["ETH"].min() == pytest.approx(3_200, rel=0.01)


def test_recorded_days_of_real_candles() -> None:
    """2024-08-05: the lowest of five minutes was 17.3 % below the start of the crisis."""
    file = shared_file("data/ohlcv_funding/stress_2024-08-05_binance_5m.parquet")
    rules: Rules = both_rules()[0]
    name = "crash_2024_08_05"
    script = make_script(
        name, load(name), account(), rules.instruments,
        {each.name: each for each in rules.instruments}, PRICES, [file],
    )  # fmt: skip
    assert script.path.oracle["BTC"].min() / 100_000 == pytest.approx(0.827, abs=0.002)
    assert script.path.oracle["BTC"][0] == pytest.approx(100_000)
    assert script.source.startswith("recorded: BTC from stress_2024-08-05")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--crisis", "tulips_1637"], "--crisis: tulips_1637: is no .toml file and no scenario"),
        (["--crisis", "text.toml"], "--crisis: text.toml: not valid TOML"),
        (["--depth", "shallow"], "--depth: 'shallow' should be calm, drought, or 2 to 100 percent"),
        (["--depth", "1%"], "--depth: '1%' should be"),
        (["--depth", "calm,"], "--depth: 'calm,' should be a list with commas"),
        (["--mode", "portfolio"], "--mode: 'portfolio' should be one of cross, isolated, hybrid"),
        (["account.toml", "--mode", "hybrid"], "--mode: hybrid: one position cannot"),
        (["--population", "-1"], "--population: -1 should be 0 to 50,000"),
        (["--population", "60000"], "--population: 60000 should be 0 to 50,000"),
        (["--workers", "0"], "--workers: 0 should be 1 or more"),
        (["--seed", "-3"], "--seed: -3 should be 0"),
        (["--rulebook", "nowhere"], "nowhere"),
        (["--rulebook", "dydx", "--rulebook", "dydx"], "--rulebook: two are called dydx"),
        (["--candles", "btc.csv"], "--candles: 'btc.csv' should be CRISIS=FILE"),
        (
            ["--candles", "ftx_2022_11=btc.csv"],
            "--candles: 'ftx_2022_11' is not one of the crises played: crash_2025_10_10",
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
