"""Options in account files: what is read, what is refused, and who may be given such an account."""

from pathlib import Path

import pytest

import seawall as sw
from seawall.accounts.load import load_account
from seawall.domain.errors import InputError
from seawall.domain.option import OptionKind
from tests.cli.commands import CALLS, LEAVES, words
from tests.command_line import seawall
from tests.shared_files import ROOT

FILE = ROOT / "examples" / "account_short_call.toml"
WITHOUT_POSITIONS = FILE.read_text().replace("[[position]]", "[[top]]")
TAKES_OPTIONS = {"compare", "options", "paths", "stress"}
"""Commands that count options."""
TAKES_AN_ACCOUNT = sorted(
    name
    for name, leaf in LEAVES.items()
    if name not in TAKES_OPTIONS | {"compare-rules"}  # Its --account is a number in a journal.
    and (leaf.has("ACCOUNT") or leaf.has("--account"))
)


def read(**changes: str | None) -> sw.Account:
    """The example with other lines of its option; None leaves one out."""
    top, option = FILE.read_text().split("[[option]]")
    lines = dict(line.split(" = ", 1) for line in option.strip().splitlines())
    for name, value in changes.items():
        lines.pop(name, None)
        if value is not None:
            lines[name] = value
    text = "\n".join(f"{name} = {value}" for name, value in lines.items())
    return load_account(f"{top}[[option]]\n{text}".encode())


def test_an_option_is_read_exactly() -> None:
    account = read(entry="3150.25", size="1.5", forward='"100321.5"')
    (option,) = account.options
    assert (option.kind, option.strike, option.is_call) == (OptionKind.CALL, "110000", True)
    assert option.signed_size == -150_000
    assert option.expiry_ms == 1_762_718_400_000
    assert (option.volatility, option.forward, option.entry) == ("0.6", "100321.5", "3150.25")
    assert account.time_ms == option.expiry_ms - 30 * 86_400_000
    assert account.surface is None
    (other,) = read(kind='"put"', side='"long"', volatility=None).options
    assert (other.is_call, other.signed_size, other.volatility) == (False, 100_000, None)


@pytest.mark.parametrize(
    "written",
    [
        "2025-11-09T20:00:00Z", "2025-11-09T20:00:00", '"2025-11-09T20:00"',
        '"2025-11-09 21:00+01:00"',
    ],
)  # fmt: skip
def test_times_are_utc_unless_they_say_otherwise(written: str) -> None:
    assert read(expiry=written).options[0].expiry_ms == 1_762_718_400_000


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("expiry", "2025-10-10T20:00:00Z", "should be after the time of the account, 2025-10"),
        ("expiry", '"soon"', "expiry: 'soon' should be a time (UTC) such as 2025-11-28"),
        ("expiry", "1970-01-01", "should be a time (UTC)"),
        ("volatility", "50.5", "volatility: '50.5' should be above 0 and at most 50, such"),
        ("volatility", '"-60%"', "volatility: '-60%' should be above 0"),
        ("kind", '"straddle"', "kind: 'straddle' should be \"call\" or \"put\""),
        ("size", "0.000001", "size: 0.000001 has more than 5 decimals"),
        ("strike", "1e20", "strike: 1e20 is too large; the limit is"),
        ("market", '"NOPE"', "market: 'NOPE' is not known here"),
    ],
)  # fmt: skip
def test_what_cannot_be_an_option_is_named(name: str, value: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        read(**{name: value})
    assert message in str(caught.value)


def test_an_account_of_options_alone_has_their_markets() -> None:
    text = "collateral = 5\n[[option]]" + FILE.read_text().split("[[option]]")[1]
    account = load_account(text.encode(), prices={"BTC": 100_000})
    assert (account.markets, account.positions, account.time_ms) == (("BTC",), (), None)
    with pytest.raises(InputError, match="option: the account holds 1, and its equity"):
        sw.stress(account)


@pytest.mark.parametrize("name", TAKES_AN_ACCOUNT)
def test_a_command_that_cannot_count_options_refuses_the_account(name: str, tmp_path: Path) -> None:
    """In one line, before anything is computed without them."""
    call = CALLS[name]
    values = [each for each in call.values if not each.endswith((".toml", ".json"))]
    arguments = [str(FILE)] if LEAVES[name].has("ACCOUNT") else ["--account", str(FILE)]
    if name.startswith("guard "):
        arguments = [call.values[0], *arguments]
    (tmp_path / "fall.toml").write_text("")
    options = [
        each for pair in zip(call.options[::2], call.options[1::2], strict=True) for each in pair
        if not {"FALL"} & set(pair)
    ]  # fmt: skip
    result = seawall(*name.split(), *values, *arguments, *options, folder=tmp_path)
    assert (result.returncode, result.stdout) == (2, "")
    said = result.stderr.splitlines()[-1]
    assert "option: the account holds 1, and its equity and margin cannot be counted" in said
    assert "`seawall stress`, `seawall paths` and `seawall compare` in portfolio margin" in said


def test_the_commands_with_an_account_are_looked_at() -> None:
    assert {"crises", "carry", "size", "guard lint"} <= set(TAKES_AN_ACCOUNT)
    assert words("stress", {})


COINS = ROOT / "examples" / "account_coins.toml"


def test_coins_and_loans_are_read_exactly_and_refused_elsewhere() -> None:
    account = load_account(COINS, prices={"HYPE": 50})
    (coins,) = account.holdings.coins
    assert (account.markets[coins.market], coins.size) == ("HYPE", 1_000)
    assert (account.holdings.borrowed, account.holdings.collateral) == (250_000_000, 0)
    with pytest.raises(InputError, match="spot: the account holds coins or owes USD"):
        sw.stress(account)
    with pytest.raises(InputError, match="spot: the account holds coins or owes USD"):
        sw.paths(account, paths=10, hours=1, workers=1)
    loan = COINS.read_text().replace("[[spot]]", "[[gone]]")
    with pytest.raises(InputError, match="unknown field 'gone'"):
        load_account(loan.encode(), prices={"HYPE": 50})
    alone = b"borrowed = 250\n" + COINS.read_bytes().split(b"size = 10\n")[1]
    with pytest.raises(InputError, match="collateral is missing; it should be a number above 0"):
        load_account(alone)
