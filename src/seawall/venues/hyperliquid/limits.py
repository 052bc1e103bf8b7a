"""What the venue grants its clients: to each remote address (IP), and to each account.

The numbers are the venue's own, where docs/venue/sandbox.md does not say otherwise. What an IP has
used is kept in memory and measured in real time, whatever the venue's clock does; what an account
has used is part of the directory, in venue time. ``OFF`` leaves only what protects the process.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from typing import Any

from msgspec import Struct

from seawall.domain.units import MICRO
from seawall.venues.hyperliquid.directory.directory import Holder
from seawall.venues.hyperliquid.wire.values import money_text
from seawall.venues.port import Refusal

MINUTE = 60
UNLIMITED = 2**62
MAX_REMEMBERED = 10_000
"""IPs whose use is remembered; beyond it those without a connection are forgotten."""
CENT = MICRO // 100
REQUEST_PRICE = 500
"""Micro-USD for one request more, by ``reserveRequestWeight``."""


class Quotas(Struct, frozen=True, kw_only=True):
    """Of each IP: ``weight`` of requests over HTTP a minute, and ``reducing_weight`` beyond it, for
    cancels and reduce-only orders; websocket ``connections`` at a time and ``new_connections`` a
    minute; over all of these ``subscriptions``, distinct ``users`` in them, ``messages`` a minute
    and ``posts`` in flight; ``idle_seconds`` until a connection that was sent nothing is closed.

    Of each account: ``requests`` beside one for every USD traded, ``cancels`` beyond those (at
    most as many again), ``pause_ms`` between two requests once they are used up, and what a
    request that arrives too late costs (``stale_cost``)."""

    weight: int = 1200
    reducing_weight: int = 300
    connections: int = 10
    new_connections: int = 30
    subscriptions: int = 1000
    users: int = 10
    messages: int = 2000
    posts: int = 100
    idle_seconds: float = 60.0
    requests: int = 10_000
    cancels: int = 100_000
    pause_ms: int = 10_000
    stale_cost: int = 5


VENUE = Quotas()
OFF = Quotas(
    weight=UNLIMITED, reducing_weight=UNLIMITED, connections=UNLIMITED, new_connections=UNLIMITED,
    subscriptions=10_000, users=UNLIMITED, messages=UNLIMITED, posts=1000, requests=UNLIMITED,
)  # fmt: skip


class LastMinute:
    """How much was used in the last 60 s. ``clock``: seconds that never go back."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._seconds: deque[list[int]] = deque()
        self._used = 0

    def used(self) -> int:
        """The sum over the last 60 s."""
        oldest = int(self._clock()) - MINUTE
        while self._seconds and self._seconds[0][0] <= oldest:
            self._used -= self._seconds.popleft()[1]
        return self._used

    def add(self, amount: int) -> None:
        """Count something whatever the limit."""
        now = int(self._clock())
        if not self._seconds or self._seconds[-1][0] != now:
            self._seconds.append([now, 0])
        self._seconds[-1][1] += amount
        self._used += amount

    def take(self, amount: int, limit: int) -> bool:
        """Count something if the limit allows it; whether it does."""
        if self.used() + amount > limit:
            return False
        self.add(amount)
        return True


class Client:
    """What one IP uses: over HTTP, and over all its websocket connections together."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.turn = asyncio.Lock()
        """Held while its websockets are worked for."""
        self.weight = LastMinute(clock)
        self.reducing = LastMinute(clock)
        self.opened = LastMinute(clock)
        self.messages = LastMinute(clock)
        self.connections = 0
        self.subscriptions = 0
        self.posts = 0
        self.users: Counter[str] = Counter()
        """How many subscriptions name each user."""

    def may_request(self, quotas: Quotas, weight: int, reduces: bool = False) -> bool:
        """Charge a request over HTTP; whether it may be answered."""
        if self.weight.take(weight, quotas.weight):
            return True
        return reduces and self.reducing.take(weight, quotas.reducing_weight)

    def may_connect(self, quotas: Quotas) -> bool:
        """Count a new websocket connection; whether it may be opened."""
        if self.connections >= quotas.connections:
            return False
        return self.opened.take(1, quotas.new_connections)

    @property
    def is_idle(self) -> bool:
        """Whether forgetting it changes nothing."""
        windows = (self.weight, self.reducing, self.opened, self.messages)
        return not self.connections and not any(window.used() for window in windows)


class Clients:
    """What each IP uses. ``clock``: seconds that never go back."""

    def __init__(self, quotas: Quotas, clock: Callable[[], float]) -> None:
        self.quotas = quotas
        self._clock = clock
        self._by_ip: dict[str, Client] = {}

    def of(self, ip: str | None) -> Client:
        """The client with an IP."""
        found = self._by_ip.get(ip or "")
        if found is None:
            if len(self._by_ip) >= MAX_REMEMBERED:
                self._forget()
            found = self._by_ip[ip or ""] = Client(self._clock)
        return found

    def _forget(self) -> None:
        kept = {ip: client for ip, client in self._by_ip.items() if not client.is_idle}
        if len(kept) >= MAX_REMEMBERED:
            kept = {ip: client for ip, client in kept.items() if client.connections}
        self._by_ip = kept


# -- weights of requests over HTTP ---------------------------------------------------------------

_LIGHT = frozenset(
    "l2Book allMids clearinghouseState orderStatus spotClearinghouseState exchangeStatus".split()
)
_WEIGHTS = {**dict.fromkeys(_LIGHT, 2), "userRole": 60}
_OTHER_WEIGHT = 20
_ITEMS_PER_WEIGHT = {
    **dict.fromkeys(
        "recentTrades historicalOrders userFills userFillsByTime fundingHistory userFunding "
        "userNonFundingLedgerUpdates twapHistory userTwapSliceFills userTwapSliceFillsByTime "
        "delegatorHistory delegatorRewards".split(),
        20,
    ),
    "candleSnapshot": 60,
}
_BATCH_PER_WEIGHT = 40
_BATCHES = {
    "order": "orders",
    "cancel": "cancels",
    "cancelByCloid": "cancels",
    "batchModify": "modifies",
}
CANCELS = frozenset({"cancel", "cancelByCloid", "scheduleCancel", "twapCancel"})
"""Actions that only take orders back."""
UNREADABLE_WEIGHT = 1
"""Of a request that is not of the venue's shape."""


def info_weight(request: Any) -> int:
    """What a decoded ``/info`` request weighs before it is answered."""
    kind = request.get("type") if isinstance(request, dict) else None
    return _WEIGHTS.get(kind, _OTHER_WEIGHT) if isinstance(kind, str) else UNREADABLE_WEIGHT


def answer_weight(request: Any, answer: Any) -> int:
    """What the length of an ``/info`` answer adds to the weight of its request."""
    per = _ITEMS_PER_WEIGHT.get(request["type"])
    return len(answer) // per if per and isinstance(answer, list) else 0


def action_weight(payload: Any) -> tuple[int, bool]:
    """What a decoded ``/exchange`` request weighs, and whether it can only reduce risk.

    ``payload`` may be of any shape.
    """
    action = payload.get("action") if isinstance(payload, dict) else None
    if not isinstance(action, dict) or not isinstance(action.get("type"), str):
        return UNREADABLE_WEIGHT, False
    return 1 + len(_parts(action)) // _BATCH_PER_WEIGHT, only_reduces(action)


def only_reduces(action: dict[str, Any]) -> bool:
    """Whether an action with a type can only reduce risk: a cancel, or reduce-only orders."""
    kind, parts = action["type"], _parts(action)
    return kind in CANCELS or (kind == "order" and bool(parts) and all(map(_reduces, parts)))


def _parts(action: dict[str, Any]) -> list[Any]:
    """What a batch consists of; nothing for an action that is none."""
    batch = action.get(_BATCHES.get(action["type"], ""))
    return batch if isinstance(batch, list) else []


def _reduces(order: Any) -> bool:
    return isinstance(order, dict) and order.get("r") is True


# -- requests of an account ----------------------------------------------------------------------


def total_volume(engine: Any, account: int) -> int:
    """Everything an account ever traded, micro-USD; 0 for a row that the machine lacks."""
    if not 0 <= account < int(engine.tables["control"]["accounts_used"][0]):
        return 0
    row = engine.tables["accounts"][account]
    today = int(row["day_taker_volume"]) + int(row["day_maker_volume"])
    return int(engine.tables["account_histories"]["total_volume"][account]) + today


def counted_volume(engine: Any, account: int) -> int:
    """The volume that earns an account requests: for a sub-account that of its master as well,
    to which the machine adds it at the end of each day."""
    if not 0 <= account < int(engine.tables["control"]["accounts_used"][0]):
        return 0
    parent = int(engine.tables["accounts"]["parent"][account])
    return total_volume(engine, account) + total_volume(engine, parent)


def requests_granted(quotas: Quotas, volume: int) -> int:
    """How many requests an account may send altogether, beside those it reserved."""
    return quotas.requests + volume // MICRO


def check_requests(
    quotas: Quotas, engine: Any, account: Holder, count: int, is_cancel: bool, now_ms: int
) -> None:
    """Raises Refusal for ``count`` requests more than the account may send by now."""
    if quotas.requests >= UNLIMITED:
        return
    volume = counted_volume(engine, account.row)
    granted = requests_granted(quotas, volume)
    if is_cancel:
        granted = min(granted + quotas.cancels, 2 * granted)
    used = max(0, account.requests - account.reserved_requests) + count
    if used <= granted:
        return
    # One at a time is let through; a refused one neither counts nor begins a new pause.
    if count == 1 and now_ms - account.last_request_ms >= quotas.pause_ms:
        return
    traded = money_text(volume // CENT * CENT).removesuffix(".0")
    raise Refusal(
        f"Too many cumulative requests sent ({used} > {granted}) for cumulative volume traded "
        f"${traded}. Place taker orders to free up 1 request per USDC traded."
    )
