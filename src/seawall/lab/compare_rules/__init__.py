"""One journal under two rulebooks: where they part, and what each leaves."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec import structs

from seawall.accounts.markets import markets_under, shipped_markets
from seawall.domain.errors import InputError, SeawallError
from seawall.domain.rulebook import AnyRulebook, BlockRulebook
from seawall.lab.compare_rules.comparison import Comparison, compare
from seawall.lab.compare_rules.journal import Recorded, read_journal
from seawall.lab.compare_rules.translation import buckets_of
from seawall.lab.simulation.names import liquidation_sentence
from seawall.report.findings import Answer, Findings
from seawall.report.progress import Progress, silent
from seawall.venues.rulebook_file import load_rulebook

Pair = tuple[AnyRulebook, AnyRulebook]


class RulesComparison(Answer, frozen=True, kw_only=True):
    """``books``: left and right. ``is_whole``: every account was compared, not chosen ones."""

    journal: str
    books: Pair
    result: Comparison
    notes: tuple[str, ...]
    assumptions: tuple[str, ...]
    is_whole: bool

    @property
    def is_alike(self) -> bool:
        """Whether both rulebooks have the same name, as a shipped one and a changed copy."""
        return self.books[0].name == self.books[1].name

    def findings(self) -> Findings:
        """First difference, totals and accounts, side by side."""
        from seawall.lab.compare_rules.sheets import findings

        return findings(self)


def compare_rules(
    journal: str | Path,
    left: str,
    right: str,
    *,
    accounts: Sequence[int] = (),
    progress: Progress = silent,
) -> RulesComparison:
    """Run a journal under two rulebooks, given by name or file.

    ``accounts``: the numbers of accounts to compare, all without any. Raises SeawallError.
    """
    books = (_book("--left", left), _book("--right", right))
    recorded = read_journal(Path(journal))
    result = _run(recorded, books, accounts, progress)
    return RulesComparison(
        journal=str(journal),
        books=books,
        result=result,
        notes=tuple(_notes(recorded, books, result)),
        assumptions=tuple(_assumptions(books, result)),
        is_whole=not accounts,
    )


def _book(option: str, name: str) -> AnyRulebook:
    try:
        return load_rulebook(name)
    except SeawallError as error:
        raise InputError(f"{option}: {error}") from None


def _run(
    recorded: Recorded, books: Pair, accounts: Sequence[int], progress: Progress
) -> Comparison:
    from seawall.engine.engine import Engine

    progress("loading both engines (compiling takes a minute each)")
    buckets = buckets_of(recorded.frames(), in_blocks=isinstance(recorded.book, BlockRulebook))
    # Each isolated position may be a child account on one side.
    limits = structs.replace(
        recorded.limits, accounts=recorded.limits.accounts + len(buckets.isolated)
    )
    engines = []
    for book in books:
        try:
            markets = markets_under(book, recorded.instruments, shipped_markets())
            engines.append(Engine.create(book, markets, limits))
        except SeawallError as error:
            raise InputError(f"{recorded.reader.path}: under {book.name}: {error}") from None
    return compare(engines[0], engines[1], recorded.frames(), accounts, progress, buckets)


def _assumptions(books: Pair, result: Comparison) -> Iterator[str]:
    """How the journal is read under rules that it was not recorded under, and what they are."""
    yield (
        "Quotes do not respond: orders of makers and of all others are those of the journal, "
        "whatever the rules do to prices and accounts. Two rehearsals show what each venue would "
        "have done."
    )
    for book, side in zip(books, result.sides, strict=True):
        if side.translates and side.buckets.in_blocks:
            yield (
                f"Child accounts of one market are isolated positions under {book.name}; an "
                "account is compared together with its child accounts."
            )
        elif side.translates:
            yield (
                f"Isolated positions are child accounts under {book.name}; an account is compared "
                "together with its child accounts."
            )
    for book in books[: 1 if books[0] == books[1] else 2]:
        yield liquidation_sentence(book)


def _notes(recorded: Recorded, books: Pair, result: Comparison) -> list[str]:
    notes = []
    if recorded.book not in books:
        notes.append(
            f"the journal was recorded under {recorded.book.name} as of {recorded.book.as_of}, "
            "whose numbers are on neither side"
        )
    for book, engine in zip(books, (result.left, result.right), strict=True):
        changed = [
            market.name
            for market, before in zip(engine.instruments, recorded.instruments, strict=True)
            if market != before
        ]
        if changed:
            notes.append(
                f"{book.name}: margins of {', '.join(changed)} are those of its own tables, in the "
                "units of the journal"
            )
    torn = recorded.reader.torn_tail
    if torn is not None:
        notes.append(f"the last {torn.dropped_bytes} bytes of the journal are torn and left out")
    return notes
