"""Account reports as sheets, and a liquidation price step by step."""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

from seawall.domain.rulebook import Rulebook
from seawall.domain.units import MICRO, MONEY_DECIMALS, RATE_ONE, from_units
from seawall.report import kinds
from seawall.report.findings import Findings, Words
from seawall.report.sheet import Column, Sheet, record
from seawall.venues.explanation import (
    Explanation,
    HeldPosition,
    explained_status,
    explained_tiles,
    profit_figures,
    steps_sheet,
)
from seawall.venues.hyperliquid.account.explain import (
    AccountReport,
    PositionReport,
    account_report,
    decimal_text,
    derivation,
)
from seawall.venues.hyperliquid.account.groups import MAIN, PRICE_DECIMALS
from seawall.venues.hyperliquid.account.modes import STATED
from seawall.venues.hyperliquid.account.rules import USDC
from seawall.venues.hyperliquid.account.user import user_states
from seawall.venues.hyperliquid.instruments import instruments_from_meta
from seawall.venues.raw_json import MarketListError, VenueDataError


def explain(raw: bytes, meta: bytes | None, book: Rulebook) -> "PoolExplanation":
    """The account of a venue's answers. Raises VenueDataError, MarketListError."""
    instruments = None
    if meta is not None:
        try:
            instruments = {each.name: each for each in instruments_from_meta(meta)}
        except VenueDataError as error:
            raise MarketListError(str(error)) from None
    reports = tuple(account_report(each, book) for each in user_states(raw, instruments))
    return explanation(reports, book)


def explanation(reports: Sequence[AccountReport], book: Rulebook) -> "PoolExplanation":
    """Reports of one account, or of several sub-accounts, as an explanation."""
    several = len(reports) > 1
    return PoolExplanation(
        markets=tuple(p.state.coin for report in reports for p in report.positions),
        warnings=tuple(
            f"{report.name}: {each}" if several and report.name else each
            for report in reports
            for each in report.warnings
        ),
        reports=tuple(reports),
        book=book,
    )


class PoolExplanation(Explanation, frozen=True, kw_only=True):
    """An account with cross pools and isolated buckets; several are its sub-accounts."""

    reports: tuple[AccountReport, ...]
    book: Rulebook

    @property
    def positions(self) -> tuple[PositionReport, ...]:
        return tuple(each for report in self.reports for each in report.positions)

    def liquidation_price(self, market: str) -> Decimal | None:
        found = (p.liquidation_price for p in self.positions if p.state.coin == market)
        text = next(found, None)
        return None if text is None else Decimal(text)

    def findings(self) -> Findings:
        several = len(self.reports) > 1
        figures = _accounts(self.reports) if several else _account(self.reports[0])
        tokens = ", ".join(dict.fromkeys(
            [r.collateral for r in self.reports] + [p.state.collateral for p in self.positions]
        ))  # fmt: skip
        return Findings(
            command="explain",
            title="Account under the venue's rules",
            subtitle=f"rules of {self.book.name} as of {self.book.as_of}; {tokens}",
            facts=_facts(self.reports),
            verdict=[
                *(Words(_mode(report)) for report in self.reports),
                *(Words(each, is_warning=True) for each in self.warnings),
            ],
            status=explained_status(ratios := _ratios(self.reports)),
            tiles=explained_tiles(
                _value(self.reports), tokens, held := _held(self.positions, self.book), ratios
            ),
            sections=[
                figures,
                _positions(self.positions, several=several),
                _buckets(self.reports),
                *profit_figures(held),
                *(_compared(report) for report in self.reports),
                _groups(self.reports),
                *_figures_compared(self.reports),
                *self.step_sheets(),
                *(Words(each) for report in self.reports for each in _remarks(report)),
            ],
        )

    def steps(self, market: str) -> list[Sheet]:
        return [_steps(p, self.book) for p in self.positions if p.state.coin == market]


def _value(reports: Sequence[AccountReport]) -> Fraction | None:
    """Of all accounts, USD; None where one is not known."""
    found = [report.account_value for report in reports]
    known = [Fraction(each) / MICRO for each in found if each is not None]
    return sum(known, Fraction()) if len(known) == len(found) else None


def _ratios(reports: Sequence[AccountReport]) -> list[float]:
    """Maintenance margin over equity of each pool and isolated bucket that needs any."""
    return [
        float(Fraction(maintenance) / equity) if equity > 0 else float("inf")
        for _, equity, maintenance in _bucket_rows(reports)
        if equity is not None and maintenance
    ]


def _held(positions: Sequence[PositionReport], book: Rulebook) -> list[HeldPosition]:
    fee = book.fee.tiers[0].taker_rate / RATE_ONE
    several = len({p.account for p in positions}) > 1
    return [
        HeldPosition(
            market=f"{p.account}: {p.state.coin}" if several and p.account else p.state.coin,
            size=float(_size(p)),
            now=float(from_units(p.state.mark_price, p.state.price_decimals)),
            entry=None if p.state.entry_price is None else float(p.state.entry_price),
            profit=None if p.state.unrealized_profit is None
            else Fraction(p.state.unrealized_profit, MICRO),
            liquidation=None if p.liquidation_price is None else float(p.liquidation_price),
            distance=p.distance,
            taker_fee=fee,
        )
        for p in positions
    ]  # fmt: skip


def _mode(report: AccountReport) -> str:
    """The sentence that says which mode was used."""
    name = f"{report.name}: " if report.name else ""
    mode = report.mode.name.replace("_", " ")
    exact = "" if not report.reasons else " Not every figure is exact; the lines with ! say why."
    return f"{name}Mode: {mode} ({report.mode.basis}: {report.mode.reason}).{exact}"


def _remarks(report: AccountReport) -> list[str]:
    """What is missing, not counted, and how far apart the answers are."""
    found = []
    if report.missing:
        found.append(f"Not among the answers: {', '.join(report.missing)}.")
    if report.not_counted:
        found.append(f"Not counted: {'; '.join(report.not_counted)}.")
    if report.moments.apart_ms is not None and report.moments.apart_ms:
        apart = kinds.duration(report.moments.apart_ms / 1000)
        found.append(f"The answers were taken within {apart}.")
    return found


def _facts(reports: Sequence[AccountReport]) -> dict[str, Any]:
    """What the JSON object says beside the sheets: of one account, else in a list."""
    found = [_facts_of(report) for report in reports]
    if len(found) == 1:
        return found[0]
    return {
        "exact": all(each["exact"] for each in found),
        "modes": [{"account": report.name, **facts}
                  for report, facts in zip(reports, found, strict=True)],
    }  # fmt: skip


def _facts_of(report: AccountReport) -> dict[str, Any]:
    mode, moments = report.mode, report.moments
    return {
        "mode": {
            "name": mode.name,
            "basis": mode.basis,
            "inferred": mode.basis != STATED,
            "stated": mode.stated,
            "reason": mode.reason,
        },
        "exact": not report.reasons,
        "reasons": list(report.reasons),
        "missing": list(report.missing),
        "not_counted": list(report.not_counted),
        "collateral": report.collateral,
        "moments": {
            "states_ms": None if moments.states_ms is None else list(moments.states_ms),
            "recorded_ms": moments.recorded_ms,
            "requests_ms": dict(moments.requests_ms),
            "apart_ms": moments.apart_ms,
        },
    }


def _money(name: str, title: str = "", drop: int = 0) -> Column:
    return Column(name=name, kind=kinds.EXACT_MONEY, title=title, drop=drop, none="unknown")


def _amount(name: str, title: str = "", get: Any = "", **more: Any) -> Column:
    """A column of micro-units of a collateral token, which may have fractions."""

    def value(row: Any) -> Fraction | None:
        found = get(row) if get else getattr(row, name)
        return None if found is None else Fraction(found) / MICRO

    return Column(
        name=name, title=title, kind=kinds.DECIMAL, get=value, none="unknown", **more
    )  # fmt: skip


def _account_columns() -> list[Column]:
    """The figures for programs; what only the venue knows of them is the venue's."""

    def withdrawable(report: AccountReport) -> int | None:
        if report.withdrawable is None:
            return report.venue_withdrawable
        return report.withdrawable

    return [
        _amount("account_value"),
        _money("cross_maintenance_margin"),
        _money("total_margin_used"),
        Column(name="withdrawable", kind=kinds.EXACT_MONEY, get=withdrawable),
    ]


def _account(report: AccountReport) -> Sheet:
    return record("account", "Account", report, _account_columns(), on="data")


def _accounts(reports: Sequence[AccountReport]) -> Sheet:
    return Sheet(
        name="accounts",
        title="Accounts",
        rows=reports,
        on="data",
        columns=[Column(name="name"), *_account_columns()],
    )


def _positions(positions: Sequence[PositionReport], *, several: bool) -> Sheet:
    columns = [
        Column(name="coin", title="market", get=lambda p: p.state.coin),
        Column(name="side", get=lambda p: "long" if p.state.signed_size > 0 else "short"),
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
        Column(
            name="entry_price",
            title="entry",
            kind=kinds.PRICE,
            none="unknown",
            drop=2,
            get=lambda p: p.state.entry_price,
        ),
        Column(
            name="unrealized_profit",
            kind=kinds.EXACT_MONEY,
            none="unknown",
            drop=3,
            get=lambda p: p.state.unrealized_profit,
        ),
        Column(name="notional", kind=kinds.EXACT_MONEY, get=lambda p: p.state.notional, drop=7),
        _money("margin_used", drop=5),
        _money("maintenance_margin", title="maintenance", drop=4),
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
            kind=kinds.DISTANCE,
            get=lambda p: p.distance,
            none=kinds.NONE_NEAR,
        ),
        Column(name="dex", get=lambda p: p.state.dex, on="data"),
        Column(name="collateral", get=lambda p: p.state.collateral, on="data"),
        Column(name="group", on="data"),
        Column(name="exact", kind=kinds.FLAG, get=lambda p: p.is_exact, on="data"),
        Column(name="reasons", kind=kinds.NAMES, on="data"),
    ]
    if several:
        columns.insert(0, Column(name="account"))
    if any(p.state.collateral != USDC for p in positions):
        columns.append(
            Column(name="in", title="in", get=lambda p: p.state.collateral, on="screen")
        )  # fmt: skip
    return Sheet(
        name="positions",
        title="Positions",
        rows=positions,
        columns=columns,
        note="" if all(p.is_exact for p in positions) else _inexact(positions),
    )


def _inexact(positions: Sequence[PositionReport]) -> str:
    names = ", ".join(p.state.coin for p in positions if not p.is_exact)
    return f"Liquidation prices that may not be exact: {names}."


def _leverage(position: PositionReport) -> str:
    return f"{position.state.leverage}x of {position.state.maximum_leverage}"


def _size(position: PositionReport) -> str:
    return from_units(position.state.signed_size, position.state.size_decimals)


_Bucket = tuple[str, Fraction | int | None, int | None]


def _bucket_rows(reports: Sequence[AccountReport]) -> list[_Bucket]:
    """The pools and the isolated buckets."""
    rows: list[_Bucket] = []
    for report in reports:
        own = f"{report.name}: " if report.name and len(reports) > 1 else ""
        for group in report.groups:
            name = "" if group.name in (MAIN, USDC) and len(report.groups) == 1 else group.name
            if group.equity is not None:
                title = f"{own}cross pool {name}".strip()
                rows.append((title, group.equity, group.maintenance))
        rows += [
            (f"{own}isolated {p.state.coin}", p.state.bucket_equity, p.maintenance_margin)
            for p in report.positions
            if not p.state.is_cross
        ]
    return rows


def _buckets(reports: Sequence[AccountReport]) -> Sheet:
    def above(row: _Bucket) -> Fraction | int | None:
        return None if row[1] is None or row[2] is None else row[1] - row[2]

    return Sheet(
        name="buckets",
        title="Margin buckets",
        rows=_bucket_rows(reports),
        columns=[
            Column(name="bucket", get=lambda row: row[0]),
            _amount("equity", get=lambda row: row[1]),
            Column(
                name="maintenance_margin",
                title="maintenance",
                kind=kinds.EXACT_MONEY,
                get=lambda row: row[2],
                none="unknown",
            ),
            _amount("equity_above_maintenance", "equity above it", get=above),
        ],
    )


def _groups(reports: Sequence[AccountReport]) -> Sheet:
    """Which positions share one equity, for programs."""
    rows = [(report, group) for report in reports for group in report.groups]

    def of(name: str) -> Any:
        return lambda row: getattr(row[1], name)

    return Sheet(
        name="groups",
        title="Groups that share one equity",
        rows=rows,
        on="data",
        columns=[
            Column(name="account", get=lambda row: row[0].name),
            Column(name="name", get=of("name")),
            Column(name="collateral", get=of("collateral")),
            Column(
                name="dexes",
                kind=kinds.NAMES,
                get=lambda row: [each or MAIN for each in row[1].dexes],
            ),
            _amount("cross_equity", get=of("equity")),
            Column(name="maintenance_margin", kind=kinds.EXACT_MONEY, get=of("maintenance")),
            Column(name="initial_margin", kind=kinds.EXACT_MONEY, get=of("initial_margin")),
            Column(name="isolated_margin", kind=kinds.EXACT_MONEY, get=of("isolated_margin")),
            _amount("moment_difference", get=of("moment_difference")),
            Column(name="basis", get=of("basis")),
            Column(name="inferred_from", get=lambda row: row[1].inferred_from or None),
            Column(name="exact", kind=kinds.FLAG, get=lambda row: not row[1].reasons),
            Column(name="reasons", kind=kinds.NAMES, get=of("reasons")),
        ],
    )


def _figures_compared(reports: Sequence[AccountReport]) -> list[Sheet]:
    """Figures of the spot answer and of activeAssetData beside the venue's."""
    rows = [row for report in reports for row in report.compared]
    if not rows:
        return []
    return [
        Sheet(
            name="figures_compared",
            title="Available after maintenance margin, and what could be traded",
            rows=rows,
            note="Moments differ: by how much a figure may differ because the answers were not "
            "taken together.",
            columns=[
                Column(name="figure"),
                Column(name="of", title=" "),
                Column(name="here", kind=kinds.DECIMAL),
                Column(name="venue", title="at the venue", kind=kinds.DECIMAL),
                Column(name="difference", kind=kinds.DECIMAL),
                Column(
                    name="moment_difference",
                    title="moments differ",
                    kind=kinds.DECIMAL,
                    none="unknown",
                ),
                Column(name="note", on="data"),
            ],
        )
    ]


def _compared(report: AccountReport) -> Sheet:
    """The account's figures beside the venue's."""
    rows: list[tuple[str, int | Fraction | None, int | Fraction | None]]
    venue = report.venue
    rows = [
        ("account value", report.account_value, venue.account_value),
        ("total margin used", report.total_margin_used, venue.total_margin_used),
        ("cross initial margin", report.cross_initial_margin, venue.cross_initial_margin),
        (
            "cross maintenance margin",
            report.cross_maintenance_margin,
            venue.cross_maintenance_margin,
        ),
        ("withdrawable", report.withdrawable, venue.withdrawable),
    ]
    if report.mode.is_pooled:
        # Nothing of the answers says what could be withdrawn of balances.
        del rows[-1]
    if report.withdrawable is None and report.withdrawable_without_orders is not None:
        rows.append(("withdrawable without orders", report.withdrawable_without_orders, None))
    return Sheet(
        name="account_compared",
        title=" ".join(filter(None, ("Account", report.name, _unless_usdc(report.collateral)))),
        rows=rows,
        on="screen",
        columns=[
            Column(name="figure", title=" ", get=lambda row: row[0]),
            _amount("here", get=lambda row: row[1]),
            _amount("venue", "at the venue", get=lambda row: row[2]),
        ],
    )


def _unless_usdc(token: str) -> str:
    return "" if token == USDC else f"in {token}"


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
