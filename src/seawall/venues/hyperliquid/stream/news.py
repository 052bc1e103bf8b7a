"""What happened, sorted by receiver: trades by market, the rest by user.

Events of the machine become the messages of event topics. Only topics with subscribers are
computed.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from msgspec import structs

from seawall.domain.commands import join_client_id
from seawall.domain.enums import FillFlag, Reason
from seawall.domain.events import (
    BackstopTakenOver,
    CommandRejected,
    Deleveraged,
    Event,
    FundingPaid,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    OrderTriggered,
    OrderWaiting,
)
from seawall.venues.fills import fills_of
from seawall.venues.hyperliquid.info.base import DeskView
from seawall.venues.hyperliquid.info.history import (
    funding_event,
    shown_fills,
    slice_fill,
    twap_of,
)
from seawall.venues.hyperliquid.info.ledger import update_of
from seawall.venues.hyperliquid.info.orders import order_update, order_with_status, shown_oid
from seawall.venues.hyperliquid.info.trades import trade
from seawall.venues.hyperliquid.stream.channels import Topic
from seawall.venues.hyperliquid.wire.values import figure_text
from seawall.venues.ledger import ledger_records
from seawall.venues.port import Applied, Fill, FundingRecord, LedgerRecord

BACKSTOP_ROW = 2
_SLOT_MASK = (1 << 22) - 1
_FILLS = (OrderFilled, Deleveraged, BackstopTakenOver)
_ORDERS = (
    OrderAccepted, OrderWaiting, OrderFilled, OrderCancelled, OrderTriggered, Deleveraged,
    BackstopTakenOver,
)  # fmt: skip
_PUBLIC = ("order", "liquidation")
"""Origins of fills that are trades of the market."""
_OWN_CANCELS = (Reason.CANCELLED_BY_USER, Reason.REPLACED, Reason.IMMEDIATE_REMAINDER)


class UserNews:
    """What happened to one user since the last look, in order."""

    def __init__(self) -> None:
        self.fills: list[Fill] = []
        self.fundings: list[FundingRecord] = []
        self.ledger: list[LedgerRecord] = []
        self.liquidations: list[dict[str, Any]] = []
        self.lost_orders: list[dict[str, Any]] = []
        """Orders that ended without their user asking."""
        self.orders: dict[int, None] = {}


class News:
    """Everything since the last look that ``markets`` and ``users`` asked for."""

    def __init__(self, venue: DeskView, markets: Collection[int], users: Collection[str]) -> None:
        self._venue = venue
        self._markets = markets
        self._users = users
        self.trades: dict[int, list[Fill]] = {}
        self.users: dict[str, UserNews] = {}

    def _of(self, row: int) -> UserNews | None:
        """The news of a row's user; None without a subscriber."""
        if not self._users:
            return None
        address = self._venue.directory.address_of(row)
        if address not in self._users:
            return None
        return self.users.setdefault(address, UserNews())

    def add(self, applied: Applied) -> None:
        if self._users:
            for event in applied.events:
                self._add_for_user(applied, event)
            self._add_records(applied)
        if any(isinstance(event, _FILLS) for event in applied.events):
            self._add_fills(applied)

    def _add_for_user(self, applied: Applied, event: Event) -> None:
        if isinstance(event, _ORDERS):
            news = self._of(event.account)
            if news is not None and event.order_id:
                self._add_order(news, applied.command, event)
        elif isinstance(event, CommandRejected):
            news = self._of(event.account)
            if news is not None and hasattr(applied.command, "time_in_force"):
                news.orders[-event.sequence] = None
        elif isinstance(event, FundingPaid):
            news = self._of(event.account)
            if news is not None:
                news.fundings.append(
                    FundingRecord(
                        applied.time_ms, event.account, event.market, event.amount,
                        event.position_size, event.rate,
                    )
                )  # fmt: skip

    def _add_order(self, news: UserNews, command: Any, event: Any) -> None:
        news.orders.pop(event.order_id, None)
        news.orders[event.order_id] = None
        if not isinstance(event, OrderCancelled) or event.reason in _OWN_CANCELS:
            return
        is_refusal = event.reason < Reason.CANCELLED_BY_USER and hasattr(command, "time_in_force")
        if not is_refusal:
            coin = self._venue.coin(event.market)
            news.lost_orders.append({"coin": coin, "oid": shown_oid(event.order_id)})

    def _add_records(self, applied: Applied) -> None:
        """Entries of the ledger; a liquidation is an event of its user's too."""
        for record in ledger_records(applied):
            news = self._of(record.account)
            if news is None:
                continue
            news.ledger.append(record)
            if record.kind == "liquidation":
                news.liquidations.append(self._liquidation(applied, record))

    def _client_id(self, order_id: int) -> int:
        """From the machine's table, where ended orders stay until their slot is needed."""
        row = self._venue.tables["orders"][order_id & _SLOT_MASK]
        if int(row["order_id"]) != order_id:
            return 0
        return join_client_id(int(row["client_id_high"]), int(row["client_id_low"]))

    def _add_fills(self, applied: Applied) -> None:
        for fill in fills_of(applied):
            if fill.is_taker and fill.origin in _PUBLIC and fill.market in self._markets:
                self.trades.setdefault(fill.market, []).append(fill)
            news = self._of(fill.account)
            if news is None:
                continue
            news.fills.append(self._completed(applied, fill))

    def _completed(self, applied: Applied, fill: Fill) -> Fill:
        """The fills with what events do not carry: client ids, the profit of the backstop."""
        if fill.origin == "backstop" and not fill.is_taker:
            kept = self._venue.history.fills(fill.account, fill.time_ms, fill.time_ms)
            return next((old for old in kept if old.trade_id == fill.trade_id), fill)
        if fill.flags & FillFlag.LIQUIDATED or fill.origin in ("backstop", "deleveraging"):
            return fill
        client_id = self._client_id(fill.order_id)
        command: Any = applied.command
        if fill.is_taker and not client_id and hasattr(command, "client_id_high"):
            if command.account == fill.account:
                client_id = join_client_id(command.client_id_high, command.client_id_low)
        elif not client_id:
            known = self._venue.history.order(fill.account, order_id=fill.order_id)
            client_id = known.client_id if known else 0
        return structs.replace(fill, client_id=client_id)

    def _liquidation(self, applied: Applied, record: LedgerRecord) -> dict[str, Any]:
        directory = self._venue.directory
        return {
            "lid": applied.events[0].sequence,
            "liquidator": directory.address_of(BACKSTOP_ROW),
            "liquidated_user": directory.address_of(record.account),
            "liquidated_ntl_pos": figure_text(record.body["notional"]),
            "liquidated_account_value": figure_text(record.body["equity"]),
        }


# -- messages ------------------------------------------------------------------------------------


def trade_data(venue: DeskView, fills: Sequence[Fill]) -> list[dict[str, Any]]:
    return [trade(venue, fill) for fill in fills]


def _events(venue: DeskView, user: str, news: UserNews) -> Iterator[dict[str, Any]]:
    if news.fills:
        yield {"fills": shown_fills(venue, news.fills, False)}
    for paid in news.fundings:
        yield {"funding": funding_event(venue, paid)}
    for liquidation in news.liquidations:
        yield {"liquidation": liquidation}
    if news.lost_orders:
        yield {"nonUserCancel": news.lost_orders}
    slices = [slice_fill(venue, fill) for fill in news.fills if twap_of(fill) is not None]
    if slices:
        yield {"twapSliceFills": slices}


def _changed_orders(venue: DeskView, user: str, news: UserNews) -> list[Any]:
    row = venue.row_of(user)
    found = (venue.history.order(row, order_id=order_id) for order_id in news.orders)
    return [order for order in found if order is not None]


def user_data(venue: DeskView, topic: Topic, news: UserNews) -> list[Any]:
    """The data of every message that a user's event topic gets out of the news."""
    user = topic.user
    if topic.kind == "userEvents":
        return list(_events(venue, user, news))
    if topic.kind == "orderUpdates":
        updates = [order_update(venue, order) for order in _changed_orders(venue, user, news)]
        return [updates] if updates else []
    field, rows = "", []
    if topic.kind == "userFills":
        field, rows = "fills", shown_fills(venue, news.fills, topic.aggregate)
    elif topic.kind == "userFundings":
        field, rows = "fundings", [funding_event(venue, paid) for paid in news.fundings]
    elif topic.kind == "userNonFundingLedgerUpdates":
        entries = (update_of(venue, record, user) for record in news.ledger)
        field, rows = "nonFundingLedgerUpdates", [entry for entry in entries if entry]
    elif topic.kind == "userTwapSliceFills":
        slices = [slice_fill(venue, fill) for fill in news.fills if twap_of(fill) is not None]
        field, rows = "twapSliceFills", slices
    elif topic.kind == "userHistoricalOrders":
        orders = _changed_orders(venue, user, news)
        field, rows = "orderHistory", [order_with_status(venue, order) for order in orders]
    return [{"user": user, field: rows}] if rows else []
