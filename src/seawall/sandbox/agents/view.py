"""What an agent can see: books, prices, its own orders and positions, read from the live machine.

Agents remember as little as possible and look instead: so a restart, a revert or an order that
was cancelled behind their back needs no special case.
"""

from typing import Any, NamedTuple

from seawall.domain.enums import MarketStatus, OrderState, Side
from seawall.domain.events import CROSS_POOL
from seawall.domain.rulebook import BlockRulebook
from seawall.engine.account_view import Margins, account_margins
from seawall.engine.tables import SHORT_TERM_ORDER

_RESTING = int(OrderState.RESTING)


BLOCKS_LEFT = 8
"""A short-term order that ends within so many blocks is about to leave the book."""


class OwnOrder(NamedTuple):
    order_id: int
    side: int
    price: int
    remaining_size: int
    account: int
    ends_soon: bool = False


class OwnPosition(NamedTuple):
    """``signed_size`` in size units, ``entry_notional`` micro-USD."""

    signed_size: int
    entry_notional: int


class MachineView:
    """Reads one machine. Made anew when the host replaced its machine."""

    def __init__(self, engine: Any) -> None:
        self.engine = engine
        tables = engine.tables
        self._markets = {name: tables["markets"][name] for name in tables["markets"].dtype.names}
        self._oracle_scales = [
            float(each.oracle_unit / each.price_unit) for each in engine.instruments
        ]
        """Order price units of one unit of an oracle price."""
        self._in_blocks = isinstance(engine.rulebook, BlockRulebook)
        self._chain = tables["block_rules"]
        self._expiries = tables["block_orders"]
        self._level_prices = tables["levels"]["price"]
        self._first_position = tables["accounts"]["first_position"]
        self._positions = {
            name: tables["positions"][name] for name in tables["positions"].dtype.names
        }
        self._orders = {name: tables["orders"][name] for name in tables["orders"].dtype.names}

    def oracle(self, market: int) -> int:
        """In units of the oracle, as the mark; under block rules the two are one."""
        return int(self._markets["oracle_price"][market])

    def mark(self, market: int) -> int:
        return int(self._markets["mark_price"][market])

    def mark_price(self, market: int) -> float:
        """The mark as an order price."""
        return self.mark(market) * self._oracle_scales[market]

    def oracle_price(self, market: int) -> float:
        """The oracle price as an order price."""
        return self.oracle(market) * self._oracle_scales[market]

    def status(self, market: int) -> MarketStatus:
        return MarketStatus(int(self._markets["status"][market]))

    def is_open(self, market: int) -> bool:
        return self.status(market) == MarketStatus.OPEN

    def open_interest_cap(self, market: int) -> int:
        """Micro-USD of notional, 0 for none."""
        return int(self._markets["open_interest_cap"][market])

    def best(self, market: int, side: Side) -> int:
        """Best price of a side of the book, 0 when it is empty."""
        column = "bid_level" if side == Side.BUY else "ask_level"
        level = int(self._markets[column][market])
        return int(self._level_prices[level]) if level >= 0 else 0

    def middle(self, market: int) -> float:
        """Between best bid and ask (price units); the mark where a side is empty."""
        bid, ask = self.best(market, Side.BUY), self.best(market, Side.SELL)
        return (bid + ask) / 2 if bid and ask else self.mark_price(market)

    def _position_row(self, account: int, market: int) -> int:
        row = int(self._first_position[account])
        while row >= 0 and int(self._positions["market"][row]) != market:
            row = int(self._positions["next_of_account"][row])
        return row

    def position(self, account: int, market: int) -> OwnPosition:
        row = self._position_row(account, market)
        if row < 0:
            return OwnPosition(0, 0)
        of = self._positions
        return OwnPosition(int(of["signed_size"][row]), int(of["entry_notional"][row]))

    def orders(self, account: int, market: int) -> list[OwnOrder]:
        """The account's resting orders in a market."""
        row = self._position_row(account, market)
        index = int(self._positions["first_order"][row]) if row >= 0 else -1
        of = self._orders
        found = []
        while index >= 0:
            if int(of["state"][index]) == _RESTING:
                found.append(
                    OwnOrder(
                        int(of["order_id"][index]),
                        int(of["side"][index]),
                        int(of["price"][index]),
                        int(of["remaining_size"][index]),
                        int(of["account"][index]),
                        self._ends_soon(index),
                    )
                )
            index = int(of["next_of_position"][index])
        return found

    @property
    def has_no_block(self) -> bool:
        """Whether the rules have blocks and the first is still to come."""
        return self._in_blocks and int(self._chain["height"][0]) == 0

    def _ends_soon(self, index: int) -> bool:
        if not self._in_blocks or self._expiries["kind"][index] != SHORT_TERM_ORDER:
            return False
        left = self._expiries["good_til"][index] - self._chain["height"][0]
        return bool(left <= BLOCKS_LEFT)

    def margins(self, account: int) -> dict[int, Margins]:
        return account_margins(self.engine, account)

    def pool_equity(self, account: int) -> int:
        """Micro-USD of the account's cross pool."""
        return self.margins(account)[CROSS_POOL].equity
