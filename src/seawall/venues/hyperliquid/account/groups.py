"""Which positions share one cross equity, and how much it is.

Money is micro-units of the group's collateral token, exact: a balance has more decimals than a
micro-USD. Where perp and spot answer are of different moments, the equity is moved to the moment of
the perp answer as far as the answers tell by how much.
"""

from collections.abc import Sequence
from fractions import Fraction

from msgspec import Struct, structs

from seawall.domain.instrument import MarginTier
from seawall.domain.units import MICRO, fraction_text
from seawall.engine.account_view import Margins
from seawall.engine.formulas.continuous.liquidation_price import (
    BucketPosition,
    equity_for_price,
    liquidation_price,
    maintenance_tiers,
)
from seawall.venues.hyperliquid.account.portfolio import Collateral, further_collateral
from seawall.venues.hyperliquid.account.rules import account_rules
from seawall.venues.hyperliquid.account.state import AccountState, PositionState
from seawall.venues.hyperliquid.account.user import UserState
from seawall.venues.raw_json import VenueDataError

PRICE_DECIMALS = 10
"""Decimals to which the venue prints a liquidation price."""
SAME = Fraction(1, 10**8)
"""Relative difference up to which two printed liquidation prices are the same number."""
MAIN = "main"
"""Name of the main dex's own pool."""
_DIGITS = Fraction(1, 2**52)
"""Of a printed double."""
ONE_MOMENT = 1
"""Micro-units up to which two figures are of one moment."""


class Held(Struct, frozen=True, kw_only=True):
    """A position with its margins. ``truncates``: how the venue prints its liquidation price."""

    state: PositionState
    tiers: tuple[MarginTier, ...]
    margins: Margins
    truncates: bool

    def bucket(self, equity: int | Fraction, others_maintenance: int) -> BucketPosition:
        """The position in a pool or bucket of this equity, micro-units."""
        return BucketPosition(
            signed_size=self.state.signed_size,
            notional=self.state.notional,
            equity=equity,
            others_maintenance=others_maintenance,
            tiers=maintenance_tiers(self.tiers),
            price_decimals=self.state.price_decimals,
            truncates=self.truncates,
        )


class Group(Struct, frozen=True, kw_only=True):
    """Cross positions that share one equity; figures in micro-units of ``collateral``.

    ``equity``: of the moment of the perp answer, None where nothing says it. ``spot_equity``: of
    the moment of the spot answer. ``isolated_margin``: of the isolated positions with the same
    collateral. ``moment_difference``: by how much the two answers differ because they were not
    taken together; None where that is unknown. ``basis``: where the equity comes from.
    ``reasons``: why it may not be exact. ``inferred_from``: the coin whose price gave it.
    """

    name: str
    collateral: str
    dexes: tuple[str, ...]
    held: tuple[Held, ...]
    equity: Fraction | None
    maintenance: int | None
    isolated_margin: int
    basis: str
    reasons: tuple[str, ...] = ()
    inferred_from: str = ""
    spot_equity: Fraction | None = None
    available_at_venue: Fraction | None = None
    moment_difference: Fraction | None = None
    further: tuple[Collateral, ...] = ()

    @property
    def cross(self) -> tuple[Held, ...]:
        return tuple(each for each in self.held if each.state.is_cross)

    @property
    def initial_margin(self) -> int:
        return sum(each.margins.initial_margin for each in self.cross)

    def others_maintenance(self, held: Held) -> int:
        """Maintenance margin of the group's other cross positions."""
        assert self.maintenance is not None
        return self.maintenance - held.margins.maintenance_margin

    def price_of(self, held: Held) -> Fraction | None:
        """The liquidation price of one of its cross positions, in price units."""
        assert self.equity is not None
        found = liquidation_price(held.bucket(self.equity, self.others_maintenance(held)))
        return None if found is None else Fraction(*found)

    def is_confirmed(self) -> bool | None:
        """Whether the venue's liquidation prices are those of this equity, the defining one aside.

        None where there is none to tell it.
        """
        if self.equity is None or self.maintenance is None:
            return None
        stated = [each for each in self.cross if each.state.coin != self.inferred_from]
        if not any(each.state.venue_liquidation_price for each in stated):
            return None
        return all(
            same_price(self.price_of(each), each.state.venue_liquidation_price,
                       each.state.price_decimals)
            for each in stated
        )  # fmt: skip

    def implied_equity(self) -> tuple[Held, Fraction] | None:
        """The position whose venue price tells the equity most precisely, and that equity."""
        if self.maintenance is None:
            return None
        found: list[tuple[Fraction, Held, Fraction]] = []
        for each in self.cross:
            text = each.state.venue_liquidation_price
            if text is None:
                continue
            price = Fraction(text)
            size = Fraction(abs(each.state.signed_size), 10**each.state.size_decimals)
            error = size * (Fraction(1, 10**PRICE_DECIMALS) + price * _DIGITS)
            bucket = each.bucket(0, self.others_maintenance(each))
            equity = equity_for_price(bucket, price * 10**each.state.price_decimals)
            found.append((error, each, equity))
        if not found:
            return None
        _, held, equity = min(found, key=lambda row: row[0])
        return held, equity


def same_price(ours: Fraction | None, printed: str | None, price_decimals: int) -> bool:
    """Whether a price in price units is the one that the venue prints."""
    if ours is None or printed is None:
        return ours is None and printed is None
    venue = Fraction(printed)
    allowed = SAME * abs(venue) + Fraction(1, 10**PRICE_DECIMALS)
    return bool(abs(ours / 10**price_decimals - venue) <= allowed)


def standard_groups(user: UserState, held: Sequence[Sequence[Held]]) -> list[Group]:
    """A group for each dex: its own pool. ``held``: by dex, in the order of the user's."""
    groups = []
    for state, own in zip(user.dexes, held, strict=True):
        equity = state.cross_equity()
        if equity is None and any(each.state.is_cross for each in own):
            raise VenueDataError(
                f"{state.path + '.' if state.path else ''}crossMarginSummary.accountValue: "
                "missing; a cross position needs the equity of its pool"
            )
        is_silent = state.everything is None and state.cross is None
        groups.append(
            Group(
                name=state.dex or MAIN,
                collateral=state.collateral,
                dexes=(state.dex,),
                held=tuple(own),
                equity=None if equity is None else Fraction(equity),
                maintenance=None if is_silent else dex_maintenance(state, own),
                isolated_margin=_isolated(own),
                basis="the perp answer" if equity is not None else "",
                reasons=_collateral_reasons(user, (state,)),
            )
        )
    return groups


def pooled_groups(
    user: UserState, held: Sequence[Sequence[Held]], *, is_portfolio: bool
) -> list[Group]:
    """A group for each collateral token of the dexes that hold something."""
    groups = []
    for token in dict.fromkeys(each.collateral for each in user.dexes):
        indexes = [i for i, each in enumerate(user.dexes) if each.collateral == token]
        states = tuple(user.dexes[i] for i in indexes)
        own = tuple(each for i in indexes for each in held[i])
        if not own and token != user.dexes[0].collateral:
            continue
        parts = [dex_maintenance(user.dexes[i], held[i]) for i in indexes]
        group = Group(
            name=token,
            collateral=token,
            dexes=tuple(each.dex for each in states),
            held=own,
            equity=None,
            maintenance=sum(parts),
            isolated_margin=_isolated(own),
            basis="",
            reasons=_collateral_reasons(user, states),
            inferred_from=user.inferred_from,
        )
        if user.spot is None:
            groups.append(_without_balance(group, states))
        elif is_portfolio:
            groups.append(_of_portfolio(group, user, states))
        else:
            groups.append(_of_balance(group, user))
    return groups


def inferred_group(group: Group) -> Group:
    """The group with the equity that one of the venue's prices tells. Unchanged without a price."""
    found = group.implied_equity()
    if found is None:
        return group
    held, equity = found
    coin = held.state.coin
    return structs.replace(
        group,
        equity=equity,
        basis=f"inferred from the venue's liquidation price of {coin}",
        inferred_from=coin,
        reasons=(
            *_without_missing(group.reasons),
            f"unified mode: the equity is inferred from the venue's liquidation price of {coin}",
        ),
    )


def dex_maintenance(state: AccountState, held: Sequence[Held]) -> int:
    """Maintenance margin of all cross positions of a dex, listed or not. Raises VenueDataError."""
    cross = [each for each in held if each.state.is_cross]
    if not state.is_partial():
        return sum(each.margins.maintenance_margin for each in cross)
    if state.cross_maintenance is None and cross:
        raise VenueDataError(
            f"{state.path + '.' if state.path else ''}crossMaintenanceMarginUsed: missing; needed "
            "because assetPositions lists only some of the positions that the totals count"
        )
    return state.cross_maintenance or 0


_NO_SPOT = "the spot answer is missing: only the collateral that the perp answer shows is counted"


def _without_balance(group: Group, states: Sequence[AccountState]) -> Group:
    """Without a spot answer: what a venue price tells, else what the perp answers show."""
    known = [each.cross_equity() for each in states]
    shown = None if None in known else sum(each or 0 for each in known)
    return inferred_group(
        structs.replace(
            group,
            equity=None if shown is None else Fraction(shown),
            basis="the perp answer alone",
            reasons=(*group.reasons, _NO_SPOT),
        )
    )


def _without_missing(reasons: Sequence[str]) -> tuple[str, ...]:
    return tuple(each for each in reasons if each != _NO_SPOT)


def _balance(user: UserState, token: str) -> Fraction:
    assert user.spot is not None
    found = user.spot.balances.get(token)
    return Fraction(0) if found is None else found.total * MICRO


def _of_balance(group: Group, user: UserState) -> Group:
    """Unified: the balance of the token less the margin of its isolated positions [observed]."""
    assert user.spot is not None and group.maintenance is not None
    total = _balance(user, group.collateral)
    there = total - group.isolated_margin
    stated = user.spot.available.get(group.collateral)
    maintenance = group.maintenance
    group = structs.replace(
        group,
        equity=there,
        spot_equity=there,
        basis=f"spot balance of {group.collateral}",
        available_at_venue=None if stated is None else stated * MICRO,
    )
    if group.available_at_venue is None:
        if group.is_confirmed():
            return structs.replace(group, moment_difference=Fraction(0))
        return _doubted(group, "nothing shows that perp and spot answer are of one moment")
    apart = there - maintenance - group.available_at_venue
    if abs(apart) <= ONE_MOMENT:
        return structs.replace(group, moment_difference=Fraction(0))
    return _moved(group, apart)


def _moved(group: Group, apart: Fraction) -> Group:
    """A unified group whose two answers are of different moments.

    ``apart``: what is available by the perp answer's margins less what the venue says is. Only
    isolated margins move it, or only one cross position's maintenance margin: then the spot total
    is moved exactly to the moment of the perp answer.
    """
    assert group.spot_equity is not None
    said = f"perp and spot answer are of different moments: {_amount(apart, group)}"
    if not group.cross:
        return structs.replace(
            group,
            equity=group.spot_equity - apart,
            moment_difference=apart,
            reasons=(*group.reasons, f"{said} of isolated margin moved between them"),
        )
    if len(group.cross) == 1 and not group.isolated_margin:
        held = group.cross[0]
        tiers = maintenance_tiers(held.tiers)
        rate = next(Fraction(t.numerator, t.denominator) for t in reversed(tiers)
                    if t.lower_bound <= held.state.notional)  # fmt: skip
        side = 1 if held.state.signed_size > 0 else -1
        moved = side * apart / rate
        return structs.replace(
            group,
            equity=group.spot_equity - moved,
            moment_difference=moved,
            reasons=(
                *group.reasons,
                f"{said} of maintenance margin moved between them, which is "
                f"{_amount(moved, group)} of equity; the balance is moved by it",
            ),
        )
    found = group.implied_equity()
    if found is not None:
        by_price = structs.replace(group, equity=found[1], inferred_from=found[0].state.coin)
        if by_price.is_confirmed():
            return _by_prices(by_price, said)
    # Marks that all move one way move equity by at most this, if not by exactly it.
    rates = [Fraction(t.numerator, t.denominator) for each in group.cross
             for t in maintenance_tiers(each.tiers)]  # fmt: skip
    return structs.replace(
        group,
        moment_difference=abs(apart) / min(rates),
        reasons=(
            *group.reasons,
            f"{said} of margin moved between them; by how much equity did is not known, and the "
            "balance is not moved",
        ),
    )


def _by_prices(group: Group, said: str) -> Group:
    """A group whose prices agree on the equity of the perp answer's moment. ``said``: how far the
    moments are apart."""
    assert group.spot_equity is not None and group.equity is not None
    moved = group.spot_equity - group.equity
    return structs.replace(
        group,
        moment_difference=moved,
        basis=f"{group.basis}, moved to where the venue's liquidation prices agree",
        reasons=(
            *group.reasons,
            f"{said} of margin moved between them; the equity is inferred from the venue's "
            f"liquidation price of {group.inferred_from}, with which its others agree, and is "
            f"{_amount(moved, group)} less than the balance says",
        ),
    )


def _of_portfolio(group: Group, user: UserState, states: Sequence[AccountState]) -> Group:
    """Portfolio margin: the balance, net of what is borrowed, and further tokens at a share.

    [observed] total = account values of the dexes + supplied - borrowed, so the first of them at
    the moment of the spot answer follows from it.
    """
    assert user.spot is not None
    token = group.collateral
    total = _balance(user, token)
    found = further_collateral(user, token)
    borrowed, reasons = Fraction(0), list(group.reasons)
    balance = user.spot.balances.get(token)
    moved: Fraction | None = None
    values = [each.everything.account_value for each in states if each.everything is not None]
    if balance is not None and (balance.supplied is not None or balance.borrowed is not None):
        borrowed = (balance.borrowed or Fraction(0)) * MICRO
        supplied = (balance.supplied or Fraction(0)) * MICRO
        if len(values) == len(states):
            moved = total - supplied + borrowed - sum(values)
    if moved is not None and abs(moved) <= ONE_MOMENT:
        moved = Fraction(0)
    if moved is None:
        reasons.append("nothing shows that perp and spot answer are of one moment")
    elif moved:
        reasons.append(
            f"perp and spot answer are of different moments: {_amount(moved, group)} of account "
            "value moved between them; the balance is moved by it"
        )
    reasons += found.reasons
    if borrowed:
        reasons.append(f"{_amount(borrowed, group)} is borrowed: measured as documented, assumed")
    extra = found.value * MICRO
    if total < 0:
        extra -= account_rules().portfolio_margin.minimum_borrow_offset.number * MICRO
        reasons.append("the balance is below zero: the minimum borrow offset is assumed to count")
    stated = user.spot.available.get(token)
    there = total - group.isolated_margin + extra
    return structs.replace(
        group,
        equity=there - (moved or 0),
        spot_equity=there,
        basis=f"spot balance of {token}" + (" and further collateral" if found.rows else ""),
        available_at_venue=None if stated is None else stated * MICRO,
        moment_difference=moved,
        reasons=tuple(reasons),
        further=found.rows,
    )


def _doubted(group: Group, reason: str) -> Group:
    return structs.replace(group, reasons=(*group.reasons, reason))


def _amount(value: Fraction, group: Group) -> str:
    return f"{fraction_text(value / MICRO)} {group.collateral}"


def _isolated(held: Sequence[Held]) -> int:
    return sum(each.state.bucket_equity for each in held if not each.state.is_cross)


def _collateral_reasons(user: UserState, states: Sequence[AccountState]) -> tuple[str, ...]:
    return tuple(
        f"the collateral token of {each.dex} is not known and taken to be {each.collateral}"
        for each in states
        if each.dex in user.assumed_collateral
    )
