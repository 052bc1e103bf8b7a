"""An account through named scenarios, one line each: how low, when, what is liquidated or left."""

from msgspec import Struct

from seawall.domain.events import is_pool
from seawall.domain.instrument import Instrument
from seawall.domain.units import MICRO
from seawall.lab.market.price_paths import PricePath, price_paths
from seawall.lab.market.scenario import Scenario
from seawall.lab.rehearse.rehearsal import Rehearsal
from seawall.lab.simulation.incidents import STAGES, IncidentKind, blocked_money


class BucketEnd(Struct, frozen=True):
    """A bucket found under maintenance. ``minutes``: after the start, the first time."""

    bucket: int
    minutes: float


class ScenarioLine(Struct, frozen=True, kw_only=True):
    """An account through one scenario. Money in micro-USD; ``minutes`` after its start.

    ``added``: what top-ups brought, and what they cost. ``blocked``: what did not come because
    transfers were blocked.

    ``first``: the market whose position was touched first, None where nothing was. ``funding``:
    received, negative when paid. ``deleveraged``: notional closed against other traders, winning
    positions included. ``untouched``: what the positions would be worth in the end if none had
    been closed, without funding.
    """

    scenario: Scenario
    instruments: tuple[Instrument, ...]
    minutes: float
    start: int
    lowest: int
    lowest_minutes: float
    end: int
    added: int
    blocked: int
    untouched: int
    liquidated: tuple[BucketEnd, ...]
    first: int | None
    funding: int
    deleveraged: int
    positions_left: int
    notes: tuple[str, ...]
    price_paths: tuple[PricePath, ...]

    @property
    def lost(self) -> int:
        """Negative for a gain."""
        return self.start + self.added - self.end


def scenario_line(scenario: Scenario, result: Rehearsal) -> ScenarioLine:
    """What a rehearsal of a scenario came to."""
    begin = int(result.path.times_ms[0])
    equity = result.series.total_equity
    worst = int(equity.argmin())
    ended: dict[int, float] = {}
    for each in result.incidents:
        if each.kind == IncidentKind.LIQUIDATION_STARTED:
            ended.setdefault(each.market, _minutes(each.time_ms, begin))
    touched = [each.market for each in result.incidents if each.kind in STAGES]
    against_others = (IncidentKind.DELEVERAGED_LOSER, IncidentKind.DELEVERAGED_WINNER)
    return ScenarioLine(
        scenario=scenario,
        instruments=result.instruments,
        minutes=_minutes(int(result.path.times_ms[-1]), begin),
        start=result.start.equity,
        lowest=int(equity[worst]),
        lowest_minutes=_minutes(int(result.path.times_ms[worst]), begin),
        end=result.end.equity,
        added=result.added,
        blocked=blocked_money(result.incidents),
        untouched=round(float(result.untouched_equity[-1]) * MICRO),
        liquidated=tuple(BucketEnd(bucket, minutes) for bucket, minutes in ended.items()),
        first=next((market for market in touched if not is_pool(market)), None),
        funding=result.funding,
        deleveraged=sum(e.notional for e in result.incidents if e.kind in against_others),
        positions_left=len(result.end.holdings),
        notes=tuple(result.notes),
        price_paths=price_paths(result.path),
    )


def _minutes(time_ms: int, begin_ms: int) -> float:
    return (time_ms - begin_ms) / 60_000
