"""What a venue's answers about an account mean: margin and liquidation prices, computed.

Nothing is copied that can be computed. The venue's own figures are read to compare with, except
where the answers cannot support a computation: when a state lists fewer positions than its totals
count, equity, maintenance and margin used of the whole are the venue's; and where a part is
missing, an equity may be inferred from one of the venue's prices. Either is said, and so is every
other reason why a figure may not be exact. A figure that nothing determines is None.

``withdrawable`` here knows no open orders, which a state does not list. Where the venue's is
lower, orders hold the difference, and the figure is left undetermined; the JSON object then states
the venue's own, which is the only source of it. Where the collateral is the spot balances, the
account figures of a perp answer mean nothing and are not compared.
"""

import datetime
import re
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction

from msgspec import Struct, structs

from seawall.domain.enums import LiquidationStage
from seawall.domain.instrument import Instrument, MarginTier
from seawall.domain.rulebook import Rulebook
from seawall.domain.units import MICRO, fraction_text, money_text
from seawall.engine.formulas.continuous.liquidation_price import (
    BucketPosition,
    Ratio,
    Step,
    backstop_price,
    bankruptcy_price,
    liquidation_price,
    liquidation_price_steps,
)
from seawall.venues.hyperliquid.account.compared import Compared, compared_figures
from seawall.venues.hyperliquid.account.groups import (
    PRICE_DECIMALS,
    Group,
    Held,
    pooled_groups,
    same_price,
    standard_groups,
)
from seawall.venues.hyperliquid.account.margins import position_margins, tier_margins
from seawall.venues.hyperliquid.account.modes import (
    STANDARD,
    UNIFIED,
    Mode,
    assumed_standard,
    inferred,
    mode_of_spot,
    standard_by_spot,
    stated_mode,
)
from seawall.venues.hyperliquid.account.rules import USDC
from seawall.venues.hyperliquid.account.state import AccountState, PositionState
from seawall.venues.hyperliquid.account.user import UserState
from seawall.venues.hyperliquid.instruments import built_in_tiers
from seawall.venues.raw_json import VenueDataError

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?")


class PositionReport(Struct, frozen=True, kw_only=True):
    """One position with its requirements and where it is liquidated. Money in micro-units of its
    collateral token."""

    account: str
    """The name of its sub-account, else empty."""
    group: str
    """The name of the group whose equity a cross position draws on; empty for an isolated one."""
    state: PositionState
    tiers: tuple[MarginTier, ...]
    maintenance_margin: int
    margin_used: int
    liquidation_price: str | None
    """In the collateral token, to ten decimals as the venue prints it."""
    distance: Fraction | None
    """How far the mark may move against the position, as a share of the mark."""
    bucket: BucketPosition
    reasons: tuple[str, ...]
    """Why the liquidation price may not be exact."""

    @property
    def is_exact(self) -> bool:
        return not self.reasons


class Moments(Struct, frozen=True, kw_only=True):
    """When the answers were taken, as far as they say. ``states_ms``: of the perp answers, first
    and last; ``recorded_ms``: of the file; ``apart_ms``: first to last of all that is known."""

    states_ms: tuple[int, int] | None
    recorded_ms: int | None
    requests_ms: Mapping[str, float]
    apart_ms: float | None


class AccountFigures(Struct, frozen=True, kw_only=True):
    """The account's own figures, in micro-units of ``collateral``; None where nothing determines
    one."""

    collateral: str
    account_value: int | Fraction | None = None
    cross_equity: int | Fraction | None = None
    cross_initial_margin: int | None = None
    cross_maintenance_margin: int | None = None
    total_margin_used: int | None = None
    withdrawable_without_orders: int | None = None
    withdrawable: int | None = None
    venue_withdrawable: int | None = None


class AccountReport(AccountFigures, frozen=True, kw_only=True):
    """A whole account. ``missing``: answers that are not there and would say more.

    ``not_counted``: what the account holds that is no part of any equity here.
    """

    name: str
    mode: Mode
    groups: tuple[Group, ...]
    positions: tuple[PositionReport, ...]
    compared: tuple[Compared, ...]
    moments: Moments
    missing: tuple[str, ...]
    not_counted: tuple[str, ...]
    warnings: tuple[str, ...]
    venue: AccountFigures
    """The same figures as the venue's perp answers have them."""

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why figures of the account may not be exact, each once."""
        found = [*self.mode.reasons, *(each for group in self.groups for each in group.reasons)]
        found += [f"{p.state.coin}: {each}" for p in self.positions for each in p.reasons
                  if each not in found]  # fmt: skip
        return tuple(dict.fromkeys(found))


def account_report(user: UserState, book: Rulebook) -> AccountReport:
    """Margin and liquidation price of every position, and the account's figures.

    Raises VenueDataError when a cross position has no equity to stand on.
    """
    mode, groups = measured(user, book)
    reports = tuple(
        _position_report(user, held, group, mode)
        for state in user.dexes
        for group in groups
        for held in group.held
        if held.state in state.positions
    )
    figures = _account_figures(user, mode, groups)
    return AccountReport(
        name=user.name,
        mode=mode,
        groups=tuple(groups),
        positions=reports,
        compared=compared_figures(user, mode, groups),
        moments=_moments(user),
        missing=_missing(user, mode),
        not_counted=_not_counted(user, mode, groups),
        warnings=tuple(_differences(user, mode, groups, reports, figures)),
        venue=_venue_figures(user, figures.collateral, mode),
        **structs.asdict(figures),
    )


def position_tiers(
    position: PositionState, instruments: Mapping[str, Instrument] | None
) -> tuple[MarginTier, ...]:
    """The coin's margin tiers, or one tier where the account has its own maximum leverage.

    [observed] Some accounts show another maximum leverage than the market's (the venue's own
    vaults show 50 on every coin) and are charged 1 / (2 x that), at any size.
    """
    listed = None if instruments is None else instruments.get(position.coin)
    tiers = built_in_tiers(position.coin) if listed is None else listed.tiers
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


def _held(
    state: AccountState, instruments: Mapping[str, Instrument], book: Rulebook | None
) -> tuple[Held, ...]:
    tiers = [position_tiers(each, instruments) for each in state.positions]
    margins = tier_margins(state, tiers) if book is None else position_margins(state, tiers, book)
    return tuple(
        Held(
            state=each,
            tiers=own,
            margins=margin,
            # Without rules only equities are asked for, which cross prices tell: those are cut.
            truncates=book is None or book.liquidation.truncates(each.mode, state.time_ms),
        )
        for each, own, margin in zip(state.positions, tiers, margins, strict=True)
    )


def measured(user: UserState, book: Rulebook | None) -> tuple[Mode, list[Group]]:
    """The mode of an account and the groups that share one equity. Raises VenueDataError.

    ``book``: the rules by which an engine answers the margins; None for those of the tiers alone.
    """
    held = [_held(state, user.instruments, book) for state in user.dexes]
    mode = stated_mode(user) or mode_of_spot(user)
    if mode is not None:
        if mode.is_pooled:
            return mode, pooled_groups(user, held, is_portfolio=mode.name != UNIFIED)
        groups = standard_groups(user, held)
        if all(group.is_confirmed() for group in groups if group.cross):
            # The venue's own prices stand on these pools: what spoke against it does not matter.
            mode = structs.replace(mode, reasons=())
        return mode, groups
    groups = standard_groups(user, held)
    stated = [group.is_confirmed() for group in groups]
    if False not in stated:
        if True not in stated:
            has_cross = any(group.cross for group in groups)
            mode = standard_by_spot(user) or assumed_standard(user, has_cross=has_cross)
            return mode, groups
        reason = "the venue's liquidation prices stand on the equity of the perp answer alone"
        return inferred(user, STANDARD, reason), groups
    shown = sum(group.equity or 0 for group in groups)
    pooled = pooled_groups(user, held, is_portfolio=False)
    equity = sum(group.equity or 0 for group in pooled)
    prices_fit = all(group.is_confirmed() is not False for group in pooled)
    if prices_fit and equity > shown and _margins_agree(user, held):
        reason = "the venue's liquidation prices stand on an equity that is not in the perp answer"
        return inferred(user, UNIFIED, reason), pooled
    # Positions whose price is another say so themselves.
    return assumed_standard(user, has_cross=False), groups


def _margins_agree(user: UserState, held: Sequence[Sequence[Held]]) -> bool:
    """Whether the maintenance margins are the venue's, so that only the equity can differ."""
    for state, own in zip(user.dexes, held, strict=True):
        ours = sum(each.margins.maintenance_margin for each in own if each.state.is_cross)
        if state.cross_maintenance not in (None, ours):
            return False
    return True


def _position_report(user: UserState, held: Held, group: Group, mode: Mode) -> PositionReport:
    position = held.state
    reasons: tuple[str, ...] = ()
    if position.is_cross:
        if group.equity is None or group.maintenance is None:
            raise VenueDataError(
                f"spotClearinghouseState: missing; the equity of {group.name} is in it, and no "
                "liquidation price of the venue tells it"
            )
        equity, others = group.equity, group.others_maintenance(held)
        reasons = (*mode.reasons, *group.reasons)
        if group.inferred_from == position.coin:
            reasons += ("its own price is the one that the equity is inferred from",)
    else:
        equity, others = Fraction(position.bucket_equity), 0
    bucket = held.bucket(equity, others)
    price = liquidation_price(bucket)
    text = None if price is None else decimal_text(price, position.price_decimals)
    side = 1 if position.signed_size > 0 else -1
    return PositionReport(
        account=user.name,
        group=group.name if position.is_cross else "",
        state=position,
        tiers=held.tiers,
        maintenance_margin=held.margins.maintenance_margin,
        margin_used=held.margins.initial_margin if position.is_cross else position.bucket_equity,
        liquidation_price=text,
        distance=None if price is None else side * (1 - Fraction(*price) / position.mark_price),
        bucket=bucket,
        reasons=(*reasons, *_doubts(user, held, bucket, text)),
    )


def _doubts(
    user: UserState, held: Held, bucket: BucketPosition, text: str | None
) -> tuple[str, ...]:
    """Why a price may not be exact although its equity is."""
    found = []
    position = held.state
    time_ms = next(each.time_ms for each in user.dexes if position in each.positions)
    if time_ms is None and not held.truncates:
        other = liquidation_price(bucket._replace(truncates=True))
        if other is not None and decimal_text(other, position.price_decimals) != text:
            found.append("the answer has no time: its last digits are those of prices of today")
    if not _same_text(text, position.venue_liquidation_price) and _says_price(user):
        found.append(f"the venue says {position.venue_liquidation_price or 'none'}")
    return tuple(found)


def _says_price(user: UserState) -> bool:
    """Whether any position comes with a liquidation price: without one nulls mean nothing."""
    return any(p.venue_liquidation_price for state in user.dexes for p in state.positions)


def _account_figures(user: UserState, mode: Mode, groups: Sequence[Group]) -> AccountFigures:
    """Of the groups whose collateral is USDC, else of the first one."""
    tokens = [group.collateral for group in groups]
    token = USDC if USDC in tokens or not tokens else tokens[0]
    own = [group for group in groups if group.collateral == token]
    states = [state for state in user.dexes if state.collateral == token]
    known = AccountFigures(
        collateral=token,
        cross_equity=_whole(_sum(group.equity for group in own)) if own else None,
        cross_maintenance_margin=_sum_of_whole(group.maintenance for group in own) if own else None,
        venue_withdrawable=None
        if mode.is_pooled
        else _sum_of_whole(state.withdrawable for state in states),
    )
    if any(state.is_partial() for state in states):
        return known if len(states) > 1 else _partial_figures(known, states[0])
    if known.cross_equity is None:
        return known
    initial = sum(group.initial_margin for group in own)
    buckets = sum(group.isolated_margin for group in own)
    known = structs.replace(
        known,
        account_value=known.cross_equity + buckets,
        cross_initial_margin=initial,
        total_margin_used=initial + buckets,
    )
    if mode.is_pooled:
        return known
    most = sum(_withdrawable(group) for group in own)
    venue = known.venue_withdrawable
    return structs.replace(
        known,
        withdrawable_without_orders=most,
        withdrawable=most if venue is None or venue >= most else None,
    )


def _venue_figures(user: UserState, token: str, mode: Mode) -> AccountFigures:
    """The venue's own totals over the dexes of a token, where they mean anything."""
    states = [state for state in user.dexes if state.collateral == token]
    totals = [state.everything for state in states]
    pools = [state.cross for state in states]
    return AccountFigures(
        collateral=token,
        account_value=None
        if mode.is_pooled
        else _sum_of_whole(each.account_value if each else None for each in totals),
        total_margin_used=_sum_of_whole(each.margin_used if each else None for each in totals),
        cross_initial_margin=_sum_of_whole(each.margin_used if each else None for each in pools),
        cross_maintenance_margin=_sum_of_whole(state.cross_maintenance for state in states),
        withdrawable=None
        if mode.is_pooled
        else _sum_of_whole(state.withdrawable for state in states),
    )


def _partial_figures(known: AccountFigures, state: AccountState) -> AccountFigures:
    """With the venue's own totals, because positions are not listed."""
    whole, cross = state.everything, state.cross
    return structs.replace(
        known,
        account_value=whole.account_value if whole else None,
        total_margin_used=whole.margin_used if whole else None,
        cross_initial_margin=cross.margin_used if cross else None,
    )


def _withdrawable(group: Group) -> int:
    floor = sum(each.margins.transfer_floor for each in group.cross)
    assert group.equity is not None
    return max(0, int(group.equity) - max(group.initial_margin, floor))


def _sum(values: Iterable[Fraction | None]) -> Fraction | None:
    """The sum; None where one is None."""
    total = Fraction(0)
    for value in values:
        if value is None:
            return None
        total += value
    return total


def _sum_of_whole(values: Iterable[int | None]) -> int | None:
    total = _sum(None if value is None else Fraction(value) for value in values)
    return None if total is None else int(total)


def _whole(value: Fraction | None) -> int | Fraction | None:
    """An integer where it is one."""
    return int(value) if value is not None and value.denominator == 1 else value


def _missing(user: UserState, mode: Mode) -> tuple[str, ...]:
    """Answers that are not there and would say more."""
    found = []
    if user.abstraction is None:
        found.append("userAbstraction")
    if user.spot is None and mode.name != STANDARD:
        found.append("spotClearinghouseState")
    if any(state.time_ms is None for state in user.dexes):
        found.append("time of clearinghouseState")
    return (*found, *(f"{each} (not answered)" for each in user.absent))


def _not_counted(user: UserState, mode: Mode, groups: Sequence[Group]) -> tuple[str, ...]:
    """What the account holds that is no part of any equity here, in words."""
    counted = {group.collateral for group in groups} if mode.is_pooled else set()
    counted |= {each.token for group in groups for each in group.further}
    found = []
    for state in user.dexes:
        found += [f"{coin}: a position of size zero" for coin in state.empty]
    if user.spot is not None:
        for token, balance in user.spot.balances.items():
            if token not in counted and balance.total:
                found.append(f"{fraction_text(balance.total)} {token} in spot balances")
    return (*found, *(f"{name} is not read" for name in user.unread))


def _moments(user: UserState) -> Moments:
    times = [state.time_ms for state in user.dexes if state.time_ms is not None]
    recorded = None
    match = _MOMENT.match(user.recorded or "")
    if match is not None:
        moment = datetime.datetime.fromisoformat(match[0]).replace(tzinfo=datetime.UTC)
        recorded = round(moment.timestamp() * 1000)
    known: list[float] = [*times, *([] if recorded is None else [recorded])]
    apart = max(known) - min(known) if len(known) > 1 else None
    if user.taken:
        apart = max(user.taken.values()) - min(user.taken.values())
    return Moments(
        states_ms=(min(times), max(times)) if times else None,
        recorded_ms=recorded,
        requests_ms=user.taken,
        apart_ms=apart,
    )


def _differences(
    user: UserState,
    mode: Mode,
    groups: Sequence[Group],
    positions: Sequence[PositionReport],
    figures: AccountFigures,
) -> list[str]:
    """The figures that differ from the venue's, and why any may not be exact; a sentence each."""
    margins = _margin_differences(user, mode, groups, positions, figures)
    found = list(margins)
    if any(state.is_partial() for state in user.dexes):
        found.append(
            "the totals count positions that are not listed: equity, maintenance and margin used "
            "of the account are the venue's own, not computed"
        )
    most, theirs = figures.withdrawable_without_orders, figures.venue_withdrawable
    if most is not None and theirs is not None and theirs < most:
        found.append(
            f"withdrawable: {money_text(theirs)} at the venue, and "
            f"{money_text(most)} here without open orders, which the message does not list: "
            f"they may hold {money_text(most - theirs)}"
        )
    if user.abstraction is not None and stated_mode(user) is None:
        found.append(f"userAbstraction: {user.abstraction!r} is not known")
    found += [*mode.reasons, *_group_reasons(groups)]
    for p in positions:
        if _same_text(p.liquidation_price, p.state.venue_liquidation_price):
            continue
        ours, venue = p.liquidation_price or "none", p.state.venue_liquidation_price or "none"
        text = f"{p.state.coin}: liquidation price {ours} here, {venue} at the venue"
        if p.state.is_cross and not margins and not mode.is_pooled:
            text += (
                "; the margins agree, so the venue counts collateral that this message does not "
                "show (an account in unified or portfolio mode)"
            )
        found.append(text)
    return found


def _group_reasons(groups: Sequence[Group]) -> list[str]:
    return [f"{group.name}: {each}" for group in groups if group.cross or group.spot_equity
            for each in group.reasons]  # fmt: skip


def _margin_differences(
    user: UserState,
    mode: Mode,
    groups: Sequence[Group],
    positions: Sequence[PositionReport],
    figures: AccountFigures,
) -> list[str]:
    pairs: list[tuple[str, int | Fraction | None, int | None]] = []
    for state in user.dexes:
        name = f"{state.dex}: " if len(user.dexes) > 1 and state.dex else ""
        own = [p for p in positions if p.state in state.positions]
        cross = [p for p in own if p.state.is_cross]
        whole = state.everything
        if not state.is_partial():
            used = sum(p.margin_used for p in own)
            kept = sum(p.maintenance_margin for p in cross)
            pairs.append((f"{name}total margin used", used, whole.margin_used if whole else None))
            pairs.append((f"{name}cross maintenance margin", kept, state.cross_maintenance))
        for group in groups:
            if mode.is_pooled or state.dex not in group.dexes or state.is_partial():
                continue
            if group.equity is not None:
                value = group.equity + group.isolated_margin
                theirs = whole.account_value if whole else None
                pairs.append((f"{name}account value", value, theirs))
    pairs.append(("withdrawable", figures.withdrawable, figures.venue_withdrawable))
    pairs += [
        (f"{p.state.coin}: margin used", p.margin_used, p.state.venue_margin_used)
        for p in positions
    ]
    return [
        f"{name}: {_amount(ours)} here, {_amount(theirs)} at the venue"
        for name, ours, theirs in pairs
        if ours is not None and theirs is not None and ours != theirs
    ]


def _amount(value: int | Fraction) -> str:
    return fraction_text(Fraction(value) / MICRO)


def _same_text(ours: str | None, theirs: str | None) -> bool:
    """Whether two printed prices are the same number."""
    return same_price(None if ours is None else Fraction(ours), theirs, 0)
