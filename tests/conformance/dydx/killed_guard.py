"""Guards that are killed with signal 9 at random moments: is any step done twice, or lost?

    python -m tests.conformance.dydx.killed_guard --kills 60 --seed 1

How is said in ``tests/conformance/killed_guard.py``; the venue is ``seawall up --venue dydx`` with
a block a second. A position in a child subaccount is guarded. In the rounds of one kind the step
closes half and a stop follows the size; in those of another it closes everything against bids that
come in small parts; in those of the third it moves money from the parent to the child, and where
that has not arrived the next step closes half instead.

Judged are, by what the venue shows: the position never grew and ends at its size, money moved once
or the step behind it came (no step twice, none lost), no order filled more than its size, what came
under one id is one order, every order only reduces, and nothing arrived while figures differed.
"""

import random
import re
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

from v4_proto.dydxprotocol.clob.tx_pb2 import MsgCancelOrder, MsgPlaceOrder
from v4_proto.dydxprotocol.sending.tx_pb2 import MsgCreateTransfer

from seawall.venues.registry import wire_of
from tests.command_line import running
from tests.conformance.between import Between, standing_between
from tests.conformance.dydx.signer import SHORT_TERM
from tests.conformance.dydx.trader import BUY, SELL, LocalVenue, Trader
from tests.conformance.killed_guard import SEEN, Guarded, Round, options_of, repeat
from tests.waiting import wait_until

UP = (
    "up", "--venue", "dydx", "--port", "0", "--no-agents", "--no-quotas", "--feed", "manual",
    "--markets", "BTC=60000",
)  # fmt: skip
PRICE, FALLEN, BID = 60_000, 55_500, 55_450
STEPS, SIZE, CHILD = 3000, Decimal("0.3"), 128
MARGIN, MORE = 2000, 500
"""USDC that the child begins with, and that a top-up gives it."""
USD = 100_000
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
trigger = "{}"
rearm = "5%"
share = "50%"
on = "isolated"
verify_after = "1h"
"""
OUT = """
[[step]]
name = "out"
action = "flatten"
trigger = "30%"
rearm = "5%"
verify_after = "1h"
"""
MONEY = """
[[step]]
name = "money"
action = "top_up"
trigger = "30%"
rearm = "5%"
source = "pool"
amount = 500
max_count = 1
max_total = 500
min_move = "0.1%"
on = "isolated"
verify_after = "8s"
"""
VERIFIED_S = 12
"""By then a top-up has been verified, and a step behind it has begun."""
_EQUITY = re.compile(r'("equity":\s*")(-?[0-9.]+)')


class Child(Round):
    """A long of BTC in a child subaccount, and what its venue shows."""

    left: ClassVar[Decimal]
    """The size at the end."""

    def __init__(
        self, venue: LocalVenue, between: Between, maker: Trader, trader: Trader, folder: Path,
        chance: random.Random,
    ) -> None:  # fmt: skip
        self.venue, self.maker, self.trader = venue, maker, trader
        guarded = Guarded("dydx", f"{trader.address}/0", trader.key, "BTC", self.policy)
        super().__init__(between, guarded, folder, chance)

    def stops(self) -> list[Decimal]:
        return [Decimal(each["size"]) for each in self.trader.orders(CHILD, "UNTRIGGERED")]

    def moved(self) -> list[Decimal]:
        """What has come to the child since it began."""
        sizes = [Decimal(each["size"]) for each in self.trader.transfers(CHILD)]
        sizes.remove(Decimal(MARGIN))
        return sizes

    @staticmethod
    def differing(text: str) -> str:
        """With an equity that is half as much again."""
        return _EQUITY.sub(lambda found: f"{found[1]}{float(found[2]) * 1.5:.6f}", text)

    @staticmethod
    def is_of_step(action: Any) -> bool:
        if isinstance(action, MsgPlaceOrder):
            return bool(action.order.order_id.order_flags == SHORT_TERM)
        return isinstance(action, MsgCreateTransfer)

    def begin(self) -> None:
        trader = self.trader
        self.maker.clear()
        self.venue.price("BTC", PRICE)
        trader.take(trader.signer.transfer(CHILD, MARGIN * 10**6))
        self.maker.place(SELL, PRICE, STEPS)
        trader.place(BUY, PRICE, STEPS, CHILD, time_in_force=1)
        wait_until(lambda: trader.size(CHILD) == SIZE)
        self.bid()
        self.venue.price("BTC", FALLEN)

    def bid(self) -> None:
        """As much as the step may sell."""
        self.maker.place(BUY, BID, STEPS, lasts=True)

    def is_at(self, size: Decimal) -> bool:
        """Whether the position and its stop have a size, and nothing else is open."""
        stops = [size] if size else []
        return self.trader.size(CHILD) == size and self.stops() == stops

    def is_done(self) -> bool:
        return self.is_at(self.left)

    def trade(self) -> None:
        """Nothing: the book has enough."""

    def go_on(self) -> None:
        """The stop may be moved with the price, and nothing else comes after it."""
        self.venue.price("BTC", FALLEN + 20)
        self.venue.blocks(VERIFIED_S)
        told = self.between.told
        wait_until(lambda: self.between.told > told + SEEN)

    def judge(self) -> None:
        fills = self.trader.fills(CHILD)
        sides = Counter[str]()
        for each in fills:
            sides[each["side"]] += int(Decimal(each["size"]) * 10_000)
        left = self.trader.size(CHILD)
        assert self.is_at(left)
        assert (sides["BUY"], sides["SELL"]) == (STEPS, STEPS - int(left * 10_000)), fills
        assert not self.moved(), self.moved()
        self.judge_orders(fills)
        self.counts["orders"] += len(self.trader.orders(CHILD)) - 1

    def judge_orders(self, fills: list[dict[str, Any]]) -> None:
        """Raises AssertionError for one that filled more than its size, two of one id, or one that
        could increase the position."""
        orders = {each["id"]: each for each in self.trader.orders(CHILD)}
        twice = Counter(each["clientId"] for each in orders.values())
        assert max(twice.values()) == 1, f"two orders of one id: {twice}"
        filled: Counter[str] = Counter()
        for each in fills:
            filled[each["orderId"]] += int(Decimal(each["size"]) * 10_000)
        for name, size in filled.items():
            assert size <= Decimal(orders[name]["size"]) * 10_000, orders[name]
        terms: dict[int, Any] = {}
        for action in self.between.actions:
            assert isinstance(action, (MsgPlaceOrder, MsgCancelOrder, MsgCreateTransfer)), action
            if isinstance(action, MsgPlaceOrder):
                order = action.order
                assert order.reduce_only, order
                same = (order.side, order.quantums, order.order_id.order_flags)
                assert terms.setdefault(order.order_id.client_id, same) == same, order


class Half(Child):
    """The step closes half at market; a stop of the whole size rests, and is replaced."""

    policy, left = HEAD + HALF.format("30%"), SIZE / 2


class Parts(Child):
    """The step closes all against bids for a part of it, which come one after the other."""

    policy, left = HEAD + OUT, Decimal(0)

    def bid(self) -> None:
        self.maker.place(BUY, BID, self.chance.choice((100, 400, 900)))

    def trade(self) -> None:
        if not self.venue.bids():
            self.bid()


class Money(Child):
    """The step moves money to the child; where that has not arrived the next one closes half."""

    policy = HEAD + MONEY + HALF.format("60%")

    def is_done(self) -> bool:
        return self.is_at(SIZE if self.moved() else SIZE / 2)

    def judge(self) -> None:
        moved = self.moved()
        assert moved in ([], [Decimal(MORE)]), moved
        self.counts["transfers"] += len(moved)
        assert self.is_done()
        self.judge_orders(self.trader.fills(CHILD))
        self.counts["orders"] += len(self.trader.orders(CHILD)) - 1


KINDS = (Half, Parts, Money)


def play(venue: LocalVenue, maker: Trader, folder: Path, kills: int, seed: int) -> Counter[str]:
    """One round, of a kind by its seed, with an account of its own."""
    user = wire_of("dydx").user_key("killed guard", seed)
    venue.control("/fund", address=user.address, amount=USD)
    trader, kind = Trader(venue, user), KINDS[seed % len(KINDS)]
    with standing_between(venue) as between:
        return kind(venue, between, maker, trader, folder, random.Random(seed)).play(kills)


def maker_of(venue: LocalVenue) -> Trader:
    """The only one who quotes."""
    return Trader(venue, wire_of("dydx").user_key(venue.about["seedPhrase"], 9))


def main() -> None:
    options = options_of(__doc__ or "")
    with running(*UP) as (about, _):
        venue = LocalVenue(about)
        maker = maker_of(venue)
        repeat(
            options.kills,
            options.seed,
            lambda folder, kills, seed: play(venue, maker, folder, kills, seed),
        )


if __name__ == "__main__":
    main()
