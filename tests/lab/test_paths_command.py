"""``seawall paths`` as a user calls it: built-in account, files, options, and what is refused."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from seawall.accounts.load import load_account
from seawall.cli.main import main
from seawall.domain.errors import InputError
from seawall.lab.market.price_models import ModelOptions
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
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["seawall", "paths", *arguments])
        try:
            main()
        except SystemExit as ended:
            if ended.code:
                raise


def made(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    run(*arguments, "--json")
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_without_arguments(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    run(*QUICK)
    text = " ".join(capsys.readouterr().out.split())
    for words in (
        "600 paths over 12 hours: hybrid example",
        "The account loses its risk capital of 50,000 USD (50 % of its equity) on",
        "something is liquidated on",
        "a drawdown above 30 %",
        "Probability, % of paths",
        "mean of the worst 1 %",
        "Liquidation over leverage",
        "the same seed gives the same figures",
        "volatility a year",
    ):
        assert words in text


def named(rows: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(each for each in rows if each["measure"] == name)


def test_the_object_holds_every_figure(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    found = made(capsys, "account.toml", *QUICK, "--leverage", "5,20", "--ruin", "5%")
    simulation = found["simulation"]
    assert (simulation["paths"], simulation["steps"]) == (600, 144)
    assert simulation["start_equity"] == pytest.approx(12_000)
    assert simulation["leverage"] == pytest.approx(100 / 12, rel=1e-3)
    liquidated = named(found["probabilities"], "liquidated")
    assert liquidated["low"] <= liquidated["probability"] <= liquidated["high"]
    last = found["time_to_liquidation"][-1]
    assert (last["hours"], last["liquidated"]) == (12, liquidated["probability"])
    assert [each["leverage"] for each in found["leverages"]] == [5, 20]
    assert found["leverages"][0]["liquidated"] <= found["leverages"][1]["liquidated"]
    assert len(found["leverage_buckets"]) == 2
    assert found["ruin"]["probability"] <= 0.05
    assert (simulation["risk_capital"], simulation["max_drawdown"]) == (0.5, 0.3)
    for part in ("ruin", "drawdown"):
        row = named(found["probabilities"], part)
        assert row["low"] <= row["probability"] <= row["high"]
    assert found["leverages"][0]["ruin"] <= found["leverages"][1]["ruin"]
    assert found["leverages"][0]["drawdown"] <= found["leverages"][1]["drawdown"]
    assert found["ruin"]["leverage"] < found["ruin"]["above"]
    assert found["seed"] == 1
    assert any("slippage" in each.lower() for each in found["assumptions"])
    assert found == made(capsys, "account.toml", *QUICK, "--leverage", "5,20", "--ruin", "5%")
    other = made(capsys, "account.toml", *QUICK, "--leverage", "none", "--seed", "2")
    assert other["losses"] != found["losses"]
    assert other["leverages"] == []


def test_less_risk_capital_is_lost_more_often(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    options = ("account.toml", *QUICK, "--leverage", "none")
    usual = made(capsys, *options)
    tight = made(capsys, *options, "--risk-capital", "1200", "--max-drawdown", "10%")
    for part in ("ruin", "drawdown"):
        few, many = (named(each["probabilities"], part)["probability"] for each in (usual, tight))
        assert few < many
    assert tight["simulation"]["risk_capital"] == pytest.approx(0.1)
    assert named(tight["probabilities"], "liquidated") == named(
        usual["probabilities"], "liquidated"
    )


def test_the_library_gives_the_same(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    from seawall.lab.paths import paths

    account = load_account("account.toml")
    result = paths(account, paths=600, hours=12, step_seconds=300, leverages=(), workers=1)
    found = made(capsys, "account.toml", *QUICK, "--leverage", "none")
    liquidated = named(found["probabilities"], "liquidated")
    assert result.liquidated.value == liquidated["probability"]
    assert result.liquidated.interval == (liquidated["low"], liquidated["high"])
    assert float(result.losses.mean()) == pytest.approx(named(found["losses"], "loss_mean")["loss"])
    assert result.to_dict()["losses"] == found["losses"]
    assert result.sheet("paths").to_arrow().num_rows == 600
    with pytest.raises(InputError, match="volatility: 9000 should be 0% to 2000%"):
        paths(account, model=ModelOptions(volatility=9000))


def test_a_bookkeeping_that_holds(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    steady = ("--jumps", "off", "--volatility-moves", "off", "--leverage", "none")
    calm = made(capsys, "account.toml", *QUICK, *steady, "--volatility", "0%", "--funding",
                "BTC=0.01%")  # fmt: skip
    assert named(calm["probabilities"], "liquidated")["probability"] == 0
    # Twelve hours of 0.01 % on a price that stands still.
    assert named(calm["losses"], "loss_mean")["loss"] == pytest.approx(12 * 10, rel=1e-6)
    assert named(calm["costs"], "funding")["cost"] == pytest.approx(120, rel=1e-6)
    wild = made(capsys, "account.toml", *QUICK, *steady, "--volatility", "BTC=900%")
    assert named(wild["probabilities"], "liquidated")["probability"] > 0.5
    rising = made(capsys, "account.toml", *QUICK, *steady, "--drift", "365%", "--funding", "0%",
                  "--volatility", "0%")  # fmt: skip
    loss = named(rising["losses"], "loss_mean")["loss"]
    assert loss == pytest.approx(-100_000 * math.expm1(0.005), rel=1e-6)


def test_candles_make_the_model(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    found = made(capsys, "account.toml", *QUICK, "--candles", "BTC_1h.csv", "--funding", "0%")
    assert found["markets"][0]["figures"] == "your candles"
    assert found["markets"][0]["volatility"] == pytest.approx(0.94, abs=0.1)
    assert named(found["costs"], "funding")["cost"] == 0


def test_blocks_of_candles(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    options = ("--paths", "600", "--hours", "12", "--workers", "1", "--leverage", "none")
    found = made(capsys, "account.toml", *options, "--bootstrap", "BTC_1h.csv", "--block", "6")
    assert found["simulation"]["step_seconds"] == 900
    assert found["simulation"]["steps"] == 48
    assert named(found["costs"], "funding")["cost"] > 0
    assert any("blocks of 6 hours drawn from 399 recorded" in each for each in found["assumptions"])


def test_mirrored_paths(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    options = (*QUICK, "--leverage", "none", "--jumps", "off")
    plain = made(capsys, "account.toml", *options)
    mirrored = made(capsys, "account.toml", *options, "--antithetic")
    means = [named(each["losses"], "loss_mean") for each in (plain, mirrored)]
    width = [each["high"] - each["low"] for each in means]
    assert width[1] < width[0] / 2


def test_coarse_steps_are_warned_of(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    options = ("--paths", "600", "--days", "2", "--workers", "1", "--leverage", "none")
    run("account.toml", *options, "--step", "3600")
    text = " ".join(capsys.readouterr().out.split())
    assert "Steps of 60 min are coarse" in text
    assert "Broadie, Glasserman and Kou" in text
    run("account.toml", *options, "--step", "5")
    assert "coarse" not in capsys.readouterr().out


def test_the_files_that_are_left(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    run("account.toml", *QUICK, "--ruin", "5%", "--report", "made/r.html", "--parquet", "made")
    capsys.readouterr()
    page = (folder / "made/r.html").read_text()
    for title in ("Liquidation over leverage", "margin ratio of the worst bucket",
                  "Time to liquidation"):  # fmt: skip
        assert title in page
    assert pq.read_table(folder / "made/paths.parquet").num_rows == 600
    assert pq.read_table(folder / "made/leverages.parquet").num_rows >= 3
    assert "liquidated" in pq.read_table(folder / "made/time_to_liquidation.parquet").column_names


def test_other_rules(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    found = made(capsys, "account.toml", *QUICK, "--rulebook", "dydx", "--leverage", "5,10")
    assert named(found["probabilities"], "liquidated")["probability"] >= 0
    file = str(ROOT / "examples/account_hybrid.json")
    assert made(capsys, file, *QUICK, "--leverage", "none")["simulation"]["start_equity"] > 0


REFUSED = [
    (["--paths", "0"], "--paths: 0 should be 1 to"),
    (["--paths", "7", "--antithetic"], "--paths: 7 should be even"),
    (["--days", "0"], "--days: '0' should be days from a minute"),
    (["--days", "nan"], "--days: 'nan' should be"),
    (["--days", "2", "--hours", "3"], "--hours: '3' should be left out where days are given"),
    (["--step", "0"], "--step: '0' should be"),
    (["--step", "0.5005"], "--step: '0.5005' should be seconds from 0.1 to 86,400, in whole"),
    (["--days", "3000", "--step", "1"], "steps; at most"),
    (["--seed", "-1"], "--seed: -1 should be 0 to"),
    (["--workers", "0"], "--workers: 0 should be 1 to 1024"),
    (
        ["--workers", "2", "--cluster", "tcp://127.0.0.1:9"],
        "should be given without workers",
    ),
    (["--leverage", "5,zero"], "--leverage: 'zero' should be a number above 0"),
    (["--leverage", "-3"], "--leverage: '-3' should be"),
    (["--leverage", ",".join(["2"] * 41)], "--leverage: 41 should be at most 40"),
    (["--ruin", "1"], "--ruin: '1' should be above 0% and below 100%, such as 1%"),
    (["--ruin", "100%"], "--ruin: '100%' should be above 0% and below 100%"),
    (["--risk-capital", "0.5"], "--risk-capital: '0.5' should be USD from 1 to the equity"),
    (["--risk-capital", "100001"], "--risk-capital: '100001' should be USD from 1 to the equity"),
    (["--risk-capital", "0%"], "--risk-capital: '0%' should be above 0% and at most 100%"),
    (["--max-drawdown", "101%"], "--max-drawdown: '101%' should be above 0% and at most 100%"),
    (["--volatility", "fast"], "--volatility: 'fast' should be 0% to 2000%, such as 50%"),
    (["--volatility", "BTC=-5%"], "--volatility: '-5%' should be 0% to 2000%"),
    (["--volatility", "GOLD=5%"], "--volatility: 'GOLD' should be one of the markets: BTC, ETH"),
    (["--drift", "nan%"], "--drift: 'nan%' should be -2000% to 2000%"),
    (["--correlation", "1.5"], "--correlation: '1.5' should be -1 to 1"),
    (["--correlation", "nan"], "--correlation: 'nan' should be -1 to 1"),
    (["--funding", "90%"], "--funding: '90%' should be -4% to 4%"),
    (["--impact", "2"], "--impact: '2' should be 0 to 1"),
    (["--depth", "0"], "--depth: '0' should be 1 to"),
    (["--block", "5"], "--block: '5' should be left out without bootstrap"),
    (["--candles", "text.csv"], "text.csv: no time column"),
    (["--bootstrap", "BTC_1h.csv"], "no candles of ETH, SOL"),
    (["account.toml", "--bootstrap", "BTC_1h.csv", "--block", "0.1"], "--block: '0.1' should"),
    (["account.toml", "--bootstrap", "BTC_1h.csv", "--block", "999"], "--block: '999' should"),
    (["account.toml", "--bootstrap", "BTC_1h.csv", "--antithetic"], "--antithetic: True should be"),
    (
        ["account.toml", "--bootstrap", "BTC_1h.csv", "--drift", "5%"],
        "drift: ['5%'] should be",
    ),
    (["--price", "BTC=-4"], "--price: 'BTC=-4'"),
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


def test_no_cluster_there(
    capsys: pytest.CaptureFixture[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("seawall.lab.simulation.trials.CLUSTER_SECONDS", 1)
    with pytest.raises(SystemExit) as stopped:
        run("--cluster", "tcp://127.0.0.1:9")
    assert stopped.value.code == 2
    assert "no scheduler answers there" in capsys.readouterr().err.splitlines()[-1]


def test_plain_python_computes_the_same(folder: Path) -> None:
    """In a process of its own: the engine is loaded as it is first asked for."""
    account = str(folder / "account.toml")
    words = ["paths", account, "--paths", "8", "--hours", "1", "--step", "900", "--json"]

    def losses(**more: str) -> list[float]:
        code = "from seawall.cli.main import main; main()"
        done = subprocess.run(
            [sys.executable, "-c", code, *words],
            env={**os.environ, **more}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return [each["loss"] for each in json.loads(done.stdout)["losses"]]

    assert losses(SEAWALL_INTERPRETED="1") == pytest.approx(losses(), rel=1e-9)
