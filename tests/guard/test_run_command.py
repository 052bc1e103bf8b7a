"""What ``seawall guard run`` refuses before anything is connected or written."""

from pathlib import Path

import pytest

from tests.command_line import seawall
from tests.shared_files import ROOT

SMALL = ROOT / "examples" / "guard" / "small.toml"
ADDRESS = "0x" + "5" * 40
KEY = "0x" + "ab" * 32


def refusal(folder: Path, *options: str, policy: Path = SMALL, address: str = ADDRESS) -> str:
    """The one line of a refusal; nothing may be written."""
    before = sorted(folder.iterdir())
    found = seawall("guard", "run", policy, address, *options, folder=folder)
    assert found.returncode == 2, found.stderr
    assert found.stdout == ""
    assert sorted(folder.iterdir()) == before
    (line,) = found.stderr.splitlines()
    return line


def test_real_money_needs_a_line_in_the_file_and_an_option(tmp_path: Path) -> None:
    allowed = tmp_path / "allowed.toml"
    allowed.write_text("real_money = true\n" + SMALL.read_text())
    both = "missing: a line in the policy file and an option on the command line"
    assert both in refusal(tmp_path, "--network", "mainnet")
    assert "missing: a line" in refusal(tmp_path, "--network", "mainnet", "--real-money")
    found = refusal(tmp_path, "--network", "mainnet", policy=allowed)
    assert found.endswith("missing: an option on the command line")
    # With both, what is refused is something else.
    found = refusal(
        tmp_path, "--network", "mainnet", "--real-money", policy=allowed, address="nothing"
    )
    assert "missing" not in found


def test_real_money_in_a_file_is_true_or_false(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.toml"
    wrong.write_text('real_money = "yes"\n' + SMALL.read_text())
    assert "line 1: real_money: 'yes' should be true or false" in refusal(tmp_path, policy=wrong)


def test_armed_it_needs_a_key_that_only_its_owner_may_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "--arm: needs --key" in refusal(tmp_path, "--arm")
    found = refusal(tmp_path, "--arm", "--key", KEY)
    assert "never the key itself" in found
    assert KEY not in found
    file = tmp_path / "key"
    file.write_text(KEY)
    file.chmod(0o644)
    found = refusal(tmp_path, "--key", f"file:{file}")
    assert "--key: file" in found or "chmod 600" in found
    assert KEY not in found
    monkeypatch.setenv("WRONG_KEY", KEY[:-1])
    found = refusal(tmp_path, "--arm", "--key", "env:WRONG_KEY")
    assert "no private key" in found
    assert KEY[:-1] not in found


def test_a_sandbox_is_not_the_venue_itself(tmp_path: Path) -> None:
    found = refusal(tmp_path, "--at", "https://api.hyperliquid.xyz")
    assert found.startswith("seawall guard run: --at: ")
    assert "left out" in refusal(tmp_path, "--network", "testnet", "--at", "http://127.0.0.1:1")


@pytest.mark.parametrize("interval", ["-1", "soon", "86401"])
def test_an_interval_is_seconds(tmp_path: Path, interval: str) -> None:
    assert "--interval: " in refusal(tmp_path, f"--interval={interval}")
