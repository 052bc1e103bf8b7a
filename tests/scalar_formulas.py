"""The formulas on plain numbers, to be asked one by one in either mode.

Helpers of compiled entries have no Python wrapper of their own. Here one compiled function asks
them all by number, which costs a few seconds on first use; where kernels run as plain Python it
is an ordinary function.

    python -m tests.scalar_formulas < questions

answers a JSON list of ``[name, number, ...]`` with NumPy's integers for the numbers.
"""

import json
import sys
from typing import Any

import numpy as np

from seawall.engine.compile import INTERPRETED
from seawall.engine.formulas.blocks.fractions import (
    clamp_bound_ppm,
    initial_requirement,
    maintenance_ppm,
    maintenance_requirement,
    scaled_initial_ppm,
)
from seawall.engine.formulas.blocks.scaling import (
    average_price,
    divide_ceil,
    fill_quote,
    mul_ppm,
    multiple_of,
    notional_of,
    oracle_in_subticks,
    rounded_ratio,
    scaled_floor,
    scaled_toward_zero,
    size_worth,
    subticks_to_oracle,
)
from seawall.engine.formulas.blocks.standing import (
    compare_standing,
    covers_initial,
    covers_maintenance,
    improvement_rejection,
    is_under_maintenance,
)
from seawall.engine.formulas.blocks.watch import (
    lasting_moves,
    price_move,
    standing_at_maintenance,
)
from seawall.engine.formulas.shared.wide import compare_products, compare_sums

NAMES = (
    "scaled_floor scaled_toward_zero mul_ppm notional_of size_worth fill_quote average_price "
    "oracle_in_subticks subticks_to_oracle rounded_ratio divide_ceil multiple_of "
    "scaled_initial_ppm initial_requirement maintenance_requirement maintenance_ppm "
    "clamp_bound_ppm covers_initial covers_maintenance is_under_maintenance compare_standing "
    "improvement_rejection compare_products price_move standing_at_maintenance lasting_moves "
    "compare_sums"
).split()
PAIRS = frozenset({"average_price", "oracle_in_subticks"})
TRUTHS = frozenset({"covers_initial", "covers_maintenance", "is_under_maintenance"})
NUMBERS = 12


def _scaled(op, a, b, c):  # type: ignore[no-untyped-def]
    if op == 0:
        return scaled_floor(a, b, c), 0
    if op == 1:
        return scaled_toward_zero(a, b, c), 0
    if op == 2:
        return mul_ppm(a, b, c), 0
    if op == 3:
        return notional_of(a, b, c), 0
    if op == 4:
        return size_worth(a, b, c), 0
    if op == 5:
        return fill_quote(a, b, c), 0
    if op == 6:
        return average_price(a, b, c)
    if op == 7:
        return oracle_in_subticks(a, b)
    if op == 8:
        return subticks_to_oracle(a, b), 0
    if op == 9:
        return rounded_ratio(a, b, c), 0
    if op == 10:
        return divide_ceil(a, b), 0
    return multiple_of(a, b, c), 0


def _judged(op, a, b, c, d, e, f):  # type: ignore[no-untyped-def]
    if op == 12:
        return scaled_initial_ppm(a, b, c, d)
    if op == 13:
        return initial_requirement(a, b)
    if op == 14:
        return maintenance_requirement(a, b, c)
    if op == 15:
        return maintenance_ppm(a, b)
    if op == 16:
        return clamp_bound_ppm(a, b, c)
    if op == 17:
        return 1 if covers_initial(a, b) else 0
    if op == 18:
        return 1 if covers_maintenance(a, b) else 0
    if op == 19:
        return 1 if is_under_maintenance(a, b) else 0
    if op == 20:
        return compare_standing(a, b, c, d)
    if op == 21:
        return improvement_rejection(a, b, c, d, e, f)
    if op == 22:
        return compare_products(a, b, c, d)
    if op == 23:
        return price_move(a, b)
    if op == 24:
        return standing_at_maintenance(a, b)
    return lasting_moves(a, b, c, d)


if not INTERPRETED:
    import numba

    _scaled = numba.njit(error_model="numpy")(_scaled)
    _judged = numba.njit(error_model="numpy")(_judged)


def _answer(op, a, b, c, d, e, f, g, h, i, j, k, m):  # type: ignore[no-untyped-def]
    if op < 12:
        return _scaled(op, a, b, c)
    if op < 26:
        return _judged(op, a, b, c, d, e, f), 0
    return compare_sums(a, b, c, d, e, f, g, h, i, j, k, m), 0


if not INTERPRETED:
    _answer = numba.njit(error_model="numpy")(_answer)


def ask(name: str, *numbers: Any) -> Any:
    """What the formula ``name`` answers: a number, a pair of numbers, or a truth value.

    Raises OverflowError for a number that compiled formulas cannot hold.
    """
    if not INTERPRETED and any(not -(2**63) <= number < 2**63 for number in numbers):
        raise OverflowError(f"{name}{numbers} has a number beyond 64 bits")
    padded = [*numbers, *[0] * (NUMBERS - len(numbers))]
    first, second = _answer(NAMES.index(name), *padded)
    if name in TRUTHS:
        return bool(first)
    return (int(first), int(second)) if name in PAIRS else int(first)


def main() -> None:
    np.seterr(all="raise")
    questions = json.load(sys.stdin)
    print(json.dumps([ask(name, *map(np.int64, numbers)) for name, *numbers in questions]))


if __name__ == "__main__":
    main()
