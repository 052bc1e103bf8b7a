"""Reading a policy from TOML: every field by name, with the line of what cannot be used.

``TABLES`` is the schema: the fields of each table, how each is read and what is right for it.
Shares may be written ``"60%"`` or ``0.6``, times ``"30s"``, ``"10m"``, ``"4h"``, ``"7d"`` or a
number of seconds, money in USD.
"""

import re
import tomllib
from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

from msgspec import NODEFAULT, Struct, structs

from seawall.domain import quantities
from seawall.domain.errors import InputError
from seawall.domain.units import DAY_MS, HOUR_MS, MICRO, PPM
from seawall.guard import policy as p
from seawall.guard.assess import IGNORE_DISAGREEMENT
from seawall.guard.policy_check import policy_faults
from seawall.report.kinds import typed_percent

Read = Callable[[str, Any], Any]
"""Gives the value of a field by its name. Raises InputError."""
OVERRIDES = (IGNORE_DISAGREEMENT, "fire_at_once")
"""What may be said for one run, on the command line, and never counts in a file."""
_UNITS_MS = {"ms": 1, "s": 1_000, "m": 60_000, "min": 60_000, "h": HOUR_MS, "d": DAY_MS}
_TIME = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|min|m|h|d)?\s*")
_NAME = re.compile(r"[^\x00-\x1f/\"]{1,40}")


class PolicyError(InputError):
    """A policy that cannot be used: its file, the line, the field, the value, what is right."""


def share(least: float = 0.0, most: float = 1.0) -> Read:
    """A share above ``least`` as parts per million."""

    def read(field: str, value: Any) -> int:
        low, high = typed_percent(least), typed_percent(most)
        expected = f"above {low} and at most {high}, such as 25%, in steps of 0.0001%"
        found = quantities.number(
            field, _plain(field, value, expected), least=least, most=most, expected=expected,
            above=True,
        )  # fmt: skip
        return _exact(field, value, found * PPM, expected)

    return read


def leverage(field: str, value: Any) -> int:
    """A leverage as parts per million."""
    expected = "a leverage above 0 and up to 1000, such as 3"
    bare = value.removesuffix("x") if isinstance(value, str) else value
    found = quantities.number(
        field, _plain(field, bare, expected), least=0, most=1000, expected=expected, above=True,
        percent=False,
    )  # fmt: skip
    return _exact(field, value, found * PPM, expected)


def usd(field: str, value: Any) -> int:
    """USD above 0 as micro-USD."""
    return quantities.usd(field, _plain(field, value, "USD above 0, such as 25000"))


def usd_or_none(field: str, value: Any) -> int:
    """USD of 0 or more as micro-USD."""
    expected = "USD of 0 or more, such as 500"
    found = quantities.number(
        field, _plain(field, value, expected), least=0, most=10**11, expected=expected,
        percent=False,
    )  # fmt: skip
    return int(found * MICRO)


def time(least_ms: int = 0, most_ms: int = 365 * DAY_MS) -> Read:
    """A length of time in milliseconds."""

    def read(field: str, value: Any) -> int:
        expected = "a time such as 30s, 10m, 4h or 7d"
        if least_ms or most_ms != 365 * DAY_MS:
            expected += f", from {_time_text(least_ms)} to {_time_text(most_ms)}"
        match = None if isinstance(value, bool) else _TIME.fullmatch(str(value))
        if match is None:
            raise InputError.of("", field, value, expected)
        found = Fraction(match[1]) * _UNITS_MS[match[2] or "s"]
        if not least_ms <= found <= most_ms:
            raise InputError.of("", field, value, expected)
        return _exact(field, value, found, expected)

    return read


def one_of(*choices: str) -> Read:
    """One of a few words."""

    def read(field: str, value: Any) -> str:
        if value not in choices:
            raise InputError.of("", field, value, " or ".join(choices))
        return str(value)

    return read


def name(field: str, value: Any) -> str:
    """A name of at most 40 characters on one line, without quotes and slashes."""
    if not isinstance(value, str) or not _NAME.fullmatch(value) or value != value.strip():
        expected = "a name in quotes, of 1 to 40 characters without slashes"
        raise InputError.of("", field, value, expected)
    return value


def count(least: int, most: int) -> Read:
    """A whole number."""

    def read(field: str, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise InputError.of("", field, value, f"a whole number from {least} to {most}")
        return value

    return read


def flag(field: str, value: Any) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise InputError.of("", field, value, "true or false")
    return value


def legs(field: str, value: Any) -> tuple[str, str]:
    """The names of two markets."""
    if not isinstance(value, list) or len(value) != 2 or value[0] == value[1]:
        raise InputError.of("", field, value, 'two markets, such as ["BTC", "ETH"]')
    return name(field, value[0]), name(field, value[1])


def observed(*outcomes: str) -> Read:
    """The age and the outcome of an input."""

    def read(field: str, value: Any) -> p.Input:
        expected = 'a table such as { max_age = "5s", outcome = "' + outcomes[0] + '" }'
        if not isinstance(value, dict) or set(value) != {"max_age", "outcome"}:
            raise InputError.of("", field, value, expected)
        age = time(100, DAY_MS)(f"{field}.max_age", value["max_age"])
        outcome = one_of(*outcomes)(f"{field}.outcome", value["outcome"])
        return p.Input(max_age_ms=age, outcome=outcome)

    return read


_ANY_RATIO = share(0.0, 10.0)
_SMALL = share(0.0, 0.5)
_WAIT = time()
_REDUCERS = (p.ALERT, p.TRIM, p.CLOSE)

TABLES: Mapping[str, tuple[type[Struct], Mapping[str, tuple[str, Read]]]] = {
    "account": (
        p.AccountLimits,
        {
            "risk_capital": ("risk_capital", usd),
            "margin_buffer": ("margin_buffer", usd_or_none),
            "max_leverage_trade": ("max_leverage_trade", leverage),
            "max_leverage_market": ("max_leverage_market", leverage),
            "max_leverage": ("max_leverage", leverage),
            "max_market_share": ("max_market_share", share()),
            "over_limit": ("over_limit", one_of(p.ALERT, p.CANCEL_ENTRIES, p.REDUCE)),
            "execution": ("execution", name),
        },
    ),
    "drawdown": (
        p.DrawdownLimits,
        {
            "from_peak": ("from_peak", share()),
            "from_day_start": ("from_day_start", share()),
            "smoothing": ("smoothing_ms", time(0, HOUR_MS)),
            "rearm": ("rearm", share()),
            "execution": ("execution", name),
        },
    ),
    "step": (
        p.Step,
        {
            "name": ("name", name),
            "on": ("on", one_of("all", "cross", "isolated")),
            "market": ("market", name),
            "measure": ("measure", one_of(p.MARGIN_RATIO, p.DISTANCE)),
            "trigger": ("trigger", _ANY_RATIO),
            "rearm": ("rearm", _ANY_RATIO),
            "hold": ("hold_ms", time(0, HOUR_MS)),
            "cooldown": ("cooldown_ms", _WAIT),
            "verify_after": ("verify_ms", time(1_000, DAY_MS)),
            "action": ("action", one_of(p.ALERT, p.CANCEL_ENTRIES, p.TOP_UP, *p.REDUCING)),
            "execution": ("execution", name),
            "share": ("share", share()),
            "target": ("target", _ANY_RATIO),
            "amount": ("amount", usd),
            "source": ("source", one_of(p.POOL, p.WALLET)),
            "max_count": ("max_count", count(1, 1000)),
            "max_total": ("max_total", usd),
            "min_move": ("min_move", _SMALL),
            "needs_depth": ("needs_depth", usd_or_none),
        },
    ),
    "stop": (
        p.Stop,
        {
            "name": ("name", name),
            "kind": ("kind", one_of(p.STOP, p.TAKE_PROFIT, p.TRAILING)),
            "market": ("market", name),
            "held_by": ("held_by", one_of(p.VENUE, p.GUARD)),
            "distance": ("distance", share(0.0, 10.0)),
            "price": ("price", usd),
            "share": ("share", share()),
            "move": ("move", _SMALL),
            "clearance": ("clearance", _SMALL),
            "slippage": ("slippage", _SMALL),
            "escalate_after": ("escalate_ms", time(1_000, DAY_MS)),
            "execution": ("execution", name),
        },
    ),
    "funding": (
        p.FundingLimits,
        {
            "max_payment": ("max_payment", usd),
            "max_total": ("max_total", usd),
            "days": ("days", count(1, 90)),
            "before": ("before_ms", time(0, 8 * HOUR_MS)),
            "action": ("action", one_of(*_REDUCERS)),
            "alert_on_change": ("alert_on_change", flag),
            "execution": ("execution", name),
        },
    ),
    "execution": (
        p.Execution,
        {
            "name": ("name", name),
            "style": ("style", one_of(p.MARKET, p.CHASE, p.TWAP, p.POV, p.ICEBERG)),
            "slippage_cap": ("slippage_cap", _SMALL),
            "max_slippage": ("max_slippage", _SMALL),
            "duration": ("duration_ms", time(1_000, 7 * DAY_MS)),
            "interval": ("interval_ms", time(100, HOUR_MS)),
            "participation": ("participation", share(0.0, 0.5)),
            "slice": ("slice", usd),
            "escalate_after": ("escalate_ms", time(1_000, 7 * DAY_MS)),
            "urgent_above": ("urgent_above", _ANY_RATIO),
        },
    ),
    "pair": (
        p.Pair,
        {
            "name": ("name", name),
            "legs": ("legs", legs),
            "when_leg_lost": ("when_leg_lost", one_of(p.ALERT, "match", p.CLOSE)),
            "tolerance": ("tolerance", _SMALL),
            "warn_distance": ("warn_distance", share()),
            "execution": ("execution", name),
        },
    ),
    "hands": (
        p.Hands,
        {
            "during_cooldown": (
                "during_cooldown",
                one_of(p.PANIC, p.NORMAL, p.MANUAL, p.TAKE_PROFIT_ONLY, p.GRACEFUL_STOP),
            )
        },
    ),
    "inputs": (
        p.Inputs,
        {
            "account": ("account", observed(p.DEFER, p.FAIL_CLOSED, p.FATAL)),
            "orders": ("orders", observed(p.DEFER, p.FAIL_CLOSED, p.FATAL)),
            "prices": ("prices", observed(p.DEFER, p.FAIL_CLOSED, p.FATAL)),
            "ledger": ("ledger", observed(p.PROPAGATE, p.DEFER, p.FATAL)),
            "book": ("book", observed(p.DEGRADE, p.DEFER)),
            "funding": ("funding", observed(p.UNAVAILABLE, p.DEFER)),
            "patience": ("patience_ms", time(1_000, HOUR_MS)),
            "margin_tolerance": ("margin_tolerance", _SMALL),
            "price_tolerance": ("price_tolerance", _SMALL),
        },
    ),
}
"""Of each table: its type, and of each field in the file the attribute and how it is read."""
LISTS = {"step": "steps", "stop": "stops", "execution": "executions", "pair": "pairs"}
"""Tables that are written several times, and the attribute that holds them."""
_TOP = ("name", "sweep", "real_money")


def load_policy(path: str | Path) -> p.Policy:
    """The policy of a file. Raises PolicyError naming file, line, field and value."""
    try:
        raw = Path(path).read_bytes()
    except OSError as error:
        raise PolicyError(f"{path}: cannot be read: {error.strerror}") from None
    return parse_policy(raw, str(path))


def parse_policy(raw: bytes | str, source: str = "policy") -> p.Policy:
    """The policy of a text; ``source``: what errors call it. Raises PolicyError."""
    try:
        text = raw.decode() if isinstance(raw, bytes) else raw
        data = tomllib.loads(text, parse_float=str)
    except (ValueError, RecursionError) as error:
        raise PolicyError(f"{source}: not valid TOML: {error}") from None
    reader = _Reader(source, lines_of(text))
    made = reader.policy(data)
    for place, field, value, expected in policy_faults(made):
        raise reader.error(InputError.of("", field, value, expected), place, field)
    return made


class _Reader:
    def __init__(self, source: str, lines: Mapping[tuple[str, int, str], int]) -> None:
        self._source, self._lines = source, lines

    def error(self, error: InputError, place: tuple[str, int], field: str) -> PolicyError:
        """The same with file, line and table in front."""
        table, number = place
        line = self._lines.get((table, number, field.partition(".")[0]))
        line = line or self._lines.get((table, number, ""))
        where = f"{self._source}: " + (f"line {line}: " if line else "")
        shown = f"[[{table}]] {number + 1}: " if table in LISTS else f"[{table}]: " if table else ""
        made = PolicyError(f"{where}{shown}{error}")
        made.field, made.value, made.expected = error.field, error.value, error.expected
        return made

    def policy(self, data: dict[str, Any]) -> p.Policy:
        stripped = tuple(each for each in OVERRIDES if data.pop(each, None) is not None)
        more = data.pop("overrides", {})
        stripped += tuple(more) if isinstance(more, dict) else ()
        found: dict[str, Any] = {}
        for key, value in data.items():
            if key in LISTS:
                rows = value if isinstance(value, list) else None
                if rows is None or not all(isinstance(each, dict) for each in rows):
                    raise self._wrong(("", 0), key, value, f"written as [[{key}]] tables")
                found[LISTS[key]] = tuple(self._table(key, n, row) for n, row in enumerate(rows))
            elif key in TABLES:
                if not isinstance(value, dict):
                    raise self._wrong(("", 0), key, value, f"written as a [{key}] table")
                found[key] = self._table(key, 0, value)
            elif key not in _TOP:
                known = ", ".join((*_TOP, *TABLES))
                raise self._wrong(("", 0), key, value, f"one of the fields: {known}", unknown=True)
        found["name"] = self._value(("", 0), "name", name, data.get("name"))
        if "sweep" in data:
            read = one_of("own", "all")
            found["sweep"] = self._value(("", 0), "sweep", read, data["sweep"])
        if "real_money" in data:
            found["real_money"] = self._value(("", 0), "real_money", flag, data["real_money"])
        if "account" not in found:
            message = "[account]: missing; a policy names at least its risk_capital"
            raise PolicyError(f"{self._source}: {message}")
        return p.Policy(**found, source=self._source, stripped=stripped)

    def _table(self, table: str, number: int, row: dict[str, Any]) -> Any:
        kind, fields = TABLES[table]
        place = table, number
        made: dict[str, Any] = {}
        for key, value in row.items():
            if key not in fields:
                known = ", ".join(fields)
                raise self._wrong(place, key, value, f"one of the fields: {known}", unknown=True)
            attribute, read = fields[key]
            made[attribute] = self._value(place, key, read, value)
        needed = {each.name for each in structs.fields(kind) if each.required}
        for key, (attribute, read) in fields.items():
            if attribute in needed and attribute not in made:
                self._value(place, key, read, None)
        return kind(**made)

    def _value(self, place: tuple[str, int], field: str, read: Read, value: Any) -> Any:
        try:
            return read(field, value)
        except InputError as error:
            if value is not None:
                raise self.error(error, place, field) from None
            missing = InputError.of("", field, None, error.expected)
            message = f"{field}: missing; should be {error.expected}"
            shown = InputError(message)
            shown.field, shown.expected = field, missing.expected
            raise self.error(shown, place, field) from None

    def _wrong(
        self, place: tuple[str, int], key: str, value: Any, expected: str, unknown: bool = False
    ) -> PolicyError:
        error = InputError.of("", key, value, expected)
        if unknown:
            error = InputError(f"{key}: unknown; should be {expected}")
            error.field, error.value, error.expected = key, value, expected
        return self.error(error, place, key)


def default_of(table: str, field: str) -> Any:
    """What a field is where the file does not say it; ``msgspec.NODEFAULT`` where it must."""
    kind, fields = TABLES[table]
    attribute = fields[field][0]
    found = next(each for each in structs.fields(kind) if each.name == attribute)
    return NODEFAULT if found.required else found.default


_HEADER = re.compile(r"\s*(\[\[?)\s*([\w.\"-]+)\s*\]\]?")
_KEY = re.compile(r"\s*([A-Za-z0-9_-]+)\s*[=.]")


def lines_of(text: str) -> dict[tuple[str, int, str], int]:
    """The line of each field by (table, number of the table among its like, field).

    Under the field ``""`` the line of the table's heading.
    """
    found: dict[tuple[str, int, str], int] = {}
    table, number = "", 0
    counts: dict[str, int] = {}
    for place, line in enumerate(text.splitlines(), start=1):
        header = _HEADER.match(line)
        key = _KEY.match(line)
        if header is not None:
            table, _, field = header[2].partition(".")
            number = counts.get(table, 0)
            if header[1] == "[[":
                counts[table] = number + 1
            else:
                number = 0
            found.setdefault((table, number, field), place)
        elif key is not None:
            found.setdefault((table, number, key[1]), place)
    return found


def _plain(field: str, value: Any, expected: str) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise InputError.of("", field, value, expected)
    return value


def _exact(field: str, value: Any, found: Fraction, expected: str) -> int:
    if found.denominator != 1:
        raise InputError.of("", field, value, expected)
    return int(found)


def _time_text(time_ms: int) -> str:
    for unit, size in (("d", DAY_MS), ("h", HOUR_MS), ("m", 60_000), ("s", 1_000)):
        if time_ms >= size and time_ms % size == 0:
            return f"{time_ms // size}{unit}"
    return f"{time_ms}ms" if time_ms else "0s"
