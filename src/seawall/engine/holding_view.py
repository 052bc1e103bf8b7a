"""The open positions of an account with their margins, and the margin that its orders hold.

Continuous rules. Read from the tables and from ``account_margins``; nothing is written.
"""

from typing import TYPE_CHECKING, Any, NamedTuple

from seawall.domain.enums import MarginMode, MarketMargin
from seawall.domain.events import group_of_pool
from seawall.domain.rulebook import truncates_price
from seawall.engine.account_view import Margins, account_pools
from seawall.engine.formulas.continuous.liquidation_price import (
    BucketPosition,
    maintenance_tiers,
)
from seawall.engine.market_view import account_free_margin

if TYPE_CHECKING:
    from seawall.engine.engine import Engine


class Holding(NamedTuple):
    """One open position: its row in the machine, its margins, its mark in price units.

    ``entry_notional`` is signed, micro-USD.
    """

    row: int
    market: int
    signed_size: int
    entry_notional: int
    isolated_cash: int
    leverage: int
    schedule: int
    mode: int
    mark: int
    margins: Margins

    @property
    def value(self) -> int:
        """Signed notional at mark, micro-USD."""
        return self.signed_size * self.mark

    @property
    def profit(self) -> int:
        """Unrealised, micro-USD."""
        return self.value - self.entry_notional

    @property
    def is_cross(self) -> bool:
        return self.mode == MarginMode.CROSS


def position_rows(engine: "Engine", account: int) -> list[int]:
    """The rows of an account's positions, open or not: of every market it ever touched."""
    following = engine.tables["positions"]["next_of_account"]
    row = int(engine.tables["accounts"]["first_position"][account])
    found = []
    while row >= 0:
        found.append(row)
        row = int(following[row])
    return found


def position_row(engine: "Engine", account: int, market: int) -> int:
    """The row of an account's position in a market, open or not; -1 where it never was."""
    markets = engine.tables["positions"]["market"]
    return next((r for r in position_rows(engine, account) if int(markets[r]) == market), -1)


def holdings(engine: "Engine", account: int, margins: dict[int, Margins]) -> list[Holding]:
    """The open positions of an account, by market."""
    positions, marks = engine.tables["positions"], engine.tables["markets"]["mark_price"]
    found = []
    for row in position_rows(engine, account):
        held = positions[row]
        size = int(held["signed_size"])
        if size:
            market = int(held["market"])
            found.append(
                Holding(
                    row=row,
                    market=market,
                    signed_size=size,
                    entry_notional=int(held["entry_notional"]),
                    isolated_cash=int(held["isolated_cash"]),
                    leverage=int(held["leverage"]),
                    schedule=int(held["schedule"]),
                    mode=int(held["mode"]),
                    mark=int(marks[market]),
                    margins=margins[market],
                )
            )
    return sorted(found, key=lambda holding: holding.market)


def bucket_position(
    engine: "Engine", held: Holding, pool: Margins, time_ms: int
) -> BucketPosition | None:
    """A position with what its bucket holds, of which a liquidation price can be asked.

    ``pool``: the margins of the cross pool that it would draw on. None where it is worth nothing.
    """
    if not held.value:
        return None
    own = held.margins
    return BucketPosition(
        signed_size=held.signed_size,
        notional=abs(held.value),
        equity=pool.equity if held.is_cross else own.equity,
        others_maintenance=pool.maintenance_margin - own.maintenance_margin if held.is_cross else 0,
        tiers=maintenance_tiers(tuple(engine.schedules[held.schedule])),
        price_decimals=engine.instruments[held.market].price_decimals,
        truncates=truncates_price(engine.rulebook, MarginMode(held.mode), time_ms),
    )


def closing_credits(held: Any, own: Margins | None) -> tuple[int, int]:
    """Micro-USD that buy and sell orders of a position's market need not hold.

    Closing frees the position's margin, which then also carries the other way. ``held``: a row of
    positions; ``own``: its margins, None where it is not open.
    """
    size = int(held["signed_size"])
    if not size or own is None:
        return 0, 0
    is_cross = int(held["mode"]) == MarginMode.CROSS
    credit = own.initial_margin + (own.initial_margin if is_cross else max(0, own.equity))
    return (0, credit) if size > 0 else (credit, 0)


def order_hold(held: Any, own: Margins | None) -> int:
    """Micro-USD that resting orders of one market hold, as the machine counts: the larger side."""
    buy, sell = closing_credits(held, own)
    return max(0, int(held["buy_hold"]) - buy, int(held["sell_hold"]) - sell)


class TradingRoom(NamedTuple):
    """Mode and leverage of an account in a market, and micro-USD of margin that orders of each
    side may still use there. ``isolated_cash``: of its bucket."""

    mode: int
    leverage: int
    to_buy: int
    to_sell: int
    isolated_cash: int


def default_room(engine: "Engine", market: int) -> TradingRoom:
    """Of an account that never touched the market, without money."""
    instrument = engine.instruments[market]
    most = int(engine.tables["rules"]["default_leverage"][0])
    any_mode = instrument.margin == MarketMargin.ANY_MODE
    mode = MarginMode.CROSS if any_mode else MarginMode.ISOLATED
    return TradingRoom(int(mode), min(most, instrument.maximum_leverage), 0, 0, 0)


def trading_room(
    engine: "Engine", account: int, market: int, margins: dict[int, Margins]
) -> TradingRoom:
    """What an account may still trade in a market."""
    group = group_of_pool(account_pools(engine, account)[market])
    free = max(0, account_free_margin(engine, account, group))
    row = position_row(engine, account, market)
    if row < 0:
        return default_room(engine, market)._replace(to_buy=free, to_sell=free)
    held, own = engine.tables["positions"][row], margins.get(market)
    # The larger side of the orders holds margin; a side may grow up to it for nothing.
    free += order_hold(held, own)
    to_buy, to_sell = closing_credits(held, own)
    return TradingRoom(
        int(held["mode"]),
        int(held["leverage"]),
        free - int(held["buy_hold"]) + to_buy,
        free - int(held["sell_hold"]) + to_sell,
        int(held["isolated_cash"]),
    )
