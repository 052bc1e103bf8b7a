"""Figures of the venue that no perp answer holds, computed here: what is available after
maintenance margin, the portfolio margin ratio, and what could still be traded."""

from collections.abc import Sequence
from fractions import Fraction

from msgspec import Struct

from seawall.domain.instrument import MarginTier
from seawall.domain.units import MICRO, fraction_text
from seawall.venues.hyperliquid.account.groups import Group, Held
from seawall.venues.hyperliquid.account.modes import PORTFOLIO, Mode
from seawall.venues.hyperliquid.account.trading import ActiveAsset, ListedOrder, side_limit
from seawall.venues.hyperliquid.account.user import UserState
from seawall.venues.hyperliquid.instruments import built_in_tiers

_SIDES = ((0, "buy", True), (1, "sell", False))


class Compared(Struct, frozen=True, kw_only=True):
    """One figure here and at the venue. ``of``: the token or coin. ``moment_difference``: by how
    much the figure may differ because the answers were not taken together; None: unknown."""

    figure: str
    of: str
    here: Fraction
    venue: Fraction
    moment_difference: Fraction | None
    note: str = ""

    @property
    def difference(self) -> Fraction:
        return self.here - self.venue


def compared_figures(user: UserState, mode: Mode, groups: Sequence[Group]) -> tuple[Compared, ...]:
    """All figures that the answers have of these, in the order of the answers."""
    found = [_available(group) for group in groups if group.available_at_venue is not None]
    ratio = user.spot.portfolio_margin_ratio if user.spot is not None else None
    if mode.name == PORTFOLIO and ratio is not None:
        found += _ratio(groups, ratio)
    for asset in user.active:
        group = _group_of(asset.coin, groups)
        if group is not None:
            found += _trading(user, asset, group)
    return tuple(found)


def _available(group: Group) -> Compared:
    """At the moment of the spot answer, with the margins of the perp answer."""
    assert group.spot_equity is not None and group.available_at_venue is not None
    assert group.maintenance is not None
    return Compared(
        figure="available after maintenance",
        of=group.collateral,
        here=(group.spot_equity - group.maintenance) / MICRO,
        venue=group.available_at_venue / MICRO,
        moment_difference=_abs(group.moment_difference),
    )


def _ratio(groups: Sequence[Group], venue: Fraction) -> list[Compared]:
    """The largest maintenance margin over equity of the groups."""
    rows = []
    for group in groups:
        if group.spot_equity is None or group.maintenance is None or group.spot_equity <= 0:
            continue
        here = group.maintenance / group.spot_equity
        moved = None
        if group.moment_difference is not None:
            other = group.spot_equity - group.moment_difference
            moved = abs(group.maintenance / other - here) if other else None
        rows.append((here, moved))
    if not rows:
        return []
    here, moved = max(rows, key=lambda row: row[0])
    return [
        Compared(
            figure="portfolio margin ratio", of="", here=here, venue=venue, moment_difference=moved
        )
    ]


def _trading(user: UserState, asset: ActiveAsset, group: Group) -> list[Compared]:
    equity = group.equity if group.spot_equity is None else group.spot_equity
    if equity is None:
        return []
    held = next((each for each in group.held if each.state.coin == asset.coin), None)
    size, margin = Fraction(0), Fraction(0)
    note = ""
    if held is not None:
        state = held.state
        size = Fraction(state.signed_size, 10**state.size_decimals)
        mark = Fraction(state.mark_price, 10**state.price_decimals)
        margin = abs(size) * asset.mark / asset.leverage
        if not state.is_cross:
            margin = Fraction(state.isolated_cash, MICRO) + size * asset.mark
            # The balance is the same; what the bucket holds of it follows the mark.
            equity -= margin * MICRO - state.bucket_equity
        if mark != asset.mark:
            note = (
                f"mark {fraction_text(asset.mark)} there, {fraction_text(mark)} in the perp answer"
            )
    free = (equity - group.initial_margin) / MICRO
    if user.orders is None:
        note = "; ".join(filter(None, (note, "open orders are not in the answers")))
    moved = _moved_until(user, group)
    rows = []
    for index, side, is_buy in _SIDES:
        limit = side_limit(
            asset,
            is_buy=is_buy,
            free=free - _held_by_orders(user, asset, group, is_buy),
            signed_size=size,
            margin=margin,
            tiers=_tiers(user, held, asset),
        )
        for figure, here, venue, per in (
            ("largest size", limit.size, asset.sizes[index], asset.leverage / asset.mark),
            ("available to trade", limit.available, asset.available[index], Fraction(1)),
        ):
            rows.append(
                Compared(
                    figure=f"{figure} {side}",
                    of=asset.coin,
                    here=here,
                    venue=venue,
                    moment_difference=None if moved is None else moved * per,
                    note=note,
                )
            )
    return rows


def _moved_until(user: UserState, group: Group) -> Fraction | None:
    """By how much the answers' moments may move the group's equity: what the spot answer shows, and
    the marks that ``activeAssetData`` says beside those of the perp answer."""
    moved = _abs(group.moment_difference)
    if moved is None:
        return None
    marks = {each.coin: each.mark for each in user.active}
    for each in group.held:
        state = each.state
        there = marks.get(state.coin)
        if there is not None:
            size = Fraction(abs(state.signed_size), 10**state.size_decimals)
            moved += size * abs(there - Fraction(state.mark_price, 10**state.price_decimals))
    return moved


def _held_by_orders(user: UserState, asset: ActiveAsset, group: Group, is_buy: bool) -> Fraction:
    """Margin of resting orders: of this coin those of the side, of another the larger side's."""
    held = Fraction(0)
    by_coin: dict[str, list[ListedOrder]] = {}
    for each in user.orders or ():
        by_coin.setdefault(each.coin, []).append(each)
    for coin, orders in by_coin.items():
        buys, sells = (sum((o.value for o in orders if o.is_buy == side), Fraction(0))
                       for side in (True, False))  # fmt: skip
        if coin.startswith("@") or "/" in coin:
            held += buys
        elif coin == asset.coin:
            held += (buys if is_buy else sells) / asset.leverage
        elif _group_of(coin, (group,)) is not None:
            held += max(buys, sells) / _leverage_of(user, coin, group)
    return held


def _leverage_of(user: UserState, coin: str, group: Group) -> int:
    """Of a coin by its position or ``activeAssetData``; 1, the most margin, where none says it."""
    for each in group.held:
        if each.state.coin == coin:
            return each.state.leverage
    return next((each.leverage for each in user.active if each.coin == coin), 1)


def _tiers(user: UserState, held: Held | None, asset: ActiveAsset) -> tuple[MarginTier, ...]:
    if held is not None:
        return held.tiers
    listed = user.instruments.get(asset.coin)
    return listed.tiers if listed is not None else built_in_tiers(asset.coin) or ()


def _group_of(coin: str, groups: Sequence[Group]) -> Group | None:
    dex = coin.rpartition(":")[0]
    return next((each for each in groups if dex in each.dexes), None)


def _abs(value: Fraction | None) -> Fraction | None:
    return None if value is None else abs(value) / MICRO
