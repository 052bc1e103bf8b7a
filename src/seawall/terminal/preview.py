"""What an order would do now: the machine itself says it, on a copy of the venue."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from msgspec import structs

from seawall.accounts.valuation import ratio_of
from seawall.domain.commands import Command, PlaceOrder, SetInitialFraction, SetLeverage
from seawall.domain.enums import FillFlag, MarginMode, OrderFlag, Side
from seawall.domain.errors import InputError
from seawall.domain.events import CommandRejected, OrderAccepted, OrderFilled, group_of_pool
from seawall.domain.units import PPM, RATE_ONE, money_text
from seawall.engine.account_view import Margins
from seawall.engine.engine import Engine
from seawall.engine.formulas.continuous.liquidation_price import Ratio
from seawall.engine.holding_view import (
    AnyPosition,
    PositionTerms,
    bucket_position,
    maintenance_of,
    position_in_bucket,
    position_row,
    trading_room,
)
from seawall.engine.market_view import account_free_margin
from seawall.report.kinds import percent
from seawall.terminal import protocol
from seawall.terminal.account import (
    Held,
    distance,
    finite,
    held_by,
    is_beyond,
    price_of,
    used_margin,
)
from seawall.terminal.market import average_text, eaten, slippage
from seawall.terminal.past import reason_text
from seawall.terminal.scene import Price, Scene
from seawall.terminal.tickets import SIDES, commands_of, result_of
from seawall.venues.port import Applied

MODES = {"cross": MarginMode.CROSS, "isolated": MarginMode.ISOLATED}
LARGEST_PART = 0.5
"""Of the book's depth that closing a position may need before it is worth a warning."""


class Copy:
    """A second machine that takes the state of the venue's as often as it is asked to."""

    def __init__(self, scene: Scene) -> None:
        self.source = scene
        self._engine: Engine | None = None

    def scene(self) -> Scene:
        """The venue as it is now, to try commands on."""
        live = self.source.engine
        if self._engine is None:
            self._engine = live.fork()
        else:
            self._engine.copy_from(live)
        return Scene(self._engine, self.source.history, self.source.names, self.source.now_ms)


class Outcome(NamedTuple):
    """What the orders of a ticket did on the copy. Size in size units, money in micro-USD."""

    rejected: str
    filled: int
    notional: int
    worst: int
    levels: int
    fee: int
    resting: int
    resting_price: int


class State(NamedTuple):
    """An account in one market. ``bucket``: with the position, None without one.

    ``used``: initial margins and holds of the account, micro-USD.
    """

    used: int
    free: int
    size: int
    bucket: AnyPosition | None
    maintenance: int
    notional: int
    equity: int
    """Of all its buckets."""

    @property
    def liquidation(self) -> Ratio | None:
        return None if self.bucket is None else self.bucket.liquidation()

    @property
    def ratio(self) -> float | None:
        if self.bucket is None:
            return None
        return finite(ratio_of(self.maintenance, int(self.bucket.equity)))


def preview(copy: Copy, account: int, request: protocol.PreviewOrder) -> protocol.Preview:
    """Raises InputError for a ticket that is no order."""
    source, scene = copy.source, copy.scene()
    ticket = request.ticket
    market = scene.market(ticket.market)
    time_ms = max(scene.now_ms(), scene.engine.clock_ms)
    orders = [at_once(scene, each) for each in commands_of(scene, account, ticket, time_ms)]
    before = state_in(scene, account, market)
    rejected = set_first(scene, account, market, request, time_ms)
    done = _apply(scene, account, market, orders)
    filled = state_in(scene, account, market)
    side = SIDES[ticket.side]
    after = filled
    if done.resting:
        rest = Fill(
            done.resting if side == Side.BUY else -done.resting,
            done.resting_price,
            int(scene.tables["accounts"]["maker_rate"][account]),
        )
        after = if_filled(scene, account, market, filled, rest)
    share = slippage(source, market, side, done.notional, done.filled)
    closing_side = Side.SELL if after.size > 0 else Side.BUY
    leaving = eaten(source, market, closing_side, abs(after.size))
    exit_share = abs(after.size) / leaving.depth if after.size and leaving.depth else None
    liquidation = after.liquidation
    return protocol.Preview(
        rejected or done.rejected,
        ticket.size,
        scene.size_text(market, done.filled),
        scene.size_text(market, done.resting),
        average_text(scene, market, done.notional, done.filled),
        scene.price_text(market, done.worst) if done.filled else None,
        share,
        done.levels,
        money_text(done.fee),
        money_text(max(0, after.used - before.used)),
        money_text(max(0, before.free)),
        money_text(max(0, after.free)),
        price_of(scene, market, before.liquidation),
        price_of(scene, market, liquidation),
        distance(liquidation, scene.mark(market)),
        before.ratio,
        after.ratio,
        after.notional / after.equity if after.equity > 0 else None,
        scene.size_text(market, after.size),
        slippage(source, market, closing_side, leaving.notional, leaving.filled),
        exit_share,
        tuple(_warnings(scene, market, request, after, share, exit_share)),
    )


def set_first(
    scene: Scene,
    account: int,
    market: int,
    request: protocol.PreviewOrder | protocol.PreviewTwap,
    time_ms: int,
) -> str:
    """Set leverage and mode on the copy; why the machine would not, empty where it would."""
    if request.leverage is None and request.mode is None:
        return ""
    room = trading_room(scene.engine, account, market, dict(held_by(scene, account).margins))
    leverage = room.leverage if request.leverage is None else request.leverage
    mode = MarginMode(room.mode) if request.mode is None else MODES[request.mode]
    return refusal(scene.engine, leverage_command(scene, account, market, leverage, mode, time_ms))


def leverage_command(
    scene: Scene, account: int, market: int, leverage: int, mode: MarginMode, time_ms: int
) -> Command:
    """What sets leverage and mode. Raises InputError."""
    most = scene.instruments[market].maximum_leverage
    if not 1 <= leverage <= most:
        raise InputError.of("", "leverage", leverage, f"from 1 to {most}")
    if not scene.in_blocks:
        return SetLeverage(time_ms, account, market, leverage, mode)
    if mode != MarginMode.CROSS:
        expected = "cross: under these rules an isolated position is a subaccount of its own"
        raise InputError.of("", "mode", "isolated", expected)
    terms = scene.instruments[market].block_terms
    assert terms is not None
    ppm = PPM // leverage if leverage < most else terms.fractions.initial_ppm
    return SetInitialFraction(time_ms, account, market, ppm)


def at_once(scene: Scene, order: PlaceOrder) -> PlaceOrder:
    """An order as it would be in the book: under block rules one of the state gets there with the
    next block, a short-term one now."""
    if not scene.in_blocks or order.flags & OrderFlag.TRIGGER:
        return order
    return structs.replace(order, flags=order.flags | OrderFlag.SHORT_TERM)


def refusal(engine: Engine, command: Command) -> str:
    """Why the machine refuses a command; empty where it was applied."""
    for event in engine.apply(command):
        if isinstance(event, CommandRejected):
            return reason_text(event.reason)
    return ""


def _apply(scene: Scene, account: int, market: int, orders: Sequence[Any]) -> Outcome:
    rejected, resting, resting_value = "", 0, 0
    fills: list[OrderFilled] = []
    for order in orders:
        events = scene.engine.apply(order)
        result = result_of(scene, Applied(order.time_ms, order, events))
        rejected = rejected or result.reason
        for event in events:
            if isinstance(event, OrderAccepted) and event.account == account:
                if not order.flags & OrderFlag.TRIGGER:
                    resting += event.remaining_size
                    resting_value += event.remaining_size * event.price
            elif isinstance(event, OrderFilled) and _is_own(event, account, market):
                fills.append(event)
    prices = [fill.price for fill in fills]
    return Outcome(
        rejected,
        sum(fill.size for fill in fills),
        sum(scene.value(market, fill.size, fill.price) for fill in fills),
        prices[-1] if prices else 0,
        len(set(prices)),
        sum(fill.fee for fill in fills),
        resting,
        resting_value // resting if resting else 0,
    )


def _is_own(fill: OrderFilled, account: int, market: int) -> bool:
    is_taker = bool(fill.flags & FillFlag.TAKER) and not fill.flags & FillFlag.LIQUIDATED
    return is_taker and (fill.account, fill.market) == (account, market)


# -- the account before and after ----------------------------------------------------------------


def state_in(scene: Scene, account: int, market: int) -> State:
    held = held_by(scene, account)
    each = next((each for each in held.positions if each.market == market), None)
    pool = held.pools[market]
    used = used_margin(scene, held)
    free = account_free_margin(scene.engine, account, group_of_pool(pool))
    notional = sum(abs(each.value) for each in held.positions)
    equity = sum(risk.equity for risk in held.margins.values())
    if each is None:
        return State(used, free, 0, None, 0, notional, equity)
    bucket = bucket_position(scene.engine, each, held.pool_of(market), scene.now_ms())
    maintenance = (held.pool_of(market) if each.is_cross else each.margins).maintenance_margin
    return State(used, free, each.signed_size, bucket, maintenance, notional, equity)


class Fill(NamedTuple):
    """A fill that did not happen yet. ``size``: signed; ``price``: price units; ``rate``: its fee,
    of ``RATE_ONE``."""

    size: int
    price: Price
    rate: int


def if_filled(scene: Scene, account: int, market: int, now: State, fill: Fill) -> State:
    """The account after a fill, the mark standing still; ``used`` and ``free`` are as before."""
    held = held_by(scene, account)
    room = trading_room(scene.engine, account, market, dict(held.margins))
    size = now.size + fill.size
    gained = scene.value_at_mark(market, fill.size) - signed_value(scene, market, fill)
    gained -= fee_of(scene, market, fill)
    own_notional = abs(scene.value_at_mark(market, size))
    notional = now.notional + own_notional - abs(scene.value_at_mark(market, now.size))
    if not size:
        return now._replace(
            size=0, bucket=None, maintenance=0, notional=notional, equity=now.equity + gained
        )
    is_isolated = room.mode == MarginMode.ISOLATED
    schedule = int(scene.tables["markets"]["schedule"][market])
    row = position_row(scene.engine, account, market)
    terms = PositionTerms(row, market, schedule, room.mode)
    pool = held.pool_of(market)
    others = 0 if is_isolated else _others(held, pool, market)
    if not is_isolated:
        equity = pool.equity + gained
    else:
        equity = _bucket_equity(scene, held, market, size, room.leverage, gained)
    return now._replace(
        size=size,
        bucket=position_in_bucket(scene.engine, terms, size, equity, others, scene.now_ms()),
        maintenance=others + maintenance_of(scene.engine, terms, size),
        notional=notional,
        equity=now.equity + gained,
    )


def signed_value(scene: Scene, market: int, fill: Fill) -> int:
    """Micro-USD that a fill costs, negative where it sells."""
    value = scene.value(market, abs(fill.size), fill.price)
    return value if fill.size > 0 else -value


def fee_of(scene: Scene, market: int, fill: Fill) -> int:
    """Micro-USD of a fill's fee."""
    return scene.value(market, abs(fill.size), fill.price) * fill.rate // RATE_ONE


def _others(held: Held, pool: Margins, market: int) -> int:
    own = held.margins.get(market)
    is_own = any(each.market == market and each.is_cross for each in held.positions)
    return pool.maintenance_margin - (own.maintenance_margin if own is not None and is_own else 0)


def _bucket_equity(
    scene: Scene, held: Held, market: int, size: int, leverage: int, gained: int
) -> int:
    """Of an isolated bucket: what it has, with the margin of what is added to it or less that of
    what is closed."""
    each = next((each for each in held.positions if each.market == market), None)
    had, before = (0, 0) if each is None else (each.margins.equity, each.signed_size)
    if before and (before > 0) == (size > 0) and abs(size) < abs(before):
        return had * abs(size) // abs(before)
    grown = abs(size) - (abs(before) if (before > 0) == (size > 0) else 0)
    kept = had if before and (before > 0) == (size > 0) else 0
    return kept + scene.value_at_mark(market, grown) // leverage + gained


def _warnings(
    scene: Scene,
    market: int,
    request: protocol.PreviewOrder,
    after: State,
    share: float | None,
    exit_share: float | None,
) -> list[str]:
    ticket, found = request.ticket, []
    cap = request.slippage_cap
    if cap is not None and share is not None and share > cap:
        found.append(f"slippage {percent(share)} is over the cap of {percent(cap)}")
    stop = ticket.stop_loss
    if ticket.kind.startswith("stop") and ticket.trigger_price is not None:
        stop = ticket.trigger_price
    if stop is not None and after.size:
        units = Fraction(stop) / scene.instruments[market].price_unit
        if is_beyond(after.liquidation, after.size, int(units)):
            at = price_of(scene, market, after.liquidation)
            found.append(f"liquidation at {at} comes before the stop at {stop}")
    if exit_share is not None and exit_share > 1:
        found.append("the book could not close the position")
    elif exit_share is not None and exit_share > LARGEST_PART:
        found.append(f"closing the position would take {percent(exit_share, 0)} of the book")
    return found
