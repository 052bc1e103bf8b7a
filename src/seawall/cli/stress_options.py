"""The options of ``seawall stress`` and their description."""

from dataclasses import dataclass
from pathlib import Path

from cyclopts import Parameter

from seawall.cli.params import SignedTexts, Texts


@Parameter(name="*")
@dataclass(frozen=True)
class StressOptions:
    """What to do to the account; texts, checked by ``stress_inputs``."""

    shock: SignedTexts = None
    """Sizes in percent: 20 is both ways, -20 down, +20 up; a list with commas or several times.
    Without it 5,10,15,20,30."""
    beta: Texts = None
    """How far a market moves when BTC moves 1 %, such as ETH=1.2; may be given several times."""
    betas: Path | None = None
    """A TOML file of betas, one line a market: ETH = 1.2."""
    survive: SignedTexts = None
    """A move that should be survived: 20% against every position, -20% or +20% of all markets,
    BTC=-20% of one, beta=-20% of BTC and all others by their betas. Says what to add or close."""
    scenario: Texts = None
    """A named scenario, a scenario file, or all; may be given several times."""
    depth: Texts = None
    """USD within 50 bp per side of the book, for all markets (5000000) or one (BTC=5000000)."""
