"""Guards that are killed with signal 9 at random moments: is any step done twice, or lost?

    python -m tests.conformance.hyperliquid.killed_guard --kills 200 --seed 1

How is said in ``tests/conformance/killed_guard.py``. In the rounds of one kind the step closes half
and a stop follows the size; in those of the other it closes everything in slices that rest, and is
killed while they do and while others trade with them.

Judged are, by what the venue shows: the position never grew and ends at its size (no step twice,
none lost), no client id has two orders, every order only reduces, and nothing arrived while figures
differed.
"""

import random
import re
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from tests.conformance.between import Between, standing_between
from tests.conformance.hyperliquid.running import Venue, started
from tests.conformance.killed_guard import Guarded, Round, options_of, repeat
from tests.waiting import wait_until

if TYPE_CHECKING:
    from tests.conformance.hyperliquid.trader import Maker, Trader

COIN, PRICE, FALLEN = "ETH", 2000.0, 1985.0
SIZE = 70
THIN = 2_000.0
"""USD on each level of the book in which slices rest."""
HEAD = """
name = "killed"
[account]
risk_capital = 10_000
[[stop]]
name = "s"
distance = "60%"
clearance = "0.1%"
slippage = "0.5%"
"""
HALF = """
[[step]]
name = "half"
action = "close"
trigger = "30%"
rearm = "5%"
share = "50%"
verify_after = "1h"
"""
SLICES = """
[[step]]
name = "out"
action = "flatten"
trigger = "30%"
rearm = "5%"
verify_after = "1h"
execution = "slices"
[[execution]]
name = "slices"
style = "iceberg"
slice = 20_000
interval = "200ms"
escalate_after = "10h"
urgent_above = "99%"
"""
_MAINTENANCE = re.compile(r'("crossMaintenanceMarginUsed":\s*")([0-9.]+)')


class Coin(Round):
    """A long of one coin, and what its venue shows."""

    left: ClassVar[int]
    """The size at the end."""
    notional: ClassVar[float]
    """USD on each level of the book after the fall."""

    def __init__(
        self, venue: Venue, between: Between, maker: "Maker", traders: "tuple[Trader, Trader]",
        folder: Path, chance: random.Random,
    ) -> None:  # fmt: skip
        self.venue, self.maker = venue, maker
        self.trader, self.taker = traders
        _, key = self.trader.exchange.approve_agent()
        guarded = Guarded("hyperliquid", self.trader.address, key, COIN, self.policy)
        super().__init__(between, guarded, folder, chance)
        self.first_action = len(between.actions)

    def size(self) -> Decimal:
        position = self.trader.position(COIN)
        return Decimal(0) if position is None else Decimal(position["szi"])

    def stops(self) -> list[Decimal]:
        orders = self.trader.info.frontend_open_orders(self.trader.address)
        return [Decimal(each["sz"]) for each in orders if each["isTrigger"]]

    def slices(self) -> list[dict[str, Any]]:
        """Orders to sell that rest without a trigger."""
        orders = self.trader.info.frontend_open_orders(self.trader.address)
        return [each for each in orders if not each["isTrigger"]]

    @staticmethod
    def differing(text: str) -> str:
        """With a maintenance margin that is half as much again."""
        return _MAINTENANCE.sub(lambda found: f"{found[1]}{float(found[2]) * 1.5:.6f}", text)

    @staticmethod
    def is_of_step(action: Any) -> bool:
        return any("limit" in each["t"] for each in action.get("orders", ()))

    def begin(self) -> None:
        self.venue.settle(COIN, PRICE, self.maker)
        self.trader.exchange.market_open(COIN, True, float(SIZE))
        self.venue.settle(COIN, FALLEN, self.maker, notional=self.notional)

    def is_done(self) -> bool:
        stops = [Decimal(self.left)] if self.left else []
        return self.size() == self.left and self.stops() == stops and not self.slices()

    def is_resting(self) -> bool:
        return bool(self.slices())

    def trade(self) -> None:
        """Time passes, also where only control moves the clock: a lost order must expire."""
        self.venue.control.advance(500)

    def go_on(self) -> None:
        """The stop may be moved with the price, and nothing else comes after it."""
        self.venue.settle(COIN, FALLEN + 1, self.maker)
        wait_until(self.is_done)

    def judge(self) -> None:
        fills = self.trader.fills()
        bought = sum(Decimal(each["sz"]) for each in fills if each["side"] == "B")
        sold = sum(Decimal(each["sz"]) for each in fills if each["side"] == "A")
        assert (bought, sold) == (SIZE, SIZE - self.left), fills
        orders = self.trader.info.historical_orders(self.trader.address)
        ids = {(each["order"]["cloid"], each["order"]["oid"]) for each in orders}
        twice = [name for name, times in Counter(name for name, _ in ids).items()
                 if name is not None and times > 1]  # fmt: skip
        assert not twice, f"two orders of one id: {twice}"
        for action in self.between.actions[self.first_action :]:
            assert action["type"] in ("order", "cancelByCloid"), action
            assert all(each["r"] for each in action.get("orders", ())), action
        self.counts["orders"] += len(ids)


class Half(Coin):
    """The step closes half at market; a stop of the whole size rests, and is replaced."""

    policy, left, notional = HEAD + HALF, SIZE // 2, 2_000_000.0


class Slices(Coin):
    """The step closes all in slices that rest; a taker buys some of them."""

    policy, left, notional = HEAD + SLICES, 0, THIN

    def trade(self) -> None:
        super().trade()
        # Those of the maker that lie before the slice are taken with it.
        size = self.chance.choice((2.5, 6.0, 13.0))
        limit = {"limit": {"tif": "Ioc"}}
        self.taker.exchange.order(COIN, True, size, round(FALLEN * 1.0005, 1), limit)
        self.maker.quote(COIN, FALLEN, notional=THIN)


def play(
    venue: Venue, maker: "Maker", traders: "tuple[Trader, Trader]", folder: Path, kills: int,
    seed: int,
) -> "Counter[str]":  # fmt: skip
    """One round: of a seed that is even the step closes half, else all in slices.

    ``traders``: who is guarded, and who trades with the guard's orders.
    """
    kind = Slices if seed % 2 else Half
    with standing_between(venue) as between:
        return kind(venue, between, maker, traders, folder, random.Random(seed)).play(kills)


def main() -> None:
    import eth_account

    from tests.conformance.hyperliquid.trader import Maker, Trader

    options = options_of(__doc__ or "")
    with started("--speed", "1") as venue:
        maker, taker = (Maker(venue.url, key) for _, key in venue.users[8:10])
        for each in (maker, taker):
            venue.control.fund(each.address, 200_000_000)

        def played(folder: Path, kills: int, seed: int) -> "Counter[str]":
            account = eth_account.Account.create()
            venue.control.fund(account.address, 10_000)
            traders = Trader(venue.url, account.key.hex()), taker
            found = play(venue, maker, traders, folder, kills, seed)
            for each in traders:
                each.go_flat()
            return found

        repeat(options.kills, options.seed, played)


if __name__ == "__main__":
    main()
