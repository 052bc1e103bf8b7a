"""Crises as sheets and sentences: outcomes of the account, the population, rulebooks compared."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from msgspec import structs

from seawall.domain.events import is_pool
from seawall.domain.units import from_units
from seawall.lab.crises.difference import (
    AccountDifference,
    MarginDifference,
    RulebookDifference,
)
from seawall.lab.crises.figures import account_figures
from seawall.lab.crises.question import CrisesAnswer
from seawall.lab.crises.record import OWN, Closed, closed_by
from seawall.lab.crises.tiles import status, tiles
from seawall.lab.crises.trial import Outcome, best_and_worst
from seawall.lab.market.assumption_sheets import assumed_sheets, rows_of_days
from seawall.lab.market.price_paths import price_path_sheet, price_paths
from seawall.lab.simulation.names import deleveraging_sentence, liquidation_sentence, pool_name
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

WIPED_OUT = 0.1
"""Share of the money that is left of a wiped-out account, or less."""
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


class _Case(NamedTuple):
    """The outcomes of one mode, in one crisis or (without a name) in all."""

    crisis: str
    mode: str
    outcomes: int
    liquidated: int
    wiped_out: int
    lowest: int
    worst: Outcome
    best: Outcome


class _Margin(NamedTuple):
    of: RulebookDifference
    margin: MarginDifference
    is_first: bool


def findings(answer: CrisesAnswer) -> Findings:
    """The outcomes first, then the population, then rulebooks against each other."""
    return _Findings(answer).all()


class _Findings:
    """The sheets of one answer. Numbers of other accounts are for programs alone."""

    def __init__(self, answer: CrisesAnswer) -> None:
        self.answer, self.task = answer, answer.task
        self.instruments = answer.task.rules[0].instruments
        self.markets = [each.name for each in self.instruments]
        self.outcomes = answer.outcomes
        self.differences = answer.differences
        self.crisis = Column("crisis", on="everywhere" if len(self.task.crises) > 1 else "data")
        self.titles = {each.name: each.title for each in self.task.crises}
        self.extremes = {
            name: best_and_worst([each for each in self.outcomes if each.crisis == name])
            for name in self.titles
        }

    def all(self) -> Findings:
        task = self.task
        names = " and ".join(each.name for each in task.rules)
        chosen = [self._row(each, one) for each in self.differences for one in _chosen(each)]
        everyone = [self._row(each, one) for each in self.differences for one in each.accounts]
        compared: list[Section] = []
        if self.differences:
            compared = [
                self._own_differences(),
                self._rulebook_differences(),
                self._first_events(),
                self._accounts(chosen, name="accounts", on="data"),
                self._accounts(everyone, name="different_accounts", on="tables"),
                _margins(self.differences),
            ]
        return Findings(
            command="crises",
            title=f"Crises of the past: {next(iter(task.modes.values()))[0].name}",
            subtitle=f"{self.answer.source}; rules of {names}",
            verdict=[
                *map(Words, self._headline()),
                *map(Words, self.answer.notes),
                *self._warnings(),
            ],
            status=status(self.outcomes),
            tiles=tiles(self.outcomes),
            sections=[
                self._worst_cases(),
                self._outcomes(),
                price_path_sheet((each.title, price_paths(each.path)) for each in task.crises),
                *account_figures(task.crises, self.outcomes),
                *compared,
                self._population(),
                *self._details(),
                *self._assumed(),
            ],
            facts={
                "account": next(iter(task.modes.values()))[0].name,
                "source": self.answer.source,
                "rulebooks": [
                    {"name": each.name, "as_of": str(each.book.as_of)} for each in task.rules
                ],
                "accounts_drawn": task.accounts,
            },
            assumptions=[*self.answer.notes, *self._assumptions()],
            seed=task.seed,
        )

    def _assumed(self) -> list[Sheet]:
        """What was read of the assumptions, by crisis where they differ."""
        books = tuple(each.book for each in self.task.rules)
        days = {
            each.title: structs.replace(each.used, books=books)
            for each in self.task.crises
            if each.used is not None
        }
        return assumed_sheets(rows_of_days(days))

    def _headline(self) -> list[str]:
        """How often each mode is wiped out, and the least that each leaves."""
        cases = {mode: self._case("", mode, self.outcomes) for mode in self.task.modes}
        first, *others = [f"{mode} in {each.wiped_out}" for mode, each in cases.items()]
        first += f" of {next(iter(cases.values())).outcomes} outcomes"
        left = [f"{mode} {kinds.money(each.worst.end)}" for mode, each in cases.items()]
        return [
            f"Wiped out: {', '.join([first, *others])}.",
            f"The worst case leaves, of {kinds.money(self.outcomes[0].start)} USD: "
            f"{', '.join(left)}.",
        ]

    def _case(self, crisis: str, mode: str, outcomes: Sequence[Outcome]) -> _Case:
        mine = [each for each in outcomes if each.mode == mode and crisis in ("", each.crisis)]
        best, worst = best_and_worst(mine)
        return _Case(
            crisis=crisis,
            mode=mode,
            outcomes=len(mine),
            liquidated=sum(bool(each.liquidated) for each in mine),
            wiped_out=sum(each.end - each.added <= WIPED_OUT * each.start for each in mine),
            lowest=min(each.lowest for each in mine),
            worst=worst,
            best=best,
        )

    def _worst_cases(self) -> Sheet:
        """A row for each crisis and mode: counts, and the worst of its outcomes."""
        return Sheet(
            name="worst_cases",
            title="Each mode under all rules and in all books",
            rows=[
                self._case(crisis, mode, self.outcomes)
                for crisis in self.titles
                for mode in self.task.modes
            ],
            style=lambda row: "bad" if row.wiped_out else "",
            columns=[
                self.crisis,
                Column("mode"),
                Column("outcomes", COUNT, drop=3),
                Column("liquidated", COUNT),
                Column("wiped_out", COUNT),
                Column("worst_end", MONEY, "worst.end", "worst: left, USD"),
                Column("worst_rulebook", get="worst.rulebook", title="under", drop=1),
                Column("worst_depth", get="worst.depth", title="book", drop=1),
                Column("lowest", MONEY, title="lowest on the way, USD"),
                Column("best_end", MONEY, "best.end", "best: left, USD", drop=2),
            ],
            note=f"Liquidated: outcomes in which any bucket is. Wiped out: "
            f"{kinds.short_percent(WIPED_OUT)} of the money or less is left in the end, without "
            "what top-ups added.",
        )

    def _warnings(self) -> Iterator[Words]:
        for each in self.outcomes:
            if not each.is_conserved:
                text = f"{NOT_CONSERVED} It is so in {each.crisis}, {_where(each)}."
                yield Words(text, is_warning=True)
            if each.blocked:
                text = (
                    f"{each.crisis}, {_where(each)}: transfers were blocked, so "
                    f"{kinds.money(each.blocked)} USD of top-ups did not come."
                )
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
            on="everywhere" if len(self.task.crises) == 1 else "page",
            style=lambda row: "bad" if row.liquidated else "good",
            columns=[
                self.crisis,
                Column("rulebook"),
                Column("mode"),
                Column("depth", title="book"),
                Column("liquidated", NAMES, liquidated, "liquidated after", on="screen", none="no"),
                Column("closed_by", NAMES, lambda row: closed_by(row.closed), drop=5),
                Column("start", MONEY, on="data"),
                Column("added", MONEY, on="data"),
                Column("blocked", MONEY, on="data"),
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
        return _data(
            "population", "The population: what was liquidated, and where positions went",
            self.outcomes,
            *map(Column, ("crisis", "rulebook", "mode", "depth")),
            Column("accounts", COUNT, "population"),
            Column("liquidated", COUNT, "liquidations"),
            *(Column(each, SHORT_USD) for each in (
                "sold_to_book", "taken_by_backstop", "deleveraged", "insurance_paid",
            )),
        )  # fmt: skip

    def _own_differences(self) -> Sheet:
        """Why the account under study ends differently under two rulebooks."""
        rows = [self._row(each, each.own) for each in self.differences if each.own is not None]
        names = list(dict.fromkeys(each.rulebooks for each in self.differences))
        heads = names[0] if len(names) == 1 else ("the first", "the second")
        shown = "data" if len(names) == 1 else "everywhere"

        def end(side: int) -> Column:
            name = f"{('first', 'second')[side]}_end"
            return Column(
                name, MONEY, lambda row: row.account.ends[side], f"left, {heads[side]}", drop=1
            )

        return Sheet(
            name="own_differences",
            title="The account under two rulebooks, where it ends differently",
            rows=rows,
            columns=[
                Column("crisis", get="of.crisis", on=self.crisis.on),
                Column("mode", get="of.mode"),
                Column("depth", get="of.depth", title="book"),
                Column("rulebooks", NAMES, "of.rulebooks", on=shown),
                end(0),
                end(1),
                Column("why"),
            ],
            on="page" if len(self.task.crises) > 1 else "everywhere",
        )

    def _rulebook_differences(self) -> Sheet:
        return _data(
            "rulebook_differences",
            "The same crisis and population under two rulebooks: accounts liquidated",
            self.differences,
            *map(Column, ("crisis", "mode", "depth")),
            Column("rulebooks", NAMES),
            Column("accounts", COUNT, "population"),
            Column("liquidated_both", COUNT, lambda row: row.liquidated[0]),
            Column("liquidated_first_only", COUNT, lambda row: row.liquidated[1]),
            Column("liquidated_second_only", COUNT, lambda row: row.liquidated[2]),
            Column("end_differently", COUNT, lambda row: len(row.accounts)),
            Column("own_difference", MONEY,
                   lambda row: row.own and row.own.ends[1] - row.own.ends[0]),
            Column("first_difference", TIME, lambda row: row.first and row.first.time_ms),
            Column("why", get=_reasons),
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

    def _accounts(self, rows: list[_Account], *, name: str, on: str) -> Sheet:
        def pair(field: str, kind: kinds.Kind, get: Any) -> list[Column]:
            """A column for each of the two rulebooks."""

            def column(side: int) -> Column:
                name = f"{('first', 'second')[side]}_{field}"
                return Column(name, kind, lambda row: get(row.account, side))

            return [column(0), column(1)]

        return _data(
            name, "Accounts that end differently", rows,
            *(Column(each, get=f"of.{each}") for each in ("crisis", "mode", "depth")),
            Column("rulebooks", NAMES, "of.rulebooks"),
            Column("account", COUNT, "account.trader"),
            Column("kind", get="account.kind"),
            Column("positions"),
            Column("leverage", TIMES, "account.leverage"),
            Column("start", MONEY, "account.start"),
            *pair("end", MONEY, lambda one, side: one.ends[side]),
            *pair("closed_by", NAMES, lambda one, side: closed_by(one.closed[side])),
            *pair("liquidated_ms", TIME, lambda one, side: one.liquidated_ms[side] or None),
            Column("ending", get=lambda row: _ending(row.account)),
            Column("why"),
            Column("difference", MONEY, lambda row: row.account.ends[1] - row.account.ends[0]),
            on=on,
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
            "there is no other trading",
            *(
                deleveraging_sentence(
                    self.task.accounts,
                    each.backstop,
                    f"in {each.title} the oracle is the path's, and the backstop keeps what it "
                    "takes over",
                )
                for each in self.task.crises
            ),
            *(liquidation_sentence(each.book) for each in self.task.rules),
            *([refused] if rejected else []),
        ]


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


def _where(outcome: Outcome) -> str:
    return f"{outcome.mode} under {outcome.rulebook} in a {outcome.depth} book"
