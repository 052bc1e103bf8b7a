"""Drives a scenario of rules of blocks; outcomes and checks beyond those of ``runner``.

Outcomes:

    queued                              the order waits for the block
    stored                              a cancel is kept for its id
    price BTC 50000                     a new oracle price takes effect
    taken dave 0.1 BTC @ 49000          a fill of dave's liquidation
    fee dave 1.5                        what a liquidated account pays to the fund
    insurance dave 12.5                 what the fund pays for it
    deleveraged erin BTC 0.5 for -100   one side; what it receives
    funding alice -1.25                 received
    rate BTC 800 by 5                   a tick: ppm for 8 hours, how the index of one coin moves
    pool alice DOGE 1000                from the cross pool into the market's own; back is negative
    gated cross | gated DOGE            withdrawals and transfers of a pool stop

Checks:

    check alice net 100 initial 10 maintenance 5
    check DOGE pool 100 fund 10 | check cross pool 100 fund 10
    check BTC index 12.5                what one coin has paid since the beginning
    check height 5
"""

from collections.abc import Callable
from typing import Any

from seawall.domain.enums import CommandKind, EventKind, FillFlag
from seawall.domain.instrument import Instrument
from seawall.domain.rulebook import BlockRulebook
from seawall.domain.units import to_units
from tests.block_rulebooks import BLOCK_INSTRUMENTS, BLOCK_RULEBOOKS
from tests.scenarios.block_language import parse_block_account, parse_block_venue
from tests.scenarios.language import Names, ScenarioError, duration, money
from tests.scenarios.runner import FOLDER, Outcome, Scenario, blocks, same

MUST_BE_LISTED = {
    EventKind.LIQUIDATION_FEE_PAID,
    EventKind.TRANSFERS_GATED,
    EventKind.POOL_MOVED,
}
PAYMENTS = {
    "fee": EventKind.LIQUIDATION_FEE_PAID,
    "funding": EventKind.FUNDING_PAID,
    "insurance": EventKind.INSURANCE_PAID,
}
NAMED = (
    EventKind.ORDER_ACCEPTED,
    EventKind.ORDER_WAITING,
    EventKind.ORDER_FILLED,
    EventKind.ORDER_QUEUED,
)
CROSS = "cross"
INDEX_DECIMALS = 12
"""Of the funding index of one coin, in USD."""


class BlockScenario(Scenario):
    """One run of one file."""

    def __init__(self, create: Callable[[BlockRulebook, list[Instrument]], Any]) -> None:
        super().__init__(create)  # type: ignore[arg-type]
        self.rulebook = BLOCK_RULEBOOKS["blocks"]  # type: ignore[assignment]

    def line(self, statement: str) -> None:
        words = statement.partition("->")[0].split()
        if words[0] == "rules":
            if words[1:] != ["blocks"]:
                raise ScenarioError(f"unknown rules {words[1:]}")
        elif words[0] == "rulebook":
            self.rulebook = BLOCK_RULEBOOKS[" ".join(words[1:])]  # type: ignore[assignment]
        elif words[0] == "markets":
            self.names.instruments = [BLOCK_INSTRUMENTS[name] for name in words[1:]]
        else:
            super().line(statement)

    def command(self, words: list[str], outcome: str) -> None:
        name = ""
        fields: dict[str, Any] | None
        if words[0] in ("block", "blocks", "time"):
            self.now += self.pause(words)
            fields = {"kind": CommandKind.ADVANCE_TIME}
        else:
            fields = parse_block_venue(self.names, words, self.now)
        if fields is None:
            fields, name = parse_block_account(self.names, words, self.now)
        events = self.send(fields)
        actor = fields.get("account", -1)
        own = [e for e in events if e.kind in NAMED and e.account == actor]
        if name and own:
            self.names.orders[name] = own[-1].order_id
        BlockOutcome(self.names, actor, events).expect(outcome)

    def pause(self, words: list[str]) -> int:
        if words[0] == "time":
            return duration(words[1])
        count = int(words[1]) if words[0] == "blocks" else 1
        book: Any = self.rulebook
        return count * int(book.block.block_ms)

    def check(self, words: list[str]) -> None:
        machine: Any = self.machine
        if words[0] == "height":
            same("height", machine.height(), int(words[1]), 0)
        elif words[0] == CROSS or words[1:2] in (["pool"], ["fund"], ["index"]):
            market = -1 if words[0] == CROSS else self.names.market(words[0])
            self.check_money(market, words[1:])
        elif words[1:2] == ["net"]:
            found = machine.margins(self.names.accounts[words[0]])
            for place, name in enumerate(("net", "initial", "maintenance")):
                if name in words:
                    expected = money(words[words.index(name) + 1])
                    same(name, found[place], expected, 6)
        else:
            super().check(words)

    def check_money(self, market: int, words: list[str]) -> None:
        machine: Any = self.machine
        for name, text in zip(words[::2], words[1::2], strict=True):
            if name == "index":
                size = self.names.size(market, "1")
                expected = to_units(text, INDEX_DECIMALS)
                same(name, machine.funding_index(market) * size, expected, INDEX_DECIMALS)
            else:
                found = machine.pool(market) if name == "pool" else machine.insurance(market)
                same(f"{name} of {market}", found, money(text), 6)


class BlockOutcome(Outcome):
    """The events of one command against the words after the arrow."""

    def __init__(self, names: Names, actor: int, events: list[Any]) -> None:
        super().__init__(names, actor, events)
        self.unlisted += [e for e in events if e.kind in MUST_BE_LISTED]

    def matches(self, event: Any, words: list[str]) -> bool:
        verb, rest = words[0], words[1:]
        if verb == "queued":
            return bool(event.kind == EventKind.ORDER_QUEUED)
        if verb == "stored":
            return bool(event.kind == EventKind.CANCEL_STORED)
        if verb == "gated":
            market = -1 if rest[0] == CROSS else self.names.market(rest[0])
            return bool(event.kind == EventKind.TRANSFERS_GATED and event.market == market)
        if verb in ("price", "rate"):
            return self.matches_market(event, verb, rest)
        if verb in PAYMENTS:
            paid = event.kind == PAYMENTS[verb] and event.money == money(rest[1])
            return bool(paid and event.account == self.names.accounts[rest[0]])
        if verb in ("pool", "taken", "deleveraged"):
            account = event.account == self.names.accounts[rest[0]]
            return account and self.matches_move(event, verb, rest[1:])
        return super().matches(event, words)

    def matches_market(self, event: Any, verb: str, rest: list[str]) -> bool:
        market = self.names.market(rest[0])
        if event.market != market:
            return False
        if verb == "price":
            price = self.names.price(market, rest[1])
            return bool(event.kind == EventKind.PRICE_UPDATED and event.price == price)
        if event.kind != EventKind.FUNDING_INDEX_MOVED or event.profit != int(rest[1]):
            return False
        size = self.names.size(market, "1")
        return len(rest) < 3 or bool(event.money * size == to_units(rest[3], INDEX_DECIMALS))

    def matches_move(self, event: Any, verb: str, rest: list[str]) -> bool:
        """``DOGE 1000``, ``0.1 BTC @ 49000``, ``BTC 0.5 for -100``."""
        if verb == "pool":
            moved = event.kind == EventKind.POOL_MOVED and event.money == money(rest[1])
            return bool(moved and event.market == self.names.market(rest[0]))
        if verb == "taken":
            market = self.names.market(rest[1])
            filled = event.kind == EventKind.ORDER_FILLED and event.flags & FillFlag.LIQUIDATED
            price = self.names.price(market, rest[3])
            return bool(
                filled and event.price == price and event.size == self.names.size(market, rest[0])
            )
        market = self.names.market(rest[0])
        size = event.size == self.names.size(market, rest[1])
        received = len(rest) < 3 or event.money == money(rest[3])
        return bool(event.kind == EventKind.DELEVERAGED and size and received)


def block_cases() -> list[tuple[str, str]]:
    """(name, body) of every scenario of the files of rules of blocks."""
    return [
        (f"{path.stem}: {title}", body)
        for path in sorted(FOLDER.glob("blocks_*.txt"))
        for title, body in blocks(path)
    ]
