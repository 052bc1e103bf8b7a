"""The fast engine against the naive twin on seeded streams of adversarial commands."""

import pytest

from tests.naive.comparison import Comparison, run
from tests.rulebooks import BTC, DOGE, ETH, RULEBOOKS, XYZ
from tests.simulation.generator import Generator

MARKETS = {
    "one": [BTC],
    "two": [BTC, ETH],
    "isolated": [ETH, DOGE, XYZ],
}
COMMANDS = 400
CASES = [
    (name, markets, seed)
    for seed in range(3)
    for markets in MARKETS
    for name in ("lively", "standard", "oracle mark", "backstop first", "insured", "impact mid")
]


@pytest.mark.parametrize(("name", "markets", "seed"), CASES)
def test_machines_agree(name: str, markets: str, seed: int) -> None:
    instruments = MARKETS[markets]
    comparison = Comparison(RULEBOOKS[name], instruments)
    run(comparison, Generator(seed, instruments, comparison.naive), COMMANDS)
