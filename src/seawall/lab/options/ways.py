"""The ways to hold an account in portfolio margin: in one pool, its legs apart, or by market.

Apart, the perpetuals stand on one part of the money and the options on the other. By market, every
market is an account of its own, with its perpetual and its options in one pool. The money is
divided as the initial margins of the parts ask, and no part pays for another.
"""

from collections.abc import Iterator, Mapping
from typing import Literal

from msgspec import Struct

from seawall.lab.options.legs import equity_of
from seawall.lab.options.pool import AnyRule, Portfolios, options_of, perpetuals_of
from seawall.lab.options.pooled import Pooled
from seawall.lab.options.portfolio import Portfolio

Held = Literal["pooled", "apart", "by market"]
POOLED: Held = "pooled"
APART: Held = "apart"
BY_MARKET: Held = "by market"


class Part(Struct, frozen=True, kw_only=True, eq=False):
    """What is margined together. ``cash``: USD behind it; ``share``: of the account's equity."""

    name: str
    books: Portfolios
    cash: float
    share: float = 1.0


class Way(Struct, frozen=True, kw_only=True, eq=False):
    """One way to hold the account under a preset."""

    rule: AnyRule
    held: Held
    parts: tuple[Part, ...]


def ways_of(pool: Pooled) -> Iterator[Way]:
    """By preset, the whole pool first; divided only where every part asks some margin."""
    held = pool.held
    books = held.portfolios
    by_leg = {
        name: {market: of(each) for market, each in books.items()}
        for name, of in (("perpetuals", perpetuals_of), ("options", options_of))
    }
    # Every part has all markets, empty or not, so that all follow the same paths.
    by_market = {
        name: {
            market: each if market == name else Portfolio(spot=each.spot)
            for market, each in books.items()
        }
        for name in books
    }
    for rule in pool.rules:
        whole = Part(name="pool", books=books, cash=held.cash)
        yield Way(rule=rule, held=POOLED, parts=(whole,))
        for way, divided in ((APART, by_leg), (BY_MARKET, by_market)):
            parts = _divided(rule, divided, held.equity)
            if len(parts) > 1:
                yield Way(rule=rule, held=way, parts=parts)


def _divided(rule: AnyRule, parts: Mapping[str, Portfolios], equity: float) -> tuple[Part, ...]:
    """The parts with the equity as their initial margins ask; none where one asks nothing."""
    if equity <= 0 or any(each.collaterals for books in parts.values() for each in books.values()):
        # Coins are the money of the perpetuals.
        return ()
    asked = {name: rule.total(books, 0.0).initial for name, books in parts.items()}
    if min(asked.values()) <= 0:
        return ()
    shares = {name: each / sum(asked.values()) for name, each in asked.items()}
    return tuple(
        Part(
            name=name, books=books, share=shares[name],
            cash=shares[name] * equity - equity_of(books, 0.0),
        )
        for name, books in parts.items()
    )  # fmt: skip
