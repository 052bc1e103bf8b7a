"""Presets: how an oracle makes a published price of true ones, as data with sources.

A preset is a file (``lab/sourced_file.py``) with an entry for every number of ``Preset``.
"""

from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path

from msgspec import Struct

from seawall.domain.errors import InputError
from seawall.domain.sourced import Sourced
from seawall.domain.units import PPM
from seawall.lab.sourced_file import SourcedFile, names_in, read_sourced

DIRECT = "direct"
"""The preset whose published price is the true one."""
LONGEST_MS = 7 * 86_400_000
MOST_SOURCES, MOST_WEIGHT = 60, 120
MOST_FAILURES = 1_000
_FOLDER = files("seawall.lab.oracle.presets")


class PresetError(InputError):
    """A preset that cannot be used: its file, the field, the value and what would be right."""


class Preset(Struct, frozen=True, kw_only=True):
    """How one oracle publishes. Times in ms, shares in millionths of the price.

    Each source reads the true price late, by 0 to ``source_lag_ms`` evenly over the sources, and
    off by up to ``source_error_ppm`` to either side; ``source_confidence_ppm``: what it states as
    its own uncertainty, 0 where none is published. A source stops ``source_failures_a_day`` times
    a day for ``source_failure_ms`` and is left out then; with fewer than ``quorum`` nothing is
    published. The others count by ``source_weights`` in the median.

    The median is looked at every ``interval_ms`` (0: always) and published where it is
    ``deviation_ppm`` away from the last one, or ``heartbeat_ms`` after it (0: no heartbeat). It is
    in force ``delay_ms`` later. What is older or less certain than a limit is refused, by users
    (orders, withdrawals) or by liquidations; a limit of 0 is none.
    """

    name: str
    title: str
    source_weights: tuple[int, ...]
    source_lag_ms: int
    source_error_ppm: int
    source_confidence_ppm: int
    source_failures_a_day: int
    source_failure_ms: int
    quorum: int
    interval_ms: int
    deviation_ppm: int
    heartbeat_ms: int
    delay_ms: int
    user_age_ms: int
    user_confidence_ppm: int
    liquidation_age_ms: int
    liquidation_confidence_ppm: int
    sources: Mapping[str, Sourced] = {}
    """Where each number comes from, by field."""

    @property
    def longest_lag_ms(self) -> int:
        """How old the true price behind a published one may be, as long as nothing fails."""
        return self.source_lag_ms + self.interval_ms + self.delay_ms


_OTHERS = ("name", "title", "sources")
FIELDS = tuple(each for each in Preset.__struct_fields__ if each not in _OTHERS)
"""The numbers of a preset."""


def preset_names() -> tuple[str, ...]:
    """The presets that come with Seawall, the direct one first."""
    return (DIRECT, *(each for each in names_in(_FOLDER) if each != DIRECT))


def load_preset(name_or_path: str | Path) -> Preset:
    """A shipped preset by name, or a file's. Raises PresetError."""
    found = read_sourced("oracle", _FOLDER, name_or_path, PresetError)
    made = found.into(Preset)
    _check(found, made.source_weights)
    return made


def _check(found: SourcedFile, weights: tuple[int, ...]) -> None:
    if not 1 <= len(weights) <= MOST_SOURCES or min(weights) < 1 or sum(weights) > MOST_WEIGHT:
        expected = f"1 to {MOST_SOURCES} weights of 1 and more, {MOST_WEIGHT} in all at most"
        raise PresetError.of(found.place, "source_weights", list(weights), expected)
    most = {field: LONGEST_MS for field in FIELDS if field.endswith("_ms")}
    most |= {field: PPM for field in FIELDS if field.endswith("_ppm")}
    most |= {"quorum": len(weights), "source_failures_a_day": MOST_FAILURES}
    most["source_error_ppm"] = PPM // 2
    found.check_whole({field: (0, limit) for field, limit in most.items()})


def loaded(wanted: Iterable[str | Path]) -> list[Preset]:
    """Each once, the direct one first, with all that ship where none is named.

    Raises PresetError.
    """
    names = list(wanted) or list(preset_names())
    found: dict[str, Preset] = {}
    for each in (DIRECT, *names):
        preset = load_preset(each)
        found.setdefault(preset.name, preset)
    return list(found.values())
