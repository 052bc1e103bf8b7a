"""Numbers, addresses and ids as they stand on the wire, both ways.

Responses keep at least one decimal (``"113377.0"``); requests carry decimal text of any length,
which is exact or refused. Prices and sizes are integers of the market's decimals, money is
micro-USD.
"""

import re

from seawall.domain.commands import join_client_id, split_client_id
from seawall.domain.enums import Side
from seawall.domain.errors import InputError
from seawall.domain.units import MAX_MONEY, MICRO, MONEY_DECIMALS, from_units
from seawall.venues.hyperliquid.wire.signing import keccak256

SIGNIFICANT_FIGURES = 5
"""The most of a price that is no whole number [documented: tick and lot size]."""
NO_HASH = "0x" + "0" * 64
"""The hash in fills of time-weighted orders, which no action caused."""

_ADDRESS = re.compile(r"(?:0x)?([0-9a-fA-F]{40})")
_CLOID = re.compile(r"0x[0-9a-fA-F]{32}")
_NUMBER = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,40})?")


class WireError(InputError):
    """Text that is not what the field must be."""


class TooFine(WireError):
    """A number with more decimals than its market has."""


def decimal_text(units: int, decimals: int) -> str:
    """Exact decimal text with at least one decimal: 100 with 0 decimals is ``"100.0"``."""
    text = from_units(units, decimals)
    return text if "." in text else text + ".0"


def price_text(price: int, size_decimals: int) -> str:
    """A price in price units of a market with these size decimals."""
    return decimal_text(price, MONEY_DECIMALS - size_decimals)


def size_text(size: int, size_decimals: int) -> str:
    """A size, signed or not, in size units."""
    return decimal_text(size, size_decimals)


def money_text(micro: int) -> str:
    """Micro-USD exactly: fees, closed profit, transfers, funding, volumes."""
    return decimal_text(micro, MONEY_DECIMALS)


def figure_text(micro: int) -> str:
    """Micro-USD as the figures of an account are printed: ``3155203.7660619998``, ``1000.0``.

    The venue prints the double next to the exact value with ten decimals, cuts the zeros at the
    end and keeps at least one decimal [observed].
    """
    return ratio_text(micro / MICRO)


def ratio_text(value: float) -> str:
    """A plain ratio, such as the return on equity, to ten decimals."""
    text = f"{value:.10f}".rstrip("0")
    return text + "0" if text.endswith(".") else text


def entry_price_text(entry_notional: int, signed_size: int, size_decimals: int) -> str:
    """The entry price, cut to the price's decimals. Both arguments carry the position's sign."""
    return price_text(abs(entry_notional) // abs(signed_size), size_decimals)


def average_price_text(notional: int, size: int, size_decimals: int) -> str:
    """The average price of fills, rounded to the price's decimals, half up."""
    return price_text((2 * notional + size) // (2 * size), size_decimals)


def rate_text(rate: int, decimals: int) -> str:
    """A rate of 1e-``decimals``, exactly: 1e-9 for fees, 1e-12 for funding and premiums."""
    return decimal_text(rate, decimals)


def side_text(side: int) -> str:
    return "A" if side == Side.SELL else "B"


def parse_number(text: str, decimals: int, limit: int = 2**62) -> int:
    """Decimal text as an integer of so many decimals, signed.

    Raises TooFine for digits that the market does not have, WireError for anything else.
    """
    if not isinstance(text, str) or not _NUMBER.fullmatch(text):
        raise WireError(f"{text!r} is not a number")
    whole, _, fraction = text.partition(".")
    if fraction[decimals:].strip("0"):
        raise TooFine(f"{text} has more than {decimals} decimals")
    units = int(whole + fraction[:decimals].ljust(decimals, "0"))
    if abs(units) > limit:
        raise WireError(f"{text} is too large; the limit is {from_units(limit, decimals)}")
    return units


def parse_price(text: str, size_decimals: int) -> int:
    """A price in price units. Raises TooFine and WireError."""
    return parse_number(text, MONEY_DECIMALS - size_decimals)


def parse_size(text: str, size_decimals: int) -> int:
    """A size in size units. Raises TooFine and WireError."""
    return parse_number(text, size_decimals)


def parse_money(text: str) -> int:
    """USD as micro-USD, at least 0. Raises TooFine and WireError."""
    amount = parse_number(text, MONEY_DECIMALS, MAX_MONEY)
    if amount < 0:
        raise WireError(f"{text} is negative")
    return amount


def on_tick(price: int, size_decimals: int, *, up: bool) -> int:
    """The nearest price that the venue takes, not below (``up``) or not above this one.

    Price units; 0 where none is left below.
    """
    finest = MONEY_DECIMALS - size_decimals
    tick: int = 10 ** min(finest, max(0, len(str(price)) - SIGNIFICANT_FIGURES))
    return -(-price // tick) * tick if up else price // tick * tick


def parse_address(text: object) -> str:
    """Lower case with ``0x``; it may come without. Raises WireError."""
    found = _ADDRESS.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise WireError(f"{text!r} is not an address")
    return "0x" + found[1].lower()


def parse_cloid(text: object) -> tuple[int, int]:
    """A client order id as the two halves of ``split_client_id``. Raises WireError."""
    if not isinstance(text, str) or not _CLOID.fullmatch(text):
        raise WireError(f"{text!r} is not a client order id")
    return split_client_id(int(text, 16))


def cloid_text(high: int, low: int) -> str | None:
    """None where there is none."""
    joined = join_client_id(high, low)
    return f"0x{joined:032x}" if joined else None


def client_id_text(client_id: int) -> str | None:
    """A joined client order id; None where there is none."""
    return f"0x{client_id:032x}" if client_id else None


def hash_text(sequence: int) -> str:
    """The hash of the command ``sequence``: 66 characters, the same on every reading."""
    return "0x" + keccak256(b"seawall action" + sequence.to_bytes(8, "big")).hex()


def system_address(row: int) -> str:
    """An address for an account of the machine without an owner."""
    return f"0x5ea3a11{row:033x}"
