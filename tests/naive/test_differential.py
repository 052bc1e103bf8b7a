"""The fast engine against the naive twin on seeded streams of adversarial commands."""

import pytest

from tests.naive.comparison import Comparison, run
from tests.rulebooks import BTC, DOGE, ETH, EURO, GOLD, RULEBOOKS, SILVER, XYZ
from tests.simulation.generator import Generator

MARKETS = {
    "one": [BTC],
    "two": [BTC, ETH],
    "isolated": [ETH, DOGE, XYZ],
    "groups": [BTC, GOLD, SILVER, EURO],
    "another collateral first": [EURO, BTC, ETH, GOLD],
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
