"""Account files that are wrong on purpose: an account or one error, which names field and value."""

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seawall.accounts.account import Account
from seawall.accounts.load import load_account
from seawall.domain.errors import InputError

POSITION = {
    "market": '"BTC"', "side": '"long"', "size": "1", "entry": "100000", "leverage": "10",
    "mode": '"isolated"', "margin": "20000",
}  # fmt: skip
ORDER = {"market": '"BTC"', "side": '"sell"', "size": "1", "stop": "90000", "reduce_only": "true"}
TOP_UP = {"market": '"BTC"', "price": "95000", "amount": "5"}
OPTION = {
    "market": '"BTC"', "kind": '"call"', "strike": "110000", "expiry": "2026-11-09T08:00:00Z",
    "side": '"short"', "size": "1", "volatility": '"60%"', "forward": "100100", "entry": "3000",
}  # fmt: skip
TABLES = {"position": POSITION, "order": ORDER, "top_up": TOP_UP, "option": OPTION}
FIELDS = [
    ("", "collateral"),
    *((table, name) for table, fields in TABLES.items() for name in fields),
]

NUMBERS = {
    "zero": "0", "negative": "-5", "not a number": "nan", "infinite": "inf", "below all": "-inf",
    "huge": "1e400", "astronomic": "1e999999999", "astronomic text": '"1e999999999"',
    "tiny": '"1e-999999999"', "hexadecimal": f"0x{'f' * 5000}", "long": "9" * 4000,
    "long text": f'"{"1" * 10_000}"', "signalling": '"sNaN"', "signed": '"-1"',
}  # fmt: skip
OTHERS = {
    "list": f"[1, 0x{'f' * 5000}]", "table": "{a = 1}", "date": "2026-01-01", "empty": '""',
    "words": '"much"', "control": '"1\\u0000"',
}  # fmt: skip
REMEDIES = ("should be", "too large", "is not known", "is not a decimal number", "write it as")
"""How an error says what would be right."""


def text_of(table: str = "", name: str = "", value: str | None = None) -> str:
    """A good file with one other value, or (None) without that field."""
    lines = [] if name == "collateral" else ["collateral = 1000000"]
    if name == "collateral" and value is not None:
        lines = [f"collateral = {value}"]
    for each, fields in TABLES.items():
        held = dict(fields)
        if each == table and value is None:
            held.pop(name, None)
        elif each == table:
            held[name] = value or ""
        lines += [f"[[{each}]]", *(f"{key} = {text}" for key, text in held.items())]
    return "\n".join(lines)


def error_of(text: str) -> str:
    """The one refusal of a file."""
    with pytest.raises(InputError) as caught:
        load_account(text.encode())
    message = str(caught.value)
    assert message.startswith("account: ")
    assert len(message) < 600
    return message


def test_the_file_without_a_fault_is_read() -> None:
    account = load_account(text_of().encode())
    assert len(account.holdings.positions) == len(account.holdings.top_ups) == 1


@pytest.mark.parametrize("value", [*NUMBERS, *OTHERS])
@pytest.mark.parametrize("place", FIELDS, ids="-".join)
def test_a_wrong_value_is_refused_by_its_field(place: tuple[str, str], value: str) -> None:
    table, name = place
    if (name, value) == ("expiry", "date"):
        assert load_account(text_of(table, name, OTHERS[value]).encode()).options
        return  # It is one: the first minute of that day.
    message = error_of(text_of(table, name, {**NUMBERS, **OTHERS}[value]))
    assert f"{name}: " in message
    assert any(remedy in message for remedy in REMEDIES), message


@pytest.mark.parametrize("place", FIELDS, ids="-".join)
def test_a_missing_field_is_named_with_what_it_should_be(place: tuple[str, str]) -> None:
    table, name = place
    if name in ("entry", "mode", "margin", "reduce_only", "volatility", "forward"):
        # They have defaults; without its mode a position has no margin of its own.
        if name == "mode":
            assert "margin: '20000' belongs to mode" in error_of(text_of(table, name))
        else:
            assert isinstance(load_account(text_of(table, name).encode()), Account)
        return
    message = error_of(text_of(table, name))
    assert (
        f"{name} is missing; it should be" in message
        or f"give one of {name}, " in message
        or (name == "stop" and "give one of price, stop, take_profit" in message)
    )


@pytest.mark.parametrize("table", ["", *TABLES])
def test_an_unknown_field_is_named_beside_the_known_ones(table: str) -> None:
    text = text_of(table, "colour", '"red"') if table else 'colour = "red"\n' + text_of()
    message = error_of(text)
    assert "unknown field 'colour'; known fields: " in message
    assert "market" in message or "collateral" in message


def test_a_second_position_in_a_market_is_refused() -> None:
    lines = "\n".join(f"{key} = {text}" for key, text in POSITION.items())
    message = error_of(f"{text_of()}\n[[position]]\n{lines}")
    assert "position 2 (BTC): market: a second position in BTC" in message


@pytest.mark.parametrize("leverage", [41, 10**7, 10**30])
def test_a_leverage_that_no_market_allows(leverage: int) -> None:
    message = error_of(text_of("position", "leverage", str(leverage)))
    assert "position 1 (BTC): leverage: " in message
    assert "(1 to 40)" in message or "from 1 to 1000000" in message


def read(raw: bytes) -> Account | str:
    """The account of a file, or its refusal."""
    try:
        return load_account(raw)
    except InputError as error:
        return str(error)


SCALARS = st.one_of(
    st.integers(-(10**40), 10**40).map(str),
    st.floats().map(lambda each: f"{each!r}".replace("infinity", "inf")),
    st.text(string.printable, max_size=20).map(lambda each: repr(each).replace("\\x", "\\\\x")),
    st.sampled_from([*NUMBERS.values(), *OTHERS.values(), "true", "07:30:00", "[[]]"]),
)


@settings(max_examples=300, deadline=None)
@given(place=st.sampled_from(FIELDS), value=SCALARS)
def test_any_value_gives_an_account_or_an_error(place: tuple[str, str], value: str) -> None:
    found = read(text_of(*place, value).encode())
    if isinstance(found, Account):
        assert found.holdings.collateral > 0
        assert all(each.signed_size and each.leverage >= 1 for each in found.holdings.positions)
    else:
        assert found.startswith("account: ")


@settings(max_examples=300, deadline=None)
@given(at=st.integers(0, 400), cut=st.integers(0, 12), put=st.binary(max_size=6))
def test_any_damage_gives_an_account_or_an_error(at: int, cut: int, put: bytes) -> None:
    raw = text_of().encode()
    assert read(raw[:at] + put + raw[at + cut :])
