"""Tiers, maintenance margin, liquidation prices, the margin of an isolated open."""

import json
from fractions import Fraction
from typing import Any

from seawall.domain.commands import SetLeverage
from seawall.domain.enums import MarginMode, Side
from seawall.domain.events import CROSS_POOL, LiquidationStarted
from seawall.domain.instrument import MarginTier
from seawall.domain.units import MAX_PRICE, MAX_SIZE, MICRO, to_units
from seawall.engine.formulas.continuous.liquidation_price import MaintenanceTier, maintenance_tiers
from seawall.engine.formulas.continuous.margin import maintenance_margin as maintenance_formula
from seawall.venues.hyperliquid.instruments import built_in_tiers, instruments_from_meta
from seawall.venues.numbers import exact_money
from tests.conformance.hyperliquid_vectors.machine import (
    World,
    case_tiers,
    flat_fee,
    market,
    micro,
    single_tier,
    size_decimals_for,
    tier_table,
    wide_rules,
)
from tests.conformance.hyperliquid_vectors.report import Check, Group, first_of, listed


def margin_tiers(group: Group, data: Any, vectors: Any) -> None:
    """The file's tables as the venue's ``meta`` would send them, compiled into a machine."""
    for network, tables in group.parts(data, {"mainnet": 0, "testnet": 0}):
        world, markets = _world_of_tables(tables)
        for coins, rows in tables.items():
            number = markets[coins]
            for place, row in enumerate(rows):
                with group.case(f"{network} {coins}, tier {place + 1} of {len(rows)}") as check:
                    _compare_tier(check, world, number, place, row)
            for coin in coins.split():
                shipped = built_in_tiers(coin, network)
                if shipped is None:
                    continue
                own = {"margin_tiers": {network: tables}}
                with group.case(f"{network} {coin}, the shipped table") as check:
                    check.equal("tiers", shipped, tier_table(own, coin))


def _world_of_tables(tables: dict[str, Any]) -> tuple[World, dict[str, int]]:
    """One market for each table, and its number."""
    universe, sent = [], []
    for place, (coins, rows) in enumerate(tables.items()):
        entry = {"name": coins, "szDecimals": 2, "maxLeverage": rows[0]["maximum_leverage"]}
        universe.append(entry | {"marginTableId": 51 + place})
        tiers = [
            {"lowerBound": row["lower_bound"], "maxLeverage": row["maximum_leverage"]}
            for row in rows
        ]
        sent.append([51 + place, {"description": coins, "marginTiers": tiers}])
    raw = json.dumps({"universe": universe, "marginTables": sent}).encode()
    return World(instruments_from_meta(raw)), {coins: n for n, coins in enumerate(tables)}


def _compare_tier(check: Check, world: World, number: int, place: int, row: Any) -> None:
    tables = world.engine.tables
    schedule = tables["schedules"][int(tables["markets"]["schedule"][number])]
    check.equal("number of tiers", place < int(schedule["tier_count"]), True)
    names = "lower_bound maintenance_numerator maintenance_denominator deduction_numerator".split()
    held = tables["tiers"][int(schedule["first_tier"]) + place]
    compiled = MaintenanceTier(*(int(held[name]) for name in names))
    plain = maintenance_tiers(world.engine.instruments[number].tiers)[place]
    for name, tier in (("compiled", compiled), ("exact", plain)):
        check.equal(f"{name} lower bound", tier.lower_bound, micro(row["lower_bound"]))
        rate = Fraction(tier.numerator, tier.denominator)
        check.decimal(f"{name} rate", rate, row["maintenance_rate"])
        deduction = Fraction(tier.deduction, tier.denominator * MICRO)
        check.decimal(f"{name} deduction", deduction, row["maintenance_deduction"])
    most = int(held["maximum_leverage"])
    check.equal("maximum leverage", most, row["maximum_leverage"])
    if "initial_rate_at_max" in row:
        check.decimal("initial rate", Fraction(1, most), row["initial_rate_at_max"])


def maintenance_margin(group: Group, data: Any, vectors: Any) -> None:
    """By the formula on the schedule, and of a position of that notional."""
    for case in data["cases"]:
        table = first_of(case, "table", "coin")
        with group.case(f"{table} {case['notional']}") as check:
            world = World([market("X", 6, case_tiers({"table": table} | case, vectors))])
            _compare_maintenance(check, world, micro(case["notional"]), case["maintenance"])


def _compare_maintenance(check: Check, world: World, notional: int, expected: Any) -> None:
    check.money("formula", maintenance_formula(world.engine.state, 0, notional), expected)
    mark = 1 if notional <= MAX_SIZE else 10
    if not notional or notional % mark:
        check.note("no position has this notional: the formula alone")
        return
    world.price(0, mark)
    account = world.account()
    world.adopt(account, 0, notional // mark, notional, 1)
    margins = world.margins(account)
    check.money("position", margins[0].maintenance_margin, expected)
    check.money("pool", margins[CROSS_POOL].maintenance_margin, expected)


def liquidation_price(group: Group, data: Any, vectors: Any) -> None:
    known = {
        "isolated": _isolated_price,
        "cross": _cross_price,
        "untruncated": _untruncated_price,
    }
    for part, cases in group.parts(data, known):
        for place, case in enumerate(listed(cases)):
            name = f"{part} {place + 1} {case.get('coin') or case.get('symbol', '')}"
            with group.case(name) as check:
                known[part](check, case, vectors)


def _isolated(case: Any, vectors: Any, mark: Any) -> tuple[World, int]:
    """A machine holding the bucket, and its owner."""
    decimals = case.get("size_decimals", size_decimals_for([case["size"]], [mark]))
    tiers = case_tiers(case, vectors)
    world = World([market("X", decimals, tiers)])
    price = to_units(str(mark), 6 - decimals)
    size = to_units(str(case["size"]), decimals)
    world.price(0, price)
    account = world.account()
    signed = size if case["side"] in ("long", "buy", "B") else -size
    most = tiers[0].maximum_leverage
    leverage = min(most, int(case.get("leverage", most)))
    bucket = exact_money("margin_used", str(case["margin_used"]))
    world.adopt(account, 0, signed, size * price, leverage, bucket)
    return world, account


def _isolated_price(check: Check, case: Any, vectors: Any) -> None:
    world, account = _isolated(case, vectors, case["mark"])
    check.money("margin used", world.margins(account)[0].equity, case["margin_used"])
    check.near("price", world.liquidation_price(account, 0), case["liquidation_price"], 8)
    _compare_with_the_machine(check, world, account)


def _compare_with_the_machine(check: Check, world: World, account: int) -> None:
    """It liquidates two ticks beyond the price, not two ticks before.

    Two: a tick moves the equity by at least a micro-USD, truncation the margin by less.
    """
    price = world.liquidation_price(account, 0)
    if price is None:
        return
    row = world.position(account, 0)
    side = 1 if row["signed_size"] > 0 else -1
    units = price * 10 ** world.engine.instruments[0].price_decimals
    for ticks, expected in ((2, False), (-2, True)):
        at = int(units) + side * ticks
        if 1 <= at <= MAX_PRICE:
            events = world.fork().price(0, at)
            begun = any(isinstance(event, LiquidationStarted) for event in events)
            check.equal(f"liquidated {ticks:+d} ticks from it", begun, expected)


def _cross_price(check: Check, case: Any, vectors: Any) -> None:
    """The other positions of the pool as one that needs exactly their maintenance."""
    size_text = str(case["signed_size"])
    notional = exact_money("value", case["value"])
    decimals = _decimals_of_value(size_text, notional)
    size = to_units(size_text, decimals)
    tiers = case_tiers(case, vectors)
    world = World([market("X", decimals, tiers), market("rest", 6, single_tier(1))])
    world.price(0, notional // abs(size))
    world.price(1, 1)
    account = world.account(exact_money("account_value", case["account_value"]))
    world.adopt(account, 0, size, notional, min(20, tiers[0].maximum_leverage))
    own = world.margins(account)[0].maintenance_margin
    total = exact_money("maintenance", case["cross_maintenance"])
    if total > own:
        world.adopt(account, 1, 2 * (total - own), 2 * (total - own), 1)
    pool = world.margins(account)[CROSS_POOL]
    check.money("equity", pool.equity, case["account_value"])
    check.money("maintenance", pool.maintenance_margin, case["cross_maintenance"])
    check.near("price", world.liquidation_price(account, 0), case["liquidation_price"], 8)


def _decimals_of_value(size_text: str, notional: int) -> int:
    """The fewest size decimals at which the value is a whole price times the size."""
    for decimals in range(size_decimals_for([size_text], []), 7):
        size = abs(to_units(size_text, decimals))
        if notional % size == 0 and notional // size <= MAX_PRICE:
            return decimals
    raise ValueError(f"{notional} micro-USD is no whole price times {size_text}")


def _untruncated_price(check: Check, case: Any, vectors: Any) -> None:
    """Printed by a client that does not truncate the maintenance margin.

    Where truncation drops something the two prices part by what that is worth.
    """
    world, account = _isolated(case, vectors, first_of(case, "entry", "mark"))
    price = world.liquidation_price(account, 0)
    row = world.position(account, 0)
    tiers = maintenance_tiers(world.engine.instruments[0].tiers)
    scaled = abs(int(row["signed_size"])) * world.mark(0) * tiers[0].numerator
    dropped = Fraction(scaled % tiers[0].denominator, tiers[0].denominator * MICRO)
    if price is not None and dropped:
        size = Fraction(str(case["size"]))
        side = 1 if row["signed_size"] > 0 else -1
        rate = Fraction(tiers[0].numerator, tiers[0].denominator)
        price += side * dropped / size / (1 - side * rate)
        check.note("the truncated part of the maintenance margin was put back")
    check.near("price", price, case["liquidation_price"])


def isolated_open_margin(group: Group, data: Any, vectors: Any) -> None:
    """A taker opens against a resting order; the bucket at the fill price, and at a second mark."""
    for case in data["cases"]:
        name = f"{case.get('coin', '')} {case['size']} @ {case['price']}, {case['leverage']}x"
        with group.case(name.strip()) as check:
            _open_isolated(check, case)


def _open_isolated(check: Check, case: Any) -> None:
    marks = [case["price"], case.get("later_mark", case["price"])]
    decimals = size_decimals_for([case["size"]], marks)
    leverage = int(case["leverage"])
    most = (MarginTier(0, max(leverage, int(case.get("maximum_leverage", 50)))),)
    world = World([market("X", decimals, most)], wide_rules(**flat_fee(case["taker"])))
    price = to_units(str(case["price"]), 6 - decimals)
    world.price(0, price)
    account = world.account()
    world.send(SetLeverage(world.now, account, 0, leverage, MarginMode.ISOLATED))
    side = Side.SELL if case.get("side") in ("short", "sell", "A") else Side.BUY
    world.trade(account, 0, side, price, to_units(str(case["size"]), decimals))
    check.money("margin used", world.margins(account)[0].equity, case["margin_used"])
    if "raw_usd" in case:
        raw = int(world.position(account, 0)["isolated_cash"])
        check.money("raw USD", raw, case["raw_usd"])
    if "later_mark" in case:
        world.price(0, to_units(case["later_mark"], 6 - decimals))
        later = world.margins(account)[0].equity
        check.money("margin used at the later mark", later, case["later_margin_used"])
