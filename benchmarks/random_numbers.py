"""The random words of the paths' kernel under statistical tests.

    python -m benchmarks.random_numbers [--words N] [--seed N] [--dieharder]

Words are taken in the order in which a simulation takes them: a counter's four words, path after
path, slot after slot. Ours: chi-square of bits, of bytes, of pairs of neighbouring bytes of words
that follow each other in a path, in a slot and in a block, and of the gaps between large words; the
serial correlation at lags up to 64; the spectrum of the signs. Each gives a p-value; below 0.0001
or above 0.9999 counts as a failure. ``--dieharder``: its tests too, of an installed dieharder.

Limits: ours sees what is wrong within some 10 million words and in pairs of them. It is no TestU01:
that Philox with seven rounds passes its BigCrush is its authors' result (2011), not ours.
"""

import argparse
import math
import shutil
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from seawall.lab.paths.kernels.compiled import entry
from seawall.lab.paths.kernels.philox import LANES, Words, fill_blocks, key_of
from seawall.lab.paths.kernels.process import aligned

WORDS_PER_BLOCK = 4
LARGEST_LAG = 64
FAILS = 1e-4
Halves = NDArray[np.uint32]


@entry
def fill(rows, key, slot, path):
    """The blocks of LANES paths."""
    fill_blocks(rows, LANES, key, 0, slot, path)


def words_of(key: Words, paths: int, slots: int, first_slot: int = 0) -> Halves:
    """(slots, paths, 4), paths a multiple of LANES."""
    found = np.zeros((slots, paths // LANES, LANES, WORDS_PER_BLOCK), np.uint32)
    rows = aligned(np.zeros(WORDS_PER_BLOCK * LANES, np.float32))
    for slot in range(slots):
        for place in range(paths // LANES):
            fill(rows, key, first_slot + slot, place * LANES)
            found[slot, place] = (
                rows.view(np.uint32).reshape(WORDS_PER_BLOCK, LANES)[[0, 2, 1, 3]].T
            )
    return found.reshape(slots, paths, WORDS_PER_BLOCK)


def _normal_p(deviation: float) -> float:
    return math.erfc(-deviation / math.sqrt(2.0)) / 2.0


def chi_square(counts: NDArray[np.int64], expected: NDArray[np.float64] | float) -> float:
    """The p-value: by Wilson and Hilferty, good for the many degrees of freedom here."""
    freedom = counts.size - 1
    statistic = float(((counts - expected) ** 2 / expected).sum())
    spread = 2.0 / (9.0 * freedom)
    return _normal_p(((statistic / freedom) ** (1 / 3) - (1 - spread)) / math.sqrt(spread))


def _bits(words: Halves) -> float:
    """Each bit as often set as not."""
    ones = [np.count_nonzero(words & np.uint32(1 << bit)) for bit in range(32)]
    half = words.size / 2
    statistic = sum((each - half) ** 2 / (half / 2) for each in ones)
    spread = 2.0 / (9.0 * 32)
    return _normal_p(((statistic / 32) ** (1 / 3) - (1 - spread)) / math.sqrt(spread))


def _pairs(left: Halves, right: Halves, shift: int) -> float:
    """256 times 256 cells of a byte of one word and the highest of another, each used once."""
    first = (left.ravel() >> np.uint32(shift)) & np.uint32(255)
    second = right.ravel() >> np.uint32(24)
    counts = np.bincount(first * 256 + second, minlength=1 << 16)
    return chi_square(counts, len(first) / (1 << 16))


def _gaps(words: Halves) -> float:
    """How many words lie between words of the highest sixteenth."""
    places = np.flatnonzero(words.ravel() >= np.uint32(15 << 28))
    gaps = np.minimum(np.diff(places) - 1, 100)
    share = (1 / 16) * (15 / 16) ** np.arange(101)
    share[100] = (15 / 16) ** 100
    return chi_square(np.bincount(gaps, minlength=101), share * len(gaps))


def _serial(words: Halves) -> float:
    """Sum of squared correlations at all lags."""
    values = words.ravel() / 2.0**32 - 0.5
    variance = 1 / 12
    total = 0.0
    for lag in range(1, LARGEST_LAG + 1):
        count = len(values) - lag
        total += (float(values[:-lag] @ values[lag:]) / (count * variance)) ** 2 * count
    spread = 2.0 / (9.0 * LARGEST_LAG)
    return _normal_p(((total / LARGEST_LAG) ** (1 / 3) - (1 - spread)) / math.sqrt(spread))


def _spectrum(words: Halves) -> float:
    """95 of 100 heights of the signs' spectrum are below what NIST's test 2.6 says."""
    signs = np.where(words.ravel() >> np.uint32(31), 1.0, -1.0)
    heights = np.abs(np.fft.rfft(signs))[1:-1]
    below = np.count_nonzero(heights < math.sqrt(len(signs) * math.log(20.0)))
    expected, spread = 0.95 * len(heights), math.sqrt(0.95 * 0.05 * len(heights))
    return _normal_p((below - expected) / spread)


def battery(seed: int, words: int) -> Iterator[tuple[str, float]]:
    """Names and p-values."""
    paths = 4096
    found = words_of(key_of(seed), paths, max(2, words // (paths * WORDS_PER_BLOCK)))
    slots = len(found) // 2 * 2
    for place in range(WORDS_PER_BLOCK):
        yield f"bits of word {place}", _bits(found[:, :, place])
        yield f"bytes of word {place}", chi_square(
            np.bincount(np.ascontiguousarray(found[:, :, place]).view(np.uint8).ravel(),
                        minlength=256), found[:, :, place].size * 4 / 256,
        )  # fmt: skip
        for shift in (0, 8, 16, 24):
            here = found[:, :, place]
            yield (
                f"word {place}, byte {shift // 8}: neighbouring paths",
                _pairs(here[:, ::2], here[:, 1::2], shift),
            )
            yield (
                f"word {place}, byte {shift // 8}: following slots",
                _pairs(here[:slots:2], here[1:slots:2], shift),
            )
            yield (
                f"word {place}, byte {shift // 8}: the block's next word",
                _pairs(here, found[:, :, (place + 1) % WORDS_PER_BLOCK], shift),
            )
    yield "gaps over paths", _gaps(found)
    yield "gaps over slots", _gaps(np.ascontiguousarray(np.moveaxis(found, 0, -1)))
    yield "serial correlation over paths", _serial(found)
    yield "serial correlation over slots", _serial(np.moveaxis(found, 0, -1))
    yield "spectrum over paths", _spectrum(found)
    yield "spectrum over slots", _spectrum(np.moveaxis(found, 0, -1))


def dieharder(seed: int, tests: list[str]) -> int:
    """Its exit status; words go through a pipe, none is read twice."""
    program = shutil.which("dieharder")
    if program is None:
        sys.exit("dieharder: not installed")
    failed = 0
    for test in tests:
        process = subprocess.Popen([program, "-g", "200", "-d", test], stdin=subprocess.PIPE)
        assert process.stdin is not None
        slot, key = 0, key_of(seed)
        try:
            while process.poll() is None:
                process.stdin.write(words_of(key, 4096, 64, slot).tobytes())
                slot += 64
        except BrokenPipeError:
            pass
        failed |= process.wait()
    return failed


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--words", type=int, default=1 << 24)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--dieharder", nargs="*", metavar="TEST", help="numbers; none: 0 to 4, 15")
    chosen = parser.parse_args()
    if chosen.dieharder is not None:
        sys.exit(dieharder(chosen.seed, chosen.dieharder or ["0", "1", "2", "3", "4", "15"]))
    results = list(battery(chosen.seed, chosen.words))
    for name, p in results:
        is_off = not FAILS <= p <= 1 - FAILS
        print(f"{p:.4f}{'  FAILS' if is_off else ''}  {name}")
    failed = sum(not FAILS <= p <= 1 - FAILS for _, p in results)
    print(f"{len(results) - failed} of {len(results)} tests passed, {chosen.words:,} words")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
