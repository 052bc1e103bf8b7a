"""The machine with everybody in place: the account, the makers, the crowd, the backstop.

Each step sends the machine one batch: the makers' new quotes in every market, then every oracle
price, then the time. The oracle is the path's price, the outside price the path's traded price,
and the mark the machine's own. Nothing is settled or corrected from outside.

Under rules of blocks there is no isolated mode: what an account file calls isolated becomes a
child account with its margin as its cash. Quotes are orders of the state there: they join the book
with the first block of the step, together with the new price and before that block's liquidations.
An account may have only so many of them, so with many markets there are several makers.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import structs
from numpy.typing import NDArray

from seawall.accounts.holdings import adoption
from seawall.domain.commands import (
    NO_ACCOUNT,
    AdvanceTime,
    Command,
    CreateAccount,
    Deposit,
    PlaceOrder,
    SetOraclePrice,
)
from seawall.domain.enums import CommandKind, MarginMode, OrderFlag, Side, TimeInForce
from seawall.domain.errors import SeawallError
from seawall.domain.events import AccountCreated, CommandRejected
from seawall.domain.holdings import Holdings, Position
from seawall.domain.instrument import Instrument
from seawall.domain.rulebook import AnyRulebook, BlockRulebook
from seawall.domain.system_accounts import BACKSTOP_ACCOUNT
from seawall.domain.units import MAX_PRICE, MICRO
from seawall.engine.codec import encode_commands
from seawall.engine.engine import Engine
from seawall.engine.journal import JournalWriter, describe_rules
from seawall.engine.layout import Limits
from seawall.engine.tables import command_dtype
from seawall.lab.market.candle_file import PathError
from seawall.lab.market.liquidity import (
    ORDERS_PER_MAKER,
    Depth,
    MarketMaker,
    depth_multipliers,
    tick_rules,
)
from seawall.lab.market.market_path import MarketPath
from seawall.lab.market.scenario import Crowd, Neighbours
from seawall.lab.simulation.incidents import Storyteller

MAKER_CAPITAL = 10**15
"""Micro-USD: a billion, or twenty times its quotes if they are larger, so that the
maker is never the story."""


STEPS_PER_FRAME = 64
"""A journal is written in pieces of so many steps."""


class RehearsalError(SeawallError):
    """The machine refused what the account asks for; the message says what and why."""


class Setting:
    """The machine with maker, account and crowd in place; ``step`` moves it along the path."""

    def __init__(
        self,
        path: MarketPath,
        plan: Holdings,
        rulebook: AnyRulebook,
        instruments: Sequence[Instrument],
        depths: Mapping[str, Depth],
        neighbours: Neighbours,
        journal: Path | None = None,
    ) -> None:
        """``journal``: a new file for every command, in order."""
        self.path = path
        self.instruments = tuple(instruments)
        limits = _limits(neighbours)
        self.engine = Engine.create(rulebook, list(self.instruments), limits)
        self.in_blocks = isinstance(rulebook, BlockRulebook)
        self.journal: JournalWriter | None = None
        if journal is not None:
            rules = describe_rules(
                rulebook=rulebook, instruments=list(self.instruments), limits=limits
            )
            self.journal = JournalWriter(journal, rules)
        self.oracle = [_price_units(each, path.oracle[each.name]) for each in instruments]
        self.outside = [_price_units(each, path.outside[each.name]) for each in instruments]
        self.middle = [path.middle.get(each.name, path.oracle[each.name]) for each in instruments]
        self.multipliers = [
            # A thin book that is part of the path and one that prices explain are the same book.
            np.minimum(depth_multipliers(middle, path.times_ms), path.depth.get(each.name, 1.0))
            for each, middle in zip(instruments, self.middle, strict=True)
        ]
        self.deposits = 0
        self.commands = 0
        start = int(path.times_ms[0])
        self._set_first_prices(start)
        self._hire_makers(start, depths)
        self.account = self._open_account(start, plan.collateral - self._apart(plan))
        self.children: dict[int, int] = {}
        for position in plan.positions:
            self._settle_in(start, position)
        self._fund(start, BACKSTOP_ACCOUNT, neighbours.backstop)
        self.crowd_accounts = sum(self._add_crowd(start, each) for each in neighbours.crowds)
        makers = {maker.account for maker in self.makers}
        self.story = Storyteller(self.account, makers, self.children)
        self.plan = plan

    def _hire_makers(self, time_ms: int, depths: Mapping[str, Depth]) -> None:
        """Accounts that quote: one, or as many as their limits of open orders ask for."""
        rulebook = self.engine.rulebook
        figures, minimum_value = tick_rules(rulebook)
        per_account = len(self.instruments)
        if isinstance(rulebook, BlockRulebook) and rulebook.order.equity_tiers:
            most = rulebook.order.equity_tiers[-1].open_orders
            # Old quotes count until the block that takes them away, beside the new ones.
            per_account = max(1, most // (2 * ORDERS_PER_MAKER))
        quoted = sum(each.usd_within_50bp for each in depths.values()) * MICRO
        capital = max(MAKER_CAPITAL, 20 * round(quoted))
        self.makers: list[MarketMaker] = []
        for market, each in enumerate(self.instruments):
            if market % per_account == 0:
                account = self._open_account(time_ms, capital)
            depth = depths[each.name]
            self.makers.append(MarketMaker(market, each, account, depth, figures, minimum_value))

    def _apart(self, plan: Holdings) -> int:
        """Micro-USD of the collateral that never is the account's own cash."""
        return sum(each.isolated_margin for each in plan.positions) if self.in_blocks else 0

    def _settle_in(self, time_ms: int, position: Position) -> None:
        """A position of the account: in itself, or under rules of blocks in a child account."""
        if not self.in_blocks or position.mode != MarginMode.ISOLATED:
            self._adopt(time_ms, self.account, position)
            return
        child = self._open_account(time_ms, position.isolated_margin, self.account)
        self.children[child] = position.market
        self._adopt(time_ms, child, _without_bucket(position))

    def owner_of(self, market: int) -> int:
        """The account that holds the trader's position in a market: a child, or his own."""
        owners = [child for child, bet in self.children.items() if bet == market]
        return owners[0] if owners else self.account

    def send(self, command: Command, what: str) -> list[Any]:
        """Apply a set-up command. Raises RehearsalError if the machine rejects it."""
        if self.journal is not None:
            self.journal.append(encode_commands([command]))
        events: list[Any] = self.engine.apply(command)
        self.commands += 1
        for event in events:
            if isinstance(event, CommandRejected):
                raise RehearsalError(f"{what}: the machine rejects it: {event.reason.name}")
        return events

    def place_orders(self) -> None:
        """The account's own open orders, once the first quotes are there."""
        for number, order in enumerate(self.plan.orders, start=1):
            flags = OrderFlag.REDUCE_ONLY if order.reduce_only else OrderFlag.NO_FLAG
            price = order.price
            if order.trigger_price:
                flags |= OrderFlag.TRIGGER | OrderFlag.TRIGGER_MARKET
                flags |= OrderFlag.TAKE_PROFIT if order.take_profit else OrderFlag.NO_FLAG
                # A trigger order's price is only a protection; 5 % worse than the trigger.
                worse = 105 if order.side == Side.BUY else 95
                price = self.makers[order.market].to_tick(order.trigger_price * worse // 100)
            command = PlaceOrder(
                time_ms=int(self.path.times_ms[0]),
                account=self.owner_of(order.market),
                market=order.market,
                side=order.side,
                price=price,
                size=order.size,
                time_in_force=TimeInForce.GOOD_TIL_CANCEL,
                flags=flags,
                trigger_price=order.trigger_price,
            )
            name = self.instruments[order.market].name
            self.send(command, f"order {number} ({name})")

    def step(self, number: int) -> None:
        """Quotes, oracle prices and time of one step; its events go to the story."""
        time_ms = int(self.path.times_ms[number])
        batches = []
        for market, maker in enumerate(self.makers):
            price = float(self.middle[market][number])
            batches.append(maker.quotes(time_ms, price, float(self.multipliers[market][number])))
        prices = np.zeros(len(self.makers) + 1, command_dtype)
        prices["time_ms"] = time_ms
        prices["kind"] = int(CommandKind.SET_ORACLE_PRICE)
        prices["kind"][-1] = int(CommandKind.ADVANCE_TIME)
        for market in range(len(self.makers)):
            prices["market"][market] = market
            prices["price"][market] = self.oracle[market][number]
            prices["trigger_price"][market] = self.outside[market][number]
        rows = np.concatenate([*batches, prices])
        if self.journal is not None:
            self.journal.append(rows)
            if number % STEPS_PER_FRAME == 0:
                self.journal.commit()
        _, events = self.engine.apply_rows(rows)
        self.commands += len(rows)
        self.story.read(time_ms, events)
        elapsed_ms = time_ms - int(self.path.times_ms[max(0, number - 1)])
        for market, maker in enumerate(self.makers):
            bought = self.story.maker_bought(events, maker.account, market) / MICRO
            multiplier = float(self.multipliers[market][number])
            maker.feel(bought, multiplier, elapsed_ms)

    def close_journal(self) -> None:
        """Write what is left of the journal, if there is one."""
        if self.journal is not None:
            self.journal.commit()
            self.journal.close()
            self.journal = None

    def _set_first_prices(self, time_ms: int) -> None:
        self.send(AdvanceTime(time_ms=time_ms), "the clock")
        for market, each in enumerate(self.instruments):
            command = SetOraclePrice(
                time_ms=time_ms,
                market=market,
                oracle_price=int(self.oracle[market][0]),
                outside_price=int(self.outside[market][0]),
            )
            self.send(command, f"the first price of {each.name}")

    def _open_account(self, time_ms: int, money: int, parent: int = NO_ACCOUNT) -> int:
        events = self.send(CreateAccount(time_ms=time_ms, parent=parent), "a new account")
        account = next(e.account for e in events if isinstance(e, AccountCreated))
        self._fund(time_ms, account, money)
        return account

    def _fund(self, time_ms: int, account: int, money: int) -> None:
        if money:
            self.send(Deposit(time_ms=time_ms, account=account, amount=money), "a deposit")
            self.deposits += money

    def _adopt(self, time_ms: int, account: int, position: Position) -> None:
        command = adoption(time_ms, account, position)
        self.send(command, f"the position in {self.instruments[position.market].name}")

    def _add_crowd(self, time_ms: int, crowd: Crowd) -> int:
        """Traders who entered at the first price with just their margin; how many there are."""
        market = next((i for i, e in enumerate(self.instruments) if e.name == crowd.market), None)
        if market is None:
            return 0
        instrument = self.instruments[market]
        price = int(self.oracle[market][0])
        size = int(crowd.notional * MICRO) // price
        for number in range(crowd.accounts):
            leverage = min(crowd.leverage_of(number), instrument.maximum_leverage)
            margin = size * price // leverage
            account = self._open_account(time_ms, margin)
            position = Position(
                market=market,
                signed_size=size if crowd.is_long else -size,
                entry_notional=size * price,
                mode=MarginMode.ISOLATED if crowd.is_isolated else MarginMode.CROSS,
                leverage=leverage,
                isolated_margin=margin if crowd.is_isolated else 0,
            )
            self._adopt(time_ms, account, _without_bucket(position) if self.in_blocks else position)
        return crowd.accounts


def _without_bucket(position: Position) -> Position:
    """The position for an account that holds nothing else: its cash is the bucket."""
    return structs.replace(position, mode=MarginMode.CROSS, isolated_margin=0)


def _price_units(instrument: Instrument, usd: NDArray[np.float64]) -> NDArray[np.int64]:
    units = np.rint(usd * 10**instrument.price_decimals)
    if units.min() < 1 or units.max() > MAX_PRICE:
        worst = float(usd.max() if units.max() > MAX_PRICE else usd.min())
        highest = MAX_PRICE / 10**instrument.price_decimals
        raise PathError(
            f"{instrument.name}: price {worst:g} of the path is outside what this market can hold "
            f"({10.0**-instrument.price_decimals:g} to {highest:,.2f} USD)"
        )
    whole: NDArray[np.int64] = units.astype(np.int64)
    return whole


def _limits(neighbours: Neighbours) -> Limits:
    """Tables just large enough: copying and hashing them costs time."""
    traders = sum(crowd.accounts for crowd in neighbours.crowds)
    return Limits(accounts=64 + traders, positions=256 + 2 * traders)


def warm_up(rulebook: AnyRulebook, instruments: Sequence[Instrument]) -> None:
    """Compile or load the kernels, so that what follows takes no unexpected time."""
    Engine.create(rulebook, list(instruments)).apply(AdvanceTime(time_ms=1))
