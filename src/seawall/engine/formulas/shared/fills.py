"""What a fill does to size, entry and cash."""

from seawall.engine.compile import inline
from seawall.engine.formulas.shared.fixed_point import mul_div_toward_zero


@inline
def closing_part(signed_size: int, delta: int) -> int:
    """How much of a trade of signed size ``delta`` reduces the position."""
    if signed_size ^ delta >= 0:  # of one sign
        return 0
    return min(abs(delta), abs(signed_size))


@inline
def released_cash(isolated_cash: int, closing: int, size: int) -> int:
    """The share of a bucket's cash that leaves with the closed part, truncated."""
    if closing == size:
        return isolated_cash
    return mul_div_toward_zero(isolated_cash, closing, size)


@inline
def closed_entry(entry_notional: int, closing: int, size: int) -> int:
    """The share of the entry notional that is closed, truncated; carries the position's sign."""
    if closing == size:
        return entry_notional
    return mul_div_toward_zero(entry_notional, closing, size)


@inline
def split_quote(
    signed_size: int, entry_notional: int, delta: int, quote: int
) -> tuple[int, int, int]:
    """(entry that leaves, quote that opens, profit) of a signed size bought for a signed quote.

    What closes takes its share of the quote, truncated; the rest opens.
    """
    closing = closing_part(signed_size, delta)
    if closing == 0:
        return 0, quote, 0
    share = quote if closing == abs(delta) else mul_div_toward_zero(quote, closing, abs(delta))
    entry = closed_entry(entry_notional, closing, abs(signed_size))
    return entry, quote - share, -share - entry
