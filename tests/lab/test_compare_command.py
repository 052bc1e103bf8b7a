"""``seawall compare`` as a user calls it: built-in account, files, named days, what is refused."""

import json
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from seawall.cli.main import main
from tests.shared_files import ROOT

# The first run on a machine compiles the kernels and the machine.
pytestmark = pytest.mark.timeout(660)

QUICK = ("--paths", "600", "--days", "2", "--step", "900", "--workers", "1")
FALL = """
name = "ten minutes down"
about = "a fall of a fifth"
source = "made for a test"
start = "2025-10-10T20:45"
step_seconds = 10
[[market]]
name = "BTC"
price = 117000
waypoints = [[0, 100.0], [5, 80.0], [10, 82.0]]
"""
OTHERS = """
[[market]]
name = "ETH"
price = 4000
waypoints = [[0, 100.0], [5, 75.0], [10, 80.0]]
[[market]]
name = "SOL"
price = 200
waypoints = [[0, 100.0], [5, 60.0], [10, 62.0]]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "fall.toml").write_text(FALL + OTHERS)
    (tmp_path / "btc.toml").write_text(FALL)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["seawall", "compare", *arguments])
        try:
            main()
        except SystemExit as ended:
            if ended.code:
                raise


def made(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    run(*arguments, "--json")
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_an_account_that_loses_nothing_stays_as_it_is(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    held = "".join(
        f'[[position]]\nmarket = "{name}"\nside = "long"\nnotional = 100\nleverage = 5\n'
        for name in ("BTC", "ETH", "SOL")
    )
    (folder / "calm.toml").write_text("collateral = 10000\n" + held)
    found = made(capsys, "calm.toml", *QUICK, "--scenario", "none")
    assert found["verdict"][0].startswith("Recommended: cross (as given): BTC, ETH and SOL in the")
    assert found["recommendation"]["is_given"]
    assert not found["recommendation"]["over_leveraged"]
    assert [each["is_recommended"] for each in found["modes"]] == [True, False, False]


def test_the_crash_decides_where_the_paths_tie(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    """A SOL short on calm paths, and a scenario in which SOL rises: a bucket stops the loss."""
    rise = FALL + OTHERS.replace("[5, 60.0], [10, 62.0]", "[5, 400.0], [10, 390.0]")
    (folder / "rise.toml").write_text(rise)
    held = "".join(
        f'[[position]]\nmarket = "{name}"\nside = "{side}"\nnotional = {notional}\nleverage = 5\n'
        for name, side, notional in (("BTC", "long", 9_000), ("SOL", "short", 3_000))
    )
    (folder / "squeeze.toml").write_text("collateral = 10000\n" + held)
    options = ("squeeze.toml", *QUICK, "--volatility", "20%")
    calm = made(capsys, *options, "--scenario", "none")
    assert calm["recommendation"]["mode"] == "cross"
    found = made(capsys, *options, "--scenario", "rise.toml")
    assert found["recommendation"]["mode"] == "isolated"
    assert found["recommendation"]["reasons"] == ["scenario"]
    costs = {each["mode"]: each["scenario_loss"] for each in found["modes"]}
    assert costs["isolated"] < costs["cross"] - 1_000
    assert any("The worst 5 % and ruin are ties." in each for each in found["verdict"])


def test_without_arguments(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    run(*QUICK, "--scenario", "none")
    text = " ".join(capsys.readouterr().out.split())
    for words in (
        "Cross or isolated, 600 paths over 2 days: hybrid example",
        "Recommended: ",
        "The same positions, money and paths; USD and % of paths",
        "The same modes over other horizons",
        "*: recommended. Ruin: the risk capital, 50,000 USD (50 % of its equity)",
        "Contagion: a position that loses to a liquidation",
        "Capital: with which nothing is liquidated on 99.0 % of the paths",
    ):
        assert words in text


def test_the_object_holds_every_figure(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    options = (*QUICK, "--survival", "95%", "--scenario", "fall.toml")
    found = made(capsys, *options)
    modes = {each["mode"]: each for each in found["modes"]}
    assert {"cross", "isolated", "as given"} <= set(modes)
    assert found["survival_target"] == 0.95
    assert found["recommendation"]["mode"] in modes
    assert [each["is_recommended"] for each in found["modes"]].count(True) == 1
    assert [each["mode"] for each in found["modes"] if each["is_given"]] == ["as given"]
    hours = sorted({each["hours"] for each in found["horizons"]})
    assert hours == pytest.approx([48 / 7, 4 * 48], rel=0.05)
    both = found["recommendation"]["cross"] + found["recommendation"]["isolated"]
    assert sorted(both) == ["BTC", "ETH", "SOL"]
    for mode in modes.values():
        assert mode["capital_needed"] > 0
        assert mode["survival"] == pytest.approx(1 - mode["liquidated"])
    positions = [each for each in found["mode_positions"] if each["mode"] == "cross"]
    assert {each["position"] for each in positions} == {"BTC", "ETH", "SOL"}
    day = {each["mode"]: each for each in found["scenarios"]}
    assert {each["scenario"] for each in found["scenarios"]} == {"ten minutes down"}
    assert set(day) == set(modes)
    assert float(day["isolated"]["start"]) == pytest.approx(100_000, abs=1)
    assert float(day["cross"]["lowest"]) < float(day["cross"]["start"])
    assert found == made(capsys, *options)


def test_two_scenarios_of_one_name(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    (folder / "again.toml").write_text((folder / "fall.toml").read_text())
    found = made(capsys, *QUICK, "--scenario", "fall.toml", "--scenario", "again.toml")
    assert len(found["scenarios"]) == 2 * len(found["modes"])


def test_the_files_that_are_left(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    run(*QUICK, "--scenario", "none", "--report", "r.html", "--parquet", "tables")
    capsys.readouterr()
    assert "Margin modes on the same paths" in (folder / "r.html").read_text()
    modes = pq.read_table(folder / "tables/modes.parquet").to_pydict()
    assert modes["mode"] == ["as given", "cross", "isolated"]
    assert pq.read_table(folder / "tables/contagion.parquet").num_rows == 4


def test_child_accounts_are_compared_as_well(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    file = str(ROOT / "examples/account_parent.json")
    found = made(capsys, file, *QUICK, "--scenario", "none")
    assert {"cross", "isolated"} <= {each["mode"] for each in found["modes"]}


REFUSED = [
    (["--risk-capital", "much"], "--risk-capital: 'much' should be USD above 0, such as 25000"),
    (["--max-drawdown", "0"], "--max-drawdown: '0' should be above 0% and at most 100%"),
    (["--survival", "99"], "--survival: '99' should be above 0% and below 100%, such as 99%"),
    (["--survival", "100%"], "--survival: '100%' should be above 0% and below 100%"),
    (["--scenario", "no_such_day"], "no_such_day"),
    (["--scenario", "btc.toml"], "no prices of ETH"),
    (["--paths", "0"], "--paths: 0 should be 1 to"),
    (["--correlation", "2"], "--correlation: '2' should be -1 to 1"),
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
    assert shown.err.startswith("seawall compare: ")
    assert message in shown.err
