"""Drives a scenario through any machine and compares outcomes and numbers line by line.

Outcomes (after "->", separated by commas):

    ok | resting | waiting | rejected REASON
    filled 1.5            what the acting account took, in all; "filled 1.5 @ 100" the mean price
    ended o1 REASON       an order (or some order of an account) ended
    triggered o1 | liquidated dave | stalled dave | insurance dave 12.5
    liquidated dave in metals     the cross pool of that margin group; "in BTC" an isolated bucket
    backstop dave BTC 1.5 | deleveraged erin BTC 0.5 @ 100 | funding alice 1.25 (received)
    ...                   do not insist on the list being complete

Cancellations, liquidations, takeovers and deleveragings that a line does not list are failures.

Checks:

    check alice cash 10 | check alice orders o1 o2 | check alice orders none
    check alice cash 10 in metals
    check alice BTC size 1 entry 100 bucket 10 buy-hold 5 sell-hold 0 leverage 10
    check BTC mark 100 open-interest 1 | check BTC bids 99:1 98:2 | check BTC asks none
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from seawall.domain.enums import CommandKind, EventKind, FillFlag, Side
from seawall.domain.instrument import Instrument
from seawall.domain.rulebook import Rulebook
from seawall.domain.units import from_units
from tests.naive.machine import PositionNumbers
from tests.naive.state import Event
from tests.rulebooks import INSTRUMENTS, RULEBOOKS
from tests.scenarios.language import (
    Names,
    ScenarioError,
    duration,
    money,
    parse_account_command,
    parse_venue_command,
)

FOLDER = Path(__file__).parent
START_MS = 1_767_225_600_000
"""A UTC midnight."""
MUST_BE_LISTED = {
    EventKind.ORDER_CANCELLED: "ended",
    EventKind.LIQUIDATION_STARTED: "liquidated",
    EventKind.BACKSTOP_TAKEN_OVER: "backstop",
    EventKind.INSURANCE_PAID: "insurance",
    EventKind.DELEVERAGED: "deleveraged",
    EventKind.DELEVERAGING_STALLED: "stalled",
    EventKind.ORDER_TRIGGERED: "triggered",
}
SIMPLE = {
    "resting": EventKind.ORDER_ACCEPTED,
    "waiting": EventKind.ORDER_WAITING,
    "liquidated": EventKind.LIQUIDATION_STARTED,
    "stalled": EventKind.DELEVERAGING_STALLED,
}


class Machine(Protocol):
    """What a scenario needs from a machine; both machines offer it."""

    def apply(self, row: Mapping[str, Any]) -> list[Event]: ...
    def cash(self, account: int, group: int = 0) -> int: ...
    def mark(self, market: int) -> int: ...
    def position_numbers(self, account: int, market: int) -> PositionNumbers: ...
    def open_orders(self, account: int) -> list[int]: ...
    def open_interest(self, market: int) -> int: ...
    def levels(self, market: int, side: int) -> dict[int, int]: ...


class Scenario:
    """One run of one file."""

    def __init__(self, create: Callable[[Rulebook, list[Instrument]], Machine]) -> None:
        self.create = create
        self.rulebook = RULEBOOKS["free"]
        self.names = Names()
        self.made: Machine | None = None
        self.now = START_MS

    @property
    def machine(self) -> Machine:
        if self.made is None:
            self.made = self.create(self.rulebook, self.names.instruments)
            self.made.apply({"kind": CommandKind.ADVANCE_TIME, "time_ms": self.now})
        return self.made

    def run(self, text: str) -> None:
        for number, line in enumerate(text.splitlines(), 1):
            statement = line.split("#")[0].strip()
            if not statement:
                continue
            try:
                self.line(statement)
            except (AssertionError, KeyError, ValueError, IndexError, StopIteration) as problem:
                kind = type(problem).__name__
                raise ScenarioError(f"line {number}: {line.strip()}\n  {kind}: {problem}") from None

    def line(self, statement: str) -> None:
        command, _, outcome = (part.strip() for part in statement.partition("->"))
        words = command.split()
        if words[0] == "rulebook":
            self.rulebook = RULEBOOKS[" ".join(words[1:])]
        elif words[0] == "markets":
            self.names.instruments = [INSTRUMENTS[name] for name in words[1:]]
        elif words[0] == "group":
            self.names.put_in_group(words[1], words[2], words[3:])
        elif words[0] == "account":
            self.new_account(words[1:])
        elif words[0] == "check":
            self.check(words[1:])
        elif words[0] == "clock":
            self.now += duration(words[1])
        else:
            self.command(words, outcome or "ok")

    def new_account(self, words: list[str]) -> None:
        name, amount = words[:2]
        parent = self.names.accounts[words[3]] if len(words) > 3 else -1
        if name not in self.names.accounts:
            events = self.send({"kind": CommandKind.CREATE_ACCOUNT, "other_account": parent})
            created = [event.account for event in events if event.kind == EventKind.ACCOUNT_CREATED]
            self.names.accounts[name] = created[0]
        if money(amount):
            account = self.names.accounts[name]
            self.send({"kind": CommandKind.DEPOSIT, "account": account, "money": money(amount)})

    def send(self, fields: dict[str, int]) -> list[Event]:
        fields = dict(fields)
        if "after_ms" in fields:
            after = fields.pop("after_ms")
            fields["money"] = self.now + after if after else 0
        fields.setdefault("time_ms", self.now)
        return self.machine.apply(fields)

    def command(self, words: list[str], outcome: str) -> None:
        name = ""
        if words[0] == "time":
            self.now += duration(words[1])
            fields: dict[str, int] | None = {"kind": CommandKind.ADVANCE_TIME}
        else:
            fields = parse_venue_command(self.names, words)
        if fields is None:
            fields, name = parse_account_command(self.names, words)
        events = self.send(fields)
        actor = fields.get("account", -1)
        if name:
            self.name_order(name, actor, events)
        Outcome(self.names, actor, events).expect(outcome)

    def name_order(self, name: str, actor: int, events: list[Event]) -> None:
        kinds = (EventKind.ORDER_ACCEPTED, EventKind.ORDER_WAITING, EventKind.ORDER_FILLED)
        own = [e for e in events if e.kind in kinds and e.account == actor]
        if own:
            self.names.orders[name] = own[-1].order_id

    def check(self, words: list[str]) -> None:
        if words[0] in self.names.accounts:
            self.check_account(self.names.accounts[words[0]], words[1:])
        else:
            self.check_market(self.names.market(words[0]), words[1:])

    def check_account(self, account: int, words: list[str]) -> None:
        if words[0] == "cash":
            groups = [self.names.group(name) for name in words[3:]]
            same("cash", self.machine.cash(account, *groups), money(words[1]), 6)
            return
        if words[0] == "orders":
            expected = [] if words[1] == "none" else [self.names.orders[n] for n in words[1:]]
            found = self.machine.open_orders(account)
            if sorted(found) != sorted(expected):
                raise ScenarioError(f"open orders are {found}, expected {expected}")
            return
        market = self.names.market(words[0])
        numbers = self.machine.position_numbers(account, market)
        decimals = self.names.instruments[market].size_decimals
        found_by_name = {
            "entry": numbers.entry_notional,
            "bucket": numbers.isolated_cash,
            "buy-hold": numbers.buy_hold,
            "sell-hold": numbers.sell_hold,
        }
        for name, text in zip(words[1::2], words[2::2], strict=True):
            if name == "size":
                same(name, numbers.size, self.names.size(market, text), decimals)
            elif name == "leverage":
                same(name, numbers.leverage, int(text), 0)
            else:
                same(name, found_by_name[name], money(text), 6)

    def check_market(self, market: int, words: list[str]) -> None:
        instrument = self.names.instruments[market]
        if words[0] in ("bids", "asks"):
            side = Side.BUY if words[0] == "bids" else Side.SELL
            pairs = [] if words[1] == "none" else [word.split(":") for word in words[1:]]
            expected = {
                self.names.price(market, price): self.names.size(market, size)
                for price, size in pairs
            }
            found = self.machine.levels(market, side)
            if found != expected:
                raise ScenarioError(f"{words[0]} are {found}, expected {expected}")
            return
        for name, text in zip(words[::2], words[1::2], strict=True):
            if name == "mark":
                expected_mark = self.names.price(market, text)
                same(name, self.machine.mark(market), expected_mark, instrument.price_decimals)
            elif name == "open-interest":
                expected_size = self.names.size(market, text)
                found_size = self.machine.open_interest(market)
                same(name, found_size, expected_size, instrument.size_decimals)
            else:
                raise ScenarioError(f"unknown number {name!r}")


def same(name: str, found: int, expected: int, decimals: int) -> None:
    if found != expected:
        texts = (from_units(found, decimals), from_units(expected, decimals))
        raise ScenarioError(f"{name} is {texts[0]}, expected {texts[1]}")


class Outcome:
    """The events of one command against the words after the arrow."""

    def __init__(self, names: Names, actor: int, events: list[Event]) -> None:
        self.names = names
        self.actor = actor
        self.events = events
        self.unlisted = [e for e in events if e.kind in MUST_BE_LISTED]

    def expect(self, outcome: str) -> None:
        words_of = [item.split() for item in outcome.split(",")]
        complete = ["..."] not in words_of
        rejections = [e.reason for e in self.events if e.kind == EventKind.COMMAND_REJECTED]
        if rejections and not any(words[0] == "rejected" for words in words_of):
            raise ScenarioError(f"rejected {rejections[0].name}")
        for words in words_of:
            if words[0] not in ("ok", "..."):
                self.expect_item(words)
        if complete and self.unlisted:
            raise ScenarioError(f"not listed: {self.unlisted}")

    def expect_item(self, words: list[str]) -> None:
        if words[0] == "rejected":
            reasons = [e.reason.name for e in self.events if e.kind == EventKind.COMMAND_REJECTED]
            if reasons != words[1:]:
                raise ScenarioError(f"rejections {reasons}, expected {words[1:]}")
        elif words[0] == "filled":
            self.expect_filled(words[1:])
        else:
            matching = [event for event in self.events if self.matches(event, words)]
            if not matching:
                raise ScenarioError(f"no event says {' '.join(words)!r}: {self.events}")
            first = next((e for e in matching if e in self.unlisted), None)
            if first is not None:
                self.unlisted.remove(first)

    def expect_filled(self, words: list[str]) -> None:
        fills = [
            e
            for e in self.events
            if e.kind == EventKind.ORDER_FILLED
            and e.account == self.actor
            and e.flags & FillFlag.TAKER
        ]
        if not fills:
            raise ScenarioError("nothing was filled")
        market = fills[0].market
        size = sum(fill.size for fill in fills)
        same("filled", size, self.names.size(market, words[0]), 0)
        if len(words) > 1:
            value = sum(fill.size * fill.price for fill in fills)
            same("filled notional", value, size * self.names.price(market, words[2]), 6)

    def is_target(self, event: Event, name: str) -> bool:
        if name in self.names.orders:
            return event.order_id == self.names.orders[name]
        return event.account == self.names.accounts[name]

    def bucket(self, name: str) -> int:
        """The market that events of a bucket carry: below 0 the cross pool of a margin group."""
        if any(instrument.name == name for instrument in self.names.instruments):
            return self.names.market(name)
        return -1 - self.names.group(name)

    def matches(self, event: Event, words: list[str]) -> bool:
        verb, rest = words[0], words[1:]
        if verb in SIMPLE:
            target = not rest or self.is_target(event, rest[0])
            in_bucket = len(rest) < 3 or event.market == self.bucket(rest[2])
            return event.kind == SIMPLE[verb] and target and in_bucket
        if verb == "ended":
            named = event.kind == EventKind.ORDER_CANCELLED and event.reason.name == rest[1]
            return named and self.is_target(event, rest[0])
        if verb == "triggered":
            return event.kind == EventKind.ORDER_TRIGGERED and self.is_target(event, rest[0])
        account = event.account == self.names.accounts[rest[0]]
        payments = {"insurance": EventKind.INSURANCE_PAID, "funding": EventKind.FUNDING_PAID}
        if verb in payments:
            return event.kind == payments[verb] and account and event.money == money(rest[1])
        return account and self.matches_takeover(event, verb, rest)

    def matches_takeover(self, event: Event, verb: str, rest: list[str]) -> bool:
        kinds = {
            "backstop": EventKind.BACKSTOP_TAKEN_OVER,
            "deleveraged": EventKind.DELEVERAGED,
        }
        if verb not in kinds:
            raise ScenarioError(f"unknown outcome {verb!r}")
        market = self.names.market(rest[1])
        same_size = abs(event.size) == self.names.size(market, rest[2])
        same_price = len(rest) < 5 or event.price == self.names.price(market, rest[4])
        return event.kind == kinds[verb] and event.market == market and same_size and same_price


def scenario_files() -> list[Path]:
    """Those of rules of blocks have a runner of their own."""
    return sorted(path for path in FOLDER.glob("*.txt") if not path.stem.startswith("blocks_"))


def blocks(path: Path) -> list[tuple[str, str]]:
    """The scenarios of a file: each starts with a line "== name"; the head is put before each."""
    head, *rest = path.read_text(encoding="utf-8").split("\n== ")
    shared = head if not head.startswith("== ") else ""
    found = []
    for block in rest:
        title, _, body = block.partition("\n")
        # Keeps line numbers of the message close to the block: the head comes first.
        found.append((title.strip(), f"{shared}\n{body}"))
    return found
