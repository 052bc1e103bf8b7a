"""``seawall deleveraging`` as a user calls it: built-in wave, files, your account, bad input."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cyclopts import App

import seawall as sw
from seawall.cli.deleveraging import deleveraging
from tests.shared_files import ROOT

WAVES: dict[str, Any] = {
    "waves": [
        {
            "name": "one", "closes": "long", "size": "10", "step": 1, "mark_price": 100,
            "close_price": "102.5", "later_price": 90,
            "winners": [
                {"name": "ann", "size": 6, "entry_price": 150, "equity": 300},
                {"name": "ben", "size": 6, "entry_price": 120, "equity": 60},
            ],
        },
        {
            "name": "two", "closes": "short", "size": 1, "mark_price": 50, "close_price": 49,
            "needed_usd": 1.5,
            "winners": [{"size": 3, "entry_price": 40, "equity": 90}],
        },
    ]
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "waves.json").write_text(json.dumps(WAVES))
    (tmp_path / "empty.json").write_text('{"waves": []}')
    (tmp_path / "text.json").write_text("this is no JSON")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> None:
    app = App(name="seawall", result_action="return_value")
    app.command(deleveraging, name="deleveraging")
    app(["deleveraging", *arguments])


def made(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    run(*arguments, "--json")
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def refused(capsys: pytest.CaptureFixture[str], message: str, *arguments: str) -> None:
    with pytest.raises(SystemExit) as stopped:
        run(*arguments)
    assert stopped.value.code == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    (line,) = shown.err.splitlines()
    assert line.startswith("seawall deleveraging: ")
    assert message in line


def by_policy(found: dict[str, Any], sheet: str = "totals", **where: str) -> dict[str, Any]:
    """Rows of a sheet by policy, of those with the values of ``where``."""
    rows = [row for row in found[sheet] if all(row[key] == each for key, each in where.items())]
    return {row["policy"]: row for row in rows}


def test_without_arguments_the_built_in_wave(capsys: pytest.CaptureFixture[str]) -> None:
    run()
    text = capsys.readouterr().out
    for words in ("rank queue", "rotating offset", "risk-aware pro-rata", "beyond need", "Seed 1"):
        assert words in text
    first, same = made(capsys), made(capsys)
    assert first == same
    assert made(capsys, "--seed", "2")["totals"] != first["totals"]


def test_the_page_shows_the_built_in_wave(capsys: pytest.CaptureFixture[str]) -> None:
    page = (ROOT / "docs" / "commands" / "deleveraging.md").read_text()
    sums = by_policy(made(capsys))
    queue, fairest = sums["rank_queue"], sums["pro_rata_equity"]
    assert f"{queue['taken']:,.0f} USD to raise {queue['raised']:,.0f}" in page
    assert f"misses {100 * queue['largest_of_equity']:.0f} % of the equity" in page
    assert f"more than {100 * fairest['largest_of_equity']:.1f} %" in page


def test_a_file_of_waves(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = made(capsys, "waves.json")
    one, two = found["waves"]
    policies = by_policy(found, "policies", wave="one")
    assert (one["name"], one["needed"], two["needed"]) == ("one", 25, 1.5)
    # Ben first (1.2 x 10), six at 12.5 USD each of what the price did later.
    assert policies["rank_queue"]["taken"] == pytest.approx(125)
    assert policies["rank_queue"]["largest"] == pytest.approx(75)
    assert policies["pro_rata_equity"]["taken"] == pytest.approx(25)
    assert by_policy(found)["pro_rata_profit"]["taken"] == pytest.approx(26.5)
    only = made(capsys, "waves.json", "--wave", "two")
    assert [each["name"] for each in only["waves"]] == ["two"]


def test_parquet_says_the_same_as_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        {
            "wave": wave["name"], "winner": each.get("name", ""), "size": float(each["size"]),
            "entry_price": float(each["entry_price"]), "equity": float(each["equity"]),
            "closes": wave["closes"], "close_size": float(wave["size"]),
            "mark_price": float(wave["mark_price"]), "close_price": float(wave["close_price"]),
            "later_price": wave.get("later_price"), "step": float(wave.get("step", 0)),
            "needed_usd": wave.get("needed_usd"),
        }
        for wave in WAVES["waves"]
        for each in wave["winners"]
    ]  # fmt: skip
    pq.write_table(pa.Table.from_pylist(rows), folder / "waves.parquet")
    of_json, of_parquet = made(capsys, "waves.json"), made(capsys, "waves.parquet")
    for sheet in ("waves", "policies", "totals"):
        assert of_parquet[sheet] == of_json[sheet]


def test_what_would_be_taken_from_your_account(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = ("--equity", "500", "--profit", "100", "--notional", "400")
    found = made(capsys, "waves.json", "--wave", "one", *own)
    you = by_policy(found, "you")
    assert you["pro_rata_profit"]["haircut"] == pytest.approx(25 * 100 / (300 + 60 + 100))
    assert you["rank_queue"]["place"] == 3
    assert you["rank_queue"]["haircut"] == 0
    run("waves.json", *own)
    assert "What would have been taken from you" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("terms", "word", "style"),
    [
        ({}, "The rank queue takes 100.00 USD beyond the need", "caution"),
        ({"later_price": 103}, "The rank queue takes nothing beyond the need", "good"),
        ({"size": 20, "later_price": 103}, "The rank queue leaves 20.00 USD open", "bad"),
    ],
)
def test_the_head_of_a_report_says_what_the_queue_does(
    folder: Path, terms: dict[str, Any], word: str, style: str
) -> None:
    """Ten contracts at 2.5 USD above the mark are needed, of winners who hold twelve."""
    (folder / "one.json").write_text(json.dumps({"waves": [WAVES["waves"][0] | terms]}))
    status = sw.deleveraging("one.json").findings().status
    assert status is not None
    assert (status.word, status.style) == (word, style)


def test_terms_reach_the_policies(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = ("waves.json", "--wave", "one")
    whole = by_policy(made(capsys, *one, "--contracts", "--step", "4"))
    assert whole["pro_rata_profit"]["closed"] == 800
    capped = by_policy(made(capsys, *one, "--largest-share", "0.05"))
    assert capped["pro_rata_profit"]["unmet"] == pytest.approx(25 - 0.05 * 360)
    mild = by_policy(made(capsys, *one, "--power", "0"))["risk_aware"]
    harsh = by_policy(made(capsys, *one, "--power", "3"))["risk_aware"]
    assert mild["largest_of_equity"] < harsh["largest_of_equity"]
    few = by_policy(made(capsys, *one, "--visits", "1"))["rotating_offset"]
    assert few["closed"] == 600


def test_report_and_tables_are_written(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("waves.json", "--report", "out/adl.html", "--parquet", "out")
    page = (folder / "out/adl.html").read_text()
    assert "Who pays" in page
    assert "src=" not in page
    policies = pq.read_table(folder / "out/policies.parquet").to_pylist()
    assert len(policies) == 2 * 9
    winners = pq.read_table(folder / "out/winners.parquet").to_pylist()
    assert len(winners) == 9 * 3
    taken = sum(
        row["haircut"] for row in winners if (row["wave"], row["policy"]) == ("one", "rank_queue")
    )
    assert taken == pytest.approx(125)


@pytest.mark.parametrize(
    ("message", "arguments"),
    [
        ("text.json: JSON is malformed", ["text.json"]),
        ("empty.json: waves: there are none", ["empty.json"]),
        ("--wave: 'x' should be one of the waves: one, two", ["waves.json", "--wave", "x"]),
        ("--largest-share: 0.0 should be above 0%", ["--largest-share", "0"]),
        ("--largest-share: nan should be above 0%", ["--largest-share", "nan"]),
        ("--power: 11.0 should be from 0 to 10", ["--power", "11"]),
        ("--step: -1.0 should be a number of at least 0", ["--step", "-1"]),
        ("--visits: 0 should be at least 1", ["--visits", "0"]),
        ("--seed: -1 should be from 0", ["--seed", "-1"]),
        ("--profit: None should be given, as equity, profit", ["--equity", "5", "--notional", "5"]),
        ("--equity: 0.0 should be USD above 0", ["--equity", "0", "--profit", "1",
                                                 "--notional", "1"]),
        ("h0_two_pass_wave_coin_gap_per_contract.csv: cannot be read: No such file", ["partial"]),
        (".: a folder without paper_outputs", ["."]),
    ],
)  # fmt: skip
def test_bad_input_is_refused_in_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str], message: str, arguments: list[str]
) -> None:
    (folder / "partial" / "paper_outputs").mkdir(parents=True)
    (folder / "partial" / "paper_outputs" / "policy_per_wave_metrics.csv").write_text("wave\n1\n")
    (folder / "partial" / "adl_net_volume_full_12min.csv").write_text("ticker,avg_price\nBTC,1\n")
    refused(capsys, message, *arguments)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"closes": "both"}, "closes"),
        ({"size": -1}, "wave one: size: -1 is no number above zero"),
        ({"size": "1e5"}, "size"),
        ({"mark": 5}, "unknown field"),
        ({"winners": []}, "wave one: winners: there are none"),
    ],
)
def test_bad_waves_are_refused_in_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str], change: dict[str, Any], message: str
) -> None:
    waves = {"waves": [WAVES["waves"][0] | change]}
    (folder / "bad.json").write_text(json.dumps(waves))
    refused(capsys, message, "bad.json")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"equity": ["x"]}, "winners[0].equity"),
        ({"closes": ["x"]}, "'x' - at `$.waves[0].closes`"),
        ({"close_size": [None]}, "missing required field `size` - at `$.waves[0]`"),
        ({"size": None}, "column size is missing"),
    ],
)
def test_bad_parquet_is_refused_in_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str], change: dict[str, Any], message: str
) -> None:
    columns: dict[str, Any] = {
        "size": [1.0], "entry_price": [120.0], "equity": [9.0], "closes": ["long"],
        "close_size": [1.0], "mark_price": [100.0], "close_price": [101.0],
    }  # fmt: skip
    columns |= change
    table = pa.table({name: each for name, each in columns.items() if each is not None})
    pq.write_table(table, folder / "bad.parquet")
    refused(capsys, message, "bad.parquet")
    (folder / "cut.parquet").write_bytes(b"PAR1 and nothing else")
    refused(capsys, "no readable parquet", "cut.parquet")
