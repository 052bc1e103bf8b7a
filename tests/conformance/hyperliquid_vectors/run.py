"""All groups of a file of facts, in one process; prints the findings as JSON.

    SEAWALL_INTERPRETED=1 python -m tests.conformance.hyperliquid_vectors.run FILE

Formulas are helpers of compiled entries and have no Python wrapper of their own, so they can be
asked one by one only where kernels run as plain Python; that is decided at import, for a whole
process. Hence this script, run by the test. It is the same source, every command goes through the
same transitions (that both modes agree is tested by the parity suite), overflow raises here
instead of wrapping, and nothing has to be compiled first.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from seawall.engine.compile import INTERPRETED
from tests.conformance.hyperliquid_vectors import accounts, fees, funding, margins, orders
from tests.conformance.hyperliquid_vectors.report import Group
from tests.facts import tables

GROUPS: dict[str, Callable[[Group, Any, Any], None]] = {
    "margin_tiers": margins.margin_tiers,
    "maintenance_margin": margins.maintenance_margin,
    "liquidation_price": margins.liquidation_price,
    "isolated_open_margin": margins.isolated_open_margin,
    "account_state": accounts.account_state,
    "price_validity": orders.price_validity,
    "size_validity": orders.size_validity,
    "funding": funding.funding,
    "fees": fees.fees,
}


def run_group(name: str, facts: dict[str, Any]) -> dict[str, Any]:
    """One group's findings; what goes wrong outside any case is a failure of the group."""
    group = Group()
    try:
        GROUPS[name](group, facts[name], facts)
    except Exception as error:
        with group.case(f"the group {name} itself"):
            raise ValueError(f"{type(error).__name__}: {error}") from error
    return group.result()


def main(path: str) -> None:
    assert INTERPRETED, "set SEAWALL_INTERPRETED=1"
    np.seterr(over="raise")
    facts = tables.read(Path(path))
    found = {name: run_group(name, facts) for name in facts if name in GROUPS}
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1])
