"""``seawall size`` as a user calls it: without arguments, with books and accounts, and refused."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from cyclopts import App

from seawall.cli.size import size
from tests.shared_files import ROOT, shared_file

# An account of a file is valued by the machine, which the first test of a process may compile.
pytestmark = pytest.mark.timeout(600)

BOOK = {
    "coin": "BTC",
    "time": 1_790_000_000_000,
    "levels": [
        [{"px": "99990", "sz": "1"}, {"px": "99900", "sz": "2"}, {"px": "99000", "sz": "10"}],
        [{"px": "100010", "sz": "1"}, {"px": "100100", "sz": "2"}, {"px": "101000", "sz": "10"}],
    ],
}
FUNDING_24H = "2026-01-01T00:00:00Z,100,101,99,100,5\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "book.json").write_text(json.dumps(BOOK))
    (tmp_path / "empty.json").write_text(json.dumps(BOOK | {"levels": [[], []]}))
    (tmp_path / "short.csv").write_text("date,open,high,low,close,volume\n" + FUNDING_24H)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> None:
    app = App(name="seawall", result_action="return_value")
    app.command(size, name="size")
    app(["size", *arguments])


def made(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    run(*arguments, "--json")
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_without_arguments(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run()
    printed = capsys.readouterr().out
    assert "Hold at most" in printed
    assert "loss budget decides" in printed
    for title in (
        "What limits the size",
        "Leaving at once",
        "Kelly of a drift",
        "at each leverage",
    ):
        assert title in printed
    assert not list(folder.glob("*.html"))


def test_the_object_says_the_same(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = made(capsys, "BTC", "--equity", "50000", "--loss-budget", "1%", "--stop", "4%")
    advice = found["advice"]
    assert advice["loss_budget"] == "500"
    assert Decimal(found["loss"]["total"]) <= 500
    parts = [Decimal(text) for name, text in found["loss"].items() if name != "total"]
    assert sum(parts) == Decimal(found["loss"]["total"])
    assert Decimal(advice["size"]) * Decimal(advice["price"]) == Decimal(advice["notional"])
    assert advice["decided_by"] == "loss budget"
    decides = [each["limit"] for each in found["limits"] if each["decides"]]
    assert decides == ["loss budget"]
    assert Decimal(advice["stop"]) == Decimal("112291.2")
    assert found["seed"] is None


@pytest.mark.parametrize("market", ["BTC", "ETH", "SOL", "DOGE", "XRP"])
@pytest.mark.parametrize("rulebook", ["hyperliquid", "dydx"])
@pytest.mark.parametrize("side", ["long", "short"])
def test_markets_and_rules(
    folder: Path, capsys: pytest.CaptureFixture[str], market: str, rulebook: str, side: str
) -> None:
    found = made(capsys, market, "--rulebook", rulebook, "--side", side)
    advice = found["advice"]
    assert advice["rulebook"] == rulebook
    assert Decimal(advice["size"]) > 0
    assert Decimal(found["loss"]["total"]) <= Decimal(advice["loss_budget"])
    below = Decimal(advice["stop"]) < Decimal(advice["price"])
    assert below == (side == "long")
    setting = next(e for e in found["settings"] if e["leverage"] == advice["leverage_setting"])
    assert setting["distance"] >= 1.5 * advice["stop_distance"]


def test_a_book_of_a_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = made(
        capsys, "BTC", "--book", "book.json", "--equity", "1000000", "--loss-budget", "100000",
        "--stop", "95000", "--stress", "50%", "--entry-fee", "maker", "--funding", "0",
    )  # fmt: skip
    assert found["advice"]["price"] == "100000"
    row = next(each for each in found["sizes"] if each["size"] == "10")
    # 1 at 99,990, 2 at 99,900, 7 at 99,000.
    assert Decimal(row["calm_slippage"]) == 10 + 2 * 100 + 7 * 1000
    # Half of each: 0.5 at 99,980 (the spread doubled), 1 at 99,900, 5 at 99,000; the rest beyond.
    assert row["stressed_is_extrapolated"]
    assert found["loss"]["entry_slippage"] == "0"
    assert found["loss"]["funding"] == "0"
    priced = made(capsys, "BTC", "--book", "book.json", "--price", "50000", "--stop", "3%")
    assert priced["advice"]["price"] == "50000"


def test_equity_of_an_account(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    account = str(ROOT / "examples" / "account_hybrid.json")
    found = made(capsys, "ETH", "--account", account)
    assert Decimal(found["advice"]["equity"]) == Decimal("6857.18")
    own = made(capsys, "ETH", "--account", account, "--equity", "1000")
    assert own["advice"]["equity"] == "1000"


def test_kelly_of_what_is_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = made(
        capsys, "--edge", "30%", "--volatility", "50%", "--funding", "0.00001", "--win-rate", "55%",
        "--payoff", "1", "--kelly", "0.25", "--max-drawdown", "0.5",
    )  # fmt: skip
    (trade,) = found["kelly_trades"]
    found = found["kelly"]
    assert found["kelly_leverage"] == pytest.approx((0.3 - 0.0876) / 0.25, rel=1e-12)
    assert found["chosen_leverage"] == pytest.approx(found["kelly_leverage"] / 4, rel=1e-12)
    assert found["chosen_fall_probability"] == pytest.approx(0.5**7, rel=1e-12)
    assert trade["kelly_share"] == pytest.approx(0.10, rel=1e-12)
    assert trade["risked_of_kelly"] == pytest.approx(found["risked_share"] / 0.1, rel=1e-12)
    assert 0 < trade["fall_bound"] < 0.1
    units = 0.5 / found["risked_share"]
    assert trade["ruin_at_constant_stake"] == pytest.approx((9 / 11) ** units, rel=1e-12)


def test_files(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("SOL", "--report", "out/size.html", "--parquet", "out/tables")
    capsys.readouterr()
    page = (folder / "out/size.html").read_text()
    assert page.count("<svg") == 1
    assert "square-root law" in page
    names = sorted(path.name for path in (folder / "out/tables").iterdir())
    assert names == [
        f"{name}.parquet"
        for name in (
            *("advice", "assumed", "exits", "kelly", "kelly_drifts", "kelly_trades", "limits"),
            *("loss", "settings", "sizes", "slippage"),
        )
    ]
    curve = pq.read_table(folder / "out/tables/slippage.parquet").to_pydict()
    assert curve["notional"] == sorted(curve["notional"])
    pairs = zip(curve["calm_bp"], curve["stressed_bp"], strict=True)
    assert all(calm < stressed for calm, stressed in pairs)


def test_nothing_fits(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = made(capsys, "--loss-budget", "0.00001")
    advice = found["advice"]
    assert (advice["size"], found["loss"], advice["leverage_setting"]) == ("0", [], None)
    run("--loss-budget", "0.00001", "--report", "none.html")
    assert "Do not trade this" in capsys.readouterr().out


def test_what_must_not_be_missed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("DOGE", "--equity", "5000000", "--volume", "1000000", "--hours", "2", "--stop", "2%")
    printed = capsys.readouterr().out
    assert "extrapolated by the square-root law, not read" in " ".join(printed.split())
    assert "longer than the horizon" in " ".join(printed.split())


BAD = (
    (("NOPE",), "market: 'NOPE' is not known here"),
    (("--side", "up"), "--side: 'up' should be long or short"),
    (("--equity", "-5"), "--equity: '-5' should be USD above 0"),
    (("--equity", "1e400"), "--equity: '1e400'"),
    (("--loss-budget", "200%"), "--loss-budget: '200%'"),
    (("--loss-budget", "abc"), "--loss-budget: 'abc'"),
    (
        ("--stop", "3"),
        "--stop: '3' should be a price between 11697 and 116970 USD in steps of 0.1, or a distance "
        "such as 3%",
    ),
    (("--stop", "120000"), "--stop: '120000'"),
    (("--stop", "100000", "--side", "short"), "a price between 116970 and 1169700 USD"),
    (("--stop", "0%"), "--stop: '0%'"),
    (("--clearance", "x"), "--clearance: 'x'"),
    (("--stress", "0"), "--stress: '0'"),
    (("--stress", "1.5"), "--stress: '1.5'"),
    (("--participation", "101%"), "--participation: '101%'"),
    (("--volume", "0"), "--volume: '0'"),
    (("--volume", "1e16"), "--volume: '1e16' should be USD a day above 0 and at most 1,000,000,"),
    (("--volume", "10%"), "--volume: '10%'"),
    (("--volatility", "-1"), "--volatility: '-1'"),
    (("--candles", "short.csv"), "short.csv: BTC: should have 24 candles"),
    (("--hours", "nan"), "--hours: 'nan'"),
    (("--hours", "0"), "--hours: '0'"),
    (("--funding", "1"), "--funding: '1' should be a fraction from -0.04 to 0.04"),
    (("--entry-fee", "free"), "--entry-fee: 'free' should be maker or taker"),
    (("--fee-volume", "-1"), "--fee-volume: '-1'"),
    (("--fee-volume", "1e12"), "should be USD from 0 to 100,000,000,000, such as 6000000"),
    (("--edge", "x"), "--edge: 'x'"),
    (("--win-rate", "101%"), "--win-rate: '101%'"),
    (("--payoff", "0"), "--payoff: '0'"),
    (("--kelly", "11"), "--kelly: '11'"),
    (("--ruin", "100%"), "--ruin: '100%'"),
    (("--max-drawdown", "100%"), "--max-drawdown: '100%'"),
    (("--risk-capital", "100001"), "--risk-capital: '100001' should be at most the equity of"),
    (("--risk-capital", "0"), "--risk-capital: '0'"),
    (("--trades", "1.5"), "--trades: '1.5' should be a whole number from 1 to 500"),
    (("--trades", "501"), "--trades: '501'"),
    (("--refill", "0"), "--refill: '0' should be seconds above 0"),
    (("--depth", "1"), "--depth: '1'"),
    (("--at-time", "2025-01-01"), "--at-time: 2025-01-01: belongs"),
    (("--book", "empty.json"), "bids: none"),
    (("ETH", "--book", "book.json"), "BTC"),
    (("--price", "abc"), "--price: 'BTC=abc'"),
    (("--price", "DOGE=1"), "--price: 'DOGE=1': the market is BTC"),
    (("--price", "ETH=4000"), "--price: 'ETH=4000': the market is BTC"),
)


@pytest.mark.parametrize(("arguments", "message"), BAD, ids=[" ".join(each) for each, _ in BAD])
def test_bad_input(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str
) -> None:
    with pytest.raises(SystemExit) as stopped:
        run(*arguments)
    assert stopped.value.code == 2
    streams = capsys.readouterr()
    assert streams.out == ""
    (line,) = streams.err.splitlines()
    assert line.startswith("seawall size: ")
    assert message in line


def test_a_recorded_book(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recorded = shared_file("data/l2_small_samples/hyperliquid_l2book_btcusd_20250126.jsonl.gz")
    found = made(capsys, "BTC", "--book", str(recorded))
    assert found["advice"]["price"] == "105050.5"
    assert Decimal(found["loss"]["total"]) <= 2000
