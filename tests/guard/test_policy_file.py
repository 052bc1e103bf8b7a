"""A policy file is read whole, and what cannot be used is named with its line."""

import re
import tomllib
from pathlib import Path

import pytest
from msgspec import NODEFAULT

from seawall.guard.lint import lint
from seawall.guard.policy_file import (
    LISTS,
    TABLES,
    PolicyError,
    default_of,
    lines_of,
    load_policy,
    parse_policy,
)
from tests.shared_files import ROOT

EXAMPLES = sorted((ROOT / "examples" / "guard").glob("*.toml"))
PAGE = ROOT / "docs" / "commands" / "guard.md"
BASE = """name = "base"

[account]
risk_capital = 20000

[drawdown]
from_peak = "20%"

[[step]]
name = "cut"
action = "close"
trigger = "60%"
rearm = "50%"
share = "25%"

[[step]]
name = "add"
action = "top_up"
on = "isolated"
trigger = "70%"
rearm = "50%"
amount = 100
max_count = 2
max_total = 200
min_move = "1%"

[[stop]]
name = "stop"
distance = "5%"

[[execution]]
name = "slow"
style = "twap"
duration = "10m"
interval = "30s"
"""


def test_every_field_is_read() -> None:
    policy = parse_policy(BASE)
    assert policy.account.risk_capital == 20_000_000_000
    assert policy.drawdown.from_peak == 200_000
    assert policy.steps[0].share == 250_000
    assert policy.steps[1].max_total == 200_000_000
    assert policy.stops[0].distance == 50_000
    assert (policy.executions[0].duration_ms, policy.executions[0].interval_ms) == (600_000, 30_000)
    assert policy.execution("market").style == "market"


@pytest.mark.parametrize(
    ("old", "new", "line", "field", "right"),
    [
        ("risk_capital = 20000", "risk_capital = -1", 4, "risk_capital", "USD above 0"),
        ("risk_capital = 20000", 'risk_capital = "much"', 4, "risk_capital", "USD above 0"),
        ("risk_capital = 20000", "", 3, "risk_capital", "missing"),
        ('from_peak = "20%"', 'from_peak = "120%"', 7, "from_peak", "at most 100%"),
        ('from_peak = "20%"', "from_peak = true", 7, "from_peak", "at most 100%"),
        ('rearm = "50%"\nshare', 'rearm = "65%"\nshare', 13, "rearm", "below the trigger, 60%"),
        ('rearm = "50%"\nshare', "share", 9, "rearm", "missing"),
        ('action = "close"', 'action = "clsoe"', 11, "action", "close or"),
        ('trigger = "60%"', 'triger = "60%"', 12, "triger", "one of the fields: name, on"),
        ('share = "25%"', 'execution = "fast"', 14, "execution", "one of the executions: market"),
        ("max_count = 2", "", 16, "max_count", "bounded in amount, in count and in total"),
        ('min_move = "1%"', "", 16, "min_move", "the least move of the liquidation price"),
        ('on = "isolated"', 'on = "cross"', 16, "source", "another one than the pool"),
        ('trigger = "70%"', 'trigger = "59%"', 20, "trigger", "no calmer than that of cut"),
        ('on = "isolated"', 'on = "all"', 19, "on", "'isolated': from the pool"),
        ('on = "isolated"', "", 16, "on", "'isolated': from the pool"),
        ("amount = 100", 'amount = 100\nsource = "wallet"', 19, "on", "'cross': the wallet goes"),
        ("amount = 100", 'amount = 100\nsource = "spot"', 23, "source", "pool or wallet"),
        ('name = "cut"', 'name = "guard"', 10, "name", "another name"),
        ('name = "cut"', 'name = "drawdown from peak"', 10, "name", "another name"),
        ('name = "cut"', 'name = "funding"', 10, "name", "another name"),
        ('name = "cut"', 'name = "leverage of a market"', 10, "name", "another name"),
        ('name = "stop"', 'name = "cut"', 28, "name", "a name that no step has"),
        ("max_total = 200", "max_total = 50", 24, "max_total", "at least the amount"),
        ('distance = "5%"', "", 27, "distance", "given, or price"),
        ('distance = "5%"', "price = 9", 27, "market", "one market, for a price"),
        ('name = "slow"', 'name = "market"', 32, "name", "another name"),
        ('duration = "10m"', 'duration = "10 parsecs"', 34, "duration", "a time such as 30s"),
        ('interval = "30s"', 'interval = "20m"', 35, "interval", "at most the duration"),
        (
            'name = "base"',
            'name = "base"\nnmae = 3',
            2,
            "nmae",
            "one of the fields: name, sweep, real_money",
        ),
        ('name = "base"', "", None, "name", "missing"),
    ],
)
def test_an_error_names_file_line_field_and_what_is_right(
    old: str, new: str, line: int | None, field: str, right: str
) -> None:
    assert old in BASE
    with pytest.raises(PolicyError) as found:
        parse_policy(BASE.replace(old, new, 1), "mine.toml")
    text = str(found.value)
    assert text.startswith("mine.toml: ")
    assert right in text
    assert found.value.field == field
    if line is not None:
        assert f"line {line}: " in text


def test_shares_of_exits_add_up_to_one_at_most() -> None:
    two = BASE + '\n[[stop]]\nname = "second"\ndistance = "4%"\nshare = "1%"\nmarket = "BTC"\n'
    with pytest.raises(PolicyError, match="at most 100% with the other exits of kind stop"):
        parse_policy(two)
    goal = two.replace('name = "second"', 'name = "second"\nkind = "take_profit"')
    assert len(parse_policy(goal).stops) == 2


def test_a_file_that_is_no_policy() -> None:
    with pytest.raises(PolicyError, match="not valid TOML"):
        parse_policy("name = ")
    with pytest.raises(PolicyError, match="cannot be read"):
        load_policy("/nowhere.toml")
    with pytest.raises(PolicyError, match=r"\[account\]: missing"):
        parse_policy('name = "x"')


def test_lines_are_those_of_the_file() -> None:
    lines = lines_of(BASE)
    text = BASE.splitlines()
    for (table, number, field), line in lines.items():
        assert field in text[line - 1] if field else table in text[line - 1], (number, line)
    assert text[lines["step", 1, "name"] - 1] == 'name = "add"'


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_examples_are_read_and_have_no_mistake(path: Path) -> None:
    assert lint(load_policy(path)) == []


def test_there_are_four_examples() -> None:
    assert {each.stem for each in EXAMPLES} == {"scalper", "macro_book", "hybrid", "small"}


def _documented() -> dict[str, dict[str, str]]:
    """The fields of each table on the page, and what it says of their default."""
    text = PAGE.read_text()
    found: dict[str, dict[str, str]] = {}
    for part in re.split(r"^### ", text, flags=re.MULTILINE)[1:]:
        heading = re.match(r"`\[+(\w+)\]+`", part)
        if heading is not None:
            rows = re.findall(r"^\| `(\w+)` \| ([^|]*) \|", part, re.MULTILINE)
            found[heading[1]] = {name: default.strip(" `") for name, default in rows}
    return found


@pytest.mark.parametrize("table", TABLES)
def test_the_page_has_every_field_and_its_default(table: str) -> None:
    rows = _documented()[table]
    assert set(rows) == set(TABLES[table][1])
    for field, shown in rows.items():
        default = default_of(table, field)
        if default is NODEFAULT:
            assert shown == "required", field
        elif shown == "none":
            assert not default, field
        else:
            value = tomllib.loads(f"x = {shown}", parse_float=str)["x"]
            assert TABLES[table][1][field][1](field, value) == default, field


def test_lists_are_tables() -> None:
    assert set(LISTS) < set(TABLES)
