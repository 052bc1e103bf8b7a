"""``seawall rehearse`` as a user runs it: what it prints, draws, repeats and refuses."""

import json
import re
import struct
import zlib
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from msgspec import structs

import seawall as sw
from seawall.lab.rehearse.lessons import lessons
from seawall.lab.simulation.incidents import Incident, IncidentKind
from tests.lab.commands import SECONDS, made, refused, seawall
from tests.shared_files import shared_file

pytestmark = pytest.mark.timeout(SECONDS + 60)

ACCOUNT = """
collateral = 20000
[[position]]
market = "BTC"
side = "long"
notional = 150000
leverage = 10
"""
CANDLES = """date,open,high,low,close,funding_rate
2025-10-10T00:00:00Z,100000,100100,99900,100000,0.0001
2025-10-10T00:10:00Z,100000,100000,86000,86500,
2025-10-10T00:20:00Z,86500,95000,86500,94000,0.0001
"""


def rehearse(folder: Path, *arguments: str | Path) -> "CompletedProcess[str]":
    return seawall(folder, "rehearse", *arguments)


def rehearsed(folder: Path, *arguments: str | Path, **environment: str) -> dict[str, Any]:
    return made(folder, "rehearse", *arguments, **environment)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "account.toml").write_text(ACCOUNT)
    (tmp_path / "BTC.csv").write_text(CANDLES)
    return tmp_path


def picture(path: Path) -> tuple[int, int, int]:
    """Width, height and number of different scan lines of a PNG, whose checksums are checked."""
    content = path.read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    place, body, width, height = 8, b"", 0, 0
    while place < len(content):
        (length,) = struct.unpack_from(">I", content, place)
        kind = content[place + 4 : place + 8]
        data = content[place + 8 : place + 8 + length]
        (checksum,) = struct.unpack_from(">I", content, place + 8 + length)
        assert zlib.crc32(kind + data) == checksum
        if kind == b"IHDR":
            width, height = struct.unpack_from(">II", data)
        if kind == b"IDAT":
            body += data
        place += 12 + length
    assert kind == b"IEND"
    raw = zlib.decompress(body)
    stride = len(raw) // height
    return width, height, len({raw[i * stride + 1 : (i + 1) * stride] for i in range(height)})


def test_the_example_shows_every_stage(tmp_path: Path) -> None:
    outputs = ("--report", "out/report.html", "--parquet", "out/tables")
    result = rehearse(tmp_path, *outputs)
    assert result.returncode == 0, result.stderr
    text = " ".join(result.stdout.split())
    for words in (
        "Equity goes from 100,000 to",
        "SOL isolated: maintenance margin passes 50 %",
        "the backstop takes the whole bucket",
        "of the profitable position closed",
        "cross pool: below maintenance margin, liquidation begins",
        "(20.0 %) at",
        "lost its margin of 12,000 USD and nothing else",
        "cash = deposits - withdrawals yes",
    ):
        assert words in text
    width, height, lines = picture(tmp_path / "out" / "rehearsal.png")
    assert width > 1500
    assert height > 1000
    assert lines > height // 4
    page = (tmp_path / "out" / "report.html").read_text()
    assert "the backstop takes the whole bucket" in page
    # The rehearsal, and the candles of each market.
    assert page.count("<svg") == 1 + 3
    tables = {each.stem for each in (tmp_path / "out" / "tables").iterdir()}
    assert tables >= {"incidents", "positions_at_start", "equity_steps", "conservation"}


def test_the_same_input_gives_the_same_state(tmp_path: Path) -> None:
    first, again = rehearsed(tmp_path), rehearsed(tmp_path)
    assert first == again
    assert re.fullmatch("[0-9a-f]{32}", first["state_hash"])
    money = {name: micro(first["conservation"][name]) for name in ("cash", "isolated_cash")}
    outside = {name: micro(first["conservation"][name]) for name in ("deposits", "withdrawals")}
    assert sum(money.values()) == outside["deposits"] - outside["withdrawals"]
    assert first["conservation"]["equal"]
    assert not list(tmp_path.iterdir())


def micro(number: str) -> int:
    whole, _, fraction = number.partition(".")
    return int(whole + fraction.ljust(6, "0"))


def test_the_library_gives_the_answer_of_the_command(tmp_path: Path) -> None:
    answer = sw.rehearse(sw.load_account(), path="crash_2025_10_10")
    assert answer.is_conserved
    said = rehearsed(tmp_path)
    told = answer.to_dict()
    assert {name: said[name] for name in told} == told


def test_the_library_starts_at_prices_that_were_asked_for() -> None:
    account = sw.load_account().with_prices({"BTC": 90_000})
    answer = sw.rehearse(account, path="flash_crash")
    assert int(answer.series.mark[0, 0]) == pytest.approx(900_000, rel=0.01)


def deleveraged(market: int, size: int, before: int, price: int, time_ms: int) -> Incident:
    return Incident(
        time_ms=time_ms, kind=IncidentKind.DELEVERAGED_WINNER, market=market, isolated=market > 0,
        size=size, before=before, price=price, notional=size * price, money=10**9,
    )  # fmt: skip


def test_lessons_of_positions_that_were_deleveraged_for_their_profit() -> None:
    account = sw.load_account()
    answer = sw.rehearse(account, path="flash_crash")
    btc, sol = account.markets.index("BTC"), account.markets.index("SOL")
    assert sol in answer.start.buckets
    begin = int(answer.series.times_ms[0])
    lowest = int(answer.series.mark[btc, 1:].min())
    taken = [
        deleveraged(btc, 1_000, -1_000, lowest + 5_000, begin),
        deleveraged(sol, 7_000, -7_000, lowest * 20, begin),
    ]
    end = structs.replace(answer.end, holdings={})
    said = [*lessons(structs.replace(answer, incidents=taken, end=end))]
    (hedge,) = [each for each in said if "A hedge can be deleveraged" in each]
    # 1,000 units at 5,000 units of price above the lowest: 5 USD, whatever SOL's price is.
    assert "worth 5.00 USD more" in hedge
    assert not any("isolated SOL position lost" in each for each in said)


def test_no_lesson_of_a_liquidation_price_that_was_passed_before_the_start(files: Path) -> None:
    (files / "under.toml").write_text(ACCOUNT.replace("20000", "1000"))
    verdict = rehearsed(files, "under.toml", "--path", "BTC.csv")["verdict"]
    assert any(each.startswith("Equity goes from 1,000") for each in verdict)
    assert not any("at the start assumes" in each for each in verdict)


def test_an_isolated_loss_stays_in_its_bucket(tmp_path: Path) -> None:
    account = tmp_path / "a.toml"
    account.write_text(
        'collateral = 50000\n[[position]]\nmarket = "SOL"\nside = "long"\nnotional = 400000\n'
        'mode = "isolated"\nleverage = 20\n'
    )
    made = rehearsed(tmp_path, account)
    assert made["positions_at_end"] == []
    assert 50_000 - 20_000 <= float(made["equity_at_end"]) < 50_000 - 10_000


def test_every_incident_names_the_bucket_it_happened_to(tmp_path: Path) -> None:
    """Of the example, in which the backstop takes an isolated bucket."""
    incidents = rehearsed(tmp_path)["incidents"]
    bet = [each for each in incidents if each["market"] == "SOL"]
    assert {each["what"] for each in bet} >= {"liquidation_started", "backstop"}
    assert {each["bucket"] for each in bet} == {"isolated"}
    assert {each["bucket"] for each in incidents if each["market"] in ("BTC", "ETH")} == {"cross"}
    whole = [each for each in incidents if each["what"] == "funding"]
    assert [each["bucket"] for each in whole] == [None] * len(whole) != []


def test_candles_of_ones_own(files: Path) -> None:
    made = rehearsed(files, "account.toml", "--path", "BTC.csv")
    assert made["steps"] >= 600
    kinds = [incident["what"] for incident in made["incidents"]]
    assert "margin_warning" in kinds or "liquidation_started" in kinds
    assert {"partly_liquidated", "liquidated", "backstop", "deleveraged_loser"} & set(kinds)
    assert made["recorded_funding"] is not None
    assert made["positions_at_end"] == []


def test_interpreted_and_compiled_agree(files: Path) -> None:
    arguments = ("account.toml", "--path", "BTC.csv", "--depth", "BTC=300000")
    compiled = rehearsed(files, *arguments)
    assert compiled == rehearsed(files, *arguments, SEAWALL_INTERPRETED="1")


def test_depth_moves_the_outcome(files: Path) -> None:
    deep = rehearsed(files, "account.toml", "--path", "BTC.csv", "--depth", "300000000")
    thin = rehearsed(files, "account.toml", "--path", "BTC.csv", "--depth", "20000")
    assert deep["state_hash"] != thin["state_hash"]
    assert float(deep["equity_at_end"]) > float(thin["equity_at_end"])


def test_a_stop_gets_out_before_the_liquidation(files: Path) -> None:
    stop = '[[order]]\nmarket = "BTC"\nside = "sell"\nnotional = 149000\nstop = 97000\n'
    (files / "stop.toml").write_text(ACCOUNT + stop)
    made = rehearsed(files, "stop.toml", "--path", "BTC.csv")
    kinds = [incident["what"] for incident in made["incidents"]]
    assert kinds[:2] == ["order_triggered", "order_filled"]
    assert "liquidation_started" not in kinds
    assert float(made["equity_at_end"]) > 12_000


def test_a_small_position_is_left_alone(files: Path) -> None:
    (files / "small.toml").write_text(ACCOUNT.replace("150000", "1500"))
    result = rehearse(files, "small.toml", "--path", "BTC.csv", "--png", "small.png")
    assert result.returncode == 0, result.stderr
    assert "Nothing was taken from this account" in result.stdout
    assert picture(files / "small.png")[0] > 1500


def test_an_account_as_the_venue_reports_it(files: Path) -> None:
    position = {
        "coin": "BTC", "szi": "1.5", "leverage": {"type": "cross", "value": 20},
        "positionValue": "150000.0", "unrealizedPnl": "-500.0", "maxLeverage": 40,
    }  # fmt: skip
    summary = {"accountValue": "20000.0", "totalNtlPos": "150000.0", "totalRawUsd": "-130000.0"}
    state = {
        "marginSummary": summary, "crossMarginSummary": summary, "withdrawable": "5000.0",
        "crossMaintenanceMarginUsed": "1875.0", "assetPositions": [{"position": position}],
    }  # fmt: skip
    (files / "state.json").write_text(json.dumps(state))
    made = rehearsed(files, "state.json", "--path", "BTC.csv")
    (start,) = made["positions_at_start"]
    assert (start["size"], start["mark_price"]) == ("1.5", "100000")
    assert start["unrealized_profit"] == "-500"
    assert made["equity_at_start"] == "20000"


def changed(old: str, new: str) -> str:
    assert old in ACCOUNT
    return ACCOUNT.replace(old, new)


BAD_ACCOUNTS = [
    ("collateral = [", "not valid TOML"),
    (changed("20000", "nan"), "collateral: 'nan'"),
    (changed("20000", "-1"), "collateral: '-1'"),
    (changed("20000", "1e300"), "collateral: 1e300"),
    (changed("20000", "9223372036854775808"), "collateral: 9223372036854775808"),
    (changed("150000", "1e300"), "notional: 1e300"),
    (changed("150000", "-3"), "notional: '-3'"),
    (changed("150000", "9223372036854775808"), "notional: 9223372036854775808"),
    (changed("leverage = 10", "leverage = 10\nentry = 1e300"), "entry: 1e300"),
    (changed("leverage = 10", "leverage = 1000"), "leverage: 1000"),
    (changed('"BTC"', '"NOPE"'), "market: 'NOPE'"),
    (changed('"long"', '"both"'), "side: 'both'"),
    (changed("leverage", "levrage"), "unknown field 'levrage'"),
]


@pytest.mark.parametrize(("text", "message"), BAD_ACCOUNTS, ids=[m for _, m in BAD_ACCOUNTS])
def test_bad_accounts(files: Path, text: str, message: str) -> None:
    (files / "account.toml").write_text(text)
    refused(rehearse(files, "account.toml", "--path", "BTC.csv"), "rehearse", message)


BAD_PATHS = [
    (CANDLES.replace("low,", "lowest,"), "missing column low"),
    (CANDLES.replace(",86000,", ",nan,"), "column low, row 2"),
    (CANDLES.replace(",86000,", ",-86000,"), "column low, row 2: price -86000"),
    (CANDLES.replace(",100100,", ",1e300,"), "column high, row 1: price 1e+300"),
    (CANDLES.replace(",100100,", ",9223372036854775808,"), "column high, row 1: price"),
    (CANDLES.replace(",100100,", ",900000000,"), "BTC: price 9e+08 of the path is outside"),
    (CANDLES.replace("00:20", "00:10"), "two rows have the time"),
    ("", "the file is empty"),
]


@pytest.mark.parametrize(("text", "message"), BAD_PATHS, ids=[m for _, m in BAD_PATHS])
def test_bad_paths(files: Path, text: str, message: str) -> None:
    (files / "BTC.csv").write_text(text)
    refused(rehearse(files, "account.toml", "--path", "BTC.csv"), "rehearse", message)


BAD_OPTIONS = [
    (["account.toml", "--path", "absent.toml"], "absent.toml: No such file"),
    (["account.toml", "--path", "broken.parquet"], "broken.parquet: not a complete parquet file"),
    (["account.toml", "--path", "BTC.csv", "--from", "soon"], "--from: 'soon'"),
    (["account.toml", "--path", "BTC.csv", "--from", "2026-01-01"], "0 candles of BTC"),
    (
        ["account.toml", "--path", "BTC.csv", "--from", "2025-10-11", "--to", "2025-10-10"],
        "--to: '2025-10-10' should be after '2025-10-11'",
    ),
    (["account.toml", "--from", "2025-10-10"], "--from: '2025-10-10' should be left out"),
    (["account.toml", "--path", "BTC.csv", "--step", "nan"], "--step: 'nan'"),
    (["account.toml", "--path", "BTC.csv", "--step", "7"], "step: 7 s"),
    (["account.toml", "--path", "BTC.csv", "--market", "ETH"], "--market: leaves out BTC"),
    (["account.toml", "--path", "BTC.csv", "--depth", "nan"], "--depth: 'nan'"),
    (["account.toml", "--path", "BTC.csv", "--depth", "BTC=1e300"], "--depth: '1e300'"),
    (["account.toml", "--path", "BTC.csv", "--depth", "ETH=5000"], "--depth: 'ETH'"),
    (
        ["account.toml", "--path", "BTC.csv", "--price", "BTC=9"],
        "--price: 'BTC' should be left out",
    ),
    (["account.toml", "--meta", "absent.json"], "absent.json: No such file"),
    (["broken.json"], "broken.json"),
    (["account.toml", "--path", "BTC.csv", "--png", "account.toml/x.png"], "--png: account.toml"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD_OPTIONS, ids=[m for _, m in BAD_OPTIONS])
def test_bad_options(files: Path, arguments: list[str], message: str) -> None:
    (files / "broken.parquet").write_bytes(b"PAR1 and then nothing")
    (files / "broken.json").write_text('{"assetPositions": [')
    refused(rehearse(files, *arguments), "rehearse", message)


@pytest.mark.shared
def test_a_recorded_crash(files: Path) -> None:
    candles = shared_file("data/ohlcv_funding/stress_2025-10-10_binance_5m.parquet")
    window = ("--from", "2025-10-10T20:00", "--to", "2025-10-10T23:00")
    made = rehearsed(files, "account.toml", "--path", candles, *window)
    assert made["step_ms"] == 3_000
    assert made["conservation"]["equal"]
    kinds = [incident["what"] for incident in made["incidents"]]
    assert "liquidation_started" in kinds
    assert float(made["equity_at_end"]) < float(made["equity_at_start"])
