"""Compiled formulas on the venue's cases, and against plain Python on drawn numbers.

The facts prove the formulas as plain Python; this proves the compiled ones, wherever the
numbers fit 64 bits. What a compiled formula saturates at is part of the comparison.
"""

import json
import os
import random
import subprocess
import sys
from typing import Any

import pytest

from seawall.engine.compile import INTERPRETED
from tests.conformance.dydx_vectors import arithmetic, fractions
from tests.conformance.dydx_vectors.run import same
from tests.conformance.test_dydx_vectors import leaves
from tests.facts.dydx import read
from tests.scalar_formulas import NAMES, ask
from tests.shared_files import ROOT

pytestmark = [
    pytest.mark.skipif(INTERPRETED, reason="kernels are plain Python here; nothing is compiled"),
]

GROUPS = arithmetic.GROUPS | fractions.GROUPS
BOUND = 2**62
ROUNDS = 40


def fits(value: Any) -> bool:
    return all(not isinstance(leaf, int) or abs(leaf) < BOUND for _, leaf in leaves(value))


@pytest.mark.parametrize("name", sorted(GROUPS))
def test_compiled_dydx_formulas_match_the_facts(name: str) -> None:
    cases = [case for case in read()[name] if fits([case["given"], case["expected"]])]
    wrong = [
        (case["name"], got, case["expected"])
        for case in cases
        if not same(got := GROUPS[name](case["given"]), case["expected"])
    ]
    assert cases
    assert not wrong


class Draw:
    """Numbers of every length, edges included."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)

    def positive(self, bits: int = 62) -> int:
        """From 1 to 2^bits - 1, of any length; no power of two, so no product is -2^63."""
        return self.chance.getrandbits(self.chance.randint(2, bits)) | 1

    def unsigned(self, bits: int = 62) -> int:
        return self.chance.choice((0, 2**bits - 1, *[self.positive(bits)] * 6))

    def signed(self, bits: int = 62) -> int:
        return self.unsigned(bits) * self.chance.choice((1, -1))

    def exponent(self, most: int = 18) -> int:
        return self.chance.randint(-most, most)

    def flag(self) -> int:
        return self.chance.randint(0, 1)

    def ppm(self) -> int:
        return self.chance.choice((0, 1, 999_999, 1_000_000, self.chance.randint(0, 1_000_000)))

    def caps(self) -> tuple[int, int, int]:
        lower, upper = sorted((self.unsigned(), self.unsigned()))
        middle = self.chance.randint(lower, upper)
        return self.chance.choice((middle, lower, upper, self.unsigned())), lower, upper

    def near(self, value: int) -> int:
        return max(1 - 2**62, min(2**62 - 1, value + self.chance.randint(-1, 1)))

    def sums(self) -> list[int]:
        """Three products of four; sometimes the third is the first, and the second nothing."""
        factors = [self.unsigned() for _ in range(12)]
        if self.flag():
            factors[8:] = factors[:4]
            factors[self.chance.randint(4, 7)] = self.flag()
        return factors

    def standings(self) -> list[int]:
        net, maintenance = self.signed(), self.unsigned()
        if self.flag():
            return [net, maintenance, self.signed(), self.unsigned()]
        return [net, maintenance, self.near(net), abs(self.near(maintenance))]

    def question(self, name: str) -> list[Any]:
        """Arguments of one formula, within what it is defined for."""
        if name in ("scaled_floor", "scaled_toward_zero"):
            return [self.signed(), self.signed(), self.exponent(36)]
        if name == "notional_of":
            return [self.signed(), self.unsigned(), self.exponent()]
        if name in ("size_worth", "average_price"):
            return [self.signed(), self.positive(), self.exponent()]
        if name == "fill_quote":
            return [self.unsigned(), self.unsigned(), self.exponent()]
        if name in ("oracle_in_subticks", "subticks_to_oracle"):
            return [self.unsigned(), self.exponent()]
        if name in ("mul_ppm", "initial_requirement"):
            return [self.signed(), self.ppm() * self.chance.choice((1, 4000)), self.flag()]
        if name in ("rounded_ratio", "multiple_of"):
            divisor = self.positive() * (
                1 if name == "multiple_of" else self.chance.choice((1, -1))
            )
            return [self.signed(60), min(divisor, 2**60 - 1), self.flag()]
        if name == "divide_ceil":
            return [self.signed(), self.positive() * self.chance.choice((1, -1))]
        if name == "scaled_initial_ppm":
            return [self.ppm(), *self.caps()]
        if name == "maintenance_requirement":
            return [self.unsigned(), self.ppm(), self.ppm()]
        if name in ("maintenance_ppm", "clamp_bound_ppm"):
            factor = [self.unsigned(32)] if name == "clamp_bound_ppm" else []
            return [*factor, self.ppm(), self.ppm()]
        if name in ("compare_products", "compare_standing"):
            return self.standings()
        if name == "improvement_rejection":
            now, then = self.standings(), self.standings()
            return [now[0], self.near(now[0]), now[1], then[0], then[1], abs(self.near(now[1]))]
        if name == "lasting_moves":
            return [self.signed(), *(self.unsigned(58) for _ in range(2)), self.flag()]
        if name == "compare_sums":
            return self.sums()
        net = self.signed()
        return [net, self.near(net)]


def questions() -> list[list[Any]]:
    draw = Draw(20260304)
    return [[name, *draw.question(name)] for name in NAMES for _ in range(ROUNDS)]


def test_compiled_formulas_equal_the_interpreted_ones() -> None:
    asked = questions()
    result = subprocess.run(
        [sys.executable, "-m", "tests.scalar_formulas"],
        cwd=ROOT,
        env={
            **os.environ,
            "SEAWALL_INTERPRETED": "1",
            "PYTHONPATH": os.pathsep.join((str(ROOT / "src"), str(ROOT))),
        },
        input=json.dumps(asked),
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    plain = json.loads(result.stdout)
    compiled = json.loads(json.dumps([ask(name, *numbers) for name, *numbers in asked]))
    assert len(plain) == len(compiled) == len(NAMES) * ROUNDS
    pairs = zip(asked, plain, compiled, strict=True)
    assert [entry for entry in pairs if entry[1] != entry[2]] == []
    for name in NAMES:
        answers = {
            str(answer) for (asked_name, *_), answer in zip(asked, plain, strict=True)
            if asked_name == name
        }  # fmt: skip
        assert len(answers) > 1, f"{name} was never asked anything that matters"


def test_a_number_beyond_64_bits_is_refused() -> None:
    with pytest.raises(OverflowError, match="beyond 64 bits"):
        ask("notional_of", 2**63, 1, 0)
