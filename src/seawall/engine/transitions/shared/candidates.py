"""Rows of the work list and of the ranking: severity, account, position."""

from seawall.engine.compile import inline
from seawall.engine.tables import CandidateRow, State, candidate_at


@inline
def set_candidate(row: CandidateRow, severity: int, account: int, position: int) -> None:
    """Fill a row; all zeros free it."""
    row.severity = severity
    row.account = account
    row.position = position


@inline
def copy_candidate(target: CandidateRow, source: CandidateRow) -> None:
    set_candidate(target, source.severity, source.account, source.position)


@inline
def swap_candidates(s: State, one: int, other: int) -> None:
    """Exchange two rows of the work list."""
    first, second = candidate_at(s, one), candidate_at(s, other)
    severity, account, position = first.severity, first.account, first.position
    copy_candidate(first, second)
    set_candidate(second, severity, account, position)
