"""From the machine's event rows to what a trader would tell: the incidents of one account.

A child account is told like an isolated bucket of its market: both cage a loss.
"""

from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from seawall.domain.enums import EventKind, FillFlag, Reason
from seawall.domain.events import CROSS_POOL


class IncidentKind(StrEnum):
    MARGIN_WARNING = "margin_warning"
    LIQUIDATION_STARTED = "liquidation_started"
    PARTLY_LIQUIDATED = "partly_liquidated"
    LIQUIDATED = "liquidated"
    BACKSTOP = "backstop"
    INSURANCE_PAID = "insurance_paid"
    DELEVERAGED_LOSER = "deleveraged_loser"
    """The account's own loss was closed against other traders."""
    DELEVERAGED_WINNER = "deleveraged_winner"
    """Its profitable position was closed to cover the loss of others."""
    DELEVERAGING_STALLED = "deleveraging_stalled"
    ORDER_TRIGGERED = "order_triggered"
    ORDER_FILLED = "order_filled"
    ORDER_ENDED = "order_ended"
    FUNDING = "funding"
    LIQUIDATION_FEE = "liquidation_fee"
    """Of the fills of one step, to the insurance fund."""
    TRANSFERS_GATED = "transfers_gated"
    """Nobody's money can leave for a while, because somebody was below zero."""


STAGES = (
    IncidentKind.PARTLY_LIQUIDATED,
    IncidentKind.LIQUIDATED,
    IncidentKind.BACKSTOP,
    IncidentKind.DELEVERAGED_LOSER,
    IncidentKind.DELEVERAGED_WINNER,
)
"""What takes a position away."""


class Incident(Struct, kw_only=True):
    """One line of the story. Unused numbers are 0.

    ``market``: index in the instruments, or CROSS_POOL. ``size`` unsigned and ``before`` signed,
    size units; ``price`` (average) price units; ``money`` micro-USD: a closed profit after fees, a
    payment, or the equity of the bucket; ``margin_ratio`` maintenance margin over equity.
    """

    time_ms: int
    kind: IncidentKind
    market: int = CROSS_POOL
    isolated: bool = False
    size: int = 0
    before: int = 0
    notional: int = 0
    price: int = 0
    money: int = 0
    maintenance_margin: int = 0
    margin_ratio: float = 0.0
    threshold: float = 0.0
    equity: int = 0
    """Of the whole account after the step, filled in by the driver."""
    note: str = ""


class Surroundings(Struct, kw_only=True):
    """What happened to everybody else. Money in micro-USD."""

    accounts: int = 0
    liquidated_accounts: int = 0
    sold_to_book: int = 0
    taken_by_backstop: int = 0
    deleveraged: int = 0
    insurance_paid: int = 0
    liquidation_fees: int = 0
    maker_rejections: int = 0
    maker_reason: str = ""


QUIET_MS = 30_000

_OF_ALL = np.asarray(
    [
        EventKind.LIQUIDATION_STARTED,
        EventKind.BACKSTOP_TAKEN_OVER,
        EventKind.INSURANCE_PAID,
        EventKind.DELEVERAGED,
        EventKind.LIQUIDATION_FEE_PAID,
    ],
    dtype=np.int32,
)
_OF_POOLS = (EventKind.LIQUIDATION_STARTED, EventKind.LIQUIDATION_ENDED)
_OF_BUCKETS = (EventKind.ORDER_FILLED, EventKind.DELEVERAGED)


class Storyteller:
    """Reads every step's events once; ``incidents`` and ``others`` grow.

    ``makers``: accounts that quote. ``children``: the trader's child accounts, by market of each.
    """

    def __init__(
        self, account: int, makers: Collection[int], children: Mapping[int, int] | None = None
    ) -> None:
        self.incidents: list[Incident] = []
        self.others = Surroundings()
        self.started: dict[int, float] = {}
        """Pool or market of liquidations begun in the last step, with the margin ratio then."""
        self._children = dict(children or {})
        self._own = np.asarray([account, *self._children], dtype=np.int32)
        self._makers = np.asarray(sorted(makers), dtype=np.int32)
        self._liquidated: set[int] = set()
        self._last_told: dict[tuple[int, int], int] = {}

    def read(self, time_ms: int, events: NDArray[Any]) -> None:
        """One step's rows of ``event_dtype``."""
        self.started = {}
        kinds = events["kind"]
        is_mine = np.isin(events["account"], self._own)
        if is_mine.any():
            self._mine(time_ms, self._as_buckets(events[is_mine]))
        self._count_maker(events)
        liquidated_fills = (
            (kinds == EventKind.ORDER_FILLED)
            & ((events["flags"] & FillFlag.LIQUIDATED) != 0)
            & ~is_mine
        )
        sold = events[liquidated_fills]
        self.others.sold_to_book += int((sold["price"] * sold["order_size"]).sum())
        for row in events[np.isin(kinds, _OF_ALL) & ~is_mine]:
            self._around(row)
        for row in events[kinds == EventKind.TRANSFERS_GATED]:
            if self._is_news(time_ms, (int(row["kind"]), int(row["market"]))):
                self.incidents.append(Incident(time_ms=time_ms, kind=IncidentKind.TRANSFERS_GATED))

    def _as_buckets(self, rows: NDArray[Any]) -> NDArray[Any]:
        """A copy in which a child account's events read like those of an isolated bucket."""
        for child, market in self._children.items():
            of_child = rows["account"] == child
            rows["market"][of_child & np.isin(rows["kind"], _OF_POOLS)] = market
            rows["flags"][of_child & np.isin(rows["kind"], _OF_BUCKETS)] |= int(
                FillFlag.ISOLATED_BUCKET
            )
        return rows

    def maker_bought(self, events: NDArray[Any], maker: int, market: int) -> int:
        """Micro-USD that a maker bought in a market in this step, less what it sold."""
        fills = events[
            (events["kind"] == EventKind.ORDER_FILLED)
            & (events["account"] == maker)
            & (events["market"] == market)
        ]
        signs = np.where(fills["flags"] & FillFlag.BUYER, 1, -1)
        return int((fills["price"] * fills["order_size"] * signs).sum())

    def _count_maker(self, events: NDArray[Any]) -> None:
        rejected = events[
            (events["kind"] == EventKind.COMMAND_REJECTED)
            & np.isin(events["account"], self._makers)
        ]
        if len(rejected):
            self.others.maker_rejections += len(rejected)
            self.others.maker_reason = Reason(int(rejected["reason"][0])).name

    def _around(self, row: Any) -> None:
        kind = int(row["kind"])
        if kind == EventKind.LIQUIDATION_STARTED:
            self._liquidated.add(int(row["account"]))
            self.others.liquidated_accounts = len(self._liquidated)
        elif kind == EventKind.BACKSTOP_TAKEN_OVER:
            self.others.taken_by_backstop += abs(int(row["position_size"])) * int(row["price"])
        elif kind == EventKind.INSURANCE_PAID:
            self.others.insurance_paid += int(row["money"])
        elif kind == EventKind.LIQUIDATION_FEE_PAID:
            self.others.liquidation_fees += int(row["money"])
        elif int(row["flags"]) & FillFlag.LIQUIDATED:
            self.others.deleveraged += _notional(np.asarray([row]))

    def _mine(self, time_ms: int, rows: NDArray[Any]) -> None:
        funding = 0
        is_fee = rows["kind"] == EventKind.LIQUIDATION_FEE_PAID
        for group in _runs(rows[~is_fee]):
            row = group[0]
            kind = int(row["kind"])
            if kind == EventKind.FUNDING_PAID:
                funding += int(group["money"].sum())
                continue
            incident = self._incident(time_ms, kind, group)
            if incident is not None:
                self.incidents.append(incident)
        if funding:
            self.incidents.append(
                Incident(time_ms=time_ms, kind=IncidentKind.FUNDING, money=funding)
            )
        fees = rows[is_fee]
        for market in dict.fromkeys(int(each) for each in fees["market"]):
            self.incidents.append(
                Incident(
                    time_ms=time_ms, kind=IncidentKind.LIQUIDATION_FEE, market=market,
                    isolated=market in self._children.values(),
                    money=-int(fees["money"][fees["market"] == market].sum()),
                )
            )  # fmt: skip

    def _started(self, time_ms: int, row: Any) -> Incident | None:
        """A bucket that stays below maintenance starts anew with every command; told once."""
        market, equity, maintenance = (
            int(row[name]) for name in ("market", "money", "closed_profit")
        )
        ratio = ratio_of(maintenance, equity)
        self.started[market] = ratio
        if not self._is_news(time_ms, (int(row["kind"]), market)):
            return None
        return Incident(
            time_ms=time_ms,
            kind=IncidentKind.LIQUIDATION_STARTED,
            market=market,
            isolated=market != CROSS_POOL,
            money=equity,
            maintenance_margin=maintenance,
            margin_ratio=ratio,
        )

    def _is_news(self, time_ms: int, what: tuple[int, int]) -> bool:
        """Whether this has not happened within the last ``QUIET_MS``."""
        last = self._last_told.get(what)
        self._last_told[what] = time_ms
        return last is None or time_ms - last > QUIET_MS

    def _incident(self, time_ms: int, kind: int, group: NDArray[Any]) -> Incident | None:
        row = group[0]
        market = int(row["market"])
        if kind in (EventKind.ORDER_FILLED, EventKind.DELEVERAGED):
            return _fills(time_ms, kind, group)
        if kind == EventKind.LIQUIDATION_STARTED:
            return self._started(time_ms, row)
        if kind == EventKind.BACKSTOP_TAKEN_OVER:
            size = int(row["position_size"])
            return Incident(
                time_ms=time_ms, kind=IncidentKind.BACKSTOP, market=market, size=abs(size),
                before=size, price=int(row["price"]), money=int(row["money"]),
                notional=abs(size) * int(row["price"]),
            )  # fmt: skip
        if kind == EventKind.INSURANCE_PAID:
            return Incident(
                time_ms=time_ms, kind=IncidentKind.INSURANCE_PAID, market=market,
                money=int(row["money"]),
            )  # fmt: skip
        if kind == EventKind.DELEVERAGING_STALLED:
            if not self._is_news(time_ms, (kind, market)):
                return None
            return Incident(
                time_ms=time_ms, kind=IncidentKind.DELEVERAGING_STALLED, market=market,
                before=int(row["position_size"]),
            )  # fmt: skip
        if kind == EventKind.ORDER_TRIGGERED:
            return Incident(
                time_ms=time_ms, kind=IncidentKind.ORDER_TRIGGERED, market=market,
                price=int(row["price"]),
            )  # fmt: skip
        if kind in (EventKind.ORDER_CANCELLED, EventKind.COMMAND_REJECTED):
            return Incident(
                time_ms=time_ms, kind=IncidentKind.ORDER_ENDED, market=market,
                size=int(row["order_size"]), note=Reason(int(row["reason"])).name,
            )  # fmt: skip
        return None


def _notional(rows: NDArray[Any]) -> int:
    """Micro-USD of fills; a deleveraging whose total is no whole price tells the total itself."""
    quotes = np.where(rows["price"] == 0, np.abs(rows["money"]), rows["price"] * rows["order_size"])
    return int(quotes.sum())


def _runs(rows: NDArray[Any]) -> Sequence[NDArray[Any]]:
    """Neighbouring rows of one kind, market and set of flags: the fills of one order."""
    if not len(rows):
        return []
    role = np.asarray([FillFlag.LIQUIDATED | FillFlag.BUYER], dtype=np.int32)[0]
    key = np.stack([rows["kind"], rows["market"], rows["flags"] & role, rows["reason"]])
    cuts = np.flatnonzero(np.any(key[:, 1:] != key[:, :-1], axis=0)) + 1
    return np.split(rows, cuts)


def _fills(time_ms: int, kind: int, group: NDArray[Any]) -> Incident:
    """All fills of one order, or all deleveraging of one position, in one line."""
    row = group[0]
    size = int(group["order_size"].sum())
    notional = _notional(group)
    before = int(row["position_size"])
    flags = int(row["flags"])
    liquidated = bool(flags & FillFlag.LIQUIDATED)
    fee = 0 if kind == EventKind.DELEVERAGED else int(group["money"].sum())
    if kind == EventKind.DELEVERAGED:
        told = IncidentKind.DELEVERAGED_LOSER if liquidated else IncidentKind.DELEVERAGED_WINNER
    elif liquidated:
        told = IncidentKind.LIQUIDATED if size == abs(before) else IncidentKind.PARTLY_LIQUIDATED
    else:
        told = IncidentKind.ORDER_FILLED
    return Incident(
        time_ms=time_ms,
        kind=told,
        market=int(row["market"]),
        isolated=bool(flags & FillFlag.ISOLATED_BUCKET),
        size=size,
        before=before,
        notional=notional,
        price=notional // size if size else 0,
        money=int(group["closed_profit"].sum()) - fee,
        note="bought" if flags & FillFlag.BUYER else "sold",
    )


def ratio_of(maintenance: int, equity: int) -> float:
    """Maintenance margin over equity: at 1 liquidation begins. Infinite without equity."""
    if maintenance <= 0:
        return 0.0
    return maintenance / equity if equity > 0 else float("inf")
