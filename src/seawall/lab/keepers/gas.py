"""The price of gas as a process: usual, higher when the market falls, noisy; data with sources."""

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

import numpy as np
from msgspec import Struct

from seawall.domain.errors import InputError
from seawall.domain.sourced import Sourced
from seawall.domain.units import MICRO, PPM
from seawall.lab.arrays import Floats, Integers
from seawall.lab.sourced_file import names_in, read_sourced

NO_GAS = "none"
WINDOW_MS = 3_600_000
"""Over which the fall of the market is measured."""
GWEI_PER_COIN = 10**9
_FOLDER = files("seawall.lab.keepers.gas_prices")
_BOUNDS = {
    "base_micro_gwei": (0, 10**12),
    "peak_ppm": (1, 10**10),
    "full_fall_ppm": (1, PPM),
    "spread_ppm": (0, 5 * PPM),
    "half_life_ms": (1, 86_400_000),
    "native_micro_usd": (0, 10**15),
}


class GasError(InputError):
    """A price of gas that cannot be used: its file, the field, the value and what is right."""


class Gas(Struct, frozen=True, kw_only=True):
    """How the price of gas moves.

    Usual: ``base_micro_gwei`` (millionths of a gwei). After a fall of the market by
    ``full_fall_ppm`` or more within an hour it is ``peak_ppm`` times as much (in millionths), after
    a smaller one that to the power of its share. The logarithm deviates by ``spread_ppm``, half of
    which is gone after ``half_life_ms``. ``native_micro_usd``: of the coin that gas is paid in.
    """

    name: str
    title: str
    base_micro_gwei: int
    peak_ppm: int
    full_fall_ppm: int
    spread_ppm: int
    half_life_ms: int
    native_micro_usd: int
    sources: Mapping[str, Sourced] = {}

    def busy(self, fall: float) -> float:
        """How full the network is, from 0 to 1, after a fall of the market within the hour."""
        return min(1.0, max(0.0, fall) / (self.full_fall_ppm / PPM))

    def usual(self, fall: float = 0.0) -> int:
        """Millionths of a gwei after such a fall, without noise."""
        times: float = (self.peak_ppm / PPM) ** self.busy(fall)
        return round(self.base_micro_gwei * times)

    def cost(self, units: int, micro_gwei: int) -> int:
        """Micro-USD of a transaction, rounded up."""
        return -(-units * micro_gwei * self.native_micro_usd // (MICRO * GWEI_PER_COIN))


def gas_names() -> tuple[str, ...]:
    """The prices of gas that come with Seawall, sorted."""
    return names_in(_FOLDER)


def load_gas(name_or_path: str | Path) -> Gas:
    """A shipped price of gas by name, or a file's. Raises GasError."""
    found = read_sourced("gas", _FOLDER, name_or_path, GasError)
    made = found.into(Gas)
    found.check_whole(_BOUNDS)
    return made


def fall_within(times_ms: Integers, prices: Floats) -> Floats:
    """The fall of a price from its highest within the hour before, (n,), known at that time."""
    first = np.searchsorted(times_ms, times_ms - WINDOW_MS, "left")
    highest = np.asarray([prices[a : b + 1].max() for b, a in enumerate(first.tolist())])
    found: Floats = 1.0 - prices / highest
    return found


def gas_prices(times_ms: Integers, prices: Floats, gas: Gas, seed: int) -> Integers:
    """Millionths of a gwei at each time (n,); ``prices``: of the market that falls."""
    random = np.random.Generator(np.random.Philox(key=[seed, 11]))
    spread = gas.spread_ppm / PPM
    noise = np.zeros(len(times_ms))
    draws = random.normal(0.0, 1.0, len(times_ms))
    keep = 0.5 ** (np.diff(times_ms, prepend=times_ms[0]) / gas.half_life_ms)
    noise[0] = spread * draws[0]
    for step in range(1, len(times_ms)):
        kept = keep[step]
        noise[step] = kept * noise[step - 1] + spread * np.sqrt(1.0 - kept * kept) * draws[step]
    busy = np.minimum(1.0, fall_within(times_ms, prices) / (gas.full_fall_ppm / PPM))
    level = gas.base_micro_gwei * (gas.peak_ppm / PPM) ** busy * np.exp(noise)
    found: Integers = np.rint(level).astype(np.int64)
    return found
