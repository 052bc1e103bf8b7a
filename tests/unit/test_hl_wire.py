"""Numbers, ids and addresses of the Hyperliquid wire, both ways."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seawall.domain.enums import Reason, Side
from seawall.venues.hyperliquid.wire import values as wire
from seawall.venues.hyperliquid.wire.error_texts import STATUSES, TEXTS, order_status
from tests.facts import hyperliquid


@pytest.mark.parametrize(
    ("units", "decimals", "text"),
    [
        (1133770, 1, "113377.0"), (7460, 0, "7460.0"), (2, 2, "0.02"), (-200, 2, "-2.0"),
        (0, 5, "0.0"), (6471646, 2, "64716.46"), (-5, 3, "-0.005"),
    ],
)  # fmt: skip
def test_decimal_text(units, decimals, text):
    assert wire.decimal_text(units, decimals) == text


@pytest.mark.parametrize(
    ("micro", "text"),
    [
        (3155203766062, "3155203.7660619998"), (1887689272818, "1887689.2728180001"),
        (1000_000_000, "1000.0"), (0, "0.0"), (-1_500_000, "-1.5"), (83307638, "83.307638"),
    ],
)  # fmt: skip
def test_figures_are_printed_doubles(micro, text):
    assert wire.figure_text(micro) == text


@pytest.mark.parametrize(
    ("price_micro", "size_decimals", "text"),
    [
        (64_716_468_000, 5, "64716.4"), (1_864_866_700, 4, "1864.86"), (121_699, 0, "0.121699"),
        (121_699, 1, "0.12169"), (16_629, 1, "0.01662"),
    ],
)  # fmt: skip
def test_entry_price_is_cut(price_micro, size_decimals, text):
    size = 10**size_decimals * 3
    for sign in (1, -1):
        assert wire.entry_price_text(sign * 3 * price_micro, sign * size, size_decimals) == text


def test_average_price_is_rounded():
    assert wire.average_price_text(3 * 100 + 1, 3, 5) == "10.0"
    assert wire.average_price_text(2 * 100 + 1, 2, 5) == "10.1"
    assert wire.average_price_text(18914 * 200, 200, 5) == "1891.4"


@pytest.mark.parametrize(
    ("text", "decimals", "units"),
    [("100", 1, 1000), ("100.0", 1, 1000), ("0.00001", 5, 1), ("-0", 2, 0), ("1.2300000", 2, 123)],
)
def test_numbers_in_requests(text, decimals, units):
    assert wire.parse_number(text, decimals) == units


@pytest.mark.parametrize("text", ["1.23", "0.01", "-5.001"])
def test_too_fine_numbers(text):
    with pytest.raises(wire.TooFine):
        wire.parse_number(text, 1)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "1e3",
        "NaN",
        "Infinity",
        "1_0",
        " 1",
        "1 ",
        "1.",
        ".5",
        "+1",
        "٣",
        "9" * 41,
        None,
        1,
    ],
)
def test_what_is_no_number(text):
    with pytest.raises(wire.WireError):
        wire.parse_number(text, 6)


def test_numbers_beyond_the_machine():
    with pytest.raises(wire.WireError):
        wire.parse_number("9" * 30, 6)
    with pytest.raises(wire.WireError):
        wire.parse_money("-1")


@given(st.integers(-(2**50), 2**50), st.integers(0, 6))
def test_decimal_text_is_read_back(units, decimals):
    assert wire.parse_number(wire.decimal_text(units, decimals), decimals) == units


def test_what_the_client_writes_is_read():
    for case in hyperliquid.read_client()["float_to_wire"]["cases"]:
        assert wire.parse_number(case["out"], 8, 10**30) == round(Fraction(case["in"]) * 10**8)


@given(st.integers(1, 2**128 - 1))
def test_client_ids(client_id):
    text = f"0x{client_id:032x}"
    high, low = wire.parse_cloid(text)
    assert wire.cloid_text(high, low) == wire.client_id_text(client_id) == text


def test_no_client_id():
    assert wire.cloid_text(0, 0) is None
    assert wire.client_id_text(0) is None


@pytest.mark.parametrize("text", ["", "0x", "0x1", "1" * 32, "0x" + "g" * 32, None, 5])
def test_what_is_no_client_id(text):
    with pytest.raises(wire.WireError):
        wire.parse_cloid(text)


def test_addresses():
    assert wire.parse_address("0x" + "AB" * 20) == "0x" + "ab" * 20
    assert wire.parse_address("AB" * 20) == "0x" + "ab" * 20
    for text in ("", "0x12", "0x" + "ab" * 21, "0x" + "zz" * 20, None, 7):
        with pytest.raises(wire.WireError):
            wire.parse_address(text)
    assert len(wire.system_address(2)) == 42
    assert wire.system_address(2) != wire.system_address(3)


def test_hashes_and_sides():
    assert wire.hash_text(7) == wire.hash_text(7) != wire.hash_text(8)
    assert len(wire.hash_text(7)) == len(wire.NO_HASH) == 66
    assert (wire.side_text(Side.BUY), wire.side_text(Side.SELL)) == ("B", "A")


def test_every_reason_has_a_text():
    assert set(TEXTS) == set(Reason)
    assert all(text for reason, text in TEXTS.items() if reason)


def test_order_statuses():
    assert order_status("filled", 0) == "filled"
    assert order_status("waiting", 0) == "open"
    assert order_status("canceled", Reason.MARGIN_CANCELLED) == "marginCanceled"
    assert order_status("canceled", Reason.EXPIRED) == "canceled"
    assert order_status("rejected", Reason.POST_ONLY_WOULD_MATCH) == "badAloPxRejected"
    assert order_status("rejected", Reason.UNKNOWN_MARKET) == "rejected"
    assert all(STATUSES.values())
