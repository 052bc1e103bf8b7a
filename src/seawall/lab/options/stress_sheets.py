"""Shocks of an account in portfolio margin, as sentences and sheets."""

from collections.abc import Callable, Iterator
from typing import Any

from seawall.lab.options.pooled_words import missing_words, pool_words
from seawall.lab.options.stress import PooledMargin, PooledShock, PooledStress, SmallestMove
from seawall.report import kinds
from seawall.report.findings import Findings, Section, Status, Tile, Words
from seawall.report.kinds import AVERAGE_PRICE, FLAG, MOVE, RATIO, SHOCK, USD
from seawall.report.sheet import Column, Sheet

CLOSE, NEAR = 0.1, 0.2
"""A move of the prices below the first is an ordinary day, below the second a bad one."""
NEVER = "none"


def findings(result: PooledStress) -> Findings:
    """The findings of an account in portfolio margin."""
    held = result.held
    names = ", ".join(each.name for each in result.pool.rules)
    nearest = _nearest(result)
    return Findings(
        command="stress",
        title=f"Shocks of {held.account.name} in portfolio margin",
        subtitle=f"{held.account.source}; presets {names}",
        verdict=tuple(_verdict(result)),
        status=_status(result, nearest),
        tiles=[
            Tile(title="equity, USD", value=held.equity, kind=USD),
            Tile(title="smallest move that liquidates", value=nearest, kind=MOVE),
        ],
        sections=tuple(_sections(result)),
        facts={"account": held.account.name},
        assumptions=tuple(_assumptions(result)),
    )


def _sections(result: PooledStress) -> Iterator[Section]:
    yield _margin(result)
    yield _liquidation(result)
    if result.smallest:
        yield _smallest(result)
    yield _shocks(result)
    yield _shock_prices(result)
    yield from result.used.sheets()


def _moves(result: PooledStress) -> Iterator[float]:
    """Every smallest move that liquidates."""
    for each in result.now:
        for name, limits in each.liquidation.items():
            spot = result.held.portfolios[name].spot
            yield from (
                price / spot - 1.0 for price in (limits.below, limits.above) if price is not None
            )
    for move in result.smallest:
        yield from (size for size in (move.down, move.up) if size is not None)


def _nearest(result: PooledStress) -> float | None:
    return min(_moves(result), key=abs, default=None)


def _status(result: PooledStress, nearest: float | None) -> Status:
    if any(each.total.is_liquidatable for each in result.now):
        return Status("Liquidatable now", "bad")
    if nearest is None:
        return Status("No move liquidates", "good")
    words = f"liquidated by a move of {kinds.percent(abs(nearest))}"
    if abs(nearest) < CLOSE:
        return Status(f"Close: {words}", "bad")
    if abs(nearest) < NEAR:
        return Status(f"Near: {words}", "caution")
    return Status(f"Far: {words}", "good")


def _verdict(result: PooledStress) -> Iterator[Words]:
    yield from missing_words(result.pool)
    if result.volatility_change:
        change = kinds.short_percent(result.volatility_change, signed=True)
        yield Words(f"All implied volatilities have changed by {change} before prices move.")
    for each in result.now:
        title = each.rule.preset.title
        if each.total.is_liquidatable:
            yield Words(f"Under {title} the account is liquidatable now.", is_warning=True)
            continue
        for name, limits in each.liquidation.items():
            spot = result.held.portfolios[name].spot
            price = limits.nearest(spot)
            if price is None:
                continue
            way = "falls" if price < spot else "rises"
            yield Words(
                f"{title} liquidates it when {name} {way} {kinds.percent(abs(price / spot - 1))} "
                f"to {AVERAGE_PRICE.text(price)} USD."
            )
    worst = max(result.shocks, key=lambda each: each.lost, default=None)
    if worst is not None and worst.lost > 0:
        text = (
            f"The worst of these shocks, {worst.move.name} "
            f"{kinds.short_percent(worst.size, signed=True)} under {worst.rule.preset.title}, "
            f"costs {kinds.usd(worst.lost)} of {kinds.usd(worst.before)} USD"
        )
        if worst.liquidated_at is not None:
            at = kinds.percent(worst.liquidated_at * worst.size, signed=True)
            text += f": the account is liquidated at {at}"
        yield Words(f"{text}.", is_warning=worst.liquidated_at is not None)


def _margin(result: PooledStress) -> Sheet:
    return Sheet(
        name="margin",
        title="Margin before prices move, USD",
        rows=result.now,
        columns=[
            Column("preset", get="rule.name"),
            Column("equity", USD, "total.equity"),
            Column("initial", USD, "total.initial"),
            Column("maintenance", USD, "total.maintenance"),
            Column("free", USD, "total.free", drop=2),
            Column("ratio", RATIO, "total.ratio", "maintenance of equity", 1),
            Column("liquidatable", FLAG, "total.is_liquidatable", on="data"),
        ],
        style=lambda row: "bad" if row.total.is_liquidatable else "",
    )


def _liquidation(result: PooledStress) -> Sheet:
    rows: list[tuple[PooledMargin, str]] = [
        (each, name) for each in result.now for name in each.liquidation
    ]

    def price(field: str) -> Callable[[Any], float | None]:
        return lambda row: getattr(row[0].liquidation[row[1]], field)

    def move(field: str) -> Callable[[Any], float | None]:
        def get(row: Any) -> float | None:
            found = getattr(row[0].liquidation[row[1]], field)
            return None if found is None else found / result.held.portfolios[row[1]].spot - 1.0

        return get

    return Sheet(
        name="liquidation_prices",
        title="Liquidation prices, each market by itself",
        rows=rows,
        columns=[
            Column("preset", get=lambda row: row[0].rule.name),
            Column("market", get=lambda row: row[1]),
            Column("price", AVERAGE_PRICE, lambda row: result.held.portfolios[row[1]].spot,
                   "price now", 2),
            Column("below", AVERAGE_PRICE, price("below"), "liquidated below", none=NEVER),
            Column("fall", MOVE, move("below"), drop=1, none=""),
            Column("above", AVERAGE_PRICE, price("above"), "liquidated above", none=NEVER),
            Column("rise", MOVE, move("above"), drop=1, none=""),
        ],
        note="The same figures as `seawall options` has. Looked for from a twentieth to ten times "
        "the price.",
    )  # fmt: skip


def _smallest(result: PooledStress) -> Sheet:
    def size(field: str) -> Callable[[SmallestMove], float | None]:
        return lambda row: getattr(row, field)

    return Sheet(
        name="smallest_moves",
        title="Smallest moves of several markets that liquidate",
        rows=result.smallest,
        columns=[
            Column("preset", get="rule.name"),
            Column("move", get="move.name"),
            Column("down", MOVE, size("down"), none=NEVER),
            Column("up", MOVE, size("up"), none=NEVER),
        ],
        note="With betas: of the market that the others follow. Looked for from -95 % to +200 %.",
    )


def _shocks(result: PooledStress) -> Sheet:
    def stopped(row: PooledShock) -> float | None:
        return None if row.liquidated_at is None else row.liquidated_at * row.size

    return Sheet(
        name="shocks",
        title="Shocks, USD",
        rows=result.shocks,
        columns=[
            Column("preset", get="rule.name"),
            Column("move", get="move.name"),
            Column("size", SHOCK),
            Column("volatility_change", SHOCK, title="volatility",
                   on="everywhere" if result.volatility_change else "data"),
            Column("equity", USD, title="equity there", drop=3),
            Column("maintenance", USD, "total.maintenance", drop=2),
            Column("liquidated", FLAG, lambda row: row.liquidated_at is not None, on="data"),
            Column("liquidated_at", MOVE, stopped, "liquidated at", none=""),
            Column("first", title="frees most", drop=1),
            Column("left", USD),
            Column("lost", USD),
            Column("missing", USD, title="others bear", drop=5),
            Column("deposit", USD, title="deposit that saves it", drop=4),
        ],
        style=lambda row: "bad" if row.liquidated_at is not None else "",
        note="Equity and maintenance margin: at the shocked prices, as if nothing were liquidated "
        "on the way. Frees most: the position whose closing alone leaves most room. Deposit: cash "
        "that keeps equity above maintenance margin at every look on the way.",
    )  # fmt: skip


def _shock_prices(result: PooledStress) -> Sheet:
    first = result.pool.rules[0]
    rows = [
        (each, name, price)
        for each in result.shocks
        if each.rule is first
        for name, price in each.prices.items()
    ]
    return Sheet(
        name="shock_prices",
        title="Prices of the shocks",
        rows=rows,
        columns=[
            Column("move", get=lambda row: row[0].move.name),
            Column("size", SHOCK, lambda row: row[0].size),
            Column("market", get=lambda row: row[1]),
            Column("price", AVERAGE_PRICE, lambda row: row[2]),
        ],
        on="tables",
    )


def _assumptions(result: PooledStress) -> Iterator[str]:
    yield from pool_words(result.pool)
    if result.volatility_change:
        yield (
            "All implied volatilities change by the same part of themselves before prices move, "
            "and stand still then (--volatility-change)."
        )
    else:
        yield (
            "Implied volatilities stand still while prices move; --volatility-change moves them "
            "first."
        )
    yield (
        "Prices go along a straight line, looked at each percent; forwards move with the price, "
        "and no time passes."
    )
    yield (
        "A liquidation closes the whole account at its values, less "
        f"{kinds.short_percent(result.cost)} of the price for each coin of perpetuals, options and "
        "collateral (assumed, --liquidation-cost); what it lacks others bear. Venues that close "
        "parts, or auction the account, leave more or less than this."
    )
