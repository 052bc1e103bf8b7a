"""An account report as tables, and a liquidation price step by step."""

from decimal import Decimal
from typing import Any

from msgspec import Struct

from seawall.domain.rulebook import Rulebook
from seawall.domain.units import MONEY_DECIMALS, from_units, money_text
from seawall.venues.explanation import Sheet, grouped
from seawall.venues.hyperliquid.account.explain import (
    PRICE_DECIMALS,
    AccountReport,
    PositionReport,
    account_report,
    decimal_text,
    derivation,
    report_object,
)
from seawall.venues.hyperliquid.account.state import AccountState, account_state
from seawall.venues.hyperliquid.instruments import instruments_from_meta
from seawall.venues.raw_json import MarketListError, VenueDataError


def explain(raw: bytes, meta: bytes | None, book: Rulebook) -> "PoolExplanation":
    """The account of a ``clearinghouseState``. Raises VenueDataError, MarketListError."""
    instruments = None
    if meta is not None:
        try:
            instruments = {each.name: each for each in instruments_from_meta(meta)}
        except VenueDataError as error:
            raise MarketListError(str(error)) from None
    state = account_state(raw, instruments)
    return PoolExplanation(account_report(state, book, instruments), state, book)


class PoolExplanation(Struct, frozen=True):
    """An account with a cross pool and isolated buckets; an ``Explanation``."""

    report: AccountReport
    state: AccountState
    book: Rulebook

    @property
    def markets(self) -> list[str]:
        return [position.state.coin for position in self.report.positions]

    @property
    def warnings(self) -> tuple[str, ...]:
        return self.report.warnings

    def liquidation_price(self, market: str) -> Decimal | None:
        found = (p.liquidation_price for p in self.report.positions if p.state.coin == market)
        text = next(found, None)
        return None if text is None else Decimal(text)

    def to_object(self) -> dict[str, Any]:
        return report_object(self.report)

    def sheets(self) -> list[Sheet]:
        return [_positions(self.report), _buckets(self.report), _account(self.report, self.state)]

    def notes(self) -> list[str]:
        return []

    def steps(self, market: str) -> list[Sheet]:
        return [_steps(p, self.book) for p in self.report.positions if p.state.coin == market]


def _positions(report: AccountReport) -> Sheet:
    rows = []
    for position in report.positions:
        state = position.state
        distance = position.distance
        rows.append(
            (
                state.coin,
                state.mode.name.lower(),
                f"{state.leverage}x of {state.maximum_leverage}",
                grouped(from_units(state.signed_size, state.size_decimals)),
                _money(state.notional),
                _money(position.margin_used),
                _money(position.maintenance_margin),
                _price(position.liquidation_price),
                _price(state.venue_liquidation_price),
                "" if distance is None else f"{float(100 * distance):.2f} %",
            )
        )
    return Sheet(
        title="Positions",
        columns=(
            *("market", "mode", "leverage", "size", "notional", "margin used", "maintenance"),
            *("liquidation price", "at the venue", "distance"),
        ),
        rows=tuple(rows),
        words=2,
    )


def _buckets(report: AccountReport) -> Sheet:
    """The pool and the isolated buckets."""
    cross = (report.cross_equity, report.cross_maintenance_margin)
    buckets = [("cross pool", *cross)] if cross[0] is not None else []
    buckets += [
        (f"isolated {p.state.coin}", p.bucket.equity, p.maintenance_margin)
        for p in report.positions
        if not p.state.is_cross
    ]
    rows = []
    for name, equity, maintenance in buckets:
        above = None if maintenance is None or equity is None else equity - maintenance
        rows.append((name, _money(equity), _money(maintenance), _money(above)))
    return Sheet(
        title="Margin buckets",
        columns=("bucket", "equity", "maintenance", "equity above it"),
        rows=tuple(rows),
    )


def _account(report: AccountReport, state: AccountState) -> Sheet:
    """The account's figures beside the venue's."""
    whole, pool = state.everything, state.cross
    figures = (
        ("account value", report.account_value, whole.account_value if whole else None),
        ("total margin used", report.total_margin_used, whole.margin_used if whole else None),
        ("cross initial margin", report.cross_initial_margin, pool.margin_used if pool else None),
        ("cross maintenance margin", report.cross_maintenance_margin, state.cross_maintenance),
        ("withdrawable", report.withdrawable, state.withdrawable),
    )
    rows = [(name, _money(ours), _money(theirs)) for name, ours, theirs in figures]
    if report.withdrawable is None and report.withdrawable_without_orders is not None:
        rows.append(("withdrawable without orders", _money(report.withdrawable_without_orders), ""))
    return Sheet(title="Account", columns=("", "here", "at the venue"), rows=tuple(rows))


def _steps(position: PositionReport, book: Rulebook) -> Sheet:
    side = "long, s = 1" if position.state.signed_size > 0 else "short, s = -1"
    rows = []
    for step in derivation(position, book):
        most = MONEY_DECIMALS if step.value[1] == 1 else PRICE_DECIMALS
        text = decimal_text(step.value, step.decimals, most)
        rows.append((step.name, step.formula, grouped(text)))
    return Sheet(
        title=f"Liquidation price of {position.state.coin} ({side})",
        columns=("", "formula", "value"),
        rows=tuple(rows),
        words=2,
        note=""
        if position.liquidation_price
        else "No mark above zero liquidates it: there is no liquidation price.",
    )


def _money(micro: int | None) -> str:
    return "unknown" if micro is None else grouped(money_text(micro))


def _price(text: str | None) -> str:
    return "none" if text is None else grouped(text)
