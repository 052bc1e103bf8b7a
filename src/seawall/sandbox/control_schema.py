"""What the control API can be asked: requests, checks, and the OpenAPI document made of them.

Amounts may be JSON numbers or decimal text; shares and moves also text like ``-10%``. Every
refusal is an InputError: the field, what was given, and what would be right.
"""

import re
from fractions import Fraction
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from seawall.domain.errors import InputError
from seawall.domain.quantities import number

ALL = "all"
LONGEST_ADVANCE_S = 30 * 86_400
Number = str | float | int


class _Request(Struct, forbid_unknown_fields=True, rename="camel"):
    pass


class SetPrice(_Request):
    """The spot price of a market is this from now on; the feed goes on from there.

    A jump in one mark step, as an instant shock is.
    """

    market: str
    price: Number


class ShockPrice(_Request):
    """Move a price by a share through the book, and back by the share ``rebound``.

    ``seconds``, ``rebound_seconds``: how long the move and the way back take; without them at most
    1 % from one mark to the next, which is 33 s for -10 %. ``instant``: a jump, all of it in one
    mark step, and so is a way back without seconds. Accounts that fall below zero within one mark
    step are deleveraged at the mark before it: after a jump they lose far less than in a real fall.
    """

    move: Number
    market: str = ALL
    seconds: Number | None = None
    hold_seconds: Number = 0
    rebound: Number = 0
    rebound_seconds: Number | None = None
    instant: bool = False


class SetOracle(_Request):
    """``freeze`` repeats a price, ``lag`` reports ``seconds`` late, ``silent`` reports nothing."""

    mode: str
    market: str = ALL
    seconds: Number = 0


class SetLiquidity(_Request):
    """Makers show ``withdraw`` less than they would; 0 restores."""

    withdraw: Number
    market: str = ALL


class SpikeFunding(_Request):
    """Perpetuals elsewhere, and so the makers here, trade at this premium over the oracle."""

    premium: Number
    market: str = ALL
    seconds: Number = 3600


class AdvanceClock(_Request):
    """Let venue time pass, with prices, agents, funding and everything due."""

    seconds: Number
    step_seconds: Number = 0


class SetSpeed(_Request):
    """Venue seconds per second; 0 stops the clock."""

    speed: Number


class NamePoint(_Request):
    """A save point: 1 to 64 letters, digits, dashes or underscores."""

    name: str


class SetTrading(_Request):
    """What a market takes from now on: ``open``, ``halted`` (nothing), ``post_only``; under rules
    of blocks also ``initializing`` (short-term post-only orders that do not pass the oracle price)
    and ``final_settlement`` (nothing, and positions are closed against each other at the oracle
    price)."""

    market: str
    status: str


class FundAccount(_Request):
    """USD from nowhere for an address, whose account is opened if there is none."""

    address: str
    amount: Number


class Nothing(_Request):
    """No fields."""


class Error(Struct):
    """``field`` and ``value``: what is wrong; ``expected``: what would be right."""

    field: str
    value: Any
    expected: str


class Refused(Struct):
    error: Error


class Answer(Struct, omit_defaults=True, rename="camel"):
    """How the venue stands after the request.

    Of a shock, ``until_ms``: the venue's time at which all of it has happened at the earliest, way
    back included; a clock that stands must be advanced to there. ``marks``: how many it takes.
    """

    time_ms: int
    sequence: int
    account: int | None = None
    is_new: bool | None = None
    until_ms: int | None = None
    marks: int | None = None


class MarketStatus(Struct, rename="camel"):
    """Prices in USD as decimal text; ``withdrawn`` and ``premium`` are shares.

    ``stale``: the followed venue says nothing about the market, which takes reduce-only orders
    until it does; ``stale_since_ms``: when it was heard last.
    """

    name: str
    oracle: str
    mark: str
    bid: str | None
    ask: str | None
    spot: str
    oracle_mode: str
    lag_seconds: float
    withdrawn: float
    premium: float
    shocked: bool
    stale: bool = False
    stale_since_ms: int | None = None


class Status(Struct, rename="camel"):
    time_ms: int
    sequence: int
    speed: float
    paused: bool
    feed: str
    agents: int
    accounts: int
    waiting: int
    history: str
    """Why the history is not kept in its file or lacks something; empty when all is well."""
    save_points: list[str]
    markets: list[MarketStatus]


class FundedAccount(Struct, rename="camel"):
    """One of the accounts that the first start funds. The key is no secret."""

    address: str
    private_key: str


class Accounts(Struct):
    accounts: list[FundedAccount]


class Route(NamedTuple):
    """``handler``: name of the method that answers it."""

    method: str
    path: str
    handler: str
    summary: str
    request: type[Struct]
    response: type[Struct]


ROUTES = (
    Route("GET", "/status", "status", "How the venue stands", Nothing, Status),
    Route("GET", "/accounts", "accounts", "Test accounts and their keys", Nothing, Accounts),
    Route("POST", "/price", "price", "Set a price", SetPrice, Answer),
    Route("POST", "/shock", "shock", "Shock prices", ShockPrice, Answer),
    Route("POST", "/oracle", "oracle", "Freeze, delay, silence or resume", SetOracle, Answer),
    Route("POST", "/liquidity", "liquidity", "Withdraw or restore depth", SetLiquidity, Answer),
    Route("POST", "/funding", "funding", "Spike funding by a premium", SpikeFunding, Answer),
    Route("POST", "/market", "trading", "Open, halt or settle a market", SetTrading, Answer),
    Route("POST", "/time/advance", "advance", "Let time pass", AdvanceClock, Answer),
    Route("POST", "/time/pause", "pause", "Stop the clock", Nothing, Answer),
    Route("POST", "/time/resume", "resume", "Let the clock go on", Nothing, Answer),
    Route("POST", "/time/speed", "speed", "Change the clock's speed", SetSpeed, Answer),
    Route("POST", "/save", "save", "Save this moment under a name", NamePoint, Answer),
    Route("POST", "/revert", "revert", "Go back to a save point", NamePoint, Answer),
    Route("POST", "/reset", "reset", "Go back to the first start", Nothing, Answer),
    Route("POST", "/fund", "fund", "Fund an account", FundAccount, Answer),
)

_WHERE = re.compile(r"(.*?)(?: - at `\$\.?(.*?)`)?$", re.DOTALL)
_NAMED = re.compile(r"field `([^`]*)`")


def read_request(raw: bytes, kind: type[Struct]) -> Any:
    """The request. Raises InputError."""
    try:
        return msgspec.json.decode(raw or b"{}", type=kind)
    except msgspec.ValidationError as error:
        text, where = _WHERE.fullmatch(str(error)).groups()  # type: ignore[union-attr]
        named = _NAMED.search(text)
        field = where or (named.group(1) if named else "body")
        given = msgspec.json.decode(raw or b"{}")
        value = given.get(field) if isinstance(given, dict) else given
        known = ", ".join(each.encode_name for each in msgspec.structs.fields(kind))
        raise InputError.of("", field, value, f"{text}; fields: {known or 'none'}") from None
    except msgspec.DecodeError as error:
        shown = raw[:60].decode(errors="replace")
        raise InputError.of("", "body", shown, f"a JSON object ({error})") from None


def units(field: str, value: Number, decimals: int, least: int, most: int, expected: str) -> int:
    """A decimal number as units within [least, most]; no digit is cut. Raises InputError."""
    one = 10**decimals
    lowest, highest = Fraction(least, one), Fraction(most, one)
    found = one * number(field, value, least=lowest, most=highest, expected=expected, percent=False)
    if found.denominator != 1:
        raise InputError.of("", field, value, expected)
    return int(found)


def milliseconds(
    field: str, value: Number, most_s: int = LONGEST_ADVANCE_S, least: int = 0, more: str = ""
) -> int:
    """``more``: what else is right. Raises InputError."""
    expected = f"seconds from {least / 1000:g} to {most_s}, with at most 3 decimals{more}"
    return units(field, value, 3, least, most_s * 1000, expected)


def share(field: str, value: Number, least: float, most: float) -> float:
    """``0.1`` or ``"10%"`` as a fraction within [least, most]. Raises InputError."""
    expected = f"a share from {least:g} to {most:g}, like 0.05 or 5%"
    return float(number(field, value, least=least, most=most, expected=expected))


def openapi_document(server: str) -> dict[str, Any]:
    """The API as OpenAPI 3.1."""
    kinds: list[type[Struct]] = [Refused]
    for route in ROUTES:
        kinds += [kind for kind in (route.request, route.response) if kind not in kinds]
    template = "#/components/schemas/{name}"
    schemas, components = msgspec.json.schema_components(kinds, ref_template=template)
    by_kind = dict(zip(kinds, schemas, strict=True))
    paths: dict[str, Any] = {}
    for route in ROUTES:
        operation: dict[str, Any] = {
            "operationId": route.handler,
            "summary": route.summary,
            "responses": {
                "200": _content("Done", by_kind[route.response]),
                "400": _content("Refused; nothing changed", by_kind[Refused]),
            },
        }
        if route.method == "POST" and route.request is not Nothing:
            operation["requestBody"] = {"required": True, **_body(by_kind[route.request])}
        paths[f"/control{route.path}"] = {route.method.lower(): operation}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Seawall sandbox control", "version": "1"},
        "servers": [{"url": server}],
        "paths": paths,
        "components": {"schemas": components},
    }


def _content(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, **_body(schema)}


def _body(schema: dict[str, Any]) -> dict[str, Any]:
    return {"content": {"application/json": {"schema": schema}}}
