"""``seawall paths`` as a user calls it: built-in account, files, wishes, and what is refused."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from cyclopts import App

from seawall.cli.paths import paths
from tests.shared_files import ROOT

# The first run on a machine compiles the kernels.
pytestmark = pytest.mark.timeout(660)

ACCOUNT = """
collateral = 12000
[[position]]
market = "BTC"
side = "long"
notional = 100000
entry = 100000
leverage = 10
"""
QUICK = ("--paths", "600", "--hours", "12", "--step", "300", "--workers", "1")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "account.toml").write_text(ACCOUNT)
    (tmp_path / "text.csv").write_text("no candles here")
    rows = ["date,open,high,low,close,funding_rate"]
    price = 100.0
    for hour, move in enumerate(np.random.default_rng(4).standard_normal(400)):
        last, price = price, price * math.exp(0.01 * float(move))
        paid = "0.0001" if hour % 8 == 0 else ""
        rows.append(
            f"{1_700_000_000 - 800 + 3600 * hour},{last},{1.002 * max(last, price)},"
            f"{0.998 * min(last, price)},{price},{paid}"
        )
    (tmp_path / "BTC_1h.csv").write_text("\n".join(rows))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> None:
    app = App(name="seawall", result_action="return_value")
    app.command(paths, name="paths")
    app(["paths", *arguments])


def made(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    run(*arguments, "--json")
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_without_arguments(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    run(*QUICK)
    text = " ".join(capsys.readouterr().out.split())
    for words in (
        "600 paths over 12 hours: hybrid example",
        "Something is liquidated on",
        "Probability of liquidation, % of paths",
        "mean of the worst 1 %",
        "Survival over leverage",
        "the same seed gives the same figures",
        "volatility a year",
    ):
        assert words in text


def test_the_object_holds_every_figure(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    found = made(capsys, "account.toml", *QUICK, "--leverage", "5,20", "--ruin", "5%")
    assert found["setup"]["paths"] == 600
    assert found["setup"]["steps"] == 144
    assert found["start_equity"] == pytest.approx(12_000)
    assert found["leverage"] == pytest.approx(100 / 12, rel=1e-3)
    value, low, high = found["liquidated"]
    assert low <= value <= high
    assert found["time_to_liquidation"]["share"][-1] == found["liquidated"]
    assert [each["leverage"] for each in found["by_leverage"]] == [5, 20]
    assert found["by_leverage"][0]["liquidated"][0] <= found["by_leverage"][1]["liquidated"][0]
    assert found["ruin"]["probability"][0] <= 0.05
    assert found["ruin"]["leverage"] < found["ruin"]["too_much"]
    assert found["seed"] == 1
    assert any("slippage" in each.lower() for each in found["assumptions"])
    assert found == made(capsys, "account.toml", *QUICK, "--leverage", "5,20", "--ruin", "5%")
    other = made(capsys, "account.toml", *QUICK, "--leverage", "none", "--seed", "2")
    assert other["loss"] != found["loss"]
    assert other["by_leverage"] == []


def test_a_bookkeeping_that_holds(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    steady = ("--jumps", "off", "--volatility-moves", "off", "--leverage", "none")
    calm = made(capsys, "account.toml", *QUICK, *steady, "--volatility", "0%", "--funding",
                "BTC=0.01%")  # fmt: skip
    assert calm["liquidated"][0] == 0
    # Twelve hours of 0.01 % on a price that stands still.
    assert calm["loss"]["mean"][0] == pytest.approx(12 * 10, rel=1e-6)
    assert calm["funding"][0] == pytest.approx(120, rel=1e-6)
    wild = made(capsys, "account.toml", *QUICK, *steady, "--volatility", "BTC=900%")
    assert wild["liquidated"][0] > 0.5
    rising = made(capsys, "account.toml", *QUICK, *steady, "--drift", "365%", "--funding", "0%",
                  "--volatility", "0%")  # fmt: skip
    assert rising["loss"]["mean"][0] == pytest.approx(-100_000 * math.expm1(0.005), rel=1e-6)


def test_candles_make_the_model(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    run("account.toml", *QUICK, "--candles", "BTC_1h.csv")
    text = " ".join(capsys.readouterr().out.split())
    assert "BTC your candles 9" in text
    found = made(capsys, "account.toml", *QUICK, "--candles", "BTC_1h.csv", "--funding", "0%")
    assert found["funding"][0] == 0


def test_blocks_of_candles(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    options = ("--paths", "600", "--hours", "12", "--workers", "1", "--leverage", "none")
    found = made(capsys, "account.toml", *options, "--bootstrap", "BTC_1h.csv", "--block", "6")
    assert found["setup"]["step_seconds"] == 900
    assert found["setup"]["steps"] == 48
    assert found["funding"][0] > 0
    assert any("blocks of 6 hours drawn from 399 recorded" in each for each in found["assumptions"])


def test_mirrored_paths(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    options = (*QUICK, "--leverage", "none", "--jumps", "off")
    plain = made(capsys, "account.toml", *options)
    mirrored = made(capsys, "account.toml", *options, "--antithetic")
    width = [each["loss"]["mean"][2] - each["loss"]["mean"][1] for each in (plain, mirrored)]
    assert width[1] < width[0] / 2


def test_coarse_steps_are_warned_of(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    options = ("--paths", "600", "--days", "2", "--workers", "1", "--leverage", "none")
    run("account.toml", *options, "--step", "3600")
    text = " ".join(capsys.readouterr().out.split())
    assert "Steps of 3600 s are coarse" in text
    assert "Broadie, Glasserman and Kou" in text
    run("account.toml", *options, "--step", "5")
    assert "coarse" not in capsys.readouterr().out


def test_the_files_that_are_left(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    run("account.toml", *QUICK, "--ruin", "5%", "--report", "made/r.html", "--parquet", "made")
    capsys.readouterr()
    page = (folder / "made/r.html").read_text()
    for title in ("Survival over leverage", "margin ratio of the worst bucket",
                  "Time to liquidation"):  # fmt: skip
        assert title in page
    assert pq.read_table(folder / "made/paths.parquet").num_rows == 600
    assert pq.read_table(folder / "made/survival_over_leverage.parquet").num_rows >= 3
    assert "share" in pq.read_table(folder / "made/time_to_liquidation.parquet").column_names


def test_other_rules(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    found = made(capsys, "account.toml", *QUICK, "--rulebook", "dydx", "--leverage", "5,10")
    assert found["liquidated"][0] >= 0
    file = str(ROOT / "examples/account_hybrid.json")
    assert made(capsys, file, *QUICK, "--leverage", "none")["start_equity"] > 0


REFUSED = [
    (["nothing.toml"], "nothing.toml: no such file"),
    (["--paths", "0"], "--paths: 0 should be 1 to"),
    (["--paths", "7", "--antithetic"], "--paths: 7 should be even with --antithetic"),
    (["--days", "0"], "--days: 0 should be"),
    (["--days", "nan"], "--days: nan should be"),
    (["--days", "2", "--hours", "3"], "--hours: give --days or --hours"),
    (["--step", "0"], "--step: 0 should be"),
    (["--step", "0.5005"], "--step: 0.5005 should be whole milliseconds"),
    (["--days", "3000", "--step", "1"], "steps; at most"),
    (["--seed", "-1"], "--seed: -1 should be 0 to"),
    (["--workers", "0"], "--workers: 0 should be 1 to 1024"),
    (["--workers", "2", "--cluster", "tcp://127.0.0.1:9"], "--workers: a cluster has its own"),
    (["--leverage", "5,zero"], "--leverage: 'zero' should be a number above 0"),
    (["--leverage", "-3"], "--leverage: '-3' should be"),
    (["--leverage", ",".join(["2"] * 41)], "--leverage: 41 leverages; at most 40"),
    (["--ruin", "1"], "--ruin: '1' should be percent"),
    (["--ruin", "100%"], "--ruin: '100%' should be percent"),
    (["--volatility", "fast"], "--volatility: 'fast' should be percent from 0% to 2000%"),
    (["--volatility", "BTC=-5%"], "--volatility: 'BTC=-5%' should be percent"),
    (["--volatility", "GOLD=5%"], "--volatility: 'GOLD' is not one of the markets: BTC, ETH, SOL"),
    (["--drift", "nan%"], "--drift: 'nan%' should be percent"),
    (["--correlation", "1.5"], "--correlation: 1.5 should be -1 to 1"),
    (["--correlation", "nan"], "--correlation: nan should be -1 to 1"),
    (["--funding", "90%"], "--funding: '90%' should be percent from -4% to 4%"),
    (["--impact", "2"], "--impact: 2 should be 0 to 1"),
    (["--depth", "0"], "--depth: '0' should be 1 to"),
    (["--block", "5"], "--block: belongs to --bootstrap"),
    (["--candles", "missing.csv"], "missing.csv: no such file"),
    (["--candles", "text.csv"], "text.csv: no time column"),
    (["--bootstrap", "BTC_1h.csv"], "no candles of ETH, SOL"),
    (["account.toml", "--bootstrap", "BTC_1h.csv", "--block", "0.1"], "--block: 0.1 hours should"),
    (["account.toml", "--bootstrap", "BTC_1h.csv", "--block", "999"], "--block: 999 hours should"),
    (["account.toml", "--bootstrap", "BTC_1h.csv", "--antithetic"], "--antithetic: does not go"),
    (["account.toml", "--bootstrap", "BTC_1h.csv", "--drift", "5%"], "--drift: does not go with"),
    (["--price", "BTC=-4"], "--price: 'BTC=-4'"),
    (["--rulebook", "nowhere"], "nowhere"),
    (["--report", "report.txt"], "--report: report.txt: a report is HTML"),
]


@pytest.mark.parametrize(("arguments", "message"), REFUSED, ids=lambda each: " ".join(each)[:40])
def test_bad_input(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    with pytest.raises(SystemExit) as stopped:
        run(*arguments)
    assert stopped.value.code == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert len(shown.err.splitlines()) == 1
    assert shown.err.startswith("seawall paths: ")
    assert message in shown.err


@pytest.mark.parametrize("arguments", [["--jumps", "maybe"], ["--paths", "many"]])
def test_words_where_others_are_meant(
    arguments: list[str], capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    with pytest.raises(SystemExit) as stopped:
        run(*arguments)
    assert stopped.value.code in (1, 2)
    assert "Traceback" not in capsys.readouterr().err


def test_no_cluster_there(
    capsys: pytest.CaptureFixture[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("seawall.lab.simulation.trials.CLUSTER_SECONDS", 1)
    with pytest.raises(SystemExit) as stopped:
        run("--cluster", "tcp://127.0.0.1:9")
    assert stopped.value.code == 2
    assert "no scheduler answers there" in capsys.readouterr().err.splitlines()[-1]
