"""A wave of deleveraging: what the bankrupt lack, what is closed, and the winners who can pay.

A bankrupt position of ``size`` contracts is closed against winners, who hold the other side. They
get ``close_price`` where the market stands at ``mark_price``: the difference, times the size, is
what the bankrupt cannot pay (``needed``). A winner whose position is closed also misses what the
price does afterwards: ``later_price`` is the price at which the outcome is looked at.

Where one wave stands for many markets, sizes are USD at the mark and the mark is 1.
"""

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from seawall.domain.errors import InputError
from seawall.lab.arrays import Floats


class WaveError(InputError):
    """A wave that cannot be; the text names wave and field and says what would be right."""


class Winners(Struct, frozen=True, kw_only=True, eq=False):
    """n holders of the other side, in the order of their accounts. Arrays of shape (n,).

    ``size``: contracts, above zero. ``entry_price``: mean, USD a contract. ``equity``: USD of what
    stands behind the position, the cross account or the isolated bucket, profit included.
    ``names``: empty, or one for each.
    """

    size: Floats
    entry_price: Floats
    equity: Floats
    names: Sequence[str] = ()

    def __len__(self) -> int:
        return len(self.size)


class DeleveragingWave(Struct, frozen=True, kw_only=True, eq=False):
    """Prices in USD a contract.

    ``closes_longs``: the bankrupt position is long, so the winners are short. ``later_price``: None
    for the mark. ``step``: the smallest part of a contract that can be closed, 0 for any.
    ``needed_usd``: None for what the prices say. ``deficit_usd`` and ``largest_deficit_usd``: what
    all the bankrupt together and the worst of them are below zero, where that is known.
    ``own``: which of the winners is your account.
    """

    name: str
    winners: Winners
    closes_longs: bool
    size: float
    mark_price: float
    close_price: float
    later_price: float | None = None
    step: float = 0.0
    needed_usd: float | None = None
    deficit_usd: float | None = None
    largest_deficit_usd: float | None = None
    own: int | None = None

    @property
    def direction(self) -> int:
        """1 where a higher price costs the winners, who are short; -1 where they are long."""
        return 1 if self.closes_longs else -1

    @property
    def gap(self) -> float:
        """USD a contract that a winner gives up against the mark; below zero where it is given."""
        return self.direction * (self.close_price - self.mark_price)

    @property
    def missed(self) -> float:
        """USD a contract that a closed winner would have had more at the later price."""
        return self.gap + self.later_gain

    @property
    def later_gain(self) -> float:
        """USD a contract that winners gain from the mark to the later price."""
        later = self.mark_price if self.later_price is None else self.later_price
        return self.direction * (self.mark_price - later)

    @property
    def needed(self) -> float:
        """USD that the bankrupt cannot pay."""
        if self.needed_usd is not None:
            return self.needed_usd
        return self.size * max(0.0, self.gap)

    @property
    def notional(self) -> Floats:
        """USD of each winner's position at the mark."""
        return self.winners.size * self.mark_price

    @property
    def profit(self) -> Floats:
        """Unrealised USD of each winner at the mark; below zero where it is losing."""
        moved = self.direction * (self.winners.entry_price - self.mark_price)
        return self.winners.size * moved

    @property
    def capacity(self) -> Floats:
        """USD that can be taken from each: the profit, and no more than the equity."""
        return np.maximum(0.0, np.minimum(self.profit, self.winners.equity))

    @property
    def leverage(self) -> Floats:
        """Notional over equity; 0 without equity."""
        equity = self.winners.equity
        has = equity > 0
        return np.where(has, self.notional / np.where(has, equity, 1.0), 0.0)


def checked_wave(wave: DeleveragingWave) -> DeleveragingWave:
    """The wave itself. Raises WaveError."""
    winners = wave.winners
    lengths = {len(winners.size), len(winners.entry_price), len(winners.equity)}
    if len(lengths) != 1 or len(winners.names) not in (0, len(winners)):
        raise _error(wave, "winners", f"columns of different lengths {sorted(lengths)}")
    if not len(winners):
        raise _error(wave, "winners", "there are none; give at least one")
    for field in ("size", "mark_price", "close_price", "later_price"):
        value = getattr(wave, field)
        if value is not None and not (np.isfinite(value) and value > 0):
            raise _error(wave, field, f"{value:g} is no number above zero")
    for field in ("step", "needed_usd", "deficit_usd", "largest_deficit_usd"):
        value = getattr(wave, field)
        if value is not None and not (np.isfinite(value) and value >= 0):
            raise _error(wave, field, f"{value:g} is no number of at least zero")
    for field in ("size", "entry_price", "equity"):
        column = getattr(winners, field)
        is_bad = ~np.isfinite(column) | ((column <= 0) & (field != "equity"))
        if is_bad.any():
            place = int(np.argmax(is_bad))
            wanted = "a finite number" if field == "equity" else "a number above zero"
            raise _error(wave, f"winner {place + 1}: {field}", f"{column[place]:g} is not {wanted}")
    return wave


def with_winner(
    wave: DeleveragingWave, notional: float, profit: float, equity: float
) -> DeleveragingWave:
    """The wave with one more winner, your account. USD at the mark.

    Raises WaveError, if such a position cannot be.
    """
    size = notional / wave.mark_price
    if wave.step > 0:
        size = max(1.0, np.round(size / wave.step)) * wave.step
    entry = wave.mark_price + wave.direction * profit / size if size > 0 else np.nan
    if size > 0 and not entry > 0:
        bound = f"above {-notional:g}" if wave.closes_longs else f"below {notional:g}"
        side = "short" if wave.closes_longs else "long"
        raise WaveError.of("", "profit", profit, f"{bound} for a {side} of {notional:g} USD")
    old = wave.winners
    winners = Winners(
        size=np.append(old.size, size),
        entry_price=np.append(old.entry_price, entry),
        equity=np.append(old.equity, equity),
        names=(*old.names, "you") if old.names else (),
    )
    return checked_wave(replace(wave, winners=winners, own=len(old)))


def _error(wave: DeleveragingWave, field: str, words: str) -> WaveError:
    return WaveError(f"wave {wave.name}: {field}: {words}")
