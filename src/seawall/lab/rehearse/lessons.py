"""What a rehearsal teaches, as sentences with numbers computed from its result."""

from seawall.domain.events import CROSS_POOL
from seawall.domain.units import MICRO
from seawall.lab.rehearse.rehearsal import Rehearsal
from seawall.lab.simulation.incidents import IncidentKind

_CLOSED_BY_OTHERS = (
    IncidentKind.PARTLY_LIQUIDATED,
    IncidentKind.LIQUIDATED,
    IncidentKind.BACKSTOP,
    IncidentKind.DELEVERAGED_LOSER,
    IncidentKind.DELEVERAGED_WINNER,
)


def lessons(result: Rehearsal) -> list[str]:
    """At most a handful, the most expensive first."""
    found = [_price_of_liquidation(result), _hedge(result), _containment(result), _distance(result)]
    return [sentence for sentence in found if sentence]


def _price_of_liquidation(result: Rehearsal) -> str:
    """What the same positions would be worth had nobody closed them."""
    closed = [each for each in result.incidents if each.kind in _CLOSED_BY_OTHERS]
    if not closed:
        low = int(result.series.total_equity.min())
        return (
            f"Nothing was taken from this account. Its lowest equity was {_usd(low)} USD and its "
            f"highest margin ratio {_highest_ratio(result):.0%}."
        )
    untouched = result.untouched_equity
    held, lowest = float(untouched[-1]), float(untouched.min())
    difference = held - result.end.equity / MICRO
    if difference <= 0:
        return f"Being closed saved money: held on, the positions would stand at {held:,.0f} USD."
    if lowest <= 0:
        return (
            f"Nothing could have carried these positions: held on, they would have been "
            f"{-lowest:,.0f} USD below zero before ending at {held:,.0f}."
        )
    return (
        f"The market came back, the positions did not: untouched they would have ended at "
        f"{held:,.0f} USD (never below {lowest:,.0f}); being closed at the bottom cost "
        f"{difference:,.0f} USD."
    )


def _hedge(result: Rehearsal) -> str:
    """What a deleveraged winner would still have earned at the worst time of its account."""
    taken = [e for e in result.incidents if e.kind == IncidentKind.DELEVERAGED_WINNER]
    if not taken:
        return ""
    first = taken[0]
    marks = result.series.mark[first.market]
    start = int((result.series.times_ms <= first.time_ms).sum())
    later = marks[start:]
    if not len(later):
        return ""
    sold_short = first.before < 0
    best = int(later.min() if sold_short else later.max())
    missed = sum(each.size * abs(each.price - best) for each in taken)
    name = result.instruments[first.market].name
    if (best >= first.price) == sold_short:
        return ""
    return (
        f"A hedge can be taken away when it works: after {name} was deleveraged its price went "
        f"{'down' if sold_short else 'up'} another {abs(best / first.price - 1):.1%}, which would "
        f"have brought {_usd(missed)} USD more just when the rest needed it."
    )


def _containment(result: Rehearsal) -> str:
    sentences = []
    for bucket, before in result.start.buckets.items():
        if bucket == CROSS_POOL or not before.maintenance_margin:
            continue
        taken = [e for e in result.incidents if e.market == bucket and e.kind in _CLOSED_BY_OTHERS]
        if not taken or bucket in result.end.holdings:
            continue
        name = result.instruments[bucket].name
        if result.in_blocks:
            lost = before.equity - result.end.buckets[bucket].equity
            sentences.append(
                f"The {name} bet in a child account lost {_usd(lost)} of its {_usd(before.equity)} "
                "USD and nothing else: no other account pays for it."
            )
            continue
        margin = f"its margin of {_usd(before.equity)} USD"
        if taken[-1].kind != IncidentKind.BACKSTOP:
            lost = result.start.holdings[bucket].profit - sum(each.money for each in taken)
            margin = f"{_usd(lost)} of {margin}"
        elif len(taken) > 1:
            margin = f"what was left of {margin}"
        sentences.append(
            f"The isolated {name} bet lost {margin} and nothing else: the cross pool paid nothing "
            "for it."
        )
    return " ".join(sentences)


def _distance(result: Rehearsal) -> str:
    """How the first liquidation of the pool compares with the price shown at the start."""
    word = "oracle price" if result.in_blocks else "mark"
    first = next(
        (
            e
            for e in result.incidents
            if e.kind in (IncidentKind.PARTLY_LIQUIDATED, IncidentKind.LIQUIDATED)
            and not e.isolated
        ),
        None,
    )
    if first is None or first.market not in result.liquidation_prices:
        return ""
    shown = result.liquidation_prices[first.market]
    if not shown:
        return ""
    decimals = result.instruments[first.market].price_decimals
    name = result.instruments[first.market].name
    number = int((result.series.times_ms < first.time_ms).sum())
    mark = int(result.series.mark[first.market, number]) / 10**decimals
    return (
        f"A liquidation price holds while nothing else moves: at the start it was {shown:,.6g} for "
        f"{name}, in the event the {word} was {mark:,.6g}."
    )


def _highest_ratio(result: Rehearsal) -> float:
    import numpy as np

    return max(float(np.nan_to_num(ratio).max()) for ratio in result.series.ratio.values())


def _usd(micro: int) -> str:
    return f"{micro / MICRO:,.0f}"
