"""An account under rules of blocks, with its children, as buckets: its own pool and one for each
child.

The machine's own formulas give net collateral and requirements, at the present price and, for
liquidation prices, at others that are written into a copy of the machine.
"""

from collections.abc import Mapping

from seawall.domain.events import CROSS_POOL
from seawall.domain.rulebook import BlockRulebook
from seawall.engine.account_view import Margins, account_margins
from seawall.engine.engine import Engine
from seawall.lab.simulation.observer import Bucket, Holding, Observer, Snapshot, Watching

LARGEST_FACTOR = 1000
"""A liquidation price beyond so many times the present one is none."""


def watch(engine: Engine, account: int, children: Mapping[int, int] | None = None) -> Watching:
    """The observer for the machine's rules. ``children``: child accounts by market of each."""
    if isinstance(engine.rulebook, BlockRulebook):
        return BlockObserver(engine, account, children or {})
    return Observer(engine, account)


class BlockObserver:
    """Reads one account and its children from a machine under rules of blocks."""

    def __init__(self, engine: Engine, account: int, children: Mapping[int, int]) -> None:
        self._engine = engine
        self._accounts = {CROSS_POOL: account} | {
            market: child for child, market in children.items()
        }

    def snapshot(self, time_ms: int) -> Snapshot:
        """The account now, without liquidation prices."""
        buckets: dict[int, Bucket] = {}
        holdings: dict[int, Holding] = {}
        unsettled = 0
        for bucket, account in self._accounts.items():
            whole = account_margins(self._engine, account)[CROSS_POOL]
            held = self._holdings(account, isolated=bucket != CROSS_POOL)
            holdings |= held
            buckets[bucket] = Bucket(
                market=bucket,
                equity=whole.equity,
                maintenance_margin=whole.maintenance_margin,
            )
            cash = int(self._engine.tables["accounts"]["cash"][account])
            unsettled += whole.equity - cash - sum(each.value for each in held.values())
        return Snapshot(
            time_ms=time_ms,
            buckets=buckets,
            holdings=dict(sorted(holdings.items())),
            unsettled_funding=unsettled,
        )

    def _holdings(self, account: int, *, isolated: bool) -> dict[int, Holding]:
        tables = self._engine.tables
        found = {}
        index = int(tables["accounts"]["first_position"][account])
        while index >= 0:
            position = tables["positions"][index]
            index = int(position["next_of_account"])
            size, market = int(position["signed_size"]), int(position["market"])
            if size:
                found[market] = Holding(
                    market=market,
                    signed_size=size,
                    entry_notional=int(position["entry_notional"]),
                    isolated=isolated,
                    leverage=0,
                    mark_price=int(tables["markets"]["oracle_price"][market]),
                )
        return found

    def liquidation_prices(self, now: Snapshot) -> dict[int, float | None]:
        """USD, by market: where its account is liquidated if all other markets stand still."""
        copy = self._engine.fork()
        result: dict[int, float | None] = {}
        for market, holding in now.holdings.items():
            account = self._accounts[market if holding.isolated else CROSS_POOL]
            price = _first_liquidatable(copy, account, market, holding)
            decimals = copy.instruments[market].price_decimals
            result[market] = None if price is None else price / 10**decimals
        return result


def _first_liquidatable(copy: Engine, account: int, market: int, holding: Holding) -> int | None:
    """Price units: the first price on the way to a loss at which the account is under maintenance.

    Where it is so already: the last price at which it still would be. None where no price is.
    """
    prices = copy.tables["markets"]["oracle_price"]
    present = int(prices[market])

    def is_liquidatable(price: int) -> bool:
        prices[market] = price
        return _is_under(account_margins(copy, account)[CROSS_POOL])

    # Worse prices are those below for a long position and those above for a short one.
    best, worst = (LARGEST_FACTOR * present, 1) if holding.signed_size > 0 else (1, 0)
    worst = worst or LARGEST_FACTOR * present
    try:
        if not is_liquidatable(worst) or is_liquidatable(best):
            return None
        while abs(best - worst) > 1:
            middle = (best + worst) // 2
            if is_liquidatable(middle):
                worst = middle
            else:
                best = middle
        return worst
    finally:
        prices[market] = present


def _is_under(whole: Margins) -> bool:
    return whole.maintenance_margin > 0 and whole.equity < whole.maintenance_margin
