"""What a running guard sees and would do next, as one frame."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

from seawall.domain.errors import InputError
from seawall.domain.units import PPM, from_units
from seawall.guard.drawdown import FROM_DAY_START, FROM_PEAK, score
from seawall.guard.ladder import standing
from seawall.guard.measures import mark_at
from seawall.guard.memory import StepMemory
from seawall.guard.policy import MARGIN_RATIO
from seawall.guard.requests import is_held
from seawall.guard.status import Status, read_status
from seawall.guard.view import FAR, NO_EQUITY, View
from seawall.guard.watchdog import RUNS, condition_of
from seawall.report.findings import Answer, Findings, Words
from seawall.report.kinds import MONEY, MOVE, PERCENT, PRICE, SIZE, TEXT, TIME, duration
from seawall.report.sheet import Column, Sheet

CELLS = 20
FULL_DISTANCE = PPM // 5
"""A bar of a distance to liquidation is full at so much of the mark."""


class Margin(NamedTuple):
    """A pool or bucket. ``bar``: its margin ratio, with a mark where an armed step fires."""

    name: str
    bar: str
    ratio: Fraction | None
    equity: int
    maintenance: int


class Held(NamedTuple):
    """A position. ``bar``: its distance to liquidation."""

    market: str
    side: str
    size: Decimal
    mark: Decimal
    liquidation: Decimal | None
    bar: str
    distance: Fraction | None
    bucket: str


class Next(NamedTuple):
    """What is armed, or why it is not. ``move``: of the mark until it fires, a fraction."""

    rule: str
    action: str
    market: str
    fires_at: Decimal | None
    move: Fraction | None
    state: str


class Limit(NamedTuple):
    """A limit on drawdown, and where the account is."""

    name: str
    bar: str
    now: Fraction
    limit: Fraction
    state: str


class WatchFrame(Answer, frozen=True, kw_only=True):
    """One frame. ``problems``: what a person must not miss."""

    status: Status
    problems: tuple[str, ...]
    margins: tuple[Margin, ...]
    held: tuple[Held, ...]
    next: tuple[Next, ...]
    limits: tuple[Limit, ...]

    def findings(self) -> Findings:
        """The frame as sheets."""
        status = self.status
        view = status.view
        facts = {
            "account": status.address, "network": status.network, "is_armed": status.is_armed,
            "is_running": not status.ended and not self.problems, "looked_ms": status.looked_ms,
            "time_ms": None if view is None else view.time_ms,
        }  # fmt: skip
        armed = "armed" if status.is_armed else "not armed"
        return Findings(
            command="guard watch",
            title=f"{status.policy.name}: {status.address}, {armed}",
            subtitle=f"{status.network}, {status.url}",
            verdict=list(self._verdict()),
            sections=list(self._sheets()),
            facts=facts,
        )

    def _verdict(self) -> Iterator[Words]:
        for each in self.problems:
            yield Words(each, is_warning=True)
        first = next((each for each in self.next if each.move is not None), None)
        if first is not None:
            at = PRICE.text(first.fires_at)
            yield Words(
                f"Next: {first.rule} ({first.action}) when {first.market} is at {at}, "
                f"{MOVE.text(first.move)} from the mark."
            )
        elif self.status.view is not None:
            yield Words("No price of one market alone fires a step.")

    def _sheets(self) -> Iterator[Sheet]:
        yield Sheet(
            name="margins",
            title="Pools and buckets",
            rows=self.margins,
            columns=[
                Column("name", title="bucket"),
                Column("bar", title="margin ratio", on="screen"),
                Column("ratio", PERCENT, title="now", none="no equity"),
                Column("equity", MONEY),
                Column("maintenance", MONEY, drop=1),
            ],
            note="0 to 100 %, where liquidation begins; | where a step that is armed fires.",
        )
        yield Sheet(
            name="positions",
            title="Positions",
            rows=self.held,
            columns=[
                Column("market"), Column("side"),
                Column("size", SIZE, drop=1),
                Column("mark", PRICE),
                Column("liquidation", PRICE, none="never"),
                Column("bar", title="distance", on="screen"),
                Column("distance", PERCENT, title="to liquidation", none="never"),
                Column("bucket", drop=2),
            ],
            note="The bar is full at 20 % of the mark.",
        )  # fmt: skip
        yield Sheet(
            name="next",
            title="What is armed, the nearest first",
            rows=self.next,
            columns=[
                Column("rule"), Column("action"), Column("market"),
                Column("fires_at", PRICE, title="fires at", none="never"),
                Column("move", MOVE, title="from the mark", none=""),
                Column("state"),
            ],
            style=lambda each: "" if each.state in ("armed", "at the venue") else "quiet",
            note="fires at: the mark of the market nearest to liquidation, moving alone.",
        )  # fmt: skip
        yield Sheet(
            name="limits",
            title="Hard stop",
            rows=self.limits,
            columns=[
                Column("name", title="limit"),
                Column("bar", title="of the limit", on="screen"),
                Column("now", PERCENT), Column("limit", PERCENT, title="trips above"),
                Column("state"),
            ],
            style=lambda each: "bad" if each.state == "latched" else "",
        )  # fmt: skip
        yield Sheet(
            name="said",
            title="Last",
            rows=self.status.said,
            columns=[Column("time_ms", TIME, title="time (UTC)"), Column("text", TEXT)],
            style=lambda each: "bad" if each.text.startswith("critical") else "",
        )


def watch_frame(journal: Path, now_ms: int) -> WatchFrame:
    """The frame of the guard of a journal; ``now_ms``: by this computer's clock.

    Raises InputError where no guard has run on it.
    """
    is_running = is_held(journal)
    status = read_status(journal)
    if status is None:
        raise InputError(f"{journal}: no guard has run on it, so there is nothing to watch")
    return frame_of(status, now_ms, is_running=is_running)


def frame_of(status: Status, now_ms: int, *, is_running: bool) -> WatchFrame:
    """The frame of a status. ``is_running``: whether a guard holds the journal."""
    view = status.view
    return WatchFrame(
        status=status,
        problems=tuple(_problems(status, now_ms, is_running=is_running)),
        margins=() if view is None else tuple(_margins(status, view)),
        held=() if view is None else tuple(_held(view)),
        next=() if view is None else tuple(_next(status, view)),
        limits=() if view is None else tuple(_limits(status, view)),
    )


def _problems(status: Status, now_ms: int, *, is_running: bool) -> Iterator[str]:
    condition = condition_of(status, now_ms, is_running=is_running)
    if condition.name != RUNS:
        yield f"{condition.text[0].upper()}{condition.text[1:]}."
    if status.trouble and condition.name != "blind":
        yield f"Nothing is decided: {status.trouble}."
    memory = status.memory
    if memory is not None and memory.stopped:
        yield f"The guard has stopped: {memory.stopped}; `reset JOURNAL guard` lets it go on."
    if memory is not None and memory.account is not None and memory.account.latched:
        yield f"Latched until it is reset: {memory.account.latched}."


def bar(part: int, whole: int, marks: Sequence[int] = ()) -> str:
    """A bar of ``CELLS`` cells, full at ``whole``; | at each of ``marks``."""
    filled = max(0, min(CELLS, -(-CELLS * part // whole)))
    cells = list("█" * filled + "·" * (CELLS - filled))
    for each in marks:
        if 0 < each <= whole:
            cells[min(CELLS - 1, CELLS * each // whole)] = "|"
    return "".join(cells)


def _memory_of(status: Status, step: str, bucket: str) -> StepMemory:
    memory = status.memory
    return StepMemory() if memory is None else memory.steps.get(f"{step}/{bucket}", StepMemory())


def _margins(status: Status, view: View) -> Iterator[Margin]:
    marks: dict[str, list[int]] = {}
    for bucket, step, _ in standing(status.policy, view):
        if step.measure == MARGIN_RATIO and _memory_of(status, step.name, bucket.name).armed:
            marks.setdefault(bucket.name, []).append(step.trigger)
    for each in view.buckets:
        ratio = None if each.ratio == NO_EQUITY else Fraction(each.ratio, PPM)
        shown = bar(each.ratio, PPM, marks.get(each.name, ()))
        yield Margin(each.name, shown, ratio, each.equity, each.maintenance)


def _held(view: View) -> Iterator[Held]:
    for each in view.position.values():
        market, distance = view.market[each.market], view.distance(each)
        decimals, price_ = market.price_decimals, each.liquidation_price
        is_far = distance == FAR
        yield Held(
            market=each.market,
            side="long" if each.sign > 0 else "short",
            size=Decimal(from_units(each.size, market.size_decimals)),
            mark=Decimal(from_units(market.mark, decimals)),
            liquidation=None if price_ is None else Decimal(from_units(price_, decimals)),
            bar=bar(FULL_DISTANCE if is_far else distance, FULL_DISTANCE),
            distance=None if is_far else Fraction(distance, PPM),
            bucket=each.bucket,
        )


def _next(status: Status, view: View) -> Iterator[Next]:
    """Steps and exits that rest, the nearest first, then those that no price fires now."""
    rows = [*_steps(status, view), *_exits(view)]
    armed = [each for each in rows if each.move is not None]
    yield from sorted(armed, key=lambda each: abs(each.move or Fraction()))
    yield from (each for each in rows if each.move is None)


def _steps(status: Status, view: View) -> Iterator[Next]:
    for bucket, step, _ in standing(status.policy, view):
        memory = _memory_of(status, step.name, bucket.name)
        found = mark_at(step, bucket, view)
        state = "armed"
        if not memory.armed:
            cool_ms = memory.cool_until_ms - view.time_ms
            state = f"again in {duration(cool_ms / 1000)}" if cool_ms > 0 else "until it is calm"
        at, move = None, None
        if found is not None:
            market = view.market[found[0]]
            at = Decimal(from_units(found[1], market.price_decimals))
            move = Fraction(found[1] - market.mark, market.mark)
        yield Next(
            rule=f"{step.name} ({bucket.name})",
            action=step.action.replace("_", " "),
            market="" if found is None else found[0],
            fires_at=at,
            move=move if state == "armed" else None,
            state=state,
        )


def _exits(view: View) -> Iterator[Next]:
    for each in view.orders:
        market = view.market.get(each.market)
        if market is None or not each.trigger_price or not each.reduce_only:
            continue
        yield Next(
            rule="take-profit" if each.take_profit else "stop",
            action="buy" if each.is_buy else "sell",
            market=each.market,
            fires_at=Decimal(from_units(each.trigger_price, market.price_decimals)),
            move=Fraction(each.trigger_price - market.mark, market.mark),
            state="at the venue",
        )


def _limits(status: Status, view: View) -> Iterator[Limit]:
    memory, limits = status.memory, status.policy.drawdown
    account = None if memory is None else memory.account
    if account is None or view.profit is None:
        return
    for name, most, limit in (
        (FROM_PEAK, limits.from_peak, account.peak),
        (FROM_DAY_START, limits.from_day_start, account.day),
    ):
        if most is None:
            continue
        now = score(status.policy, account, limit, view.profit)
        state = "armed" if limit.armed else "until it is calm"
        if account.latched == name:
            state = "latched"
        yield Limit(name, bar(now, most), Fraction(now, PPM), Fraction(most, PPM), state)
