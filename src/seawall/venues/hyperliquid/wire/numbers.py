"""Numbers as this venue prints them."""

from seawall.domain.units import MICRO


def venue_number(micro: int) -> str:
    """Micro-USD as the venue's account figures print it: ``3155203.7660619998``, ``1000.0``.

    The venue prints the double next to the exact value with ten decimals, cuts the zeros at the
    end and keeps at least one decimal [observed].
    """
    text = f"{micro / MICRO:.10f}".rstrip("0")
    return text + "0" if text.endswith(".") else text
