"""Pools that trade at an oracle's price, as data: fees, limits, and when an order is executed.

A pool is a file (``lab/sourced_file.py``) with an entry for every number of ``Pool``, and at its
top the name of the oracle whose prices it takes.
"""

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

from msgspec import Struct, structs

from seawall.domain.errors import InputError
from seawall.domain.sourced import Sourced
from seawall.domain.units import PPM
from seawall.lab.oracle.preset import load_preset
from seawall.lab.sourced_file import names_in, read_sourced

_FOLDER = files("seawall.lab.frontrun.pools")
_BOUNDS = {
    "fee_ppm": (0, PPM),
    "spread_ppm": (0, PPM),
    "scale_micro_usd": (0, 10**18),
    "most_micro_usd": (1, 10**15),
    "is_two_step": (0, 1),
    "delay_ms": (0, 86_400_000),
    "most_age_ms": (0, 7 * 86_400_000),
    "gas_units": (0, 10**9),
}


class PoolError(InputError):
    """A pool that cannot be used: its file, the field, the value and what would be right."""


class Pool(Struct, frozen=True, kw_only=True):
    """How a pool trades at the prices of ``oracle``. Shares in millionths of the notional.

    ``fee_ppm`` and ``spread_ppm`` are paid at the opening and at the close. So is the price impact
    of a notional n, n / (2 ``scale_micro_usd``) of it; 0 for none. A position is at most
    ``most_micro_usd``. An order is executed at once at the price in force, of at most
    ``most_age_ms`` (0: any age), or with ``is_two_step`` at the first price that is read
    ``delay_ms`` after the order or later. ``gas_units``: of the opening, and of the close.
    """

    name: str
    title: str
    oracle: str
    fee_ppm: int
    spread_ppm: int
    scale_micro_usd: int
    most_micro_usd: int
    is_two_step: int
    delay_ms: int
    most_age_ms: int
    gas_units: int
    sources: Mapping[str, Sourced] = {}

    @property
    def in_one_step(self) -> "Pool":
        """The same with orders at once at the price in force, whatever its age."""
        return structs.replace(self, is_two_step=0, delay_ms=0, most_age_ms=0)

    @property
    def in_two_steps(self) -> "Pool":
        """The same with orders at the first price that is read after them."""
        return structs.replace(self, is_two_step=1, most_age_ms=0)


def pool_names() -> tuple[str, ...]:
    """The pools that come with Seawall, sorted."""
    return names_in(_FOLDER)


def load_pool(name_or_path: str | Path) -> Pool:
    """A shipped pool by name, or a file's. Raises PoolError, PresetError for its oracle."""
    found = read_sourced("pool", _FOLDER, name_or_path, PoolError, {"oracle": str})
    made = found.into(Pool)
    found.check_whole(_BOUNDS)
    load_preset(made.oracle)
    return made
