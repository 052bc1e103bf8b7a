"""Ladders as people write them: ``stop 50% at -5%, stop 50% at -10%``.

A ladder is a list of rungs with commas between them. A rung is for every position, or for one whose
market it begins with::

    stop 50% at -5%                         sold (bought back) at market once the mark is there
    take 50% at +8%                         the same on the winning side
    limit 50% at +8%                        rests in the book at that price
    add 5000 at -8%                         USD from outside for the position's bucket
    close 25% before funding above 0.01%    at market, before the first hour that costs more
    BTC stop 50% at 95000                   at a price of that market

Percentages of size are of the position as it is now. A level is counted from the price of now in
the direction of the position: -5% is 5 % against it, down for a long and up for a short. ``sigma``
instead of ``%``: the market's standard deviation of a day.
"""

import tomllib
from collections.abc import Sequence
from enum import StrEnum
from fractions import Fraction
from pathlib import Path

from msgspec import Struct

from seawall.domain.errors import InputError
from seawall.domain.quantities import number

MOST_RUNGS = 40
MOST_LADDERS = 20
NONE = "none"
_EXPECTED = (
    "such as 'stop 50% at -5%', 'take 50% at +8%', 'limit 50% at +8%', 'add 5000 at -8%', "
    "'close 25% before funding above 0.01%', or with a market first 'BTC stop 50% at 95000'"
)


class Action(StrEnum):
    STOP = "stop"
    TAKE = "take"
    LIMIT = "limit"
    ADD = "add"
    CLOSE = "close"


class Unit(StrEnum):
    """What a level is counted in."""

    SHARE = "%"
    SIGMA = "sigma"
    SPACE = "space"
    """Of the ready ladders: a day's deviation, or a quarter of the way to the liquidation price."""
    PRICE = "price"


class Rung(Struct, frozen=True, kw_only=True):
    """One order of a ladder. ``market``: None for every position.

    ``share``: of the position; ``level``: signed, in its ``unit``; ``amount``: USD; ``rate``: a
    fraction of notional an hour.
    """

    action: Action
    text: str
    market: str | None = None
    share: Fraction = Fraction(0)
    level: Fraction = Fraction(0)
    unit: Unit = Unit.SHARE
    amount: Fraction = Fraction(0)
    rate: Fraction = Fraction(0)


class Ladder(Struct, frozen=True, kw_only=True):
    """A named list of rungs; none for a position without exits."""

    name: str
    rungs: tuple[Rung, ...] = ()


def _spaced(action: Action, *levels: int) -> tuple[Rung, ...]:
    shares = [Fraction(1, len(levels))] * len(levels)
    return tuple(
        Rung(
            action=action, text=f"{action} at {level:+d}", share=share, level=Fraction(level),
            unit=Unit.SPACE,
        )
        for level, share in zip(levels, shares, strict=True)
    )  # fmt: skip


READY = (
    Ladder(name="one stop", rungs=_spaced(Action.STOP, -2)),
    Ladder(name="staggered stops", rungs=_spaced(Action.STOP, -1, -2, -3)),
    Ladder(name="tiered take-profits", rungs=_spaced(Action.TAKE, 1, 2, 3)),
    Ladder(
        name="closes before funding",
        rungs=tuple(
            Rung(
                action=Action.CLOSE, text=f"close 25% before funding above {rate}%",
                share=Fraction(1, 4), rate=Fraction(rate) / 100,
            )
            for rate in ("0.0025", "0.005", "0.01")
        ),
    ),
)  # fmt: skip
"""Compared where no ladder is given. Their levels fit any account: see ``Unit.SPACE``."""


def read_ladders(given: Sequence[str], files: Sequence[Path]) -> list[Ladder]:
    """The ladders of texts (``NAME = RUNGS``, ``RUNGS``, or the name of a ready one) and of files.

    A file is TOML with a line for each ladder: its name and its rungs, a text or a list of them.
    Without any, the ready ones. Raises InputError.
    """
    found: list[Ladder] = []
    for text in given:
        found += _ready(text) or [_written(text)]
    for file in files:
        found += _of_file(file)
    found = found or list(READY)
    names = [each.name for each in found]
    twice = next((name for name in names if names.count(name) > 1 or name == NONE), None)
    if twice is not None:
        raise InputError.of("", "ladder", twice, "another name: it is taken by another ladder")
    if len(found) > MOST_LADDERS:
        raise InputError.of("", "ladder", len(found), f"at most {MOST_LADDERS} ladders")
    return found


def _ready(text: str) -> list[Ladder]:
    if text.strip() == "ready":
        return list(READY)
    return [each for each in READY if each.name == text.strip()]


def _written(text: str) -> Ladder:
    name, equals, rungs = text.rpartition("=")
    if equals and not name.strip():
        raise InputError.of("", "ladder", text, "a name before '=', such as 'tight = stop ...'")
    return Ladder(name=name.strip() or rungs.strip(), rungs=read_rungs("", rungs))


def _of_file(file: Path) -> list[Ladder]:
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError.of(
            "", "ladders", str(file), f"a readable file: {error.strerror}"
        ) from None
    except ValueError as error:
        raise InputError.of("", "ladders", str(file), f"a TOML file: {error}") from None
    found = []
    for name, rungs in data.items():
        texts = rungs if isinstance(rungs, list) else [rungs]
        if not texts or not all(isinstance(each, str) for each in texts):
            raise InputError(f"{file}: {name}: should be rungs in quotes, {_EXPECTED}")
        found.append(Ladder(name=name, rungs=read_rungs(f"{file}: {name}", ", ".join(texts))))
    if not found:
        raise InputError(f'{file}: has no ladder; a line is NAME = "stop 50% at -5%"')
    return found


def read_rungs(where: str, text: str) -> tuple[Rung, ...]:
    """The rungs of a ladder's text. Raises InputError naming the rung and what would be right."""
    parts = [each.strip() for each in text.split(",")]
    if len(parts) > MOST_RUNGS:
        raise InputError.of(where, "ladder", len(parts), f"at most {MOST_RUNGS} rungs")
    return tuple(_rung(where, each) for each in parts)


def _rung(where: str, text: str) -> Rung:
    words = text.split()
    market = None
    if words and words[0] not in list(Action):
        market, *words = words
    words, level = words[:], None
    if len(words) >= 2 and words[0] == Action.CLOSE:
        return _close(where, text, market, words)
    if len(words) == 5 and words[4] == Unit.SIGMA:
        words, level = words[:4], Unit.SIGMA
    if len(words) != 4 or words[0] not in list(Action) or words[2] != "at":
        raise InputError.of(where, "ladder", text, _EXPECTED)
    action = Action(words[0])
    value, unit = _level(where, text, market, words[3], level)
    if action == Action.ADD:
        amount = _number(where, text, "add", words[1], "USD above 0, such as 5000", most=10**12,
                         percent=False)  # fmt: skip
        return Rung(action=action, text=text, market=market, level=value, unit=unit, amount=amount)
    if unit != Unit.PRICE:
        _check_side(where, text, action, value)
    return Rung(
        action=action, text=text, market=market, share=_share(where, text, words[1]), level=value,
        unit=unit,
    )  # fmt: skip


def _close(where: str, text: str, market: str | None, words: Sequence[str]) -> Rung:
    rate = Fraction(0)
    if list(words[2:4]) != ["before", "funding"] or len(words) not in (4, 6):
        raise InputError.of(where, "ladder", text, _EXPECTED)
    if len(words) == 6:
        if words[4] != "above":
            raise InputError.of(where, "ladder", text, _EXPECTED)
        expected = "a rate an hour, such as 0.01%"
        rate = _number(where, text, "above", words[5], expected, most=1, above=False)
    share = _share(where, text, words[1])
    return Rung(action=Action.CLOSE, text=text, market=market, share=share, rate=rate)


def _share(where: str, text: str, word: str) -> Fraction:
    return _number(where, text, "size", word, "a share of the position such as 50%", most=1)


def _level(
    where: str, text: str, market: str | None, word: str, unit: Unit | None
) -> tuple[Fraction, Unit]:
    """A signed level and its unit; a bare number is a price, of one market."""
    expected = "signed, such as -5%, +8% or -1.5 sigma; or with a market first a price"
    if unit == Unit.SIGMA:
        return _number(where, text, "at", word, expected, least=-100, most=100, above=False), unit
    if word.endswith("%"):
        found = _number(where, text, "at", word, expected, least=-10, most=10, above=False)
        return found, Unit.SHARE
    if market is None:
        raise InputError.of(where, "ladder", text, f"at: {expected}")
    return _number(where, text, "at", word, expected, most=10**15), Unit.PRICE


def _check_side(where: str, text: str, action: Action, level: Fraction) -> None:
    if action == Action.STOP and level >= 0:
        raise InputError.of(where, "ladder", text, "below 0: a stop lies against the position")
    if action != Action.STOP and level <= 0:
        raise InputError.of(where, "ladder", text, "above 0: it lies on the winning side")


def _number(
    where: str, text: str, name: str, word: str, expected: str, *, least: int = 0, most: int,
    above: bool = True, percent: bool = True,
) -> Fraction:  # fmt: skip
    try:
        return number(
            name, word, least=least, most=most, expected=expected, above=above, percent=percent
        )
    except InputError:
        raise InputError.of(
            where, "ladder", text, f"{name} {word!r} should be {expected}"
        ) from None
