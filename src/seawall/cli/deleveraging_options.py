"""The options of ``seawall deleveraging``, checked."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from seawall.domain.errors import InputError

if TYPE_CHECKING:
    from seawall.lab.deleveraging.policies import Terms
    from seawall.lab.deleveraging.wave import DeleveragingWave

_LARGEST_SEED = 2**32


@Parameter(name="*")
@dataclass(frozen=True)
class DeleveragingOptions:
    """Which waves, and what policies keep to."""

    wave: Annotated[list[str] | None, Parameter(negative="")] = None
    """Only the wave of this name; may be given several times."""
    largest_share: float = 1.0
    """Policies that pay take at most this share of anybody's profit, above 0 and up to 1."""
    power: float = 1.0
    """Of the risk model of risk-aware pro-rata: 1 weighs leverage squared, 2 cubed."""
    contracts: Annotated[bool, Parameter(negative="")] = False
    """Pro-rata policies close contracts in their proportions instead of taking money."""
    step: float | None = None
    """Whole contracts of this size, instead of the step of each wave; 0 for any part."""
    visits: int | None = None
    """How many winners the rotation asks at most."""
    seed: int = 1
    """Draws the built-in wave, the stand-ins of the recorded day, and where rotations begin."""

    def terms(self) -> "Terms":
        """Raises InputError."""
        import numpy as np

        from seawall.lab.deleveraging.policies import Terms

        if not 0 < self.largest_share <= 1:
            raise InputError(f"--largest-share: {self.largest_share:g} is not above 0 and up to 1")
        if not (math.isfinite(self.power) and 0 <= self.power <= 10):
            raise InputError(f"--power: {self.power:g} is not from 0 to 10")
        if self.step is not None and not (math.isfinite(self.step) and self.step >= 0):
            raise InputError(f"--step: {self.step:g} is no number of at least 0")
        if self.visits is not None and self.visits < 1:
            raise InputError(f"--visits: {self.visits} is not at least 1")
        if not 0 <= self.seed < _LARGEST_SEED:
            raise InputError(f"--seed: {self.seed} is not from 0 to {_LARGEST_SEED - 1}")
        return Terms(
            start=int(np.random.default_rng(self.seed).integers(_LARGEST_SEED)),
            visits=self.visits,
            largest_share=self.largest_share,
            power=self.power,
            in_contracts=self.contracts,
        )

    def chosen(self, waves: Sequence["DeleveragingWave"]) -> list["DeleveragingWave"]:
        """The wished waves with the wished step. Raises InputError."""
        from msgspec.structs import replace

        names = [each.name for each in waves]
        for wished in self.wave or []:
            if wished not in names:
                known = ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
                raise InputError(f"--wave: there is no wave {wished!r}; there are {known}")
        kept = [each for each in waves if not self.wave or each.name in self.wave]
        if self.step is None:
            return kept
        return [replace(each, step=self.step) for each in kept]


@Parameter(name="*")
@dataclass(frozen=True)
class OwnWinner:
    """The reader as one more winner; all three or none."""

    equity: float | None = None
    """Your account value in USD, to see what would have been taken from you."""
    profit: float | None = None
    """Your unrealised profit in USD."""
    notional: float | None = None
    """Your position in USD, on the winners' side."""

    @property
    def is_given(self) -> bool:
        return self.equity is not None

    def check(self) -> None:
        """Raises InputError."""
        given = {"equity": self.equity, "profit": self.profit, "notional": self.notional}
        missing = [f"--{name}" for name, value in given.items() if value is None]
        if 0 < len(missing) < len(given):
            raise InputError(
                f"{missing[0]}: missing; give --equity, --profit and --notional together"
            )
        for name, value in given.items():
            if value is not None and not math.isfinite(value):
                raise InputError(f"--{name}: {value} is no number")
        for name in ("equity", "notional"):
            value = given[name]
            if value is not None and value <= 0:
                raise InputError(f"--{name}: {value:g} is not above zero")

    def placed(self, waves: Sequence["DeleveragingWave"]) -> list["DeleveragingWave"]:
        """The waves with the reader in each, where all three are given. Raises WaveError."""
        from seawall.lab.deleveraging.wave import with_winner

        if self.equity is None or self.profit is None or self.notional is None:
            return list(waves)
        return [with_winner(each, self.notional, self.profit, self.equity) for each in waves]
