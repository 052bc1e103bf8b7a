"""A policy: what the guard of an account does, and when, decided before it is needed.

Shares, ratios and leverages are parts per million, times milliseconds, money micro-USD. The file
that a policy is written in is read by ``policy_file.py``, which also says what is allowed.
"""

import hashlib
from functools import cached_property

import msgspec
from msgspec import Struct, field

from seawall.domain.units import PPM

MINUTE_MS = 60_000
EVERY_MARKET = "*"
POOL, WALLET = "pool", "wallet"
"""Sources of top-ups: the account's own cross pool, for isolated positions; what the account has
outside of its pools, for a pool."""

MARGIN_RATIO, DISTANCE = "margin_ratio", "distance"
ALERT, CANCEL_ENTRIES, CLOSE, TOP_UP = "alert", "cancel_entries", "close", "top_up"
REDUCE, FLATTEN, TRIM = "reduce", "flatten", "trim"
REDUCING = (CLOSE, REDUCE, FLATTEN)
"""Actions of a step that make positions smaller."""
STOP, TAKE_PROFIT, TRAILING = "stop", "take_profit", "trailing"
VENUE, GUARD = "venue", "guard"
MARKET, CHASE, TWAP, POV, ICEBERG = "market", "chase", "twap", "pov", "iceberg"
PANIC, NORMAL, MANUAL, TAKE_PROFIT_ONLY, GRACEFUL_STOP = (
    "panic", "normal", "manual", "take_profit_only", "graceful_stop",
)  # fmt: skip
PROPAGATE, UNAVAILABLE, DEFER, DEGRADE, FAIL_CLOSED, FATAL = (
    "propagate", "unavailable", "defer", "degrade", "fail_closed", "fatal",
)  # fmt: skip


class AccountLimits(Struct, frozen=True, kw_only=True):
    """Limits of the whole account. ``risk_capital``: what drawdowns are measured against.

    ``margin_buffer``: free margin that no top-up may use. Leverages are notional over the equity
    of the account: of one entry order, of one market, of all. ``max_market_share``: of one
    market in the gross notional.
    """

    risk_capital: int
    margin_buffer: int = 0
    max_leverage_trade: int | None = None
    max_leverage_market: int | None = None
    max_leverage: int | None = None
    max_market_share: int | None = None
    over_limit: str = CANCEL_ENTRIES
    execution: str = MARKET


class DrawdownLimits(Struct, frozen=True, kw_only=True):
    """The hard stop. A limit trips where raw and smoothed drawdown are both above it.

    ``rearm``: after a reset a limit counts again once both are at or below this share of it.
    """

    from_peak: int | None = None
    from_day_start: int | None = None
    smoothing_ms: int = 2 * MINUTE_MS
    rearm: int = PPM // 2
    execution: str = MARKET


class Step(Struct, frozen=True, kw_only=True):
    """One step of the ladder, for each bucket that it is about.

    ``on``: cross pools, isolated positions or both; ``market``: only the bucket that holds it.
    ``trigger``, ``rearm``, ``target``: levels of ``measure``, a margin ratio (maintenance margin
    over equity) or a distance to liquidation (a share of the mark). ``hold_ms``: how long the
    trigger must last. ``cooldown_ms``: after firing, before it may be armed again, and during
    which entries that appear in its markets are cancelled. ``verify_ms``: after this long the
    level must be better than the trigger (the target where one is given), else the next step
    fires. ``needs_depth``: micro-USD of the book on the side of the exit, within the slippage
    cap, without which a top-up is not made.
    """

    name: str
    action: str
    trigger: int
    on: str = "all"
    market: str = EVERY_MARKET
    measure: str = MARGIN_RATIO
    rearm: int
    hold_ms: int = 0
    cooldown_ms: int = 10 * MINUTE_MS
    verify_ms: int = MINUTE_MS
    execution: str = MARKET
    share: int = PPM
    target: int | None = None
    amount: int = 0
    source: str = POOL
    max_count: int = 0
    max_total: int = 0
    min_move: int = 0
    needs_depth: int = 0

    def is_over(self, level: int) -> bool:
        """Whether a level of its measure has reached the trigger."""
        return level >= self.trigger if self.measure == MARGIN_RATIO else level <= self.trigger

    def is_reached(self, level: int) -> bool:
        """Whether what it acts for is there: the target, or a level better than the trigger."""
        if self.target is None:
            return not self.is_over(level)
        return level <= self.target if self.measure == MARGIN_RATIO else level >= self.target

    def is_calm(self, level: int) -> bool:
        """Whether a level lets it be armed again."""
        return level <= self.rearm if self.measure == MARGIN_RATIO else level >= self.rearm


class Stop(Struct, frozen=True, kw_only=True):
    """One exit of the positions of a market, for a share of each.

    ``distance``: from the entry, of a trailing stop from the best mark since; ``price``: micro-USD
    instead of it. ``move``: a trailing stop is moved by at least this share of the mark.
    ``clearance``: of the mark, by which it lies before liquidation beyond the slippage.
    ``slippage``: assumed where there is no book. ``escalate_ms``: how long after its trigger an
    unfilled exit is left alone.
    """

    name: str
    kind: str = STOP
    market: str = EVERY_MARKET
    held_by: str = VENUE
    distance: int | None = None
    price: int | None = None
    share: int = PPM
    move: int = PPM // 400
    clearance: int = PPM // 200
    slippage: int = PPM // 100
    escalate_ms: int = 20_000
    execution: str = MARKET


class FundingLimits(Struct, frozen=True, kw_only=True):
    """``max_payment``: at one settlement, by one position; ``max_total``: paid by the account in
    the last ``days``, the next payment included. Both act from ``before_ms`` before a settlement.
    """

    max_payment: int | None = None
    max_total: int | None = None
    days: int = 7
    before_ms: int = 10 * MINUTE_MS
    action: str = ALERT
    alert_on_change: bool = True
    execution: str = MARKET


class Execution(Struct, frozen=True, kw_only=True):
    """How a position is made smaller; every order is reduce-only.

    ``slippage_cap``: how much worse than the mark an order may fill; it grows with each try that
    fills nothing, up to ``max_slippage``. ``duration_ms``, ``interval_ms``: of a TWAP and its
    slices; the interval is also the least time between two orders of every style.
    ``participation``: of a POV, the most of what the market has traded since its start.
    ``slice``: the micro-USD that an iceberg shows at once, and the least of a POV.
    ``escalate_ms``: after this long whatever is left goes at market; ``urgent_above``: and
    as soon as the margin ratio of its bucket is above this.
    """

    name: str
    style: str = MARKET
    slippage_cap: int = PPM // 100
    max_slippage: int = 3 * PPM // 100
    duration_ms: int = 10 * MINUTE_MS
    interval_ms: int = 1_000
    participation: int = PPM // 10
    slice: int = 0
    escalate_ms: int = 10 * MINUTE_MS
    urgent_above: int = 9 * PPM // 10


class Pair(Struct, frozen=True, kw_only=True):
    """Two positions that hedge each other, and what becomes of one when the other is lost.

    ``warn_distance``: of either leg to the price at which it alone liquidates the pair.
    """

    name: str
    legs: tuple[str, str]
    when_leg_lost: str = "match"
    tolerance: int = PPM // 20
    warn_distance: int | None = None
    execution: str = MARKET


class Input(Struct, frozen=True, kw_only=True):
    """How old an input may be, and what follows where it is older or missing."""

    max_age_ms: int
    outcome: str


class Inputs(Struct, frozen=True, kw_only=True):
    """The age and the outcome of each input, and how far our figures may be from the venue's.

    ``patience_ms``: a deferral that lasts longer fails closed. ``margin_tolerance``: of the
    equity; ``price_tolerance``: of the mark, for liquidation prices.
    """

    account: Input = Input(max_age_ms=5_000, outcome=DEFER)
    orders: Input = Input(max_age_ms=5_000, outcome=DEFER)
    prices: Input = Input(max_age_ms=5_000, outcome=DEFER)
    ledger: Input = Input(max_age_ms=MINUTE_MS, outcome=PROPAGATE)
    book: Input = Input(max_age_ms=10_000, outcome=DEGRADE)
    funding: Input = Input(max_age_ms=15 * MINUTE_MS, outcome=UNAVAILABLE)
    patience_ms: int = MINUTE_MS
    margin_tolerance: int = PPM // 100
    price_tolerance: int = PPM // 200


class Hands(Struct, frozen=True, kw_only=True):
    """What becomes of what a person opens while a hard stop is latched."""

    during_cooldown: str = GRACEFUL_STOP


class Policy(Struct, frozen=True, kw_only=True, dict=True):
    """What the guard of an account does, and when. ``source``: the file, for errors.

    ``real_money``: whether it may run where real money is; the command line must say so too.
    ``stripped``: overrides that the file holds and that do not count there.
    """

    name: str
    account: AccountLimits
    drawdown: DrawdownLimits = DrawdownLimits()
    steps: tuple[Step, ...] = ()
    stops: tuple[Stop, ...] = ()
    funding: FundingLimits | None = None
    executions: tuple[Execution, ...] = ()
    pairs: tuple[Pair, ...] = ()
    hands: Hands = Hands()
    inputs: Inputs = Inputs()
    sweep: str = "own"
    real_money: bool = False
    source: str = ""
    stripped: tuple[str, ...] = field(default=())

    @cached_property
    def digest(self) -> int:
        """24 bits that stand for the name in client order ids.

        Of the name alone: a changed level must not orphan orders that the policy has placed.
        """
        return digest(self.name, 24)

    @cached_property
    def version(self) -> int:
        """32 bits that stand for all of its content."""
        return digest(self.to_json().decode(), 32)

    @cached_property
    def _by_name(self) -> dict[str, Execution]:
        return {MARKET: Execution(name=MARKET)} | {each.name: each for each in self.executions}

    def execution(self, name: str) -> Execution:
        """The execution of a name; ``market`` is there in every policy."""
        return self._by_name[name]

    def to_json(self) -> bytes:
        """The policy as a journal holds it."""
        return msgspec.json.encode(self)


def digest(text: str, bits: int) -> int:
    """A number of so many bits that stands for a text, the same in every process."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) >> (64 - bits)
