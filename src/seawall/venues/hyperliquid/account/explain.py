"""What a ``clearinghouseState`` means: margin and liquidation prices, computed, not copied.

The venue's own figures are read only to compare with, except where the message cannot support a
computation: when it lists fewer positions than its totals count, equity, maintenance and margin
used of the whole are the venue's. A figure that nothing determines is None.

``withdrawable`` here knows no open orders, which the message does not list. Where the venue's is
lower, orders hold the difference, and the figure is left undetermined; the JSON object then states
the venue's own, which is the only source of it.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction

from msgspec import Struct

from seawall.domain.enums import LiquidationStage
from seawall.domain.instrument import Instrument, MarginTier
from seawall.domain.rulebook import Rulebook
from seawall.domain.units import money_text
from seawall.engine.account_view import Margins
from seawall.engine.formulas.continuous.liquidation_price import (
    BucketPosition,
    Ratio,
    Step,
    backstop_price,
    bankruptcy_price,
    liquidation_price,
    liquidation_price_steps,
    maintenance_tiers,
)
from seawall.venues.hyperliquid.account.margins import position_margins
from seawall.venues.hyperliquid.account.state import AccountState, PositionState
from seawall.venues.hyperliquid.instruments import built_in_tiers
from seawall.venues.raw_json import VenueDataError

PRICE_DECIMALS = 10
"""Decimals to which the venue prints a liquidation price."""
SAME = Fraction(1, 10**8)
"""Relative difference up to which two printed liquidation prices are the same number."""


class PositionReport(Struct, frozen=True, kw_only=True):
    """One position with its requirements and where it is liquidated. Money in micro-USD."""

    state: PositionState
    tiers: tuple[MarginTier, ...]
    maintenance_margin: int
    margin_used: int
    liquidation_price: str | None
    """USD, to ten decimals as the venue prints it."""
    distance: Fraction | None
    """How far the mark may move against the position, as a share of the mark."""
    bucket: BucketPosition


class AccountReport(Struct, frozen=True, kw_only=True):
    """A whole account. Money in micro-USD; None where the message does not determine it."""

    positions: tuple[PositionReport, ...]
    account_value: int | None = None
    cross_equity: int | None = None
    cross_initial_margin: int | None = None
    cross_maintenance_margin: int | None = None
    total_margin_used: int | None = None
    withdrawable_without_orders: int | None = None
    withdrawable: int | None = None
    venue_withdrawable: int | None = None
    warnings: tuple[str, ...]


def account_report(
    state: AccountState, book: Rulebook, instruments: Mapping[str, Instrument] | None = None
) -> AccountReport:
    """Margin and liquidation price of every position, and the account's figures.

    Raises VenueDataError when a cross position has no equity to stand on.
    """
    tiers = [position_tiers(position, instruments) for position in state.positions]
    margins = position_margins(state, tiers, book)
    pool = _cross_pool(state, margins)
    reports = tuple(
        _position_report(position, tiers[index], margins[index], pool)
        for index, position in enumerate(state.positions)
    )
    figures = _account_figures(state, margins, pool)
    warnings = tuple(_differences(state, reports, figures))
    return AccountReport(
        venue_withdrawable=state.withdrawable, positions=reports, warnings=warnings, **figures
    )


def position_tiers(
    position: PositionState, instruments: Mapping[str, Instrument] | None
) -> tuple[MarginTier, ...]:
    """The coin's margin tiers, or one tier where the account has its own maximum leverage.

    [observed] Some accounts show another maximum leverage than the market's (the venue's own
    vaults show 50 on every coin) and are charged 1 / (2 x that), at any size.
    """
    if instruments is not None:
        tiers: tuple[MarginTier, ...] | None = instruments[position.coin].tiers
    else:
        tiers = built_in_tiers(position.coin)
    if tiers and tiers[0].maximum_leverage == position.maximum_leverage:
        return tiers
    return (MarginTier(0, position.maximum_leverage),)


def derivation(position: PositionReport, book: Rulebook) -> tuple[Step, ...]:
    """The steps of the liquidation price, then the backstop and bankruptcy prices below it."""
    bucket = position.bucket
    steps = list(liquidation_price_steps(bucket))
    rule = book.liquidation
    if LiquidationStage.BACKSTOP in rule.stages:
        price = backstop_price(bucket, rule.backstop_numerator, rule.backstop_denominator)
        name = f"p where E = {rule.backstop_numerator}/{rule.backstop_denominator} (O + M)"
        steps += _last_step("backstop price", name, price, bucket)
    steps += _last_step("bankruptcy price", "p where E = 0", bankruptcy_price(bucket), bucket)
    return tuple(steps)


def _last_step(name: str, formula: str, price: Ratio | None, bucket: BucketPosition) -> list[Step]:
    return [] if price is None else [Step(name, formula, price, bucket.price_decimals)]


def decimal_text(value: Ratio, decimals: int, most: int = PRICE_DECIMALS) -> str:
    """A ratio in units of 10^-``decimals``, rounded to ``most`` decimals, at least one kept."""
    scaled = round(Fraction(*value) * Fraction(10**most, 10**decimals))
    sign = "-" if scaled < 0 else ""
    whole, fraction = divmod(abs(scaled), 10**most)
    digits = f"{fraction:0{most}d}".rstrip("0") or "0"
    return f"{sign}{whole}.{digits}"


class _Pool(Struct, frozen=True):
    """The cross pool: equity, and maintenance margin of everything in it, listed or not."""

    equity: int | None
    maintenance: int | None


def _cross_pool(state: AccountState, margins: Sequence[Margins]) -> _Pool:
    equity = state.cross_equity()
    cross = [m for m, p in zip(margins, state.positions, strict=True) if p.is_cross]
    if cross and equity is None:
        raise VenueDataError(
            "crossMarginSummary.accountValue: missing; a cross position needs the equity of "
            "its pool"
        )
    if state.is_partial():
        if cross and state.cross_maintenance is None:
            raise VenueDataError(
                "crossMaintenanceMarginUsed: missing; needed because assetPositions lists only "
                "some of the positions that the totals count"
            )
        return _Pool(equity, state.cross_maintenance)
    if state.everything is None and state.cross is None:
        return _Pool(None, None)
    return _Pool(equity, sum(m.maintenance_margin for m in cross))


def _position_report(
    position: PositionState, tiers: tuple[MarginTier, ...], margins: Margins, pool: _Pool
) -> PositionReport:
    if position.is_cross:
        assert pool.equity is not None and pool.maintenance is not None
        equity, others = pool.equity, pool.maintenance - margins.maintenance_margin
    else:
        equity, others = position.bucket_equity, 0
    bucket = BucketPosition(
        signed_size=position.signed_size,
        notional=position.notional,
        equity=equity,
        others_maintenance=others,
        tiers=maintenance_tiers(tiers),
        price_decimals=position.price_decimals,
    )
    price = liquidation_price(bucket)
    distance = None
    if price is not None:
        side = 1 if position.signed_size > 0 else -1
        distance = side * (1 - Fraction(*price) / position.mark_price)
    return PositionReport(
        state=position,
        tiers=tiers,
        maintenance_margin=margins.maintenance_margin,
        margin_used=margins.initial_margin if position.is_cross else position.bucket_equity,
        liquidation_price=None if price is None else decimal_text(price, position.price_decimals),
        distance=distance,
        bucket=bucket,
    )


def _account_figures(
    state: AccountState, margins: Sequence[Margins], pool: _Pool
) -> dict[str, int | None]:
    cross = [m for m, p in zip(margins, state.positions, strict=True) if p.is_cross]
    buckets = sum(p.bucket_equity for p in state.positions if not p.is_cross)
    known = {"cross_equity": pool.equity, "cross_maintenance_margin": pool.maintenance}
    if state.is_partial():
        whole = state.everything
        known["account_value"] = whole.account_value if whole else None
        known["total_margin_used"] = whole.margin_used if whole else None
        known["cross_initial_margin"] = state.cross.margin_used if state.cross else None
    elif pool.equity is not None:
        initial = sum(m.initial_margin for m in cross)
        floor = sum(m.transfer_floor for m in cross)
        most = max(0, pool.equity - max(initial, floor))
        known["account_value"] = pool.equity + buckets
        known["cross_initial_margin"] = initial
        known["total_margin_used"] = initial + buckets
        known["withdrawable_without_orders"] = most
        if state.withdrawable is None or state.withdrawable >= most:
            known["withdrawable"] = most
    return known


def _differences(
    state: AccountState, positions: Sequence[PositionReport], figures: dict[str, int | None]
) -> list[str]:
    """The figures that differ from the venue's, one sentence each."""
    margins = _margin_differences(state, positions, figures)
    found = list(margins)
    if state.is_partial():
        found.append(
            "the totals count positions that are not listed: equity, maintenance and margin used "
            "of the account are the venue's own, not computed"
        )
    most = figures.get("withdrawable_without_orders")
    if most is not None and state.withdrawable is not None and state.withdrawable < most:
        found.append(
            f"withdrawable: {money_text(state.withdrawable)} at the venue, and "
            f"{money_text(most)} here without open orders, which the message does not list: "
            f"they may hold {money_text(most - state.withdrawable)}"
        )
    for p in positions:
        if _same_price(p.liquidation_price, p.state.venue_liquidation_price):
            continue
        ours, theirs = p.liquidation_price or "none", p.state.venue_liquidation_price or "none"
        text = f"{p.state.coin}: liquidation price {ours} here, {theirs} at the venue"
        if p.state.is_cross and not margins:
            text += (
                "; the margins agree, so the venue counts collateral that this message does not "
                "show (an account in unified or portfolio mode)"
            )
        found.append(text)
    return found


def _margin_differences(
    state: AccountState, positions: Sequence[PositionReport], figures: dict[str, int | None]
) -> list[str]:
    whole = state.everything
    value, used = (whole.account_value, whole.margin_used) if whole else (None, None)
    pairs = [
        ("account value", figures.get("account_value"), value),
        ("total margin used", figures.get("total_margin_used"), used),
        (
            "cross maintenance margin",
            figures.get("cross_maintenance_margin"),
            state.cross_maintenance,
        ),
        ("withdrawable", figures.get("withdrawable"), state.withdrawable),
    ]
    pairs += [
        (f"{p.state.coin}: margin used", p.margin_used, p.state.venue_margin_used)
        for p in positions
    ]
    return [
        f"{name}: {money_text(ours)} here, {money_text(theirs)} at the venue"
        for name, ours, theirs in pairs
        if ours is not None and theirs is not None and ours != theirs
    ]


def _same_price(ours: str | None, theirs: str | None) -> bool:
    if ours is None or theirs is None:
        return ours is theirs
    venue = Fraction(theirs)
    return abs(Fraction(ours) - venue) <= SAME * abs(venue) + Fraction(1, 10**PRICE_DECIMALS)
