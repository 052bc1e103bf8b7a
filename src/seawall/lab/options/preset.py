"""Presets of portfolio margin: the numbers of a rule, as a scenario engine takes them.

A preset is a file (``lab/sourced_file.py``) of the sections below. Rules of scenarios say:

    requirement = factor x max(worst scenario, minimum of the deltas)
                  + roll + contingencies + what is reserved

and differ in their grids, weights and contingencies. What a rule does not know is 0 or absent. A
rule of a ratio (``ratio.py``) compares what is required with what collateral brings.
"""

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Literal

from msgspec import Struct, field

from seawall.domain.errors import InputError
from seawall.domain.sourced import Sourced
from seawall.lab.sourced_file import names_in, read_sourced

_FOLDER = files("seawall.lab.options.presets")
Direction = Literal["up", "same", "down"]
"""How volatility moves in a scenario."""


class MarketShock(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How far one underlying moves. Fractions: ``price_range`` of the price, ``volatility_up`` and
    ``volatility_down`` of an implied volatility at 30 days.

    ``dampener``: USD by which losses of extended moves are reduced for each price range beyond the
    first. ``roll``: how far a forward may move against the price in a year, at least ``least_roll``
    of it; each coin of an expiry's delta pays for it.
    """

    price_range: float
    volatility_up: float
    volatility_down: float
    dampener: float = 0.0
    roll: float = 0.0
    least_roll: float = 0.0


class Grid(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The scenarios. ``standard``: (multiple of the price range, direction of volatility).

    ``tails``: (move as a fraction of the price, weight), volatility up. ``tail_rule``: ``weight``
    takes their profits times the weight; ``price_range`` scales them down to the price range
    (weight x price range / move) and reduces losses by the dampener.
    """

    standard: tuple[tuple[float, Direction], ...]
    tails: tuple[tuple[float, float], ...] = ()
    tail_rule: Literal["weight", "price_range"] = "weight"


class Volatility(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a shock depends on the time to expiry: (30 days / time) ^ power.

    ``short_power`` up to 30 days, ``long_power`` beyond; ``least_days``: no time counts as less.
    ``least``: the shocked volatility is at least this, a fraction a year.
    """

    short_power: float
    long_power: float
    least_days: float
    least: float


class Skew(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Two scenarios that tilt and bend the volatilities over strikes, the price standing still.

    ``linear_cap``, ``absolute_cap``: the most that a volatility moves, plus ``..._slope`` times the
    square root of the years. ``least_width``, ``width``, ``width_volatility``, ``width_slope``: at
    which distance ln(K / F) the whole of it is reached. ``..._weight``: of the scenario.
    """

    linear_cap: float
    linear_slope: float
    absolute_cap: float
    absolute_slope: float
    least_width: float
    width: float
    width_volatility: float
    width_slope: float
    linear_weight: float = 1.0
    absolute_weight: float = 1.0


class Discount(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an expiry's value in a scenario counts for: longs less, shorts more than all of it.

    ``..._base``: at once; ``..._rate``: share of the interest rate, ``..._spread``: a fraction a
    year on top.
    """

    long_base: float
    long_rate: float
    long_spread: float
    short_base: float
    short_rate: float
    short_spread: float


class Basis(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Forwards that move alone, up and down by a fraction; the loss counts ``addition`` plus
    ``per_year`` times the years."""

    up: float
    down: float
    addition: float
    per_year: float


class Contingency(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Amounts beside the scenarios, all fractions.

    Of the price for each coin of the net perpetual (``perpetual_...``) and of options that are sold
    and not bought back at the same strike (``short_option_...``). ``least_net``, ``least_hedged``:
    of the price for each coin of the net delta, and of the delta that others cancel; the scan is at
    least their sum. ``confidence_threshold``: below it a feed costs ``confidence_scale`` x (1 -
    confidence) of what it prices. ``peg_threshold``: below it the initial factor grows by
    ``peg_factor`` x the gap. ``funding_hours``: of expected funding that is kept back.
    """

    perpetual_initial: float = 0.0
    perpetual_maintenance: float = 0.0
    short_option_initial: float = 0.0
    short_option_maintenance: float = 0.0
    least_net: float = 0.0
    least_hedged: float = 0.0
    confidence_threshold: float = 0.0
    confidence_scale: float = 0.0
    peg_threshold: float = 0.0
    peg_factor: float = 0.0
    funding_hours: float = 0.0


class Factors(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Multiples of the scan in initial and in maintenance margin."""

    initial: float
    maintenance: float


class Preset(Struct, frozen=True, kw_only=True):
    """What every rule says of itself.

    ``about``: what the numbers are; ``missing``: what of the rule is left out; ``sources``: where
    each number comes from, by dotted key.
    """

    name: str
    title: str
    about: str
    missing: tuple[str, ...]
    as_of: str
    sources: Mapping[str, Sourced] = {}


class ScenarioPreset(Preset, frozen=True, kw_only=True):
    """A rule that revalues the portfolio in scenarios. ``market``: shocks by underlying."""

    market: Mapping[str, MarketShock]
    grid: Grid
    volatility: Volatility
    factors: Factors
    contingency: Contingency = field(default_factory=Contingency)
    skew: Skew | None = None
    discount: Discount | None = None
    basis: Basis | None = None


class CoinTerms(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A coin as collateral. ``loan_to_value``: a fraction; ``supply_cap``: coins that count at
    most; ``borrow_cap``: USD that they count at most."""

    loan_to_value: float
    supply_cap: float = float("inf")
    borrow_cap: float = float("inf")


class Ratio(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When an account is liquidated: where requirement / liquidation value passes ``limit``.

    ``borrow_offset``: USD that count as required once something is borrowed. A coin counts
    ``loan_to_value`` and ``threshold`` of the rest up to its whole value.
    """

    limit: float
    borrow_offset: float
    threshold: float


class RatioPreset(Preset, frozen=True, kw_only=True):
    """A rule that pools spot coins and USD with perpetuals. ``market``: coins by name."""

    market: Mapping[str, CoinTerms]
    ratio: Ratio


AnyPreset = ScenarioPreset | RatioPreset


class PresetError(InputError):
    """A preset that cannot be used: its file, the field, the value and what would be right."""

    field = "preset"


def preset_names() -> tuple[str, ...]:
    """The presets that come with Seawall, sorted."""
    return names_in(_FOLDER)


def load_preset(name_or_path: str | Path) -> AnyPreset:
    """A shipped preset by name, or a file's. Raises PresetError."""
    head = {"about": str, "missing": list}
    found = read_sourced("preset", _FOLDER, name_or_path, PresetError, head)
    # A ratio makes the rule another one; all others are of scenarios.
    if "ratio" in found.values:
        return found.into(RatioPreset)
    return found.into(ScenarioPreset)
