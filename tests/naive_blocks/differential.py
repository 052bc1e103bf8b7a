"""Longer streams through both machines under rules of blocks:

    python -m tests.naive_blocks.differential --seeds 100 --first 0 --commands 500

Prints what the streams reached, and each difference with the command that showed it.
"""

import argparse
from collections import Counter
from collections.abc import Iterator

from tests.block_rulebooks import BLOCK_RULEBOOKS, BTC, CROWDED, DOGE, ETH, UNEVEN
from tests.naive_blocks.comparison import Comparison, Difference, run
from tests.naive_blocks.generator import BlockGenerator

MARKETS = {
    "one": [BTC],
    "isolated": [CROWDED, DOGE],
    "uneven": [UNEVEN, ETH],
}
RULES = ("lively blocks", "rotating blocks", "slow blocks")


def cases(first: int, seeds: int) -> Iterator[tuple[str, str, int]]:
    """(rulebook, markets, seed)."""
    for seed in range(first, first + seeds):
        for markets in MARKETS:
            for name in RULES:
                yield name, markets, seed


def run_case(name: str, markets: str, seed: int, commands: int) -> BlockGenerator:
    """Raises Difference where the machines disagree."""
    instruments = MARKETS[markets]
    comparison = Comparison(BLOCK_RULEBOOKS[name], instruments)
    generator = BlockGenerator(f"{name} {markets} {seed}", instruments, comparison.naive)
    run(comparison, generator, commands)
    return generator


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--commands", type=int, default=500)
    chosen = parser.parse_args()
    events: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    differences = 0
    for name, markets, seed in cases(chosen.first, chosen.seeds):
        try:
            generator = run_case(name, markets, seed, chosen.commands)
        except Difference as difference:
            differences += 1
            print(f"seed {seed}, markets {markets}, rulebook {name}: {difference}")
        else:
            events.update(generator.events)
            reasons.update(generator.reasons)
    for title, counts in (("events", events), ("reasons", reasons)):
        print(f"{title}: " + ", ".join(f"{n} {counts[n]}" for n in sorted(counts)))
    print(f"{differences} differences")
    return 1 if differences else 0


if __name__ == "__main__":
    raise SystemExit(main())
