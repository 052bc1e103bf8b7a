"""What a run over the vectors found: per group its cases, each with what differs.

Numbers of the file stay text until they are compared, so that no binary fraction comes between.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from fractions import Fraction
from typing import Any

from seawall.domain.units import money_text
from seawall.venues.numbers import exact_money

_NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
_DOUBLE = Fraction(1, 2**50)
"""What a figure may have lost, of its size, by having been a double before it was printed."""

Case = Mapping[str, Any]


class Check:
    """One case. Nothing compared is a failure too."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.compared = 0
        self.failures: list[str] = []
        self.notes: list[str] = []

    def equal(self, what: str, actual: Any, expected: Any) -> None:
        self.compared += 1
        if actual != expected:
            self.failures.append(f"{what}: {shown(actual)}, expected {shown(expected)}")

    def money(self, what: str, micro: int, printed: Any) -> None:
        """To the micro-USD; the file may print the double next to it."""
        self.equal(what, money_text(int(micro)), money_text(exact_money(what, number(printed))))

    def near(self, what: str, actual: Fraction | None, printed: Any, decimals: int = 0) -> None:
        """All printed digits. ``decimals``: to how many it was printed before zeros were cut."""
        self.compared += 1
        if actual is None or printed is None:
            if actual is not None or printed is not None:
                self.failures.append(f"{what}: {shown(actual)}, expected {shown(printed)}")
            return
        text = number(printed)
        allowed = Fraction(1, 2 * 10 ** max(decimals_of(text), decimals))
        allowed += abs(Fraction(text)) * _DOUBLE
        if abs(actual - Fraction(text)) > allowed:
            self.failures.append(f"{what}: {shown(actual)}, expected {text}")

    def decimal(self, what: str, actual: Fraction, printed: Any) -> None:
        """An exact number to the last printed digit, which may be rounded."""
        self.compared += 1
        text = number(printed)
        if 2 * abs(actual - Fraction(text)) * 10 ** decimals_of(text) > 1:
            self.failures.append(f"{what}: {actual}, expected {text}")

    def note(self, text: str) -> None:
        self.notes.append(text)


class Group:
    """The cases of one group of the file, and what of it is not the machine's."""

    def __init__(self) -> None:
        self.cases: list[Check] = []
        self.outside: list[str] = []
        self.unknown: list[str] = []

    @contextmanager
    def case(self, name: str) -> Iterator[Check]:
        """Whatever goes wrong inside belongs to this case alone."""
        check = Check(name)
        self.cases.append(check)
        try:
            yield check
        except Exception as error:
            check.failures.append(f"{type(error).__name__}: {error}")
        else:
            if not check.compared:
                check.failures.append("nothing was compared")

    def parts(self, data: Case, known: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        """The known parts that are there; remarks pass in silence, the rest is unknown."""
        for key, value in data.items():
            if key in known:
                yield key, value
            elif not isinstance(value, str):
                self.unknown.append(key)

    def result(self) -> dict[str, Any]:
        return {
            "total": len(self.cases),
            "matched": sum(not check.failures for check in self.cases),
            "failures": [f"{c.name}: {text}" for c in self.cases for text in c.failures],
            "notes": [f"{c.name}: {text}" for c in self.cases for text in c.notes],
            "outside": self.outside,
            "unknown": self.unknown,
        }


def shown(value: Any) -> str:
    return f"{float(value):.12g}" if isinstance(value, Fraction) else str(value)


def number(value: Any) -> str:
    """The number at the start of a text that may go on with a remark."""
    found = _NUMBER.match(str(value))
    if found is None:
        raise ValueError(f"{value!r} does not begin with a number")
    return found[0]


def decimals_of(text: str) -> int:
    exponent = Decimal(text).as_tuple().exponent
    assert isinstance(exponent, int)
    return max(0, -exponent)


def listed(value: Any) -> list[Any]:
    """One case may stand for a list of one."""
    return list(value) if isinstance(value, list) else [value]


def first_of(case: Case, *names: str) -> Any:
    """The value of the first of these keys that is there. Raises KeyError naming them all."""
    for name in names:
        if name in case:
            return case[name]
    raise KeyError(f"none of {', '.join(names)}")
