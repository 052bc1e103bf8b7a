"""Whole accounts as the venue shows them: what a case gives is put into a machine and read back.

A case is told by the keys it has, not by its name.
"""

from fractions import Fraction
from typing import Any

from seawall.domain.commands import PlaceOrder, SetLeverage, SetMarginSchedule
from seawall.domain.enums import MarginMode, Reason, Side, TimeInForce
from seawall.domain.events import CROSS_POOL
from seawall.domain.units import MICRO, MONEY_DECIMALS, from_units, to_units
from seawall.engine.formulas.continuous.margin import pool_without
from seawall.venues.hyperliquid.instruments import built_in_tiers
from seawall.venues.hyperliquid.wire.values import figure_text
from seawall.venues.numbers import exact_money
from tests.conformance.hyperliquid_vectors.machine import (
    World,
    market,
    micro,
    single_tier,
    size_decimals_for,
)
from tests.conformance.hyperliquid_vectors.portfolio import unlisted
from tests.conformance.hyperliquid_vectors.report import (
    Check,
    Group,
    decimals_of,
    first_of,
    listed,
    number,
)

RATIO_DECIMALS = 7
"""The documentation cuts the venue's ten."""
PRICE_DECIMALS = 8
UNLISTED_LEVERAGE = 5
"""What a market allows that is not among the shipped tables."""


def account_state(group: Group, data: Any, vectors: Any) -> None:
    for place, case in enumerate(data):
        name = case.get("name", f"case {place + 1}")
        given, expect = case.get("given", {}), case.get("expect", {})
        cases = listed(case.get("cases", []))
        if _sizes_of(expect) or any(_sizes_of(one) for one in cases):
            for one in cases or [expect]:
                with group.case(f"{name} {one.get('coin', '')}".strip()) as check:
                    _trade_sizes(check, {**given, **one})
        elif cases and all(isinstance(one, list) for one in cases):
            for exact, printed in cases:
                with group.case(f"{name} {exact}") as check:
                    check.equal("printed", figure_text(micro(exact)), printed)
        else:
            with group.case(name) as check:
                _compare(check, given, case.get("positions", given.get("positions", [])), expect)


def _compare(check: Check, given: Any, positions: Any, expect: Any) -> None:
    if "raw_usd" in given:
        world, account = _one_bucket(given)
    elif "open_orders" in given:
        world, account = _with_orders(given, positions)
    elif "total_notional" in given:
        world, account = _whole_pool(check, given, positions, expect)
    else:
        raise ValueError(f"no way to put {sorted(given)} into a machine")
    actual = _figures(world, account)
    for key, value in _flat(expect).items():
        if key not in actual:
            check.note(f"{key} is a remark: {value}")
        elif isinstance(actual[key], int):
            check.money(key, actual[key], value)
        else:
            ratio = key.endswith("return_on_margin")
            check.near(key, actual[key], value, RATIO_DECIMALS if ratio else PRICE_DECIMALS)


def _flat(expect: Any, prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in expect.items():
        if isinstance(value, dict):
            found |= _flat(value, f"{prefix}{key}.")
        else:
            found[prefix + key] = value
    return found


def _figures(world: World, account: int) -> dict[str, Any]:
    """Everything the venue shows, by its name: money as micro-USD, other figures as fractions."""
    margins = world.margins(account)
    pool = margins.pop(CROSS_POOL)
    cross = {
        "account_value": pool.equity,
        "total_notional": 0,
        "total_raw_usd": world.cash(account),
        "total_margin_used": pool.initial_margin,
    }
    total = dict(cross)
    found: dict[str, Any] = {
        "cross_maintenance": pool.maintenance_margin,
        "withdrawable": pool.free,
        "hold": int(pool_without(world.engine.state, account, 0, -1)[2]),
    }
    for number_, own in margins.items():
        row = world.position(account, number_)
        value = int(row["signed_size"]) * world.mark(number_)
        isolated = row["mode"] == MarginMode.ISOLATED
        total["total_notional"] += abs(value)
        if isolated:
            total["account_value"] += own.equity
            total["total_raw_usd"] += int(row["isolated_cash"])
            total["total_margin_used"] += own.equity
        else:
            cross["total_notional"] += abs(value)
        figures = _position_figures(world, account, number_, value)
        figures["margin_used"] = own.equity if isolated else own.initial_margin
        name = world.engine.instruments[number_].name
        found |= {f"{name}.{key}": figure for key, figure in figures.items()}
        if len(margins) == 1:
            found |= figures
    found |= {f"total.{key}": figure for key, figure in total.items()} | total
    return found | {f"cross.{key}": figure for key, figure in cross.items()}


def _position_figures(world: World, account: int, number_: int, value: int) -> dict[str, Any]:
    row = world.position(account, number_)
    entry = int(row["entry_notional"])
    return {
        "value": abs(value),
        "profit": value - entry,
        "return_on_margin": Fraction((value - entry) * int(row["leverage"]), abs(entry)),
        "liquidation_price": world.liquidation_price(account, number_),
    }


def _one_bucket(given: Any) -> tuple[World, int]:
    """One isolated position with its raw USD, beside cross cash."""
    mark = given["mark"]
    decimals = given.get("size_decimals", size_decimals_for([given["signed_size"]], [mark]))
    world = World([market("X", decimals, single_tier(given["maximum_leverage"]))])
    world.price(0, to_units(str(mark), MONEY_DECIMALS - decimals))
    size = to_units(str(given["signed_size"]), decimals)
    entry = int(Fraction(str(given["signed_size"])) * Fraction(str(given["entry"])) * MICRO)
    moved = exact_money("raw_usd", given["raw_usd"]) + entry
    account = world.account(moved + exact_money("cross", given.get("cross_raw_usd", "0")))
    world.adopt(account, 0, size, abs(entry), int(given["leverage"]), moved)
    return world, account


def _with_orders(given: Any, positions: Any) -> tuple[World, int]:
    """A pool with resting orders; a market without a position has its mark at the first limit."""
    orders = listed(given["open_orders"])
    leverage = int(given["leverage"])
    rows = [_listed_position(position) for position in positions]
    profit = sum(_profit(row) for row in rows)
    for coin in dict.fromkeys(order["coin"] for order in orders):
        if all(coin != row[0] for row in rows):
            own = [order for order in orders if order["coin"] == coin]
            decimals = size_decimals_for([o["size"] for o in own], [o["limit"] for o in own])
            mark = to_units(str(own[0]["limit"]), MONEY_DECIMALS - decimals)
            rows.append((coin, decimals, 0, mark, 0))
    money = exact_money("account_value", given["account_value"]) - profit
    world, account = _pool_world(rows, leverage, max(50, leverage), money)
    for order in orders:
        place = world.engine.market_index(order["coin"])
        instrument = world.engine.instruments[place]
        price = to_units(str(order["limit"]), instrument.price_decimals)
        size = to_units(str(order["size"]), instrument.size_decimals)
        side = Side.BUY if order["side"] in ("B", "buy") else Side.SELL
        world.rest(account, place, side, price, size)
    return world, account


def _whole_pool(check: Check, given: Any, positions: Any, expect: Any) -> tuple[World, int]:
    """A cross pool by its totals: the positions listed, and others that make up the rest."""
    totals = {key: exact_money(key, str(given[key])) for key in _TOTALS if key in given}
    usual = round(totals["total_notional"] / totals["total_margin_used"])
    leverage = int(given.get("leverage", usual))
    most = int(given.get("maximum_leverage", max(50, leverage)))
    rows = [_listed_position(position) for position in positions]
    notional = totals["total_notional"] - sum(abs(size) * mark for _, _, size, mark, _ in rows)
    value = notional
    if "total_raw_usd" in totals:
        value = totals["account_value"] - totals["total_raw_usd"]
        value -= sum(size * mark for _, _, size, mark, _ in rows)
    share = 2 * most if "cross_maintenance" in totals else 10
    if share == 10:
        whole = totals["account_value"] - exact_money(
            "withdrawable", number(expect["withdrawable"])
        )
    else:
        whole = totals["cross_maintenance"]
    whole -= sum(abs(size) * mark // share for _, _, size, mark, _ in rows)
    used = totals["total_margin_used"]
    used -= sum(abs(size) * mark // leverage for _, _, size, mark, _ in rows)
    others = unlisted(notional, value, (share, whole), (leverage, used)) if notional else []
    check.note(f"{len(others)} positions that the case does not list were found from its totals")
    rows += [(f"other {n}", 6, size, 1, abs(size)) for n, size in enumerate(others)]
    money = totals["account_value"] - sum(_profit(row) for row in rows)
    world, account = _pool_world(rows, leverage, most, money)
    for key, total in totals.items():
        check.equal(key, _figures(world, account)[key], total)
    for position in positions:
        _compare_position(check, world, account, position)
    return world, account


_TOTALS = "account_value total_notional total_raw_usd total_margin_used cross_maintenance".split()
Row = tuple[str, int, int, int, int]
"""Coin, size decimals, signed size, mark, entry notional."""


def _listed_position(position: Any) -> Row:
    """The entry from the profit: what is displayed as entry price is cut."""
    mark = position["mark"]
    decimals = position.get("size_decimals", size_decimals_for([position["signed_size"]], [mark]))
    size = to_units(str(position["signed_size"]), decimals)
    price = to_units(str(mark), MONEY_DECIMALS - decimals)
    entry = size * price - exact_money("profit", position.get("profit", "0"))
    return position["coin"], decimals, size, price, abs(entry)


def _profit(row: Row) -> int:
    _, _, size, mark, entry = row
    return size * mark - (entry if size > 0 else -entry)


def _pool_world(rows: list[Row], leverage: int, most: int, money: int) -> tuple[World, int]:
    """Every position under the account's own maximum, whatever the market's is."""
    own = single_tier(most)
    instruments = [
        market(coin, decimals, built_in_tiers(coin) or single_tier(UNLISTED_LEVERAGE))
        for coin, decimals, *_ in rows
    ]
    world = World(instruments, extra_tiers=[own])
    for place, (_, _, _, mark, _) in enumerate(rows):
        world.price(place, mark)
    account = world.account(money)
    schedule = world.engine.schedules.index(own)
    for place, (_, _, size, _, entry) in enumerate(rows):
        world.send(SetMarginSchedule(world.now, account, place, schedule))
        if size:
            world.adopt(account, place, size, entry, leverage)
        else:
            world.send(SetLeverage(world.now, account, place, leverage, MarginMode.CROSS))
    return world, account


def _compare_position(check: Check, world: World, account: int, position: Any) -> None:
    coin = position["coin"]
    place = world.engine.market_index(coin)
    shown = _figures(world, account)
    for key in ("value", "profit", "margin_used"):
        if key in position:
            check.money(f"{coin} {key}", shown[f"{coin}.{key}"], position[key])
    if "return_on_margin" in position:
        ratio = shown[f"{coin}.return_on_margin"]
        check.near(f"{coin} return on margin", ratio, position["return_on_margin"], 10)
    if "entry" in position:
        row = world.position(account, place)
        digits = decimals_of(position["entry"])
        size = abs(int(row["signed_size"]))
        decimals = world.engine.instruments[place].price_decimals
        cut = abs(int(row["entry_notional"])) * 10**digits // (size * 10**decimals)
        expected = from_units(to_units(position["entry"], digits), digits)
        check.equal(f"{coin} entry, cut", from_units(cut, digits), expected)


def _sizes_of(case: Any) -> Any:
    return isinstance(case, dict) and case.get("largest_sizes")


def _trade_sizes(check: Check, case: dict[str, Any]) -> None:
    """Exactly this much can be ordered, and not one lot more: resting at the mark, and taken.

    Margins are truncated to the micro-USD, so a case whose free margin is used up to less than
    that by its size could pass with one lot more; a lot is worth far more than that in any market.
    """
    price_text = first_of(case, "price", "mark")
    decimals = int(case["size_decimals"])
    leverage = int(case["leverage"])
    world = World([market("X", decimals, single_tier(max(50, leverage)))])
    price = to_units(str(price_text), MONEY_DECIMALS - decimals)
    world.price(0, price)
    size = to_units(str(case.get("signed_size", "0")), decimals)
    available = exact_money("available", _available(case))
    account = world.account(available + abs(size) * price // leverage)
    world.send(SetLeverage(world.now, account, 0, leverage, MarginMode.CROSS))
    if size:
        world.adopt(account, 0, size, abs(size) * price, leverage)
    pool = world.margins(account)[CROSS_POOL]
    check.equal("free margin", pool.equity - pool.initial_margin, available)
    sizes = listed(_sizes_of(case))
    for side, text in zip((Side.BUY, Side.SELL), (sizes * 2)[:2], strict=True):
        most = round(Fraction(str(text)) * 10**decimals)
        outcomes = {most: Reason.NO_REASON, most + 1: Reason.INSUFFICIENT_MARGIN}
        for taken in (False, True):
            for lots, expected in outcomes.items():
                if not lots:
                    continue
                reason = _order_outcome(world.fork(), account, side, price, lots, taken)
                what = f"{side.name} {from_units(lots, decimals)} {'taken' if taken else 'resting'}"
                check.equal(what, reason.name, expected.name)


def _available(case: dict[str, Any]) -> str:
    """Free margin: of two sides' figures the smaller, which has no credit for closing."""
    value = next(value for key, value in case.items() if key.startswith("available"))
    return min(map(str, listed(value)), key=Fraction)


def _order_outcome(
    world: World, account: int, side: Side, price: int, size: int, taken: bool
) -> Reason:
    kind = TimeInForce.POST_ONLY
    if taken:
        kind = TimeInForce.IMMEDIATE_OR_CANCEL
        world.rest(world.account(10**16), 0, Side(1 - side), price, size)
    return world.attempt(PlaceOrder(world.now, account, 0, side, price, size, kind))[0]
