"""An account report as tables, and a liquidation price step by step."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

from msgspec import Struct

from seawall.domain.rulebook import BlockLiquidationPolicy, BlockRulebook
from seawall.domain.units import MICRO
from seawall.venues.dydx.account.explain import (
    PPM,
    AccountReport,
    PositionReport,
    SubaccountSum,
    account_report,
    decimal_text,
    money,
    report_object,
)
from seawall.venues.dydx.account.liquidation_boundary import lost_share
from seawall.venues.dydx.account.machine import PositionReading, Standing
from seawall.venues.dydx.account.markets import market_states
from seawall.venues.dydx.account.state import account_state, coin_of, tickers
from seawall.venues.explanation import Sheet, grouped
from seawall.venues.raw_json import MarketListError, VenueDataError

Row = tuple[str, ...]


def explain(raw: bytes, market_list: bytes | None, book: BlockRulebook) -> "SubaccountExplanation":
    """The subaccounts of an answer. Raises VenueDataError, MarketListError."""
    held = tickers(raw)
    try:
        listed = market_states(raw if market_list is None else market_list, held)
    except VenueDataError as error:
        raise MarketListError(str(error)) from None
    return SubaccountExplanation(account_report(account_state(raw, listed), book), held)


class SubaccountExplanation(Struct, frozen=True):
    """Subaccounts, each with margin of its own; an ``Explanation``."""

    report: AccountReport
    markets: tuple[str, ...]

    @property
    def warnings(self) -> tuple[str, ...]:
        return self.report.warnings

    def liquidation_price(self, market: str) -> Decimal | None:
        held = (p for p in self.report.positions if _is_of(market, p))
        price = next((p.liquidation_price for p in held), None)
        return None if price is None else Decimal(decimal_text(price))

    def to_object(self) -> dict[str, Any]:
        return report_object(self.report)

    def sheets(self) -> list[Sheet]:
        return sheets(self.report)

    def notes(self) -> list[str]:
        return notes(self.report)

    def steps(self, market: str) -> list[Sheet]:
        return steps(self.report, market)


def sheets(report: AccountReport) -> list[Sheet]:
    """Positions, where they end, the accounts' requirements, and what is free."""
    lead: Row = ("subaccount", "market") if report.state.is_parent else ("market",)
    return [
        Sheet(
            title="Positions",
            columns=(
                *lead,
                *("size", "oracle price", "notional", "initial fraction", "with open interest"),
                *("initial", "maintenance", "liquidation price", "distance"),
            ),
            rows=tuple(_position_row(p)[2 - len(lead) :] for p in report.positions),
            words=len(lead),
        ),
        Sheet(
            title="Liquidation",
            columns=(
                *lead,
                *("liquidation price", "first order closes", "offered at", "bankruptcy price"),
                *("now: offered at", "now: bankruptcy price"),
            ),
            rows=tuple(_ending_row(p)[2 - len(lead) :] for p in report.positions),
            words=len(lead),
        ),
        _requirements(report),
        _free(report),
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


def _position_row(position: PositionReport) -> Row:
    state, reading, market = position.state, position.reading, position.state.market
    distance = position.distance
    return (
        str(position.subaccount),
        market.name,
        grouped(decimal_text(state.size)),
        grouped(decimal_text(market.usd(market.oracle_price))),
        _usd(abs(reading.value)),
        _percent(market.base_fraction),
        _percent(Fraction(reading.initial_ppm, PPM)),
        _usd(reading.initial),
        _usd(reading.maintenance),
        _liquidation_text(position),
        "" if distance is None else f"{float(100 * distance):.2f} %",
    )


def _ending_row(position: PositionReport) -> Row:
    then = position.then
    size = None if then is None else abs(position.state.coins(then.first_delta))
    return (
        str(position.subaccount),
        position.state.market.name,
        _liquidation_text(position),
        _optional(size),
        _optional(position.fillable_price_then),
        _optional(position.bankruptcy_price_then) or "none",
        _optional(position.fillable_price),
        _optional(position.bankruptcy_price) or "none",
    )


def _liquidation_text(position: PositionReport) -> str:
    if position.boundary.always:
        return "any price"
    return _optional(position.liquidation_price) or "none"


def _requirements(report: AccountReport) -> Sheet:
    rows = [
        (str(each.state.number), each.state.mode, *_standing_row(each.standing))
        for each in report.subaccounts
    ]
    if report.state.is_parent:
        whole = SubaccountSum.of(report.subaccounts).standing
        rows.append(("sum", "", *_standing_row(whole)[:-1], ""))
    return Sheet(
        title="Subaccounts",
        columns=(
            *("subaccount", "mode", "equity", "initial", "maintenance"),
            *("equity above it", "liquidatable"),
        ),
        rows=tuple(rows),
        words=2,
    )


def _standing_row(standing: Standing) -> Row:
    return (
        _usd(standing.net_collateral),
        _usd(standing.initial),
        _usd(standing.maintenance),
        _usd(standing.net_collateral - standing.maintenance),
        "YES" if standing.is_liquidatable else "no",
    )


def _free(report: AccountReport) -> Sheet:
    rows = [
        (
            str(each.state.number),
            _usd(each.standing.net_collateral),
            _figure(each.state.venue_equity),
            _figure(each.free_collateral),
            _figure(each.state.venue_free_collateral),
            _usd(each.free_on_chain),
        )
        for each in report.subaccounts
    ]
    if report.state.is_parent:
        whole = SubaccountSum.of(report.subaccounts)
        rows.append(
            (
                "sum",
                _usd(whole.standing.net_collateral),
                _figure(report.state.venue_equity),
                _figure(whole.free_collateral),
                _figure(report.state.venue_free_collateral),
                _usd(whole.free_on_chain),
            )
        )
    return Sheet(
        title="Free collateral: as the indexer counts, and on the chain (equity less initial)",
        columns=(
            *("subaccount", "equity", "at the venue", "free collateral", "at the venue"),
            "free on the chain",
        ),
        rows=tuple(rows),
    )


def steps(report: AccountReport, market: str) -> list[Sheet]:
    """How the liquidation price of a market comes about, in each subaccount that holds it."""
    policy = report.book.liquidation
    return [
        Sheet(
            title=f"Liquidation price of {market}, subaccount {position.subaccount}, "
            + ("long (s > 0)" if position.state.side > 0 else "short (s < 0)"),
            columns=("", "formula", "with numbers", "value"),
            rows=tuple(derivation(position, policy)),
            words=3,
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
    return decimal_text(Fraction(ppm, PPM))


def _percent(fraction: Fraction) -> str:
    return f"{decimal_text(100 * fraction)} %"


def _number(value: Fraction) -> str:
    return grouped(decimal_text(value))


def _optional(value: Fraction | None) -> str:
    return "" if value is None else _number(value)


def _figure(value: Fraction | None) -> str:
    """USD of the indexer, which multiplies without rounding, to the micro-USD."""
    return "unknown" if value is None else _usd(round(value * MICRO))


def _usd(micro: int) -> str:
    return grouped(money(micro))
