"""What the terminal's page and its server say to each other, over one websocket.

The page's types are made from these by ``tools/write_protocol_types.py``. Prices, sizes and money
(USD) are exact decimal text; shares and rates are numbers, 0.01 is 1 %; times are ms since 1970 of
the venue's clock. What is only drawn is numbers.

The page sends ``Ask``. The server sends ``Sent``: answers, each with the ``id`` of its request,
and surfaces. A surface is the whole state of what it shows and replaces what came before. Each is
sent when it changed, at most so often as ``connection.PACE`` says, and always as it is then: a slow
page misses states and nothing else. ``sequence`` counts the messages of a connection: where one is
missing, the page asks to ``Resynchronise``.
"""

from typing import Literal

import msgspec
from msgspec import Struct

SideName = Literal["buy", "sell"]
ModeName = Literal["cross", "isolated"]
GroupingName = Literal["standard", "unified"]
AccountKind = Literal["test", "agent", "system", "client"]
OrderKind = Literal[
    "limit", "post_only", "immediate", "fill_or_kill", "market",
    "stop_market", "stop_limit", "take_market", "take_limit", "scale",
]  # fmt: skip
INTERVALS = {
    "1m": 60_000, "5m": 300_000, "15m": 900_000, "1h": 3_600_000, "4h": 14_400_000,
    "1d": 86_400_000,
}  # fmt: skip
Interval = Literal["1m", "5m", "15m", "1h", "4h", "1d"]


class Message(Struct, rename="camel", tag_field="type"):
    """Something with a type of its own. ``type``: the name of the class."""


class Part(Struct, rename="camel"):
    """A part of a message."""


# -- what is shown -----------------------------------------------------------------------------


class MarketInfo(Part):
    """What never changes of a market. ``row``: its number. A price has at most ``price_decimals``
    and ``significant_figures`` (0: any; whole USD always), a size at most ``size_decimals``."""

    row: int
    name: str
    price_decimals: int
    size_decimals: int
    significant_figures: int
    maximum_leverage: int
    isolated_only: bool
    collateral: str
    minimum_order_value: str
    tiers: tuple[tuple[str, int], ...]
    """From this notional (USD) on, at most this leverage."""


class AccountInfo(Part):
    """An account to look at. ``label``: what it is, such as ``user 1``; ``may_trade``: whether the
    page may act for it."""

    row: int
    address: str
    label: str
    kind: AccountKind
    may_trade: bool


class Playback(Part):
    """Where a recording stands. ``speed``: recorded seconds per second. ``moments``: what happened
    when, to jump to."""

    start_ms: int
    end_ms: int
    now_ms: int
    speed: float
    is_playing: bool
    moments: tuple[tuple[int, str], ...]


class Snapshot(Message):
    """The venue as it is made; sent first, and again whenever everything may have changed.

    ``epoch``: changes when the venue went back in time: what the page remembers is then void.
    ``recording``: whether this is a recording, where nothing can be traded or changed.
    """

    epoch: int
    venue: str
    mode: GroupingName
    rulebook: str
    markets: tuple[MarketInfo, ...]
    accounts: tuple[AccountInfo, ...]
    recording: bool


class Condition(Part):
    """What control has set on a market. ``withdrawn``, ``premium``: shares."""

    market: str
    oracle_mode: str
    lag_seconds: float
    withdrawn: float
    premium: float
    shocked: bool
    stale: bool


class Venue(Message):
    """The venue's clock and control. ``speed``: venue seconds per second, 0 for a clock that only
    ``advance`` moves. ``view``: what this connection looks at."""

    now_ms: int
    speed: float
    paused: bool
    feed: str
    agents: int
    commands: int
    history_trouble: str
    save_points: tuple[str, ...]
    conditions: tuple[Condition, ...]
    view: "View"
    playback: Playback | None


class View(Part):
    """What a connection looks at."""

    market: str
    account: str
    interval: Interval


class MarketRow(Part):
    """One line of the list of markets. ``day_change``: a share, None where it is not known;
    ``funding_rate``: an hour's, as it would be settled now. Open interest and volume are USD."""

    name: str
    mark: str
    oracle: str
    bid: str | None
    ask: str | None
    mid: str | None
    day_change: float | None
    day_volume: str
    funding_rate: float
    next_funding_ms: int
    open_interest: str
    open_interest_cap: str | None
    status: str


class Markets(Message):
    """All markets."""

    rows: tuple[MarketRow, ...]


class Level(Part):
    """``total``: size up to here, this level included; ``own``: of it the account's at this level;
    ``orders``: how many."""

    price: str
    size: str
    total: str
    orders: int
    own: str


class Book(Message):
    """The book of the market in view. ``imbalance``: (bids - asks) / both, of the sizes shown.

    ``bid_depth``, ``ask_depth``: to be drawn, (price, size up to there) from the best price on, of
    the whole book.
    """

    market: str
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    spread: str | None
    spread_share: float | None
    imbalance: float | None
    bid_depth: tuple[tuple[float, float], ...]
    ask_depth: tuple[tuple[float, float], ...]


class Trade(Part):
    """``side``: the taker's. ``origin``: order, liquidation, backstop, deleveraging or twap."""

    id: int
    time_ms: int
    side: SideName
    price: str
    size: str
    origin: str


class Trades(Message):
    """The newest trades of the market in view, newest first."""

    market: str
    trades: tuple[Trade, ...]


class CandlePart(Part):
    """To be drawn."""

    time_ms: int
    open: float
    high: float
    low: float
    close: float
    volume: float


class Candles(Message):
    """Candles of the market in view, oldest first.

    ``is_whole``: all there are to show; otherwise the newest ones, which replace those of the same
    time and come after the others.
    """

    market: str
    interval: Interval
    is_whole: bool
    candles: tuple[CandlePart, ...]


class Boundaries(Part):
    """Prices of the market in view at which a bucket holds no equity, its maintenance margin (so
    it is liquidated) and its initial margin, all other prices standing still; None where none does.
    ``side``: that of its position, so the bucket loses the other way.
    """

    side: SideName
    empty: str | None
    maintenance: str | None
    initial: str | None


class Bucket(Part):
    """A margin bucket: a cross pool, or the bucket of one isolated position. Money is USD.

    ``free``: equity that no margin needs, not below zero; with ``initial_margin`` and
    ``maintenance_margin`` it fills the vessel. ``holds``: of resting orders. ``ratio``: maintenance
    margin over equity, liquidation begins above 1; None without equity. ``position_markets``: the
    markets whose positions it carries. ``boundaries``: None without a position in the market in
    view.
    """

    id: str
    """``cross``, or the name of the market."""
    name: str
    is_isolated: bool
    equity: str
    unrealised: str
    initial_margin: str
    maintenance_margin: str
    free: str
    withdrawable: str
    holds: str
    ratio: float | None
    is_liquidatable: bool
    position_markets: tuple[str, ...]
    boundaries: Boundaries | None


class Closing(Part):
    """What closing a whole position in the book now would do. ``slippage``: of the average price
    from the mid, a share, positive is worse; ``unfilled``: what the book does not hold."""

    average_price: str | None
    worst_price: str | None
    slippage: float | None
    unfilled: str


class Position(Part):
    """``size`` is signed. ``distance``: share of the mark to the liquidation price, signed.
    ``break_even``: the price at which closing now pays entry, funding and fees. ``rank``: place in
    the deleveraging queue of its side, the first is next; ``ranked``: how many there are."""

    market: str
    bucket: str
    size: str
    notional: str
    entry_price: str
    mark: str
    break_even: str
    liquidation_price: str | None
    distance: float | None
    leverage: int
    mode: ModeName
    unrealised: str
    return_on_margin: float | None
    funding_paid: str
    initial_margin: str
    maintenance_margin: str
    isolated_equity: str | None
    rank: int
    ranked: int
    closing: Closing


class Order(Part):
    """An open order. ``price``: the limit. ``is_orphaned``: a reduce-only trigger without a
    position that it could close. ``state``: resting, waiting for its trigger, or for a fill."""

    id: str
    market: str
    side: SideName
    kind: OrderKind
    price: str
    trigger_price: str | None
    size: str
    original_size: str
    reduce_only: bool
    whole_position: bool
    placed_ms: int
    state: Literal["resting", "waiting_for_trigger", "waiting_for_fill"]
    is_orphaned: bool
    is_beyond_liquidation: bool
    """Whether the position would be liquidated before this stop or take-profit is reached."""


class MarketSetting(Part):
    """Leverage and mode of the account in a market, and how much it could buy and sell now."""

    market: str
    leverage: int
    mode: ModeName
    may_buy: str
    may_sell: str


class Account(Message):
    """The account in view. Money is USD.

    The card: ``value``, ``unrealised``, ``used`` (initial margins and holds), ``available``,
    ``maintenance``, ``ratio`` of the worst bucket, ``leverage`` (notional over value).
    """

    address: str
    grouping: GroupingName
    value: str
    unrealised: str
    used: str
    available: str
    maintenance: str
    ratio: float | None
    leverage: float | None
    notional: str
    taker_fee: float
    maker_fee: float
    buckets: tuple[Bucket, ...]
    positions: tuple[Position, ...]
    orders: tuple[Order, ...]
    settings: tuple[MarketSetting, ...]


class Fill(Part):
    """``closed_profit`` before the fee."""

    id: int
    time_ms: int
    market: str
    side: SideName
    price: str
    size: str
    fee: str
    closed_profit: str
    is_taker: bool
    origin: str
    is_liquidation: bool


class OrderEnd(Part):
    """An order of the past. ``status``: filled, canceled, triggered or rejected."""

    id: str
    time_ms: int
    market: str
    side: SideName
    kind: OrderKind
    price: str
    trigger_price: str | None
    size: str
    remaining: str
    status: str
    reason: str


class Funding(Part):
    """``amount``: received, negative for paid."""

    time_ms: int
    market: str
    amount: str
    size: str
    rate: float


class Transfer(Part):
    """Money that came or went without a trade."""

    time_ms: int
    kind: str
    amount: str


class History(Message):
    """What happened to the account in view, newest first."""

    address: str
    fills: tuple[Fill, ...]
    orders: tuple[OrderEnd, ...]
    funding: tuple[Funding, ...]
    transfers: tuple[Transfer, ...]


class MapBin(Part):
    """Positions that are liquidated between two prices, to be drawn. Notional in USD."""

    low: float
    high: float
    longs: float
    shorts: float
    positions: int


class LiquidationMap(Message):
    """Where other accounts' positions in the market in view are liquidated, by price.

    Each price is as if only this market moved.
    """

    market: str
    bins: tuple[MapBin, ...]


class CascadeEvent(Part):
    """One thing that happened in a liquidation. ``kind``: started, order, backstop, insurance,
    deleveraged, stalled or ended. ``amount``: USD, notional of positions."""

    sequence: int
    time_ms: int
    kind: str
    account: str
    label: str
    bucket: str
    market: str | None
    side: SideName | None
    size: str | None
    price: str | None
    amount: str | None
    is_own: bool


class Ranked(Part):
    """One place in the deleveraging queue. ``score``: profit factor x leverage."""

    place: int
    account: str
    label: str
    size: str
    notional: str
    score: float
    is_own: bool


class Cascade(Message):
    """Liquidations as they happen, and who would pay.

    ``insurance_fund`` and ``backstop_equity`` in USD. Counts are since the venue's start or last
    revert. ``longs``, ``shorts``: the queues of the market in view, the next one first.
    """

    market: str
    events: tuple[CascadeEvent, ...]
    liquidations: int
    liquidated_notional: str
    backstop_notional: str
    deleveraged_notional: str
    insurance_paid: str
    insurance_fund: str
    backstop_equity: str
    backstop_positions: tuple[tuple[str, str], ...]
    """(market, signed size)."""
    longs: tuple[Ranked, ...]
    shorts: tuple[Ranked, ...]


class GuardRule(Part):
    """A rule of the policy that is armed, or why it is not. ``fires_at``: the mark of the market
    nearest to liquidation at which it would fire, moving alone; ``move``: how far that is."""

    rule: str
    action: str
    market: str
    fires_at: str | None
    move: float | None
    state: str


class GuardLimit(Part):
    """A limit on drawdown, shares."""

    name: str
    now: float
    limit: float
    state: str


class GuardDecision(Part):
    """Something that was done, and why. ``became``: accepted, refused, not sent, no answer or not
    known."""

    time_ms: int
    what: str
    where: str
    rule: str
    why: str
    became: str
    outcome: str


class Guard(Message):
    """A guard that runs on the venue; ``is_present`` false where none does.

    ``problems``: what a person must not miss; ``said``: its last lines. ``rules``: the nearest
    first.
    """

    is_present: bool
    name: str
    address: str
    is_armed: bool
    is_running: bool
    problems: tuple[str, ...]
    rules: tuple[GuardRule, ...]
    limits: tuple[GuardLimit, ...]
    decisions: tuple[GuardDecision, ...]
    said: tuple[tuple[int, str], ...]


class Notice(Message):
    """Something that just happened and is worth a line or a sound: every one is sent.

    ``kind``: filled, triggered, cancelled, rejected, liquidated, deleveraged, funding, control.
    """

    kind: str
    text: str
    time_ms: int
    market: str | None


# -- answers -----------------------------------------------------------------------------------


class Refused(Message):
    """Nothing changed. ``field``, ``value``: what is wrong; ``expected``: what would be right."""

    field: str
    value: str
    expected: str


class Superseded(Message):
    """A newer question of the same kind came before this one was computed."""


class Done(Message):
    """``text``: what was done, in words; ``warnings``: what to know about it."""

    text: str
    warnings: tuple[str, ...] = ()


class OrderResult(Part):
    """``status``: resting, filled, partly_filled, waiting or refused; ``reason`` of a refusal."""

    id: str
    status: Literal["resting", "filled", "partly_filled", "waiting", "refused"]
    filled: str
    average_price: str | None
    reason: str


class Placed(Message):
    """One result for each order, those that were made of a scale or a bracket included."""

    orders: tuple[OrderResult, ...]


class Preview(Message):
    """What an order would do now, from the engine itself on a copy of the venue. Money is USD.

    ``rejected``: why the engine would refuse it, or the part that is not filled; empty where it
    would not. ``slippage``: of the
    average price from the mid, a share, positive is worse. ``warnings``: in words, such as a stop
    that liquidation comes before, slippage over the cap, or a position that the book could not
    close.
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
    warnings: tuple[str, ...]
    afterwards: Afterwards | None


class Sized(Message):
    """How much to trade so that the stop loses what was said, exit fee and slippage included."""

    size: str
    notional: str
    loss: str
    leverage: float
    warnings: tuple[str, ...]


Answer = Refused | Superseded | Done | Placed | Preview | WhatIf | Sized


class Answered(Message):
    """``id``: that of the request."""

    id: int
    answer: Answer


Surface = (
    Snapshot
    | Venue
    | Markets
    | Book
    | Trades
    | Candles
    | Account
    | History
    | LiquidationMap
    | Cascade
    | Guard
    | Notice
    | Answered
)


class Sent(Part):
    """One message of the server."""

    sequence: int
    message: Surface


# -- what can be asked -------------------------------------------------------------------------


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
    moves: dict[str, str] = {}
    modes: dict[str, ModeName] = {}
    leverages: dict[str, int] = {}
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
