"""Fees: of single fills, of tiers reached by real volume, after discounts."""

from fractions import Fraction
from typing import Any

from seawall.domain.commands import AdvanceTime, SetFeeDiscounts
from seawall.domain.enums import Side
from seawall.domain.events import FeeRatesSet
from seawall.domain.units import MONEY_DECIMALS, RATE_ONE, from_units, to_units
from seawall.engine.formulas.continuous.fees import (
    fee_of,
    fee_tier_of,
    rebate_rate,
)
from seawall.venues.rulebook_file import load_rulebook
from tests.conformance.hyperliquid_vectors.machine import (
    World,
    flat_fee,
    market,
    micro,
    single_tier,
    size_decimals_for,
    wide_rules,
)
from tests.conformance.hyperliquid_vectors.report import Check, Group, listed, number

RATE_DECIMALS = 9
DAY_MS = 86_400_000
LARGE = 10**16
"""Micro-USD of an account that trades billions."""
DOLLAR = 10**6


def fees(group: Group, data: Any, vectors: Any) -> None:
    known: dict[str, Any] = {
        "fills": _fills,
        "closed_profit": _profits,
        "tiers": _tiers,
        "maker_rebate_tiers": _rebates,
        "staking_discount": _staking,
        "referral_discount": _referral,
        "spot_tiers": None,
    }
    for part, value in group.parts(data, known):
        if part == "spot_tiers":
            group.outside.append("spot_tiers: there is no spot market in the machine")
        elif part == "staking_discount":
            _staking(group, value, number(data.get("referral_discount", "0")))
        else:
            known[part](group, value)


def _fills(group: Group, value: Any) -> None:
    for case in value:
        with group.case(f"{case['size']} @ {case['price']}") as check:
            notional = _whole(Fraction(str(case["price"])) * Fraction(str(case["size"])) * DOLLAR)
            rates = [int(Fraction(str(rate)) * RATE_ONE) for rate in case["rates"]]
            if any(Fraction(str(rate)) * RATE_ONE % 1 for rate in case["rates"]):
                check.note("a rate finer than the machine's 1e-9 was cut to it")
            parts = [int(fee_of(notional, rate)) for rate in rates]
            check.money("fee, each part truncated", sum(parts), case["fee"])
            if case.get("builder_fee") is not None:
                check.money("builder fee", sum(parts[1:]), case["builder_fee"])
                check.note("the machine has no builders: their part by the fee formula alone")
            check.equal("fee of a real fill", _taken_fee(case, rates[0]), parts[0])


def _whole(value: Fraction) -> int:
    """What micro-USD cannot hold would have been rounded before the rate was applied."""
    if value.denominator != 1:
        raise ValueError(f"{float(value)} micro-USD is not whole")
    return value.numerator


def _taken_fee(case: Any, rate: int) -> int:
    """Only the exchange's own part."""
    rules = wide_rules(**flat_fee(from_units(rate, RATE_DECIMALS)))
    world, price, size = _fill_world(case, [case["price"]], rules)
    return world.trade(world.account(), 0, Side.BUY, price[0], size).fee


def _fill_world(case: Any, prices: list[Any], rules: Any) -> tuple[World, list[int], int]:
    decimals = size_decimals_for([case["size"]], prices)
    world = World([market("X", decimals, single_tier(50))], rules)
    units = [to_units(str(price), MONEY_DECIMALS - decimals) for price in prices]
    world.price(0, units[0])
    return world, units, to_units(str(case["size"]), decimals)


def _profits(group: Group, value: Any) -> None:
    for case in value["cases"]:
        with group.case(f"closed profit {case['side']} {case['size']} @ {case['price']}") as check:
            _compare_profit(check, case)


def _compare_profit(check: Check, case: Any) -> None:
    """Opened by a real fill at the entry, then closed, while the mark stays at the entry."""
    rules = load_rulebook().fee
    world, prices, size = _fill_world(case, [case["entry"], case["price"]], wide_rules())
    held = size
    if "start_size" in case:
        held = abs(to_units(str(case["start_size"]), world.engine.instruments[0].size_decimals))
    long = "Long" in case["side"].split(">")[0]
    opening, closing = (Side.BUY, Side.SELL) if long else (Side.SELL, Side.BUY)
    account = world.account()
    opened = world.trade(account, 0, opening, prices[0], held)
    check.equal("profit of the opening fill", opened.closed_profit, 0)
    before = world.cash(account)
    closed = world.trade(account, 0, closing, prices[1], size)
    check.money("closed profit", closed.closed_profit, case["closed_profit"])
    proceeds = (size if long else -size) * prices[1]
    check.equal("cash", world.cash(account) - before, proceeds - closed.fee)
    fee = fee_of(size * prices[1], rules.tiers[0].taker_rate)
    check.equal("fee beside it", closed.fee, int(fee))


def _tiers(group: Group, value: Any) -> None:
    shipped = load_rulebook().fee.tiers
    bounds = [tier.volume_above for tier in shipped]
    for bound_text, taker_text, maker_text in value["rows"]:
        with group.case(f"perp tier above {bound_text}") as check:
            bound = micro(bound_text)
            check.equal("a shipped tier", bound in bounds, True)
            place = bounds.index(bound)
            tier = shipped[place]
            rates = [to_units(str(text), RATE_DECIMALS) for text in (taker_text, maker_text)]
            check.equal("rates", [tier.taker_rate, tier.maker_rate], rates)
            world = _volume_world()
            check.equal("at the bound", fee_tier_of(world.engine.state, bound), max(0, place - 1))
            check.equal("above it", fee_tier_of(world.engine.state, bound + 1), place)
            check.equal("after real volume", _rates_after(world, bound + DOLLAR), rates)
            if place:
                below = [shipped[place - 1].taker_rate, shipped[place - 1].maker_rate]
                check.equal("after just the bound", _rates_after(_volume_world(), bound), below)


def _volume_world() -> World:
    """One unit of size at one USD is one USD: any volume in one fill."""
    world = World([market("X", 0, single_tier(50))])
    world.price(0, DOLLAR)
    return world


def _rates_after(world: World, volume: int) -> list[int]:
    """Rates of an account the day after it traded this volume as taker."""
    account = world.account(LARGE)
    world.trade(account, 0, Side.BUY, DOLLAR, volume // DOLLAR, world.account(LARGE))
    _next_day(world)
    return _rates_of(world, account)


def _next_day(world: World) -> None:
    world.send(AdvanceTime(world.now))
    world.now += DAY_MS
    world.send(AdvanceTime(world.now))


def _rates_of(world: World, account: int) -> list[int]:
    row = world.engine.tables["accounts"][account]
    return [int(row["taker_rate"]), int(row["maker_rate"])]


def _rebates(group: Group, value: Any) -> None:
    shipped = load_rulebook().fee
    shares = [rebate.share_above for rebate in shipped.maker_rebates]
    rows = next(iter(value.values())) if isinstance(value, dict) else value
    for share_text, rate_text in rows:
        with group.case(f"maker rebate above {share_text}") as check:
            share = to_units(str(share_text), RATE_DECIMALS)
            rate = to_units(str(rate_text), RATE_DECIMALS)
            check.equal("a shipped step", share in shares, True)
            place = shares.index(share)
            check.equal("rate", shipped.maker_rebates[place].maker_rate, rate)
            state = _volume_world().engine.state
            check.equal("above", rebate_rate(state, share + 1, RATE_ONE), rate)
            before = shipped.maker_rebates[place - 1] if place else shipped.tiers[0]
            check.equal("after a real share above", _maker_rate_after(share_text, 1), rate)
            check.equal("after just the share", _maker_rate_after(share_text, 0), before.maker_rate)


def _maker_rate_after(share: Any, more: int) -> int:
    """Maker rate the day after making this share of the venue's volume, plus ``more`` USD."""
    world = _volume_world()
    whole = 10**6
    own = _whole(Fraction(str(share)) * whole) + more
    taker, maker, other = (world.account() for _ in range(3))
    world.trade(taker, 0, Side.BUY, DOLLAR, own, maker)
    world.trade(taker, 0, Side.BUY, DOLLAR, whole - own, other)
    _next_day(world)
    return _rates_of(world, maker)[1]


def _staking(group: Group, value: Any, referral: str = "0") -> None:
    """``referral``: tried together with each as well."""
    group.outside.append(
        "staking_discount, the staked amounts: the machine is told the discount, not the stake"
    )
    for name, _, discount in value:
        with group.case(f"staking discount {name} {discount}") as check:
            for other in {"0", referral}:
                _compare_discount(check, str(discount), other)


def _referral(group: Group, value: Any) -> None:
    for text in listed(value):
        with group.case(f"referral discount {number(text)}") as check:
            _compare_discount(check, "0", number(text))


def _compare_discount(check: Check, staking: str, referral: str) -> None:
    """Effective rates of every tier's first fill, as the machine announces and charges them."""
    for tier in load_rulebook().fee.tiers:
        taker = from_units(tier.taker_rate, RATE_DECIMALS)
        maker = from_units(tier.maker_rate, RATE_DECIMALS)
        world = World([market("X", 0, single_tier(50))], wide_rules(**flat_fee(taker, maker)))
        world.price(0, DOLLAR)
        account = world.account()
        discounts = [to_units(text, RATE_DECIMALS) for text in (staking, referral)]
        events = world.send(SetFeeDiscounts(world.now, account, *discounts))
        announced = next(event for event in events if isinstance(event, FeeRatesSet))
        for what, base, rate in (
            ("taker", tier.taker_rate, announced.taker_rate),
            ("maker", tier.maker_rate, announced.maker_rate),
        ):
            after_staking = base * (1 - Fraction(staking))
            lost = after_staking * (1 - Fraction(referral)) - rate
            truncations = 1 if after_staking.denominator == 1 else 2
            close = 0 <= lost < truncations
            check.equal(f"{what} rate {base} less {staking} and {referral}, {rate}", close, True)
        fill = world.trade(account, 0, Side.BUY, DOLLAR, 10**6)
        check.equal("fee", fill.fee, int(fee_of(10**12, announced.taker_rate)))
