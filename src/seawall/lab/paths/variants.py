"""The same positions held another way: in one pool, each in its own bucket, at another leverage.

Every variant is ``Holdings`` in the machine's integers, with the same equity at the same
prices unless its purpose is to change it. Those that divide money anew are *entered at the prices*:
entries become the present prices and the collateral the present equity, which changes neither
equity nor maintenance margin at any price, but makes every share of the money positive.

Under block rules a bucket is a child account. Orders are kept as they are.
"""

from collections.abc import Collection, Mapping, Sequence
from fractions import Fraction
from typing import Literal

from msgspec import structs

from seawall.domain.enums import MarginMode, MarketMargin
from seawall.domain.errors import InputError
from seawall.domain.events import pool_of_group
from seawall.domain.holdings import Holdings, Position
from seawall.domain.instrument import Instrument
from seawall.domain.margin_groups import account_groups
from seawall.domain.rulebook import AnyRulebook
from seawall.domain.units import MICRO, MONEY_DECIMALS, PPM, money_text
from seawall.lab.simulation.names import pool_name

ROUNDED_OFF = 2
"""Micro-USD that a share of a rounded sum may lack."""
Share = Literal["margin", "notional", "own"]
"""How the money is divided over buckets, each getting a part of the account's equity:

``margin``: in proportion to initial margin, notional over the position's leverage. ``notional``:
in proportion to notional, so that all have the same leverage. ``own``: each just its initial
margin, and what is left stays free in the pool and protects no bucket.
"""


def sole_pool(plan: Holdings, rulebook: AnyRulebook, instruments: Sequence[Instrument]) -> int:
    """Micro-USD deposited in the one cross pool of the positions.

    Raises InputError for several, and for options, which stand on it too.
    """
    plan.check_without_options()
    groups = account_groups(rulebook, instruments, plan.grouping)
    used = sorted({groups[each.market] for each in plan.positions})
    if len(used) > 1:
        names = [
            pool_name(rulebook, instruments, plan.grouping, pool_of_group(group)) for group in used
        ]
        raise InputError(
            f"{plan.name}: position: they stand on {' and '.join(names)}; paths and modes need all "
            "of them on one"
        )
    group = used[0]
    return plan.collateral if group == 0 else plan.other_collateral.get(group, 0)


def as_cross(plan: Holdings, instruments: Sequence[Instrument] = ()) -> Holdings:
    """Everything in the pool, with the same money and entries.

    A position that its market does not allow in a pool keeps its bucket; only ``instruments`` tell.
    """
    return structs.replace(
        plan,
        positions=tuple(
            each
            if instruments and stands_alone(instruments[each.market])
            else structs.replace(each, mode=MarginMode.CROSS, isolated_margin=0)
            for each in plan.positions
        ),
    )


def as_isolated(
    plan: Holdings,
    instruments: Sequence[Instrument],
    prices: Mapping[str, str],
    share: Share = "margin",
) -> Holdings:
    """Every position in a bucket of its own, entered at the prices.

    Raises InputError where the account has no equity, or with ``own`` too little.
    """
    return _divided(plan, instruments, prices, share, {each.market for each in plan.positions})


def hybrid(
    plan: Holdings,
    instruments: Sequence[Instrument],
    prices: Mapping[str, str],
    isolated_markets: Collection[str],
    share: Share = "margin",
) -> Holdings:
    """The named positions in buckets of their own, the others in the pool, entered at the prices.

    A position that its market does not allow in a pool has a bucket in any case. Raises
    InputError for a name without a position, and as ``as_isolated`` does.
    """
    held = {instruments[each.market].name: each.market for each in plan.positions}
    for name in isolated_markets:
        if name not in held:
            raise InputError(
                f"{plan.name}: isolated market: {name!r} has no position; positions are in "
                f"{', '.join(held)}"
            )
    apart = {held[name] for name in isolated_markets}
    apart |= {each for each in held.values() if stands_alone(instruments[each])}
    return _divided(plan, instruments, prices, share, apart)


def at_leverage(
    plan: Holdings,
    instruments: Sequence[Instrument],
    prices: Mapping[str, str],
    leverage: float | Fraction,
) -> Holdings:
    """The same positions with so much money that notional over equity is ``leverage``.

    Entered at the prices; the pool and every bucket keep their share of the money, rounded down to
    micro-USD. Raises InputError where the pool or a bucket would have less than initial margin
    at the highest leverage that its markets allow for such a size.
    """
    wanted = Fraction(leverage).limit_denominator(MICRO)
    if wanted <= 0:
        raise InputError(f"{plan.name}: leverage: {float(leverage):g} should be above 0")
    present = entered_at(plan, instruments, prices)
    total = sum(each.entry_notional for each in present.positions)
    if not total:
        raise InputError(f"{plan.name}: position: the account has none")
    equity = int(total / wanted)
    scale = Fraction(equity, present.collateral)
    positions = tuple(
        structs.replace(each, isolated_margin=int(each.isolated_margin * scale))
        for each in present.positions
    )
    scaled = structs.replace(present, collateral=equity, positions=positions)
    _check_initial(scaled, instruments, wanted)
    return structs.replace(
        scaled,
        positions=tuple(
            structs.replace(each, leverage=_setting(each, instruments[each.market], wanted))
            for each in scaled.positions
        ),
    )


def entered_at(
    plan: Holdings, instruments: Sequence[Instrument], prices: Mapping[str, str]
) -> Holdings:
    """The same account as if entered at the prices: its collateral is its equity there.

    Raises InputError where the pool or a bucket has no equity, so that it could not be opened.
    """
    positions = []
    pool = plan.collateral - sum(each.isolated_margin for each in plan.positions)
    for each in plan.positions:
        value = notional_at(each, instruments[each.market], prices)
        profit = value - each.entry_notional
        profit = profit if each.signed_size > 0 else -profit
        margin = 0
        if each.mode == MarginMode.ISOLATED:
            margin = each.isolated_margin + profit
            name = instruments[each.market].name
            _check_equity(plan, f"the bucket of {name}", margin)
        else:
            pool += profit
        positions.append(structs.replace(each, entry_notional=value, isolated_margin=margin))
    if pool < 0 or any(each.mode == MarginMode.CROSS for each in plan.positions):
        _check_equity(plan, "the pool", pool)
    collateral = pool + sum(each.isolated_margin for each in positions)
    return structs.replace(plan, collateral=collateral, positions=tuple(positions))


def notional_at(position: Position, instrument: Instrument, prices: Mapping[str, str]) -> int:
    """Micro-USD of a position at the price of its market, rounded down."""
    price = Fraction(prices[instrument.name]) * Fraction(10) ** (
        MONEY_DECIMALS - instrument.size_decimals
    )
    return int(abs(position.signed_size) * price)


def stands_alone(instrument: Instrument) -> bool:
    """Whether a market allows no other position beside it in its pool."""
    terms = instrument.block_terms
    return instrument.margin != MarketMargin.ANY_MODE or (terms is not None and terms.own_pool)


def greatest_leverage(instrument: Instrument, notional: int) -> Fraction:
    """The highest leverage at which a market allows a position of ``notional`` micro-USD."""
    if instrument.block_terms is not None:
        return Fraction(PPM, instrument.block_terms.fractions.initial_ppm)
    allowed = [e.maximum_leverage for e in instrument.tiers if e.lower_bound <= notional]
    return Fraction(min(allowed))


def _check_equity(plan: Holdings, what: str, equity: int) -> None:
    if equity <= 0:
        raise InputError(
            f"{plan.name}: collateral: {what} has an equity of {money_text(equity)} USD at these "
            "prices; it should be above 0"
        )


def _divided(
    plan: Holdings,
    instruments: Sequence[Instrument],
    prices: Mapping[str, str],
    share: Share,
    apart: Collection[int],
) -> Holdings:
    """The positions in the markets ``apart`` get buckets, each with its share of the equity."""
    # As one pool first: the money is divided anew, wherever it was.
    present = entered_at(as_cross(plan), instruments, prices)
    margins = [each.entry_notional // each.leverage for each in present.positions]
    weights = margins
    if share == "notional":
        weights = [each.entry_notional for each in present.positions]
    if share == "own":
        parts = margins
        needed = sum(
            m for m, p in zip(margins, present.positions, strict=True) if p.market in apart
        )
        if needed > present.collateral:
            raise InputError(
                f"{plan.name}: collateral: equity of {money_text(present.collateral)} USD is less "
                f"than the initial margins of the buckets, {money_text(needed)}"
            )
    else:
        total = sum(weights)
        parts = [present.collateral * weight // max(1, total) for weight in weights]
    positions = tuple(
        structs.replace(each, mode=MarginMode.ISOLATED, isolated_margin=part)
        if each.market in apart
        else each
        for each, part in zip(present.positions, parts, strict=True)
    )
    return structs.replace(present, positions=positions)


def _check_initial(plan: Holdings, instruments: Sequence[Instrument], leverage: Fraction) -> None:
    """Whether pool and buckets could be opened like this, each with the money that it has."""
    needed: dict[str, Fraction] = {}
    given: dict[str, int] = {}
    pool = "the pool"
    given[pool] = plan.collateral - sum(each.isolated_margin for each in plan.positions)
    for each in plan.positions:
        market = instruments[each.market]
        isolated = each.mode == MarginMode.ISOLATED
        name = market.name if isolated else pool
        if isolated:
            given[name] = each.isolated_margin
        margin = each.entry_notional / greatest_leverage(market, each.entry_notional)
        needed[name] = needed.get(name, Fraction(0)) + margin
    worst = max(needed, key=lambda name: needed[name] / max(1, given[name]))
    if needed[worst] > given[worst] + ROUNDED_OFF:
        highest = leverage * (given[worst] + ROUNDED_OFF) / needed[worst]
        raise InputError(
            f"{plan.name}: leverage: {float(leverage):g} is more than {worst} allows; at most "
            f"{int(highest * 100) / 100:g}"
        )


def _setting(position: Position, instrument: Instrument, leverage: Fraction) -> int:
    """The whole leverage that an account sets for it: enough for the leverage it has."""
    most = int(greatest_leverage(instrument, position.entry_notional))
    return max(1, min(-(-leverage.numerator // leverage.denominator), most))
