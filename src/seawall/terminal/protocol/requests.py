"""What the page can ask."""

import msgspec

from seawall.terminal.protocol.base import (
    Interval,
    Message,
    ModeName,
    OrderKind,
    Part,
    SideName,
)


class Request(Message, forbid_unknown_fields=True):
    """A request. Those about an account are about the one in view."""


class Watch(Request):
    """Look at this from now on; what is None stays. Answered by ``Done``."""

    market: str | None = None
    account: str | None = None
    interval: Interval | None = None


class Resynchronise(Request):
    """Send everything again. Answered by ``Done``."""


class Ticket(Part, forbid_unknown_fields=True):
    """An order. ``price``: the limit; of a market order None. ``trigger_price``: of stops and
    take-profits. ``slippage``: the most that a market order may pay beyond the mid, a share.
    ``take_profit``, ``stop_loss``: triggers at market that are placed with it, for its size.
    ``scale_to``, ``scale_count``: of a scale, the price of its last order and how many there are.
    """

    market: str
    side: SideName
    kind: OrderKind
    size: str
    price: str | None = None
    trigger_price: str | None = None
    reduce_only: bool = False
    slippage: float = 0.05
    take_profit: str | None = None
    stop_loss: str | None = None
    scale_to: str | None = None
    scale_count: int = 5


class PlaceOrder(Request):
    """Answered by ``Placed``."""

    ticket: Ticket


class PreviewOrder(Request):
    """Answered by ``Preview``, or ``Superseded``. ``leverage``, ``mode``: as if set first."""

    ticket: Ticket
    leverage: int | None = None
    mode: ModeName | None = None
    slippage_cap: float | None = None


class TwapTicket(Part, forbid_unknown_fields=True):
    """A time-weighted order: ``size`` in slices over ``minutes``. ``randomise``: what the
    venue makes of it ``TwapTerms`` says."""

    market: str
    side: SideName
    size: str
    minutes: int
    reduce_only: bool = False
    randomise: bool = False


class PlaceTwap(Request):
    """Answered by ``Done``."""

    ticket: TwapTicket


class PreviewTwap(Request):
    """Answered by ``TwapPreview``, or ``Superseded``. ``leverage``, ``mode``: as if set first."""

    ticket: TwapTicket
    leverage: int | None = None
    mode: ModeName | None = None


class CancelTwap(Request):
    """End a time-weighted order; what it traded stays. Answered by ``Done``."""

    id: int


class ModifyOrder(Request):
    """Move an order; what is None stays. Answered by ``Placed``."""

    order: str
    price: str | None = None
    trigger_price: str | None = None
    size: str | None = None


class CancelOrder(Request):
    order: str


class CancelAll(Request):
    """Cancel all orders, in one market or in all. ``orphaned``: only those without a position."""

    market: str | None = None
    orphaned: bool = False


class ClosePosition(Request):
    """Close a share of a position at market. Answered by ``Placed``."""

    market: str
    share: float = 1.0
    slippage: float = 0.05


class CloseAll(Request):
    """Close every position at market. Answered by ``Placed``."""

    slippage: float = 0.05


class ReversePosition(Request):
    """Trade twice the position, so that it becomes its opposite. Answered by ``Placed``."""

    market: str
    slippage: float = 0.05


class StopToBreakEven(Request):
    """Replace the position's stops by one at its break-even price. Answered by ``Placed``."""

    market: str


class SetLeverage(Request):
    """What is None stays. Answered by ``Done``."""

    market: str
    leverage: int | None = None
    mode: ModeName | None = None


class AdjustMargin(Request):
    """Move USD from the cross pool into an isolated position's bucket; negative takes it out."""

    market: str
    amount: str


class SizeByRisk(Request):
    """How much to trade so that a stop loses ``risk`` USD. Answered by ``Sized``."""

    market: str
    side: SideName
    entry: str
    stop: str
    risk: str


class AskWhatIf(Request):
    """The account in view after moves, by market, signed shares as decimal text: ``-0.15``.

    ``all_markets``: of every market that has none of its own. ``modes``, ``leverages``, by market:
    the same positions so. ``afterwards``: simulate liquidation too. Answered by ``WhatIf``, or
    ``Superseded``.
    """

    all_markets: str = "0"
    moves: dict[str, str] = msgspec.field(default_factory=dict)
    modes: dict[str, ModeName] = msgspec.field(default_factory=dict)
    leverages: dict[str, int] = msgspec.field(default_factory=dict)
    afterwards: bool = False


class AskMargin(Request):
    """The account with so much USD moved into an isolated bucket. Answered by ``WhatIf``."""

    market: str
    amount: str


class Control(Request):
    """Do what the control API's route of this name does: price, shock, oracle, liquidity, funding,
    advance, pause, resume, speed, save, revert, reset or fund.

    ``body``: its JSON object, as ``docs/venue/sandbox.md`` says. Answered by ``Done``.
    """

    action: str
    body: msgspec.Raw = msgspec.Raw(b"{}")


class Play(Request):
    """Of a recording; what is None stays. ``to_ms``: go there; ``step``: so many moments on."""

    is_playing: bool | None = None
    speed: float | None = None
    to_ms: int | None = None
    step: int = 0


AnyRequest = (
    Watch
    | Resynchronise
    | PlaceOrder
    | PreviewOrder
    | PlaceTwap
    | PreviewTwap
    | CancelTwap
    | ModifyOrder
    | CancelOrder
    | CancelAll
    | ClosePosition
    | CloseAll
    | ReversePosition
    | StopToBreakEven
    | SetLeverage
    | AdjustMargin
    | SizeByRisk
    | AskWhatIf
    | AskMargin
    | Control
    | Play
)


class Ask(Part, forbid_unknown_fields=True):
    """One message of the page. ``id``: its own count; the answer repeats it."""

    id: int
    request: AnyRequest
