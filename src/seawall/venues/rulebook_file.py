"""Reading a ``rulebook.toml``: a venue's rules as data, each number with its source.

Every entry is an inline table::

    [order]
    minimum_value = { value = "10", unit = "USD", source = "docs: order types",
                      as_of = "2026-08-22", mark = "documented" }

(on one line in the file). ``mark`` says how far to trust it:

* ``documented``: stated by the venue;
* ``observed``: not stated, but recomputed exactly from the venue's recorded data;
* ``assumed``: neither; a choice that can be overridden, with the reason in ``source``.

Decimals are text, so that no binary fraction comes between the file and the machine; fractions
become integers of 1e-9, funding numbers of 1e-12, USD micro-USD, each exactly or not at all.
Whole numbers and times in ms are TOML integers, choices are the lower-case names of the domain's
vocabularies. Every key of ``domain/rulebook.py`` must be there and no other.
"""

import re
import tomllib
from collections.abc import Callable, Mapping
from enum import IntEnum
from pathlib import Path
from typing import Any, NamedTuple

from seawall.domain import rulebook as rules
from seawall.domain.enums import (
    DeleveragingPrice,
    LiquidationPriceLimit,
    LiquidationStage,
    MarkMethod,
    PremiumMethod,
    PriceReference,
)
from seawall.domain.units import FUNDING_ONE, MAX_MONEY, MAX_TIME_MS, RATE_ONE, UnitError, to_units
from seawall.venues.known import DEFAULT_VENUE, VENUES

MARKS = ("documented", "observed", "assumed")
_ENTRY_KEYS = {"value", "unit", "source", "as_of", "mark"}
_DATE = re.compile(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])")


class RulebookError(ValueError):
    """A rulebook that cannot be used: its file, the key, the value and what would be right."""


class RuleSource(NamedTuple):
    """One entry as the file gives it. ``value`` is not converted."""

    value: Any
    mark: str
    source: str
    as_of: str


class _Kind(NamedTuple):
    """How one value is written: its unit and the way to the machine's integer."""

    unit: str
    convert: Callable[[Any], Any]
    """Raises ValueError whose text says what would be right."""


def _decimal(unit: str, decimals: int, least: int, most: int) -> _Kind:
    def convert(value: Any) -> int:
        if not isinstance(value, str):
            raise ValueError('a decimal number written as text, like "0.5"')
        try:
            units = to_units(value, decimals)
        except UnitError as error:
            raise ValueError(f"a number with at most {decimals} decimals ({error})") from None
        if not least <= units <= most:
            scale = 10**decimals
            raise ValueError(f"a number from {least / scale:g} to {most / scale:g}")
        return units

    return _Kind(unit, convert)


def _whole(unit: str, least: int, most: int) -> _Kind:
    def convert(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise ValueError(f"a whole number from {least} to {most}")
        return value

    return _Kind(unit, convert)


def _choice(family: type[IntEnum]) -> _Kind:
    names = {member.name.lower(): member for member in family}

    def convert(value: Any) -> IntEnum:
        if not isinstance(value, str) or value not in names:
            raise ValueError(f"one of {', '.join(names)}")
        return names[value]

    return _Kind("", convert)


def _yes_or_no() -> _Kind:
    def convert(value: Any) -> bool:
        if not isinstance(value, bool):
            raise ValueError("true or false")
        return value

    return _Kind("", convert)


def _rows(row: type[Any], kinds: tuple[_Kind, ...], most: int, order: str = "") -> _Kind:
    """A list of rows, each a list with one value per kind. ``order``: of the first column."""

    def convert(value: Any) -> tuple[Any, ...]:
        shape = f"at most {most} rows of {len(kinds)} values"
        if not isinstance(value, list) or len(value) > most:
            raise ValueError(shape)
        made = []
        for entry in value:
            if not isinstance(entry, list) or len(entry) != len(kinds):
                raise ValueError(shape)
            made.append([kind.convert(item) for kind, item in zip(kinds, entry, strict=True)])
        keys = [entry[0] for entry in made]
        wanted = sorted(set(keys), reverse=order == "descending")
        if keys != wanted:
            raise ValueError(f"rows in {order} order of their first value, none twice")
        return tuple(row(*entry) for entry in made)

    return _Kind("", convert)


def _stages() -> _Kind:
    one = _choice(LiquidationStage)

    def convert(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list) or not 1 <= len(value) <= 4:
            raise ValueError("a list of one to four stages")
        made = tuple(one.convert(item) for item in value)
        if len(set(made)) != len(made) or LiquidationStage.NO_STAGE in made:
            raise ValueError("stages out of book, backstop, insurance, deleverage, none twice")
        return made

    return _Kind("", convert)


_SHARE = _decimal("fraction", 9, 0, RATE_ONE)
_SIGNED_SHARE = _decimal("fraction", 9, -RATE_ONE, RATE_ONE)
_FUNDING = _decimal("fraction", 12, 0, FUNDING_ONE)
_USD = _decimal("USD", 6, 0, MAX_MONEY)
_MS = _whole("ms", 0, MAX_TIME_MS)
_INTERVAL = _whole("ms", 1, MAX_TIME_MS)
_COUNT = _whole("count", 0, 10**6)
_AT_LEAST_ONE = _whole("count", 1, 10**6)
_LEVERAGE = _whole("count", 0, 1000)

_KINDS: dict[str, dict[str, _Kind]] = {
    "margin": {
        "transfer_floor_rate": _SHARE,
        "default_leverage": _whole("count", 1, 1000),
    },
    "order": {
        "minimum_value": _USD,
        "closing_below_minimum_allowed": _yes_or_no(),
        "price_band_rate": _SHARE,
        "price_band_reference": _choice(PriceReference),
        "maximum_significant_figures": _whole("count", 0, 18),
        "market_value_caps": _rows(rules.ValueCap, (_LEVERAGE, _USD), 4, "descending"),
        "limit_value_factor": _AT_LEAST_ONE,
        "open_orders_base": _COUNT,
        "open_orders_volume_step": _decimal("USD", 6, 1, MAX_MONEY),
        "open_orders_maximum": _COUNT,
        "schedule_minimum_delay_ms": _MS,
        "schedule_daily_maximum": _COUNT,
        "schedule_minimum_volume": _USD,
        "reserve_fee": _yes_or_no(),
    },
    "fee": {
        "tiers": _rows(rules.FeeTier, (_USD, _SIGNED_SHARE, _SIGNED_SHARE), 16, "ascending"),
        "maker_rebates": _rows(rules.MakerRebate, (_SHARE, _SIGNED_SHARE), 3, "ascending"),
        "history_days": _whole("days", 1, 14),
    },
    "funding": {
        "interest": _decimal("fraction", 12, -FUNDING_ONE, FUNDING_ONE),
        "clamp": _FUNDING,
        "cap": _FUNDING,
        "intervals_per_period": _AT_LEAST_ONE,
        "sample_ms": _INTERVAL,
        "settlement_ms": _INTERVAL,
        "premium_method": _choice(PremiumMethod),
    },
    "mark": {
        "method": _choice(MarkMethod),
        "premium_decay_ms": _INTERVAL,
        "mid_decay_ms": _INTERVAL,
    },
    "liquidation": {
        "stages": _stages(),
        "partial_above": _USD,
        "portion_rate": _decimal("fraction", 9, 1, RATE_ONE),
        "cooldown_ms": _MS,
        "price_limit": _choice(LiquidationPriceLimit),
        "book_first_below_backstop": _yes_or_no(),
        "backstop_numerator": _whole("count", 0, 1000),
        "backstop_denominator": _whole("count", 1, 1000),
        "liquidations_per_command": _AT_LEAST_ONE,
        "fills_per_command": _AT_LEAST_ONE,
    },
    "deleveraging": {"price": _choice(DeleveragingPrice)},
}

_POLICIES: dict[str, Callable[..., Any]] = {
    "margin": rules.MarginPolicy,
    "order": rules.OrderPolicy,
    "fee": rules.FeePolicy,
    "funding": rules.FundingPolicy,
    "mark": rules.MarkPolicy,
    "liquidation": rules.LiquidationPolicy,
    "deleveraging": rules.DeleveragingPolicy,
}


def load_rulebook(
    name_or_path: str | Path = DEFAULT_VENUE, overrides: Mapping[str, str] | None = None
) -> rules.Rulebook:
    """The rulebook of a shipped venue or of a file.

    ``overrides`` replaces values by dotted key, written as in the file without quotes:
    ``{"order.price_band_rate": "0.95", "liquidation.stages": '["book", "deleverage"]'}``.

    Raises RulebookError.
    """
    path = _path_of(name_or_path)
    document = _read(path)
    entries = _entries(path, document)
    for key, text in (overrides or {}).items():
        if key not in entries:
            near = ", ".join(k for k in entries if k.split(".")[-1] == key.split(".")[-1])
            raise RulebookError(
                f"{path.name}: {key}: unknown rule" + (f"; did you mean {near}?" if near else "")
            )
        section, _, rule = key.partition(".")
        value = _override_value(_KINDS[section][rule], text)
        entries[key] = entries[key]._replace(value=value)
    policies: dict[str, Any] = {}
    for section, policy in _POLICIES.items():
        values = {}
        for rule, kind in _KINDS[section].items():
            key = f"{section}.{rule}"
            values[rule] = _converted(path, key, kind, entries[key].value)
        policies[section] = policy(**values)
    book = rules.Rulebook(name=document["name"], as_of=document["as_of"], **policies)
    _check_together(path, book)
    return book


def rulebook_sources(name_or_path: str | Path = DEFAULT_VENUE) -> dict[str, RuleSource]:
    """Every rule by dotted key with its value as written, its mark, its source and its date.

    Raises RulebookError.
    """
    path = _path_of(name_or_path)
    return _entries(path, _read(path))


def _path_of(name_or_path: str | Path) -> Path:
    if str(name_or_path) in VENUES:
        return Path(__file__).parent / str(name_or_path) / "rulebook.toml"
    return Path(name_or_path)


def _read(path: Path) -> dict[str, Any]:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        known = ", ".join(VENUES)
        raise RulebookError(
            f"{path}: cannot be read ({error.strerror}); name a file or one of: {known}"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RulebookError(f"{path}: not a TOML file: {error}") from None
    for key in ("name", "as_of"):
        if not isinstance(document.get(key), str):
            raise RulebookError(f"{path.name}: {key}: missing or not text")
    _check_date(path, "as_of", document["as_of"])
    unknown = sorted(set(document) - set(_KINDS) - {"name", "as_of"})
    if unknown:
        raise RulebookError(
            f"{path.name}: {unknown[0]}: unknown section; known are {', '.join(_KINDS)}"
        )
    return document


def _entries(path: Path, document: dict[str, Any]) -> dict[str, RuleSource]:
    entries: dict[str, RuleSource] = {}
    for section, kinds in _KINDS.items():
        table = document.get(section)
        if not isinstance(table, dict):
            raise RulebookError(f"{path.name}: [{section}]: missing section")
        for rule in table:
            if rule not in kinds:
                raise RulebookError(
                    f"{path.name}: {section}.{rule}: unknown rule; known are {', '.join(kinds)}"
                )
        for rule, kind in kinds.items():
            key = f"{section}.{rule}"
            if rule not in table:
                raise RulebookError(f"{path.name}: {key}: missing")
            entries[key] = _entry(path, key, kind, table[rule])
    return entries


def _entry(path: Path, key: str, kind: _Kind, raw: Any) -> RuleSource:
    where = f"{path.name}: {key}"
    if not isinstance(raw, dict):
        raise RulebookError(f"{where}: {raw!r}: write {{ value, source, as_of, mark }}")
    for name in raw:
        if name not in _ENTRY_KEYS:
            raise RulebookError(f"{where}.{name}: unknown; known are {', '.join(_ENTRY_KEYS)}")
    for name in ("value", "source", "as_of", "mark"):
        if name not in raw:
            raise RulebookError(f"{where}.{name}: missing")
    if not isinstance(raw["source"], str) or not raw["source"].strip():
        raise RulebookError(f"{where}.source: {raw['source']!r}: say where the value is from")
    if raw["mark"] not in MARKS:
        raise RulebookError(f"{where}.mark: {raw['mark']!r}: one of {', '.join(MARKS)}")
    if "unit" in raw and raw["unit"] != kind.unit:
        wanted = f"write {kind.unit!r}" if kind.unit else "this rule has no unit"
        raise RulebookError(f"{where}.unit: {raw['unit']!r}: {wanted}")
    _check_date(path, f"{key}.as_of", raw["as_of"])
    return RuleSource(raw["value"], raw["mark"], raw["source"], raw["as_of"])


def _check_date(path: Path, key: str, value: Any) -> None:
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        raise RulebookError(f"{path.name}: {key}: {value!r}: a date as text, like '2026-08-22'")


def _override_value(kind: _Kind, text: str) -> Any:
    """The text of an override as the file would hold it: decimals and names stay text."""
    try:
        return tomllib.loads(f"value = {text}")["value"] if kind.unit not in _TEXT_UNITS else text
    except (tomllib.TOMLDecodeError, KeyError):
        return text


_TEXT_UNITS = ("fraction", "USD")


def _converted(path: Path, key: str, kind: _Kind, value: Any) -> Any:
    try:
        return kind.convert(value)
    except ValueError as error:
        raise RulebookError(f"{path.name}: {key}: {value!r}: must be {error}") from None


def _check_together(path: Path, book: rules.Rulebook) -> None:
    """What no single value shows. Raises RulebookError."""
    caps = book.order.market_value_caps
    liquidation = book.liquidation
    problems = [
        (not caps or caps[-1].minimum_maximum_leverage != 0,
         "order.market_value_caps: the last row must be for leverage 0"),
        (not book.fee.tiers or book.fee.tiers[0].volume_above != 0,
         "fee.tiers: the first row must be for volume 0"),
        (book.order.open_orders_maximum < book.order.open_orders_base,
         "order.open_orders_maximum: must not be below open_orders_base"),
        (liquidation.backstop_numerator > liquidation.backstop_denominator,
         "liquidation.backstop_numerator: must not exceed backstop_denominator"),
        (book.funding.settlement_ms < book.funding.sample_ms,
         "funding.settlement_ms: must not be below sample_ms"),
    ]  # fmt: skip
    for wrong, message in problems:
        if wrong:
            raise RulebookError(f"{path.name}: {message}")
