"""What the page is answered."""

from typing import Literal

from seawall.terminal.protocol.base import Message, ModeName, Part


class Refused(Message):
    """Nothing changed. ``field``, ``value``: what is wrong; ``expected``: what would be right."""

    field: str
    value: str
    expected: str


class Superseded(Message):
    """A newer question of the same kind came before this one was computed."""


class Done(Message):
    """``text``: what was done, in words."""

    text: str


class OrderResult(Part):
    """``status``: resting, filled, partly_filled, waiting (for a trigger or a first order), queued
    (for the next block) or refused; ``reason`` of a refusal."""

    id: str
    status: Literal["resting", "filled", "partly_filled", "waiting", "queued", "refused"]
    filled: str
    average_price: str | None
    reason: str


class Placed(Message):
    """One result for each order, those that were made of a scale or a bracket included."""

    orders: tuple[OrderResult, ...]


class Preview(Message):
    """What an order would do now, from the engine itself on a copy of the venue. Money is USD.

    ``rejected``: why the engine would refuse it, or the part that is not filled; empty where it
    would not. ``slippage``: of the average price from the mid, a share, positive is worse.
    ``warnings``: in words, such as a stop that liquidation comes before, slippage over the cap, or
    a position that the book could not close.
    """

    rejected: str
    size: str
    filled: str
    resting: str
    average_price: str | None
    worst_price: str | None
    slippage: float | None
    levels: int
    fee: str
    margin: str
    """Initial margin and holds of the account, how much more than now."""
    available_before: str
    available_after: str
    liquidation_before: str | None
    liquidation_after: str | None
    distance_after: float | None
    ratio_before: float | None
    ratio_after: float | None
    leverage_after: float | None
    position_after: str
    exit_slippage: float | None
    """Of closing the resulting position in the book now."""
    exit_share: float | None
    """Of the book's depth on the side that would close it; above 1 the book cannot."""
    warnings: tuple[str, ...]


class TwapPreview(Message):
    """How a time-weighted order would be sliced, and what its first slice would do now. Money USD.

    ``rejected``: why the engine would refuse the first slice, or the part of it that is not filled.
    ``worst_price``: the limit of a slice now. ``fee``, ``margin``, ``position_after``,
    ``liquidation_after``, ``distance_after``: of the whole, as if every slice paid what the first
    one would, and the mark stood still; where the first one fills nothing, at the mark.
    """

    rejected: str
    slices: int
    interval_ms: int
    slice_size: str
    slice_notional: str
    worst_price: str | None
    first_price: str | None
    first_slippage: float | None
    first_fee: str
    fee: str
    margin: str
    position_after: str
    liquidation_after: str | None
    distance_after: float | None
    warnings: tuple[str, ...]


class BucketAfter(Part):
    """A bucket at the prices asked about, before anything is liquidated. ``change``: in equity."""

    id: str
    name: str
    is_isolated: bool
    equity: str
    change: str
    initial_margin: str
    maintenance_margin: str
    free: str
    ratio: float | None
    is_liquidatable: bool


class PositionAfter(Part):
    market: str
    bucket: str
    unrealised: str
    liquidation_price: str | None
    """As if only this market moved on from the prices asked about."""
    distance: float | None
    leverage: int
    mode: ModeName


class Afterwards(Part):
    """A minute later, simulated as ``seawall stress`` does: what liquidation leaves.

    ``equity``: what is left; ``lost``: of the equity now; ``cost``: fees, slippage and what was
    taken, beyond the move itself. ``liquidated``: the buckets; ``first``: the market whose position
    was closed first.
    """

    equity: str
    lost: str
    cost: str
    liquidated: tuple[str, ...]
    first: str | None
    stages: tuple[str, ...]


class WhatIf(Message):
    """The account at other prices, in other modes or at other leverages. Money is USD.

    ``equity``, ``lost``: at the prices, before anything is liquidated. ``first``: the bucket that
    would be liquidated first if prices went on the same way, and at how many times the move;
    ``rejected``: why the modes or leverages cannot be, empty where they can.
    ``afterwards``: None where it was not asked for, or where nothing is liquidated and there are no
    orders to act.
    """

    rejected: str
    before: str
    equity: str
    lost: str
    prices: dict[str, str]
    buckets: tuple[BucketAfter, ...]
    positions: tuple[PositionAfter, ...]
    first: str | None
    first_at: float | None
    afterwards: Afterwards | None


class Sized(Message):
    """How much to trade so that the stop loses what was said, exit fee and slippage included."""

    size: str
    notional: str
    loss: str
    leverage: float
    warnings: tuple[str, ...]


Answer = Refused | Superseded | Done | Placed | Preview | TwapPreview | WhatIf | Sized


class Answered(Message):
    """``id``: that of the request."""

    id: int
    answer: Answer
