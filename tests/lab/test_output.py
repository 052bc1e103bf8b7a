"""Findings on the terminal, as JSON and as parquet; outputs that cannot be written are refused."""

import json
import sys
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from seawall.report.deliver import OutputError, OutputOptions, check_outputs, deliver
from seawall.report.findings import Findings, Words
from seawall.report.kinds import COUNT
from seawall.report.sheet import Column, Sheet
from seawall.report.values import plain_value, readable, write_tables
from tests.lab.sample_findings import ASSUMPTION, SEED, sample_findings

ARGUMENTS = ["stress", "my account.toml", "--json"]
COMMAND = "seawall stress 'my account.toml' --json"


@pytest.fixture(autouse=True)
def command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/usr/bin/seawall", *ARGUMENTS])


def small(**more: Any) -> Findings:
    fields: dict[str, Any] = {
        "command": "stress", "title": "A title", "subtitle": "", "sections": [],
    }  # fmt: skip
    return Findings(**(fields | more))


def sheet(name: str, title: str, columns: list[str]) -> Sheet:
    """One row of ones."""
    shown = [Column(each, COUNT, lambda row: row, each) for each in columns]
    return Sheet(name=name, title=title, rows=[1], columns=shown)


def test_tables_and_words(capsys: pytest.CaptureFixture[str]) -> None:
    deliver(sample_findings(), OutputOptions())
    shown = capsys.readouterr()
    lines = shown.out.splitlines()
    assert lines[0].startswith("What a move does to <script>")
    assert any(line.startswith("! Closing ETH first makes it worse") for line in lines)
    place = next(n for n, line in enumerate(lines) if line.strip() == "The account, shocked")
    header = next(line for line in lines[place + 1 :] if "market" in line)
    first = next(line for line in lines[place + 1 :] if "182,340" in line)
    assert first.index("long 4.2") == header.index("position"), "words start under their column"
    numbers = "equity, USD"
    assert first.index("182,340") + 7 == header.index(numbers) + len(numbers), "numbers end there"
    assert "Every shock" not in shown.out, "too long for a terminal"
    assert "Picture" not in shown.out
    assert f"- {ASSUMPTION}" in lines
    assert f"Seed {SEED}: the same seed gives the same figures." in lines
    assert shown.err == ""


def test_nothing_steers_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    deliver(sample_findings(), OutputOptions())
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert "\x00" not in shown
    assert "<script>alert('x')</script> & \"quoted\" \ufffd[31mred\ufffd" in shown


def test_a_wide_table_is_not_folded_and_prose_is(capsys: pytest.CaptureFixture[str]) -> None:
    columns = [f"a column {number:02}" for number in range(14)]
    table = sheet("narrow", "A title longer than its narrow table would be", ["a"])
    wide = sheet("wide", "Wide", columns)
    deliver(small(sections=[table, wide, Words("word " * 60)]), OutputOptions())
    lines = capsys.readouterr().out.splitlines()
    assert " A title longer than its narrow table would be" in lines
    assert any(all(column in line for column in columns) for line in lines)
    assert max(len(line) for line in lines if line.startswith("word")) <= 100


def test_json_is_one_object(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    deliver(sample_findings(), OutputOptions(json=True, parquet=tmp_path))
    shown = capsys.readouterr()
    found = json.loads(shown.out)
    assert found["command"] == COMMAND
    assert found["seed"] == SEED
    assert found["assumptions"][0] == ASSUMPTION
    assert found["equity"] == 250_000
    assert found["ratio"] is None
    assert found["worst"] is None
    assert found["shocks"][:2] == [-0.3, -0.2]
    assert found["liquidated"] == [True, False]
    assert found["nested"] == {"seeds": [3], "none": None}
    assert "warning: Closing ETH first" in shown.err
    assert f"Table: {tmp_path / 'shocks.parquet'}" in shown.err


def test_the_command_and_the_seed_are_the_ones_that_ran(
    capsys: pytest.CaptureFixture[str],
) -> None:
    deliver(small(facts={"command": "x", "seed": 3}, seed=None), OutputOptions(json=True))
    found = json.loads(capsys.readouterr().out)
    assert (found["command"], found["seed"]) == (COMMAND, None)


def test_what_has_no_plain_form_is_an_error() -> None:
    with pytest.raises(TypeError, match="object has no plain form"):
        plain_value({"a": [object()]})
    assert plain_value((np.float32(0.5), np.int8(3), np.bool_(True))) == [0.5, 3, True]


@pytest.mark.parametrize("character", ["\x07", "\x1b", "\x9b", "\r", "\u202e", "\u2066"])
def test_steering_characters_are_replaced(character: str) -> None:
    assert readable(f"a{character}b") == "a\ufffdb"


def test_text_of_all_languages_stays() -> None:
    assert readable("比特币 ₿ é\tא\n") == "比特币 ₿ é\tא\n"


def test_parquet_tables(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = OutputOptions(parquet=tmp_path / "new" / "folder")
    check_outputs(options)
    deliver(sample_findings(), options)
    shocks = pq.read_table(tmp_path / "new" / "folder" / "shocks.parquet")
    assert shocks.column_names == ["market", "shock", "liquidated"]
    assert shocks.column("shock")[0].as_py() == -0.3
    metadata = shocks.schema.metadata
    assert metadata[b"seawall_command"].decode() == COMMAND
    assert metadata[b"seawall_seed"].decode() == str(SEED)
    assert ASSUMPTION in metadata[b"seawall_assumptions"].decode()
    losses = pq.read_table(tmp_path / "new" / "folder" / "paths.parquet").column("loss")
    assert losses.to_pylist()[::2] == [1.5, 3.0]
    assert "Table: " in capsys.readouterr().out


def test_the_report_says_what_was_typed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = tmp_path / "report.html"
    deliver(small(), OutputOptions(report=report))
    assert unescape(report.read_text()).count(f"<code>{COMMAND}</code>") == 1
    assert capsys.readouterr().out.endswith(f"Report: {report}\n")


def test_frames_keep_to_their_folder(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no name of a file"):
        write_tables(small(sections=[sheet("../x", "X", ["a"])]), tmp_path, COMMAND)


def test_looking_at_outputs_makes_nothing(tmp_path: Path) -> None:
    report = tmp_path / "a" / "b" / "report.html"
    check_outputs(OutputOptions(report=report, parquet=tmp_path / "c"))
    assert list(tmp_path.iterdir()) == []


def test_outputs_that_cannot_be_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    folder = tmp_path / "folder.html"
    folder.mkdir()
    for options, message in (
        (OutputOptions(report=file / "x.html"), "--report: .*x.html: "),
        (OutputOptions(report=tmp_path / "x.pdf"), "--report: .*x.pdf: a report is HTML"),
        (OutputOptions(report=folder), "--report: .*folder.html: is a folder"),
        (OutputOptions(parquet=file), "--parquet: .*file: is a file, name a folder"),
        (OutputOptions(parquet=file / "x"), "--parquet: .*x: "),
    ):
        with pytest.raises(OutputError, match=message):
            check_outputs(options)


def test_a_file_that_cannot_be_written_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = tmp_path / "gone"
    gone.write_text("a file where a folder should be")
    with pytest.raises(OutputError, match=r"--report: .*x\.html: File exists"):
        deliver(small(), OutputOptions(report=gone / "x.html"))
    with pytest.raises(OutputError, match=r"--parquet: .*gone: "):
        deliver(small(sections=[sheet("a", "A", ["b"])]), OutputOptions(parquet=gone))
    assert "A title" in capsys.readouterr().out, "what was computed is printed all the same"
