"""Scenarios by name: those that come with Seawall and any scenario file, on the exact machine.

A scenario is shapes, not prices: it starts at the account's prices of now, so it asks what would be
left if that day came now.
"""

from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from seawall.domain.holdings import Holdings
from seawall.domain.instrument import Instrument
from seawall.domain.rulebook import AnyRulebook
from seawall.lab.market.candle_file import PathError
from seawall.lab.market.liquidity import Depth
from seawall.lab.market.market_path import MarketPath
from seawall.lab.market.scenario import Scenario, scenario_path
from seawall.lab.market.scenario_file import parse_scenario

if TYPE_CHECKING:
    from seawall.lab.rehearse.rehearsal import Rehearsal

DEFAULT = "crash_2025_10_10"
ALL = "all"
SUFFIX = ".toml"


_FOLDER = files("seawall.lab.market.scenarios")


def names() -> tuple[str, ...]:
    """The names of the scenarios that come with Seawall, sorted."""
    found = [each.name for each in _FOLDER.iterdir() if each.name.endswith(SUFFIX)]
    return tuple(sorted(name.removesuffix(SUFFIX) for name in found))


def is_scenario(name_or_path: str | Path) -> bool:
    """Whether a scenario is meant, and not a file of candles."""
    path = Path(name_or_path)
    return path.suffix == SUFFIX or _name_of(path) in names() or not (path.suffix or path.exists())


def load(name_or_path: str | Path) -> Scenario:
    """A shipped scenario by name (crash_2025_10_10 or crash-2025-10-10), or a file's.

    Raises PathError that names what is wrong.
    """
    path = Path(name_or_path)
    name = _name_of(path)
    if name in names():
        return parse_scenario(_FOLDER.joinpath(name + SUFFIX).read_text("utf-8"), name + SUFFIX)
    if path.suffix != SUFFIX:
        known = ", ".join(names())
        raise PathError(
            f"{path}: is no {SUFFIX} file and no scenario that comes with Seawall: {known}"
        )
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise PathError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise PathError(f"{path}: not a text file") from None
    return parse_scenario(text, str(path))


def chosen_scenarios(wanted: Iterable[str | Path]) -> list[Scenario]:
    """Those named or of files, each once; ``all`` for every one that ships. Raises PathError."""
    every = [each for name in wanted for each in (names() if str(name) == ALL else (name,))]
    return [load(name) for name in dict.fromkeys(every)]


def _name_of(path: Path) -> str:
    return str(path).replace("-", "_")


def starting_path(
    scenario: Scenario,
    plan: Holdings,
    instruments: Sequence[Instrument],
    prices: Mapping[str, str],
) -> MarketPath:
    """The scenario from ``prices`` (decimal text, USD) on, for the sides that the plan holds.

    Raises PathError.
    """
    return scenario_path(
        scenario,
        [each.name for each in instruments],
        {name: float(text) for name, text in prices.items()},
        {
            instruments[each.market].name: 1 if each.signed_size > 0 else -1
            for each in plan.positions
        },
    )


def run_scenario(
    scenario: Scenario,
    plan: Holdings,
    book: AnyRulebook,
    instruments: Sequence[Instrument],
    prices: Mapping[str, str],
    depths: Mapping[str, Depth],
) -> "Rehearsal":
    """Take the account through the scenario, starting now.

    ``prices``: exact decimal text in USD of every instrument, those that the plan was made at.
    ``depths``: calm liquidity of every instrument. Raises PathError, PlacementError.
    """
    # The engine takes most of a second to load; names and texts should not.
    from seawall.lab.rehearse.rehearsal import run_path

    path = starting_path(scenario, plan, instruments, prices)
    return run_path(path, plan, book, instruments, depths, scenario.neighbours)
