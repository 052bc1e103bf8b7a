"""What a rehearsal teaches, as sentences with numbers computed from its result."""

from collections.abc import Iterator

import numpy as np

from seawall.domain.events import is_pool
from seawall.domain.units import MICRO, from_units
from seawall.lab.rehearse.rehearsal import Rehearsal
from seawall.lab.simulation.incidents import STAGES, IncidentKind, liquidation_began
from seawall.lab.simulation.names import bucket_name
from seawall.report.kinds import AVERAGE_PRICE, money, percent, price, ratio, usd


def lessons(result: Rehearsal) -> Iterator[str]:
    """At most a handful of sentences, the most expensive first."""
    before, after = result.start.equity, result.end.equity
    kept = after - result.added
    change = f" ({percent(kept / before - 1, 1, signed=True)})" if before > 0 else ""
    added = f", and {money(result.added)} were added on the way" if result.added else ""
    yield f"Equity goes from {money(before)} to {money(after)} USD{change}{added}."
    yield _cost_of_liquidation(result)
    yield from _hedge(result)
    yield from _isolated(result)
    yield from _distance(result)


def _cost_of_liquidation(result: Rehearsal) -> str:
    """What the same positions would be worth if none had been closed."""
    if not any(each.kind in STAGES for each in result.incidents):
        low = int(result.series.total_equity.min())
        highest = max(float(np.nan_to_num(each).max()) for each in result.series.ratio.values())
        return (
            f"Nothing was taken from this account. Its lowest equity was {money(low)} USD and its "
            f"highest margin ratio {ratio(highest)}."
        )
    untouched = result.untouched_equity
    held, lowest = float(untouched[-1]), float(untouched.min())
    lost = held - (result.end.equity - result.added) / MICRO
    ordered = any(each.kind == IncidentKind.ORDER_FILLED for each in result.incidents)
    forced = "liquidation" if liquidation_began(result.incidents) else "deleveraging"
    what = f"what their orders and {forced} closed" if ordered else f"their {forced}"
    if lost <= 0:
        saved = f"{forced.capitalize()} saved money"
        return f"{saved}: kept, the positions would stand at {usd(held)} USD."
    if lowest <= 0:
        return (
            f"No account of this size could have kept these positions: they would have been "
            f"{usd(-lowest)} USD below zero before ending at {usd(held)}."
        )
    return (
        f"Kept, the same positions would have ended at {usd(held)} USD and never been below "
        f"{usd(lowest)}: {what} cost {usd(lost)} USD."
    )


def _hedge(result: Rehearsal) -> Iterator[str]:
    """What the first deleveraged profitable position would still have earned."""
    taken = [e for e in result.incidents if e.kind == IncidentKind.DELEVERAGED_WINNER]
    if not taken:
        return
    first = taken[0]
    later = result.series.mark[first.market, result.series.times_ms > first.time_ms]
    if not len(later):
        return
    was_short = first.before < 0
    best = int(later.min() if was_short else later.max())
    of_market = [each for each in taken if each.market == first.market]
    missed = sum(each.size * abs(each.price - best) for each in of_market)
    if (best >= first.price) == was_short:
        return
    yield (
        f"A hedge can be deleveraged when it is needed: afterwards "
        f"{result.instruments[first.market].name} went {'down' if was_short else 'up'} another "
        f"{percent(abs(best / first.price - 1), 1)}, worth {money(missed)} USD more."
    )


def _isolated(result: Rehearsal) -> Iterator[str]:
    """What a closed isolated position cost: never more than its own margin."""
    for bucket, before in result.start.buckets.items():
        taken = [e for e in result.incidents if e.market == bucket and e.kind in STAGES]
        if is_pool(bucket) or not before.maintenance_margin:
            continue
        # A position that was deleveraged for its profit lost nothing.
        is_won = all(each.kind == IncidentKind.DELEVERAGED_WINNER for each in taken)
        if is_won or bucket in result.end.holdings:
            continue
        brought = sum(
            each.money for each in result.incidents
            if each.kind == IncidentKind.TOPPED_UP and each.market == bucket and not each.note
        )  # fmt: skip
        held = before.equity + brought
        whole, name = money(held), result.instruments[bucket].name
        if result.in_blocks:
            lost = held - result.end.buckets[bucket].equity
            yield (
                f"The {name} position in a child account lost {money(lost)} of its {whole} USD and "
                "nothing else: no other account pays for it."
            )
            continue
        margin = f"its margin of {whole} USD"
        if taken[-1].kind != IncidentKind.BACKSTOP:
            lost = result.start.holdings[bucket].profit - sum(each.money for each in taken)
            margin = f"{money(lost)} of {margin}"
        elif len(taken) > 1:
            margin = f"what was left of {margin}"
        yield (
            f"The isolated {name} position lost {margin} and nothing else: the cross pool paid "
            "nothing for it."
        )


def _distance(result: Rehearsal) -> Iterator[str]:
    """How the first liquidation of the pool compares with the price shown at the start."""
    sold = (IncidentKind.PARTLY_LIQUIDATED, IncidentKind.LIQUIDATED)
    first = next((e for e in result.incidents if e.kind in sold and not e.isolated), None)
    shown = None if first is None else result.liquidation_prices.get(first.market)
    if first is None or not shown:
        return
    pool = result.pools[first.market]
    if result.start.buckets[pool].is_under:
        return
    instrument = result.instruments[first.market]
    step = int((result.series.times_ms < first.time_ms).sum())
    mark = from_units(int(result.series.mark[first.market, step]), instrument.price_decimals)
    yield (
        f"The {instrument.name} liquidation price of {AVERAGE_PRICE.text(shown)} at the start "
        f"assumes that no other price moves: the {bucket_name(result, pool)} was liquidated "
        f"with the {result.price_word} at {price(mark)}."
    )
