"""The assumptions that a question read, as rows: which, of which market, its value, its source."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

from msgspec import Struct, structs

from seawall.domain.rulebook import AnyRulebook
from seawall.domain.units import MICRO, RATE_ONE
from seawall.lab.market.assumptions import DEPTH, FUNDING_OPTION, WITH_JUMPS, Assumptions
from seawall.lab.market.assumptions_file import (
    COMMON_FIELDS,
    CORRELATION,
    CORRELATIONS,
    MARKET_FIELDS,
    Field,
)
from seawall.lab.market.fees import fee_rates
from seawall.report import kinds
from seawall.report.kinds import NUMBER, TEXT
from seawall.report.sheet import Column, Sheet

FUNDING_NOW = "funding_now"
BACKSTOP = "backstop"
FUNDING = ("funding", FUNDING_NOW)
FUNDING_MOVES = ("funding_deviation",)
FUNDING_RETURNS = ("funding_half_life_hours",)
PRICES = ("volatility", WITH_JUMPS, "jump_beta")
BOOK = (DEPTH, "spread_bp")
JUMPS = ("jump_rate", "jump_mean", "jump_std")
VOLATILITY_MOVES = ("volatility_of_volatility", "volatility_half_life_days")
_NO_RATES: Mapping[str, float] = {}


class AssumedRow(Struct, frozen=True):
    """One assumption. ``market``: empty for all; ``text``: the value as people read it."""

    field: str
    market: str
    words: str
    value: float
    text: str
    source: str


class Used(Struct, frozen=True, kw_only=True):
    """What a question read of the assumptions.

    ``leverages``: its markets with the greatest leverage there. ``fields``: of each market;
    ``shared``: of all. ``books``: whose fees are paid. ``rates_now``: funding rates of this hour
    that the account's venue says. ``backstop``: micro-USD and its source, where it is not the
    share of the open interest. ``has_correlations``: whether returns of markets move together.
    """

    assumptions: Assumptions
    leverages: Mapping[str, int]
    fields: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()
    books: tuple[AnyRulebook, ...] = ()
    rates_now: Mapping[str, float] = _NO_RATES
    has_backstop: bool = False
    backstop: tuple[int, str] | None = None
    has_correlations: bool = False

    @property
    def rows(self) -> list[AssumedRow]:
        """A row for each figure, in order."""
        return [*self._of_markets(), *self._of_pairs(), *self._of_all(), *self._fees()]

    def sheets(self) -> list[Sheet]:
        """A row for each assumption for people, and for each figure for programs."""
        return assumed_sheets(self.rows)

    def _of_markets(self) -> Iterator[AssumedRow]:
        for field in self.fields:
            for market, most in self.leverages.items():
                if field == FUNDING_NOW:
                    stated = self.assumptions.of("funding", market, most).source
                    if market in self.rates_now and stated != FUNDING_OPTION:
                        kind, rate = MARKET_FIELDS["funding"], self.rates_now[market]
                        words = f"{kind.words}, now"
                        yield AssumedRow(
                            field, market, words, rate, kind.text(rate), "the account's venue"
                        )
                    continue
                found = self.assumptions.of(field, market, most)
                kind = _WITH_JUMPS if field == WITH_JUMPS else MARKET_FIELDS[field]
                value = float(found.value)
                text = kind.text(value)
                yield AssumedRow(field, market, kind.words, value, text, found.source)

    def _of_pairs(self) -> Iterator[AssumedRow]:
        if not self.has_correlations:
            return
        for one, other in combinations(self.leverages, 2):
            found = self.assumptions.correlation(one, other, self.leverages)
            value = float(found.value)
            yield AssumedRow(
                CORRELATION, f"{one} and {other}", CORRELATIONS.words, value,
                CORRELATIONS.text(value), found.source,
            )  # fmt: skip

    def _of_all(self) -> Iterator[AssumedRow]:
        for field in self.shared:
            kind, found = COMMON_FIELDS[field], self.assumptions.common[field]
            value = float(found.value)
            yield AssumedRow(field, "", kind.words, value, kind.text(value), found.source)
        if self.has_backstop:
            share = self.assumptions.common["backstop_share"]
            usual = f"{float(100 * share.value):g} % of the open interest: {share.source}"
            found_usd, source = self.backstop or (self.assumptions.backstop(self.leverages), usual)
            text = f"{kinds.money(found_usd)} USD"
            words = "backstop or insurance fund"
            yield AssumedRow(BACKSTOP, "", words, found_usd / MICRO, text, source)

    def _fees(self) -> Iterator[AssumedRow]:
        volume = self.assumptions.shared("fee_volume")
        for book in self.books:
            rates = fee_rates(book, round(volume * MICRO))
            traded = f"{kinds.usd(volume)} USD traded in the fee window"
            source = f"rules of {book.name} as of {book.as_of}, {traded}"
            for name, rate in (("taker", rates.taker), ("maker", rates.maker)):
                value = rate / RATE_ONE
                text = kinds.probability(value)
                words = f"{name} fee, {book.name}"
                yield AssumedRow(f"{name}_fee", "", words, value, text, source)


def assumed_sheets(rows: Sequence[AssumedRow]) -> list[Sheet]:
    """A row for each assumption for people, and for each figure for programs."""
    together: dict[tuple[str, str], list[AssumedRow]] = {}
    for each in rows:
        together.setdefault((each.words, each.source), []).append(each)
    return [
        Sheet(
            name="assumed",
            title="Assumptions by market",
            rows=rows,
            columns=[
                Column("assumption", get="field"), Column("market"), Column("words"),
                Column("value", NUMBER), Column("text"), Column("source"),
            ],
            on="data",
        ),
        Sheet(
            name="assumed_shown",
            title="Assumptions",
            rows=list(together.values()),
            columns=[
                Column("assumption", get=lambda same: same[0].words),
                Column("value", TEXT, _together),
                Column("source", get=lambda same: same[0].source),
            ],
            note="--assume FILE changes them for every command.",
            on="screen",
        ),
    ]  # fmt: skip


def rows_together(*used: Used | None) -> list[AssumedRow]:
    """The rows of several parts of one question, each once."""
    return list(dict.fromkeys(row for each in used if each is not None for row in each.rows))


def rows_of_days(days: Mapping[str, Used]) -> list[AssumedRow]:
    """The rows of several days by their names: what differs between them says which day it is."""
    found: dict[tuple[str, str, str], dict[str, AssumedRow]] = {}
    for day, used in days.items():
        for row in used.rows:
            found.setdefault((row.field, row.market, row.words), {})[day] = row
    made = []
    for by_day in found.values():
        if len(set(by_day.values())) == 1:
            made.append(next(iter(by_day.values())))
        else:
            made += [
                structs.replace(row, words=f"{row.words}, {day}") for day, row in by_day.items()
            ]
    return made


def _together(same: Sequence[AssumedRow]) -> str:
    return ", ".join(f"{each.market} {each.text}".strip() for each in same)


_WITH_JUMPS = Field("volatility a year, jumps included", kinds.probability, 0, 20, "54%")
