"""The question of ``seawall deleveraging``: which waves, which terms, and your own position."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from msgspec.structs import replace

from seawall.domain import quantities
from seawall.domain.errors import InputError
from seawall.domain.quantities import Amount
from seawall.lab.deleveraging.comparison import WaveOutcome, compare_policies
from seawall.lab.deleveraging.policies import Terms
from seawall.lab.deleveraging.recorded import RecordedDay, read_recorded_day, stand_in_waves
from seawall.lab.deleveraging.synthetic import synthetic_wave
from seawall.lab.deleveraging.wave import DeleveragingWave, with_winner
from seawall.lab.deleveraging.wave_file import read_waves
from seawall.report.findings import Answer, Findings

LARGEST_SEED = 2**32 - 1
MOST_NAMES = 20
LARGEST = 1e15
"""USD. No account comes near."""
_number = partial(quantities.number, percent=False)


class DeleveragingResult(Answer, frozen=True, kw_only=True, eq=False):
    """All policies on all waves. ``day``: the recorded day, where all of it is shown."""

    results: Sequence[WaveOutcome]
    terms: Terms
    source: str
    seed: int
    has_stand_ins: bool = False
    day: RecordedDay | None = None

    def findings(self) -> Findings:
        from seawall.lab.deleveraging.sheets import findings

        return findings(self)


def deleveraging(
    waves: str | Path | None = None,
    *,
    only: str | Sequence[str] = (),
    largest_share: Amount = 1,
    power: Amount = 1,
    contracts: bool = False,
    step: Amount | None = None,
    visits: int | None = None,
    seed: int = 1,
    equity: Amount | None = None,
    profit: Amount | None = None,
    notional: Amount | None = None,
) -> DeleveragingResult:
    """Compare what every deleveraging policy takes in every wave, from which winners.

    ``waves``: a file, or the folder of the recorded day; the built-in wave if None. ``only``: the
    waves of these names. ``step``: whole contracts of this size, instead of the wave's. ``equity``,
    ``profit``, ``notional``: of one more winner, USD; all three or none. The rest as ``Terms``.
    Raises SeawallError for input that cannot be used.
    """
    terms = terms_of(largest_share, power, contracts, visits, seed)
    own = _own(equity, profit, notional)
    day = None
    if waves is None:
        found, source = [synthetic_wave(seed)], "the built-in wave"
    elif Path(waves).is_dir():
        day = read_recorded_day(Path(waves))
        found, source = stand_in_waves(day, seed), f"the recorded day, {waves}"
    else:
        found, source = read_waves(Path(waves)), str(waves)
    chosen = _chosen(found, quantities.several(only))
    if step is not None:
        expected = "a number of at least 0"
        size = float(_number("step", step, least=0, most=LARGEST, expected=expected))
        chosen = [replace(each, step=size) for each in chosen]
    if own is not None:
        chosen = [with_winner(each, *own) for each in chosen]
    return DeleveragingResult(
        results=compare_policies(chosen, terms),
        terms=terms,
        source=source,
        seed=seed,
        has_stand_ins=day is not None,
        day=None if only or own is not None else day,
    )


def terms_of(
    largest_share: Amount = 1,
    power: Amount = 1,
    contracts: bool = False,
    visits: int | None = None,
    seed: int = 1,
) -> Terms:
    """What policies keep to. ``seed``: draws where rotations begin. Raises InputError."""
    if visits is not None and visits < 1:
        raise InputError.of("", "visits", visits, "at least 1")
    if not 0 <= seed <= LARGEST_SEED:
        raise InputError.of("", "seed", seed, f"from 0 to {LARGEST_SEED}")
    return Terms(
        start=int(np.random.default_rng(seed).integers(LARGEST_SEED + 1)),
        visits=visits,
        largest_share=float(quantities.share("largest_share", largest_share, example="0.3")),
        power=float(_number("power", power, least=0, most=10, expected="from 0 to 10")),
        in_contracts=contracts,
    )


def _own(
    equity: Amount | None, profit: Amount | None, notional: Amount | None
) -> tuple[float, float, float] | None:
    """(notional, profit, equity) of one more winner, or None."""
    given = {"notional": notional, "profit": profit, "equity": equity}
    if all(value is None for value in given.values()):
        return None
    found = []
    for field, value in given.items():
        if value is None:
            expected = "given, as equity, profit and notional belong together"
            raise InputError.of("", field, value, expected)
        least, expected = (-LARGEST, "USD") if field == "profit" else (0.0, "USD above 0")
        found.append(
            _number(field, value, least=least, most=LARGEST, expected=expected, above=True)
        )
    notional_, profit_, equity_ = map(float, found)
    return notional_, profit_, equity_


def _chosen(waves: Sequence[DeleveragingWave], names: Sequence[str]) -> list[DeleveragingWave]:
    known = [each.name for each in waves]
    for name in names:
        if name not in known:
            some = ", ".join(known[:MOST_NAMES]) + (", ..." if len(known) > MOST_NAMES else "")
            raise InputError.of("", "only", name, f"one of the waves: {some}")
    return [each for each in waves if not names or each.name in names]
