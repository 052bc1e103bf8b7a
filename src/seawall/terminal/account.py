"""The account in view: its card, buckets, positions, orders and what it may still trade."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from seawall.accounts.liquidation import decimal_text
from seawall.accounts.valuation import ratio_of
from seawall.domain.enums import MarginMode, OrderFlag, OrderState, Side, TimeInForce
from seawall.domain.events import group_of_pool, is_pool
from seawall.domain.units import RATE_ONE, money_text
from seawall.engine.account_view import Margins, account_margins, account_pools
from seawall.engine.formulas.continuous.liquidation_price import Ratio
from seawall.engine.holding_view import (
    AnyPosition,
    Holding,
    bucket_position,
    holdings,
    order_hold,
    position_rows,
    trading_room,
)
from seawall.engine.market_view import account_free_margin
from seawall.engine.queue_view import deleveraging_queue
from seawall.terminal import protocol
from seawall.terminal.market import SIDES, closing, open_orders
from seawall.terminal.scene import Price, Scene

MODES: dict[int, protocol.ModeName] = {
    int(MarginMode.CROSS): "cross",
    int(MarginMode.ISOLATED): "isolated",
}
CROSS_NAME = "cross"
_STATES: dict[int, Any] = {
    int(OrderState.RESTING): "resting",
    int(OrderState.WAITING_FOR_TRIGGER): "waiting_for_trigger",
    int(OrderState.WAITING_FOR_FILL): "waiting_for_fill",
}
_KINDS: dict[int, protocol.OrderKind] = {
    int(TimeInForce.GOOD_TIL_CANCEL): "limit",
    int(TimeInForce.POST_ONLY): "post_only",
    int(TimeInForce.IMMEDIATE_OR_CANCEL): "immediate",
    int(TimeInForce.FILL_OR_KILL): "fill_or_kill",
}


def order_kind(flags: int, time_in_force: int) -> protocol.OrderKind:
    """What a trader calls an order of these flags."""
    if flags & OrderFlag.TRIGGER:
        is_immediate = time_in_force == TimeInForce.IMMEDIATE_OR_CANCEL
        at_market = bool(flags & OrderFlag.TRIGGER_MARKET) or is_immediate
        if flags & OrderFlag.TAKE_PROFIT:
            return "take_market" if at_market else "take_limit"
        return "stop_market" if at_market else "stop_limit"
    if flags & OrderFlag.MARKET:
        return "market"
    return _KINDS[time_in_force]


class Held(NamedTuple):
    """What an account holds now: margins by pool and market, open positions, its own pools."""

    account: int
    margins: Mapping[int, Margins]
    positions: Sequence[Holding]
    pools: Sequence[int]
    """The cross pool of each market."""

    def pool_of(self, market: int) -> Margins:
        return self.margins[self.pools[market]]

    def bucket_name(self, scene: Scene, held: Holding) -> str:
        if held.is_cross:
            return pool_name(scene, self.pools[held.market])
        return scene.instruments[held.market].name


def held_by(scene: Scene, account: int) -> Held:
    margins = account_margins(scene.engine, account)
    found = holdings(scene.engine, account, margins)
    return Held(account, margins, found, account_pools(scene.engine, account))


def pool_name(scene: Scene, pool: int) -> str:
    """``cross``, and the name of the group where there are several."""
    group = group_of_pool(pool)
    tables = scene.tables["markets"]["group"]
    name = next((each.group for row, each in enumerate(scene.instruments)
                 if int(tables[row]) == group), "")  # fmt: skip
    return f"{CROSS_NAME} {name}" if name else CROSS_NAME


def bucket_title(name: str, *, is_pool: bool) -> str:
    """``Cross pool``, ``Cross pool xyz`` or ``BTC isolated``."""
    if is_pool:
        return f"Cross pool{name.removeprefix(CROSS_NAME)}"
    return f"{name} isolated"


def price_of(scene: Scene, market: int, price: Ratio | None) -> str | None:
    """An exact price as text, as ``seawall explain`` prints it."""
    return None if price is None else exact_text(scene, market, Fraction(*price))


def exact_text(scene: Scene, market: int, units: Fraction, decimals: int = 10) -> str:
    """Price units, which no order need have, as text of at most so many decimals."""
    usd = units * scene.instruments[market].price_unit
    return decimal_text(usd.as_integer_ratio(), 0, decimals)


def position_of(scene: Scene, held: Held, each: Holding) -> AnyPosition | None:
    return bucket_position(scene.engine, each, held.pool_of(each.market), scene.now_ms())


def liquidation_of(scene: Scene, held: Held, each: Holding) -> Ratio | None:
    """Price units where the position is liquidated, other prices standing still."""
    bucket = position_of(scene, held, each)
    return None if bucket is None else bucket.liquidation()


def distance(liquidation: Ratio | None, mark: Price) -> float | None:
    """From the mark to a liquidation price, a signed share of the mark."""
    if liquidation is None or not mark:
        return None
    return liquidation[0] / liquidation[1] / float(mark) - 1


def finite(ratio: float) -> float | None:
    return None if ratio == float("inf") else ratio


def account(scene: Scene, row: int, market: int) -> protocol.Account:
    """``market``: the one in view, whose prices the boundaries of the buckets are."""
    held = held_by(scene, row)
    buckets = tuple(_buckets(scene, held, market))
    pools = [pool for pool in held.margins if is_pool(pool)]
    equity = sum(each.equity for each in held.margins.values())
    notional = sum(abs(each.value) for each in held.positions)
    ratios = [each.ratio for each in buckets if each.position_markets]
    table = scene.tables["accounts"][row]
    touched = {
        int(scene.tables["positions"]["market"][r]) for r in position_rows(scene.engine, row)
    }
    return protocol.Account(
        scene.names.of(row).address,
        "unified" if scene.is_shared(row) else "standard",
        money_text(equity),
        money_text(sum(each.profit for each in held.positions)),
        money_text(used_margin(scene, held)),
        money_text(sum(_free(scene, row, pool) for pool in pools)),
        money_text(
            sum(each.maintenance_margin for m, each in held.margins.items() if not is_pool(m))
        ),
        None if None in ratios else max((r for r in ratios if r is not None), default=0.0),
        notional / equity if equity > 0 else None,
        money_text(notional),
        int(table["taker_rate"]) / RATE_ONE,
        int(table["maker_rate"]) / RATE_ONE,
        buckets,
        tuple(_position(scene, held, each) for each in held.positions),
        tuple(_orders(scene, held)),
        tuple(_setting(scene, held, each) for each in sorted(touched | {market})),
    )


def used_margin(scene: Scene, held: Held) -> int:
    """Initial margins of an account's positions and holds of its orders, micro-USD."""
    positions = [each for bucket, each in held.margins.items() if not is_pool(bucket)]
    pools = [bucket for bucket in held.margins if is_pool(bucket)]
    used = sum(each.initial_margin for each in positions)
    return used + sum(_hold_of(scene, held, pool) for pool in pools)


def _free(scene: Scene, row: int, pool: int) -> int:
    """Micro-USD that new orders may hold in a pool."""
    return max(0, account_free_margin(scene.engine, row, group_of_pool(pool)))


def _hold_of(scene: Scene, held: Held, pool: int) -> int:
    """Micro-USD that resting orders of a pool's markets hold."""
    found, positions = 0, scene.tables["positions"]
    for row in position_rows(scene.engine, held.account):
        market = int(positions["market"][row])
        if held.pools[market] == pool:
            found += order_hold(positions[row], held.margins.get(market))
    return found


# -- buckets -------------------------------------------------------------------------------------


def _buckets(scene: Scene, held: Held, market: int) -> list[protocol.Bucket]:
    """The cross pools that hold anything, at least the first, then the isolated ones."""
    found: list[protocol.Bucket] = []
    for pool in [each for each in held.margins if is_pool(each)]:
        own = [each for each in held.positions if each.is_cross and held.pools[each.market] == pool]
        if own or held.margins[pool].equity or not found:
            found.append(_pool(scene, held, pool, own, market))
    found += [_isolated(scene, held, each) for each in held.positions if not each.is_cross]
    return found


def _pool(
    scene: Scene, held: Held, pool: int, own: Sequence[Holding], market: int
) -> protocol.Bucket:
    risk, name = held.margins[pool], pool_name(scene, pool)
    title = bucket_title(name, is_pool=True)
    in_view = next((each for each in own if each.market == market), None)
    return protocol.Bucket(
        name,
        title,
        False,
        money_text(risk.equity),
        money_text(sum(each.profit for each in own)),
        money_text(risk.initial_margin),
        money_text(risk.maintenance_margin),
        money_text(_free(scene, held.account, pool)),
        money_text(risk.free),
        money_text(_hold_of(scene, held, pool)),
        finite(ratio_of(risk.maintenance_margin, risk.equity)),
        risk.equity < risk.maintenance_margin,
        tuple(scene.instruments[each.market].name for each in own),
        None if in_view is None else _boundaries(scene, held, in_view, risk.initial_margin),
    )


def _isolated(scene: Scene, held: Held, each: Holding) -> protocol.Bucket:
    risk, name = each.margins, scene.instruments[each.market].name
    floor = max(risk.initial_margin, risk.transfer_floor)
    return protocol.Bucket(
        name,
        bucket_title(name, is_pool=False),
        True,
        money_text(risk.equity),
        money_text(each.profit),
        money_text(risk.initial_margin),
        money_text(risk.maintenance_margin),
        money_text(max(0, risk.equity - risk.initial_margin)),
        money_text(max(0, risk.equity - floor)),
        money_text(0),
        finite(ratio_of(risk.maintenance_margin, risk.equity)),
        risk.equity < risk.maintenance_margin,
        (name,),
        _boundaries(scene, held, each, risk.initial_margin),
    )


def _boundaries(
    scene: Scene, held: Held, each: Holding, initial: int
) -> protocol.Boundaries | None:
    """``initial``: micro-USD of initial margin of the whole bucket."""
    bucket = position_of(scene, held, each)
    if bucket is None:
        return None
    side: protocol.SideName = "buy" if each.signed_size > 0 else "sell"
    return protocol.Boundaries(
        side,
        price_of(scene, each.market, bucket.bankruptcy()),
        price_of(scene, each.market, bucket.liquidation()),
        price_of(scene, each.market, bucket.initial(initial, each.leverage)),
    )


# -- positions and orders ------------------------------------------------------------------------


def _position(scene: Scene, held: Held, each: Holding) -> protocol.Position:
    market, size = each.market, each.signed_size
    liquidation = liquidation_of(scene, held, each)
    rank, ranked = _place_in_queue(scene, held.account, each) if scene.ranks else (None, None)
    funding = _funding_paid(scene, each)
    margin = abs(each.entry_notional) / each.leverage
    entry = scene.average(market, abs(each.entry_notional), abs(size))
    even = break_even_price(scene, held.account, each)
    return protocol.Position(
        scene.instruments[market].name,
        held.bucket_name(scene, each),
        scene.size_text(market, size),
        money_text(abs(each.value)),
        exact_text(scene, market, entry, 6),
        scene.price_text(market, each.mark),
        exact_text(scene, market, even, 6),
        price_of(scene, market, liquidation),
        distance(liquidation, each.mark),
        each.leverage,
        MODES[each.mode],
        money_text(each.profit),
        each.profit / margin if margin else None,
        money_text(funding),
        money_text(each.margins.initial_margin),
        money_text(each.margins.maintenance_margin),
        None if each.is_cross else money_text(each.margins.equity),
        rank,
        ranked,
        closing(scene, market, size),
    )


def _place_in_queue(scene: Scene, account: int, each: Holding) -> tuple[int, int]:
    """Among those of the same side, the first is deleveraged next; and how many there are."""
    is_long = each.signed_size > 0
    queue = deleveraging_queue(scene.engine, each.market)
    side = [queued.account for queued in queue if (queued.signed_size > 0) == is_long]
    return 1 + side.index(account), len(side)


def _funding_paid(scene: Scene, each: Holding) -> int:
    """Since the position was opened, micro-USD; negative for received."""
    return int(scene.tables["position_histories"]["funding_since_open"][each.row])


def break_even_price(scene: Scene, account: int, each: Holding) -> Fraction:
    """Price units at which closing a position pays its entry, its funding and the taker's fee."""
    size, taker = each.signed_size, int(scene.tables["accounts"]["taker_rate"][account])
    cost = each.entry_notional + _funding_paid(scene, each)
    side = 1 if size > 0 else -1
    return scene.average(each.market, cost, size) / (1 - Fraction(side * taker, RATE_ONE))


def _orders(scene: Scene, held: Held) -> list[protocol.Order]:
    """Open orders, the newest first."""
    sizes = {each.market: each for each in held.positions}
    found: list[tuple[int, protocol.Order]] = []
    for order in open_orders(scene, held.account):
        if int(order["state"]) in _STATES:
            shown = _order(scene, held, order, sizes.get(int(order["market"])))
            found.append((int(order["order_id"]), shown))
    return [each for _, each in sorted(found, key=lambda each: -each[0])]


def _order(scene: Scene, held: Held, order: Any, position: Holding | None) -> protocol.Order:
    market, flags = int(order["market"]), int(order["flags"])
    side, trigger = int(order["side"]), int(order["trigger_price"])
    is_trigger = bool(flags & OrderFlag.TRIGGER)
    size = position.signed_size if position is not None else 0
    return protocol.Order(
        str(int(order["order_id"])),
        scene.instruments[market].name,
        SIDES[side],
        order_kind(flags, int(order["time_in_force"])),
        scene.price_text(market, int(order["price"])),
        scene.price_text(market, trigger) if is_trigger else None,
        scene.size_text(market, int(order["remaining_size"])),
        scene.size_text(market, int(order["original_size"])),
        bool(flags & OrderFlag.REDUCE_ONLY),
        bool(flags & OrderFlag.WHOLE_POSITION),
        int(order["placed_ms"]),
        _STATES[int(order["state"])],
        is_orphaned(order, size),
        is_trigger and _reduces(side, size) and position is not None
        and not flags & OrderFlag.TAKE_PROFIT
        and is_beyond(liquidation_of(scene, held, position), size, trigger),
    )  # fmt: skip


def is_orphaned(order: Any, signed_size: int) -> bool:
    """Whether a row of orders is a reduce-only trigger without a position that it could close.

    ``signed_size``: of the account's position in its market. The triggers of a bracket whose first
    order is not filled yet are none.
    """
    flags = int(order["flags"])
    waits = int(order["state"]) == OrderState.WAITING_FOR_TRIGGER
    closes = bool(flags & OrderFlag.TRIGGER and flags & OrderFlag.REDUCE_ONLY)
    return waits and closes and not _reduces(int(order["side"]), signed_size)


def _reduces(side: int, signed_size: int) -> bool:
    return signed_size < 0 if side == Side.BUY else signed_size > 0


def is_beyond(liquidation: Ratio | None, signed_size: int, trigger: int) -> bool:
    """Whether the position is liquidated before the mark reaches a stop's trigger, price units."""
    if liquidation is None:
        return False
    numerator, denominator = liquidation
    at, there = trigger * denominator, numerator
    return at <= there if signed_size > 0 else at >= there


def _setting(scene: Scene, held: Held, market: int) -> protocol.MarketSetting:
    room = trading_room(scene.engine, held.account, market, dict(held.margins))
    mark = scene.mark(market)
    sizes = [
        scene.size_worth(market, max(0, each) * room.leverage, mark)
        for each in (room.to_buy, room.to_sell)
    ]
    return protocol.MarketSetting(
        scene.instruments[market].name,
        room.leverage,
        MODES[room.mode],
        *(scene.size_text(market, each) for each in sizes),
    )
