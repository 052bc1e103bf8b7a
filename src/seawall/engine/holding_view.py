"""The open positions of an account with their margins, and the margin that its orders hold.

Read from the tables and from ``account_margins``; nothing is written. Under block rules an account
has one pool, its orders hold nothing, and leverage is what its initial margin fraction allows.
"""

from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

from seawall.domain.enums import MarginMode, MarketMargin
from seawall.domain.events import CROSS_POOL, group_of_pool
from seawall.domain.rulebook import BlockRulebook, truncates_price
from seawall.domain.units import PPM
from seawall.engine.account_view import Margins, account_pools
from seawall.engine.formulas.blocks.liquidation_price import BlockPosition
from seawall.engine.formulas.continuous.liquidation_price import (
    BucketPosition,
    maintenance_tiers,
    truncated_maintenance,
)
from seawall.engine.market_view import account_free_margin, initial_ppm, mark_price, mark_value

if TYPE_CHECKING:
    from seawall.engine.engine import Engine


class Holding(NamedTuple):
    """One open position: its row in the machine, its margins, its mark in units of order prices.

    ``entry_notional`` and ``value``, at the mark, are signed, micro-USD.
    """

    row: int
    market: int
    signed_size: int
    entry_notional: int
    isolated_cash: int
    leverage: int
    schedule: int
    mode: int
    mark: int | Fraction
    value: int
    margins: Margins

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
    positions, found = engine.tables["positions"], []
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
                    leverage=_leverage(engine, row, market),
                    schedule=int(held["schedule"]),
                    mode=int(held["mode"]),
                    mark=mark_price(engine, market),
                    value=mark_value(engine, market, size),
                    margins=margins[market],
                )
            )
    return sorted(found, key=lambda holding: holding.market)


def in_blocks(engine: "Engine") -> bool:
    """Whether an engine follows block rules."""
    return isinstance(engine.rulebook, BlockRulebook)


def own_initial_ppm(engine: "Engine", row: int, market: int) -> int:
    """Blocks only: the initial margin fraction of a position's row now, -1 for none, ppm."""
    own = int(engine.tables["block_positions"]["initial_ppm"][row]) if row >= 0 else 0
    return initial_ppm(engine, market, own)


def _leverage(engine: "Engine", row: int, market: int) -> int:
    """As it is set, or the whole multiple that the initial margin fraction allows."""
    if in_blocks(engine):
        return max(1, PPM // own_initial_ppm(engine, row, market))
    return int(engine.tables["positions"]["leverage"][row])


AnyPosition = BucketPosition | BlockPosition
"""A position with what its bucket holds, of which boundaries can be asked."""


def bucket_position(
    engine: "Engine", held: Holding, pool: Margins, time_ms: int
) -> AnyPosition | None:
    """An open position in its bucket. None where it is worth nothing.

    ``pool``: the margins of the cross pool that it would draw on.
    """
    own = held.margins
    others = pool.maintenance_margin - own.maintenance_margin if held.is_cross else 0
    equity = pool.equity if held.is_cross else own.equity
    found = PositionTerms(held.row, held.market, held.schedule, held.mode)
    return position_in_bucket(engine, found, held.signed_size, equity, others, time_ms)


class PositionTerms(NamedTuple):
    """Where a position is and by which terms. ``row``: -1 for one that was never opened."""

    row: int
    market: int
    schedule: int
    mode: int


def position_in_bucket(
    engine: "Engine", of: PositionTerms, signed_size: int, equity: int, others: int, time_ms: int
) -> AnyPosition | None:
    """A position of this size in a bucket of this equity, held or not, at the mark.

    ``others``: micro-USD of maintenance margin of the bucket's other positions. None where it is
    worth nothing.
    """
    instrument, notional = engine.instruments[of.market], mark_value(engine, of.market, signed_size)
    if not notional:
        return None
    if in_blocks(engine):
        terms = instrument.block_terms
        assert terms is not None
        return BlockPosition(
            signed_size=signed_size,
            oracle_price=int(engine.tables["markets"]["oracle_price"][of.market]),
            equity=equity,
            others_maintenance=others,
            terms=terms,
            initial_ppm=own_initial_ppm(engine, of.row, of.market),
            order_unit=instrument.price_unit / instrument.oracle_unit,
        )
    return BucketPosition(
        signed_size=signed_size,
        notional=abs(notional),
        equity=equity,
        others_maintenance=others,
        tiers=maintenance_tiers(tuple(engine.schedules[of.schedule])),
        price_decimals=instrument.price_decimals,
        truncates=truncates_price(engine.rulebook, MarginMode(of.mode), time_ms),
    )


def maintenance_of(engine: "Engine", of: PositionTerms, signed_size: int) -> int:
    """Micro-USD of maintenance margin of a position of this size at the mark."""
    found = position_in_bucket(engine, of, signed_size, 0, 0, 0)
    if found is None:
        return 0
    if isinstance(found, BlockPosition):
        return found.maintenance_at(found.oracle_price)
    return truncated_maintenance(found.tiers, found.notional)


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
    row = position_row(engine, account, market)
    if in_blocks(engine):
        return _room_in_blocks(engine, row, market, margins)
    group = group_of_pool(account_pools(engine, account)[market])
    free = max(0, account_free_margin(engine, account, group))
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


def _room_in_blocks(
    engine: "Engine", row: int, market: int, margins: dict[int, Margins]
) -> TradingRoom:
    """Closing frees the position's margin, which then also carries the other way."""
    whole, own = margins[CROSS_POOL], margins.get(market)
    free = max(0, whole.equity - whole.initial_margin)
    closing = 0 if own is None else 2 * own.initial_margin
    size = int(engine.tables["positions"]["signed_size"][row]) if row >= 0 else 0
    return TradingRoom(
        int(MarginMode.CROSS),
        max(1, PPM // own_initial_ppm(engine, row, market)),
        free + (closing if size < 0 else 0),
        free + (closing if size > 0 else 0),
        0,
    )
