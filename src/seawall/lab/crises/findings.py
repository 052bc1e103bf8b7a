"""The crises as findings: tables to read, pictures for the report."""

from seawall.lab.crises.charts import crisis_heatmap, equity_by_mode, lost_by_people, who_falls
from seawall.lab.crises.contrast import Contrast, FirstDifference
from seawall.lab.crises.plain import frames, plain_object
from seawall.lab.crises.result import CrisesResult, best_and_worst
from seawall.lab.crises.setup import Script
from seawall.lab.crises.tables import (
    cells_table,
    contrast_table,
    different_table,
    endings_words,
    people_table,
    sources_table,
)
from seawall.lab.crises.words import headroom_text, trader_text, usd, way_text
from seawall.lab.simulation.event_words import clock
from seawall.lab.simulation.names import liquidation_words
from seawall.report.findings import Figure, Findings, Section, Words


def crises_findings(result: CrisesResult, source: str, notes: tuple[str, ...] = ()) -> Findings:
    """``source``: where the account comes from; ``notes``: what a reader must know of the input."""
    task = result.task
    names = " and ".join(each.name for each in task.rules)
    sections: list[Section] = [Words(_verdict(result)), *(Words(each) for each in notes)]
    for script in task.scripts:
        sections += [cells_table(result, script), _lines(result, script)]
    sections.append(_heatmap(result))
    sections += [people_table(result), _taken(result)]
    sections += _side_by_side(result)
    sections.append(sources_table(task.scripts))
    return Findings(
        command="crises",
        title=f"Crises of the past: {task.modes[0].plans[0].name}",
        subtitle=f"{source}; rules of {names}; {task.accounts:,} other accounts drawn",
        sections=sections,
        plain=plain_object(result, source),
        frames=frames(result),
        assumptions=_assumptions(result),
        seed=task.seed,
    )


def _verdict(result: CrisesResult) -> str:
    """The best and the worst way through, crisis by crisis."""
    parts = []
    for script in result.task.scripts:
        best, worst = best_and_worst(result.cells_of(script))
        if best.end == worst.end:
            parts.append(f"{script.title}: every way ends with {usd(best.end)} USD.")
            continue
        parts.append(
            f"{script.title}: best {way_text(best)}, which ends with {usd(best.end)} of "
            f"{usd(best.start)} USD; worst {way_text(worst)} with {usd(worst.end)}."
        )
    if len(result.task.scripts) > 1:
        parts.append(_overall(result))
    return " ".join(parts)


def _overall(result: CrisesResult) -> str:
    """The mode that keeps most over all crises, rulebooks and depths."""
    kept: dict[str, list[float]] = {}
    safe: dict[str, int] = {}
    for each in result.cells:
        kept.setdefault(each.mode, []).append(each.end / each.start)
        safe[each.mode] = safe.get(each.mode, 0) + each.survives
    told = [
        f"{mode} keeps {100 * sum(shares) / len(shares):.0f} % on average and is untouched in "
        f"{safe[mode]} of {len(shares)}"
        for mode, shares in kept.items()
    ]
    return f"Over all of them {'; '.join(told)}."


def _lines(result: CrisesResult, script: Script) -> Figure:
    return Figure(
        title=f"Equity through {script.title}",
        chart=equity_by_mode(result.cells_of(script)),
        alt="lines of the account's equity over time, one colour a margin mode, dashed by depth",
        note=script.about,
    )


def _heatmap(result: CrisesResult) -> Figure:
    return Figure(
        title="What each crisis leaves, by mode",
        chart=crisis_heatmap(result.cells),
        alt="cells of the change of equity by crisis, mode and depth; liquidations are framed",
    )


def _taken(result: CrisesResult) -> Figure:
    mode = result.task.modes[0].name
    return Figure(
        title="Where the positions of everybody else went",
        chart=lost_by_people([each for each in result.cells if each.mode == mode]),
        alt="bars of notional sold to the book, taken by the backstop and closed against winners",
    )


def _side_by_side(result: CrisesResult) -> list[Section]:
    """Rulebooks against each other; nothing for a single one."""
    table = contrast_table(result)
    if table is None:
        return []
    sections: list[Section] = [table]
    mode = result.task.modes[0].name
    by_pair: dict[tuple[str, str], list[tuple[str, Contrast]]] = {}
    for script in result.task.scripts:
        for played, depth, each in result.contrasts(script):
            if played != mode:
                continue
            label = f"{depth} book"
            by_pair.setdefault(each.rulebooks, []).append((f"{script.name}, {depth}", each))
            sections.append(Words(_parting(result, script, label, each)))
            found = different_table(result, script, label, each)
            sections += [] if found is None else [found]
    for (one, other), several in by_pair.items():
        sections.append(
            Figure(
                title=f"Who is liquidated under {one} and {other}",
                chart=who_falls(several),
                alt="bars of accounts liquidated under both rulebooks, and under one alone",
            )
        )
    return sections


def _parting(result: CrisesResult, script: Script, label: str, contrast: Contrast) -> str:
    """The first differing event, the first liquidation apart, and how people end."""
    instruments = result.task.rules[0].instruments
    head = f"{script.title}, {label}."
    if contrast.first is None:
        return f"{head} No event of anybody differs."
    parts = [head, f"First differing event: {_event_text(contrast, contrast.first)}"]
    beyond = contrast.beyond_funding
    if beyond is not None and beyond != contrast.first:
        parts.append(f"First that is no funding: {_event_text(contrast, beyond)}")
    if contrast.first_fall is not None:
        trader, side, headroom = contrast.first_fall
        fell, stood = contrast.rulebooks[side], contrast.rulebooks[1 - side]
        parts.append(
            f"First liquidation under one alone at that moment: {clock(headroom.time_ms)} UTC, "
            f"{trader_text(trader)} under {fell}: "
            f"{headroom_text(headroom, fell, stood, instruments)}."
        )
    if contrast.different:
        parts.append(f"In the end: {endings_words(contrast)}.")
    return " ".join(parts)


def _event_text(contrast: Contrast, first: FirstDifference) -> str:
    """When, who, and the event on each side."""
    told = [
        f"{name}: {several[0] if several else 'nothing of the kind'}"
        for name, several in zip(contrast.rulebooks, first.events, strict=True)
    ]
    return f"{clock(first.time_ms)} UTC, {trader_text(first.trader)}. {'. '.join(told)}."


def _assumptions(result: CrisesResult) -> list[str]:
    task = result.task
    told = [
        "prices start at the account's and move like those of the crisis; what that day's own "
        "cascade did to them is part of the shape",
        "other accounts are drawn: open interest and leverage as the sources table says, sizes "
        "log-normal, entries spread by 5 %; they hold on until they are liquidated, and so does "
        "yours",
        "an isolated position of another trader counts as an account; its leverage is one that all "
        "rulebooks allow",
        "what is sold into a book moves it by 50 bp for each depth within 50 bp, less for more; "
        "half of that is gone in two minutes, and other venues do not follow",
        "the book thins when prices move, to 2 % at least; a drought is a book of "
        f"{', '.join(f'{100 * each.share:g} % ({each.name})' for each in task.depths)} of the calm "
        "depth from the start",
        "nobody else trades, and the backstop keeps what it takes over",
    ]
    for each in task.rules:
        told.append(f"{each.name}: {liquidation_words(each.book)}")
    rejected = sum(each.maker_rejections for each in result.cells)
    if rejected:
        told.append(
            f"{rejected:,} orders of makers were refused: books were thinner than asked for"
        )
    return told
