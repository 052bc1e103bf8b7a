"""Mechanisms of liquidation as data, and what each offers to keepers at a moment.

A mechanism is a TOML file (``lab/sourced_file.py``) with a ``kind`` and the numbers of that kind.
An offer is linear in the share of the positions that a keeper takes, so that a keeper may take any
part of it. All money is integer micro-USD; shares are parts per billion.
"""

from collections.abc import Callable, Mapping
from importlib.resources import files
from pathlib import Path

from msgspec import Struct

from seawall.domain.errors import InputError
from seawall.domain.sourced import Sourced
from seawall.domain.units import PPM
from seawall.lab.sourced_file import names_in, read_sourced

WHOLE = 10**9
"""All of the positions, in parts per billion."""
COMMON = ("lost_ppm", "funding_ppm", "gas_units")
KINDS: Mapping[str, tuple[str, ...]] = {
    "fixed_bonus": ("bonus_ppm", "fund_fee_ppm", "most_share_ppm"),
    "fillable_price": ("adjustment_ppm", "spread_ppm", "fund_fee_ppm", "most_share_ppm"),
    "falling_price": (
        "start_ppm", "cut_ppm", "step_ms", "tail_ms", "cusp_ppm", "penalty_ppm", "tip_micro_usd",
        "chip_ppm",
    ),
    "falling_bid": (
        "first_ppm", "middle_ppm", "fast_ms", "slow_ms", "buffer_ppm", "fund_fee_ppm",
        "insolvent_ms",
    ),
    "by_time": (
        "bonus_ppm", "fund_fee_ppm", "initial_ppm", "duration_ms", "whole_below_micro_usd",
    ),
    "rising_bid": ("bid_ms", "penalty_ppm"),
}  # fmt: skip
"""The numbers of each kind."""
_AT_LEAST_ONE = (
    "step_ms",
    "tail_ms",
    "fast_ms",
    "slow_ms",
    "insolvent_ms",
    "duration_ms",
    "bid_ms",
)
_MOST = {"ms": 7 * 86_400_000, "ppm": 10 * PPM, "usd": 10**15, "units": 10**9}
_FOLDER = files("seawall.lab.keepers.mechanisms")


class MechanismError(InputError):
    """A mechanism that cannot be used: its file, the field, the value and what would be right."""


class Mechanism(Struct, frozen=True, kw_only=True):
    """How one venue liquidates. ``numbers``: those of ``COMMON`` and of its kind.

    Positions are liquidated below maintenance margin or, with ``lost_ppm``, once that share of the
    equity at the start is lost. ``funding_ppm``: of the notional, that a keeper needs as money; 0
    where it takes no position over, and so has none to sell. ``gas_units``: of one transaction.
    """

    name: str
    title: str
    kind: str
    numbers: Mapping[str, int]
    sources: Mapping[str, Sourced] = {}

    def is_liquidatable(self, standing: "Standing") -> bool:
        """Whether positions may be taken at this moment."""
        if not standing.notional or standing.debt <= 0:
            return False
        lost = self.numbers["lost_ppm"]
        if lost:
            return PPM * standing.equity <= (PPM - lost) * standing.start_equity
        return standing.equity < standing.maintenance

    def offer(self, standing: "Standing", elapsed_ms: int) -> "Offer":
        """What is offered ``elapsed_ms`` after the liquidation began. Not of ``rising_bid``."""
        return OFFERS[self.kind](self.numbers, standing, elapsed_ms)


class Standing(Struct, frozen=True, kw_only=True):
    """A bucket with the positions that are left. Micro-USD.

    ``first_notional``: what the same positions were worth when the auction began.
    """

    equity: int
    maintenance: int
    notional: int
    start_equity: int
    first_notional: int

    @property
    def debt(self) -> int:
        """What the positions are worth less what is the account's own."""
        return self.notional - self.equity


class Offer(Struct, frozen=True, kw_only=True):
    """What a keeper may take. ``most``: the largest share, of ``WHOLE``.

    For the whole of the positions, micro-USD: ``discount``, by which they come below their value
    (below zero: above it), paid by the account; ``fee``, by the account to the fund. ``reward``: by
    the fund to the keeper for the first take, whatever the share. ``has_ended``: the auction is
    to begin anew, at the prices of now.
    """

    most: int
    discount: int
    fee: int = 0
    reward: int = 0
    has_ended: bool = False


def mechanism_names() -> tuple[str, ...]:
    """The mechanisms that come with Seawall, sorted."""
    return names_in(_FOLDER)


def load_mechanism(name_or_path: str | Path) -> Mechanism:
    """A shipped mechanism by name, or a file's. Raises MechanismError."""
    found = read_sourced("mechanism", _FOLDER, name_or_path, MechanismError, {"kind": str})
    kind = found.head["kind"]
    if kind not in KINDS:
        raise MechanismError.of(found.place, "kind", kind, f"one of {', '.join(KINDS)}")
    fields = (*COMMON, *KINDS[kind])
    found.check_names(fields, fields)
    most = {field: _MOST[field.rpartition("_")[2]] for field in fields}
    found.check_whole({field: (int(field in _AT_LEAST_ONE), most[field]) for field in fields})
    return Mechanism(
        name=found.name, title=found.head["title"], kind=kind, numbers=found.values,
        sources=found.sources,
    )  # fmt: skip


def ceiling(numerator: int, denominator: int) -> int:
    """Rounded up."""
    return -(-numerator // denominator)


def _fixed_bonus(numbers: Mapping[str, int], standing: Standing, elapsed_ms: int) -> Offer:
    return Offer(
        most=1_000 * min(PPM, numbers["most_share_ppm"]),
        discount=standing.notional * numbers["bonus_ppm"] // PPM,
        fee=standing.notional * numbers["fund_fee_ppm"] // PPM,
    )


def _fillable_price(numbers: Mapping[str, int], standing: Standing, elapsed_ms: int) -> Offer:
    """(PNNV - ABR SMMR PMMR) / PS, ABR = clamp(BA (1 - TNC / TMMR), 0, 1), for all positions.

    What is above the bankruptcy price goes to the fund as far as its fee.
    """
    lost = max(0, standing.maintenance - standing.equity)
    numerator = numbers["adjustment_ppm"] * lost
    denominator = PPM * max(1, standing.maintenance)
    numerator = min(numerator, denominator)
    discount = numerator * numbers["spread_ppm"] * standing.maintenance // (denominator * PPM)
    return Offer(
        most=1_000 * min(PPM, numbers["most_share_ppm"]),
        discount=discount,
        fee=min(
            standing.notional * numbers["fund_fee_ppm"] // PPM, max(0, standing.equity - discount)
        ),
    )


def falling_price(numbers: Mapping[str, int], first: int, elapsed_ms: int) -> int:
    """The price of an auction that began at a feed of ``first``: first x start x cut ^ steps.

    Each step is rounded down.
    """
    price = first * numbers["start_ppm"] // PPM
    for _ in range(elapsed_ms // numbers["step_ms"]):
        price = price * numbers["cut_ppm"] // PPM
    return price


def _falling_price(numbers: Mapping[str, int], standing: Standing, elapsed_ms: int) -> Offer:
    """As much is sold as covers the debt and its penalty, at a price that falls in steps."""
    first = standing.first_notional
    price = falling_price(numbers, first, elapsed_ms)
    top = falling_price(numbers, first, 0)
    ended = elapsed_ms > numbers["tail_ms"] or PPM * price < numbers["cusp_ppm"] * top
    penalty = standing.debt * numbers["penalty_ppm"] // PPM
    target = standing.debt + penalty
    share = min(WHOLE, ceiling(WHOLE * target, max(1, price)))
    # The penalty is paid as far as what is sold brings more than the debt.
    paid = max(0, min(penalty, share * price // WHOLE - standing.debt))
    return Offer(
        most=share,
        discount=standing.notional - price,
        fee=ceiling(paid * WHOLE, share) if share else 0,
        reward=numbers["tip_micro_usd"] + standing.debt * numbers["chip_ppm"] // PPM,
        has_ended=ended,
    )


def bid_share(numbers: Mapping[str, int], elapsed_ms: int) -> int:
    """The share of the mark-to-market that is bid, in ppm: from first to middle, then to zero."""
    first, middle, fast = numbers["first_ppm"], numbers["middle_ppm"], numbers["fast_ms"]
    if elapsed_ms <= fast:
        return first - (first - middle) * elapsed_ms // fast
    slow = numbers["slow_ms"]
    return max(0, middle - middle * (elapsed_ms - fast) // slow)


def largest_bid(equity: int, margin: int, share_ppm: int, buffer_ppm: int) -> int:
    """The largest share of a portfolio that a bid may take, of ``WHOLE``.

    ``margin``: its maintenance margin less than zero, so equity less requirement. BM / (BM - MtM d)
    with BM = MM + b (MM - MtM): what makes the rest stand with the buffer.
    """
    buffered = PPM * margin + buffer_ppm * (margin - equity)
    return min(WHOLE, ceiling(WHOLE * buffered, buffered - equity * share_ppm))


def _falling_bid(numbers: Mapping[str, int], standing: Standing, elapsed_ms: int) -> Offer:
    equity, margin = standing.equity, standing.equity - standing.maintenance
    if equity <= 0:
        # Nothing is bid: the fund pays from the deficit alone to the whole requirement.
        waited = min(elapsed_ms, numbers["insolvent_ms"])
        return Offer(most=WHOLE, discount=standing.maintenance * waited // numbers["insolvent_ms"])
    share = bid_share(numbers, elapsed_ms)
    return Offer(
        most=largest_bid(equity, margin, share, numbers["buffer_ppm"]),
        discount=equity - equity * share // PPM,
        fee=min(equity * numbers["fund_fee_ppm"] // PPM, equity * share // PPM),
    )


def freed_share(numbers: Mapping[str, int], standing: Standing, elapsed_ms: int) -> int:
    """The share of the positions that covers the shortage, of ``WHOLE``, as far as time allows.

    shortage / (price (MR - fee) - price IFfee), MR the margin ratio of the positions.
    """
    shortage = standing.maintenance - standing.equity
    costs = numbers["bonus_ppm"] + numbers["fund_fee_ppm"]
    freed = standing.maintenance - ceiling(standing.notional * costs, PPM)
    needed = WHOLE if freed <= 0 else min(WHOLE, ceiling(WHOLE * max(0, shortage), freed))
    if shortage < numbers["whole_below_micro_usd"]:
        return needed
    allowed = numbers["initial_ppm"] + PPM * elapsed_ms // numbers["duration_ms"]
    return min(needed, 1_000 * min(PPM, allowed))


def _by_time(numbers: Mapping[str, int], standing: Standing, elapsed_ms: int) -> Offer:
    return Offer(
        most=freed_share(numbers, standing, elapsed_ms),
        discount=standing.notional * numbers["bonus_ppm"] // PPM,
        fee=standing.notional * numbers["fund_fee_ppm"] // PPM,
    )


OFFERS: Mapping[str, Callable[[Mapping[str, int], Standing, int], Offer]] = {
    "fixed_bonus": _fixed_bonus,
    "fillable_price": _fillable_price,
    "falling_price": _falling_price,
    "falling_bid": _falling_bid,
    "by_time": _by_time,
}
