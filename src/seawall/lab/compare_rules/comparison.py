"""One list of commands under two rulebooks: where they part, and what each leaves behind.

Two machines get the same commands. What an account has is compared command by command: fills,
payments, rejections, liquidations. How orders and prices are kept (queued or resting, sampled or
indexed) is bookkeeping; its differences are only counted.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from msgspec import Struct, field
from numpy.typing import NDArray

from seawall.domain.enums import EventKind, FillFlag, Reason
from seawall.domain.errors import InputError
from seawall.domain.events import is_pool
from seawall.domain.system_accounts import FIRST_USER
from seawall.engine.account_view import account_cash, account_margins
from seawall.engine.codec import CodecError, decode_command, decode_event_rows
from seawall.engine.engine import Engine
from seawall.lab.compare_rules.translation import NO_BUCKETS, Buckets, Side
from seawall.lab.simulation.observer import Observer, Snapshot
from seawall.report.progress import Progress, silent

SUBSTANCE = np.asarray(
    [
        EventKind.COMMAND_REJECTED,
        EventKind.DEPOSITED,
        EventKind.WITHDRAWN,
        EventKind.TRANSFERRED,
        EventKind.ISOLATED_MARGIN_ADJUSTED,
        EventKind.ORDER_FILLED,
        EventKind.FUNDING_PAID,
        EventKind.POSITION_ADOPTED,
        EventKind.LIQUIDATION_STARTED,
        EventKind.BACKSTOP_TAKEN_OVER,
        EventKind.INSURANCE_PAID,
        EventKind.DELEVERAGED,
        EventKind.MARKET_SETTLED,
        EventKind.LIQUIDATION_FEE_PAID,
    ],
    dtype=np.int32,
)
"""What changes an account's money or positions, or refuses to. The rest is bookkeeping."""


class Totals(Struct):
    """Over the chosen accounts. Money in micro-USD, unsigned where nothing else is said."""

    fills: int = 0
    traded: int = 0
    fees: int = 0
    """Signed: a rebate lowers it."""
    liquidation_fees: int = 0
    funding: int = 0
    """Signed, received; what has come due and is not settled counts."""
    liquidated_accounts: int = 0
    first_liquidation_ms: int = 0
    """0: none."""
    sold_by_liquidation: int = 0
    taken_by_backstop: int = 0
    deleveraged: int = 0
    insurance_paid: int = 0
    rejected: int = 0
    reasons: dict[str, int] = field(default_factory=dict)


class AccountEnd(Struct, frozen=True, kw_only=True):
    """An account after the last command. Money in micro-USD."""

    account: int
    cash: int
    """Isolated cash included."""
    equity: int
    initial_margin: int
    maintenance_margin: int
    now: Snapshot
    liquidation_prices: dict[int, float | None]


class Difference(Struct, frozen=True, kw_only=True):
    """What one command did on each side, bookkeeping left out. ``command``: None if unknown."""

    number: int
    time_ms: int
    command: Any
    left: list[Any]
    right: list[Any]


class Comparison(Struct, kw_only=True):
    """``first``: None where nothing differs. ``bookkeeping``: commands before it, or before the
    end, that differ in bookkeeping alone; ``differing``: all that differ in substance."""

    sides: tuple[Side, Side]
    commands: int = 0
    last_ms: int = 0
    first: Difference | None = None
    bookkeeping: int = 0
    differing: int = 0
    totals: tuple[Totals, Totals]
    ends: dict[int, tuple[AccountEnd | None, AccountEnd | None]] = field(default_factory=dict)

    @property
    def left(self) -> Engine:
        return self.sides[0].engine

    @property
    def right(self) -> Engine:
        return self.sides[1].engine


def compare(
    left: Engine,
    right: Engine,
    frames: Iterable[NDArray[Any]],
    accounts: Sequence[int] = (),
    progress: Progress = silent,
    buckets: Buckets = NO_BUCKETS,
) -> Comparison:
    """Run ``frames`` (rows of ``command_dtype``) in both fresh machines.

    ``buckets``: of the whole journal. ``accounts``: those to compare; none means all, and a child
    its parent. Raises InputError for an account that no command creates.
    """
    sides = Side(left, buckets), Side(right, buckets)
    for each in sides:
        each.ignores_inside = any(side.translates for side in sides)
    result = Comparison(sides=sides, totals=(Totals(), Totals()))
    roots = {buckets.children.get(each, (each, 0))[0] for each in accounts}
    chosen = np.asarray(sorted(roots), dtype=np.int32)
    liquidated: tuple[set[int], set[int]] = (set(), set())
    for rows in frames:
        if not len(rows):
            continue
        both = [_of(side.apply(rows, result.commands), chosen) for side in sides]
        for side, events in enumerate(both):
            _add(result.totals[side], events, liquidated[side], rows, result.commands)
        _match(result, rows, both[0], both[1])
        result.commands += len(rows)
        result.last_ms = int(rows["time_ms"][-1])
        progress(f"{result.commands:,} commands")
    _finish(result, buckets, accounts)
    return result


def _of(events: NDArray[Any], chosen: NDArray[np.int32]) -> NDArray[Any]:
    """The events of chosen accounts, and those of no account."""
    owners = events["account"]
    asked = np.isin(owners, chosen) if len(chosen) else owners >= FIRST_USER
    found: NDArray[Any] = events[asked | (owners < 0)]
    return found


def _add(
    totals: Totals, events: NDArray[Any], liquidated: set[int], rows: NDArray[Any], before: int
) -> None:
    kinds = events["kind"]

    def of(kind: EventKind) -> NDArray[Any]:
        found: NDArray[Any] = events[(kinds == kind) & (events["account"] >= 0)]
        return found

    fills = of(EventKind.ORDER_FILLED)
    notional = fills["price"] * fills["order_size"]
    totals.fills += len(fills)
    totals.traded += int(notional.sum())
    totals.fees += int(fills["money"].sum())
    totals.sold_by_liquidation += int(notional[(fills["flags"] & FillFlag.LIQUIDATED) != 0].sum())
    totals.liquidation_fees += int(of(EventKind.LIQUIDATION_FEE_PAID)["money"].sum())
    totals.funding += int(of(EventKind.FUNDING_PAID)["money"].sum())
    totals.insurance_paid += int(of(EventKind.INSURANCE_PAID)["money"].sum())
    taken = of(EventKind.BACKSTOP_TAKEN_OVER)
    totals.taken_by_backstop += int((np.abs(taken["position_size"]) * taken["price"]).sum())
    closed = of(EventKind.DELEVERAGED)
    amounts = np.where(
        closed["price"] == 0, np.abs(closed["money"]), closed["price"] * closed["order_size"]
    )
    totals.deleveraged += int(amounts.sum())
    started = of(EventKind.LIQUIDATION_STARTED)
    if len(started) and not liquidated:
        totals.first_liquidation_ms = int(rows["time_ms"][started["sequence"][0] - before - 1])
    liquidated |= {int(each) for each in started["account"]}
    totals.liquidated_accounts = len(liquidated)
    for row in events[kinds == EventKind.COMMAND_REJECTED]:
        totals.rejected += 1
        name = Reason(int(row["reason"])).name
        totals.reasons[name] = totals.reasons.get(name, 0) + 1


def _match(result: Comparison, rows: NDArray[Any], left: NDArray[Any], right: NDArray[Any]) -> None:
    """Count the commands of a frame that differ, and keep the first."""
    is_substance = [np.isin(side["kind"], SUBSTANCE) for side in (left, right)]
    parted = _parting(left[is_substance[0]], right[is_substance[1]])
    result.differing += len(parted)
    if result.first is not None:
        return
    quiet = _parting(left[~is_substance[0]], right[~is_substance[1]])
    first = parted[0] if parted else None
    result.bookkeeping += sum(1 for number in quiet if first is None or number < first)
    if first is None:
        return
    row = rows[first - result.commands - 1 : first - result.commands]
    try:
        command: Any = decode_command(row.tobytes())
    except CodecError:
        command = None
    did = [
        decode_event_rows(events[chosen & (events["sequence"] == first)])
        for events, chosen in zip((left, right), is_substance, strict=True)
    ]
    time_ms = int(row["time_ms"][0])
    result.first = Difference(
        number=first, time_ms=time_ms, command=command, left=did[0], right=did[1]
    )


def _parting(left: NDArray[Any], right: NDArray[Any]) -> list[int]:
    """The commands, by number, whose events are not the same; their order does not matter."""
    sides = []
    for events in (left, right):
        by_command: dict[int, list[tuple[int, ...]]] = {}
        same = events.copy()
        # Ids of orders are given by each machine in its own way.
        same["order_id"] = 0
        for row in same.tolist():
            by_command.setdefault(row[0], []).append(row)
        sides.append(by_command)
    numbers = sorted(sides[0].keys() | sides[1].keys())
    return [n for n in numbers if sorted(sides[0].get(n, [])) != sorted(sides[1].get(n, []))]


def _finish(result: Comparison, buckets: Buckets, accounts: Sequence[int]) -> None:
    used = [int(e.tables["control"]["accounts_used"][0]) for e in (result.left, result.right)]
    created = result.sides[0].created
    every = sorted({*created, *buckets.children})
    for account in accounts:
        if account not in every:
            known = f"{every[0]} to {every[-1]}" if every else "it creates none"
            expected = f"an account that the journal creates: {known}"
            raise InputError.of("", "account", account, expected)
    roots = {buckets.children.get(each, (each, 0))[0] for each in accounts}
    for account in sorted(roots) or created:
        ends = [
            _end(side, account, result.last_ms) if side.account(account) < most else None
            for side, most in zip(result.sides, used, strict=True)
        ]
        result.ends[account] = (ends[0], ends[1])
        for side, end in enumerate(ends):
            if end is not None:
                result.totals[side].funding += end.now.unsettled_funding


def _end(side: Side, number: int, time_ms: int) -> AccountEnd:
    """An account with its children, by the journal's number."""
    engine, account, children = side.engine, side.account(number), side.children(number)
    observer = Observer(engine, account, children)
    now = observer.snapshot(time_ms)
    buckets = [
        margin
        for each in (account, *children)
        for market, margin in account_margins(engine, each).items()
        if _is_bucket(now, market)
    ]
    positions = engine.tables["positions"]
    owned = positions["account"][: int(engine.tables["control"]["positions_used"][0])] == account
    isolated = int(positions["isolated_cash"][: len(owned)][owned].sum())
    return AccountEnd(
        account=number,
        cash=sum(account_cash(engine, each) for each in (account, *children)) + isolated,
        equity=now.equity,
        initial_margin=sum(each.initial_margin for each in buckets),
        maintenance_margin=sum(each.maintenance_margin for each in buckets),
        now=now,
        liquidation_prices=observer.liquidation_prices(now) if now.holdings else {},
    )


def _is_bucket(now: Snapshot, market: int) -> bool:
    """Whether the margins of a market are of a bucket of their own, not part of the pool's."""
    return is_pool(market) or (market in now.holdings and now.holdings[market].isolated)
