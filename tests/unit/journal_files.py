"""Small journals whose rows say their own sequence, for the tests of the journal."""

import numpy as np

from seawall.engine.journal import ROW_BYTES, JournalWriter, describe_rules, read_journal
from seawall.engine.tables import command_dtype

RULES = describe_rules(rulebook={"name": "test"}, limits=[1, 2])


def rows_from(first, count):
    """Rows that say their own sequence, with every byte of the rest in use."""
    noise = np.random.default_rng(first).integers(0, 256, count * ROW_BYTES, np.uint8)
    rows = np.frombuffer(bytearray(noise), command_dtype)
    rows["order_id"] = np.arange(first, first + count)
    return rows


def write(path, sizes, first=1):
    """A journal of frames with these numbers of rows; returns the end of each frame."""
    ends = []
    with JournalWriter(path, RULES, first) as writer:
        ends.append(writer.end)
        for size in sizes:
            writer.append(rows_from(writer.sequence + 1, size))
            writer.commit()
            ends.append(writer.end)
    return ends


def sequences(path):
    reader = read_journal(path, RULES)
    found = [int(value) for rows in reader for value in rows["order_id"]]
    return found, reader
