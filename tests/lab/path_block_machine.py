"""One account along one price path in the real machine under rules of blocks.

As ``path_machine``: every oracle price counts, all take effect with the same block, nobody pays
funding, and each block's book shows one level per market, at the price of the order that a position
of this size would send. Sizes, turns, limits and fees are the machine's.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from msgspec import structs
from numpy.typing import NDArray

from seawall.domain.commands import (
    NO_ACCOUNT,
    AdoptPosition,
    AdvanceTime,
    Command,
    CreateAccount,
    Deposit,
    SetOraclePrice,
)
from seawall.domain.enums import (
    CommandKind,
    EventKind,
    FillFlag,
    MarginMode,
    OrderFlag,
    Reason,
    Side,
    TimeInForce,
)
from seawall.domain.events import AccountCreated, CommandRejected
from seawall.domain.holdings import Holdings
from seawall.domain.instrument import BlockTerms, Instrument
from seawall.domain.rulebook import BlockRulebook
from seawall.engine.engine import Engine
from seawall.engine.layout import Limits
from seawall.engine.tables import command_dtype
from seawall.lab.market.liquidity import Depth
from tests.block_rulebooks import changed
from tests.lab.naive_paths import POOL

INSURANCE_FUND = 0
PLENTY = 10**16
START_MS = 86_400_000 * 20_000
PPM = 10**6


def terms_of(instrument: Instrument) -> BlockTerms:
    assert instrument.block_terms is not None
    return instrument.block_terms


def block_path_rulebook(rulebook: BlockRulebook) -> BlockRulebook:
    """The rules with funding rates of zero."""
    return changed(rulebook, "along a path", funding={"rate_clamp_ppm": 0})


def every_price_counts(instrument: Instrument) -> Instrument:
    terms = structs.replace(terms_of(instrument), minimum_price_change_ppm=0)
    return structs.replace(instrument, block_terms=terms)


def value_of(instrument: Instrument, size: int, mark: int) -> int:
    """Micro-USD of an unsigned size at an oracle price, rounded down."""
    exponent = terms_of(instrument).value_exponent
    return size * mark * 10**exponent if exponent >= 0 else size * mark // 10**-exponent


def part_of(rulebook: BlockRulebook, instrument: Instrument, size: int, mark: int) -> int:
    """Size units of the order that a position sends in a block."""
    policy, terms = rulebook.liquidation, terms_of(instrument)
    notional = value_of(instrument, size, mark)
    portion = notional * policy.position_portion_ppm // PPM
    most = max(min(policy.position_minimum, notional), portion)
    limit = min(most, policy.account_notional)
    if notional <= limit or size <= terms.size_step:
        return size
    worth = (
        limit * 10 ** max(0, -terms.value_exponent) // (mark * 10 ** max(0, terms.value_exponent))
    )
    return min(max(worth // terms.size_step, 1) * terms.size_step, size)


def level_ticks(
    instrument: Instrument, part: int, mark: int, depth: Depth, impact: float, *, is_sale: bool
) -> int:
    """The one level of the book for an order of ``part``, rounded against it."""
    terms = terms_of(instrument)
    usd = mark * 10.0**-terms.oracle_decimals
    tick = terms.price_step * 10.0 ** (terms.quote_exponent - instrument.price_decimals)
    order = part * 10.0**-instrument.size_decimals * usd
    away = depth.spread_bp * 1e-4 / 2 + impact * math.sqrt(order / depth.usd_within_50bp)
    if is_sale:
        return math.floor(usd * (1 - away) / tick)
    return math.ceil(usd * (1 + away) / tick)


class BlockPathMachine:
    """The machine with a maker and full insurance funds; ``begin`` puts one account into it.

    ``height``: of the block that ended as the path begins; rotations count from it.
    """

    def __init__(self, rulebook: BlockRulebook, instruments: Sequence[Instrument]) -> None:
        self.instruments = [every_price_counts(each) for each in instruments]
        self.rulebook = block_path_rulebook(rulebook)
        limits = Limits(accounts=16, positions=64, orders=1024, levels=512, nodes=512)
        self.engine = Engine.create(self.rulebook, self.instruments, limits)
        self._send(AdvanceTime(time_ms=START_MS))
        self.engine.tables["block_rules"]["height"][0] = 0
        for market in range(-1, len(instruments)):
            self._send(
                Deposit(
                    time_ms=START_MS, account=INSURANCE_FUND, amount=PLENTY // 100, market=market
                )
            )
        # One each: who holds a market with a pool of its own may hold nothing else.
        self.makers = [self._open(PLENTY) for _ in instruments]
        self._empty = self.engine.snapshot()

    def begin(
        self,
        plan: Holdings,
        marks: Sequence[int],
        depths: Mapping[str, Depth],
        impact: float,
    ) -> None:
        self.engine.restore(self._empty)
        self.depths, self.impact = depths, impact
        for market, mark in enumerate(marks):
            self._send(
                SetOraclePrice(START_MS, market=market, oracle_price=mark, outside_price=mark)
            )
        apart = sum(each.isolated_margin for each in plan.positions)
        account = self._open(plan.collateral - apart)
        self.bucket_of = {account: POOL}
        for each in plan.positions:
            owner = account
            if each.mode == MarginMode.ISOLATED:
                owner = self._open(each.isolated_margin, account)
                self.bucket_of[owner] = each.market
            self._send(
                AdoptPosition(
                    time_ms=START_MS,
                    account=owner,
                    market=each.market,
                    side=Side.BUY if each.signed_size > 0 else Side.SELL,
                    size=abs(each.signed_size),
                    entry_notional=each.entry_notional,
                    leverage=each.leverage,
                    mode=MarginMode.CROSS,
                    isolated_cash=0,
                )
            )
        self.first: dict[int, int] = {}
        self.touched: dict[int, int] = {}
        self.cost = 0.0
        self.orders = 0
        self.seen: Counter[str] = Counter()

    def step(self, number: int, from_ms: int, now_ms: int, marks: Sequence[int]) -> None:
        """New prices, and every block up to ``now_ms`` with a fresh book."""
        block_ms = self.rulebook.block.block_ms
        prices = np.zeros(len(marks), command_dtype)
        prices["kind"] = int(CommandKind.SET_ORACLE_PRICE)
        prices["account"] = -1
        prices["market"] = np.arange(len(marks))
        prices["price"] = prices["trigger_price"] = marks
        prices["time_ms"] = START_MS + from_ms
        advance = np.zeros(1, command_dtype)
        advance["kind"] = int(CommandKind.ADVANCE_TIME)
        advance["account"] = advance["market"] = -1
        for block in range(from_ms // block_ms + 1, now_ms // block_ms + 1):
            advance["time_ms"] = START_MS + block * block_ms
            quotes = self._quotes(START_MS + (block - 1) * block_ms, marks)
            quotes["time_ms"] = np.maximum(quotes["time_ms"], START_MS + from_ms)
            rows = np.concatenate([prices, quotes, advance])
            prices = prices[:0]
            self._read(number, self._apply(rows), marks)
        if len(prices):
            self._apply(prices)

    def equity(self, marks: Sequence[int]) -> dict[int, int]:
        result = {}
        for account, bucket in self.bucket_of.items():
            result[bucket] = int(self.engine.tables["accounts"]["cash"][account])
            for market, size in self._held(account):
                value = value_of(self.instruments[market], abs(size), marks[market])
                result[bucket] += value if size > 0 else -value
        return result

    def _held(self, account: int) -> list[tuple[int, int]]:
        found = []
        index = int(self.engine.tables["accounts"]["first_position"][account])
        while index >= 0:
            row = self.engine.tables["positions"][index]
            index = int(row["next_of_account"])
            if row["signed_size"]:
                found.append((int(row["market"]), int(row["signed_size"])))
        return found

    def _quotes(self, time_ms: int, marks: Sequence[int]) -> NDArray[Any]:
        """One short-term order for each position: gone before the block after the next one."""
        height = int(self.engine.tables["block_rules"]["height"][0])
        held = [one for account in self.bucket_of for one in self._held(account)]
        rows = np.zeros(len(held), command_dtype)
        for row, (market, size) in zip(rows, held, strict=True):
            instrument = self.instruments[market]
            part = part_of(self.rulebook, instrument, abs(size), marks[market])
            row["account"] = self.makers[market]
            row["market"] = market
            row["side"] = int(Side.BUY if size > 0 else Side.SELL)
            row["price"] = level_ticks(
                instrument,
                part,
                marks[market],
                self.depths[instrument.name],
                self.impact,
                is_sale=size > 0,
            )
            row["order_size"] = 2 * abs(size)
            self.orders += 1
            row["client_id_low"] = self.orders
        rows["kind"] = int(CommandKind.PLACE_ORDER)
        rows["time_ms"] = time_ms
        rows["time_in_force"] = int(TimeInForce.GOOD_TIL_CANCEL)
        rows["flags"] = int(OrderFlag.SHORT_TERM)
        rows["money"] = height + 2
        return rows[rows["price"] > 0]

    def _read(self, number: int, events: NDArray[Any], marks: Sequence[int]) -> None:
        for row in events[np.isin(events["account"], list(self.bucket_of))]:
            kind, market = int(row["kind"]), int(row["market"])
            bucket = self.bucket_of[int(row["account"])]
            if kind == EventKind.LIQUIDATION_STARTED:
                self.first.setdefault(bucket, number)
            elif kind == EventKind.LIQUIDATION_FEE_PAID:
                self.cost += int(row["money"])
                self.seen["fee to the fund"] += 1
            elif kind == EventKind.INSURANCE_PAID:
                self.seen["paid by the fund"] += 1
            elif kind == EventKind.DELEVERAGED:
                self.touched.setdefault(market, number)
                self.seen["closed against others"] += 1
            elif kind == EventKind.ORDER_FILLED:
                self.touched.setdefault(market, number)
                self._count_fill(row, market, marks[market])

    def _count_fill(self, row: Any, market: int, mark: int) -> None:
        instrument, size = self.instruments[market], int(row["order_size"])
        terms = terms_of(instrument)
        quote = size * int(row["price"]) * terms.price_step * 10.0**terms.quote_exponent
        lost = value_of(instrument, size, mark) - quote
        self.cost += -lost if int(row["flags"]) & FillFlag.BUYER else lost
        is_whole = size == abs(int(row["position_size"]))
        self.seen["sold whole" if is_whole else "sold in part"] += 1

    def _apply(self, rows: NDArray[Any]) -> NDArray[Any]:
        _, events = self.engine.apply_rows(rows)
        refused = events[events["kind"] == EventKind.COMMAND_REJECTED]
        assert not len(refused), Reason(int(refused["reason"][0])).name
        return events

    def _send(self, command: Command) -> list[Any]:
        events = self.engine.apply(command)
        for event in events:
            assert not isinstance(event, CommandRejected), event.reason.name
        return events

    def _open(self, money: int, parent: int = NO_ACCOUNT) -> int:
        events = self._send(CreateAccount(time_ms=START_MS, parent=parent))
        account = next(e.account for e in events if isinstance(e, AccountCreated))
        if money:
            self._send(Deposit(time_ms=START_MS, account=account, amount=money))
        return account
