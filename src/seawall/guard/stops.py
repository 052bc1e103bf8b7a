"""Stops and take-profits: one exit of one position each, and none waits for another.

An exit follows the size of its position, whether its entry is filled wholly or in part. A stop lies
before liquidation by its clearance and the slippage of its size; where the policy would put it
beyond, it is moved before it. Exits that rest are replaced by placing the new one first: both only
reduce, so the position is never without one. An exit whose level is passed and whose size is still
there after its time goes to market. Exits of positions that are closed or flipped are swept.
"""

from collections.abc import Iterator

from msgspec import structs

from seawall.domain.units import PPM
from seawall.guard.actions import PlaceOrder
from seawall.guard.assess import has_book
from seawall.guard.client_id import client_id, fill_state, read_client_id
from seawall.guard.draft import RESEND_MS, Draft, beyond
from seawall.guard.execution import TRIGGER, walked
from seawall.guard.memory import LegMemory, PositionMemory, Sent
from seawall.guard.policy import EVERY_MARKET, GUARD, STOP, TAKE_PROFIT, TRAILING, Policy, Stop
from seawall.guard.view import MarketView, OrderView, PositionView, View


def leg_key(stop: Stop, market: str) -> str:
    """What an exit of a market is called, in the memory and in client order ids."""
    return f"{stop.name}/{market}"


def level_of(
    policy: Policy, view: View, stop: Stop, position: PositionView, extreme: int
) -> tuple[int, bool]:
    """The mark at which an exit fires, and whether it was moved before liquidation."""
    market = view.market[position.market]
    level = wanted_level(stop, position, market, extreme)
    if stop.kind == TAKE_PROFIT:
        return level, False
    bound = bound_of(policy, view, stop, position)
    if bound is None or position.sign * (level - bound) >= 0:
        return level, False
    return bound, True


def wanted_level(stop: Stop, position: PositionView, market: MarketView, extreme: int) -> int:
    """Where the policy puts an exit: a price, or a distance from the entry or the extreme."""
    if stop.price is not None:
        return max(1, stop.price // int(10**market.size_decimals))
    assert stop.distance is not None
    entry = position.entry_notional // position.size
    from_price = extreme if stop.kind == TRAILING else entry
    sign = position.sign if stop.kind == TAKE_PROFIT else -position.sign
    return max(1, from_price * (PPM + sign * stop.distance) // PPM)


def bound_of(policy: Policy, view: View, stop: Stop, position: PositionView) -> int | None:
    """The level nearest to liquidation that still is an exit; None where none liquidates it.

    The nearer of our liquidation price and the venue's counts.
    """
    prices = [
        each for each in (position.liquidation_price, position.reported_price) if each is not None
    ]
    if not prices:
        return None
    market = view.market[position.market]
    nearest = max(prices) if position.sign > 0 else min(prices)
    slippage = stop.slippage
    if has_book(policy, view, market):
        needed = walked(market, position.signed_size, leg_size(stop, position, market))
        slippage = stop.slippage if needed is None else max(needed, 0)
    away = nearest * (slippage + stop.clearance) // PPM + 1
    return nearest + position.sign * away


def leg_size(stop: Stop, position: PositionView, market: MarketView) -> int:
    """What an exit closes; rounded up, so that shares of one whole leave nothing."""
    return min(position.size, market.whole_steps(-(-position.size * stop.share // PPM)))


def hold_legs(draft: Draft, kinds: tuple[str, ...] = (STOP, TAKE_PROFIT, TRAILING)) -> None:
    """Bring every exit of every position to its size and level; sweep those without one."""
    wanted: dict[str, None] = {}
    for position in draft.view.position.values():
        if draft.view.market[position.market].mark <= 0:
            continue
        for stop in draft.policy.stops:
            if stop.kind in kinds and stop.market in (position.market, EVERY_MARKET):
                key = leg_key(stop, position.market)
                wanted[key] = None
                _hold_leg(draft, stop, position, key)
    for key in [each for each in draft.legs if each not in wanted]:
        del draft.legs[key]
    _sweep(draft)


def _hold_leg(draft: Draft, stop: Stop, position: PositionView, key: str) -> None:
    market = draft.view.market[position.market]
    memory = _settled(draft, stop, position, market, draft.legs.get(key, LegMemory()), key)
    if memory.is_spent:
        memory = _spent(position, memory)
        if memory.is_spent:
            draft.legs[key] = memory
            return
    if stop.kind == TRAILING:
        memory = _followed(position, market, memory)
    level, is_moved = level_of(draft.policy, draft.view, stop, position, memory.extreme)
    if is_moved:
        text = f"{stop.name} would lie beyond liquidation in {market.name}; it is moved before it"
        draft.alert(f"{key} beyond", "warning", text)
    if is_moved and not draft.may_send(market.name):
        # Moved by a liquidation price that is in doubt: not a level that closes anything.
        draft.legs[key] = memory
        return
    if is_moved:
        level = _steady(stop, position, market, memory, level)
        memory = structs.replace(memory, level=level)
    elif stop.kind == TRAILING:
        level, memory = _trailed(stop, position, market, memory, level)
    memory = _crossed(draft, stop, position, market, memory, level, key)
    draft.legs[key] = memory
    if stop.held_by == GUARD or memory.is_spent or not draft.may_send(market.name):
        return
    if is_past(stop, position, market.mark, level):
        # A trigger order behind the mark would fire in the moment it is placed.
        return
    _rest(draft, stop, position, market, memory, level, key)


def _followed(position: PositionView, market: MarketView, memory: LegMemory) -> LegMemory:
    """The memory with the best mark since the position was opened."""
    if not memory.extreme:
        return structs.replace(memory, extreme=market.mark)
    best = max if position.sign > 0 else min
    return structs.replace(memory, extreme=best(memory.extreme, market.mark))


def _trailed(
    stop: Stop, position: PositionView, market: MarketView, memory: LegMemory, level: int
) -> tuple[int, LegMemory]:
    """The level of a trailing stop: it moves by its least move, and never back."""
    gain = position.sign * (level - memory.level)
    if not memory.level or gain * PPM >= stop.move * market.mark:
        return level, structs.replace(memory, level=level)
    return memory.level, memory


def _steady(
    stop: Stop, position: PositionView, market: MarketView, memory: LegMemory, bound: int
) -> int:
    """The level of a stop that liquidation pushes: it stays while it is a little before its bound.

    Liquidation prices of a pool move all the time; not every move is worth another order.
    """
    move = stop.move * market.mark // PPM + 1
    if memory.level and 0 <= position.sign * (memory.level - bound) <= move:
        return memory.level
    return bound + position.sign * (move // 2)


def is_past(stop: Stop, position: PositionView, mark: int, level: int) -> bool:
    """Whether the mark has reached the level of an exit."""
    sign = position.sign if stop.kind == TAKE_PROFIT else -position.sign
    return sign * (mark - level) >= 0


def _crossed(
    draft: Draft, stop: Stop, position: PositionView, market: MarketView, memory: LegMemory,
    level: int, key: str,
) -> LegMemory:  # fmt: skip
    """The memory with since when the level is passed; what is due then is reduced."""
    passed = is_past(stop, position, market.mark, level)
    sent = memory.sent
    if not memory.crossed_ms:
        if not passed:
            return memory
        whole = position.size
        if sent is not None and sent.client_id not in draft.view.open_ids:
            # The venue may have filled it by now: its share is of what there was before.
            whole = max(sent.size_before, whole)
        memory = structs.replace(memory, crossed_ms=draft.now, crossed_size=whole)
    closed = memory.crossed_size - position.size
    size = min(memory.crossed_size, market.whole_steps(-(-memory.crossed_size * stop.share // PPM)))
    if closed >= size:
        # Its share is gone: it fires once in the life of a position.
        memory = structs.replace(memory, is_spent=True, crossed_size=position.size)
        return memory if sent is None else _left_behind(memory, sent)
    waits = sent is not None and sent.client_id in draft.view.open_ids
    if not passed and not closed and stop.held_by != GUARD and (sent is None or waits):
        # The mark came back before anything was filled.
        return structs.replace(memory, crossed_ms=0, crossed_size=0)
    fires = sent is not None and is_past(stop, position, market.mark, sent.trigger_price)
    if fires and draft.now - memory.crossed_ms < stop.escalate_ms:
        return memory
    why = f"{stop.name}: the mark of {market.name} is beyond its level"
    if fires:
        why = f"{stop.name} of {market.name} has fired and is not filled"
        draft.alert(f"{key} unfilled", "critical", why)
        if stop.share < PPM and sent is not None:
            # Both together would close more than its share: the first is cancelled before.
            if waits:
                draft.cancel(draft.view.open_ids[sent.client_id], why)
            return memory
    episode = draft.positions[market.name].episode
    draft.reduce(position, memory.crossed_size - size, stop.execution, key, episode, why)
    return memory


def _spent(position: PositionView, memory: LegMemory) -> LegMemory:
    """A spent exit stands again where its position has grown since: what came has none."""
    if position.size > memory.crossed_size:
        return LegMemory(attempt=memory.attempt, leaving=memory.leaving)
    return structs.replace(memory, crossed_size=position.size)


def _left_behind(memory: LegMemory, sent: Sent) -> LegMemory:
    """The memory with its order among those that are cancelled."""
    leaving = (*memory.leaving, sent.client_id)
    return structs.replace(memory, sent=None, attempt=memory.attempt + 1, leaving=leaving)


def _settled(
    draft: Draft, stop: Stop, position: PositionView, market: MarketView, memory: LegMemory,
    key: str,
) -> LegMemory:  # fmt: skip
    """The memory with what became of its order, and without those that it has replaced."""
    leaving = []
    for each in memory.leaving:
        order = draft.view.open_ids.get(each)
        if order is not None:
            draft.cancel(order, "it is replaced")
            leaving.append(each)
        elif each not in draft.view.status:
            draft.query(market.name, each)
            leaving.append(each)
    memory = structs.replace(memory, leaving=tuple(leaving))
    sent = memory.sent
    if sent is None:
        return memory
    state = draft.state_of(sent)
    if state == "open":
        return structs.replace(memory, sent=structs.replace(sent, seen=True), is_rejected=False)
    if state == "rejected":
        memory = structs.replace(memory, is_rejected=True)
    if memory.is_rejected:
        text = f"{stop.name} in {market.name} was rejected; it is tried again"
        draft.alert(f"{key} rejected", "critical", text)
    if state == "rejected" and draft.now - sent.sent_ms < RESEND_MS:
        # Tried again at a measured pace: requests are limited, and other exits need them.
        return memory
    if state == "filled":
        memory = structs.replace(memory, sent=None, attempt=memory.attempt + 1, is_spent=True)
        # More than it has left came after it.
        left = min(position.size, sent.size_before - sent.size)
        return structs.replace(memory, crossed_size=left)
    if state in ("ended", "rejected"):
        if position.size < sent.size_before and is_past(
            stop, position, market.mark, sent.trigger_price
        ):
            # It has fired and filled in part: its share is of what there was before.
            memory = structs.replace(
                memory,
                crossed_ms=memory.crossed_ms or draft.now,
                crossed_size=max(memory.crossed_size, sent.size_before),
            )
        return structs.replace(memory, sent=None, attempt=memory.attempt + 1)
    if not state and draft.now > sent.sent_ms:
        draft.query(market.name, sent.client_id)
    return memory


def _rest(
    draft: Draft, stop: Stop, position: PositionView, market: MarketView, memory: LegMemory,
    level: int, key: str,
) -> None:  # fmt: skip
    """Place the exit where there is none, or where the one that rests is of another size."""
    size = leg_size(stop, position, market)
    sent = memory.sent
    is_lost = sent is not None and draft.state_of(sent) == "lost"
    if sent is not None and sent.size == size and sent.trigger_price == level:
        if is_lost:
            again = structs.replace(sent, sent_ms=draft.now)
            draft.place(_order(stop, position, market, again, key))
            draft.legs[key] = structs.replace(memory, sent=again)
        return
    if sent is not None and not is_lost:
        if not sent.seen:
            return
        is_covered = sent.trigger_price == level and sent.size >= size
        if is_covered and market.name in draft.works:
            # The position is being closed: it is too large and only reduces, so it can stay.
            return
        memory = structs.replace(memory, leaving=(*memory.leaving, sent.client_id))
    if sent is not None:
        memory = structs.replace(memory, attempt=memory.attempt + 1)
    episode = draft.positions[market.name].episode
    made = Sent(
        client_id=client_id(
            draft.policy.digest,
            key,
            episode,
            fill_state(size, level),
            memory.attempt,
            draft.view.client_id_bits,
        ),
        size=size,
        price=beyond(level, stop.slippage, position.signed_size < 0),
        sent_ms=draft.now,
        size_before=position.size,
        kind=TRIGGER,
        trigger_price=level,
    )
    draft.place(_order(stop, position, market, made, key))
    draft.legs[key] = structs.replace(memory, sent=made)


def _order(
    stop: Stop, position: PositionView, market: MarketView, sent: Sent, key: str
) -> PlaceOrder:
    return PlaceOrder(
        market=market.name,
        is_buy=position.signed_size < 0,
        size=sent.size,
        kind=TRIGGER,
        price=sent.price,
        client_id=sent.client_id,
        trigger_price=sent.trigger_price,
        take_profit=stop.kind == TAKE_PROFIT,
        expires_ms=sent.sent_ms + RESEND_MS,
        step=key,
        why=f"{stop.name} of {market.name}",
    )


def orphans(view: View) -> Iterator[OrderView]:
    """Trigger orders that only reduce, with no position that they could reduce."""
    for order in view.orders:
        if order.trigger_price and order.reduce_only:
            held = view.position.get(order.market)
            if held is None or order.is_buy == (held.signed_size > 0):
                yield order


def _sweep(draft: Draft) -> None:
    """Cancel exits without a position, and the guard's own orders that nothing stands for."""
    kept = {each.sent.client_id for each in draft.legs.values() if each.sent is not None}
    kept |= {each.sent.client_id for each in draft.works.values() if each.sent is not None}
    kept |= {name for each in draft.legs.values() for name in each.leaving}
    swept = set()
    for order in orphans(draft.view):
        name = read_client_id(order.client_id)
        if name is not None or draft.policy.sweep == "all":
            draft.cancel(order, "its position is closed or flipped")
            swept.add(order.order_id)
        else:
            text = f"an exit in {order.market} that the guard has not placed has no position"
            draft.alert(f"orphan {order.order_id}", "warning", text)
    for order in draft.view.orders:
        name = read_client_id(order.client_id)
        is_ours = name is not None and name.is_of(draft.policy.digest)
        is_needless = order.client_id not in kept and order.order_id not in swept
        if is_ours and is_needless:
            draft.cancel(order, "nothing in the policy stands for it")


def follow_positions(draft: Draft) -> None:
    """Count an episode more for each position that was opened or flipped, and forget its exits."""
    account = draft.account
    cooling = account is not None and bool(account.latched) and account.flat_ms > 0
    for market in list(draft.positions):
        if market not in draft.view.position:
            memory = draft.positions[market]
            draft.positions[market] = structs.replace(memory, sign=0, size=0, in_cooldown=False)
            _forget(draft, market)
    for market, position in draft.view.position.items():
        before = draft.positions.get(market, PositionMemory())
        if before.sign != position.sign:
            _forget(draft, market)
            draft.begun.add(market)
            before = structs.replace(
                before, sign=position.sign, episode=before.episode + 1, in_cooldown=cooling
            )
        draft.positions[market] = structs.replace(before, size=position.size)


def _forget(draft: Draft, market: str) -> None:
    for key in [each for each in draft.legs if each.rpartition("/")[2] == market]:
        del draft.legs[key]
