"""What the terminal's page and its server say to each other, over one websocket.

The page's types are made from these by ``tools/write_protocol_types.py``. Prices, sizes and money
(USD) are exact decimal text; shares and rates are numbers, 0.01 is 1 %; times are ms since 1970 of
the venue's clock. What is only drawn is numbers.

The page sends ``Ask``. The server sends ``Sent``: answers, each with the ``id`` of its request,
and surfaces. A surface is the whole state of what it shows and replaces what came before. Each is
sent when it changed, at most so often as ``connection.PACE`` says, and always as it is then: a slow
page misses states and nothing else. Where nothing changes there is a ``Beat`` every few seconds.
``sequence`` counts the messages of a connection: where one is missing, the page asks to
``Resynchronise``.
"""

from seawall.terminal.protocol.answers import (
    Afterwards,
    Answer,
    Answered,
    BucketAfter,
    Done,
    OrderResult,
    Placed,
    PositionAfter,
    Preview,
    Refused,
    Sized,
    Superseded,
    TwapPreview,
    WhatIf,
)
from seawall.terminal.protocol.base import (
    INTERVALS,
    AccountKind,
    GroupingName,
    Interval,
    Message,
    ModeName,
    OrderKind,
    Part,
    SideName,
    SourceKind,
)
from seawall.terminal.protocol.offered import Offered, TwapTerms
from seawall.terminal.protocol.reading import (
    Reading,
    ReadInput,
    ReportedBucket,
    ReportedPrice,
)
from seawall.terminal.protocol.requests import (
    AdjustMargin,
    AnyRequest,
    Ask,
    AskMargin,
    AskWhatIf,
    CancelAll,
    CancelOrder,
    CancelTwap,
    CloseAll,
    ClosePosition,
    Control,
    ModifyOrder,
    PlaceOrder,
    PlaceTwap,
    Play,
    PreviewOrder,
    PreviewTwap,
    Request,
    Resynchronise,
    ReversePosition,
    SetLeverage,
    SizeByRisk,
    StopToBreakEven,
    Ticket,
    TwapTicket,
    Watch,
)
from seawall.terminal.protocol.surfaces import (
    Account,
    AccountInfo,
    Beat,
    Book,
    Boundaries,
    Bucket,
    CandlePart,
    Candles,
    Cascade,
    CascadeEvent,
    Closing,
    Condition,
    Fill,
    Funding,
    Guard,
    GuardDecision,
    GuardLimit,
    GuardRule,
    History,
    Level,
    LiquidationMap,
    MapBin,
    MarketInfo,
    MarketRow,
    Markets,
    MarketSetting,
    Notice,
    Order,
    OrderEnd,
    Playback,
    Position,
    Ranked,
    Snapshot,
    Trade,
    Trades,
    Transfer,
    Twap,
    Twaps,
    Venue,
    View,
)

Surface = (
    Snapshot
    | Venue
    | Markets
    | Book
    | Trades
    | Candles
    | Account
    | Twaps
    | History
    | LiquidationMap
    | Cascade
    | Guard
    | Notice
    | Beat
    | Answered
)


class Sent(Part):
    """One message of the server."""

    sequence: int
    message: Surface


__all__ = [
    "INTERVALS",
    "Account",
    "AccountInfo",
    "AccountKind",
    "AdjustMargin",
    "Afterwards",
    "Answer",
    "Answered",
    "AnyRequest",
    "Ask",
    "AskMargin",
    "AskWhatIf",
    "Beat",
    "Book",
    "Boundaries",
    "Bucket",
    "BucketAfter",
    "CancelAll",
    "CancelOrder",
    "CancelTwap",
    "CandlePart",
    "Candles",
    "Cascade",
    "CascadeEvent",
    "CloseAll",
    "ClosePosition",
    "Closing",
    "Condition",
    "Control",
    "Done",
    "Fill",
    "Funding",
    "GroupingName",
    "Guard",
    "GuardDecision",
    "GuardLimit",
    "GuardRule",
    "History",
    "Interval",
    "Level",
    "LiquidationMap",
    "MapBin",
    "MarketInfo",
    "MarketRow",
    "MarketSetting",
    "Markets",
    "Message",
    "ModeName",
    "ModifyOrder",
    "Notice",
    "Offered",
    "Order",
    "OrderEnd",
    "OrderKind",
    "OrderResult",
    "Part",
    "PlaceOrder",
    "PlaceTwap",
    "Placed",
    "Play",
    "Playback",
    "Position",
    "PositionAfter",
    "Preview",
    "PreviewOrder",
    "PreviewTwap",
    "Ranked",
    "ReadInput",
    "Reading",
    "Refused",
    "ReportedBucket",
    "ReportedPrice",
    "Request",
    "Resynchronise",
    "ReversePosition",
    "Sent",
    "SetLeverage",
    "SideName",
    "SizeByRisk",
    "Sized",
    "Snapshot",
    "SourceKind",
    "StopToBreakEven",
    "Superseded",
    "Surface",
    "Ticket",
    "Trade",
    "Trades",
    "Transfer",
    "Twap",
    "TwapPreview",
    "TwapTerms",
    "TwapTicket",
    "Twaps",
    "Venue",
    "View",
    "Watch",
    "WhatIf",
]
