"""What a venue takes from the page."""

from seawall.terminal.protocol.base import ModeName, OrderKind, Part


class Offered(Part):
    """What the venue takes from here. ``brackets``: whether an order may bring its take-profit and
    its stop; ``modes``: how a position may be margined."""

    kinds: tuple[OrderKind, ...]
    modes: tuple[ModeName, ...]
    brackets: bool


class TwapTerms(Part):
    """What the venue takes as a time-weighted order. ``minimum_value``: USD at the mark;
    ``slippage``: the most that a slice may pay beyond the mid, a share; ``randomises``: whether
    slices are then sent at random, or even ones with the choice kept."""

    shortest_minutes: int
    longest_minutes: int
    minimum_value: str
    slippage: float
    randomises: bool
