"""The question of ``seawall options``: which presets, which moment, and the account's answer."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path

from seawall.accounts.account import Account
from seawall.domain import quantities
from seawall.domain.errors import InputError
from seawall.domain.quantities import Amount
from seawall.lab.market.assumption_sheets import Used
from seawall.lab.market.assumptions import Assume
from seawall.lab.options.analysis import (
    ByVolatility,
    Cell,
    Deleveraged,
    Hedge,
    Moment,
    Pooling,
    UnderPreset,
    by_volatility,
    cells,
    deleveraged,
    hedges,
    moments,
    over_time,
    pooling,
    under_preset,
)
from seawall.lab.options.held import Held
from seawall.lab.options.pooled import Presets, Rates, pooled
from seawall.report.findings import Answer, Findings

DELEVERAGED_AFTER = "10%"
MOST_DAYS = 3_650


class OptionsResult(Answer, frozen=True, kw_only=True, eq=False):
    """An account under several presets. ``unusable``: presets that cannot margin it, and why.

    ``strictest``: the place of the preset that asks most initial margin; sentences are about it.
    """

    held: Held
    unusable: Mapping[str, str]
    now: Sequence[UnderPreset]
    pooled: Sequence[Pooling]
    hedges: Sequence[Hedge]
    by_volatility: Sequence[ByVolatility]
    cells: Sequence[Cell]
    deleveraged: Sequence[Deleveraged]
    over_time: Sequence[Moment]
    used: Used

    @property
    def strictest(self) -> int:
        return max(range(len(self.now)), key=lambda place: self.now[place].total.initial)

    def findings(self) -> Findings:
        from seawall.lab.options.sheets import findings

        return findings(self)


def options(
    account: Account,
    *,
    presets: Presets = (),
    surface: str | Path | None = None,
    time: str | None = None,
    days: Amount | None = None,
    deleveraged_after: Amount = DELEVERAGED_AFTER,
    funding: Rates = (),
    assume: Assume = None,
) -> OptionsResult:
    """Margin an account of perpetuals and options as one portfolio, and look at what it may meet.

    ``presets``: shipped ones by name, or files; all that ship if empty. ``surface``: a file of
    option quotes, for options without a volatility of their own. ``time``: the moment now, UTC; the
    account's, else that of the surface. ``days``: how far to look; until the last expiry if None.
    ``deleveraged_after``: how far a price goes in favour of a perpetual before it is deleveraged.
    ``funding``: rates of an hour that longs pay, by market or as ``BTC=0.00002``. Raises
    SeawallError for input that cannot be used.
    """
    after = float(_move(deleveraged_after))
    horizon = None if days is None else float(_days(days))
    pool = pooled(
        account, presets=presets, surface=surface, time=time, funding=funding, assume=assume
    )
    held, rules = pool.held, pool.rules
    books, cash = held.portfolios, held.cash
    mixed = [name for name, each in books.items() if each.futures and len(each.options)]
    with_options = [name for name, each in books.items() if len(each.options)]
    each_of = [(rule, name) for rule in rules for name in books]
    return OptionsResult(
        held=held,
        unusable=pool.unusable,
        now=[under_preset(rule, books, cash) for rule in rules],
        pooled=[pooling(rule, books, cash) for rule in rules],
        hedges=[
            found
            for rule, name in each_of
            if name in with_options
            for found in hedges(rule, name, books[name])
        ],
        by_volatility=[
            found
            for rule, name in each_of
            if name in with_options
            for found in by_volatility(rule, books, cash, name)
        ],
        cells=[found for rule, name in each_of for found in cells(rule, books, cash, name)],
        deleveraged=[
            found
            for rule, name in each_of
            if name in mixed
            for found in deleveraged(rule, books, cash, name, after)
        ],
        over_time=[
            found
            for rule in rules
            for found in over_time(rule, books, cash, moments(books, horizon))
        ],
        used=pool.used,
    )


def _days(days: Amount) -> Fraction:
    expected = f"days above 0 and at most {MOST_DAYS:,}, such as 30"
    return quantities.number(
        "days", days, least=0, most=MOST_DAYS, expected=expected, above=True, percent=False
    )


def _move(move: Amount) -> Fraction:
    sign, size = quantities.percent_move("deleveraged_after", move, highest=90, example="10%")
    if sign < 0:
        expected = "without a sign: the move is in favour of the perpetual, such as 10%"
        raise InputError.of("", "deleveraged_after", move, expected)
    return size
