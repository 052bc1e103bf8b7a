"""Holdings whose top-ups take the time and the fees of a route."""

from collections.abc import Sequence

from msgspec import structs

from seawall.domain.holdings import Holdings, TopUp
from seawall.lab.transfers.route import Route


def with_route(holdings: Holdings, prices: Sequence[int], route: Route) -> Holdings:
    """The same with top-ups from the wallet that are delayed and charged. ``prices``: units now.

    Those of less than the route takes are not sent. How full the network is follows from the fall
    of a top-up's market from its price now to the one that it waits for.
    """
    buckets = {each.market for each in holdings.positions if each.is_isolated}

    def charged(each: TopUp) -> TopUp:
        fall = max(0.0, 1.0 - each.trigger_price / prices[each.market])
        way = route.top_up(each.amount, fall, is_bucket=each.market in buckets, from_pool=False)
        return structs.replace(each, delay_ms=way.delay_ms, cost=way.cost)

    sent = [each for each in holdings.top_ups if each.amount >= route.least_micro_usd]
    return structs.replace(holdings, top_ups=tuple(map(charged, sent)))
