"""The indexer's socket: who subscribed to what, and the pump that sends what happened.

The machine's listener only puts aside what took effect and wakes the pump. The pump makes the
contents of each topic once for all its readers.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from seawall.domain.block_events import OrderQueued
from seawall.domain.commands import AdvanceTime
from seawall.domain.events import (
    CommandRejected,
    Deposited,
    FundingPaid,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    OrderTriggered,
    OrderWaiting,
    PriceUpdated,
    Transferred,
    Withdrawn,
)
from seawall.venues.dydx.directory.directory import Subaccount
from seawall.venues.dydx.indexer.markets import (
    RESOLUTIONS,
    book_of,
    candle_object,
)
from seawall.venues.dydx.indexer.money import (
    asset_object,
    fill_news,
    trade_object,
    transfer_object,
)
from seawall.venues.dydx.indexer.orders import (
    order_object,
    plain_terms,
    removal_reason,
    status_of,
)
from seawall.venues.dydx.indexer.positions import position_news
from seawall.venues.dydx.indexer.view import View, decimal
from seawall.venues.dydx.stream.channels import (
    BOOK,
    CANDLES,
    HEIGHT,
    MARKETS,
    PARENTS,
    SUBACCOUNTS,
    TRADES,
    Topic,
)
from seawall.venues.dydx.wire.moments import iso
from seawall.venues.fills import fills_of
from seawall.venues.ledger import ledger_records
from seawall.venues.port import Applied, Fill, LedgerRecord

log = logging.getLogger(__name__)

MAX_PENDING = 20_000
Take = Callable[[Topic, Any, int], None]
"""Called with a topic, contents and, for a parent, the child's number (-1 for none)."""
_OF_ORDER = (
    OrderAccepted | OrderWaiting | OrderQueued | OrderFilled | OrderCancelled | OrderTriggered
)
_OF_MONEY = Deposited | Withdrawn | Transferred | FundingPaid | OrderFilled


class _News:
    """What one batch brought an account."""

    def __init__(self) -> None:
        self.orders: dict[int, None] = {}
        self.fills: list[Fill] = []
        self.transfers: list[LedgerRecord] = []
        self.has_money = False


class Hub:
    """All topics of one venue and who reads them."""

    def __init__(self, view: View) -> None:
        self.view = view
        self._readers: dict[Topic, dict[object, Take]] = {}
        self._books: dict[int, tuple[Mapping[int, int], Mapping[int, int]]] = {}
        self._pending: list[Applied] = []
        self._height = 0
        self._wake = asyncio.Event()
        self._pump: asyncio.Task[None] | None = None
        self._stop_listening: Callable[[], None] | None = None

    def start(self) -> None:
        self._stop_listening = self.view.desk.listen(self._listen)
        self._pump = asyncio.create_task(self._run(), name="seawall-streams")

    async def stop(self) -> None:
        if self._stop_listening is not None:
            self._stop_listening()
        if self._pump is not None:
            self._pump.cancel()
            await asyncio.gather(self._pump, return_exceptions=True)

    def join(self, topic: Topic, reader: object, take: Take) -> None:
        """Send what happens from now on; what waits to be sent is sent first, to the others."""
        self._show()
        if topic.channel == BOOK and topic not in self._readers:
            pair = self.view.pair_of(topic.name)
            self._books[pair.row] = book_of(self.view, pair)
        self._readers.setdefault(topic, {})[reader] = take

    def leave(self, topic: Topic, reader: object) -> None:
        readers = self._readers.get(topic, {})
        readers.pop(reader, None)
        if not readers:
            self._readers.pop(topic, None)

    def _listen(self, applied: Sequence[Applied]) -> None:
        if self._readers:
            self._pending += applied
            del self._pending[:-MAX_PENDING]
            self._wake.set()

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            self._show()
            await asyncio.sleep(0.005)

    def _show(self) -> None:
        pending, self._pending = self._pending, []
        if not pending:
            return
        try:
            self._show_markets(pending)
            self._show_accounts(pending)
            if any(isinstance(each.command, AdvanceTime) for each in pending):
                self._show_height()
        except Exception:
            log.exception("what happened could not be sent")

    def _send(self, topic: Topic, contents: Any, child: int = -1) -> None:
        for take in list(self._readers.get(topic, {}).values()):
            take(topic, contents, child)

    # -- markets ---------------------------------------------------------------------------------

    def _show_markets(self, pending: Sequence[Applied]) -> None:
        topics = defaultdict(list)
        for topic in self._readers:
            topics[topic.channel].append(topic)
        for topic in topics[BOOK]:
            self._show_book(topic)
        if topics[TRADES] or topics[CANDLES]:
            fills = [
                fill
                for each in pending
                for fill in fills_of(each)
                if fill.is_taker and fill.origin in ("order", "liquidation")
            ]
            self._show_trades(topics[TRADES], topics[CANDLES], fills)
        if topics[MARKETS]:
            self._show_prices(topics[MARKETS], pending)

    def _show_book(self, topic: Topic) -> None:
        pair = self.view.pair_of(topic.name)
        before, now = self._books.get(pair.row, ({}, {})), book_of(self.view, pair)
        self._books[pair.row] = now
        contents = {}
        for name, old, new in zip(("bids", "asks"), before, now, strict=True):
            gone = [(price, 0) for price in old if price not in new]
            changed = [(price, size) for price, size in new.items() if old.get(price) != size]
            moved = [
                [self.view.price(pair, price), self.view.size(pair, size)]
                for price, size in gone + changed
            ]
            if moved:
                contents[name] = moved
        if contents:
            self._send(topic, contents)

    def _show_trades(
        self, trades: Sequence[Topic], candles: Sequence[Topic], fills: Sequence[Fill]
    ) -> None:
        for topic in trades:
            row = self.view.pair_of(topic.name).row
            found = [trade_object(self.view, fill) for fill in fills if fill.market == row]
            if found:
                self._send(topic, {"trades": found})
        for topic in candles:
            ticker, _, resolution = topic.name.partition("/")
            pair = self.view.pair_of(ticker)
            if any(fill.market == pair.row for fill in fills):
                now = self.view.desk.now_ms()
                interval = RESOLUTIONS[resolution]
                newest = self.view.history.candles(pair.row, interval, now - interval, now, 1)
                for candle in newest:
                    self._send(topic, candle_object(self.view, pair, resolution, candle))

    def _show_prices(self, topics: Sequence[Topic], pending: Sequence[Applied]) -> None:
        rows = {
            event.market
            for each in pending
            for event in each.events
            if isinstance(event, PriceUpdated)
        }
        if not rows:
            return
        node = self.view.node
        prices = {}
        for row in sorted(rows):
            pair = self.view.pairs.by_row[row]
            prices[pair.ticker] = {
                "oraclePrice": decimal(self.view.oracle(pair)),
                "effectiveAt": iso(node.block_ms),
                "effectiveAtHeight": str(node.height),
                "marketId": pair.number,
            }
        for topic in topics:
            self._send(topic, {"oraclePrices": prices})

    def _show_height(self) -> None:
        node = self.view.node
        if node.height == self._height:
            return
        self._height = node.height
        for topic in [topic for topic in self._readers if topic.channel == HEIGHT]:
            self._send(topic, {"blockHeight": str(node.height), "time": iso(node.block_ms)})

    # -- accounts --------------------------------------------------------------------------------

    def _show_accounts(self, pending: Sequence[Applied]) -> None:
        if not any(topic.channel in (SUBACCOUNTS, PARENTS) for topic in self._readers):
            return
        for row, news in self._news(pending).items():
            account = self.view.directory.account_of(row)
            if account is None or account.is_wallet:
                continue
            own = Topic(SUBACCOUNTS, f"{account.address}/{account.number}")
            parent = Topic(PARENTS, f"{account.address}/{account.parent}")
            if own in self._readers or parent in self._readers:
                for contents in self._contents(account, news):
                    self._send(own, contents)
                    self._send(parent, contents, account.number)

    def _news(self, pending: Sequence[Applied]) -> dict[int, _News]:
        """What happened, by account row."""
        found: defaultdict[int, _News] = defaultdict(_News)
        for each in pending:
            for fill in fills_of(each):
                found[fill.account].fills.append(fill)
                found[fill.account].has_money = True
            for record in ledger_records(each):
                found[record.account].transfers.append(record)
                found[record.account].has_money = True
            for event in each.events:
                if isinstance(event, CommandRejected):
                    continue
                if isinstance(event, _OF_ORDER):
                    found[event.account].orders[event.order_id] = None
                if isinstance(event, _OF_MONEY):
                    found[event.account].has_money = True
        return found

    def _contents(self, account: Subaccount, news: _News) -> list[dict[str, Any]]:
        """What happened to an account: a message has room for one transfer."""
        view = self.view
        contents: dict[str, Any] = {}
        orders = [
            shown
            for order_id in news.orders
            if order_id and (shown := self._order(account, order_id)) is not None
        ]
        if orders:
            contents["orders"] = orders
        if news.fills:
            kept = {fill.trade_id: fill for fill in view.history.fills(account.row, limit=1000)}
            contents["fills"] = [
                fill_news(view, account, kept.get(fill.trade_id, fill)) for fill in news.fills
            ]
            markets = list({fill.market: None for fill in news.fills})
            contents["perpetualPositions"] = position_news(view, account, markets)
        if news.has_money:
            asset = asset_object(view, account)
            if asset is not None:
                del asset["subaccountNumber"]
                contents["assetPositions"] = [
                    {"address": account.address, "subaccountNumber": account.number, **asset}
                ]
        made = [transfer_object(view, account, record) for record in news.transfers]
        transfers = [each for each in made if each is not None]
        height = {"blockHeight": str(view.node.height)}
        if transfers:
            contents["transfers"] = transfers[-1]
        before = [{"transfers": each, **height} for each in transfers[:-1]]
        return [*before, {**contents, **height}]

    def _order(self, account: Subaccount, order_id: int) -> dict[str, Any] | None:
        view = self.view
        record = view.history.order(account.row, order_id)
        if record is None or not record.client_id:
            return None
        terms = view.directory.terms_of(account.row, record.client_id) or plain_terms(view, record)
        status = status_of(view, record, terms) or "BEST_EFFORT_CANCELED"
        shown = order_object(view, account, record, terms, status)
        shown["totalOptimisticFilled"] = shown["totalFilled"]
        if record.status == "canceled":
            shown["removalReason"] = removal_reason(record)
        return shown
