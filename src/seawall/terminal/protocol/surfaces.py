"""What the page is shown."""

from typing import Literal

from seawall.terminal.protocol.base import (
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
from seawall.terminal.protocol.reading import Reading, ReportedBucket, ReportedPrice


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
    ``source``: a venue that runs here; a recording; or an account of a venue that runs elsewhere,
    which is only read. Nothing can be traded or changed but on a venue that runs here.
    ``twap``: None where the venue takes no time-weighted orders from here.
    """

    epoch: int
    venue: str
    mode: GroupingName
    rulebook: str
    markets: tuple[MarketInfo, ...]
    accounts: tuple[AccountInfo, ...]
    source: SourceKind
    offered: Offered
    twap: TwapTerms | None


class Condition(Part):
    """What control has set on a market. ``withdrawn``, ``premium``: shares."""

    market: str
    oracle_mode: str
    lag_seconds: float
    withdrawn: float
    premium: float
    shocked: bool
    stale: bool


class View(Part):
    """What a connection looks at."""

    market: str
    account: str
    interval: Interval


class Beat(Message):
    """Nothing has changed: the connection stands. Sent where nothing else was for a while."""


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
    view: View
    playback: Playback | None
    reading: Reading | None = None


class MarketRow(Part):
    """One line of the list of markets. ``day_change``: a share, None where it is not known;
    ``funding_rate``: an hour's, as it would be settled now. Open interest and volume are USD. None
    for what is not known."""

    name: str
    mark: str
    oracle: str
    bid: str | None
    ask: str | None
    mid: str | None
    day_change: float | None
    day_volume: str | None
    funding_rate: float | None
    next_funding_ms: int
    open_interest: str | None
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
    """Prices at which a bucket holds no equity, its maintenance margin (so it is liquidated) and
    its initial margin, all other prices standing still; None where none does. Of an isolated bucket
    in its own market, of a pool in the market in view.
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
    markets whose positions it carries. ``boundaries``: None for a pool without a position in
    the market in view.
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
    reported: ReportedBucket | None = None


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
    the deleveraging queue of its side, the first is next; ``ranked``: how many there are; None
    where the other accounts are not known. ``reported``: the venue's own statement."""

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
    rank: int | None
    ranked: int | None
    closing: Closing
    reported: ReportedPrice | None = None


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
    placed_ms: int | None
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


class Twap(Part):
    """A time-weighted order. ``executed``: size so far, at ``average_price``; ``next_ms``: when the
    next slice is due, ``ends_ms``: the last one, or when it ended; None where that is not known.
    """

    id: int
    market: str
    side: SideName
    size: str
    executed: str
    average_price: str | None
    slices: int
    slices_sent: int
    slice_size: str
    interval_ms: int
    minutes: int
    reduce_only: bool
    randomise: bool
    state: Literal["waiting", "running", "finished", "cancelled", "stopped", "failed"]
    created_ms: int
    next_ms: int | None
    ends_ms: int | None


class Twaps(Message):
    """The account's time-weighted orders, those that run first, then the newest ones first."""

    address: str
    twaps: tuple[Twap, ...]


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

    Each price is as if only this market moved. ``is_known``: whether other accounts are known.
    """

    market: str
    is_known: bool
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
    """Something that just happened and is worth a line or a sound.

    Each is sent once; of those that wait for a slow page the oldest are left out.

    ``kind``: filled, triggered, cancelled, rejected, liquidated, deleveraged, funding, control.
    """

    kind: str
    text: str
    time_ms: int
    market: str | None
