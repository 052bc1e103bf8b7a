"""After a restart: what is known from the journal, made to fit what the venue shows.

Positions, orders and money are the venue's; the journal adds what the venue does not know. Where it
is lost, the guard's own orders say which exits they are, and the rest begins anew: peaks from the
equity now, steps armed, no limit latched. An order of an earlier episode never latches or holds
anything: it is read for its number alone.
"""

from msgspec import structs

from seawall.guard.client_id import OrderName, read_client_id
from seawall.guard.memory import LegMemory, Memory, PositionMemory, Sent
from seawall.guard.policy import EVERY_MARKET, MARKET, Policy
from seawall.guard.stops import leg_key
from seawall.guard.view import OrderView, PositionView, View


def recovered(policy: Policy, memory: Memory | None, view: View) -> Memory:
    """The memory to go on with. ``memory``: the last of the journal, None where it is lost.

    The policy may be another than that of the journal.
    """
    if memory is not None:
        known = {MARKET, *(each.name for each in policy.executions)}
        works = {
            market: work if work.execution in known else structs.replace(work, execution=MARKET)
            for market, work in memory.works.items()
        }
        # What lasts is said again: whether it was sent is not known.
        return structs.replace(memory, works=works, raised=(), quiet=None)
    positions, legs = {}, {}
    for position in view.position.values():
        named = _named_orders(policy, view, position)
        episode = max((name.episode for name, _ in named), default=0)
        positions[position.market] = PositionMemory(
            sign=position.sign,
            episode=max(1, episode),
            size=position.size,
            orders=1 + max(_numbers(policy, view), default=-1),
        )
        for stop in policy.stops:
            if stop.market not in (position.market, EVERY_MARKET):
                continue
            key = leg_key(stop, position.market)
            # Of several the latest: the others are being replaced, and nothing stands for them.
            own = [(name, each) for name, each in named if name.is_step(key)]
            if own:
                name, order = max(own, key=lambda pair: pair[0].attempt)
                # A trailing stop does not move back from where it rests.
                legs[key] = LegMemory(
                    attempt=name.attempt,
                    level=order.trigger_price,
                    sent=_adopted(order, position, view),
                )
    return Memory(positions=positions, legs=legs)


def _named_orders(
    policy: Policy, view: View, position: PositionView
) -> list[tuple[OrderName, OrderView]]:
    """Trigger orders of the policy that reduce a position."""
    found = []
    for order in view.orders:
        name = read_client_id(order.client_id)
        reduces = order.market == position.market and order.is_buy == (position.signed_size < 0)
        if name is not None and name.is_of(policy.digest) and order.trigger_price and reduces:
            found.append((name, order))
    return found


def _numbers(policy: Policy, view: View) -> list[int]:
    """The numbers of all orders of the policy that the view knows."""
    ids = [*view.open_ids, *view.status]
    names = [read_client_id(each) for each in ids]
    return [each.attempt for each in names if each is not None and each.is_of(policy.digest)]


def _adopted(order: OrderView, position: PositionView, view: View) -> Sent:
    return Sent(
        client_id=order.client_id,
        size=order.size,
        price=order.price,
        sent_ms=view.time_ms,
        size_before=position.size,
        kind="trigger",
        trigger_price=order.trigger_price,
        seen=True,
    )
