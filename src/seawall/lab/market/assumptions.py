"""What the questions assume of markets: volatility, funding, depth, betas, open interest, fees.

One source for all of them: the figures of ``assumptions.toml``, each with its source and date, then
those of a file of the user's own, then what options and the account's venue say. Every question
reads them here, and ``lab/market/assumption_sheets`` prints those that it read.

A market that is not listed takes the figures of its group, by the greatest leverage that its venue
grants, because venues grant leverage by liquidity.
"""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from functools import cache
from importlib.resources import files
from math import sqrt
from pathlib import Path
from typing import Any

from msgspec import Struct, structs

from seawall.accounts.account import Account
from seawall.domain.instrument import Instrument
from seawall.domain.rulebook import AnyRulebook, BlockRulebook
from seawall.domain.units import MICRO
from seawall.lab.market.assumptions_file import (
    CORRELATION,
    LEAD,
    SHIPPED,
    AssumptionsError,
    Group,
    Stated,
    Tables,
    read_tables,
)
from seawall.lab.market.fees import fee_tier

__all__ = ["LEAD", "Assumed", "Assumptions", "AssumptionsError", "assumptions_of"]

AS_GIVEN = "as given"
FUNDING_OPTION = "--funding"
"""A rate that is stated so holds from now on, whatever the venue says."""
BETA, DEPTH, INTEREST = "beta", "depth", "open_interest"
WITH_JUMPS = "volatility_with_jumps"
"""Derived: what a year's returns scatter by, jumps included; an option may state it."""
Assumed = Stated
"""One figure: its value and where it comes from."""


class Assumptions(Struct, frozen=True, kw_only=True):
    """Figures of markets and those that all share. ``name`` of a file's, empty for the shipped.

    ``common``: by field; ``markets``: by market, then field; ``correlations``: by pair of markets.
    """

    name: str = ""
    common: Mapping[str, Assumed]
    markets: Mapping[str, Mapping[str, Assumed]]
    correlations: Mapping[frozenset[str], Assumed]
    groups: tuple[Group, ...]

    def shared(self, field: str) -> float:
        """A figure that all markets share."""
        return float(self.common[field].value)

    def of(self, field: str, market: str, leverage: int) -> Assumed:
        """A figure of a market. ``leverage``: the greatest that its venue grants there."""
        stated = self.markets.get(market, {}).get(field)
        if stated is not None:
            return stated
        if field == WITH_JUMPS:
            return self._with_jumps(market, leverage)
        usual = self.group_of(leverage).stated(field)
        return self._depth(usual, market, leverage) if field == DEPTH else usual

    def value(self, field: str, market: str, leverage: int) -> float:
        """The same as a number."""
        return float(self.of(field, market, leverage).value)

    def values(self, field: str, leverages: Mapping[str, int]) -> dict[str, float]:
        """The figure of each market, given with the greatest leverage there."""
        return {name: self.value(field, name, most) for name, most in leverages.items()}

    def correlation(self, one: str, other: str, leverages: Mapping[str, int]) -> Assumed:
        """Of the returns of two markets between jumps: the lower of their groups' if not listed."""
        stated = self.correlations.get(frozenset((one, other)))
        if stated is not None:
            return stated
        unlisted = [each for each in (one, other) if not self.is_listed(each)] or [one, other]
        groups = [self.group_of(leverages[each]) for each in unlisted]
        return min(groups, key=lambda each: each.correlation).stated(CORRELATION)

    def is_listed(self, market: str) -> bool:
        """Whether the volatility of a market is its own."""
        return "volatility" in self.markets.get(market, {})

    def group_of(self, leverage: int) -> Group:
        """The group of markets with so much leverage."""
        return next(each for each in self.groups if leverage >= each.least_leverage)

    def backstop(self, leverages: Mapping[str, int]) -> int:
        """Micro-USD of the backstop or the insurance fund behind these markets."""
        interest = sum(self.values(INTEREST, leverages).values())
        return round(self.shared("backstop_share") * interest * MICRO)

    def given(
        self, field: str, values: Mapping[str, float | Fraction], source: str = AS_GIVEN
    ) -> "Assumptions":
        """With other values of a field, by market. ``source``: a file or an option."""
        origin = AS_GIVEN if source.startswith("--") else source
        markets = {name: dict(fields) for name, fields in self.markets.items()}
        for name, value in values.items():
            exact = value if isinstance(value, Fraction) else Fraction(repr(float(value)))
            markets.setdefault(name, {})[field] = Assumed(exact, source, origin)
        return structs.replace(self, markets=markets)

    def given_shared(self, values: Mapping[str, float], source: str = AS_GIVEN) -> "Assumptions":
        """With other values of what all markets share, by field."""
        stated = {
            field: Assumed(Fraction(repr(float(value))), source, source)
            for field, value in values.items()
        }
        return structs.replace(self, common={**self.common, **stated})

    def given_correlations(
        self, values: Mapping[frozenset[str], float], source: str = AS_GIVEN
    ) -> "Assumptions":
        """With other correlations, by pair of markets."""
        stated = {
            pair: Assumed(Fraction(repr(float(value))), source, source)
            for pair, value in values.items()
        }
        return structs.replace(self, correlations={**self.correlations, **stated})

    def account(self, account: Account) -> Account:
        """The same account with the fees of the volume that is assumed."""
        book = self.rules(account.rulebook)
        # What its source wrote still describes it.
        return account if book is account.rulebook else structs.replace(account, rulebook=book)

    def rules(self, book: AnyRulebook) -> AnyRulebook:
        """The rules with the fees of the volume that is assumed: no tier below it pays others."""
        tier = fee_tier(book, round(self.shared("fee_volume") * MICRO))
        if tier == 0:
            return book
        # Two types with the same field; the checker follows each alone. Names of tiers stay.
        if isinstance(book, BlockRulebook):
            own = book.fee.tiers[tier]
            paid = tuple(
                structs.replace(each, taker_ppm=own.taker_ppm, maker_ppm=own.maker_ppm)
                for each in book.fee.tiers[:tier]
            )
            fee = structs.replace(book.fee, tiers=paid + book.fee.tiers[tier:])
            return structs.replace(book, fee=fee)
        reached = book.fee.tiers[tier]
        lower = tuple(
            structs.replace(each, taker_rate=reached.taker_rate, maker_rate=reached.maker_rate)
            for each in book.fee.tiers[:tier]
        )
        continuous = structs.replace(book.fee, tiers=lower + book.fee.tiers[tier:])
        return structs.replace(book, fee=continuous)

    def given_with_jumps(
        self, market: str, leverage: int, total: float, source: str
    ) -> "Assumptions":
        """With another volatility of a market, jumps included: what they leave is between them.

        Nothing where the jumps that are assumed scatter by more.
        """
        left = max(0.0, total**2 - self._jump_variance(market, leverage))
        found = self.given("volatility", {market: sqrt(left)}, source)
        return found.given(WITH_JUMPS, {market: total}, source)

    def _with_jumps(self, market: str, leverage: int) -> Assumed:
        """Standard deviation of a year's return, jumps included."""
        between = self.of("volatility", market, leverage)
        total = sqrt(float(between.value) ** 2 + self._jump_variance(market, leverage))
        return Assumed(Fraction(repr(round(total, 6))), between.source, between.origin)

    def _jump_variance(self, market: str, leverage: int) -> float:
        """Of a year's return by jumps alone."""
        share = self.value("jump_beta", market, leverage)
        mean, deviation = self.shared("jump_mean"), self.shared("jump_std")
        return self.shared("jump_rate") * share**2 * (mean**2 + deviation**2)

    def _depth(self, usual: Assumed, market: str, leverage: int) -> Assumed:
        """The depth of a group, within the shares of the open interest that fit it.

        A market of a billion is not quoted like one of a million, whatever leverage it is granted.
        """
        interest = self.of(INTEREST, market, leverage).value
        for field, bound in (("depth_of_interest", max), ("most_depth_of_interest", min)):
            share = self.common[field].value
            value = bound(usual.value, share * interest)
            if value != usual.value:
                words = f"{float(100 * share):g} % of the open interest"
                return Assumed(value, f"assumed: {words}", usual.origin)
        return usual


Assume = Assumptions | str | Path | None
"""Assumptions, the file that changes the shipped ones, or None for those."""


def assumptions_of(assume: Assume = None) -> Assumptions:
    """The assumptions of a question: the shipped ones, changed by a file's figures.

    Raises AssumptionsError naming the file, the field, the value and what would be right.
    """
    if isinstance(assume, Assumptions):
        return assume
    shipped = _shipped()
    if assume is None:
        return shipped
    path = Path(assume)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise AssumptionsError(f"assume: {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise AssumptionsError(f"assume: {path}: not a text file") from None
    return _changed(shipped, read_tables(text, str(path)), str(path))


def leverages_of(listed: Iterable[Instrument]) -> dict[str, int]:
    """The greatest leverage of each market, as its venue lists it, by name."""
    return {each.name: each.maximum_leverage for each in listed}


@cache
def _shipped() -> Assumptions:
    text = files("seawall.lab.market").joinpath(SHIPPED).read_text(encoding="utf-8")
    return _made(read_tables(text, SHIPPED, is_shipped=True))


def _made(tables: Tables, **fields: Any) -> Assumptions:
    return Assumptions(
        common=tables.common,
        markets=tables.markets,
        correlations=tables.correlations,
        groups=tables.groups,
        **fields,
    )


def _changed(shipped: Assumptions, own: Tables, name: str) -> Assumptions:
    """The shipped figures where the file has none of its own."""
    names = {**shipped.markets, **own.markets}
    return Assumptions(
        name=name,
        common={**shipped.common, **own.common},
        markets={
            each: {**shipped.markets.get(each, {}), **own.markets.get(each, {})} for each in names
        },
        correlations={**shipped.correlations, **own.correlations},
        groups=shipped.groups,
    )
