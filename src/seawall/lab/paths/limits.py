"""What an account may lose: its risk capital, and how far it may fall from its highest equity.

**Ruin** has one meaning: at some moment of the horizon the *account* has lost its risk capital, so
that its equity is lower than at the start by that much. A bucket that is liquidated is no ruin
while the account keeps more than that.
"""

from msgspec import Struct

from seawall.domain.errors import InputError
from seawall.domain.quantities import Amount, share, usd_or_share
from seawall.domain.units import MICRO
from seawall.lab.arrays import Mask
from seawall.lab.paths.kernels.task import Outcomes

RISK_CAPITAL = "50%"
"""Of the equity now: a loss after which what is left has to be doubled to be back."""
MAX_DRAWDOWN = "30%"
ROUNDED_OFF = 1e-9
"""Share of the risk capital that a sum of floats may lack."""


class RiskLimits(Struct, frozen=True):
    """``risk_capital``: share of the equity at the start. ``max_drawdown``: share of the highest
    equity so far.

    As shares they stay the same where the same positions are held with other money.
    """

    risk_capital: float
    max_drawdown: float

    def is_ruined(self, start_equity: float, outcomes: Outcomes) -> Mask:
        """(n,) whether the account lost its risk capital at some moment."""
        lost = start_equity - outcomes.lowest
        result: Mask = lost >= self.risk_capital * start_equity * (1 - ROUNDED_OFF)
        return result

    def is_drawn_down(self, outcomes: Outcomes) -> Mask:
        """(n,) whether it fell further from its highest equity so far than it may."""
        result: Mask = outcomes.drawdown > self.max_drawdown
        return result


def read_limits(risk_capital: Amount, max_drawdown: Amount, equity: float) -> RiskLimits:
    """The limits of an account with ``equity`` in USD.

    ``risk_capital``: USD, or a text with ``%`` for a share of the equity. Raises InputError.
    """
    expected = "USD from 1 to the equity of the account, or a share of it such as 50%"
    part = usd_or_share("risk_capital", risk_capital, round(MICRO * max(equity, 0.0)))
    is_share = isinstance(risk_capital, str) and risk_capital.strip().endswith("%")
    if is_share:
        capital = float(share("risk_capital", risk_capital))
    elif MICRO <= part <= MICRO * equity:
        capital = part / MICRO / equity
    else:
        # Half a dollar is half of the equity, mistyped.
        raise InputError.of("", "risk_capital", risk_capital, expected)
    return RiskLimits(capital, float(share("max_drawdown", max_drawdown, example="30%")))
