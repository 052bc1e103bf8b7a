"""How a cascade speaks of money, time and what it assumes."""

import numpy as np
from numpy.typing import NDArray

from seawall.domain.rulebook import BlockRulebook
from seawall.lab.cascade.setup import MarketSetup
from seawall.lab.simulation.population import AGAINST, open_interest_source
from seawall.report.charts import money


def usd(value: float) -> str:
    """``$1.25M``."""
    return money(float(value))


def minutes_of(times_ms: NDArray[np.int64]) -> NDArray[np.float64]:
    """Minutes since the first time."""
    return np.asarray((times_ms - times_ms[0]) / 60_000, dtype=np.float64)


def stage_name(setup: MarketSetup, stage: int) -> str:
    """What the stages are called in a table."""
    return ("to the book", "to the backstop", "deleveraged")[stage]


def assumptions_of(setup: MarketSetup) -> list[str]:
    """Each assumption with its number."""
    people, told = setup.distribution, setup.assumptions
    fund = "insurance fund" if isinstance(setup.rulebook, BlockRulebook) else "backstop"
    source = (
        f"the leverages of the file given ({len(people.leverages):,} of them)"
        if people.leverages
        else f"a median of {people.leverage_median:g}x at 10,000 USD, log-normal with "
        f"{people.leverage_sigma:g}, lower for larger accounts"
    )
    return [
        "The path is the fundamental price. A recorded crash holds its own cascade already: what "
        "is added here comes on top; a weaker path (--strength) stands for the news alone.",
        f"Open interest without --interest: {open_interest_source()}; calm depth at least 0.5 % "
        "of it.",
        f"{people.accounts:,} accounts hold {100 * people.crowd_share:g} % of all positions, "
        f"{100 * people.long_share:g} % of that long ({100 * AGAINST:g} % of positions against "
        f"their owner's usual side); leverage: {source}; large hedgers at 1.5x hold the rest.",
        "Eating the calm depth of 50 bp moves the price 50 bp, more goes with the square root, "
        "both against the square root of the depth that is left; "
        f"{100 * told.permanent_share:g} % of each flow stays, the rest halves every "
        f"{told.half_life_seconds:g} s.",
        f"Other venues are displaced by {100 * told.coupling:g} % of the same, "
        f"{told.lag_seconds:g} s late; the oracle reads them.",
        "Makers leave when prices move (1 % in a minute leaves a fifth of the depth, at least 2 %) "
        f"and when they lose (a tenth left after {told.maker_ruin:g} calm depths).",
        f"The {fund} begins with {100 * told.backstop_share:g} % of the open interest; a backstop "
        "sells half of what it took over in ten minutes.",
    ]
