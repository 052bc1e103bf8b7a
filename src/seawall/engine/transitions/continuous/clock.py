"""What is due as time passes: scheduled cancels, funding, the day's volumes, postponed work."""

from seawall.domain.codes import (
    NO_REASON,
)
from seawall.engine.compile import kernel
from seawall.engine.tables import (
    State,
    control,
)
from seawall.engine.transitions.continuous.cancels import run_scheduled_cancels
from seawall.engine.transitions.continuous.fees import (
    evaluate_fee_tiers,
)
from seawall.engine.transitions.continuous.funding import run_funding
from seawall.engine.transitions.continuous.liquidation import liquidate
from seawall.engine.transitions.continuous.triggers import fire_triggers
from seawall.engine.transitions.shared.fees import roll_days


@kernel
def advance_time(s: State) -> int:
    """ADVANCE_TIME: everything due at the clock, then the work that earlier price updates left."""
    run_scheduled_cancels(s)
    run_funding(s)
    if roll_days(s):
        evaluate_fee_tiers(s)
    row = control(s)
    for market in range(row.markets_used):
        fire_triggers(s, market)
    liquidate(s, -1)
    return NO_REASON
