"""A policy made of five answers: it can be read, lint has nothing against it, and it holds them."""

import os
import pty
import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest

from seawall.domain.errors import InputError
from seawall.domain.units import MICRO, PPM
from seawall.guard.lint import lint
from seawall.guard.new_policy import QUESTIONS, new_policy, write_policy
from seawall.guard.policy import TOP_UP
from seawall.guard.policy_file import load_policy, parse_policy
from tests.command_line import seawall
from tests.shared_files import ROOT
from tests.waiting import PATIENCE_S

ANSWERS = {"risk_capital": "2000", "loss": "25%", "leverage": "3", "stop": "8%", "top_up": "400"}


@pytest.mark.parametrize(
    ("capital", "loss", "leverage", "stop", "top_up"),
    list(
        product(
            ("50", "2000.5", "10000000"), ("1%", "0.9"), ("0.5", "20x"), ("0.1%", "60%"),
            ("0", "20"),
        )
    ),
)  # fmt: skip
def test_whatever_is_answered_lint_has_nothing_against_it(
    capital: str, loss: str, leverage: str, stop: str, top_up: str
) -> None:
    answers = {
        "risk_capital": capital, "loss": loss, "leverage": leverage, "stop": stop, "top_up": top_up,
    }  # fmt: skip
    made = parse_policy(new_policy("mine", answers))
    assert list(lint(made)) == []
    triggers = [each.trigger for each in made.steps]
    assert triggers == sorted(triggers)
    assert all(each.rearm < triggers[0] for each in made.steps)


def test_the_answers_are_in_it(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    write_policy(path, ANSWERS)
    made = load_policy(path)
    assert made.name == "mine"
    assert made.account.risk_capital == 2000 * MICRO
    assert made.account.max_leverage == 3 * PPM
    assert made.drawdown.from_peak == PPM // 4
    assert [each.distance for each in made.stops] == [8 * PPM // 100]
    (top_up,) = [each for each in made.steps if each.action == TOP_UP]
    assert (top_up.amount, top_up.max_total) == (100 * MICRO, 400 * MICRO)
    with pytest.raises(InputError, match="File exists"):
        write_policy(path, ANSWERS)


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("risk_capital", "-5", "USD"),
        ("loss", "120%", "at most 100%"),
        ("leverage", "21", "up to 20"),
        ("stop", "near", "25%"),
        ("top_up", "1001", "at most half of the risk capital, 1000"),
    ],
)
def test_an_answer_that_cannot_be_used_is_named(field: str, value: str, expected: str) -> None:
    with pytest.raises(InputError, match=expected) as error:
        new_policy("mine", {**ANSWERS, field: value})
    assert error.value.field == field


def test_what_no_option_says_needs_a_terminal(tmp_path: Path) -> None:
    found = seawall("guard", "new", "p.toml", "--loss", "25%", folder=tmp_path)
    assert (found.returncode, "--risk-capital: is missing" in found.stderr) == (2, True)
    assert list(tmp_path.iterdir()) == []


def test_at_a_terminal_it_asks_and_asks_again(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    code = "from seawall.cli.main import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, "guard", "new", "p.toml", "--leverage", "3"],
        stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )  # fmt: skip
    os.write(ours, b"much\n2000\n\n10%\n\n")
    said, _ = process.communicate(timeout=PATIENCE_S)
    os.close(ours)
    os.close(theirs)
    assert process.returncode == 0, said
    assert "'much' should be" in said
    made = load_policy(tmp_path / "p.toml")
    assert made.account.risk_capital == 2000 * MICRO
    assert (made.drawdown.from_peak, made.stops[0].distance) == (PPM // 4, PPM // 10)
    assert len(QUESTIONS) == 5
