"""Crises as sheets and sentences: outcomes of the account, the population, rulebooks compared."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from msgspec import structs

from seawall.domain.events import is_pool
from seawall.domain.units import from_units
from seawall.lab.crises.difference import (
    AccountDifference,
    FirstDifference,
    MarginDifference,
    RulebookDifference,
)
from seawall.lab.crises.figures import account_figures, liquidation_figure, population_figure
from seawall.lab.crises.question import CrisesAnswer
from seawall.lab.crises.record import OWN, Closed, closed_by
from seawall.lab.crises.trial import Outcome
from seawall.lab.simulation.names import liquidation_words, pool_name
from seawall.report import kinds
from seawall.report.findings import NOT_CONSERVED, Findings, Section, Words
from seawall.report.kinds import (
    COUNT,
    FLAG,
    MINUTES,
    MONEY,
    NAMES,
    SHARE,
    SHORT_USD,
    TIME,
    TIMES,
    USD,
)
from seawall.report.sheet import Column, Sheet

MOST_LIQUIDATED_ONCE = 6
"""Accounts shown that are liquidated under one rulebook alone, by amount."""
MOST_OTHERS = 3
"""And of all others that end differently."""
REASONS = {
    "prices": "prices",
    "maintenance": "maintenance margin",
    "money": "funding and earlier closings",
    "time": "a moment earlier",
}


class _Account(NamedTuple):
    """An account with a different end; ``why`` is a sentence."""

    of: RulebookDifference
    account: AccountDifference
    positions: str
    why: str


class _Margin(NamedTuple):
    of: RulebookDifference
    margin: MarginDifference
    is_first: bool


def findings(answer: CrisesAnswer) -> Findings:
    """The outcomes first, then the population, then rulebooks against each other."""
    return _Findings(answer).all()


class _Findings:
    """The sheets of one answer. ``shown_mode``: in which people see population and accounts."""

    def __init__(self, answer: CrisesAnswer) -> None:
        self.answer, self.task = answer, answer.task
        self.instruments = answer.task.rules[0].instruments
        self.markets = [each.name for each in self.instruments]
        self.outcomes = answer.outcomes
        self.differences = answer.differences
        self.shown_mode = next(iter(answer.task.modes))
        self.crisis = Column("crisis", on="everywhere" if len(self.task.crises) > 1 else "data")
        self.titles = {each.name: each.title for each in self.task.crises}
        self.extremes = {
            name: best_and_worst([each for each in self.outcomes if each.crisis == name])
            for name in self.titles
        }

    def all(self) -> Findings:
        task = self.task
        names = " and ".join(each.name for each in task.rules)
        population = self._population()
        shown = [each for each in self.outcomes if each.mode == self.shown_mode]
        chosen = [self._row(each, one) for each in self.differences for one in _chosen(each)]
        everyone = [self._row(each, one) for each in self.differences for one in each.accounts]
        compared: list[Section] = []
        if self.differences:
            compared = [
                self._rulebook_differences(),
                *self._account_sections(chosen),
                liquidation_figure([e for e in self.differences if e.mode == self.shown_mode]),
                self._first_events(),
                self._accounts(chosen, name="accounts", on="data"),
                self._accounts(everyone, name="different_accounts", on="tables"),
                _margins(self.differences),
            ]
        return Findings(
            command="crises",
            title=f"Crises of the past: {next(iter(task.modes.values()))[0].name}",
            subtitle=(
                f"{self.answer.source}; rules of {names}; {task.accounts:,} other accounts drawn"
            ),
            verdict=[*self._verdict(), *map(Words, self.answer.notes), *self._warnings()],
            sections=[
                self._outcomes(),
                *account_figures(self.task.crises, self.outcomes),
                structs.replace(population, on="data"),
                structs.replace(population, name="population_shown", rows=shown, on="screen"),
                population_figure(shown),
                *compared,
                *self._details(),
            ],
            facts={
                "account": next(iter(task.modes.values()))[0].name,
                "source": self.answer.source,
                "rulebooks": [
                    {"name": each.name, "as_of": str(each.book.as_of)} for each in task.rules
                ],
                "accounts_drawn": task.accounts,
            },
            assumptions=self._assumptions(),
            seed=task.seed,
        )

    def _verdict(self) -> Iterator[Words]:
        """The best and the worst outcome of each crisis, then each mode over all of them."""
        for crisis, (best, worst) in self.extremes.items():
            text = f"every outcome is {kinds.money(best.end)} USD."
            if best.end != worst.end:
                text = (
                    f"best {_where(best)}, which ends with {kinds.money(best.end)} of "
                    f"{kinds.money(best.start)} USD; worst {_where(worst)} with "
                    f"{kinds.money(worst.end)}."
                )
            yield Words(f"{self.titles[crisis]}: {text}")
        if len(self.task.crises) > 1:
            texts = []
            for mode in self.task.modes:
                mine = [each for each in self.outcomes if each.mode == mode]
                kept = sum((each.end - each.added) / each.start for each in mine) / len(mine)
                safe = sum(not each.liquidated for each in mine)
                texts.append(
                    f"{mode} keeps {kinds.percent(kept, 0)} on average and is not liquidated in "
                    f"{safe} of {len(mine)}"
                )
            yield Words(f"Over all of them {'; '.join(texts)}.")

    def _warnings(self) -> Iterator[Words]:
        for each in self.outcomes:
            if not each.is_conserved:
                text = f"{NOT_CONSERVED} It is so in {each.crisis}, {_where(each)}."
                yield Words(text, is_warning=True)

    def _outcomes(self) -> Sheet:
        ranks = {worst: "worst" for _, worst in self.extremes.values()}
        ranks |= {best: "best" for best, _ in self.extremes.values()}

        def liquidated(outcome: Outcome) -> list[str] | None:
            times = [f"{self._bucket(b)} {MINUTES.text(at)}" for b, at in outcome.liquidated]
            return times or None

        return Sheet(
            name="outcomes",
            title="What is left of the account",
            rows=self.outcomes,
            style=lambda row: "bad" if row.liquidated else "good",
            columns=[
                self.crisis,
                Column("rulebook"),
                Column("mode"),
                Column("depth", title="book"),
                Column("liquidated", NAMES, liquidated, "liquidated after", on="screen", none="no"),
                Column("closed_by", NAMES, lambda row: closed_by(row.closed), drop=5),
                Column("start", MONEY, on="data"),
                Column("lowest", MONEY, title="lowest, USD", drop=3),
                Column("lowest_minutes", MINUTES, title="at", drop=4),
                Column("end", MONEY, title="end, USD"),
                Column("lost", MONEY, title="lost, USD", drop=2),
                Column("rank", get=ranks.get, title=" ", drop=1),
                Column("untouched", MONEY, on="data"),
                Column("maker_rejections", COUNT, on="data"),
                Column("commands", COUNT, on="data"),
                Column("state_hash", on="data"),
                Column("money_conserved", FLAG, "is_conserved", on="data"),
            ],
        )

    def _population(self) -> Sheet:
        """Of all modes, for programs."""
        return Sheet(
            name="population",
            title="The population: what was liquidated, and where positions went",
            note="The mark is the price that equity counts with; the crisis itself is the same "
            "under all rulebooks.",
            rows=self.outcomes,
            columns=[
                self.crisis,
                Column("rulebook"),
                Column("mode", on="data"),
                Column("depth", title="book"),
                Column("accounts", COUNT, "population", drop=3),
                Column("liquidated", COUNT, "liquidations"),
                Column("sold_to_book", SHORT_USD),
                Column("taken_by_backstop", SHORT_USD, title="backstop"),
                Column("deleveraged", SHORT_USD),
                Column("insurance_paid", SHORT_USD, title="insurance fund", drop=2),
                Column("furthest_mark", get=self._furthest, drop=1, on="screen"),
            ],
        )

    def _furthest(self, outcome: Outcome) -> str:
        """The market whose mark went furthest from its start."""
        levels = zip(self.markets, outcome.lowest_marks, outcome.highest_marks, strict=True)
        market, change = max(
            ((name, each - 1.0) for name, low, high in levels for each in (low, high)),
            key=lambda pair: abs(pair[1]),
        )
        return f"{market} {kinds.percent(change, 1, signed=True)}"

    def _rulebook_differences(self) -> Sheet:
        def pair(side: int) -> Column:
            names = list(dict.fromkeys(each.rulebooks[side] for each in self.differences))
            title = f"only {names[0]}" if len(names) == 1 else f"only {('first', 'second')[side]}"
            name = f"liquidated_{('first', 'second')[side]}_only"
            return Column(name, COUNT, lambda row: row.liquidated[1 + side], title)

        return Sheet(
            name="rulebook_differences",
            title="The same crisis and population under two rulebooks: accounts liquidated",
            note="An account ends differently from 1 % of what it had at the start. Your account: "
            "what it has more under the second, USD.",
            rows=self.differences,
            columns=[
                self.crisis,
                Column("mode"),
                Column("depth", title="book"),
                Column("rulebooks", NAMES, on="everywhere" if len(self.task.rules) > 2 else "data"),
                Column("accounts", COUNT, "population", on="data"),
                Column("liquidated_both", COUNT, lambda row: row.liquidated[0], "under both"),
                pair(0),
                pair(1),
                Column("end_differently", COUNT, lambda row: len(row.accounts)),
                Column(
                    "own_difference", MONEY,
                    lambda row: row.own and row.own.ends[1] - row.own.ends[0],
                    "your account", 1, none="the same",
                ),
                Column(
                    "first_difference", TIME, lambda row: row.first and row.first.time_ms,
                    "first difference, UTC", 2, none="none",
                ),
                Column("why", get=_reasons, on="data"),
            ],
        )  # fmt: skip

    def _first_events(self) -> Sheet:
        """A row for each rulebook."""
        rows = [
            {
                "crisis": each.crisis, "mode": each.mode, "depth": each.depth,
                "beyond_funding": beyond, "rulebook": book, "time_ms": first.time_ms,
                "account": first.trader, "count": count, "events": events,
            }
            for each in self.differences
            for beyond, first in ((False, each.first), (True, each.first_beyond_funding))
            if first is not None
            for book, count, events in zip(each.rulebooks, first.counts, first.events, strict=True)
        ]  # fmt: skip
        return _data(
            "first_events", "The first events that only one rulebook has", rows,
            *map(Column, ("crisis", "mode", "depth")), Column("beyond_funding", FLAG),
            Column("rulebook"), Column("time_ms", TIME), Column("account", COUNT),
            Column("count", COUNT), Column("events", NAMES),
        )  # fmt: skip

    def _account_sections(self, rows: list[_Account]) -> Iterator[Section]:
        """In the shown mode: the first difference as text, then accounts that end differently."""
        for each in self.differences:
            if each.mode != self.shown_mode:
                continue
            yield Words(self._first_words(each))
            mine = [row for row in rows if row.of is each]
            sheet = self._accounts(mine, name="accounts_shown", on="screen")
            rest = len(each.accounts) - len(mine)
            title = f"Accounts that end differently under {each.rulebooks[0]} and "
            note = f"{rest:,} more are in the parquet table different_accounts. {_reasons(each)}"
            yield structs.replace(
                sheet,
                title=f"{title}{each.rulebooks[1]}: {each.crisis}, {each.depth} book",
                note=note.strip(),
            )

    def _first_words(self, each: RulebookDifference) -> str:
        parts = [f"{self.titles[each.crisis]}, {each.depth} book."]
        if each.first is None:
            return f"{parts[0]} No event of any account differs."
        parts.append(f"First differing event: {_event_words(each, each.first)}")
        beyond = each.first_beyond_funding
        if beyond is not None and beyond != each.first:
            parts.append(f"First that is no funding: {_event_words(each, beyond)}")
        margin = each.first_liquidation
        if margin is not None:
            parts.append(
                f"First liquidation under one alone at that moment: {kinds.clock(margin.time_ms)} "
                f"UTC, {_name(margin.trader)} under {each.rulebooks[margin.side]}: "
                f"{self._margin_words(each, margin)}."
            )
        if each.accounts:
            counts = Counter(map(_ending, each.accounts)).items()
            parts.append(f"In the end: {', '.join(f'{n:,} {ending}' for ending, n in counts)}.")
        return " ".join(parts)

    def _accounts(self, rows: list[_Account], *, name: str, on: str) -> Sheet:
        names = rows[0].of.rulebooks if rows else ("", "")

        def pair(field: str, kind: kinds.Kind, get: Any, on: str = "data") -> list[Column]:
            """A column for each of the two rulebooks."""

            def column(side: int) -> Column:
                name = f"{('first', 'second')[side]}_{field}"
                title = f"{field}, {names[side]}"
                return Column(name, kind, lambda row: get(row.account, side), title, on=on)

            return [column(0), column(1)]

        return Sheet(
            name=name,
            title="Accounts that end differently",
            rows=rows,
            on=on,
            columns=[
                *(Column(e, get=f"of.{e}", on="data") for e in ("crisis", "mode", "depth")),
                Column("rulebooks", NAMES, "of.rulebooks", on="data"),
                Column("who", get=lambda row: _name(row.account.trader), title=" ", on="screen"),
                Column("account", COUNT, "account.trader", on="data"),
                Column("kind", get="account.kind", on="data"),
                Column("positions", drop=5),
                Column("leverage", TIMES, "account.leverage", drop=4),
                Column("start", MONEY, "account.start", "start, USD", drop=3),
                *pair("end", MONEY, lambda one, side: one.ends[side], "everywhere"),
                *pair("closed_by", NAMES, lambda one, side: closed_by(one.closed[side])),
                *pair("liquidated_ms", TIME, lambda one, side: one.liquidated_ms[side] or None),
                Column("ending", get=lambda row: _ending(row.account), on="data"),
                Column("why"),
                Column(
                    "difference", MONEY, lambda row: row.account.ends[1] - row.account.ends[0],
                    "difference, USD", 1,
                ),
            ],
        )  # fmt: skip

    def _row(self, of: RulebookDifference, one: AccountDifference) -> _Account:
        texts = []
        for market, size in one.positions:
            each = self.instruments[market]
            amount = from_units(abs(size), each.size_decimals)
            texts.append(f"{'long' if size > 0 else 'short'} {amount} {each.name}")
        return _Account(of, one, ", ".join(texts), self._why(of, one))

    def _why(self, of: RulebookDifference, one: AccountDifference) -> str:
        """Why an account ends differently."""
        names, margin = of.rulebooks, one.margin
        if margin is not None:
            why = self._margin_words(of, margin)
            if not all(one.liquidated_ms):
                return why
            earlier = kinds.duration(abs(one.liquidated_ms[0] - one.liquidated_ms[1]) / 1000)
            return f"{earlier} earlier under {names[margin.side]}: {why}"
        if one.closed[0] != one.closed[1]:
            first, second = (", ".join(closed_by(each)) or "nothing" for each in one.closed)
            return f"closed: {first} under {names[0]}, {second} under {names[1]}"
        parts = {
            "marks of what is still open": one.by_prices,
            "funding": one.funding[1] - one.funding[0],
        }
        fills = "prices of fills and fees"
        if one.closed[0] & Closed.WON:
            fills = "deleveraged as a winner at other prices or for another size"
        parts[fills] = one.ends[1] - one.ends[0] - sum(parts.values())
        most = max(parts, key=lambda name: abs(parts[name]))
        return f"{most}: {kinds.money(parts[most])}"

    def _margin_words(self, of: RulebookDifference, margin: MarginDifference) -> str:
        """Why an account is liquidated under one rulebook and not under the other."""
        here, there = of.rulebooks[margin.side], of.rulebooks[1 - margin.side]
        if margin.reason == "prices":
            each = self.instruments[margin.market]
            one, other = (from_units(mark, each.price_decimals) for mark in margin.marks)
            amount = kinds.money(margin.by_prices)
            return f"{each.name} at {one} under {here}, {other} under {there}: {amount} of equity"
        if margin.reason == "maintenance":
            one, other = map(kinds.money, margin.maintenance)
            return f"{here} requires {one} of maintenance margin, {there} {other}"
        if margin.reason == "money":
            amount = kinds.money(margin.by_money)
            return f"funding, fees and earlier closings left {amount} more under {there}"
        return f"under maintenance margin under {there} too, where liquidation had not begun yet"

    def _bucket(self, bucket: int) -> str:
        if not is_pool(bucket):
            return self.markets[bucket]
        rules, own = self.task.rules[0], next(iter(self.task.modes.values()))[0]
        return pool_name(rules.book, rules.instruments, own.grouping, bucket)

    def _details(self) -> Iterator[Sheet]:
        """Sources, then what is too long for people."""
        names = ("crisis", "rulebook", "mode", "depth")
        keys = [({name: getattr(each, name) for name in names}, each) for each in self.outcomes]
        columns = list(map(Column, names))
        crises = self.task.crises
        yield _data(
            "crises", "Sources", crises,
            Column("crisis", get="name"),
            Column("title", on="data"),
            Column("about"),
            Column("start_ms", TIME, lambda row: row.path.times_ms[0], "start, UTC"),
            Column("minutes", MINUTES, title="length"),
            Column("price_source", get="source"),
            Column("population_source", get="facts.source"),
            on="page",
        )  # fmt: skip
        yield _data(
            "markets", "Markets at the start, USD",
            [
                {"crisis": each.name, "market": name, "open_interest": interest, "depth": depth}
                for each in crises
                for name, interest, depth in zip(
                    self.markets, each.interest, each.depths, strict=True
                )
            ],
            Column("crisis"), Column("market"), Column("open_interest", USD),
            Column("depth", USD, lambda row: row["depth"].usd_within_50bp, "within 50 bp"),
            on="page",
        )  # fmt: skip
        yield _data(
            "liquidations", "Liquidations of the account",
            [
                key | {"bucket": self._bucket(bucket), "minutes": minutes}
                for key, each in keys
                for bucket, minutes in each.liquidated
            ],
            *columns, Column("bucket"), Column("minutes", MINUTES),
        )  # fmt: skip
        yield _data(
            "marks", "Mark prices, of the start",
            [
                key | {"market": name, "lowest": low, "highest": high}
                for key, each in keys
                for name, low, high in zip(
                    self.markets, each.lowest_marks, each.highest_marks, strict=True
                )
            ],
            *columns, Column("market"), Column("lowest", SHARE), Column("highest", SHARE),
        )  # fmt: skip
        points = ((key, *point) for key, each in keys for point in each.line)
        yield _data(
            "equity", "Equity of the account over time",
            [key | {"minutes": minutes, "equity": usd} for key, minutes, usd in points],
            *columns, Column("minutes", MINUTES), Column("equity", USD),
            on="tables",
        )  # fmt: skip

    def _assumptions(self) -> list[str]:
        depths = self.task.depths.items()
        books = ", ".join(f"{kinds.short_percent(share)} ({name})" for name, share in depths)
        rejected = sum(each.maker_rejections for each in self.outcomes)
        refused = f"{rejected:,} orders of makers were refused: books were thinner than asked for"
        return [
            "prices start at the account's and move like those of the crisis; what that day's own "
            "liquidations did to them is part of the shape",
            "other accounts are drawn: open interest and leverage as the sources say, sizes "
            "log-normal, entries spread by 5 %; they hold on until they are liquidated, and so "
            "does yours",
            "an isolated position of another trader counts as an account; its leverage is one that "
            "all rulebooks allow",
            "what is sold into a book moves it by 50 bp for each depth within 50 bp, less for "
            "more; half of that is gone in two minutes, and other venues do not follow",
            "the book thins when prices move, to 2 % at least; a drought is a book of "
            f"{books} of the calm depth from the start",
            "there is no other trading, and the backstop keeps what it takes over",
            *(f"{each.name}: {liquidation_words(each.book)}" for each in self.task.rules),
            *([refused] if rejected else []),
        ]


def best_and_worst(outcomes: list[Outcome]) -> tuple[Outcome, Outcome]:
    """By equity at the end, then by the lowest on the way; of equals the first."""

    def left(outcome: Outcome) -> tuple[int, int]:
        return outcome.end, outcome.lowest

    return max(outcomes, key=left), min(outcomes, key=left)


def _data(name: str, title: str, rows: Sequence[Any], *columns: Column, on: str = "data") -> Sheet:
    return Sheet(name=name, title=title, rows=rows, columns=columns, on=on)


def _margins(differences: Iterable[RulebookDifference]) -> Sheet:
    """The first liquidation under one rulebook alone, then those of the chosen accounts."""
    rows = []
    for of in differences:
        found = [of.first_liquidation, *(each.margin for each in _chosen(of))]
        rows += [_Margin(of, each, not place) for place, each in enumerate(found) if each]

    def money(name: str, field: str, side: int) -> Column:
        return Column(name, MONEY, lambda row: getattr(row.margin, field)[side])

    return _data(
        "margin_differences",
        "Margin when an account is liquidated under one rulebook, and under the other",
        rows,
        *(Column(each, get=f"of.{each}") for each in ("crisis", "mode", "depth")),
        Column("is_first", FLAG),
        Column("account", COUNT, "margin.trader"),
        Column("rulebook", get=lambda row: row.of.rulebooks[row.margin.side]),
        Column("time_ms", TIME, "margin.time_ms"),
        Column("reason", get="margin.reason"),
        money("equity", "equity", 0),
        money("maintenance_margin", "maintenance", 0),
        money("other_equity", "equity", 1),
        money("other_maintenance_margin", "maintenance", 1),
        *(Column(e, MONEY, f"margin.{e}") for e in ("by_prices", "by_maintenance", "by_money")),
    )


def _chosen(of: RulebookDifference) -> list[AccountDifference]:
    """The account under study, then those liquidated under one alone, then others, by amount."""
    others = [each for each in of.accounts if each.trader != OWN]
    once = [each for each in others if each.is_liquidated_once]
    rest = [each for each in others if not each.is_liquidated_once]
    own = [] if of.own is None else [of.own]
    return [*own, *once[:MOST_LIQUIDATED_ONCE], *rest[:MOST_OTHERS]]


def _reasons(of: RulebookDifference) -> str:
    """How many of the population were liquidated under one rulebook alone for which reason."""
    reasons = Counter(
        each.margin.reason
        for each in of.accounts
        if each.margin is not None and each.is_liquidated_once and each.trader != OWN
    )
    if not reasons:
        return ""
    counts = ", ".join(f"{count:,} {REASONS[name]}" for name, count in reasons.most_common())
    return f"Why accounts were liquidated under one only: {counts}."


def _ending(one: AccountDifference) -> str:
    first, second = (each > 0 for each in one.liquidated_ms)
    if first != second:
        return f"liquidated under the {'first' if first else 'second'} only"
    return f"liquidated under {'both' if first else 'neither'}, another amount left"


def _event_words(of: RulebookDifference, first: FirstDifference) -> str:
    """When, which account, and the event on each side."""
    texts = [
        f"{name}: {events[0] if events else 'nothing of the kind'}"
        for name, events in zip(of.rulebooks, first.events, strict=True)
    ]
    return f"{kinds.clock(first.time_ms)} UTC, {_name(first.trader)}. {'. '.join(texts)}."


def _name(trader: int) -> str:
    return "your account" if trader == OWN else f"account {trader}"


def _where(outcome: Outcome) -> str:
    return f"{outcome.mode} under {outcome.rulebook} in a {outcome.depth} book"
