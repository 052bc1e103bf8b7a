"""What an indexer's account answer means: requirements and liquidation prices, computed here.

Each subaccount is an account of its own; the sum over the children of a parent is a sum and no
margin. The indexer's figures are read only to compare with. Two free amounts are shown, because
they differ: the indexer's free collateral takes the base initial fractions, the chain lets go only
of what is above the requirement grown with open interest.
"""

from collections.abc import Sequence
from fractions import Fraction

from msgspec import Struct

from seawall.domain.rulebook import BlockRulebook
from seawall.domain.units import MICRO, fraction_text
from seawall.venues.dydx.account.liquidation_boundary import (
    LiquidationBoundary,
    bankruptcy_price,
    fillable_price,
    liquidation_boundary,
)
from seawall.venues.dydx.account.machine import AccountMachine, PositionReading, Standing
from seawall.venues.dydx.account.state import AccountState, PositionState, SubaccountState


class PositionReport(Struct, frozen=True, kw_only=True):
    """One position with its requirements and where it is liquidated. Prices in USD.

    ``then``: once the oracle price has reached the liquidation price, None without one.
    """

    subaccount: int
    state: PositionState
    reading: PositionReading
    standing: Standing
    """Of its account, now."""
    boundary: LiquidationBoundary
    then: PositionReading | None
    bankruptcy_price: Fraction | None
    bankruptcy_price_then: Fraction | None
    fillable_price: Fraction | None
    """Only where the account is liquidatable now."""
    fillable_price_then: Fraction | None

    @property
    def liquidation_price(self) -> Fraction | None:
        return None if self.boundary.price is None else self.state.market.usd(self.boundary.price)

    @property
    def leverage(self) -> Fraction | None:
        """Notional over the net collateral of its subaccount; None where that is not above 0."""
        if self.standing.net_collateral <= 0:
            return None
        return Fraction(abs(self.reading.value), self.standing.net_collateral)

    @property
    def distance(self) -> Fraction | None:
        """How far the oracle price may move against the position, as a share of it."""
        if self.boundary.price is None:
            return None
        return self.state.side * (1 - Fraction(self.boundary.price, self.state.market.oracle_price))


class SubaccountReport(Struct, frozen=True, kw_only=True):
    """One subaccount. Money in micro-USD, the indexer's figures as exact USD."""

    state: SubaccountState
    standing: Standing
    positions: tuple[PositionReport, ...]

    @property
    def exact_equity(self) -> Fraction:
        """As the indexer computes it: without rounding."""
        return self.state.exact_equity

    @property
    def free_collateral(self) -> Fraction:
        """Likewise: equity less the base initial fraction of every notional."""
        return self.exact_equity - sum(
            abs(p.exact_value) * p.market.base_fraction for p in self.state.positions
        )

    @property
    def free_on_chain(self) -> int:
        """Net collateral above the initial requirement; what may leave, if positive."""
        return self.standing.net_collateral - self.standing.initial


class AccountReport(Struct, frozen=True, kw_only=True):
    state: AccountState
    subaccounts: tuple[SubaccountReport, ...]
    book: BlockRulebook
    warnings: tuple[str, ...]

    @property
    def positions(self) -> tuple[PositionReport, ...]:
        return tuple(p for subaccount in self.subaccounts for p in subaccount.positions)


def account_report(state: AccountState, book: BlockRulebook) -> AccountReport:
    """Requirements and liquidation prices of every position. Raises VenueDataError."""
    machine = AccountMachine(state, book)
    subaccounts = tuple(
        _subaccount_report(machine, place, subaccount)
        for place, subaccount in enumerate(state.subaccounts)
    )
    warnings = tuple(_differences(state, subaccounts))
    return AccountReport(state=state, subaccounts=subaccounts, book=book, warnings=warnings)


def _subaccount_report(
    machine: AccountMachine, place: int, state: SubaccountState
) -> SubaccountReport:
    standing = machine.standing(place)
    readings = machine.positions(place)
    return SubaccountReport(
        state=state,
        standing=standing,
        positions=tuple(
            _position_report(machine, place, state, index, reading)
            for index, reading in enumerate(readings)
        ),
    )


def _position_report(
    machine: AccountMachine,
    place: int,
    subaccount: SubaccountState,
    index: int,
    reading: PositionReading,
) -> PositionReport:
    state = subaccount.positions[index]
    standing = machine.standing(place)
    boundary = liquidation_boundary(machine, place, state, reading)
    then, bankruptcy_then = None, None
    if boundary.price is not None and boundary.there is not None:
        with machine.at_price(state.market, boundary.price):
            then = machine.positions(place)[index]
        bankruptcy_then = bankruptcy_price(state, boundary.there, then)
    return PositionReport(
        subaccount=subaccount.number,
        state=state,
        reading=reading,
        standing=standing,
        boundary=boundary,
        then=then,
        bankruptcy_price=bankruptcy_price(state, standing, reading),
        bankruptcy_price_then=bankruptcy_then,
        fillable_price=fillable_price(state, reading) if standing.is_liquidatable else None,
        fillable_price_then=None if then is None else fillable_price(state, then),
    )


def _differences(state: AccountState, subaccounts: Sequence[SubaccountReport]) -> list[str]:
    """The figures that differ from the indexer's by more than rounding, one sentence each."""
    found = []
    for report in subaccounts:
        name = f"subaccount {report.state.number}: "
        found += _figure_differences(name, report, len(report.positions))
        found += report.state.not_counted
        if len(report.positions) > 1:
            found += [
                f"{name}{p.state.market.name} has collateral of its own; no account can hold "
                "another position beside it"
                for p in report.positions
                if p.state.market.terms.own_pool
            ]
    if state.is_parent:
        whole = SubaccountSum.of(subaccounts)
        count = sum(len(report.positions) for report in subaccounts)
        for name, ours, theirs in (
            ("equity", whole.exact_equity, state.venue_equity),
            ("free collateral", whole.free_collateral, state.venue_free_collateral),
        ):
            found += _difference(f"all subaccounts: {name}", ours, theirs, count)
    return found


def _figure_differences(name: str, report: SubaccountReport, count: int) -> list[str]:
    state = report.state
    found = _difference(f"{name}equity", report.exact_equity, state.venue_equity, count)
    if found:
        found[0] += (
            ": the oracle prices are of another moment, or assetPositions is before the funding "
            "that equity contains"
        )
    return found + _difference(
        f"{name}free collateral", report.free_collateral, state.venue_free_collateral, count
    )


def _difference(name: str, ours: Fraction, theirs: Fraction | None, count: int) -> list[str]:
    """``count``: positions, each of which may be rounded by a micro-USD, like cash."""
    if theirs is None or abs(ours - theirs) <= Fraction(count + 1, MICRO):
        return []
    return [f"{name}: {fraction_text(ours)} here, {fraction_text(theirs)} at the venue"]


class SubaccountSum(Struct, frozen=True, kw_only=True):
    """Sums over subaccounts; each is liquidated by itself, so a sum is no margin account."""

    standing: Standing
    exact_equity: Fraction
    free_collateral: Fraction
    free_on_chain: int
    withdrawable: int

    @classmethod
    def of(cls, subaccounts: Sequence[SubaccountReport]) -> "SubaccountSum":
        return cls(
            standing=Standing(
                any(report.standing.is_liquidatable for report in subaccounts),
                sum(report.standing.net_collateral for report in subaccounts),
                sum(report.standing.initial for report in subaccounts),
                sum(report.standing.maintenance for report in subaccounts),
            ),
            exact_equity=sum((r.exact_equity for r in subaccounts), Fraction(0)),
            free_collateral=sum((r.free_collateral for r in subaccounts), Fraction(0)),
            free_on_chain=sum(report.free_on_chain for report in subaccounts),
            withdrawable=sum(max(0, report.free_on_chain) for report in subaccounts),
        )
