"""All groups of a file of facts, in one process; prints the findings as JSON.

    SEAWALL_INTERPRETED=1 python -m tests.conformance.dydx_vectors.run FILE

Kernels run as plain Python here, on states whose numbers have no end: ``wide.py`` says why.
A family of groups is a module with ``GROUPS``: for each group the function from a case's given
to what the file expects. Results are compared exactly, type for type, unless the module's
``COMPARE`` has a function of (got, expected) for the group.
"""

import json
import sys
from collections.abc import Callable, Iterable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from seawall.engine.compile import INTERPRETED
from tests.facts.dydx import Groups, read

FAMILIES = (
    "arithmetic fractions margins funding fees order_messages twap liquidation accounts".split()
)

Answer = Callable[[Any], Any]
Compare = Callable[[Any, Any], bool]


def canonical(value: Any) -> str:
    """Text that differs where values or their types do: 1 is not true, order counts in lists."""
    return json.dumps(value, sort_keys=True, default=int)


def same(got: Any, expected: Any) -> bool:
    return canonical(got) == canonical(expected)


def known_groups(families: Iterable[str] = FAMILIES) -> dict[str, tuple[Answer, Compare]]:
    """Every group that a family claims, with how its results are compared."""
    known: dict[str, tuple[Answer, Compare]] = {}
    for family in families:
        name = f"{__package__}.{family}"
        if find_spec(name) is None:
            continue
        module = import_module(name)
        for group, answer in module.GROUPS.items():
            assert group not in known, f"{group} is claimed twice"
            known[group] = (answer, getattr(module, "COMPARE", {}).get(group, same))
    return known


def run_case(case: Any, answer: Answer, compare: Compare) -> dict[str, Any] | None:
    """What differs, or None."""
    try:
        got = answer(case["given"])
        if compare(got, case["expected"]):
            return None
    except Exception as error:
        got = f"{type(error).__name__}: {error}"
    return {"name": case["name"], "expected": case["expected"], "got": got}


def run_group(cases: list[Any], answer: Answer, compare: Compare) -> dict[str, Any]:
    found = [run_case(case, answer, compare) for case in cases]
    failures = [failure for failure in found if failure]
    return {
        "matched": len(cases) - len(failures),
        "total": len(cases),
        "failures": failures,
        "unclaimed": False,
    }


def run(groups: Groups) -> dict[str, Any]:
    """Findings for every group of the file, those that no family knows included."""
    known = known_groups()
    found = {}
    for name, cases in groups.items():
        if name in known:
            found[name] = run_group(cases, *known[name])
        else:
            total = len(cases)
            found[name] = {"matched": 0, "total": total, "failures": [], "unclaimed": True}
    return found


def main(path: str) -> None:
    assert INTERPRETED, "set SEAWALL_INTERPRETED=1"
    np.seterr(all="raise")
    print(json.dumps(run(read(Path(path))), default=int))


if __name__ == "__main__":
    main(sys.argv[1])
