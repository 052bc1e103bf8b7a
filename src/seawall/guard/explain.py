"""Why each thing was done or not done, from the journal of a guard."""

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

from seawall.domain.errors import InputError
from seawall.domain.units import PPM
from seawall.guard.actions import Action, AddMargin, Alert, CancelOrder, PlaceOrder, QueryOrder
from seawall.guard.client_id import read_client_id
from seawall.guard.journal import Acted, Decided, Entry, Failed, Opened, read_journal
from seawall.guard.memory import Memory
from seawall.guard.view import NO_EQUITY
from seawall.report.findings import Answer, Findings, Words
from seawall.report.kinds import COUNT, MONEY, PERCENT, TIME
from seawall.report.sheet import Column, Sheet
from seawall.venues.gateway_port import Accepted, Outcome, Unknown

NOT_KNOWN = "not known: the guard ended before there was an answer"


class RunRow(NamedTuple):
    """One run of the guard."""

    time_ms: int
    network: str
    policy: str
    version: int
    armed: str


class DoneRow(NamedTuple):
    """One action. ``rule``: the step, limit or exit that it is for; ``episode``: the number of the
    position or of the step's firing that its order belongs to. ``ratios``: the worst of the
    buckets, as a fraction, when it was decided. ``became``: accepted, refused, not sent, no answer
    or not known."""

    time_ms: int
    what: str
    where: str
    rule: str
    episode: int | None
    why: str
    became: str
    outcome: str
    order: str
    equity: int | None
    ratio: Fraction | None


class SaidRow(NamedTuple):
    """One alert, and until when its cause lasted; None where it does or where it was a moment's."""

    time_ms: int
    level: str
    text: str
    key: str
    until_ms: int | None


class EpisodeRow(NamedTuple):
    """The orders of one rule in one market for one cause. ``end``: what became of the last."""

    rule: str
    market: str
    episode: int
    from_ms: int
    until_ms: int
    orders: int
    accepted: int
    why: str
    end: str


class JournalExplanation(Answer, frozen=True, kw_only=True):
    """What a guard did and did not do. ``memory``: what was known last."""

    path: str
    address: str
    runs: tuple[RunRow, ...]
    done: tuple[DoneRow, ...]
    said: tuple[SaidRow, ...]
    failed: tuple[Failed, ...]
    memory: Memory | None

    @property
    def episodes(self) -> tuple[EpisodeRow, ...]:
        """The orders, by rule, market and episode, in the order in which they began."""
        groups: dict[tuple[str, str, int], list[DoneRow]] = {}
        for each in self.done:
            if each.episode is not None:
                groups.setdefault((each.rule, each.where, each.episode), []).append(each)
        return tuple(
            EpisodeRow(
                rule, market, episode, rows[0].time_ms, rows[-1].time_ms,
                len({each.order for each in rows}),
                len({each.order for each in rows if each.became == "accepted"}),
                rows[0].why, rows[-1].became,
            )
            for (rule, market, episode), rows in groups.items()
        )  # fmt: skip

    @property
    def not_done(self) -> tuple[DoneRow, ...]:
        """Actions that were decided on and not carried out, or of which that is not known."""
        return tuple(each for each in self.done if each.became != "accepted")

    def findings(self) -> Findings:
        """What was decided, what became of it, and what kept the guard from more."""
        return Findings(
            command="guard explain",
            title=f"What the guard of {self.address} did, and why",
            subtitle=self.path,
            verdict=list(self._verdict()),
            sections=list(self._sheets()),
            facts={"journal": self.path, "account": self.address},
        )

    def _verdict(self) -> Iterator[Words]:
        runs, orders = len(self.runs), [each for each in self.done if each.order]
        accepted = {each.order for each in orders if each.became == "accepted"}
        count = len({each.order for each in orders})
        yield Words(
            f"{runs} {'run' if runs == 1 else 'runs'}; {count} "
            f"{'order' if count == 1 else 'orders'} decided on, {len(accepted)} accepted; "
            f"{len(self.said)} alerts."
        )
        memory = self.memory
        if memory is not None and memory.stopped:
            yield Words(f"The guard has stopped: {memory.stopped}.", is_warning=True)
        if memory is not None and memory.account is not None and memory.account.latched:
            yield Words(f"Latched until it is reset: {memory.account.latched}.", is_warning=True)
        open_ends = [each for each in self.episodes if each.end in ("no answer", "not known")]
        for each in open_ends:
            yield Words(
                f"{each.rule} in {each.market}: what became of its last order is not known.",
                is_warning=True,
            )

    def _sheets(self) -> Iterator[Sheet]:
        yield Sheet(
            name="episodes",
            title="What acted, and for which cause",
            rows=self.episodes,
            columns=[
                Column("from_ms", TIME, title="from (UTC)"),
                Column("until_ms", TIME, title="until", drop=2),
                Column("rule"), Column("market"),
                Column("episode", COUNT, drop=1),
                Column("orders", COUNT), Column("accepted", COUNT),
                Column("why"),
                Column("end", title="the last"),
            ],
            style=lambda each: "" if each.end == "accepted" else "bad",
        )  # fmt: skip
        yield Sheet(
            name="done",
            title="Every action, and what became of it",
            rows=self.done,
            columns=[
                Column("time_ms", TIME, title="time (UTC)"),
                Column("what"), Column("where"),
                Column("rule", drop=2),
                Column("why"),
                Column("became"),
                Column("outcome", title="the answer", drop=1),
                Column("ratio", PERCENT, title="worst margin ratio", none="none", drop=3),
                Column("equity", MONEY, none="none", drop=4),
                Column("episode", COUNT, on="data"),
                Column("order", on="data"),
            ],
            style=lambda each: "" if each.became == "accepted" else "bad",
        )  # fmt: skip
        yield Sheet(
            name="said",
            title="What was said",
            rows=self.said,
            columns=[
                Column("time_ms", TIME, title="time (UTC)"),
                Column("level"), Column("text"),
                Column("until_ms", TIME, title="its cause lasted until", none="", drop=1),
                Column("key", on="data"),
            ],
            style=lambda each: "bad" if each.level == "critical" else "",
        )  # fmt: skip
        yield Sheet(
            name="failed",
            title="What kept it from deciding",
            rows=self.failed,
            columns=[Column("time_ms", TIME, title="time (UTC)"), Column("why")],
            style=lambda each: "bad",
        )
        yield Sheet(
            name="runs",
            title="Runs",
            rows=self.runs,
            columns=[
                Column("time_ms", TIME, title="start (UTC)"), Column("network"), Column("policy"),
                Column("version", on="data"), Column("armed"),
            ],
        )  # fmt: skip


def explain_journal(path: str | Path) -> JournalExplanation:
    """What a guard did and did not do, from its journal, which may be in use.

    Raises InputError for a file that is no journal, JournalError for one that is damaged.
    """
    try:
        entries = list(read_journal(Path(path)))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    if not entries or not isinstance(entries[0], Opened):
        raise InputError(f"{path}: is no journal of a guard, or an empty one")
    decided = [each for each in entries if isinstance(each, Decided)]
    return JournalExplanation(
        path=str(path),
        address=entries[0].address,
        runs=tuple(
            RunRow(
                each.time_ms, each.network, each.policy, each.version,
                "yes" if each.is_armed else "no",
            )
            for each in entries if isinstance(each, Opened)
        ),
        done=tuple(_done(entries)),
        said=tuple(_said(decided)),
        failed=tuple(each for each in entries if isinstance(each, Failed)),
        memory=decided[-1].memory if decided else None,
    )  # fmt: skip


def _done(entries: Sequence[Entry]) -> Iterator[DoneRow]:
    """The actions of every decision with what follows it in the journal."""
    rules: dict[str, tuple[str, str]] = {}
    decided: Decided | None = None
    outcomes: dict[int, Outcome] = {}
    for entry in (*entries, None):
        if isinstance(entry, Acted):
            outcomes[entry.number] = entry.outcome
            continue
        if decided is not None:
            yield from _rows(decided, outcomes, rules)
        decided = entry if isinstance(entry, Decided) else None
        outcomes = {}


def _rows(
    entry: Decided, outcomes: Mapping[int, Outcome], rules: dict[str, tuple[str, str]]
) -> Iterator[DoneRow]:
    for number, action in enumerate(entry.actions):
        if isinstance(action, PlaceOrder):
            rules[action.client_id] = action.step, action.why
        if not isinstance(action, Alert):
            yield _row(entry, action, outcomes.get(number), rules)


def _row(
    entry: Decided, action: Action, outcome: Outcome | None, rules: Mapping[str, tuple[str, str]]
) -> DoneRow:
    became, text = _became(outcome)
    what, where, order = _what(action)
    rule, why = rules.get(order, ("", ""))
    why = getattr(action, "why", "") or f"{why}: what became of it is not known"
    if isinstance(action, AddMargin):
        rule = action.name
    name = read_client_id(order)
    ratios = entry.seen.get("ratios", {}).values()
    worst = max(ratios, default=None)
    return DoneRow(
        time_ms=entry.time_ms,
        what=what,
        where=where,
        rule=rule.rpartition("/")[0] or rule,
        episode=name.episode or None if name and isinstance(action, PlaceOrder) else None,
        why=why,
        became=became,
        outcome=text,
        order=order,
        equity=entry.seen.get("equity"),
        ratio=None if worst in (None, NO_EQUITY) else Fraction(worst, PPM),
    )


def _what(action: Action) -> tuple[str, str, str]:
    """What is done, where, and the client id of its order."""
    if isinstance(action, PlaceOrder):
        kind = "rest an exit" if action.kind == "trigger" else "close"
        return kind, action.market, action.client_id
    if isinstance(action, CancelOrder):
        return "cancel an order", action.market, action.client_id
    if isinstance(action, QueryOrder):
        return "ask for an order", action.market, action.client_id
    if isinstance(action, AddMargin):
        return f"add margin from {action.source}", action.bucket, ""
    raise AssertionError(action)


def _became(outcome: Outcome | None) -> tuple[str, str]:
    if outcome is None:
        return "not known", NOT_KNOWN
    if isinstance(outcome, Accepted):
        return "accepted", outcome.state
    if isinstance(outcome, Unknown):
        return "no answer", outcome.reason
    return "refused" if outcome.was_sent else "not sent", outcome.reason


def _said(decided: Sequence[Decided]) -> list[SaidRow]:
    found: list[SaidRow] = []
    lasting: dict[str, list[int]] = {}
    for entry in decided:
        for key in lasting.keys() - set(entry.memory.raised):
            for place in lasting.pop(key):
                found[place] = found[place]._replace(until_ms=entry.time_ms)
        for each in entry.actions:
            if isinstance(each, Alert):
                if each.key in entry.memory.raised:
                    lasting.setdefault(each.key, []).append(len(found))
                found.append(SaidRow(entry.time_ms, each.level, each.text, each.key, None))
    return found
