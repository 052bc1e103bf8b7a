"""``seawall carry`` as a user calls it: one position, recorded funding, an account, and refused."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from cyclopts import App

from seawall.accounts.load import load_account
from seawall.cli.carry import carry
from seawall.domain.errors import InputError
from seawall.lab.carry import carry as question
from tests.shared_files import ROOT, shared_file

# An account of a file is valued by the machine, which the first test of a process may compile.
pytestmark = pytest.mark.timeout(600)

FUNDING = "date,coin,funding_rate\n" + "".join(
    f"2026-01-0{1 + hour // 24}T{hour % 24:02d}:00:00Z,BTC,0.0000{hour % 10}\n"
    for hour in range(48)
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "funding.csv").write_text(FUNDING)
    (tmp_path / "candles.csv").write_text(
        "date,open,high,low,close\n2026-01-01T00:00:00Z,1,1,1,1\n2026-01-01T01:00:00Z,1,1,1,1\n"
    )
    (tmp_path / "empty.toml").write_text("collateral = 100\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> None:
    app = App(name="seawall", result_action="return_value")
    app.command(carry, name="carry")
    app(["carry", *arguments])


def made(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    run(*arguments, "--json")
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_without_arguments(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run()
    printed = capsys.readouterr().out
    for words in ("What it costs to hold", "Flat at", "Funding over time", "At each leverage"):
        assert words in printed
    assert not list(folder.glob("*.html"))


def test_the_month_by_hand(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # As the table in test_carry.py: 1 BTC at 100,000, taker in, maker out, 30 days at 10x.
    found = made(
        capsys, "BTC", "--size", "1", "--price", "100000", "--entry-fee", "taker", "--exit-fee",
        "maker", "--slippage", "0", "--days", "30", "--funding", "0.0000125", "--leverage", "10",
    )  # fmt: skip
    position = found["position"]
    assert (position["notional"], position["margin"]) == ("100000", "10000")
    assert found["costs"] == {"entry": 45.0, "exit": 15.0, "funding": 900.0, "total": 960.0}
    assert found["position"]["settlements"] == 720
    assert found["position"]["break_even"] == pytest.approx((100_045 + 900) / 0.99985, rel=1e-12)
    assert [row["funding"] for row in found["periods"]] == ["0", "210", "420", "630", "840", "900"]
    assert [row["bucket_equity"] for row in found["periods"]][-1] == "9055"
    ten = next(row for row in found["leverages"] if row["leverage"] == 10)
    assert ten["cost_of_margin"] == pytest.approx(0.096, rel=1e-12)
    assert ten["liquidation_price_at_first"] == pytest.approx((1e5 - 9_955) * 80 / 79, rel=1e-9)
    assert ten["liquidation_price_at_the_end"] == pytest.approx((1e5 - 9_055) * 80 / 79, rel=1e-9)
    rows = {row["funding_path"]: row for row in found["sensitivity"]}
    assert rows["-2 x"]["funding"] == "-1800"
    assert rows["-2 x"]["hours_until_liquidation"] is None


@pytest.mark.parametrize("market", ["BTC", "SOL", "XRP"])
@pytest.mark.parametrize("rulebook", ["hyperliquid", "dydx"])
@pytest.mark.parametrize("side", ["long", "short"])
def test_markets_and_rules(
    folder: Path, capsys: pytest.CaptureFixture[str], market: str, rulebook: str, side: str
) -> None:
    found = made(capsys, market, "--rulebook", rulebook, "--side", side, "--days", "3")
    price, flat = float(found["position"]["price"]), found["position"]["break_even_at_once"]
    assert (flat > price) == (side == "long")
    assert found["position"]["settlements"] == 72
    assert (found["costs"]["funding"] > 0) == (side == "long")


def test_fees_and_rebates(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = made(
        capsys, "--entry-fee", "maker", "--exit-fee", "-0.00002", "--maker-share", "4%",
        "--fee-volume", "600000000",
    )  # fmt: skip
    assert (found["position"]["entry_fee_rate"], found["position"]["exit_fee_rate"]) == (
        -0.00003,
        -0.00002,
    )
    assert (found["position"]["entry_slippage"], found["position"]["exit_slippage"]) == (0.0, 0.0)
    tier = made(capsys, "--fee-volume", "600000000")
    assert (tier["position"]["entry_fee_rate"], tier["position"]["exit_fee_rate"]) == (
        0.00028,
        0.00028,
    )
    assert tier["position"]["entry_slippage"] > 0


def test_recorded_funding(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = made(
        capsys, "BTC", "--size", "1", "--price", "100000", "--funding-file", "funding.csv",
    )  # fmt: skip
    assert found["position"]["settlements"] == 48
    assert found["position"]["days"] == 2.0
    total = sum(Decimal(f"0.0000{hour % 10}") for hour in range(48))
    assert Decimal(str(found["costs"]["funding"])) == 100_000 * total
    part = made(
        capsys, "BTC", "--funding-file", "funding.csv", "--from", "2026-01-01T12:00", "--days", "1"
    )
    assert part["position"]["settlements"] == 24


def test_funding_goes_back(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = made(
        capsys, "--funding", "0.0001", "--revert-to", "0.00002", "--half-life", "6", "--days", "2",
        "--move", "-10%",
    )  # fmt: skip
    assert found["position"]["first_funding_rate"] == pytest.approx(
        2e-5 + 8e-5 * 0.5 ** (1 / 6), abs=1e-12
    )
    assert 0.00002 < found["position"]["mean_funding_rate_an_hour"] < 0.0001


def test_funding_alone_liquidates(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("--funding", "0.001", "--leverage", "25", "--days", "10")
    printed = capsys.readouterr().out
    assert "funding alone liquidates the position after 28.0 h" in " ".join(printed.split())
    assert "liquidated" in printed


def test_files(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("--report", "out/carry.html", "--parquet", "out/tables")
    capsys.readouterr()
    page = (folder / "out/carry.html").read_text()
    assert page.count("<svg") == 2
    names = sorted(path.name for path in (folder / "out/tables").iterdir())
    assert names == [
        f"{name}.parquet"
        for name in (
            "assumed", "before_funding", "costs", "leverages", "over_time", "periods", "position",
            "sensitivity",
        )
    ]  # fmt: skip
    table = pq.read_table(folder / "out/tables/over_time.parquet").to_pydict()
    assert table["funding"] == sorted(table["funding"])
    assert table["hours"][-1] == 720.0


@pytest.mark.parametrize("name", ["account_hybrid.json", "account_parent.json"])
def test_an_account(folder: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    account = str(ROOT / "examples" / name)
    found = made(capsys, "--account", account, "--funding", "0.00001", "--funding", "BTC=-0.00002")
    rates = {each["market"]: each["rate_an_hour"] for each in found["positions"]}
    assert rates.pop("BTC") == -0.00002
    assert set(rates.values()) == {0.00001}
    hourly = sum(Decimal(each["funding_an_hour"]) for each in found["buckets"])
    assert Decimal(found["funding_a_day"]) == 24 * hourly
    assert hourly == sum(Decimal(each["funding_an_hour"]) for each in found["positions"])
    run("--account", account, "--report", "account.html", "--parquet", "tables")
    page = (folder / "account.html").read_text()
    assert page.count("<svg") == 1
    # The parent account comes with its markets, and they tell their rates.
    is_silent = name == "account_hybrid.json"
    assert ("The funding rate now is not known for BTC, ETH, HYPE: longs pay" in page) == is_silent
    assert not any("The funding rate now" in each for each in found["assumptions"])
    capsys.readouterr()
    only = made(capsys, "--account", account, "--funding", "BTC=0.0001")["assumptions"]
    assert any("not known for ETH, HYPE:" in each for each in only) == is_silent


BAD = (
    (("NOPE",), "market: 'NOPE' is not known here"),
    (("--side", "flat"), "--side: 'flat' should be long or short"),
    (("--size", "0"), "--size: '0'"),
    (
        ("--size", "0.0000001"),
        "should be coins above 0 with at most 5 decimals",
    ),
    (("--size", "1", "--notional", "1"), "--notional: '1' should be left out beside a size"),
    (("--notional", "0.01"), "--notional: '0.01' should be one lot"),
    (("--notional", "1e12"), "--notional"),
    (("--leverage", "41"), "--leverage: '41' should be a whole number from 1 to 40"),
    (("--leverage", "2.5"), "--leverage: '2.5'"),
    (("--notional", "200000000", "--leverage", "30"), "from 1 to 20"),
    (("--days", "0"), "--days: '0'"),
    (("--days", "1e9"), "--days: '1e9'"),
    (("--entry-fee", "free"), "--entry-fee: 'free' should be taker, maker or a rate"),
    (("--exit-fee", "0.5"), "--exit-fee: '0.5'"),
    (("--fee-volume", "x"), "--fee-volume: 'x'"),
    (("--maker-share", "200%"), "--maker-share: '200%'"),
    (("--slippage", "-1"), "--slippage: '-1'"),
    (("--funding", "x"), "--funding: 'x'"),
    (("--funding", "0.05"), "--funding: '0.05'"),
    (("--funding", "0.0001", "--funding", "0.0002"), "several belong to an --account"),
    (("--funding-file", "candles.csv"), "no column funding_rate"),
    (("ETH", "--funding-file", "funding.csv"), "no rows of ETH"),
    (("--funding-file", "funding.csv", "--funding", "0"), "--funding: '0' should be left out"),
    (
        ("--funding-file", "funding.csv", "--half-life", "6"),
        "--half-life: '6' should be left out beside a funding_file",
    ),
    (("--funding-file", "funding.csv", "--from", "soon"), "--from: 'soon' is not a time"),
    (("--funding-file", "funding.csv", "--from", "2030-01-01"), "nothing is paid from 2030"),
    (("--from", "2026-01-01"), "--from: 2026-01-01: belongs to a --funding-file"),
    (("--revert-to", "x"), "--revert-to: 'x'"),
    (("--revert-to", "0", "--half-life", "0"), "--half-life: '0'"),
    (("--half-life", "6"), "--half-life: '6' should be left out without a rate to which"),
    (
        ("--slippage", "1", "--entry-fee", "maker", "--exit-fee", "-0.00002"),
        "--slippage: '1' should be left out where neither order takes",
    ),
    (("--move", "-100%"), "--move: '-100%'"),
    (("--price", "-1"), "--price"),
    (("--account", "empty.toml"), "empty.toml"),
    (("BTC", "--account", "empty.toml"), "MARKET: BTC: an --account shows all"),
    (("--account", "empty.toml", "--size", "1"), "--size: 1: an --account brings its own"),
    (("--account", str(ROOT / "examples/account_hybrid.json"), "--funding", "DOGE=0"), "'DOGE'"),
    (("--account", "empty.toml", "--revert-to", "0"), "--revert-to: 0: an --account brings"),
)


def test_a_start_without_recorded_rates_is_refused() -> None:
    with pytest.raises(InputError, match="start_ms: 1 should be left out without a funding_file"):
        question(load_account(), start_ms=1)


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
    assert line.startswith("seawall carry: ")
    assert message in line


def test_a_recorded_month(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = "data/hyperliquid_funding_candles/hl_hourly_funding_14coins_2023-05_2025-07.parquet"
    found = made(capsys, "SOL", "--funding-file", str(shared_file(file)), "--days", "30")
    assert found["position"]["settlements"] == 720
    assert found["costs"]["funding"] != 0
