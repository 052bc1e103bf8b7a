"""An account report as sheets, and a liquidation price step by step."""

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

from msgspec import Struct

from seawall.domain.rulebook import BlockLiquidationPolicy, BlockRulebook
from seawall.domain.units import MICRO, PPM, fraction_text
from seawall.report import kinds
from seawall.report.findings import Findings, Words
from seawall.report.sheet import Column, Sheet, record
from seawall.venues.dydx.account.explain import (
    AccountReport,
    PositionReport,
    SubaccountSum,
    account_report,
)
from seawall.venues.dydx.account.liquidation_boundary import lost_share
from seawall.venues.dydx.account.machine import PositionReading, Standing
from seawall.venues.dydx.account.markets import market_states
from seawall.venues.dydx.account.state import account_state, coin_of, tickers
from seawall.venues.explanation import (
    Explanation,
    HeldPosition,
    explained_status,
    explained_tiles,
    profit_figures,
    steps_sheet,
)
from seawall.venues.raw_json import MarketListError, VenueDataError

Row = tuple[str, ...]
_usd = kinds.EXACT_MONEY.text
_number = kinds.DECIMAL.text


def explain(raw: bytes, market_list: bytes | None, book: BlockRulebook) -> "SubaccountExplanation":
    """The subaccounts of an answer. Raises VenueDataError, MarketListError."""
    held = tickers(raw)
    try:
        listed = market_states(raw if market_list is None else market_list, held)
    except VenueDataError as error:
        raise MarketListError(str(error)) from None
    report = account_report(account_state(raw, listed), book)
    return SubaccountExplanation(markets=held, warnings=report.warnings, report=report)


class SubaccountExplanation(Explanation, frozen=True, kw_only=True):
    """Subaccounts, each with margin of its own."""

    report: AccountReport

    def liquidation_price(self, market: str) -> Decimal | None:
        held = (p for p in self.report.positions if _is_of(market, p))
        price = next((p.liquidation_price for p in held), None)
        return None if price is None else Decimal(fraction_text(price))

    def findings(self) -> Findings:
        report = self.report
        sums = [
            _Sum(str(each.state.number), each.state.mode, SubaccountSum.of([each]), each.state)
            for each in report.subaccounts
        ]
        whole = _Sum("sum", "", SubaccountSum.of(report.subaccounts), report.state)
        shown = [*sums, whole] if report.state.is_parent else sums
        return Findings(
            command="explain",
            title="Account under the venue's rules",
            subtitle=f"rules of {report.book.name} as of {report.book.as_of}; USD",
            verdict=[Words(each, is_warning=True) for each in self.warnings],
            status=explained_status(_ratios(report)),
            tiles=explained_tiles(
                whole.whole.exact_equity, "USD", held := _held(report), _ratios(report)
            ),
            sections=[
                _account(whole, report),
                _subaccounts(sums),
                *_positions(report),
                *profit_figures(held),
                _requirements(shown),
                _free(shown),
                *self.step_sheets(),
            ],
            assumptions=notes(report),
        )

    def steps(self, market: str) -> list[Sheet]:
        return steps(self.report, market)


def _ratios(report: AccountReport) -> list[float]:
    """Maintenance requirement over net collateral of each subaccount that has one."""
    standings = [each.standing for each in report.subaccounts if each.positions]
    return [
        each.maintenance / each.net_collateral if each.net_collateral > 0 else float("inf")
        for each in standings
    ]


def _held(report: AccountReport) -> list[HeldPosition]:
    fee = report.book.fee.tiers[0].taker_ppm / PPM
    several = len({p.state.market.name for p in report.positions}) < len(report.positions)
    return [
        HeldPosition(
            market=p.state.market.name + (f", subaccount {p.subaccount}" if several else ""),
            size=float(p.state.size),
            now=float(p.state.market.usd(p.state.market.oracle_price)),
            entry=None if p.state.entry_price is None else float(p.state.entry_price),
            profit=_unrealized_profit(p),
            liquidation=None if p.liquidation_price is None else float(p.liquidation_price),
            distance=p.distance,
            taker_fee=fee,
        )
        for p in report.positions
    ]


def notes(report: AccountReport) -> list[str]:
    """What the figures assume."""
    found = [
        "Funding is taken as settled: the indexer's USDC balance and equity contain it.",
        "A leverage that the owner has set raises the initial requirement; no answer tells it.",
    ]
    if report.state.is_parent and len(report.subaccounts) > 1:
        found.append("Each subaccount is liquidated by itself; the sum is no margin.")
    return found


class _Sum(Struct, frozen=True):
    """A subaccount, or all of them. ``state``: with the venue's own figures."""

    name: str
    mode: str
    whole: SubaccountSum
    state: Any

    @property
    def standing(self) -> Standing:
        return self.whole.standing


def _money(name: str, get: Callable[[Any], int], title: str = "", drop: int = 0) -> Column:
    return Column(name=name, kind=kinds.EXACT_MONEY, get=get, title=title, drop=drop)


EQUITY = Column(name="equity", kind=kinds.DECIMAL, get=lambda row: row.whole.exact_equity)
"""As the indexer counts, and so is ``free_collateral``; the other figures are the chain's."""
NET_COLLATERAL = _money("net_collateral", lambda row: row.standing.net_collateral)
INITIAL = _money("initial_margin", lambda row: row.standing.initial, "initial")
MAINTENANCE = _money("maintenance_margin", lambda row: row.standing.maintenance, "maintenance")
FREE_ON_CHAIN = _money(
    "free_collateral_on_chain", lambda row: row.whole.free_on_chain, "free on the chain"
)
WITHDRAWABLE = _money("withdrawable", lambda row: row.whole.withdrawable)
FREE = Column(name="free_collateral", kind=kinds.DECIMAL, get=lambda row: row.whole.free_collateral)
LIQUIDATABLE = Column(
    name="liquidatable", kind=kinds.FLAG, get=lambda row: row.standing.is_liquidatable
)
VENUE_EQUITY = Column(
    name="venue_equity", title="equity at the venue", kind=kinds.DECIMAL, drop=1, none="unknown",
    get=lambda row: row.state.venue_equity,
)  # fmt: skip
VENUE_FREE = Column(
    name="venue_free_collateral", title="free at the venue", kind=kinds.DECIMAL, none="unknown",
    get=lambda row: row.state.venue_free_collateral, drop=2,
)  # fmt: skip
FIGURES = [
    EQUITY, FREE, NET_COLLATERAL, FREE_ON_CHAIN, WITHDRAWABLE, INITIAL, MAINTENANCE, LIQUIDATABLE,
    VENUE_EQUITY, VENUE_FREE,
]  # fmt: skip


def _account(whole: _Sum, report: AccountReport) -> Sheet:
    kind = "parent_subaccount_number" if report.state.is_parent else "subaccount_number"
    columns = [
        Column(name="address", get=lambda row: row.state.address),
        Column(name=kind, kind=kinds.COUNT, get=lambda row: row.state.number),
        *FIGURES,
    ]
    return record("account", "Account", whole, columns, on="data")


def _subaccounts(sums: list[_Sum]) -> Sheet:
    return Sheet(
        name="subaccounts",
        title="Subaccounts",
        rows=sums,
        on="data",
        columns=[
            Column(name="subaccount_number", kind=kinds.COUNT, get=lambda row: row.state.number),
            Column(name="mode"),
            *FIGURES,
        ],
    )


def _requirements(rows: list[_Sum]) -> Sheet:
    def above(row: _Sum) -> int:
        return row.standing.net_collateral - row.standing.maintenance

    def liquidatable(row: _Sum) -> str:
        return "" if row.name == "sum" else "YES" if row.standing.is_liquidatable else "no"

    return Sheet(
        name="requirements",
        title="Subaccounts",
        rows=rows,
        on="screen",
        style=lambda row: "bad" if liquidatable(row) == "YES" else "",
        columns=[
            Column(name="subaccount", get=lambda row: row.name),
            Column(name="mode", drop=1),
            NET_COLLATERAL,
            INITIAL,
            MAINTENANCE,
            _money("collateral_above", above, "above it", drop=2),
            Column(name="liquidatable", get=liquidatable),
        ],
    )


def _free(rows: list[_Sum]) -> Sheet:
    return Sheet(
        name="free",
        title="Free collateral: as the indexer counts, and on the chain (net less initial)",
        rows=rows,
        on="screen",
        columns=[
            Column(name="subaccount", get=lambda row: row.name),
            EQUITY,
            VENUE_EQUITY,
            FREE,
            VENUE_FREE,
            FREE_ON_CHAIN,
        ],
    )


def _positions(report: AccountReport) -> list[Sheet]:
    """All figures for programs; for people requirements first, then what a liquidation does."""
    modes = {each.state.number: each.state.mode for each in report.subaccounts}
    number = Column(name="subaccount_number", title="subaccount", get=lambda p: str(p.subaccount))
    data_number = Column(name="subaccount_number", kind=kinds.COUNT, get=lambda p: p.subaccount)
    mode = Column(name="mode", get=lambda p: modes[p.subaccount])
    lead = [number] if report.state.is_parent else []
    positions = report.positions
    return [
        Sheet(
            name="positions",
            title="Positions",
            rows=positions,
            on="data",
            columns=[data_number, MARKET, mode, *REQUIREMENTS, *ENDING],
        ),
        Sheet(
            name="position_requirements",
            title="Positions",
            rows=positions,
            on="screen",
            columns=[*lead, MARKET, *REQUIREMENTS],
        ),
        Sheet(
            name="position_endings",
            title="Liquidation",
            rows=positions,
            on="screen",
            columns=[*lead, MARKET, SHOWN_PRICE, FIRST_ORDER, *ENDING[1:]],
        ),
    ]


MARKET = Column(name="market", get=lambda p: p.state.market.name)


def _liquidation_text(position: PositionReport) -> str:
    if position.boundary.always:
        return "any price"
    return _optional(position.liquidation_price) or "none"


def _no_distance(position: PositionReport) -> str:
    """What stands for a distance where there is none."""
    has_none = position.distance is None and not position.boundary.always
    return kinds.NONE_NEAR if has_none else ""


def _unrealized_profit(position: PositionReport) -> Fraction | None:
    """USD to the micro-USD: an entry has many decimals."""
    profit = position.state.unrealized_profit
    return None if profit is None else Fraction(round(profit * MICRO), MICRO)


def _first_order(position: PositionReport) -> Fraction | None:
    then = position.then
    return None if then is None else abs(position.state.coins(then.first_delta))


def _decimal(
    name: str,
    get: Callable[[PositionReport], Fraction | None] | str = "",
    title: str = "",
    drop: int = 0,
    none: str = "",
) -> Column:
    return Column(name=name, kind=kinds.DECIMAL, get=get, title=title, drop=drop, none=none)


def _fraction(
    name: str, title: str, get: Callable[[PositionReport], Fraction], drop: int
) -> Column:
    return Column(name=name, kind=kinds.EXACT_SHARE, get=get, title=title, drop=drop)


SHOWN_PRICE = Column(name="liquidation_price", kind=kinds.VALUE, get=_liquidation_text, on="screen")
FIRST_ORDER = _decimal("first_order_size", _first_order, "first order closes", 4)
REQUIREMENTS = [
    Column(name="side", get=lambda p: "long" if p.state.side > 0 else "short"),
    _decimal("size", lambda p: p.state.size),
    Column(name="entry_price", title="entry", kind=kinds.AVERAGE_PRICE, none="unknown", drop=6,
           get=lambda p: p.state.entry_price),
    _decimal("unrealized_profit", _unrealized_profit, drop=7, none="unknown"),
    Column(name="leverage", kind=kinds.TIMES, drop=8, none="no equity"),
    _decimal("oracle_price", lambda p: p.state.market.usd(p.state.market.oracle_price)),
    _money("notional", lambda p: abs(p.reading.value), drop=3),
    _fraction("initial_margin_fraction", "initial fraction",
              lambda p: p.state.market.base_fraction, 5),
    _fraction("scaled_initial_margin_fraction", "with open interest",
              lambda p: Fraction(p.reading.initial_ppm, PPM), 4),
    Column(name="maintenance_margin_fraction", kind=kinds.EXACT_SHARE, on="data",
           get=lambda p: p.state.market.maintenance_fraction),
    _money("initial_margin", lambda p: p.reading.initial, "initial", 2),
    _money("maintenance_margin", lambda p: p.reading.maintenance, "maintenance", 1),
    Column(name="liquidatable", kind=kinds.FLAG, on="data",
           get=lambda p: p.standing.is_liquidatable),
    SHOWN_PRICE,
    Column(name="distance_percent", title="distance", kind=kinds.DISTANCE,
           get=lambda p: p.distance, mark=_no_distance),
]  # fmt: skip
"""Of a position, in the order in which they are read."""
ENDING = [
    Column(name="liquidation_price", kind=kinds.DECIMAL, on="data"),
    _decimal("fillable_price_at_liquidation", lambda p: p.fillable_price_then, "offered at"),
    _decimal("bankruptcy_price_at_liquidation", lambda p: p.bankruptcy_price_then,
             "bankruptcy price", none="none"),
    _decimal("fillable_price", title="now: offered at", drop=3),
    _decimal("bankruptcy_price", title="now: bankruptcy price", drop=2, none="none"),
]  # fmt: skip
"""What a liquidation does, at the liquidation price and now."""


def steps(report: AccountReport, market: str) -> list[Sheet]:
    """How the liquidation price of a market comes about, in each subaccount that holds it."""
    policy = report.book.liquidation
    return [
        steps_sheet(
            f"Liquidation price of {market}, subaccount {position.subaccount}, "
            + ("long (s > 0)" if position.state.side > 0 else "short (s < 0)"),
            derivation(position, policy),
        )
        for position in report.positions
        if _is_of(market, position)
    ]


def _is_of(market: str, position: PositionReport) -> bool:
    """Whether a position is in a market, given as a ticker or a coin."""
    name = position.state.market.name
    return market in (name, coin_of(name))


def derivation(position: PositionReport, policy: BlockLiquidationPolicy) -> list[Row]:
    """Rows of name, formula, the formula with its numbers, and value."""
    return [
        *_requirement_steps(position),
        *_price_steps(position),
        *_stage_steps(position, policy),
    ]


def _requirement_steps(position: PositionReport) -> list[Row]:
    state, reading, market = position.state, position.reading, position.state.market
    terms = market.terms.fractions
    price = _number(market.usd(market.oracle_price))
    value = _usd(abs(reading.value))
    base, part = _number(market.base_fraction), _ppm(terms.maintenance_fraction_ppm)
    scaled = _ppm(reading.initial_ppm)
    rows = [
        ("size", "s", "", _number(state.size)),
        ("oracle price", "p", "", price),
        ("notional", "N = trunc(|s| p)", f"{_number(abs(state.size))} x {price}", value),
        ("base initial fraction", "IMF", "", base),
        ("maintenance fraction", "MMF = IMF x MF", f"{base} x {part}",
         _number(market.maintenance_fraction)),
    ]  # fmt: skip
    initial_formula = "I = ceil(N IMF)"
    if terms.open_interest_upper_cap:
        initial_formula = "I = ceil(N IMF')"
        open_interest = _usd(reading.open_interest_value)
        lower, upper = _usd(terms.open_interest_lower_cap), _usd(terms.open_interest_upper_cap)
        formula = "IMF' = IMF + floor((1 - IMF) (OI - L) / (U - L)), from IMF to 1"
        numbers = f"{base} + (1 - {base}) x ({open_interest} - {lower}) / ({upper} - {lower})"
        rows += [
            ("open interest", "OI", "", open_interest),
            ("grown initial fraction", formula, numbers, scaled),
        ]
    return [
        *rows,
        ("initial requirement", initial_formula, f"{value} x {scaled}", _usd(reading.initial)),
        ("maintenance requirement", "M = ceil(ceil(N IMF) MF)", f"{value} x {base} x {part}",
         _usd(reading.maintenance)),
    ]  # fmt: skip


def _price_steps(position: PositionReport) -> list[Row]:
    state, standing, boundary = position.state, position.standing, position.boundary
    market = state.market
    price, size = _number(market.usd(market.oracle_price)), _number(state.size)
    equity = _usd(standing.net_collateral)
    others = _usd(standing.maintenance - position.reading.maintenance)
    numbers = (
        f"({equity} - {others} - {size} x {price}) / "
        f"({_number(abs(state.size))} x {_number(market.maintenance_fraction)} - {size})"
    )
    rows = [
        ("net collateral", "e", "", equity),
        ("maintenance of the others", "O", "", others),
    ]
    if boundary.exact is not None:
        exact = _number(boundary.exact / 10**market.price_decimals)
        rows.append(("without rounding", "p' = (e - O - s p) / (|s| MMF - s)", numbers, exact))
    if boundary.price is None or boundary.there is None or boundary.beside is None:
        when = "every price liquidates" if boundary.always else "no price above zero liquidates"
        return [*rows, ("liquidation price", when, "", _liquidation_text(position))]
    most = "highest" if state.side > 0 else "lowest"
    beside = _number(market.usd(boundary.price + state.side))
    return [
        *rows,
        ("liquidation price", f"{most} p with e < O + M", "", _liquidation_text(position)),
        ("  e and O + M there", "e < O + M", _both(boundary.there, "<"), ""),
        (f"  and at {beside}", "e >= O + M", _both(boundary.beside, ">="), ""),
    ]


def _both(standing: Standing, sign: str) -> str:
    return f"{_usd(standing.net_collateral)} {sign} {_usd(standing.maintenance)}"


def _stage_steps(position: PositionReport, policy: BlockLiquidationPolicy) -> list[Row]:
    """What a liquidation does at the liquidation price, and now if the account is in one."""
    rows: list[Row] = []
    if position.then is not None and position.boundary.there is not None:
        there, then = position.boundary.there, position.then
        rows += _offer_steps(position, there, then, policy, position.fillable_price_then, "there")
        rows += _bankruptcy_step(position, there, then, position.bankruptcy_price_then, "there")
    standing, now = position.standing, position.reading
    if standing.is_liquidatable:
        rows += _offer_steps(position, standing, now, policy, position.fillable_price, "now")
    return rows + _bankruptcy_step(position, standing, now, position.bankruptcy_price, "now")


def _bankruptcy_step(
    position: PositionReport,
    standing: Standing,
    reading: PositionReading,
    price: Fraction | None,
    when: str,
) -> list[Row]:
    if price is None:
        return []
    share = f"{_usd(standing.net_collateral)} x {_usd(reading.maintenance)} / "
    numbers = f"({_usd(reading.value)} - {share}{_usd(standing.maintenance)})"
    formula = "(s p - floor(e M / (O + M))) / s"
    size = _number(position.state.size)
    return [(f"bankruptcy price {when}", formula, f"{numbers} / {size}", _number(price))]


def _offer_steps(
    position: PositionReport,
    standing: Standing,
    reading: PositionReading,
    policy: BlockLiquidationPolicy,
    price: Fraction | None,
    when: str,
) -> list[Row]:
    """The limit price of a liquidation."""
    ratio = _ppm(policy.spread_to_maintenance_ppm)
    adjusted = f"{_ppm(policy.bankruptcy_adjustment_ppm)} x (1 - {_usd(standing.net_collateral)}"
    sign, way = ("-", "up") if position.state.side > 0 else ("+", "down")
    numbers = f"({_usd(abs(reading.value))} {sign} A x {ratio} x {_usd(reading.maintenance)})"
    return [
        (f"lost share {when}", "A = BA (1 - e / (O + M)), from 0 to 1",
         f"{adjusted} / {_usd(standing.maintenance)})", _number(lost_share(standing, policy))),
        (f"offered {when}", f"(N {sign} A R M) / |s|, {way} to a tick",
         f"{numbers} / {_number(abs(position.state.size))}", _optional(price)),
    ]  # fmt: skip


def _ppm(ppm: int) -> str:
    return fraction_text(Fraction(ppm, PPM))


def _optional(value: Fraction | None) -> str:
    return "" if value is None else _number(value)
