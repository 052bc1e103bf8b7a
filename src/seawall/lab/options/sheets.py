"""An account of perpetuals and options under several presets, as sentences and sheets."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from msgspec import Struct

from seawall.domain.option import DAYS_PER_YEAR
from seawall.lab.options.analysis import ByVolatility, Deleveraged, Hedge, Moment
from seawall.lab.options.figures import (
    hedge_figures,
    profit_figures,
    surface_figures,
    time_figure,
)
from seawall.lab.options.margin import ScenarioProfit
from seawall.lab.options.pool import Boundaries
from seawall.lab.options.question import OptionsResult
from seawall.lab.options.tiles import nearest, status, tiles
from seawall.lab.sourced_sheet import sourced_sheet
from seawall.report import kinds
from seawall.report.findings import Findings, Section, Words
from seawall.report.kinds import (
    AVERAGE_PRICE,
    COUNT,
    FIGURE,
    FLAG,
    MOVE,
    NUMBER,
    RATIO,
    SHARE,
    SHOCK,
    TIME,
    USD,
)
from seawall.report.sheet import Column, Sheet, record

LITTLE = 0.1
"""Of the larger leg: a pool that saves less than this is said not to save."""
NEVER = "none"


class _Leg(Struct, frozen=True, kw_only=True):
    """A perpetual or an option; USD, coins, and greeks of the whole position."""

    market: str
    kind: str
    size: float
    strike: float | None = None
    days: float | None = None
    volatility: float | None = None
    forward: float
    entry: float
    price: float
    value: float
    delta: float
    gamma: float = 0.0
    vega: float = 0.0
    theta: float = 0.0

    @property
    def profit(self) -> float:
        return self.size * (self.price - self.entry)


class _Limit(Struct, frozen=True, kw_only=True):
    """The liquidation prices of a market under a preset."""

    preset: str
    market: str
    price: float
    volatility_change: float
    liquidation: Boundaries

    def distance(self, price: float | None) -> float | None:
        return None if price is None else price / self.price - 1.0


class _Scenario(Struct, frozen=True, kw_only=True):
    preset: str
    market: str
    scenario: ScenarioProfit


def findings(result: OptionsResult) -> Findings:
    """The findings of an account."""
    held = result.held
    names = ", ".join(each.rule.name for each in result.now)
    return Findings(
        command="options",
        title=f"Perpetuals and options of {held.account.name} in one portfolio",
        subtitle=f"{held.account.source}; presets {names}",
        verdict=tuple(_verdict(result)),
        status=status(result),
        tiles=tiles(result),
        sections=tuple(_sections(result)),
        facts={"account": held.account.name},
        assumptions=tuple(_assumptions(result)),
    )


def _sections(result: OptionsResult) -> Iterator[Section]:
    held = result.held
    fields = [Column("equity", USD), Column("cash", USD), Column("time_ms", TIME)]
    yield record("account", "", held, fields, on="data")
    yield _legs(result)
    yield _margin(result)
    yield _liquidation(result)
    yield _pooling(result)
    yield from profit_figures(result)
    if result.hedges:
        yield _hedges(result)
        yield from hedge_figures(result)
    yield from surface_figures(result)
    if result.by_volatility:
        yield _by_volatility(result)
    if result.deleveraged:
        yield _deleveraged(result)
    yield _over_time(result)
    yield time_figure(result)
    yield _curve(result)
    yield _cells(result)
    yield _scenarios(result)
    yield _numbers(result)
    yield from result.used.sheets()


def _verdict(result: OptionsResult) -> Iterator[Words]:
    place = result.strictest
    now, pool = result.now[place], result.pooled[place]
    total, title = now.total, now.rule.preset.title
    asks = "asks most:" if len(result.now) > 1 else "asks"
    yield Words(
        f"{title} {asks} {kinds.usd(total.initial)} USD of initial and "
        f"{kinds.usd(total.maintenance)} USD of maintenance margin, of "
        f"{kinds.usd(total.equity)} USD that count as equity."
    )
    for name, why in result.unusable.items():
        yield Words(f"{name} {why} and is left out.")
    if total.is_liquidatable:
        yield Words(f"Under {title} the account is liquidatable now.", is_warning=True)
    if result.deleveraged or result.hedges:
        yield from _pool_words(result)
    if pool.perpetuals.initial and pool.options.initial:
        larger = max(pool.perpetuals.initial, pool.options.initial)
        if pool.saved_against_larger < LITTLE * larger:
            leg = "perpetuals" if pool.perpetuals.initial >= pool.options.initial else "options"
            amount = kinds.usd(abs(pool.saved_against_larger))
            if pool.saved_against_larger >= 0:
                text = (
                    f"Against the {leg} alone the pool saves only {amount} USD: together they "
                    "lose nearly as much in their own worst scenario."
                )
            else:
                text = (
                    f"The pool asks {amount} USD more than the {leg} alone: under this preset the "
                    "other leg is no hedge of it."
                )
            yield Words(text, is_warning=True)
    found = nearest(result)
    if found is not None and not total.is_liquidatable:
        way = "falls" if found.price < found.now else "rises"
        still = ", volatilities unchanged and forwards moving along" if result.held.options else ""
        yield Words(
            f"{title} liquidates it when {found.market} {way} "
            f"{kinds.percent(abs(found.price / found.now - 1))} to {_price(found.price)} USD"
            f"{still}."
        )
    yield from _deleveraging_words(result)
    yield from _time_words(result)


def _pool_words(result: OptionsResult) -> Iterator[Words]:
    pool = result.pooled[result.strictest]
    apart = pool.perpetuals.initial + pool.options.initial
    if round(pool.saved, 2) > 0:
        yield Words(
            f"Margined apart, perpetuals and options ask {kinds.usd(apart)} USD; the pool saves "
            f"{kinds.usd(pool.saved)} USD, {kinds.percent(pool.saved / apart)}."
        )
    rule = result.now[result.strictest].rule
    for held, least in _held_and_least(result, rule.name):
        if least.margin.initial < 0.99 * held.margin.initial:
            yield Words(
                f"{least.market}: margin is least, {kinds.usd(least.margin.initial)} USD, with "
                f"{_coins(least.perpetual)} coins of the perpetual instead of "
                f"{_coins(held.perpetual)}."
            )


def _held_and_least(result: OptionsResult, preset: str) -> Iterator[tuple[Hedge, Hedge]]:
    named = {(each.market, each.what): each for each in result.hedges if each.rule.name == preset}
    for (market, what), each in named.items():
        if what == "as held":
            yield each, named[market, "least margin"]


def _deleveraging_words(result: OptionsResult) -> Iterator[Words]:
    rule = result.now[result.strictest].rule
    held = {}
    for each in result.deleveraged:
        if each.rule.name == rule.name and not each.share:
            held[each.market] = each.total
        if each.rule.name != rule.name or each.share < 1 or held[each.market].is_liquidatable:
            # Where the account does not stand until then, nothing is deleveraged.
            continue
        move = kinds.percent(each.move, signed=True)
        spot = result.held.portfolios[each.market].spot * (1.0 + each.move)
        price = each.liquidation.nearest(spot)
        if each.total.is_liquidatable:
            end = "the account is liquidatable at once"
        elif price is None:
            end = "no price from a twentieth to ten times of it liquidates the account"
        else:
            side = "above" if price > spot else "below"
            end = f"the account is liquidated {side} {_price(price)} USD"
        yield Words(
            f"If the {each.market} perpetual is deleveraged after {move}, its options stay with a "
            f"delta of {_coins(each.delta)} coins, and {end}.",
            is_warning=price is not None or each.total.is_liquidatable,
        )


def _time_words(result: OptionsResult) -> Iterator[Words]:
    rule = result.now[result.strictest].rule
    rows = [each for each in result.over_time if each.rule.name == rule.name]
    if len(rows) < 2:
        return
    last = rows[-1]
    parts = []
    if any(each.futures for each in result.held.portfolios.values()):
        pays = "pays" if last.funding >= 0 else "receives"
        parts.append(f"the account {pays} {kinds.usd(abs(last.funding))} USD of funding")
    if result.held.options:
        earned = last.total.equity + last.funding - rows[0].total.equity
        gain = "gain" if earned >= 0 else "lose"
        parts.append(f"its options {gain} {kinds.usd(abs(earned))} USD")
    if parts:
        yield Words(f"Over {_days(last.days)} at these prices {' and '.join(parts)}.")


def _days(days: float) -> str:
    return kinds.long_duration(86_400 * days)


def _price(price: float) -> str:
    return AVERAGE_PRICE.text(price)


def _coins(coins: float) -> str:
    # A hedge of options that are worth nothing is none, whatever its sign.
    return FIGURE.text(round(coins, 8) + 0.0)


def _legs(result: OptionsResult) -> Sheet:
    return Sheet(
        name="positions",
        title="Positions",
        rows=list(_leg_rows(result)),
        columns=[
            Column("market"),
            Column("kind"),
            Column("size", NUMBER),
            Column("strike", AVERAGE_PRICE),
            Column("days", NUMBER, lambda row: None if row.days is None else round(row.days, 2)),
            Column("volatility", SHARE, drop=2),
            Column("forward", AVERAGE_PRICE, drop=7),
            Column("entry", AVERAGE_PRICE, drop=6),
            Column("price", AVERAGE_PRICE, drop=3),
            Column("value", USD),
            Column("profit", USD, drop=1),
            Column("delta", NUMBER, lambda row: round(row.delta, 4)),
            Column("gamma", NUMBER, drop=8),
            Column("vega", USD, drop=5),
            Column("theta", USD, drop=4),
        ],
        note="Coins and USD. Delta: coins that the position moves like; vega: USD for one point of "
        "volatility; theta: USD of a day. The price of an option is that of Black-76.",
    )


def _leg_rows(result: OptionsResult) -> Iterator[_Leg]:
    held = result.held
    for name, portfolio in held.portfolios.items():
        for future in portfolio.futures:
            yield _Leg(
                market=name, kind="perpetual", size=future.size, forward=future.price,
                entry=held.entries[name], price=future.price, value=future.size * future.price,
                delta=future.size,
            )  # fmt: skip
        for coins in portfolio.collaterals:
            yield _Leg(
                market=name, kind="spot", size=coins.amount, forward=coins.price,
                entry=coins.price, price=coins.price, value=coins.amount * coins.price,
                delta=coins.amount,
            )  # fmt: skip
        options = portfolio.options
        own = [each for each in held.options if each.market == name]
        greeks, values = options.greeks, options.values
        for place, each in enumerate(own):
            size = each.size
            yield _Leg(
                market=name, kind="call" if each.position.is_call else "put", size=size,
                strike=each.strike, days=each.years * DAYS_PER_YEAR, volatility=each.volatility,
                forward=each.forward, entry=each.entry, price=float(values[place]) / size,
                value=float(values[place]), delta=size * float(greeks.delta[place]),
                gamma=size * float(greeks.gamma[place]),
                vega=size * float(greeks.vega[place]) / 100,
                theta=size * float(greeks.theta[place]) / DAYS_PER_YEAR,
            )  # fmt: skip


def _margin(result: OptionsResult) -> Sheet:
    def worst(row: Any) -> str:
        said = []
        for name, each in row.total.by_market.items():
            found = each.worst
            where = kinds.short_percent(round(found.move, 4), signed=True)
            said.append(f"{name} {where}, {found.volatility}")
        return "; ".join(said)

    def summed(field: str) -> Callable[[Any], float]:
        return lambda row: sum(getattr(each, field) for each in row.total.by_market.values())

    return Sheet(
        name="margin",
        title="Margin, USD",
        rows=result.now,
        columns=[
            Column("preset", get="rule.name"),
            Column("equity", USD, "total.equity", drop=3),
            Column("initial", USD, "total.initial"),
            Column("maintenance", USD, "total.maintenance"),
            Column("free", USD, "total.free"),
            Column("ratio", RATIO, "total.ratio", "maintenance of equity", 4),
            Column("scan", USD, summed("scan"), "worst scenario", 2),
            Column("contingency", USD, summed("initial_contingency"), drop=5),
            Column("roll", USD, summed("roll"), drop=6),
            Column("worst", get=worst, title="which", drop=1),
            Column("liquidatable", FLAG, "total.is_liquidatable", on="data"),
        ],
        style=lambda row: "bad" if row.total.is_liquidatable else "",
        note="Free: equity less initial margin. Which: move of the price and of volatility in the "
        "worst scenario.",
    )


def _limits(rows: Sequence[_Limit], name: str, title: str, note: str) -> Sheet:
    def price(field: str) -> Callable[[_Limit], float | None]:
        return lambda row: getattr(row.liquidation, field)

    def distance(field: str) -> Callable[[_Limit], float | None]:
        return lambda row: row.distance(getattr(row.liquidation, field))

    by_volatility = any(each.volatility_change for each in rows)
    return Sheet(
        name=name,
        title=title,
        rows=rows,
        columns=[
            Column("preset"),
            Column("market"),
            Column("volatility_change", SHOCK, title="volatility",
                   on="everywhere" if by_volatility else "data"),
            Column("price", AVERAGE_PRICE, title="price now", drop=2),
            Column("below", AVERAGE_PRICE, price("below"), "liquidated below", none=NEVER),
            Column("fall", MOVE, distance("below"), drop=1, none=""),
            Column("above", AVERAGE_PRICE, price("above"), "liquidated above", none=NEVER),
            Column("rise", MOVE, distance("above"), drop=1, none=""),
        ],
        note=note,
    )  # fmt: skip


def _liquidation(result: OptionsResult) -> Sheet:
    rows = [
        _Limit(
            preset=each.rule.name, market=name, volatility_change=0.0, liquidation=found,
            price=result.held.portfolios[name].spot,
        )
        for each in result.now
        for name, found in each.liquidation.items()
    ]  # fmt: skip
    return _limits(
        rows,
        "liquidation",
        "Liquidation prices",
        "The nearest in steps of two percent from a twentieth to ten times the price, then exact; "
        "volatilities stand still, forwards move with the price. None: no such price.",
    )


def _by_volatility(result: OptionsResult) -> Sheet:
    def row(each: ByVolatility) -> _Limit:
        return _Limit(
            preset=each.rule.name, market=each.market, volatility_change=each.volatility_change,
            liquidation=each.liquidation, price=result.held.portfolios[each.market].spot,
        )  # fmt: skip

    return _limits(
        [row(each) for each in result.by_volatility],
        "liquidation_by_volatility",
        "Liquidation prices where volatility has changed first",
        "All implied volatilities change by this part of themselves, then the price moves.",
    )


def _pooling(result: OptionsResult) -> Sheet:
    return Sheet(
        name="pooling",
        title="One pool, or each leg for itself: initial margin, USD",
        rows=result.pooled,
        columns=[
            Column("preset", get="rule.name"),
            Column("perpetuals", USD, "perpetuals.initial"),
            Column("options", USD, "options.initial"),
            Column("apart", USD, lambda row: row.perpetuals.initial + row.options.initial, drop=3),
            Column("together", USD, "together.initial"),
            Column("saved", USD),
            Column("saved_against_larger", USD, title="against the larger leg"),
            Column("maintenance_apart", USD,
                   lambda row: row.perpetuals.maintenance + row.options.maintenance, drop=2),
            Column("maintenance_together", USD, "together.maintenance", drop=1),
        ],
        note="Against the larger leg: what the pool asks less than that leg alone; below zero it "
        "asks more.",
    )  # fmt: skip


_HEDGE_COLUMNS = [
    Column("preset", get="rule.name"),
    Column("market"),
    Column("what"),
    Column("perpetual", NUMBER, lambda row: round(row.perpetual, 6), title="perpetual, coins"),
    Column("of_delta", SHARE, title="of the options' delta", none="none"),
    Column("initial", USD, "margin.initial"),
    Column("maintenance", USD, "margin.maintenance"),
]


def _hedges(result: OptionsResult) -> Sheet:
    return Sheet(
        name="hedges",
        title="Margin over the hedge, USD",
        rows=[each for each in result.hedges if each.what],
        columns=_HEDGE_COLUMNS,
        style=lambda row: "chosen" if row.what == "least margin" else "",
        note="The market alone with another size of its perpetual, traded at the price now.",
    )


def _curve(result: OptionsResult) -> Sheet:
    return Sheet(
        name="hedge_curve",
        title="Margin over the size of the perpetual",
        rows=[each for each in result.hedges if not each.what],
        columns=[each for each in _HEDGE_COLUMNS if each.name != "what"],
        on="tables",
    )


def _cells(result: OptionsResult) -> Sheet:
    return Sheet(
        name="surface",
        title="The account over price and volatility",
        rows=result.cells,
        columns=[
            Column("preset", get="rule.name"),
            Column("market"),
            Column("price_change", SHOCK),
            Column("volatility_change", SHOCK),
            Column("equity", USD, "total.equity"),
            Column("initial", USD, "total.initial"),
            Column("maintenance", USD, "total.maintenance"),
            Column("liquidated", FLAG, "total.is_liquidatable"),
        ],
        on="tables",
    )


def _deleveraged(result: OptionsResult) -> Sheet:
    def style(row: Deleveraged) -> str:
        return "bad" if row.total.is_liquidatable else ""

    return Sheet(
        name="deleveraging",
        title="The perpetual is deleveraged, USD",
        rows=result.deleveraged,
        columns=[
            Column("preset", get="rule.name"),
            Column("market"),
            Column("move", MOVE, title="after"),
            Column("closed", SHARE, "share"),
            Column("perpetual", NUMBER, lambda row: round(row.perpetual, 6), drop=4),
            Column("delta", NUMBER, lambda row: round(row.delta, 4), drop=1),
            Column("equity", USD, "total.equity", drop=3),
            Column("initial", USD, "total.initial", drop=2),
            Column("maintenance", USD, "total.maintenance"),
            Column("below", AVERAGE_PRICE, "liquidation.below", "liquidated below", none=NEVER),
            Column("above", AVERAGE_PRICE, "liquidation.above", "liquidated above", none=NEVER),
        ],
        style=style,
        note="Deleveraging closes positions that win: after the move in favour of the perpetual "
        "this part of it is closed at the price then, without a fee, and options stay.",
    )


def _over_time(result: OptionsResult) -> Sheet:
    def limit(field: str) -> Callable[[Moment], float | None]:
        def get(row: Moment) -> float | None:
            found = [getattr(each, field) for each in row.liquidation.values()]
            return found[0] if len(found) == 1 else None

        return get

    single = len(result.held.portfolios) == 1
    on = "everywhere" if single else "data"
    return Sheet(
        name="over_time",
        title="Funding and expiry over time, USD",
        rows=result.over_time,
        columns=[
            Column("preset", get="rule.name"),
            Column("days", NUMBER, lambda row: round(row.days, 2)),
            Column("funding", USD, title="funding paid"),
            Column("options", USD, title="options worth", drop=2),
            Column("expired", COUNT, drop=4),
            Column("equity", USD, "total.equity"),
            Column("initial", USD, "total.initial"),
            Column("maintenance", USD, "total.maintenance", drop=1),
            Column("below", AVERAGE_PRICE, limit("below"), "liquidated below", 3, on, NEVER),
            Column("above", AVERAGE_PRICE, limit("above"), "liquidated above", 3, on, NEVER),
        ],
        note="Prices, volatilities and funding rates stand still; what expires is settled in cash.",
    )


def _scenarios(result: OptionsResult) -> Sheet:
    return Sheet(
        name="scenarios",
        title="Every scenario",
        rows=[
            _Scenario(preset=each.rule.name, market=name, scenario=found)
            for each in result.now
            for name, margin in each.total.by_market.items()
            for found in margin.scenarios
        ],
        columns=[
            Column("preset"),
            Column("market"),
            Column("move", MOVE, "scenario.move"),
            Column("volatility", get="scenario.volatility"),
            Column("weight", NUMBER, "scenario.weight"),
            Column("profit", USD, "scenario.profit"),
        ],
        on="page",
        note="Profit: with its weight. The requirement is made of the worst.",
    )


def _numbers(result: OptionsResult) -> Sheet:
    files = [(each.rule.name, each.rule.preset.sources) for each in result.now]
    return sourced_sheet("presets", "The numbers of the presets", files)


def _assumptions(result: OptionsResult) -> Iterator[str]:
    yield (
        "Options are European and settle in USD at the price of the market; values are those of "
        "Black-76, without interest."
    )
    yield (
        "All cash stands behind all positions; underlyings are margined each for itself and add "
        "up. Nothing is charged for trading, and prices jump to where they are looked at."
    )
    if any(each.is_isolated for each in result.held.account.positions):
        yield "Isolated positions stand in the pool like all others, with their margins."
    if result.held.account.orders:
        yield "Open orders do not count."
    for preset in (now.rule.preset for now in result.now):
        yield f"{preset.name}: {preset.about}, as of {preset.as_of}."
        for each in preset.missing:
            yield f"{preset.name} leaves out: {each}."
    if any(each.origin != "the account" for each in result.held.options):
        origins = dict.fromkeys(
            each.origin for each in result.held.options if each.origin != "the account"
        )
        yield f"Volatilities and forwards are of {', '.join(origins)}."
