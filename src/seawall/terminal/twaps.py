"""Time-weighted orders of a venue that keeps them itself: begun, foreseen, followed."""

from collections.abc import Iterator
from fractions import Fraction

from seawall.domain.enums import Side
from seawall.domain.errors import InputError
from seawall.domain.units import money_text
from seawall.engine.holding_view import trading_room
from seawall.terminal import protocol
from seawall.terminal.account import distance, held_by, price_of
from seawall.terminal.market import SIDES as SIDE_NAMES
from seawall.terminal.market import average_text
from seawall.terminal.preview import (
    Copy,
    Fill,
    fee_of,
    if_filled,
    preview,
    set_first,
    state_in,
)
from seawall.terminal.scene import Scene
from seawall.terminal.tickets import SIDES, size_units
from seawall.venues.port import Desk
from seawall.venues.twap_port import TwapOrders, TwapStatus, TwapWanted

SHOWN = 100
"""Of an account, those that run first."""


def terms_of(orders: TwapOrders | None) -> protocol.TwapTerms | None:
    if orders is None:
        return None
    terms = orders.terms
    return protocol.TwapTerms(
        terms.shortest_minutes,
        terms.longest_minutes,
        money_text(terms.minimum_value),
        terms.slippage,
        terms.randomises,
    )


def taken(orders: TwapOrders | None) -> TwapOrders:
    """Raises InputError where the venue has none."""
    if orders is None:
        raise InputError.of("", "kind", "twap", "a kind that the venue takes from here")
    return orders


def wanted_of(
    scene: Scene, orders: TwapOrders, account: int, ticket: protocol.TwapTicket
) -> TwapWanted:
    """Raises InputError."""
    terms, market = orders.terms, scene.market(ticket.market)
    if not terms.shortest_minutes <= ticket.minutes <= terms.longest_minutes:
        expected = f"from {terms.shortest_minutes} to {terms.longest_minutes}"
        raise InputError.of("", "minutes", ticket.minutes, expected)
    size = size_units(scene, market, ticket.size)
    if scene.value_at_mark(market, size) < terms.minimum_value:
        expected = f"worth {money_text(terms.minimum_value)} USD at least at the mark"
        raise InputError.of("", "size", ticket.size, expected)
    return TwapWanted(
        account=account,
        market=market,
        side=SIDES[ticket.side],
        size=size,
        minutes=ticket.minutes,
        reduce_only=ticket.reduce_only,
        randomise=ticket.randomise,
    )


def begun_text(scene: Scene, orders: TwapOrders, wanted: TwapWanted) -> str:
    """What was begun, in words."""
    schedule = orders.schedule(scene.engine, wanted)
    size = scene.size_text(wanted.market, schedule.slice_size)
    seconds = schedule.interval_ms / 1000
    return f"TWAP begun: {schedule.slices} slices of about {size}, one each {seconds:g} s"


def preview_twap(
    copy: Copy, orders: TwapOrders, account: int, request: protocol.PreviewTwap
) -> protocol.TwapPreview:
    """Raises InputError for a ticket that is no order."""
    source, ticket = copy.source, request.ticket
    wanted = wanted_of(source, orders, account, ticket)
    market, side = wanted.market, wanted.side
    schedule = orders.schedule(source.engine, wanted)
    worst = orders.worst_price(source.engine, market, side)
    slice_size = source.size_text(market, schedule.slice_size)
    first = None
    if worst:
        each = protocol.Ticket(
            ticket.market, ticket.side, "immediate", slice_size,
            price=source.price_text(market, worst), reduce_only=ticket.reduce_only,
        )  # fmt: skip
        asked = protocol.PreviewOrder(each, request.leverage, request.mode)
        first = preview(copy, account, asked)
    scene = copy.scene()
    set_first(scene, account, market, request, max(scene.now_ms(), scene.engine.clock_ms))
    before, mark, price = state_in(scene, account, market), scene.mark(market), scene.mark(market)
    if first is not None and first.average_price is not None:
        price = round(Fraction(first.average_price) / source.instruments[market].price_unit)
    size = _filled_whole(wanted, before.size)
    whole = Fill(size, price, int(scene.tables["accounts"]["taker_rate"][account]))
    after = if_filled(scene, account, market, before, whole)
    fee = fee_of(scene, market, whole)
    margin = _initial(scene, account, market, after.size)
    margin = max(0, margin - _initial(scene, account, market, before.size))
    return protocol.TwapPreview(
        "there is no price" if first is None else first.rejected,
        schedule.slices,
        schedule.interval_ms,
        slice_size,
        money_text(scene.value_at_mark(market, schedule.slice_size)),
        source.price_text(market, worst) if worst else None,
        first.average_price if first else None,
        first.slippage if first else None,
        first.fee if first else money_text(0),
        money_text(fee),
        money_text(margin),
        scene.size_text(market, after.size),
        price_of(scene, market, after.liquidation),
        distance(after.liquidation, mark),
        tuple(_warnings(scene, wanted, size, margin + fee, before.free)),
    )


def _filled_whole(wanted: TwapWanted, held: int) -> int:
    """Signed size of all slices. ``held``: the position before, signed."""
    size = wanted.size if wanted.side == Side.BUY else -wanted.size
    if not wanted.reduce_only:
        return size
    return 0 if size * held >= 0 else max(-abs(held), min(abs(held), size))


def _initial(scene: Scene, account: int, market: int, size: int) -> int:
    """Micro-USD of initial margin of a position of this size at the mark."""
    room = trading_room(scene.engine, account, market, dict(held_by(scene, account).margins))
    return abs(scene.value_at_mark(market, size)) // room.leverage


def _warnings(scene: Scene, wanted: TwapWanted, size: int, needed: int, free: int) -> Iterator[str]:
    if wanted.reduce_only and abs(size) < wanted.size:
        most = scene.size_text(wanted.market, abs(size))
        yield f"reduce only: no more than {most} can be traded"
    if needed > max(0, free):
        available = money_text(max(0, free))
        yield f"the whole needs more than the {available} USD available: later slices would fail"


def shown(scene: Scene, desk: Desk, orders: TwapOrders | None, account: int) -> protocol.Twaps:
    address = scene.names.of(account).address
    if orders is None:
        return protocol.Twaps(address, ())
    found = orders.of_account(desk, account, SHOWN)
    return protocol.Twaps(address, tuple(_twap(scene, each) for each in found))


def _twap(scene: Scene, twap: TwapStatus) -> protocol.Twap:
    market, schedule = twap.market, twap.schedule
    is_running = twap.started_ms > 0 and not twap.ended_ms
    following = min(twap.slices_sent, schedule.slices - 1)
    last_ms = twap.started_ms + (schedule.slices - 1) * schedule.interval_ms
    return protocol.Twap(
        twap.twap_id,
        scene.instruments[market].name,
        SIDE_NAMES[twap.side],
        scene.size_text(market, twap.size),
        scene.size_text(market, twap.executed_size),
        average_text(scene, market, twap.executed_notional, twap.executed_size),
        schedule.slices,
        twap.slices_sent,
        scene.size_text(market, schedule.slice_size),
        schedule.interval_ms,
        twap.minutes,
        twap.reduce_only,
        twap.randomise,
        twap.state,
        twap.created_ms,
        twap.started_ms + following * schedule.interval_ms if is_running else None,
        last_ms if is_running else twap.ended_ms or None,
    )
