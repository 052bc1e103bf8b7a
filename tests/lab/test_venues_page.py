"""What docs/start/venues.md shows is what its commands print."""

import re
from pathlib import Path

import pytest

from tests.lab.commands import SECONDS, seawall
from tests.shared_files import ROOT

pytestmark = pytest.mark.timeout(3 * SECONDS)

PAGE = (ROOT / "docs" / "start" / "venues.md").read_text()


def runs() -> list[tuple[str, list[str]]]:
    """Each command of the page with the lines that it is said to print."""
    found: list[tuple[str, list[str]]] = []
    for block in re.findall(r"^```console\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ seawall "):
                found.append((line.removeprefix("$ seawall "), []))
            else:
                found[-1][1].append(" ".join(line.split()))
    return found


def test_every_line_is_printed(tmp_path: Path) -> None:
    assert len(runs()) >= 4
    printed = ""
    for command, lines in runs():
        result = seawall(tmp_path, *command.split())
        assert result.returncode == 0, result.stderr
        text = " ".join(result.stdout.split())
        printed += text
        assert lines
        assert [line for line in lines if line not in text] == []
    # Rules quoted in the text.
    text = re.sub(r"^```.*?^```$", "", PAGE, flags=re.MULTILINE | re.DOTALL)
    quotes = re.findall(r"`([^`]*\d[\d,.]* %[^`]*)`", text)
    assert len(quotes) >= 3
    for quoted in quotes:
        assert " ".join(quoted.split()) in printed


def test_the_margins_are_those_of_the_machine(capsys: pytest.CaptureFixture[str]) -> None:
    (program,) = re.findall(r"^```python run\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    exec(program, {})
    told = capsys.readouterr().out
    rows = re.findall(r"^\| (BTC|ETH|SOL) \| (.*) \|$", PAGE, re.MULTILINE)
    assert len(rows) == 3
    for name, cells in rows:
        large, small, initial, least = cells.split(" | ")
        assert f"hyperliquid, {name}: initial {initial}, maintenance {large}\n" in told
        assert f"dydx, {name}: initial {least}, maintenance {small}\n" in told
