"""What all agents share: what they see, the rules they keep to, how they count."""

from collections.abc import Sequence
from random import Random
from typing import NamedTuple

from seawall.domain.commands import CancelOrder, Command, Deposit, ModifyOrder, PlaceOrder
from seawall.domain.enums import OrderFlag, Side, TimeInForce
from seawall.domain.units import MAX_SIZE, MICRO
from seawall.sandbox.agents.view import MachineView, OwnOrder
from seawall.sandbox.markets import OpenMarket, to_tick

BP = 1e-4
LEAST_ORDER_USD = 12.0
"""A little above the venue's minimum, so that a moving price does not turn it into a refusal."""


class Outlook(NamedTuple):
    """What traders of one market see of the world outside.

    ``fair``: where the perpetual is quoted elsewhere, price units. ``depth_left``: the share of
    calm depth that makers show. ``spread_factor``: times the calm spread.
    """

    fair: float
    depth_left: float
    spread_factor: float


class Sight(NamedTuple):
    """What an agent acts on: the time, the machine, and the outlook of each market."""

    time_ms: int
    view: MachineView
    outlooks: Sequence[Outlook]


class Trading(NamedTuple):
    """The venue's order rules and one market, as far as agents keep to them."""

    market: OpenMarket
    significant_figures: int

    @property
    def row(self) -> int:
        return self.market.row

    def size_of(self, usd: float, price: float) -> int:
        """Size units worth so many USD; 0 below the least order."""
        if usd < LEAST_ORDER_USD or price <= 0:
            return 0
        instrument = self.market.instrument
        size = min(MAX_SIZE, int(usd * MICRO / (price * float(instrument.quote_unit))))
        return size - size % instrument.size_step(in_blocks=True)

    def usd_of(self, size: int, price: float) -> float:
        return size * price * float(self.market.instrument.quote_unit) / MICRO

    def tick(self, price: float, *, up: bool) -> int:
        decimals = self.market.instrument.price_decimals
        return to_tick(price, self.significant_figures, decimals, up=up)

    def rest(self, time_ms: int, account: int, side: Side, price: int, size: int) -> PlaceOrder:
        """An order that stays in the book; under block rules for as long as short-term ones do."""
        flags = OrderFlag.NO_FLAG
        if self.market.instrument.block_terms is not None:
            flags = OrderFlag.SHORT_TERM
        return PlaceOrder(time_ms, account, self.row, side, price, size, flags=flags)

    def move(
        self, time_ms: int, order: OwnOrder, side: Side, price: int, size: int
    ) -> list[Command]:
        """What puts an order of the book at another price."""
        if self.market.instrument.block_terms is None:
            return [
                ModifyOrder(time_ms, order.account, self.row, order.order_id, side, price, size)
            ]
        return [
            CancelOrder(time_ms, order.account, self.row, order.order_id),
            self.rest(time_ms, order.account, side, price, size),
        ]

    def take(
        self,
        time_ms: int,
        account: int,
        signed_size: int,
        around: float,
        slippage: float,
        flags: OrderFlag = OrderFlag.NO_FLAG,
    ) -> PlaceOrder:
        """An immediate order for a signed size, at most ``slippage`` (fraction) away."""
        buys = signed_size > 0
        limit = around * (1.0 + slippage if buys else 1.0 - slippage)
        return PlaceOrder(
            time_ms,
            account,
            self.row,
            Side.BUY if buys else Side.SELL,
            self.tick(limit, up=buys),
            abs(signed_size),
            TimeInForce.IMMEDIATE_OR_CANCEL,
            flags,
        )


class Agent:
    """A trading agent. ``interval_ms``: how often it looks, in venue time."""

    name: str
    interval_ms: int

    def needed_accounts(self) -> Sequence[tuple[str, float]]:
        """The accounts that it needs, by name, with USD for each."""
        return ()

    def use_accounts(self, accounts: Sequence[int]) -> None:
        """The account rows of ``needed_accounts``, in its order."""

    def forget(self) -> None:
        """The machine went back or was gone: what it remembers of it is void."""

    def act(self, sight: Sight) -> list[Command]:
        """What it does now: a bounded number of commands at ``sight.time_ms``."""
        raise NotImplementedError


class AccountAgent(Agent):
    """An agent of one market with one account, that has its name."""

    def __init__(self, name: str, trading: Trading, seed: str, stake_usd: float = 0.0) -> None:
        self.name = name
        self.trading = trading
        self.stake_usd = stake_usd
        self._random = Random(f"{seed}/{name}")
        self._account = -1

    def needed_accounts(self) -> Sequence[tuple[str, float]]:
        return [(self.name, self.stake_usd)]

    def use_accounts(self, accounts: Sequence[int]) -> None:
        (self._account,) = accounts


def refill(sight: Sight, account: int, stake_usd: float, part: int) -> list[Command]:
    """Fresh money up to the stake when no more than one ``part``-th of it is left."""
    stake = int(stake_usd * MICRO)
    equity = sight.view.pool_equity(account)
    return [] if equity > stake // part else [Deposit(sight.time_ms, account, stake - equity)]
