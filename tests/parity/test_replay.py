"""Replaying a journal gives the very bytes of the live machine, also from a snapshot on."""

from collections import Counter

import numpy as np
import pytest

from seawall.domain.commands import (
    AdjustIsolatedMargin,
    AdvanceTime,
    CancelAll,
    Command,
    CreateAccount,
    Deposit,
    PlaceOrder,
    ScheduleCancel,
    SetLeverage,
    SetOraclePrice,
    Withdraw,
)
from seawall.domain.enums import EventKind, MarginMode, OrderFlag, Side, TimeInForce
from seawall.engine.codec import encode_commands
from seawall.engine.engine import Engine
from seawall.engine.journal import JournalWriter, describe_rules, read_journal
from seawall.engine.layout import Limits
from seawall.engine.snapshot import load_snapshot, recover, save_snapshot
from tests.rulebooks import BTC, DOGE, HOUR_MS, LIVELY, USD

MARKETS = [BTC, DOGE]
LIMITS = Limits(accounts=16, positions=64, orders=1024, levels=1024, nodes=2048)
RULES = describe_rules(rulebook=LIVELY, instruments=MARKETS, limits=LIMITS)
ACCOUNTS = range(5, 13)
START_PRICES = (1_000_000, 200_000)
"""BTC 100,000.0 and DOGE 0.200000."""


def make(found=None):
    """A fresh machine, or one restored from a snapshot."""
    engine = Engine.create(LIVELY, MARKETS, LIMITS)
    if found is not None:
        engine.restore(found.state.tobytes())
    return engine


def opening(clock: int) -> list[Command]:
    """Accounts with money and leverage, and first prices."""
    commands: list[Command] = [CreateAccount(clock) for _ in ACCOUNTS]
    commands += [Deposit(clock, account, 30_000 * USD) for account in (0, 2, *ACCOUNTS)]
    for market, price in enumerate(START_PRICES):
        commands.append(SetOraclePrice(clock, market, price))
    for account in ACCOUNTS:
        mode = MarginMode(account % 2)
        commands.append(SetLeverage(clock, account, 0, 40, mode))
        commands.append(SetLeverage(clock, account, 1, 10, MarginMode.ISOLATED))
    return commands


def any_order(random: np.random.Generator, clock: int, prices: list[int]) -> Command:
    market = int(random.integers(0, 2))
    reach = prices[market] // 100
    price = prices[market] + int(random.integers(-reach, reach))
    notional = int(random.integers(50, 60_000 if market == 0 else 3_000)) * USD
    trigger = bool(random.integers(0, 6) == 0)
    flags = OrderFlag.NO_FLAG
    if trigger:
        flags = OrderFlag.TRIGGER | OrderFlag.REDUCE_ONLY | OrderFlag.TRIGGER_MARKET
    return PlaceOrder(
        clock,
        int(random.choice(ACCOUNTS)),
        market,
        Side(int(random.integers(0, 2))),
        price // 10 * 10,
        max(1, notional // price),
        TimeInForce(int(random.integers(0, 4))),
        flags,
        price // 10 * 10 if trigger else 0,
        int(random.integers(0, 2)),
        int(random.integers(0, 50)),
    )


def random_commands(seed: int, count: int) -> list[Command]:
    """A lively stream: orders, transfers, moving prices with falls, hours that pass."""
    random = np.random.default_rng(seed)
    clock = 1_800_000_000_000
    commands = opening(clock)
    prices = list(START_PRICES)
    while len(commands) < count:
        clock += int(random.integers(0, 500))
        account = int(random.choice(ACCOUNTS))
        choice = int(random.integers(0, 100))
        if choice < 70:
            commands.append(any_order(random, clock, prices))
        elif choice < 86:
            market = int(random.integers(0, 2))
            step = 0.0015 if random.integers(0, 20) else 0.08
            prices[market] = int(prices[market] * (1 + random.normal() * step))
            commands.append(SetOraclePrice(clock, market, prices[market]))
        elif choice < 89:
            clock += int(random.integers(0, HOUR_MS))
            commands.append(AdvanceTime(clock))
        elif choice < 92:
            commands.append(
                AdjustIsolatedMargin(clock, account, 1, int(random.normal() * 50) * USD)
            )
        elif choice < 95:
            commands.append(Withdraw(clock, account, int(random.integers(0, 500)) * USD))
        elif choice < 97:
            commands.append(Deposit(clock, account, int(random.integers(0, 2_000)) * USD))
        elif choice < 99:
            commands.append(ScheduleCancel(clock, account, clock + 10_000))
        else:
            commands.append(CancelAll(clock, account))
    return commands


def batches(random: np.random.Generator, count: int) -> list[int]:
    """Sizes that add up to ``count``."""
    sizes: list[int] = []
    while (left := count - sum(sizes)) > 0:
        sizes.append(min(left, int(random.integers(1, 60))))
    return sizes


@pytest.mark.parametrize("seed", range(4))
def test_replay_equals_live_and_equals_a_snapshot_with_its_tail(tmp_path, seed):
    commands = random_commands(seed, 1_200)
    random = np.random.default_rng(seed + 1_000)
    cut = int(random.integers(0, len(commands)))
    live = make()
    done = 0
    with JournalWriter(tmp_path / "journal", RULES) as writer:
        for size in batches(random, len(commands)):
            batch = commands[done : done + size]
            writer.append(encode_commands(batch))
            assert writer.commit() == done + size
            for command in batch:
                live.apply(command)
                done += 1
                if done == cut:
                    save_snapshot(tmp_path / "snapshot", live.buffer, RULES, bool(seed % 2))
    assert live.sequence == len(commands)

    reader = read_journal(tmp_path / "journal", RULES)
    assert recover(None, reader, make).state_hash() == live.state_hash()
    if cut:
        found = load_snapshot(tmp_path / "snapshot", RULES)
        assert found.sequence == cut
        assert recover(found, reader, make).state_hash() == live.state_hash()


def test_the_stream_reaches_what_replay_must_repeat():
    """Else the test above proves little."""
    engine = make()
    seen: Counter[EventKind] = Counter()
    for seed in range(4):
        engine = make()
        for command in random_commands(seed, 1_200):
            seen.update(event.kind for event in engine.apply(command))
    for kind in (
        EventKind.ORDER_ACCEPTED,
        EventKind.ORDER_FILLED,
        EventKind.ORDER_TRIGGERED,
        EventKind.FUNDING_PAID,
        EventKind.LIQUIDATION_STARTED,
        EventKind.LIQUIDATION_ENDED,
        EventKind.BACKSTOP_TAKEN_OVER,
        EventKind.INSURANCE_PAID,
        EventKind.DELEVERAGED,
        EventKind.CANCEL_SCHEDULED,
        EventKind.ISOLATED_MARGIN_ADJUSTED,
    ):
        assert seen[kind] > 0, f"{kind.name} never happened: {seen}"


def test_one_changed_command_changes_the_state(tmp_path):
    """The canary: the hash does see a difference."""
    rows = encode_commands(random_commands(0, 300))
    one, other = make(), make()
    one.apply_rows(rows)
    rows["money"][9] += 1
    other.apply_rows(rows)
    assert one.state_hash() != other.state_hash()
