"""How net collateral compares with the requirements, all micro-USD, and with what it was before.

Ratios are compared exactly.
"""

from seawall.domain.codes import NEWLY_UNDERCOLLATERALIZED, NO_REASON, STILL_UNDERCOLLATERALIZED
from seawall.engine.compile import kernel
from seawall.engine.formulas.shared.wide import compare_products


@kernel
def covers_initial(net: int, initial: int) -> bool:
    """Whether net collateral is at least the initial requirement."""
    return net >= initial


@kernel
def covers_maintenance(net: int, maintenance: int) -> bool:
    """Whether net collateral is at least the maintenance requirement."""
    return net >= maintenance


@kernel
def is_under_maintenance(net: int, maintenance: int) -> bool:
    """Whether the account is to be liquidated. Without a requirement it never is."""
    return maintenance > 0 and net < maintenance


@kernel
def compare_standing(net_a: int, maintenance_a: int, net_b: int, maintenance_b: int) -> int:
    """1 where the first is riskier, -1 where the second is, 0 where they are equal.

    The smaller net / maintenance is riskier, cross-multiplied; then the larger requirement;
    then, with no requirement on either side, the smaller net.
    """
    order = compare_products(net_b, maintenance_a, net_a, maintenance_b)
    if order != 0:
        return order
    if maintenance_a != maintenance_b:
        return 1 if maintenance_a > maintenance_b else -1
    if net_a != net_b:
        return 1 if net_a < net_b else -1
    return 0


@kernel
def improvement_rejection(
    net: int, initial: int, maintenance: int, new_net: int, new_initial: int, new_maintenance: int
) -> int:
    """Why a change may not leave an account below its initial requirement, or NO_REASON.

    The caller has found ``new_net`` < ``new_initial``; only an improvement is allowed: a
    maintenance requirement that does not grow and a ratio that does not get worse. Without
    requirements on both sides net collateral must grow.
    """
    refusal = STILL_UNDERCOLLATERALIZED
    if covers_initial(net, initial):
        refusal = NEWLY_UNDERCOLLATERALIZED
    if new_maintenance > maintenance:
        return refusal
    if new_maintenance == 0 or maintenance == 0:
        improved = new_maintenance == maintenance and new_net > net
    else:
        improved = compare_standing(new_net, new_maintenance, net, maintenance) <= 0
    return NO_REASON if improved else refusal
