"""Files of assumptions: which figures there are, and what each may be.

The shipped file and one that ``--assume`` names have the same tables: ``[common]`` and
``[market.NAME]``; only the shipped one has groups and sources of its own.
"""

import tomllib
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from msgspec import Struct, structs

from seawall.domain.errors import InputError
from seawall.domain.quantities import number
from seawall.report import kinds

SHIPPED = "assumptions.toml"
LEAD = "BTC"
"""The market whose jumps and moves the others follow."""
SHIPPED_ORIGIN = "shipped"
GROUP_ORIGIN = "assumed: markets of"
NO_BETA = "assumed: nothing measured, the middle of the measured altcoins"
CORRELATION = "correlation"
Text = Callable[[float], str]


class Field(Struct, frozen=True):
    """A figure: what it is, how it is read, and the least and the most it may be.

    ``such``: a value that would be right.
    """

    words: str
    text: Text
    least: float
    most: float
    such: str


def _usd(value: float) -> str:
    return f"{kinds.usd(value)} USD"


def _of(unit: str) -> Text:
    return lambda value: f"{kinds.three_figures(value)} {unit}".rstrip()


MARKET_FIELDS: Mapping[str, Field] = {
    "volatility": Field("volatility a year between jumps", kinds.probability, 0, 20, "45%"),
    "jump_beta": Field(f"share of a jump of {LEAD}", _of(""), -20, 20, "1.4"),
    "funding": Field(
        "funding rate an hour that longs pay", kinds.probability, -0.04, 0.04, "0.00002"
    ),
    "funding_deviation": Field(
        "standard deviation of funding an hour", kinds.probability, 0, 0.04, "0.00003"
    ),
    "beta": Field(f"move when {LEAD} moves 1 %", _of("%"), -20, 20, "1.4"),
    "depth": Field("depth within 50 bp per side", _usd, 1, 1e9, "5000000"),
    "spread_bp": Field("spread", _of("bp"), 0.01, 5_000, "1.5"),
    "open_interest": Field("open interest of one side", _usd, 1, 1e12, "300000000"),
    "volume": Field("traded in a day", _usd, 1, 1e15, "90000000"),
}
COMMON_FIELDS: Mapping[str, Field] = {
    "jump_rate": Field("jumps a year", _of(""), 0, 10_000, "50"),
    "jump_mean": Field("mean of a jump", kinds.probability, -1, 1, "-0.5%"),
    "jump_std": Field("standard deviation of a jump", kinds.probability, 0, 1, "4%"),
    "volatility_of_volatility": Field("deviation of log volatility", _of(""), 0, 5, "0.4"),
    "volatility_half_life_days": Field("half-life of volatility", _of("days"), 0.01, 3_650, "20"),
    "funding_half_life_hours": Field("half-life of funding", _of("hours"), 0.01, 1e5, "30"),
    "backstop_share": Field(
        "backstop or insurance fund, of the open interest", kinds.probability, 0, 10, "1%"
    ),
    "depth_of_interest": Field(
        "least depth, of the open interest", kinds.probability, 0, 1, "0.5%"
    ),
    "most_depth_of_interest": Field(
        "greatest depth, of the open interest", kinds.probability, 0, 1, "5%"
    ),
    "fee_volume": Field("traded in the fee window", _usd, 0, 1e11, "6000000"),
}
CORRELATIONS = Field("correlation of returns between jumps", _of(""), -1, 1, "0.7")


class AssumptionsError(InputError):
    """A file of assumptions that cannot be used: its field, value and what would be right."""


class Stated(Struct, frozen=True):
    """A figure and where it comes from. ``origin``: the same in short."""

    value: Fraction
    source: str
    origin: str = SHIPPED_ORIGIN

    @property
    def is_shipped(self) -> bool:
        """Whether no file or option says it, but Seawall, of this market or its group."""
        return self.origin == SHIPPED_ORIGIN or self.origin.startswith(GROUP_ORIGIN)


class Group(Struct, frozen=True, kw_only=True):
    """The figures of markets that are not listed, from ``least_leverage`` on, by field."""

    least_leverage: int
    correlation: Fraction
    values: Mapping[str, Fraction]

    def stated(self, field: str) -> Stated:
        """A figure of the group."""
        origin = f"{GROUP_ORIGIN} {self.least_leverage}x and more"
        value = self.correlation if field == CORRELATION else self.values[field]
        return Stated(value, NO_BETA if field == "beta" else origin, origin)


class Tables(Struct, frozen=True, kw_only=True):
    """What a file states. ``correlations``: by pair of markets."""

    common: Mapping[str, Stated]
    markets: Mapping[str, Mapping[str, Stated]]
    correlations: Mapping[frozenset[str], Stated]
    groups: tuple[Group, ...]


def read_tables(text: str, where: str, *, is_shipped: bool = False) -> Tables:
    """The figures of a file's text. ``where``: its name. Raises AssumptionsError."""
    try:
        data = tomllib.loads(text, parse_float=str)
    except (ValueError, RecursionError) as error:
        raise AssumptionsError(f"assume: {where}: not valid TOML: {error}") from None
    return _Reader(where, data, is_shipped=is_shipped).tables()


class _Reader:
    """Reads one file; each check names the file, the field and the value."""

    def __init__(self, where: str, data: Mapping[str, Any], *, is_shipped: bool) -> None:
        self._where, self._data, self._is_shipped = where, data, is_shipped
        own = ("source", "group") if is_shipped else ("source", "as_of")
        self._check_names("", data, ("common", "market", *own))
        self._texts: dict[str, str] = {}
        self._source_of: dict[str, str] = {}
        if is_shipped:
            for each in data["source"]:
                dated = f" (as of {each['as_of']})" if "as_of" in each else ""
                self._texts[each["name"]] = each["text"] + dated
                self._source_of |= dict.fromkeys(each.get("of", ()), each["name"])

    def tables(self) -> Tables:
        markets: dict[str, dict[str, Stated]] = {}
        pairs: dict[frozenset[str], Stated] = {}
        for name, table in self._table("market", self._data.get("market", {})).items():
            fields = self._table(f"market.{name}", table)
            markets[name] = self._market(name, fields)
            with_others = self._table(f"market.{name}.correlation", fields.get(CORRELATION, {}))
            for other, value in with_others.items():
                field = f"market.{name}.correlation.{other}"
                pairs[frozenset((name, other))] = self._stated(
                    field, CORRELATION, value, CORRELATIONS, {}
                )
        common = self._table("common", self._data.get("common", {}))
        self._check_names("common", common, COMMON_FIELDS)
        return Tables(
            common={
                field: self._stated(f"common.{field}", field, value, COMMON_FIELDS[field], {})
                for field, value in common.items()
            },
            markets=markets,
            correlations=pairs,
            groups=tuple(map(self._group, self._data.get("group", ()))),
        )

    def _market(self, name: str, table: Mapping[str, Any]) -> dict[str, Stated]:
        own = ("sources",) if self._is_shipped else ()
        self._check_names(f"market.{name}", table, (*MARKET_FIELDS, CORRELATION, *own))
        return {
            field: self._stated(
                f"market.{name}.{field}", field, table[field], kind, table.get("sources", {})
            )
            for field, kind in MARKET_FIELDS.items()
            if field in table
        }

    def _group(self, table: Mapping[str, Any]) -> Group:
        return Group(
            least_leverage=table["least_leverage"],
            correlation=Fraction(table[CORRELATION]),
            values={field: Fraction(str(table[field])) for field in MARKET_FIELDS},
        )

    def _stated(
        self, place: str, field: str, value: Any, kind: Field, sources: Mapping[str, str]
    ) -> Stated:
        expected = f"a number from {kind.least:g} to {kind.most:g}, such as {kind.such}"
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise self._error(place, value, expected)
        if field == "beta" and place == f"market.{LEAD}.beta":
            kind = structs.replace(kind, least=1, most=1)
            expected = "1: the others follow it"
        try:
            found = number(place, value, least=kind.least, most=kind.most, expected=expected)
        except InputError as error:
            raise self._error(place, error.value, expected) from None
        if not self._is_shipped:
            own = self._data.get("source", "")
            dated = f" (as of {self._data['as_of']})" if "as_of" in self._data else ""
            return Stated(found, f"{self._where}{': ' if own else ''}{own}{dated}", self._where)
        source = sources.get(field) or self._source_of[field]
        return Stated(found, self._texts[source])

    def _table(self, place: str, value: Any) -> Mapping[str, Any]:
        if not isinstance(value, Mapping):
            raise self._error(place, value, "a table")
        return value

    def _check_names(self, place: str, table: Mapping[str, Any], known: Any) -> None:
        for name in table:
            if name not in known:
                expected = f"one of {', '.join(known)}"
                raise self._error(place or "table", name, expected)

    def _error(self, field: str, value: Any, expected: str) -> AssumptionsError:
        error = AssumptionsError.of(f"assume: {self._where}", field, value, expected)
        # The message begins with the option, so that a command names it as it is typed.
        error.field = "assume"
        return error
