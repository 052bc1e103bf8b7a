"""What the guard knows from before: a value that a journal holds and ``decide`` replaces.

It is no authority over the account: positions, orders and money are always those of the view. It
holds what no venue knows: peaks, episodes, which steps are armed, and what was sent and is not yet
confirmed.
"""

from collections.abc import Mapping

from msgspec import Struct

from seawall.guard.view import OrderView


class Sent(Struct, frozen=True, kw_only=True):
    """An order that was sent and has not been seen to end."""

    client_id: str
    size: int
    price: int
    sent_ms: int
    size_before: int
    kind: str
    trigger_price: int = 0
    seen: bool = False
    """Whether the venue has shown it."""


class Work(Struct, frozen=True, kw_only=True):
    """A reduction that is being carried out in one market, down to a size of ``target``.

    ``held``: the episode of the position. ``misses``: orders, one after the other, that filled
    nothing. ``volume``: of the market when it began.
    """

    market: str
    sign: int
    held: int
    target: int
    execution: str
    step: str
    episode: int
    why: str
    started_ms: int
    started_size: int
    arrival_price: int
    volume: int | None = None
    deadline_ms: int = 0
    misses: int = 0
    last_sent_ms: int = 0
    sent: Sent | None = None


class StepMemory(Struct, frozen=True, kw_only=True):
    """A step of the ladder in one bucket. ``over_ms``: since when its trigger is reached, 0 for
    not. ``fired_ms``: when it fired last, 0 where what it fired for is gone. ``verify_ms``: when
    its target must be there, 0 for nothing to verify. ``count``, ``total``: of top-ups, until it is
    reset by name. ``cash_before``: of a top-up on its way.
    """

    episode: int = 0
    armed: bool = True
    over_ms: int = 0
    fired_ms: int = 0
    cool_until_ms: int = 0
    verify_ms: int = 0
    count: int = 0
    total: int = 0
    cash_before: int | None = None
    pending: int = 0


class LegMemory(Struct, frozen=True, kw_only=True):
    """One exit of one position. ``extreme``: the best mark since the position was opened.

    ``level``: where a trailing stop is. ``crossed_ms``: since when the mark is beyond the level;
    ``crossed_size``: the position that its share is of then, or what was left when it was spent.
    ``sent``: the order that stands for it; ``leaving``: the one it replaces.
    """

    extreme: int = 0
    level: int = 0
    crossed_ms: int = 0
    crossed_size: int = 0
    is_spent: bool = False
    is_rejected: bool = False
    """Whether the venue has refused it and has not yet had it since."""
    attempt: int = 0
    sent: Sent | None = None
    leaving: tuple[str, ...] = ()


class PositionMemory(Struct, frozen=True, kw_only=True):
    """``episode``: one more each time that a position is opened or flipped. ``size``: the last.

    ``orders``: of works in this market that have ended, in all episodes.
    """

    sign: int = 0
    episode: int = 0
    size: int = 0
    orders: int = 0
    in_cooldown: bool = False
    """Whether it was opened while a hard stop was latched."""


class PairMemory(Struct, frozen=True, kw_only=True):
    """``sizes``, ``signs``: against which a loss of a leg is judged, zero while the pair is not
    open. ``last``: the sizes of the last view.
    """

    sizes: tuple[int, int] = (0, 0)
    signs: tuple[int, int] = (0, 0)
    last: tuple[int, int] = (0, 0)
    episode: int = 0


class FundingMemory(Struct, frozen=True, kw_only=True):
    """``sign``: of the last payment that was forecast; ``acted_ms``: the settlement before which
    was acted."""

    sign: int = 0
    acted_ms: int = 0


class LimitMemory(Struct, frozen=True, kw_only=True):
    """One limit on drawdown. ``reference``: the profit that it is measured from; ``smoothed``: the
    smoothed loss since."""

    reference: int
    smoothed: int = 0
    armed: bool = True


class Rise(Struct, frozen=True):
    """A profit above the peak that may be a cash flow of which only equity or the ledger tells yet.
    ``least``: the lowest profit since then."""

    least: int
    since_ms: int


class AccountMemory(Struct, frozen=True, kw_only=True):
    """The whole account. Profits are equity less net deposits: cash flows do not move them.

    ``measured_ms``: when the profit was last known. ``latched``: the limit that has tripped;
    ``flat_ms``: when the account was first seen flat after it, which begins the cooldown.
    """

    start: int
    measured_ms: int
    peak: LimitMemory
    day: LimitMemory
    day_number: int
    episode: int = 0
    latched: str = ""
    latched_ms: int = 0
    flat_ms: int = 0
    rise: Rise | None = None


class QuietLeg(Struct, frozen=True):
    """An exit of the policy, by its number, and where it is."""

    stop: int
    market: str
    level: int


class Quiet(Struct, frozen=True, kw_only=True):
    """Bounds within which nothing can happen: a decision inside of them has no action.

    ``policy``: the version of the policy that they are of. Pairs are (low, high), both outside.
    ``ratios``, ``distances``: of each bucket of the view;
    ``marks``: of each market; ``profit``: equity less net deposits. What is held, what rests and
    the funding forecasts must be the same.
    """

    policy: int
    until_ms: int
    profit: tuple[int, int]
    least_equity: int
    ratios: tuple[tuple[int, int], ...]
    distances: tuple[tuple[int, int] | None, ...]
    marks: tuple[tuple[int, int], ...]
    held: tuple[tuple[str, int, int], ...]
    orders: tuple[OrderView, ...]
    funding: tuple[tuple[int | None, int | None], ...] = ()
    near: tuple[tuple[str, int], ...] = ()
    """Positions of pairs, and the distance that each stays above."""
    legs: tuple[QuietLeg, ...] = ()


class Memory(Struct, frozen=True, kw_only=True):
    """What ``decide`` knows from before. A new guard begins with ``Memory()``."""

    time_ms: int = 0
    account: AccountMemory | None = None
    steps: Mapping[str, StepMemory] = {}
    works: Mapping[str, Work] = {}
    legs: Mapping[str, LegMemory] = {}
    positions: Mapping[str, PositionMemory] = {}
    pairs: Mapping[str, PairMemory] = {}
    funding: Mapping[str, FundingMemory] = {}
    no_entries: Mapping[str, int] = {}
    """Until when entries of a market are cancelled, ms."""
    asked: Mapping[str, int] = {}
    """When an order was last cancelled or asked for, by what and which."""
    raised: tuple[str, ...] = ()
    """Keys of the alerts whose cause lasts."""
    deferred_ms: int = 0
    stopped: str = ""
    """Why the guard has stopped; empty while it runs."""
    quiet: Quiet | None = None
