"""``seawall cascade`` as a user runs it: what it shows, writes and refuses."""

import json
from pathlib import Path
from typing import Any

import pytest
from cyclopts import App

from seawall.cli.cascade import cascade
from seawall.engine.placement import Placement
from seawall.report.findings import NOT_CONSERVED

pytestmark = pytest.mark.timeout(600)

SCENARIO = """
name = "a quick fall"
start = "2025-10-10T20:00"
step_seconds = 3
[[market]]
name = "BTC"
waypoints = [[0, 100], [1, 100], [3, 88], [5, 90]]
[other]
like = "BTC"
"""


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    file = tmp_path / "fall.toml"
    file.write_text(SCENARIO)
    return file


def run(*arguments: str | Path) -> None:
    app = App(name="seawall", result_action="return_value")
    app.command(cascade)
    app(["cascade", *map(str, arguments)])


def answer(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> dict[str, Any]:
    run(*arguments, "--json")
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_it_shows_prices_the_population_and_the_account(
    scenario: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report, tables = tmp_path / "made.html", tmp_path / "tables"
    run(
        "--scenario", scenario, "--accounts", "400", "--backstop", "0%",
        "--report", report, "--parquet", tables,
    )  # fmt: skip
    text = capsys.readouterr().out
    for words in (
        "with their liquidations", "Prices with liquidations and without", "Liquidated accounts",
        "What happened", "What was taken from winners under each policy", "Assumed",
        "Seed 1",
    ):  # fmt: skip
        assert words in text
    page = report.read_text()
    for words in ("price with liquidations and without", "Depth of the book", "Liquidations over"):
        assert words in page
    names = {file.stem for file in tables.glob("*.parquet")}
    assert {"seconds", "funds", "population", "winners", "policies", "markets"} <= names


@pytest.mark.parametrize("rulebook", ["hyperliquid", "dydx"])
def test_json_repeats_under_both_kinds_of_rules(
    scenario: Path, rulebook: str, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--scenario", scenario, "--accounts", "300", "--rulebook", rulebook)
    first, again = answer(capsys, *options), answer(capsys, *options)
    assert first == again
    assert first["market"]["money_conserved"] is True
    for each in first["markets"]:
        assert each["largest_fall"] > each["largest_fall_without"] > 0.11


def test_strength_and_seeds(scenario: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--scenario", scenario, "--accounts", "200", "--workers", "1")
    found = answer(capsys, *options, "--strength", "50%", "--seeds", "2", "--seed", "7")
    assert [each["seed"] for each in found["seeds"]] == [7, 8]
    for each in found["markets"]:
        assert 0.05 < each["largest_fall_without"] < 0.07


def test_without_accounts_there_is_only_the_account(
    scenario: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("--scenario", scenario, "--accounts", "0", "--report", tmp_path / "made.html")
    text = capsys.readouterr().out
    assert "in a market of 0 accounts" in text
    assert "Liquidated accounts" not in text


def test_money_that_is_missing_ends_with_status_1(
    scenario: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Placement, "is_conserved", lambda _: False)
    with pytest.raises(SystemExit) as ended:
        run("--scenario", scenario, "--accounts", "20", "--minutes", "0.1", "--json")
    assert ended.value.code == 1
    found = json.loads(capsys.readouterr().out)
    assert found["market"]["money_conserved"] is False
    assert NOT_CONSERVED in found["warnings"]


def test_leverages_from_a_file(
    scenario: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "people.csv"
    file.write_text("leverage\n" + "1.5\n" * 40)
    found = answer(capsys, "--scenario", scenario, "--accounts", "200", "--population", file)
    assert found["market"]["liquidated_accounts"] == 0


def test_candles_begin_at_the_account_s_price(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    account = tmp_path / "account.toml"
    account.write_text(
        'collateral = 20000\n[[position]]\nmarket = "BTC"\nside = "long"\nnotional = 50000\n'
        "leverage = 5\nentry = 100000\n"
    )
    candles = tmp_path / "BTC.csv"
    candles.write_text(
        "date,open,high,low,close\n"
        "2025-10-10T00:00:00Z,50000,50000,50000,50000\n"
        "2025-10-10T00:01:00Z,50000,50000,44000,45000\n"
        "2025-10-10T00:02:00Z,45000,46000,45000,46000\n"
    )
    found = answer(capsys, account, "--path", candles, "--accounts", "100")
    assert found["markets"][0]["largest_fall_without"] == pytest.approx(0.12, abs=0.005)
    assert float(found["balances"][0]["account"]) == pytest.approx(20_000, rel=1e-3)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--accounts", "-1"), "--accounts: -1 should be 0 to 2,000,000"),
        (("--longs", "120%"), "--longs: '120%' should be 0% to 100%"),
        (("--coupling", "half"), "--coupling: 'half' should be 0% to 100%"),
        (("--interest", "BTC"), "--interest: 'BTC' should be USD from 1 to"),
        (("--interest", "BTC=1e12"), "give less open interest, or more accounts"),
        (("--interest", "ABC=1e6"), "--interest: 'ABC' should be one of the markets: BTC"),
        (("--half-life", "0"), "--half-life: '0' should be 1 to 86,400"),
        (("--minutes", "0"), "--minutes: '0' should be 0.1 to 10,000"),
        (("--seed", "-1"), "--seed: -1 should be 0 to 4,294,967,295"),
        (("--seeds", "0"), "--seeds: 0 should be 1 to 10,000"),
        (("--workers", "0"), "--workers: 0 should be 1 or more"),
        (("--cluster", "tcp://127.0.0.1:1"), "should be absent with one seed"),
        (
            ("--cluster", "tcp://127.0.0.1:1", "--workers", "2", "--seeds", "2"),
            "--cluster: 'tcp://127.0.0.1:1' should be given without workers",
        ),
        (("--noise", "nan"), "--noise: 'nan' should be 0 to 100"),
        (("--strength", "x"), "--strength: 'x' should be 0% to 500%"),
        (("--scenario", "nonsense"), "nonsense"),
        (("--leverage", "3", "--population", "a.csv"), "one of the two"),
        (("--depth", "0"), "--depth"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_line(
    options: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        run(*options)
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("seawall cascade: ")
    assert error.count("\n") == 1
    assert words in error
