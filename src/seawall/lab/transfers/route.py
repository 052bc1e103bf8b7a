"""Routes that money takes to a margin bucket, as data: how long, at which fee, with which gas.

A route is a file (``lab/sourced_file.py``) with an entry for every number of ``Route``, and at its
top the name of the gas that its transactions pay (``lab/keepers/gas_prices``). Both the price of
gas and the time that money from outside needs grow with the fall of the market.
"""

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

from msgspec import Struct

from seawall.domain.errors import InputError
from seawall.domain.sourced import Sourced
from seawall.domain.units import PPM
from seawall.lab.keepers.gas import Gas, load_gas
from seawall.lab.sourced_file import names_in, read_sourced

NO_ROUTE = "none"
LONGEST_MS = 14 * 86_400_000
_FOLDER = files("seawall.lab.transfers.routes")


class RouteError(InputError):
    """A route that cannot be used: its file, the field, the value and what would be right."""


class Way(Struct, frozen=True, kw_only=True):
    """One transfer. ``delay_ms``: until it counts; ``cost``: micro-USD, beside the amount."""

    delay_ms: int
    cost: int


class Route(Struct, frozen=True, kw_only=True):
    """How money moves. Times in ms, money in micro-USD, shares in millionths of the amount.

    ``inside``: between the pool and the bucket of a position, at the venue. ``outside``: from the
    wallet into the pool, ``outside_ms`` on a calm day and ``outside_full_ms`` where the network is
    full; less than ``least_micro_usd`` is not sent. ``leave``: from the pool to the wallet.
    ``gas_units``: of the transactions of each that their sender pays. ``network``: the price of
    gas.
    """

    name: str
    title: str
    gas: str
    inside_ms: int
    inside_micro_usd: int
    outside_ms: int
    outside_full_ms: int
    outside_micro_usd: int
    outside_ppm: int
    outside_gas_units: int
    least_micro_usd: int
    leave_ms: int
    leave_micro_usd: int
    leave_gas_units: int
    network: Gas
    sources: Mapping[str, Sourced] = {}

    def inside(self) -> Way:
        """From the pool to a bucket, or back."""
        return Way(delay_ms=self.inside_ms, cost=self.inside_micro_usd)

    def outside(self, amount: int, fall: float = 0.0) -> Way:
        """From the wallet into the pool. ``fall``: of the market within an hour, a share."""
        busy = self.network.busy(fall)
        delay = self.outside_ms + round((self.outside_full_ms - self.outside_ms) * busy)
        cost = self.outside_micro_usd + -(-amount * self.outside_ppm // PPM)
        gas = self.network.cost(self.outside_gas_units, self.network.usual(fall))
        return Way(delay_ms=delay, cost=cost + gas)

    def leave(self, fall: float = 0.0) -> Way:
        """From the pool to the wallet."""
        gas = self.network.cost(self.leave_gas_units, self.network.usual(fall))
        return Way(delay_ms=self.leave_ms, cost=self.leave_micro_usd + gas)

    def top_up(self, amount: int, fall: float = 0.0, *, is_bucket: bool, from_pool: bool) -> Way:
        """To a position: from the pool or from the wallet, into a bucket of its own or the pool."""
        ways = [] if from_pool else [self.outside(amount, fall)]
        if is_bucket:
            ways.append(self.inside())
        return Way(
            delay_ms=sum(each.delay_ms for each in ways), cost=sum(each.cost for each in ways)
        )


_OTHERS = ("name", "title", "gas", "network", "sources")
FIELDS = tuple(each for each in Route.__struct_fields__ if each not in _OTHERS)
"""The numbers of a route."""


def route_names() -> tuple[str, ...]:
    """The routes that come with Seawall, the free one first."""
    return (NO_ROUTE, *(each for each in names_in(_FOLDER) if each != NO_ROUTE))


def load_route(name_or_path: str | Path) -> Route:
    """A shipped route by name, or a file's. Raises RouteError, GasError."""
    found = read_sourced("route", _FOLDER, name_or_path, RouteError, {"gas": str})
    found.check_names(FIELDS, FIELDS)
    most = {"ms": LONGEST_MS, "ppm": PPM, "usd": 10**15, "units": 10**9}
    found.check_whole({field: (0, most[field.rpartition("_")[2]]) for field in FIELDS})
    if found.values["outside_full_ms"] < found.values["outside_ms"]:
        expected = f"at least outside_ms, {found.values['outside_ms']:,}"
        value = found.values["outside_full_ms"]
        raise RouteError.of(found.place, "outside_full_ms", value, expected)
    return Route(
        name=found.name, title=found.head["title"], gas=found.head["gas"],
        network=load_gas(found.head["gas"]), sources=found.sources, **found.values,
    )  # fmt: skip
