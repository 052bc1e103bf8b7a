"""A guard that runs on the venue, read from its journal and the status beside it."""

from pathlib import Path

from seawall.domain.errors import SeawallError
from seawall.guard.explain import DoneRow, explain_journal
from seawall.guard.watch import Limit, Next, watch_frame
from seawall.terminal import protocol

SHOWN_DECISIONS = 40


class GuardView:
    """``journal``: that of ``seawall guard run``; None where there is no guard."""

    def __init__(self, journal: Path | None) -> None:
        self._journal = journal
        self._read = (0, 0)
        self._decisions: tuple[protocol.GuardDecision, ...] = ()

    def shown(self, now_ms: int) -> protocol.Guard:
        """``now_ms``: by this computer's clock."""
        if self._journal is None:
            return _none()
        try:
            frame = watch_frame(self._journal, now_ms)
            decisions = self._newest(self._journal)
        except SeawallError as error:
            found = _none()
            found.problems = (str(error),)
            return found
        status = frame.status
        return protocol.Guard(
            True,
            status.policy.name,
            status.address,
            status.is_armed,
            not status.ended and not frame.problems,
            frame.problems,
            tuple(map(_rule, frame.next)),
            tuple(map(_limit, frame.limits)),
            decisions,
            tuple((each.time_ms, each.text) for each in status.said),
        )

    def _newest(self, journal: Path) -> tuple[protocol.GuardDecision, ...]:
        """The newest decisions first; the journal is read again only where it has grown."""
        found = journal.stat()
        if (found.st_mtime_ns, found.st_size) != self._read:
            done = explain_journal(journal).done
            self._decisions = tuple(_decision(each) for each in reversed(done[-SHOWN_DECISIONS:]))
            self._read = (found.st_mtime_ns, found.st_size)
        return self._decisions


def _none() -> protocol.Guard:
    return protocol.Guard(False, "", "", False, False, (), (), (), (), ())


def _rule(each: Next) -> protocol.GuardRule:
    return protocol.GuardRule(
        each.rule,
        each.action,
        each.market,
        None if each.fires_at is None else format(each.fires_at, "f"),
        None if each.move is None else float(each.move),
        each.state,
    )


def _limit(each: Limit) -> protocol.GuardLimit:
    return protocol.GuardLimit(each.name, float(each.now), float(each.limit), each.state)


def _decision(each: DoneRow) -> protocol.GuardDecision:
    return protocol.GuardDecision(
        each.time_ms, each.what, each.where, each.rule, each.why, each.became, each.outcome
    )
