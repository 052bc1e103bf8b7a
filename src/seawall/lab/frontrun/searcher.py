"""What is assumed of a searcher and of what it trades against, as data with sources."""

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

from msgspec import Struct

from seawall.domain.errors import InputError
from seawall.domain.sourced import Sourced
from seawall.domain.units import PPM
from seawall.lab.sourced_file import names_in, read_sourced

USUAL = "usual"
_FOLDER = files("seawall.lab.frontrun.searchers")
_BOUNDS = {
    "order_gas_units": (0, 10**9),
    "failed_gas_units": (0, 10**9),
    "block_ms": (1, 3_600_000),
    "reaction_ms": (0, 3_600_000),
    "warning_ppm": (1, PPM),
    "stops_ppm": (0, PPM),
}


class SearcherError(InputError):
    """A searcher that cannot be used: its file, the field, the value and what is right."""


class Searcher(Struct, frozen=True, kw_only=True):
    """``order_gas_units``: of one order in a book. ``failed_gas_units``: of a liquidation that is
    sent and cannot be done. A keeper that does not speculate sends its transaction ``reaction_ms``
    after the update, into the next block of ``block_ms``.

    ``warning_ppm``: the margin ratio at which the account's owner is warned. ``stops_ppm``: share
    of a market's open interest whose stops lie within each 1 % of the price.
    """

    name: str
    title: str
    order_gas_units: int
    failed_gas_units: int
    block_ms: int
    reaction_ms: int
    warning_ppm: int
    stops_ppm: int
    sources: Mapping[str, Sourced] = {}

    def inclusion_ms(self, update_ms: int) -> int:
        """The first block after a keeper has seen what was published in the block ``update_ms``."""
        blocks = -(-(self.reaction_ms + 1) // self.block_ms)
        return update_ms + blocks * self.block_ms


def searcher_names() -> tuple[str, ...]:
    """The searchers that come with Seawall, sorted."""
    return names_in(_FOLDER)


def load_searcher(name_or_path: str | Path) -> Searcher:
    """A shipped searcher by name, or a file's. Raises SearcherError."""
    found = read_sourced("searcher", _FOLDER, name_or_path, SearcherError)
    made = found.into(Searcher)
    found.check_whole(_BOUNDS)
    return made
