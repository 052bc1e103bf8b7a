"""What it takes to hold an account in each mode: money moved now, and every top-up later."""

from collections.abc import Iterator, Sequence

from msgspec import Struct

from seawall.domain.holdings import Holdings
from seawall.lab.compare.modes import Mode
from seawall.lab.transfers.route import Route, Way

POOL = -1


class Moves(Struct, frozen=True, kw_only=True):
    """One mode. Micro-USD. ``moved``: between buckets, from what they have now; ``transfers``: how
    many; ``now``: what that takes. ``from_pool``: a top-up of a bucket, None without a pool or a
    bucket. ``calm``, ``full``: a top-up from the wallet, on a calm day and after a fall that fills
    the network; of the slowest place that the mode has.
    """

    mode: str
    buckets: int
    moved: int
    transfers: int
    now: Way
    from_pool: Way | None
    calm: Way
    full: Way


def moves_of(modes: Sequence[Mode], route: Route, amount: int) -> Iterator[Moves]:
    """Every mode, from the first, which is how the account is held. ``amount``: of a top-up."""
    given = _money(modes[0].holdings)
    fall = route.network.full_fall_ppm / 1e6
    for mode in modes:
        money = _money(mode.holdings)
        places = (money.keys() | given.keys()) - {POOL}
        changes = [money.get(each, 0) - given.get(each, 0) for each in places]
        transfers = sum(each != 0 for each in changes)
        apart = len(money) - 1
        has_pool = apart < len(mode.holdings.positions)
        inside = route.inside()
        is_bucket = apart > 0
        yield Moves(
            mode=mode.name,
            buckets=apart,
            moved=sum(map(abs, changes)),
            transfers=transfers,
            now=Way(delay_ms=inside.delay_ms if transfers else 0, cost=transfers * inside.cost),
            from_pool=inside if is_bucket and has_pool else None,
            calm=route.top_up(amount, is_bucket=is_bucket, from_pool=False),
            full=route.top_up(amount, fall, is_bucket=is_bucket, from_pool=False),
        )


def _money(holdings: Holdings) -> dict[int, int]:
    """Micro-USD given to each bucket by market, and the rest to the pool."""
    apart = {each.market: each.isolated_margin for each in holdings.positions if each.is_isolated}
    return {POOL: holdings.collateral - sum(apart.values()), **apart}
