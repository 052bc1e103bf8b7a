"""What of a policy a venue cannot carry out, so that it is refused when it is loaded."""

from seawall.domain.errors import InputError
from seawall.guard.policy import CHASE, GUARD, ICEBERG, Policy
from seawall.venues.gateway_port import Gateway

_POST_ONLY, _TRIGGER = "post_only", "trigger"


def check_supported(policy: Policy, gateway: Gateway, venue: str) -> None:
    """Raises InputError naming the first part that needs an order which the venue does not take."""
    kinds = gateway.order_kinds
    for number, each in enumerate(policy.executions):
        if each.style in (CHASE, ICEBERG) and _POST_ONLY not in kinds:
            raise InputError.of(
                f"execution[{number}]", "style", each.style,
                f"market, twap or pov: on {venue} no order rests that only reduces",
            )  # fmt: skip
    for number, stop in enumerate(policy.stops):
        if stop.held_by != GUARD and _TRIGGER not in kinds:
            raise InputError.of(
                f"stop[{number}]", "held_by", stop.held_by,
                f"{GUARD}: {venue} has no trigger order that only reduces",
            )  # fmt: skip
