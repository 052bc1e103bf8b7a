"""What a policy does on random paths, as sheets and sentences."""

from collections.abc import Iterator

from seawall.domain.units import MICRO
from seawall.lab.guard_test.crisis import CrisisLine
from seawall.lab.guard_test.question import SAME, GuardTest
from seawall.lab.paths.setup import PathSetup
from seawall.lab.paths.sheets import (
    assumptions,
    estimate_columns,
    markets_sheet,
    notes_of,
    run_sheet,
)
from seawall.lab.paths.sheets import subtitle as paths_subtitle
from seawall.lab.sourced_sheet import sourced_sheet
from seawall.lab.transfers.route import NO_ROUTE
from seawall.report import kinds
from seawall.report.findings import Findings, Section, Status, Words
from seawall.report.sheet import Column, Sheet


def findings(result: GuardTest) -> Findings:
    """The result as sheets and sentences."""
    setup = result.setup
    sections: list[Section] = [
        *(Words(each, is_warning=True) for each in (*notes_of(setup), *result.notes)),
        _outcomes(result), _actions(result), *_crises(result), *_rules(result),
        markets_sheet(setup), *setup.used.sheets(), *_route(result), run_sheet(setup),
    ]  # fmt: skip
    span = kinds.long_duration(3600 * setup.hours)
    return Findings(
        command="guard test",
        title=f"Policy {result.policy.name} over {span}: {setup.account.name}",
        subtitle=paths_subtitle(setup),
        verdict=list(_verdict(result)),
        status=status(result),
        sections=sections,
        facts={
            "policy": result.policy.name,
            "account": setup.account.name,
            "source": setup.account.source,
            "wallet": result.outside.wallet / MICRO,
            "route": result.outside.route.name,
        },
        assumptions=[*_assumptions(result), *_of_paths(setup)],
        seed=setup.seed,
    )


def status(result: GuardTest) -> Status:
    """Whether the policy makes bad ends better, by the whole interval, and whether it makes some
    worse."""
    bare, guarded = result.lines[:2]
    words = (
        f"liquidated on {kinds.probability(guarded.liquidated.value)} of the paths, without it on "
        f"{kinds.probability(bare.liquidated.value)}"
    )
    if guarded.saved.high < 0 or guarded.caused.low > bare.liquidated.high:
        return Status(f"Does harm: {words}", "bad")
    if _worse(result):
        return Status(f"Worse in a crisis: {words}", "caution")
    if guarded.saved.low > 0:
        return Status(f"Protects: {words}", "good")
    return Status(f"Shows no effect: {words}", "caution")


def _worse(result: GuardTest) -> list[tuple[CrisisLine, CrisisLine]]:
    """The crises in which the account falls lower with the policy, without it and with it."""
    bare, guarded = (result.crises_of(each.name) for each in result.lines[:2])
    return [
        (one, other)
        for one, other in zip(bare, guarded, strict=True)
        if other.lowest < one.lowest - SAME * one.start
    ]


def _usd(value: float) -> str:
    return kinds.short_usd(value)


def _verdict(result: GuardTest) -> Iterator[Words]:
    bare, guarded, *others = result.lines
    yield Words(
        f"With the policy {kinds.probability(guarded.liquidated.value)} of the paths are "
        f"liquidated, without it {kinds.probability(bare.liquidated.value)}; the worst 5 % lose "
        f"{_usd(guarded.worst.value)}, without it {_usd(bare.worst.value)}."
    )
    if guarded.saved.low <= 0:
        yield Words(
            "The loss of the worst 5 % is not smaller with the policy beyond its interval.",
            is_warning=True,
        )
    if guarded.result.high < 0:
        yield Words(
            f"On average the account ends {_usd(-guarded.result.value)} lower with it: that is "
            "its price.",
            is_warning=True,
        )
    yield Words(
        f"It acts on {kinds.probability(guarded.acted.value)} of the paths, on "
        f"{kinds.probability(guarded.false_alarm.value)} where doing nothing would have ended "
        f"well; it ends worse than doing nothing on {kinds.probability(guarded.worse.value)}."
    )
    better = [each for each in others if each.worst.high < guarded.worst.low]
    for each in better:
        yield Words(
            f"{each.name}: the worst 5 % lose less than with the policy, {_usd(each.worst.value)}.",
            is_warning=True,
        )
    yield from _crisis_words(result)
    idle = [each.rule for each in result.rules if each.verdict in ("does harm", "only costs")]
    if idle:
        yield Words(f"Rules that cost more than they save: {', '.join(idle)}.", is_warning=True)


def _crisis_words(result: GuardTest) -> Iterator[Words]:
    bare, guarded = (result.crises_of(each.name) for each in result.lines[:2])
    if not bare:
        return
    hit, spared = (sum(each.is_liquidated for each in lines) for lines in (guarded, bare))
    ends_lower = sum(
        other.lost > one.lost + SAME * one.start for one, other in zip(bare, guarded, strict=True)
    )
    count = "the scenario" if len(bare) == 1 else f"{len(bare)} scenarios"
    yield Words(
        f"In {count} something is liquidated in {hit} with the policy, in {spared} without it; "
        f"{ends_lower} end lower with it."
    )
    for one, other in _worse(result):
        yield Words(
            f"{one.scenario} ({one.market}): the account falls to {_usd(other.lowest)} with the "
            f"policy, to {_usd(one.lowest)} without it.",
            is_warning=True,
        )


def _outcome(line: CrisisLine) -> str:
    said = f"{', '.join(line.liquidated)} liquidated" if line.liquidated else "no liquidation"
    if line.refused:
        said += f"; transfers refused: {line.refused:,}"
    return said


def _crises(result: GuardTest) -> Iterator[Sheet]:
    if not result.crises:
        return
    yield Sheet(
        name="crises",
        title="Through scenarios, in the engine",
        rows=result.crises,
        columns=[
            Column("scenario"),
            Column("market"),
            Column("protection"),
            Column("lost", kinds.USD),
            Column("lowest", kinds.USD, title="lowest equity"),
            Column("outcome", get=_outcome),
            Column("is_liquidated", kinds.FLAG, on="data"),
            Column("deleveraged", kinds.USD, on="data"),
            Column("cost", kinds.USD),
            Column("added", kinds.USD, title="money added"),
            Column("actions", kinds.COUNT),
            Column("refused", kinds.COUNT, on="data"),
            Column("wallet", kinds.USD, on="data"),
            Column("start", kinds.USD, on="data"),
        ],
        note="market: the command that plays the same without a guard. Losses below zero are "
        "gains; a cost below zero: filled better than the mark, which moves later than the book.",
        style=lambda each: "bad" if each.liquidated else "",
    )


def _outcomes(result: GuardTest) -> Sheet:
    return Sheet(
        name="outcomes",
        title="With and without, on the same paths",
        rows=result.lines,
        columns=[
            Column("name", title="protection"),
            *estimate_columns("liquidated", kinds.PROBABILITY),
            *estimate_columns("ruin", kinds.PROBABILITY, interval=3),
            *estimate_columns("loss", kinds.USD, title="mean loss", interval=None),
            *estimate_columns("worst", kinds.USD, title="worst 5 % lose", interval=1),
            *estimate_columns("saved", kinds.USD, title="less than nothing", interval=2),
        ],
        note="less than nothing: by how much the worst 5 % lose less than without protection.",
    )


def _actions(result: GuardTest) -> Sheet:
    return Sheet(
        name="price",
        title="What it takes",
        rows=result.lines[1:],
        columns=[
            Column("name", title="protection"),
            *estimate_columns("cost", kinds.USD, interval=None),
            *estimate_columns("added", kinds.USD, title="money added", interval=None),
            *estimate_columns("actions", kinds.FIGURE, interval=None),
            *estimate_columns("false_alarm", kinds.PROBABILITY, title="false alarms", interval=3),
            *estimate_columns("given_up", kinds.USD, title="profit given up", interval=None),
            *estimate_columns("worse", kinds.PROBABILITY, title="ends worse", interval=None),
            *estimate_columns("caused", kinds.PROBABILITY, title="liquidated by it", interval=None),
            *estimate_columns("result", kinds.USD, title="mean result", interval=1),
            *estimate_columns("acted", kinds.PROBABILITY, interval=None, on="data"),
            Column("decisions", kinds.COUNT, on="data"),
        ],
        note="cost: fees and slippage of its orders, USD a path; mean result: against doing "
        "nothing; false alarms: acted where doing nothing neither liquidates nor ruins.",
    )


def _rules(result: GuardTest) -> Iterator[Sheet]:
    if not result.rules:
        return
    yield Sheet(
        name="rules",
        title="Each rule: the policy with it, against the policy without it",
        rows=result.rules,
        columns=[
            Column("rule"),
            *estimate_columns("changes", kinds.PROBABILITY, interval=None),
            *estimate_columns(
                "avoided", kinds.PROBABILITY, title="liquidations avoided", interval=2
            ),
            *estimate_columns("saved", kinds.USD, title="worst 5 % saved", interval=1),
            *estimate_columns("result", kinds.USD, title="mean result", interval=3),
            Column("verdict"),
        ],
        note="A rule behind another one that acts first changes little; that does not say what it "
        "is worth where the first fails.",
    )


def _assumptions(result: GuardTest) -> Iterator[str]:
    step = kinds.duration(result.setup.step_seconds)
    yield (
        f"The guard looks at every mark, each {step}, and each second of a step in which it acts; "
        "within the bounds of its last decision nothing can happen and no decision is made. A "
        "liquidation at the same mark comes first; orders that rest come before both."
    )
    yield (
        "Its orders fill at the mark with slippage and the taker's fee, as far as their worst "
        "price allows; what a path has taken from a book comes back with the next mark. Nothing "
        "is late, refused or missing."
    )
    yield (
        f"Plain stop: resting {kinds.short_percent(result.stop)} from the entry (--stop). Wallet: "
        f"{_usd(result.outside.wallet / MICRO)} (--wallet); replenishing brings a margin ratio of "
        "80 % back to 50 % until it is empty. Top-ups from other sources than the pool come from "
        "it too, and count as money put in."
    )
    route = result.outside.route
    if route.name != NO_ROUTE:
        calm, full = (
            kinds.duration(each / 1000) for each in (route.outside_ms, route.outside_full_ms)
        )
        yield (
            f"Top-ups take a route (--route): {route.title}; from the wallet {calm}, up to {full} "
            f"in a full network, and {kinds.duration(route.inside_ms / 1000)} inside. Their fees "
            "are the wallet's and count as costs and as lost, not in ruin and the lowest equity. "
            "Gas and delay follow from the fall of the market of the largest position from its "
            "highest price within an hour."
        )
    yield (
        f"Ruin: the loss of the policy's risk capital, "
        f"{_usd(result.policy.account.risk_capital / MICRO)}, at any moment."
    )


def _route(result: GuardTest) -> list[Sheet]:
    """The numbers of a route that is not free."""
    route = result.outside.route
    if route.name == NO_ROUTE:
        return []
    files = [(each.name, each.sources) for each in (route, route.network)]
    return [sourced_sheet("route", "The numbers of the route and its gas", files)]


def _of_paths(setup: PathSetup) -> list[str]:
    """What every simulation of paths rests on, without its own risk capital and orders."""
    other = ("Risk capital", "The account does nothing")
    return [each for each in assumptions(setup) if not each.startswith(other)]
