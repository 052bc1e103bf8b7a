"""A journal as ``compare_rules`` needs it: its commands, and the machine it was recorded with."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from seawall.domain.errors import InputError
from seawall.domain.instrument import Instrument
from seawall.domain.rulebook import AnyRulebook, decode_rulebook
from seawall.engine.journal import JournalError, JournalReader
from seawall.engine.layout import Limits
from seawall.lab.files import no_file


class Recorded(Struct, frozen=True):
    """An open journal and what its header says of the machine it was recorded with."""

    reader: JournalReader
    book: AnyRulebook
    instruments: list[Instrument]
    limits: Limits

    def frames(self) -> Iterator[Any]:
        """The commands in order, as rows. Raises InputError."""
        try:
            yield from self.reader
        except OSError as error:
            raise InputError(f"{self.reader.path}: {error.strerror}") from None


class _Header(Struct):
    """The text of ``describe_rules``."""

    rulebook: msgspec.Raw
    instruments: list[Instrument]
    limits: Limits


def read_journal(path: Path) -> Recorded:
    """The journal, from its first command on. Raises InputError."""
    if not path.is_file():
        raise InputError(no_file(path))
    try:
        reader = JournalReader(path)
        header = msgspec.json.decode(reader.rules, type=_Header)
        book = decode_rulebook(header.rulebook)
    except JournalError as error:
        raise InputError(str(error)) from None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    except msgspec.MsgspecError as error:
        raise InputError(
            f"{path}: the header should hold rulebook, instruments and limits: {error}"
        ) from None
    if reader.first_sequence != 1:
        raise InputError(
            f"{path}: begins with command {reader.first_sequence}; it should begin with command 1, "
            "because what came before is in a snapshot"
        )
    return Recorded(reader, book, header.instruments, header.limits)
