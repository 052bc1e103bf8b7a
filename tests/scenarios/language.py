"""The table language of the scenarios: one line per command, with its expected outcome.

    rulebook free                       which rulebook of tests/rulebooks.py
    markets BTC ETH                     which instruments, in this order
    group metals USDC ETH               these markets are a margin group with that collateral;
                                        the others are the group "main" with collateral USDC
    account alice 10000                 a new account with a deposit; "account bob 0 of alice"
    oracle BTC 100000 outside 100010    a new oracle price
    alice buy 1 BTC @ 100000            then any of: gtc ioc fok alo market reduce-only attached
                                        whole child stop 99000 profit 101000 at-market
                                        siblings 1 client 7 as o1
    alice modify o1 buy 1 BTC @ 99000   replaces o1
    alice cancel o1                     cancel-client 7, cancel-all, cancel-all BTC
    alice leverage BTC 10 isolated      margin BTC -5, top-up BTC 5
    alice deposit 5                     withdraw 5, transfer 5 bob
    alice deposit 5 to metals           withdraw 5 from metals, transfer 5 bob from main to metals
    alice grouping shared               separate: whether groups of a collateral share their margin
    alice adopt long 1 BTC entry 100000 leverage 10 isolated margin 5000
    alice schedule 10s                  schedule clear
    alice discounts 10 4                percent off for staking and for the referral
    alice margin-schedule BTC 1
    market BTC halted cap 1000000       open, halted, post-only
    settle BTC 90000                    delisting
    clock 5s                            the following commands come 5 s later
    time 5s                             the same, and ADVANCE_TIME is sent
    raw kind=99 account=5               any fields at all
    check alice cash 9955               see runner.py

After "->" come the outcomes, separated by commas. A line without "->" expects "ok". Everything
after "#" is a comment.
"""

from dataclasses import dataclass, field

import msgspec

from seawall.domain.enums import (
    CommandKind,
    MarginGrouping,
    MarginMode,
    MarketStatus,
    OrderFlag,
    TimeInForce,
)
from seawall.domain.instrument import Instrument
from seawall.domain.units import MONEY_DECIMALS, to_units

SYSTEM = {"insurance": 0, "fees": 1, "backstop": 2, "rounding": 3, "outside": 4}
DURATIONS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
TIMES_IN_FORCE = {
    "gtc": TimeInForce.GOOD_TIL_CANCEL,
    "ioc": TimeInForce.IMMEDIATE_OR_CANCEL,
    "fok": TimeInForce.FILL_OR_KILL,
    "alo": TimeInForce.POST_ONLY,
}
PLAIN_FLAGS = {
    "reduce-only": OrderFlag.REDUCE_ONLY,
    "attached": OrderFlag.POSITION_ATTACHED,
    "whole": OrderFlag.WHOLE_POSITION,
    "child": OrderFlag.CHILD,
    "at-market": OrderFlag.TRIGGER_MARKET,
}
STATUSES = {
    "open": MarketStatus.OPEN,
    "halted": MarketStatus.HALTED,
    "post-only": MarketStatus.POST_ONLY_ONLY,
    "reduce-only": MarketStatus.REDUCE_ONLY_ONLY,
}
GROUPINGS = {"separate": MarginGrouping.SEPARATE, "shared": MarginGrouping.SHARED}
MAIN = "main"
"""The margin group of the markets that no line puts into another."""
MODES = {"cross": MarginMode.CROSS, "isolated": MarginMode.ISOLATED}
MONEY_VERBS = {"deposit": CommandKind.DEPOSIT, "withdraw": CommandKind.WITHDRAW}


class ScenarioError(AssertionError):
    """The line does not parse, or its expectation failed."""


@dataclass
class Names:
    """What the words of a scenario stand for."""

    instruments: list[Instrument] = field(default_factory=list)
    accounts: dict[str, int] = field(default_factory=lambda: dict(SYSTEM))
    orders: dict[str, int] = field(default_factory=dict)

    def market(self, name: str) -> int:
        for number, instrument in enumerate(self.instruments):
            if instrument.name == name:
                return number
        raise ScenarioError(f"no market {name}")

    def put_in_group(self, group: str, collateral: str, markets: list[str]) -> None:
        for name in markets:
            market = self.market(name)
            self.instruments[market] = msgspec.structs.replace(
                self.instruments[market], group=group, collateral=collateral
            )

    def group(self, name: str) -> int:
        """Groups are numbered in the order in which the markets name them."""
        groups = list(dict.fromkeys(instrument.group or MAIN for instrument in self.instruments))
        if name not in groups:
            raise ScenarioError(f"no margin group {name}; there are {', '.join(groups)}")
        return groups.index(name)

    def price(self, market: int, text: str) -> int:
        return to_units(text, self.instruments[market].price_decimals)

    def size(self, market: int, text: str) -> int:
        return to_units(text, self.instruments[market].size_decimals)


def money(text: str) -> int:
    return to_units(text.lstrip("+"), MONEY_DECIMALS)


def duration(text: str) -> int:
    digits = text.rstrip("hmsd")
    return int(digits) * DURATIONS[text[len(digits) :]]


Fields = dict[str, int]


def parse_order(names: Names, words: list[str]) -> tuple[Fields, str]:
    """``buy 1 BTC @ 100000 ...`` to command fields and the name given to the order."""
    market = names.market(words[2])
    fields: Fields = {
        "market": market,
        "side": ["buy", "sell"].index(words[0]),
        "order_size": names.size(market, words[1]),
        "price": names.price(market, words[4]),
        "flags": 0,
    }
    name = ""
    rest = iter(words[5:])
    for word in rest:
        if word in TIMES_IN_FORCE:
            fields["time_in_force"] = TIMES_IN_FORCE[word]
        elif word in PLAIN_FLAGS:
            fields["flags"] |= PLAIN_FLAGS[word]
        elif word == "market":
            fields["flags"] |= OrderFlag.MARKET
            fields["time_in_force"] = TimeInForce.IMMEDIATE_OR_CANCEL
        elif word in ("stop", "profit"):
            take_profit = OrderFlag.TAKE_PROFIT if word == "profit" else OrderFlag.NO_FLAG
            fields["flags"] |= OrderFlag.TRIGGER | take_profit
            fields["trigger_price"] = names.price(market, next(rest))
        elif word == "siblings":
            fields["status"] = int(next(rest))
        elif word == "client":
            fields["client_id_low"] = int(next(rest))
        elif word == "as":
            name = next(rest)
        else:
            raise ScenarioError(f"unknown word {word!r}")
    return fields, name


def parse_adoption(names: Names, words: list[str]) -> Fields:
    side, size, market_name = words[:3]
    market = names.market(market_name)
    mode = "isolated" if "isolated" in words else "cross"
    given = [word for word in words[3:] if word not in MODES]
    options = dict(zip(given[::2], given[1::2], strict=True))
    return {
        "kind": CommandKind.ADOPT_POSITION,
        "market": market,
        "side": ["long", "short"].index(side),
        "order_size": names.size(market, size),
        "money": money(options["entry"]),
        "leverage": int(options["leverage"]),
        "mode": MODES[mode],
        "trigger_price": money(options.get("margin", "0")),
    }


def parse_account_command(names: Names, words: list[str]) -> tuple[Fields, str]:
    """Everything that starts with the name of an account."""
    fields, name = _parse_verb(names, words[1], words[2:])
    fields["account"] = names.accounts[words[0]]
    return fields, name


def _parse_verb(names: Names, verb: str, rest: list[str]) -> tuple[Fields, str]:
    if verb in ("buy", "sell"):
        fields, name = parse_order(names, [verb, *rest])
        return {**fields, "kind": CommandKind.PLACE_ORDER}, name
    if verb == "modify":
        fields, name = parse_order(names, rest[1:])
        order_id = names.orders[rest[0]]
        return {**fields, "kind": CommandKind.MODIFY_ORDER, "order_id": order_id}, name
    if verb == "cancel":
        order_id = names.orders.get(rest[0]) or int(rest[0])
        return {"kind": CommandKind.CANCEL_ORDER, "order_id": order_id}, ""
    if verb == "cancel-client":
        kind = CommandKind.CANCEL_BY_CLIENT_ID
        return {"kind": kind, "client_id_low": int(rest[0])}, ""
    if verb == "cancel-all":
        market = names.market(rest[0]) if rest else -1
        return {"kind": CommandKind.CANCEL_ALL, "market": market}, ""
    if verb == "adopt":
        return parse_adoption(names, rest), ""
    if verb == "schedule":
        kind = CommandKind.SCHEDULE_CANCEL
        return {"kind": kind, "after_ms": 0 if rest == ["clear"] else duration(rest[0])}, ""
    return _parse_money_verb(names, verb, rest), ""


def _parse_money_verb(names: Names, verb: str, rest: list[str]) -> Fields:
    if verb in MONEY_VERBS:
        group = names.group(rest[2]) if len(rest) > 1 else 0
        return {"kind": MONEY_VERBS[verb], "money": money(rest[0]), "status": group}
    if verb == "transfer":
        named = zip(rest[2::2], rest[3::2], strict=True)
        groups = {word: names.group(name) for word, name in named}
        return {
            "kind": CommandKind.TRANSFER,
            "money": money(rest[0]),
            "other_account": names.accounts[rest[1]],
            "status": groups.get("from", 0),
            "leverage": groups.get("to", 0),
        }
    if verb == "grouping":
        return {"kind": CommandKind.SET_MARGIN_GROUPING, "mode": GROUPINGS[rest[0]]}
    if verb == "discounts":
        rates = [to_units(text, 7) for text in rest]
        kind = CommandKind.SET_FEE_DISCOUNTS
        return {"kind": kind, "price": rates[0], "trigger_price": rates[1]}
    market = names.market(rest[0])
    if verb == "leverage":
        kind = CommandKind.SET_LEVERAGE
        leverage, mode = int(rest[1]), MODES[rest[2]]
        return {"kind": kind, "market": market, "leverage": leverage, "mode": mode}
    if verb == "margin":
        kind = CommandKind.ADJUST_ISOLATED_MARGIN
        return {"kind": kind, "market": market, "money": money(rest[1])}
    if verb == "top-up":
        kind = CommandKind.TOP_UP_ISOLATED_MARGIN
        return {"kind": kind, "market": market, "leverage": int(rest[1])}
    if verb == "margin-schedule":
        kind = CommandKind.SET_MARGIN_SCHEDULE
        return {"kind": kind, "market": market, "leverage": int(rest[1])}
    raise ScenarioError(f"unknown command {verb!r}")


def parse_venue_command(names: Names, words: list[str]) -> Fields | None:
    """Commands of the venue itself; None when the line is not one."""
    if words[0] == "oracle":
        market = names.market(words[1])
        fields = {
            "kind": CommandKind.SET_ORACLE_PRICE,
            "market": market,
            "price": names.price(market, words[2]),
        }
        if len(words) > 3:
            fields["trigger_price"] = names.price(market, words[4])
        return fields
    if words[0] == "market":
        fields = {
            "kind": CommandKind.SET_MARKET_STATUS,
            "market": names.market(words[1]),
            "status": STATUSES[words[2]],
        }
        if len(words) > 3:
            fields["money"] = money(words[4])
        return fields
    if words[0] == "settle":
        market = names.market(words[1])
        price = names.price(market, words[2])
        return {"kind": CommandKind.SETTLE_MARKET, "market": market, "price": price}
    if words[0] == "raw":
        pairs = (word.split("=") for word in words[1:])
        return {name: int(value) for name, value in pairs}
    return None
