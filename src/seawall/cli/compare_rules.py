"""``seawall compare-rules``: one journal under two rulebooks, and where they part."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from cyclopts import Parameter
from msgspec import Struct

from seawall.accounts.markets import MarketError, markets_under, shipped_markets
from seawall.cli.run import refuse
from seawall.domain.instrument import Instrument
from seawall.domain.rulebook import AnyRulebook, BlockRulebook, Rulebook
from seawall.engine.journal import JournalError, JournalReader
from seawall.engine.layout import LayoutError, Limits
from seawall.venues.known import DEFAULT_VENUE, VENUES
from seawall.venues.rulebook_file import RulebookError, load_rulebook

if TYPE_CHECKING:
    from seawall.lab.compare_rules.comparison import Comparison

_OTHER_VENUE = next(venue for venue in VENUES if venue != DEFAULT_VENUE)


class Recorded(Struct):
    """What a journal says about the machine it was recorded with."""

    book: AnyRulebook
    instruments: list[Instrument]
    limits: Limits


class _Parts(Struct):
    """The text of ``describe_rules`` in a journal's header."""

    rulebook: msgspec.Raw
    instruments: list[Instrument]
    limits: Limits


class _Refused(ValueError):
    """Input that cannot be used."""


def compare_rules(
    journal: Path,
    /,
    *,
    left: str = DEFAULT_VENUE,
    right: str = _OTHER_VENUE,
    account: Annotated[list[str] | None, Parameter(negative="")] = None,
    json_: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Run one journal under two rulebooks: the first difference, and what is left on each side.

    Commands that a rulebook does not offer are rejected there, which is a difference like any
    other. Exit status 2 for input that cannot be used.

    Parameters
    ----------
    journal
        A journal, as `seawall rehearse --journal FILE` writes it.
    left
        A shipped rulebook by name, or a rulebook file.
    right
        The other one.
    account
        The number of an account to look at; may be given several times. `all`, as without it, looks
        at everybody's.
    json_
        Print one JSON object with exact decimal text instead of tables.
    """
    try:
        books = (_book("--left", left), _book("--right", right))
        accounts = _accounts(account or [])
        reader, recorded = _read(journal)
        result = _run(reader, recorded, books, accounts, quiet=json_)
    except (_Refused, JournalError) as error:
        refuse("compare-rules", str(error))
    notes = _notes(reader, recorded, books, result)
    from seawall.cli.compare_report import comparison_object, print_comparison

    if json_:
        print(json.dumps(comparison_object(str(journal), books, result, notes), indent=2))
        return
    print_comparison(str(journal), books, result, notes, is_whole=not accounts)


def _book(option: str, name: str) -> AnyRulebook:
    try:
        return load_rulebook(name)
    except RulebookError as error:
        raise _Refused(f"{option}: {error}") from None


def _accounts(texts: Sequence[str]) -> list[int]:
    """The numbers that were asked for; none for all."""
    if "all" in texts:
        return []
    for text in texts:
        if not text.isascii() or not text.isdigit() or len(text) > 9:
            raise _Refused(f"--account: {text!r} should be the number of an account, or all")
    return sorted({int(text) for text in texts})


def _read(path: Path) -> tuple[JournalReader, Recorded]:
    """The journal and what its header says. Raises JournalError too."""
    if not path.is_file():
        raise _Refused(f"{path}: no such file")
    try:
        reader = JournalReader(path)
        parts = msgspec.json.decode(reader.rules, type=_Parts)
        is_blocks = "block" in msgspec.json.decode(parts.rulebook)
        kind: Any = BlockRulebook if is_blocks else Rulebook
        book = msgspec.json.decode(parts.rulebook, type=kind)
    except OSError as error:
        raise _Refused(f"{path}: {error.strerror}") from None
    except msgspec.MsgspecError as error:
        raise _Refused(
            f"{path}: the header should hold rulebook, instruments and limits: {error}"
        ) from None
    if reader.first_sequence != 1:
        raise _Refused(
            f"{path}: begins with command {reader.first_sequence}; it should begin with command 1, "
            "because what came before is in a snapshot"
        )
    return reader, Recorded(book, parts.instruments, parts.limits)


def _run(
    reader: JournalReader,
    recorded: Recorded,
    books: tuple[AnyRulebook, AnyRulebook],
    accounts: list[int],
    *,
    quiet: bool,
) -> "Comparison":
    from rich.console import Console

    from seawall.engine.engine import Engine
    from seawall.lab.compare_rules.comparison import UnknownAccountError, compare

    console = Console(stderr=True, quiet=quiet)
    with console.status("loading both machines (compiling takes a minute each)") as status:
        engines = []
        for book in books:
            try:
                markets = markets_under(book, recorded.instruments, shipped_markets())
                engines.append(Engine.create(book, markets, recorded.limits))
            except (MarketError, LayoutError) as error:
                raise _Refused(f"{reader.path}: under {book.name}: {error}") from None
        try:
            return compare(
                engines[0],
                engines[1],
                _frames(reader),
                accounts,
                lambda done: status.update(f"{done:,} commands"),
            )
        except UnknownAccountError as error:
            raise _Refused(f"--account: {error}") from None


def _frames(reader: JournalReader) -> Iterator[Any]:
    try:
        yield from reader
    except OSError as error:
        raise _Refused(f"{reader.path}: {error.strerror}") from None


def _notes(
    reader: JournalReader,
    recorded: Recorded,
    books: tuple[AnyRulebook, AnyRulebook],
    result: "Comparison",
) -> list[str]:
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
    if reader.torn_tail is not None:
        notes.append(
            f"the last {reader.torn_tail.dropped_bytes} bytes of the journal are torn and left out"
        )
    return notes
