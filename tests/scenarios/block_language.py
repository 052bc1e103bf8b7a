"""What the table language says under rules of blocks, on top of ``language``.

    rules blocks                        the file is about rules of blocks
    rulebook blocks with fees           which rulebook of tests/block_rulebooks.py
    block                               the next block; "blocks 50" that many
    alice buy 1 BTC @ 50000             a long-term order; then any of: short long gtc ioc alo
                                        market reduce-only at-market stop 49000 profit 51000
                                        client 7, until 45 (a height), for 30s, as o1
    alice twap buy 1 BTC every 30s for 5m
                                        then any of: @ 50000, tolerance 1 (percent), client 7, as p
    alice cancel-client 7               or: cancel-client 7 until 45, cancel-client 7 for 30s
    alice fraction BTC 25               the account's own initial fraction, percent
    alice leverage BTC 4                the same as a multiple
    alice standing staked 3000          or: referred, vault, or nothing
    alice adopt long 1 BTC entry 50000
    fund 1000                           money for the insurance fund; "fund 1000 DOGE" for its own
    discount BTC 50 for 1m              half of the fees for a minute
    market BTC final                    open, halted, post-only, initializing, final

Everything else is as in ``language``.
"""

from typing import Any

from seawall.domain.enums import CommandKind, MarketStatus, OrderFlag, TimeInForce
from seawall.domain.units import to_units
from tests.scenarios.language import (
    PLAIN_FLAGS,
    STATUSES,
    TIMES_IN_FORCE,
    Fields,
    Names,
    ScenarioError,
    duration,
    money,
    parse_account_command,
    parse_venue_command,
)

K = CommandKind
BLOCK_FLAGS = {
    **PLAIN_FLAGS,
    "short": OrderFlag.SHORT_TERM,
    "long": OrderFlag.LONG_TERM,
}
BLOCK_STATUSES = {
    **STATUSES,
    "initializing": MarketStatus.INITIALIZING,
    "final": MarketStatus.FINAL_SETTLEMENT,
}
PERCENT_PPM = 4
"""Decimals of a percentage that is a whole number of ppm."""


def good_til(word: str, text: str, now: int) -> int:
    """``until 45`` is a height, ``for 30s`` a time from now."""
    return int(text) if word == "until" else now + duration(text)


def parse_block_order(names: Names, words: list[str], now: int) -> tuple[Fields, str]:
    """``buy 1 BTC @ 50000 ...``"""
    market = names.market(words[2])
    fields: Fields = {
        "kind": K.PLACE_ORDER,
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
        elif word in BLOCK_FLAGS:
            fields["flags"] |= BLOCK_FLAGS[word]
        elif word == "market":
            fields["flags"] |= OrderFlag.MARKET
            fields["time_in_force"] = TimeInForce.IMMEDIATE_OR_CANCEL
        elif word in ("stop", "profit"):
            profit = OrderFlag.TAKE_PROFIT if word == "profit" else OrderFlag.NO_FLAG
            fields["flags"] |= OrderFlag.TRIGGER | profit
            fields["trigger_price"] = names.price(market, next(rest))
        elif word == "client":
            fields["client_id_low"] = int(next(rest))
        elif word in ("until", "for"):
            fields["money"] = good_til(word, next(rest), now)
        elif word == "as":
            name = next(rest)
        else:
            raise ScenarioError(f"unknown word {word!r}")
    return fields, name


def parse_twap(names: Names, words: list[str]) -> tuple[Fields, str]:
    """``buy 1 BTC every 30s for 5m ...``"""
    market = names.market(words[2])
    fields: Fields = {
        "kind": K.PLACE_TWAP_ORDER,
        "market": market,
        "side": ["buy", "sell"].index(words[0]),
        "order_size": names.size(market, words[1]),
    }
    name = ""
    for word, text in zip(words[3::2], words[4::2], strict=True):
        if word == "every":
            fields["order_id"] = duration(text)
        elif word == "for":
            fields["trigger_price"] = duration(text)
        elif word == "@":
            fields["price"] = names.price(market, text)
        elif word == "tolerance":
            fields["leverage"] = to_units(text, PERCENT_PPM)
        elif word == "client":
            fields["client_id_low"] = int(text)
        elif word == "as":
            name = text
        else:
            raise ScenarioError(f"unknown word {word!r}")
    return fields, name


def parse_block_account(names: Names, words: list[str], now: int) -> tuple[Fields, str]:
    """Everything that starts with the name of an account."""
    account, verb, rest = names.accounts[words[0]], words[1], words[2:]
    fields: Fields
    name = ""
    if verb in ("buy", "sell"):
        fields, name = parse_block_order(names, words[1:], now)
    elif verb == "twap":
        fields, name = parse_twap(names, rest)
    elif verb == "cancel-client":
        fields = {"kind": K.CANCEL_BY_CLIENT_ID, "client_id_low": int(rest[0])}
        if len(rest) > 1:
            fields["money"] = good_til(rest[1], rest[2], now)
    elif verb == "fraction":
        ppm = to_units(rest[1], PERCENT_PPM)
        market = names.market(rest[0])
        fields = {"kind": K.SET_INITIAL_FRACTION, "market": market, "leverage": ppm}
    elif verb == "leverage":
        market = names.market(rest[0])
        fields = {"kind": K.SET_LEVERAGE, "market": market, "leverage": int(rest[1])}
    elif verb == "standing":
        staked = money(rest[rest.index("staked") + 1]) if "staked" in rest else 0
        fields = {
            "kind": K.SET_FEE_STANDING,
            "money": staked,
            "flags": int("referred" in rest),
            "status": int("vault" in rest),
        }
    elif verb == "adopt":
        return parse_account_command(names, [*words, "leverage", "1"])
    else:
        return parse_account_command(names, words)
    return {**fields, "account": account}, name


def parse_block_venue(names: Names, words: list[str], now: int) -> dict[str, Any] | None:
    """Commands of the venue itself; None when the line is not one."""
    if words[0] == "fund":
        market = names.market(words[2]) if len(words) > 2 else -1
        return {"kind": K.DEPOSIT, "account": 0, "money": money(words[1]), "market": market}
    if words[0] == "discount":
        return {
            "kind": K.SET_MARKET_DISCOUNT,
            "market": names.market(words[1]),
            "leverage": to_units(words[2], PERCENT_PPM),
            "price": now,
            "trigger_price": now + duration(words[4]),
        }
    if words[0] == "market":
        market, status = names.market(words[1]), BLOCK_STATUSES[words[2]]
        return {"kind": K.SET_MARKET_STATUS, "market": market, "status": status}
    return parse_venue_command(names, words)
