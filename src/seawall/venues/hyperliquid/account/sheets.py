"""An account report as sheets, and a liquidation price step by step."""

from decimal import Decimal

from seawall.domain.rulebook import Rulebook
from seawall.domain.units import MONEY_DECIMALS, from_units
from seawall.report import kinds
from seawall.report.findings import Findings, Words
from seawall.report.sheet import Column, Sheet, record
from seawall.venues.explanation import Explanation, steps_sheet
from seawall.venues.hyperliquid.account.explain import (
    PRICE_DECIMALS,
    AccountReport,
    PositionReport,
    account_report,
    decimal_text,
    derivation,
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
    report = account_report(state, book, instruments)
    return PoolExplanation(
        markets=tuple(position.state.coin for position in report.positions),
        warnings=report.warnings,
        report=report,
        state=state,
        book=book,
    )


class PoolExplanation(Explanation, frozen=True, kw_only=True):
    """An account with a cross pool and isolated buckets."""

    report: AccountReport
    state: AccountState
    book: Rulebook

    def liquidation_price(self, market: str) -> Decimal | None:
        found = (p.liquidation_price for p in self.report.positions if p.state.coin == market)
        text = next(found, None)
        return None if text is None else Decimal(text)

    def findings(self) -> Findings:
        report = self.report
        return Findings(
            command="explain",
            title="Account under the venue's rules",
            subtitle=f"rules of {self.book.name} as of {self.book.as_of}; USD",
            verdict=[Words(each, is_warning=True) for each in self.warnings],
            sections=[
                _account(report),
                _positions(report),
                _buckets(report),
                _compared(report, self.state),
                *self.step_sheets(),
            ],
        )

    def steps(self, market: str) -> list[Sheet]:
        return [_steps(p, self.book) for p in self.report.positions if p.state.coin == market]


def _money(name: str, title: str = "", drop: int = 0) -> Column:
    return Column(name=name, kind=kinds.EXACT_MONEY, title=title, drop=drop, none="unknown")


def _account(report: AccountReport) -> Sheet:
    """The account's figures for programs; what only the venue knows of them is the venue's."""
    withdrawable = report.withdrawable
    if withdrawable is None:
        withdrawable = report.venue_withdrawable
    columns = [
        _money("account_value"),
        _money("cross_maintenance_margin"),
        _money("total_margin_used"),
        Column(name="withdrawable", kind=kinds.EXACT_MONEY, get=lambda _: withdrawable),
    ]
    return record("account", "Account", report, columns, on="data")


def _positions(report: AccountReport) -> Sheet:
    return Sheet(
        name="positions",
        title="Positions",
        rows=report.positions,
        columns=[
            Column(name="coin", title="market", get=lambda p: p.state.coin),
            Column(name="mode", get=lambda p: p.state.mode.name.lower()),
            Column(name="leverage", kind=kinds.COUNT, get=lambda p: p.state.leverage, on="data"),
            Column(
                name="maximum_leverage",
                kind=kinds.COUNT,
                get=lambda p: p.state.maximum_leverage,
                on="data",
            ),
            Column(name="leverage_of", title="leverage", get=_leverage, on="screen", drop=6),
            Column(name="size", kind=kinds.PRICE, get=_size),
            Column(name="notional", kind=kinds.EXACT_MONEY, get=lambda p: p.state.notional, drop=5),
            _money("margin_used", drop=4),
            _money("maintenance_margin", title="maintenance", drop=3),
            Column(name="liquidation_price", kind=kinds.PRICE, none="none"),
            Column(
                name="venue_liquidation_price",
                title="at the venue",
                kind=kinds.PRICE,
                get=lambda p: p.state.venue_liquidation_price,
                none="none",
                drop=1,
            ),
            Column(
                name="distance_percent",
                title="distance",
                kind=kinds.EXACT_PERCENT,
                get=lambda p: p.distance,
            ),
        ],
    )


def _leverage(position: PositionReport) -> str:
    return f"{position.state.leverage}x of {position.state.maximum_leverage}"


def _size(position: PositionReport) -> str:
    return from_units(position.state.signed_size, position.state.size_decimals)


def _buckets(report: AccountReport) -> Sheet:
    """The pool and the isolated buckets."""
    rows: list[tuple[str, int | None, int | None]] = []
    if report.cross_equity is not None:
        rows.append(("cross pool", report.cross_equity, report.cross_maintenance_margin))
    rows += [
        (f"isolated {p.state.coin}", p.bucket.equity, p.maintenance_margin)
        for p in report.positions
        if not p.state.is_cross
    ]

    def above(row: tuple[str, int | None, int | None]) -> int | None:
        return None if row[1] is None or row[2] is None else row[1] - row[2]

    return Sheet(
        name="buckets",
        title="Margin buckets",
        rows=rows,
        columns=[
            Column(name="bucket", get=lambda row: row[0]),
            Column(name="equity", kind=kinds.EXACT_MONEY, get=lambda row: row[1], none="unknown"),
            Column(
                name="maintenance_margin",
                title="maintenance",
                kind=kinds.EXACT_MONEY,
                get=lambda row: row[2],
                none="unknown",
            ),
            Column(
                name="equity_above_maintenance",
                title="equity above it",
                kind=kinds.EXACT_MONEY,
                get=above,
                none="unknown",
            ),
        ],
    )


def _compared(report: AccountReport, state: AccountState) -> Sheet:
    """The account's figures beside the venue's."""
    whole, pool = state.everything, state.cross
    rows = [
        ("account value", report.account_value, whole.account_value if whole else None),
        ("total margin used", report.total_margin_used, whole.margin_used if whole else None),
        ("cross initial margin", report.cross_initial_margin, pool.margin_used if pool else None),
        ("cross maintenance margin", report.cross_maintenance_margin, state.cross_maintenance),
        ("withdrawable", report.withdrawable, state.withdrawable),
    ]
    if report.withdrawable is None and report.withdrawable_without_orders is not None:
        rows.append(("withdrawable without orders", report.withdrawable_without_orders, None))
    return Sheet(
        name="account_compared",
        title="Account",
        rows=rows,
        on="screen",
        columns=[
            Column(name="figure", title=" ", get=lambda row: row[0]),
            Column(name="here", kind=kinds.EXACT_MONEY, get=lambda row: row[1], none="unknown"),
            Column(
                name="venue",
                title="at the venue",
                kind=kinds.EXACT_MONEY,
                get=lambda row: row[2],
                none="unknown",
            ),
        ],
    )


def _steps(position: PositionReport, book: Rulebook) -> Sheet:
    side = "long, s = 1" if position.state.signed_size > 0 else "short, s = -1"
    rows = []
    for step in derivation(position, book):
        most = MONEY_DECIMALS if step.value[1] == 1 else PRICE_DECIMALS
        text = decimal_text(step.value, step.decimals, most)
        rows.append((step.name, step.formula, kinds.price(text)))
    note = "No mark above zero liquidates it: there is no liquidation price."
    return steps_sheet(
        f"Liquidation price of {position.state.coin} ({side})",
        rows,
        "" if position.liquidation_price else note,
    )
