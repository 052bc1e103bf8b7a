"""Which prices and sizes the venue takes: the decimal text, then an order of it."""

from typing import Any

from seawall.domain.commands import PlaceOrder
from seawall.domain.enums import Reason, Side, TimeInForce
from seawall.domain.rulebook import Rulebook
from seawall.domain.units import MAX_PRICE, MAX_SIZE, MICRO, MONEY_DECIMALS, UnitError, to_units
from seawall.engine.formulas.continuous.orders import on_tick
from tests.conformance.hyperliquid_vectors.machine import (
    World,
    market,
    single_tier,
    venue_rules,
    wide_rules,
)
from tests.conformance.hyperliquid_vectors.report import Check, Group

SPOT_DECIMALS = 8
PRICE_REASONS = (Reason.INVALID_PRICE, Reason.PRICE_NOT_ON_TICK)
SIZE_REASONS = (Reason.INVALID_SIZE, Reason.ZERO_SIZE)
VALUE = 1_000 * MICRO


def price_validity(group: Group, data: Any, vectors: Any) -> None:
    for case in data:
        market_kind = case.get("market", "perp")
        with group.case(
            f"{market_kind} {case['price']} size decimals {case['size_decimals']}"
        ) as check:
            decimals = SPOT_DECIMALS if market_kind == "spot" else MONEY_DECIMALS
            decimals -= int(case["size_decimals"])
            try:
                price = to_units(str(case["price"]), decimals)
            except UnitError:
                check.equal("valid by its decimals", False, case["valid"])
                continue
            _compare_price(check, case, market_kind, price, decimals)


def _compare_price(check: Check, case: Any, kind: str, price: int, decimals: int) -> None:
    figures = venue_rules().order.maximum_significant_figures
    valid = price > 0 and bool(on_tick(price, 10**decimals, 10**figures))
    check.equal("valid by the tick rule", valid, case["valid"])
    if kind == "spot":
        check.note("spot is not traded here: the decimals and the tick rule alone")
        return
    size = max(1, VALUE // max(1, price))
    reason = _placed(int(case["size_decimals"]), price, size, venue_rules())
    if price > MAX_PRICE:
        check.note("above the largest price of the machine: the tick rule alone")
        check.equal("the machine's answer", reason.name, Reason.INVALID_PRICE.name)
        return
    if case["valid"]:
        check.equal("the machine's answer", reason.name, Reason.NO_REASON.name)
    else:
        check.equal(f"rejected for its price ({reason.name})", reason in PRICE_REASONS, True)


def size_validity(group: Group, data: Any, vectors: Any) -> None:
    for case in data:
        with group.case(f"{case['size']} size decimals {case['size_decimals']}") as check:
            decimals = int(case["size_decimals"])
            try:
                size = to_units(str(case["size"]), decimals)
            except UnitError:
                check.equal("valid by its decimals", False, case["valid"])
                continue
            price = 10 ** (len(str(VALUE // max(1, size))) - 1)
            reason = _placed(decimals, price, size, wide_rules())
            if case["valid"] and size <= MAX_SIZE:
                check.equal("the machine's answer", reason.name, Reason.NO_REASON.name)
            else:
                check.equal(f"rejected for its size ({reason.name})", reason in SIZE_REASONS, True)


def _placed(size_decimals: int, price: int, size: int, rules: Rulebook) -> Reason:
    """What a market at about this price answers to a resting order."""
    world = World([market("X", size_decimals, single_tier(50))], rules)
    world.price(0, min(MAX_PRICE, max(1, price)))
    order = PlaceOrder(world.now, world.account(), 0, Side.BUY, price, size, TimeInForce.POST_ONLY)
    return world.attempt(order)[0]
