"""A machine that holds one account of a running venue and the books of its markets, made anew from
what was read.

Margins, boundaries and previews are then the engine's own. Other accounts are not known: what rests
in a book is of an account of its own for each market. Nothing is liquidated or matched on the way.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
from msgspec import structs
from numpy.typing import NDArray

from seawall.accounts.account import Account
from seawall.domain.enums import CommandKind, EventKind, OrderFlag, Reason, Side, TimeInForce
from seawall.domain.holdings import Holdings
from seawall.domain.instrument import Instrument
from seawall.domain.margin_groups import margin_groups
from seawall.domain.rulebook import Rulebook
from seawall.domain.system_accounts import FIRST_USER
from seawall.domain.units import RATE_ONE
from seawall.engine.engine import Engine
from seawall.engine.holding_view import position_row
from seawall.engine.layout import Limits
from seawall.engine.placement import Placement, marked_at_oracle, rows_of
from seawall.terminal.past import reason_text
from seawall.venues.gateway_port import FeeRates, LiveOrder, VenueState
from seawall.venues.public_stream import Level, PublicBook, PublicPrices

Rows = NDArray[Any]
OWN = FIRST_USER
"""The row of the account."""
MOST_BOOKS = 32
"""Markets whose books there is room for."""
PLENTY = 10**15
"""Micro-USD with which orders are placed that the venue has accepted already."""
NO_LIMIT = 10**16
"""Micro-USD: what one level of a book may be worth."""


def own_flags(order: LiveOrder) -> OrderFlag:
    """The properties of an open order as the machine counts them."""
    flags = OrderFlag.REDUCE_ONLY if order.reduce_only else OrderFlag.NO_FLAG
    if order.trigger_price is not None:
        flags |= OrderFlag.TRIGGER
        flags |= OrderFlag.TAKE_PROFIT if order.take_profit else OrderFlag.NO_FLAG
        flags |= OrderFlag.TRIGGER_MARKET if order.at_market else OrderFlag.NO_FLAG
    if order.whole_position:
        flags |= OrderFlag.POSITION_ATTACHED | OrderFlag.WHOLE_POSITION
    return flags


def time_in_force(order: LiveOrder) -> TimeInForce:
    return TimeInForce.POST_ONLY if order.post_only else TimeInForce.GOOD_TIL_CANCEL


class Mirrored:
    """``engine``: the machine; its markets are in the order of ``instruments``."""

    def __init__(self, rulebook: Rulebook, instruments: Sequence[Instrument]) -> None:
        """Raises LayoutError for markets that no engine can hold."""
        count = len(instruments)
        limits = Limits(
            accounts=FIRST_USER + 1 + MOST_BOOKS, positions=count + MOST_BOOKS + 16, nodes=32_768
        )
        self.instruments = tuple(instruments)
        self.rulebook = rulebook
        # The mark is written as the venue states it.
        self.engine = Engine.create(marked_at_oracle(rulebook), list(instruments), limits)
        self._rows = {each.name: row for row, each in enumerate(instruments)}
        rules, markets = self.engine.tables["rules"], self.engine.tables["markets"]
        self._rules, self._largest = rules.copy(), markets["largest_order"].copy()
        # What rests at a venue was accepted there, and a level is no order.
        rules["minimum_order_value"], rules["open_orders_base"] = 0, limits.orders
        rules["open_orders_maximum"] = limits.orders
        markets["largest_order"] = NO_LIMIT
        self._blank = self.engine.snapshot()

    def fill(
        self, account: Account, state: VenueState, stated: Mapping[str, PublicPrices]
    ) -> list[str]:
        """Hold this account and these books, and nothing else; what of it is not held, in words.

        ``stated``: prices of the markets that ``state`` does not follow. Raises PlacementError for
        an account that no engine can hold.
        """
        engine = self.engine
        engine.restore(self._blank)
        placement = Placement(engine)
        prices = {**stated, **state.prices}
        marks = self._marks(account, prices)
        placement.prices(state.time_ms, marks, marks)
        placement.account(state.time_ms, self._holdings(account))
        self._write_stated(prices, state)
        own = [each for each in state.orders if each.market in self._rows]
        # An own order alone would be shown as the whole book.
        followed = [each for name, each in state.books.items() if name in self._rows]
        books = {each.market: each for each in followed[:MOST_BOOKS]}
        unread = {each.market for each in own if _rests(each)} - books.keys()
        troubles = [
            f"the book of {name} is not held: orders that rest there hold no margin here"
            for name in sorted(unread)
        ]
        if len(followed) > MOST_BOOKS:
            left = ", ".join(each.market for each in followed[MOST_BOOKS:])
            troubles.append(f"no more than {MOST_BOOKS} books are held: without those of {left}")
        own = [each for each in own if not (_rests(each) and each.market in unread)]
        troubles += self._place_own(placement, own, state.time_ms)
        troubles += self._place_books(placement, list(books.values()), own, state.time_ms)
        engine.tables["rules"][:] = self._rules
        engine.tables["markets"]["largest_order"] = self._largest
        return troubles

    # -- prices, positions -----------------------------------------------------------------------

    def _marks(self, account: Account, prices: Mapping[str, PublicPrices]) -> NDArray[np.int64]:
        """In price units: those of the account's markets as it has them, the others as stated."""
        own = dict(zip((each.name for each in account.instruments), account.prices, strict=True))
        found = []
        for each in self.instruments:
            at = prices.get(each.name)
            units = 1 if at is None else max(1, round(at.mark * 10**each.price_decimals))
            found.append(own[each.name] if each.name in own and at is None else units)
        return np.asarray(found, dtype=np.int64)

    def _holdings(self, account: Account) -> Holdings:
        """The account's holdings by the rows and margin groups of this machine."""
        names, holdings = account.markets, account.holdings
        here = list(margin_groups(self.rulebook, self.instruments))
        there = list(margin_groups(self.rulebook, account.instruments))
        positions = tuple(
            structs.replace(each, market=self._rows[names[each.market]])
            for each in holdings.positions
        )
        money = {0: holdings.collateral, **holdings.other_collateral}
        moved = {here.index(there[group]): amount for group, amount in money.items()}
        return structs.replace(
            holdings,
            positions=positions,
            orders=(),
            collateral=moved.pop(0, 0),
            other_collateral=moved,
        )

    def _write_stated(self, prices: Mapping[str, PublicPrices], state: VenueState) -> None:
        """What the venue states and the machine would compute from what it does not know."""
        tables = self.engine.tables
        markets = tables["markets"]
        for name, each in prices.items():
            row = self._rows.get(name)
            if row is not None:
                of = self.instruments[row]
                markets["oracle_price"][row] = round(each.oracle * 10**of.price_decimals)
                open_interest = (each.open_interest or 0.0) * 10**of.size_decimals
                markets["open_interest"][row] = round(open_interest)
        if state.fees is not None:
            self._write_fees(state.fees)
        for name, paid in state.reported.funding_since_open.items():
            row = position_row(self.engine, OWN, self._rows[name]) if name in self._rows else -1
            if row >= 0:
                tables["position_histories"]["funding_since_open"][row] = paid

    def _write_fees(self, fees: FeeRates) -> None:
        accounts = self.engine.tables["accounts"]
        accounts["taker_rate"][OWN] = round(fees.taker * RATE_ONE)
        accounts["maker_rate"][OWN] = round(fees.maker * RATE_ONE)

    # -- orders ----------------------------------------------------------------------------------

    def _place_own(
        self, placement: Placement, orders: Sequence[LiveOrder], time_ms: int
    ) -> list[str]:
        rows = rows_of(CommandKind.PLACE_ORDER, len(orders), time_ms)
        for row, each in zip(rows, orders, strict=True):
            of = self.instruments[self._rows[each.market]]
            row["account"], row["market"] = OWN, self._rows[each.market]
            row["side"] = int(Side.BUY if each.is_buy else Side.SELL)
            row["price"] = _units(each.price, of.price_decimals)
            row["order_size"] = _units(each.size, of.size_decimals)
            row["flags"] = int(own_flags(each))
            if each.trigger_price is not None:
                row["trigger_price"] = _units(each.trigger_price, of.price_decimals)
        cash = self.engine.tables["accounts"]["cash"]
        others = self.engine.tables["group_cash"]["cash"].reshape(len(cash), -1)
        cash[OWN] += PLENTY
        others[OWN] += PLENTY
        refused = _refused(placement, rows)
        cash[OWN] -= PLENTY
        others[OWN] -= PLENTY
        return [
            f"order {orders[place].order_id} in {orders[place].market} holds no margin here and is "
            f"not in what-ifs: {reason}"
            for place, reason in refused
        ]

    def _place_books(
        self,
        placement: Placement,
        books: Sequence[PublicBook],
        own: Sequence[LiveOrder],
        time_ms: int,
    ) -> list[str]:
        """The levels of each book, less what the account itself has there."""
        if not books:
            return []
        money = np.full(len(books), PLENTY, dtype=np.int64)
        makers = placement.open_shared(time_ms, money, "the books")
        troubles = []
        for maker, book in zip(makers.tolist(), books, strict=True):
            row = self._rows[book.market]
            resting = _resting(own, book.market, self.instruments[row])
            sides = ((Side.BUY, book.bids), (Side.SELL, book.asks))
            parts = [
                _level_rows(self.instruments[row], row, side, levels, resting[side], time_ms)
                for side, levels in sides
            ]
            rows = np.concatenate(parts)
            rows["account"] = maker
            refused = _refused(placement, rows)
            if refused:
                troubles.append(
                    f"{len(refused)} of {len(rows)} levels of the book of {book.market} are left "
                    f"out: {refused[0][1]}"
                )
        return troubles


def _rests(order: LiveOrder) -> bool:
    """Whether an order is in the book, and does not wait for its trigger."""
    return order.trigger_price is None


def _resting(
    orders: Sequence[LiveOrder], market: str, of: Instrument
) -> dict[Side, dict[int, int]]:
    """Size units of the account's own orders in a book, by side and price."""
    found: dict[Side, dict[int, int]] = {Side.BUY: {}, Side.SELL: {}}
    for each in orders:
        if each.market == market and _rests(each):
            at = found[Side.BUY if each.is_buy else Side.SELL]
            price = _units(each.price, of.price_decimals)
            at[price] = at.get(price, 0) + _units(each.size, of.size_decimals)
    return found


def _level_rows(
    of: Instrument,
    row: int,
    side: Side,
    levels: Sequence[Level],
    own: Mapping[int, int],
    time_ms: int,
) -> Rows:
    price_unit, size_unit = 10**of.price_decimals, 10**of.size_decimals
    units = [(round(price * price_unit), round(size * size_unit)) for price, size in levels]
    left = [(price, size - own.get(price, 0)) for price, size in units]
    kept = [(price, size) for price, size in left if size > 0]
    rows = rows_of(CommandKind.PLACE_ORDER, len(kept), time_ms)
    rows["market"], rows["side"] = row, int(side)
    rows["price"] = [price for price, _ in kept]
    rows["order_size"] = [size for _, size in kept]
    # A book that was read while it moved may cross itself: that part is left out.
    rows["time_in_force"] = int(TimeInForce.POST_ONLY)
    return rows


def _refused(placement: Placement, rows: Rows) -> list[tuple[int, str]]:
    """The rows that the machine rejects, by their places, and why."""
    before = placement.engine.sequence
    events = placement.send(rows)
    rejected = events[events["kind"] == EventKind.COMMAND_REJECTED]
    return [
        (int(each["sequence"]) - before - 1, reason_text(Reason(int(each["reason"]))))
        for each in rejected
    ]


def _units(value: Decimal, decimals: int) -> int:
    return round(value.scaleb(decimals))
