"""From an account as a venue tells it to the account that a rehearsal begins with.

A rehearsal begins with a deposit. It is chosen so that the equity of the pool and of every bucket
is the venue's own: cross cash plus what the cross positions cost, and the buckets' margins.
"""

from collections.abc import Sequence
from typing import Protocol

from seawall.accounts.file import AccountError, AccountSketch, PositionSketch
from seawall.domain.units import MONEY_DECIMALS, from_units, money_text


class PositionLike(Protocol):
    """One position in integers: sizes and mark in the market's units, money in micro-USD."""

    @property
    def coin(self) -> str: ...
    @property
    def size_decimals(self) -> int: ...
    @property
    def signed_size(self) -> int: ...
    @property
    def mark_price(self) -> int: ...
    @property
    def leverage(self) -> int: ...
    @property
    def isolated_cash(self) -> int: ...
    @property
    def unrealized_profit(self) -> int | None: ...
    @property
    def is_cross(self) -> bool: ...
    @property
    def value(self) -> int: ...


class StateLike(Protocol):
    @property
    def positions(self) -> Sequence[PositionLike]: ...
    def cross_equity(self) -> int | None: ...


def sketch_of_state(source: str, name: str, state: StateLike) -> AccountSketch:
    """Raises AccountError for a state without cross equity or whose deposit would be nothing."""
    cross_equity = state.cross_equity()
    if cross_equity is None and any(position.is_cross for position in state.positions):
        raise AccountError(f"{source}: the equity of the cross pool is missing")
    profits = {p.coin: p.unrealized_profit or 0 for p in state.positions}
    collateral = _collateral(state, cross_equity or 0, profits)
    if collateral <= 0:
        # Profits already withdrawn: entering at mark says the same about margin.
        profits = dict.fromkeys(profits, 0)
        collateral = _collateral(state, cross_equity or 0, profits)
    if collateral <= 0:
        raise AccountError(f"{source}: the account has no equity: {money_text(collateral)} USD")
    return AccountSketch(
        source=source,
        name=name,
        collateral=money_text(collateral),
        positions=tuple(_position(each, profits[each.coin]) for each in state.positions),
        prices={
            each.coin: from_units(each.mark_price, MONEY_DECIMALS - each.size_decimals)
            for each in state.positions
        },
    )


def _collateral(state: StateLike, cross_equity: int, profits: dict[str, int]) -> int:
    """Deposit that gives every bucket its equity when the positions are entered."""
    cross = sum(profits[p.coin] for p in state.positions if p.is_cross)
    buckets = sum(_margin(p, profits[p.coin]) for p in state.positions if not p.is_cross)
    return cross_equity - cross + buckets


def _margin(position: PositionLike, profit: int) -> int:
    """What the bucket was given: its cash plus what the position cost."""
    return position.isolated_cash + position.value - profit


def _position(position: PositionLike, profit: int) -> PositionSketch:
    entry_notional = abs(position.value - profit)
    return PositionSketch(
        market=position.coin,
        is_long=position.signed_size > 0,
        size=from_units(abs(position.signed_size), position.size_decimals),
        entry_notional=money_text(entry_notional),
        is_isolated=not position.is_cross,
        leverage=position.leverage,
        margin=None if position.is_cross else money_text(_margin(position, profit)),
    )
