"""Account files: what an account holds, as text with its numbers exactly as written.

Our own format is TOML. Amounts are USD, numbers may be written with or without quotes::

    name = "my book"                # optional
    collateral = 25000              # everything deposited, isolated margins included

    [[position]]
    market = "BTC"
    side = "long"                   # or "short"
    notional = 100000               # or: size = 0.85
    entry = 117000                  # optional: the path's first price
    mode = "cross"                  # optional; or "isolated"
    leverage = 10
    margin = 12000                  # optional, isolated only: instead of notional / leverage

    [[order]]
    market = "BTC"
    side = "sell"                   # or "buy"
    size = 0.85                     # or: notional = 100000
    price = 110000                  # a limit; or instead one of:
    stop = 110000                   #   sells (buys) at market when the mark falls (rises) to it
    take_profit = 130000            #   the same in the other direction
    reduce_only = true              # optional

    [[top_up]]
    market = "BTC"
    price = 112000                  # once the mark comes to it, for the position's bucket:
    amount = 5000                   #   new money from outside

    time = 2025-10-10T20:00:00Z     # optional, at the top: of these prices; options count from it
    surface = "chain.parquet"       # optional, at the top: volatilities of a chain of options

    [[option]]                      # European, settled in USD
    market = "BTC"
    kind = "call"                   # or "put"
    strike = 130000
    expiry = 2025-11-28T08:00:00Z   # UTC, unless it says otherwise
    side = "short"                  # or "long"
    size = 1
    volatility = "55%"              # optional: implied, a year; that of the surface
    forward = 117400                # optional: that of the surface, else the price of the market
    entry = 3150                    # optional: the premium of one coin; its value now

A venue's own answer (JSON) is read by that venue's reader (``Venue.read_account``).
"""

import tomllib
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any

from msgspec import Struct, field

from seawall.domain.enums import MarginGrouping, Side
from seawall.domain.errors import InputError
from seawall.domain.option import OptionKind
from seawall.domain.quantities import number as quantity
from seawall.domain.units import fraction_text


class PositionText(Struct, frozen=True, kw_only=True):
    """One position as written: numbers are decimal text. ``entry_notional`` stands for an entry."""

    market: str
    is_long: bool
    size: str | None = None
    notional: str | None = None
    entry: str | None = None
    entry_notional: str | None = None
    is_isolated: bool = False
    leverage: int
    margin: str | None = None


class OrderText(Struct, frozen=True, kw_only=True):
    market: str
    side: Side
    size: str | None = None
    notional: str | None = None
    price: str | None = None
    stop: str | None = None
    take_profit: str | None = None
    reduce_only: bool = False


class TopUpText(Struct, frozen=True, kw_only=True):
    market: str
    price: str
    amount: str


class OptionText(Struct, frozen=True, kw_only=True):
    """One option as written. ``expiry_ms``: since 1970, UTC; ``volatility``: a fraction a year."""

    market: str
    kind: OptionKind
    strike: str
    expiry_ms: int
    is_long: bool
    size: str
    volatility: str | None = None
    forward: str | None = None
    entry: str | None = None


class AccountText(Struct, frozen=True, kw_only=True):
    """An account as its source says it. ``source``: file or address, as errors name it.

    ``collateral``: of the main margin group, or of the main collateral where the groups of a
    collateral share it; ``other_collateral``: the same of others, by group or by collateral.
    ``prices``: current prices in USD by market, where the source knows them; ``time_ms``: their
    moment, since 1970, UTC. ``surface``: a file of option quotes, as it is named.
    """

    source: str
    name: str
    collateral: str
    positions: tuple[PositionText, ...] = ()
    orders: tuple[OrderText, ...] = ()
    top_ups: tuple[TopUpText, ...] = ()
    options: tuple[OptionText, ...] = ()
    time_ms: int | None = None
    surface: str | None = None
    prices: Mapping[str, str] = field(default_factory=dict)
    grouping: MarginGrouping = MarginGrouping.SEPARATE
    other_collateral: Mapping[str, str] = field(default_factory=dict)

    @property
    def markets(self) -> tuple[str, ...]:
        """Each market once, positions first."""
        used = [each.market for each in self.positions] + [each.market for each in self.orders]
        used += [each.market for each in self.top_ups] + [each.market for each in self.options]
        return tuple(dict.fromkeys(used))

    def start_price(self, market: str) -> str | None:
        """The current price that the source says, else the entry of the position, else None."""
        entries = [each.entry for each in self.positions if each.market == market]
        return self.prices.get(market) or next((e for e in entries if e is not None), None)


def parse_account(raw: bytes, source: str, name: str) -> AccountText:
    """The account of a TOML text in our own format. Raises InputError."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise InputError(f"{source}: not a text file") from None
    try:
        # Decimal text stays text: 0.1 must not become a binary float on its way to integers.
        data = tomllib.loads(text, parse_float=str)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{source}: not valid TOML: {error}") from None
    top = _Fields(data, source, _TOP_FIELDS)
    positions = []
    for where, fields in top.tables("position", _POSITION_FIELDS):
        positions.append(_position(fields))
        if positions[-1].market in {each.market for each in positions[:-1]}:
            raise InputError(
                f"{where}: market: a second position in {positions[-1].market}; an account has one "
                "position per market"
            )
    orders = [_order(fields) for _, fields in top.tables("order", _ORDER_FIELDS)]
    top_ups = [
        TopUpText(
            market=each.text("market"), price=each.number("price"), amount=each.number("amount")
        )
        for _, each in top.tables("top_up", ("market", "price", "amount"))
    ]
    return AccountText(
        source=source,
        name=top.text("name", name),
        collateral=top.number("collateral"),
        positions=tuple(positions),
        orders=tuple(orders),
        top_ups=tuple(top_ups),
        options=tuple(_option(fields) for _, fields in top.tables("option", _OPTION_FIELDS)),
        time_ms=top.moment("time") if "time" in data else None,
        surface=top.text("surface") if "surface" in data else None,
    )


_TOP_FIELDS = (
    "name", "collateral", "position", "order", "top_up", "option", "time", "surface"
)  # fmt: skip
_OPTION_FIELDS = (
    "market", "kind", "strike", "expiry", "side", "size", "volatility", "forward", "entry"
)  # fmt: skip
_POSITION_FIELDS = (
    "market", "side", "size", "notional", "entry", "mode", "leverage", "margin"
)  # fmt: skip
_ORDER_FIELDS = (
    "market", "side", "size", "notional", "price", "stop", "take_profit", "reduce_only"
)  # fmt: skip


_LONGEST = 64
"""Characters of a number, and of a value that an error shows."""
_LONGEST_NAME = 200
_LARGEST_EXPONENT = 400
_MOST_WHOLE = 1_000_000
_MOST_VOLATILITY = 50
"""A fraction a year, 5,000 %."""
_FIRST_YEAR, _LAST_YEAR = 2000, 2200


class _Fields:
    """A table of the file with its place, for errors that say where."""

    def __init__(self, data: Any, where: str, known: Sequence[str]) -> None:
        if not isinstance(data, dict):
            raise InputError(f"{where}: should be a table of fields")
        self.data = data
        self.where = where
        unknown = [name for name in data if name not in known]
        if unknown:
            raise InputError(
                f"{where}: unknown field {unknown[0]!r}; known fields: {', '.join(known)}"
            )

    def tables(self, name: str, known: Sequence[str]) -> list[tuple[str, "_Fields"]]:
        rows = self.data.get(name, [])
        if not isinstance(rows, list):
            raise InputError(f"{self.where}: {name}: write it as [[{name}]] tables")
        result = []
        for number, row in enumerate(rows, start=1):
            market = _shown(row.get("market", "?")) if isinstance(row, dict) else "?"
            where = f"{self.where}: {name} {number} ({market})"
            result.append((where, _Fields(row, where, known)))
        return result

    def text(self, name: str, default: str | None = None) -> str:
        value = self.data.get(name, default)
        if not isinstance(value, str) or not value:
            raise self.wrong(name, value, "should be a text in quotes")
        if len(value) > _LONGEST_NAME:
            raise self.wrong(name, value, f"should be at most {_LONGEST_NAME} characters long")
        return value

    def number(self, name: str) -> str:
        value = self.optional_number(name)
        if value is None:
            raise self.wrong(name, None, "should be a number above 0")
        return value

    def optional_number(self, name: str) -> str | None:
        """Decimal text of a positive number; its size is judged where its units are known."""
        if name not in self.data:
            return None
        value = self.data[name]
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise self.wrong(name, value, "should be a number")
        text = _text(value).replace("_", "").strip()
        try:
            number = Decimal(text)
        except InvalidOperation:
            raise self.wrong(name, value, "should be a decimal number") from None
        if len(text) > _LONGEST or abs(number.adjusted()) > _LARGEST_EXPONENT:
            raise self.wrong(name, value, "should be a decimal number such as 1250.5")
        if not number.is_finite() or number <= 0:
            raise self.wrong(name, value, "should be a number above 0")
        return text

    def choice(self, name: str, choices: Sequence[str], default: str | None = None) -> str:
        value = self.data.get(name, default)
        if value not in choices:
            wanted = " or ".join(f'"{choice}"' for choice in choices)
            raise self.wrong(name, value, f"should be {wanted}")
        return str(value)

    def whole(self, name: str) -> int:
        value = self.data.get(name)
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise self.wrong(name, value, "should be a whole number of 1 or more")
        if value > _MOST_WHOLE:
            raise self.wrong(name, value, f"should be a whole number from 1 to {_MOST_WHOLE}")
        return value

    def share(self, name: str, most: int, such: str) -> str | None:
        """Decimal text of a fraction above 0, which may be written in percent; None without it."""
        if name not in self.data:
            return None
        value = self.data[name]
        expected = f"should be above 0 and at most {most}, such as {such}"
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise self.wrong(name, value, expected)
        try:
            found = quantity(name, _text(value), least=0, most=most, expected=expected, above=True)
        except InputError:
            raise self.wrong(name, value, expected) from None
        return fraction_text(found)

    def moment(self, name: str) -> int:
        """Ms since 1970 of a time or a text that is one; UTC unless it says otherwise."""
        value = self.data.get(name)
        found = value
        if isinstance(value, str):
            try:
                found = datetime.fromisoformat(value.strip())
            except ValueError:
                found = None
        elif isinstance(value, date) and not isinstance(value, datetime):
            found = datetime.combine(value, time())
        if not isinstance(found, datetime) or not _FIRST_YEAR <= found.year <= _LAST_YEAR:
            raise self.wrong(name, value, "should be a time (UTC) such as 2025-11-28T08:00:00Z")
        return round(1000 * (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp())

    def exactly_one(self, *names: str) -> None:
        given = [name for name in names if name in self.data]
        if len(given) != 1:
            said = " and ".join(given) if given else "neither"
            raise InputError(f"{self.where}: give one of {', '.join(names)} (found {said})")

    def wrong(self, name: str, value: Any, expected: str) -> InputError:
        if value is None:
            return InputError(f"{self.where}: {name} is missing; it {expected}")
        return InputError(f"{self.where}: {name}: {_shown(value)!r} {expected}")


def _text(value: Any) -> str:
    """A value as text; a whole number in hexadecimal digits has no bound on how long it is."""
    try:
        return str(value)
    except ValueError:
        return "a number of thousands of digits"


def _shown(value: Any) -> str:
    """A value as an error shows it, cut where it is long."""
    text = _text(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _position(fields: _Fields) -> PositionText:
    fields.exactly_one("size", "notional")
    isolated = fields.choice("mode", ("cross", "isolated"), "cross") == "isolated"
    margin = fields.optional_number("margin")
    if margin is not None and not isolated:
        raise fields.wrong("margin", margin, 'belongs to mode = "isolated" only')
    return PositionText(
        market=fields.text("market"),
        is_long=fields.choice("side", ("long", "short")) == "long",
        size=fields.optional_number("size"),
        notional=fields.optional_number("notional"),
        entry=fields.optional_number("entry"),
        is_isolated=isolated,
        leverage=fields.whole("leverage"),
        margin=margin,
    )


def _order(fields: _Fields) -> OrderText:
    fields.exactly_one("size", "notional")
    fields.exactly_one("price", "stop", "take_profit")
    reduce_only = fields.data.get("reduce_only", "price" not in fields.data)
    if not isinstance(reduce_only, bool):
        raise fields.wrong("reduce_only", reduce_only, "should be true or false")
    return OrderText(
        market=fields.text("market"),
        side=Side.BUY if fields.choice("side", ("buy", "sell")) == "buy" else Side.SELL,
        size=fields.optional_number("size"),
        notional=fields.optional_number("notional"),
        price=fields.optional_number("price"),
        stop=fields.optional_number("stop"),
        take_profit=fields.optional_number("take_profit"),
        reduce_only=reduce_only,
    )


def _option(fields: _Fields) -> OptionText:
    return OptionText(
        market=fields.text("market"),
        kind=OptionKind.CALL
        if fields.choice("kind", ("call", "put")) == "call"
        else OptionKind.PUT,
        strike=fields.number("strike"),
        expiry_ms=fields.moment("expiry"),
        is_long=fields.choice("side", ("long", "short")) == "long",
        size=fields.number("size"),
        volatility=fields.share("volatility", _MOST_VOLATILITY, '"55%"'),
        forward=fields.optional_number("forward"),
        entry=fields.optional_number("entry"),
    )
