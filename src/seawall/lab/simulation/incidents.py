"""The incidents of one account, from event rows: what happened to its positions and its money.

A child account is shown like an isolated bucket of its market: neither loses more than it holds.
"""

from collections.abc import Collection, Iterable, Sequence
from enum import StrEnum
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from seawall.accounts.valuation import ratio_of
from seawall.domain.enums import EventKind, FillFlag, Reason
from seawall.domain.events import CROSS_POOL, is_pool
from seawall.engine.placement import PlacedAccount
from seawall.lab.simulation.reader import quote_of


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
    TOPPED_UP = "topped_up"
    """The account added money to a bucket."""
    TOP_UP_BLOCKED = "top_up_blocked"
    """It sent money to a bucket while no transfer was let through; the money did not come."""
    TRANSFERS_GATED = "transfers_gated"
    """No account can withdraw for a while, because one was below zero."""


STAGES = (
    IncidentKind.PARTLY_LIQUIDATED,
    IncidentKind.LIQUIDATED,
    IncidentKind.BACKSTOP,
    IncidentKind.DELEVERAGED_LOSER,
    IncidentKind.DELEVERAGED_WINNER,
)
"""What takes a position away."""
OF_NO_BUCKET = (IncidentKind.FUNDING, IncidentKind.TRANSFERS_GATED)
"""What concerns the whole account, or all accounts."""


def blocked_money(incidents: "Iterable[Incident]") -> int:
    """Micro-USD of top-ups that did not come because transfers were blocked."""
    return sum(each.money for each in incidents if each.kind == IncidentKind.TOP_UP_BLOCKED)


class Incident(Struct, kw_only=True):
    """One thing that happened to the account. Unused numbers are 0.

    ``isolated``: whether its bucket is that of one market, or a child account. ``market``: index in
    the instruments, or a cross pool. ``size`` unsigned and ``before`` signed, size units; ``price``
    (average) price units; ``money`` micro-USD: a closed profit after fees, a payment, or the equity
    of the bucket; ``margin_ratio`` maintenance margin over equity.
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
    """Of the whole account after the step."""
    note: str = ""


def liquidation_began(incidents: Iterable[Incident]) -> bool:
    """Whether a bucket of the account was found under maintenance margin: "liquidated"."""
    return any(each.kind == IncidentKind.LIQUIDATION_STARTED for each in incidents)


class Surroundings(Struct, kw_only=True):
    """What happened to all other accounts. Money in micro-USD."""

    liquidated_accounts: int = 0
    sold_to_book: int = 0
    taken_by_backstop: int = 0
    deleveraged: int = 0
    insurance_paid: int = 0
    liquidation_fees: int = 0
    maker_rejections: int = 0
    maker_reason: str = ""


QUIET_MS = 30_000

_SHOWN = {
    int(EventKind.ORDER_FILLED): IncidentKind.ORDER_FILLED,
    int(EventKind.DELEVERAGED): IncidentKind.DELEVERAGED_LOSER,
    int(EventKind.LIQUIDATION_STARTED): IncidentKind.LIQUIDATION_STARTED,
    int(EventKind.BACKSTOP_TAKEN_OVER): IncidentKind.BACKSTOP,
    int(EventKind.INSURANCE_PAID): IncidentKind.INSURANCE_PAID,
    int(EventKind.DELEVERAGING_STALLED): IncidentKind.DELEVERAGING_STALLED,
    int(EventKind.ORDER_TRIGGERED): IncidentKind.ORDER_TRIGGERED,
    int(EventKind.ORDER_CANCELLED): IncidentKind.ORDER_ENDED,
    int(EventKind.COMMAND_REJECTED): IncidentKind.ORDER_ENDED,
}
_OF_POOLS = (EventKind.LIQUIDATION_STARTED, EventKind.LIQUIDATION_ENDED)


class IncidentLog:
    """Reads every batch's events once; ``incidents`` and, if wanted, ``others`` grow."""

    def __init__(
        self, placed: PlacedAccount, makers: Collection[int] = (), *, surroundings: bool
    ) -> None:
        """``makers``: accounts that quote. ``surroundings``: whether to read ``others``."""
        self.incidents: list[Incident] = []
        self.others = Surroundings()
        self.started: dict[int, float] = {}
        """Pool or market of liquidations begun in the last step, with the margin ratio then."""
        self._placed = placed
        self._own = np.asarray(placed.accounts, dtype=np.int32)
        self._makers = np.asarray(sorted(makers), dtype=np.int32)
        self._surroundings = surroundings
        self._liquidated: set[int] = set()
        self._last_seen: dict[tuple[int, int], int] = {}

    def read(self, time_ms: int, events: NDArray[Any]) -> None:
        """Read one step's rows of ``event_dtype``."""
        self.started = {}
        is_own = np.isin(events["account"], self._own)
        own = events[is_own]
        if len(own):
            self._read_own(time_ms, self._as_buckets(own))
        if self._surroundings:
            self._read_others(events[~is_own])
        for row in events[events["kind"] == EventKind.TRANSFERS_GATED]:
            if self._is_new(time_ms, (int(row["kind"]), int(row["market"]))):
                self.incidents.append(Incident(time_ms=time_ms, kind=IncidentKind.TRANSFERS_GATED))

    def _as_buckets(self, rows: NDArray[Any]) -> NDArray[Any]:
        """The rows (changed), with a child account's events as those of an isolated bucket."""
        for child, market in self._placed.children.items():
            of_child = rows["account"] == child
            rows["market"][of_child & np.isin(rows["kind"], _OF_POOLS)] = market
        return rows

    def _read_others(self, events: NDArray[Any]) -> None:
        others, kinds = self.others, events["kind"]

        def of(kind: EventKind) -> Any:
            return events[kinds == kind]

        rejected = of(EventKind.COMMAND_REJECTED)
        rejected = rejected[np.isin(rejected["account"], self._makers)]
        if len(rejected):
            others.maker_rejections += len(rejected)
            others.maker_reason = Reason(int(rejected["reason"][0])).name
        self._liquidated.update(of(EventKind.LIQUIDATION_STARTED)["account"].tolist())
        others.liquidated_accounts = len(self._liquidated)
        taken = of(EventKind.BACKSTOP_TAKEN_OVER)
        others.taken_by_backstop += int((np.abs(taken["position_size"]) * taken["price"]).sum())
        others.insurance_paid += int(of(EventKind.INSURANCE_PAID)["money"].sum())
        others.liquidation_fees += int(of(EventKind.LIQUIDATION_FEE_PAID)["money"].sum())
        forced = events[events["flags"] & FillFlag.LIQUIDATED != 0]
        quote = quote_of(forced)
        others.sold_to_book += int(quote[forced["kind"] == EventKind.ORDER_FILLED].sum())
        others.deleveraged += int(quote[forced["kind"] == EventKind.DELEVERAGED].sum())

    def _read_own(self, time_ms: int, rows: NDArray[Any]) -> None:
        funding = 0
        is_fee = rows["kind"] == EventKind.LIQUIDATION_FEE_PAID
        for group in _runs(rows[~is_fee]):
            kind = int(group["kind"][0])
            if kind == EventKind.FUNDING_PAID:
                funding += int(group["money"].sum())
                continue
            incident = self._incident(time_ms, kind, group)
            if incident is not None:
                self.incidents.append(incident)
        if funding:
            paid = Incident(time_ms=time_ms, kind=IncidentKind.FUNDING, money=funding)
            self.incidents.append(paid)
        fees = rows[is_fee]
        for market in dict.fromkeys(int(each) for each in fees["market"]):
            self.incidents.append(
                Incident(
                    time_ms=time_ms, kind=IncidentKind.LIQUIDATION_FEE, market=market,
                    isolated=self._is_isolated(market),
                    money=-int(fees["money"][fees["market"] == market].sum()),
                )
            )  # fmt: skip

    def _started(self, made: Incident, row: Any) -> Incident | None:
        """A bucket that stays below maintenance starts anew with every command; shown once."""
        made.money, made.maintenance_margin = int(row["money"]), int(row["closed_profit"])
        made.margin_ratio = ratio_of(made.maintenance_margin, made.money)
        self.started[made.market] = made.margin_ratio
        return made if self._is_new(made.time_ms, (int(row["kind"]), made.market)) else None

    def _is_isolated(self, market: int) -> bool:
        """Whether what happens in a market, or to a bucket, concerns a bucket of its own."""
        return not is_pool(market) and not is_pool(self._placed.bucket_of(market))

    def _is_new(self, time_ms: int, what: tuple[int, int]) -> bool:
        """Whether this has not happened within the last ``QUIET_MS``."""
        last = self._last_seen.get(what)
        self._last_seen[what] = time_ms
        return last is None or time_ms - last > QUIET_MS

    def _incident(self, time_ms: int, kind: int, group: NDArray[Any]) -> Incident | None:
        if kind not in _SHOWN:
            return None
        row = group[0]
        market = int(row["market"])
        made = Incident(
            time_ms=time_ms, kind=_SHOWN[kind], market=market, isolated=self._is_isolated(market)
        )
        if kind in (EventKind.ORDER_FILLED, EventKind.DELEVERAGED):
            return _with_fills(made, kind, group)
        if kind == EventKind.LIQUIDATION_STARTED:
            return self._started(made, row)
        if kind == EventKind.BACKSTOP_TAKEN_OVER:
            made.before, made.price = int(row["position_size"]), int(row["price"])
            made.size, made.money = abs(made.before), int(row["money"])
            made.notional = made.size * made.price
        elif kind == EventKind.INSURANCE_PAID:
            made.money = int(row["money"])
        elif kind == EventKind.DELEVERAGING_STALLED:
            made.before = int(row["position_size"])
            return made if self._is_new(time_ms, (kind, made.market)) else None
        elif kind == EventKind.ORDER_TRIGGERED:
            made.price = int(row["price"])
        else:
            made.size, made.note = int(row["order_size"]), Reason(int(row["reason"])).name
        return made


def _runs(rows: NDArray[Any]) -> Sequence[NDArray[Any]]:
    """Neighbouring rows of one kind, market and set of flags: the fills of one order."""
    if not len(rows):
        return []
    role = np.asarray([FillFlag.LIQUIDATED | FillFlag.BUYER], dtype=np.int32)[0]
    key = np.stack([rows["kind"], rows["market"], rows["flags"] & role, rows["reason"]])
    cuts = np.flatnonzero(np.any(key[:, 1:] != key[:, :-1], axis=0)) + 1
    return np.split(rows, cuts)


def _with_fills(made: Incident, kind: int, group: NDArray[Any]) -> Incident:
    """All fills of one order, or all deleveraging of one position, in one incident."""
    flags = int(group["flags"][0])
    is_liquidated = bool(flags & FillFlag.LIQUIDATED)
    made.size = int(group["order_size"].sum())
    made.before = int(group["position_size"][0])
    made.notional = int(quote_of(group).sum())
    made.price = made.notional // made.size if made.size else 0
    made.money = int(group["closed_profit"].sum())
    made.note = "bought" if flags & FillFlag.BUYER else "sold"
    if kind == EventKind.ORDER_FILLED:
        made.money -= int(group["money"].sum())
        if is_liquidated:
            is_all = made.size == abs(made.before)
            made.kind = IncidentKind.LIQUIDATED if is_all else IncidentKind.PARTLY_LIQUIDATED
    elif not is_liquidated:
        made.kind = IncidentKind.DELEVERAGED_WINNER
    return made
