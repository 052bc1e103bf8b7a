"""Books of this venue: its answer to ``l2Book``, from a file or from the API.

One answer has 20 levels a side, which in a large market is a few basis points. ``nSigFigs`` asks
for the same book in coarser levels that reach further [documented: API reference, l2Book]; bids are
rounded down and asks up, so a coarse level says how much lies up to its price. Answers of five
grains are put together by their total sizes up to a price.
"""

from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Struct

from seawall.venues.book_levels import BookLevels
from seawall.venues.numbers import plain_number
from seawall.venues.public_api import PublicApi
from seawall.venues.raw_json import VenueDataError, decode

GRAINS = (None, 5, 4, 3, 2)
"""Significant figures of a price; None: every price by itself."""
_SIDES = 2
_NOISE = 1e-9
"""Sums of the same sizes in another order differ by less."""


class _Level(Struct):
    px: str
    sz: str


class _Answer(Struct):
    coin: str
    levels: list[list[_Level]]
    time: int | None = None


def levels_of(document: Mapping[str, msgspec.Raw], raw: bytes) -> BookLevels | None:
    """The book that an answer holds; None for one of another shape.

    ``document``: ``raw`` by its keys. Raises VenueDataError for one of this shape with a mistake.
    """
    if "levels" not in document:
        return None
    answer = decode(_Answer, raw)
    if len(answer.levels) != _SIDES:
        raise VenueDataError(f"levels: {len(answer.levels)} lists, should be bids and asks")
    bids, asks = (_side(f"levels[{row}]", side) for row, side in enumerate(answer.levels))
    return BookLevels(answer.coin, answer.time, bids, asks)


def _side(path: str, levels: Sequence[_Level]) -> list[tuple[float, float]]:
    return [
        (
            plain_number(f"{path}[{row}].px", each.px, signed=False),
            plain_number(f"{path}[{row}].sz", each.sz, signed=False),
        )
        for row, each in enumerate(levels)
    ]


def live_levels(api: PublicApi, coin: str) -> BookLevels:
    """The book of a coin now, of all grains together. Raises VenueDataError."""
    answers = [_ask(api, coin, figures) for figures in GRAINS]
    finest = answers[0]
    return BookLevels(
        finest.market,
        finest.time_ms,
        _joined([each.bids for each in answers], falling=True),
        _joined([each.asks for each in answers], falling=False),
    )


def _ask(api: PublicApi, coin: str, figures: int | None) -> BookLevels:
    request: dict[str, object] = {"type": "l2Book", "coin": coin}
    if figures is not None:
        request["nSigFigs"] = figures
    raw = api.post("/info", request)
    if raw.strip() == b"null":
        raise VenueDataError(f"coin: the venue has no market {coin!r}")
    found = levels_of(decode(dict[str, msgspec.Raw], raw, "l2Book"), raw)
    if found is None:
        raise VenueDataError("l2Book: levels: missing")
    return found


def _joined(
    grains: Sequence[Sequence[tuple[float, float]]], *, falling: bool
) -> list[tuple[float, float]]:
    """The finest levels, then of each coarser side what lies beyond them.

    Where a coarser answer, taken a moment later, has less up to a price than was there
    already, nothing is added.
    """
    made: list[tuple[float, float]] = []
    held = 0.0
    for side in grains:
        total = 0.0
        for price, size in side:
            total += size
            is_beyond = not made or (price < made[-1][0] if falling else price > made[-1][0])
            if is_beyond and total > held * (1 + _NOISE):
                made.append((price, total - held))
                held = total
    return made
