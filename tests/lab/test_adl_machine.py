"""The policies against the machine: the same accounts are closed, in the same order, by as much."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from seawall.domain.commands import (
    AdoptPosition,
    AdvanceTime,
    Command,
    CreateAccount,
    Deposit,
    SetOraclePrice,
)
from seawall.domain.enums import FillFlag, Side, StartingOffset
from seawall.domain.events import AccountCreated, CommandRejected, Deleveraged
from seawall.engine.engine import Engine
from seawall.engine.layout import Limits
from seawall.lab.deleveraging.policies import Terms, queue_order, rank_queue, rotating_offset
from seawall.lab.deleveraging.wave import DeleveragingWave, Winners, checked_wave
from tests.block_rulebooks import BLOCK_INSTRUMENTS, PLAIN
from tests.block_rulebooks import changed as changed_blocks
from tests.rulebooks import DELEVERAGE_ONLY, INSTRUMENTS

# The first machine in this process is compiled.
pytestmark = pytest.mark.timeout(600)

USD = 10**6
START_MS = 86_400_000 * 20_000
LIMITS = Limits(accounts=64, positions=128, orders=64, levels=64, nodes=64)


class Holder:
    """Whole coins and USD: size, entry price, and deposit."""

    def __init__(self, coins: float, entry: float, deposit: float) -> None:
        self.coins, self.entry, self.deposit = coins, entry, deposit

    def equity(self, mark: float, direction: int) -> float:
        return self.deposit + direction * self.coins * (mark - self.entry)


class Machine:
    """One market; winners first, then the one who goes bankrupt."""

    def __init__(self, rulebook: Any, instrument: Any) -> None:
        self.instrument = instrument
        self.engine = Engine.create(rulebook, [instrument], LIMITS)
        self.now = START_MS
        self.send(AdvanceTime(time_ms=self.now))

    def send(self, command: Command) -> list[Any]:
        events = self.engine.apply(command)
        assert not [each for each in events if isinstance(each, CommandRejected)], events
        return events

    def oracle(self, price: int) -> list[Any]:
        return self.send(
            SetOraclePrice(self.now, market=0, oracle_price=price, outside_price=price)
        )

    def adopt(self, holder: Holder, side: Side, unit: int) -> int:
        """``unit``: size units of a coin."""
        (opened,) = (
            each
            for each in self.send(CreateAccount(time_ms=self.now))
            if isinstance(each, AccountCreated)
        )
        account = opened.account
        self.send(Deposit(time_ms=self.now, account=account, amount=round(holder.deposit * USD)))
        self.send(
            AdoptPosition(
                time_ms=self.now,
                account=account,
                market=0,
                side=side,
                size=round(holder.coins * unit),
                entry_notional=round(holder.coins * holder.entry * USD),
                leverage=1,
            )
        )
        return account


def closed_of(events: Sequence[Any], accounts: Sequence[int]) -> list[tuple[int, int]]:
    """Place among ``accounts`` and size units of every deleveraging of one of them, in order."""
    return [
        (accounts.index(each.account), each.size)
        for each in events
        if isinstance(each, Deleveraged) and not each.flags & FillFlag.LIQUIDATED
    ]


def drawn(seed: int, side: Side) -> list[Holder]:
    """Holders who are winning at 90,000 (shorts) or 110,000 (longs), some of them barely alive."""
    random = np.random.default_rng(seed)
    sign = 1 if side == Side.SELL else -1
    holders = []
    for _ in range(12):
        coins = int(random.integers(1, 400)) / 100
        entry = 100_000 + sign * int(random.integers(-2_000, 20_000))
        deposit = coins * entry / float(random.choice([1.5, 3, 8, 15]))
        holders.append(Holder(coins, entry, deposit))
    return holders


@pytest.mark.parametrize(("seed", "side"), [(1, Side.SELL), (2, Side.SELL), (3, Side.BUY)])
def test_rank_queue_closes_whom_the_machine_closes(seed: int, side: Side) -> None:
    """A jump makes a position bankrupt; it is closed at the mark before the jump."""
    before, after = (100_000, 90_000) if side == Side.SELL else (100_000, 110_000)
    holders = drawn(seed, side)
    machine = Machine(DELEVERAGE_ONLY, INSTRUMENTS["BTC"])
    unit = 10**machine.instrument.size_decimals
    price_unit = 10 ** (6 - machine.instrument.size_decimals)
    machine.oracle(before * price_unit)
    accounts = [machine.adopt(each, side, unit) for each in holders]
    size = 0.4 * sum(each.coins for each in holders)
    lost = Holder(round(size, 2), before, 0.06 * before * round(size, 2))
    machine.adopt(lost, Side.BUY if side == Side.SELL else Side.SELL, unit)
    events = machine.oracle(after * price_unit)
    direction = -1 if side == Side.SELL else 1
    wave = checked_wave(
        DeleveragingWave(
            name="machine",
            winners=Winners(
                size=np.array([each.coins for each in holders]),
                entry_price=np.array([float(each.entry) for each in holders]),
                equity=np.array([each.equity(after, direction) for each in holders]),
            ),
            closes_longs=side == Side.SELL,
            size=lost.coins,
            mark_price=after,
            close_price=before,
            step=1 / unit,
        )
    )
    closed = rank_queue(wave, Terms()).closed
    order = [index for index in queue_order(wave).tolist() if closed[index] > 0]
    assert len(order) >= 4
    expected = [(index, round(float(closed[index]) * unit)) for index in order]
    assert closed_of(events, accounts) == expected
    # Ranks matter here: in the order of accounts another account would be closed.
    assert order != sorted(order)


@pytest.mark.parametrize("height", [3, 4, 7])
def test_rotating_offset_closes_whom_the_machine_closes(height: int) -> None:
    """The rotation begins with the holder whom the block's height names."""
    book = changed_blocks(
        PLAIN, "rotating", liquidation={"counterparty_offset": StartingOffset.BLOCK_HEIGHT}
    )
    machine = Machine(book, BLOCK_INSTRUMENTS["BTC"])
    unit = 10**machine.instrument.size_decimals
    terms = machine.instrument.block_terms
    oracle_unit = 10**terms.oracle_decimals
    machine.oracle(100_000 * oracle_unit)
    # The third owns too little for the price that the bankrupt needs.
    holders = [
        Holder(1, 101_000, 50_000), Holder(2, 99_000, 90_000), Holder(3, 90_500, 2_600),
        Holder(0.5, 110_000, 20_000), Holder(4, 105_000, 90_000), Holder(1.5, 103_000, 40_000),
    ]  # fmt: skip
    accounts = [machine.adopt(each, Side.SELL, unit) for each in holders]
    lost = Holder(5, 100_000, 40_000)
    machine.adopt(lost, Side.BUY, unit)
    machine.engine.tables["block_rules"]["height"][0] = height - 1
    machine.oracle(91_000 * oracle_unit)
    machine.now += book.block.block_ms
    events = machine.send(AdvanceTime(time_ms=machine.now))
    # 40,000 - 45,000 for five coins: closed a thousand above the oracle price, nothing is left.
    wave = checked_wave(
        DeleveragingWave(
            name="machine",
            winners=Winners(
                size=np.array([float(each.coins) for each in holders]),
                entry_price=np.array([float(each.entry) for each in holders]),
                equity=np.array([each.equity(91_000, -1) for each in holders]),
            ),
            closes_longs=True,
            size=5.0,
            mark_price=91_000,
            close_price=92_000,
        )
    )
    closed = rotating_offset(wave, Terms(start=height)).closed
    assert closed.sum() == pytest.approx(5)
    around = [(height + step) % len(holders) for step in range(len(holders))]
    expected = [(index, round(closed[index] * unit)) for index in around if closed[index] > 0]
    assert closed_of(events, accounts) == expected
    assert 2 not in [index for index, _ in expected]
