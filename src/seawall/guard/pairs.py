"""Pairs: two positions that hedge each other, and what becomes of one when the other is lost.

A pair is neutral in the price of both, not in margin: each coin moving alone has a price at which
the pool is liquidated. A leg is lost when it is smaller, against its size in the pair, than the
other: liquidated, deleveraged, filled away, or closed by the guard itself.
"""

from typing import NamedTuple

from msgspec import structs

from seawall.domain.units import PPM
from seawall.guard.draft import Draft
from seawall.guard.memory import PairMemory
from seawall.guard.policy import ALERT, CLOSE, Pair
from seawall.guard.view import View

STOP_ENTRIES_MS = 60_000
"""So long after a leg was lost, entries of the other are cancelled."""


class PairLine(NamedTuple):
    """The price at which one leg, moving alone, is liquidated; None where no price does it.

    ``distance``: from the mark, ppm.
    """

    pair: str
    market: str
    liquidation_price: int | None
    distance: int


def pair_lines(pair: Pair, view: View) -> list[PairLine]:
    """The one-coin liquidation price of each leg that is held."""
    return [
        PairLine(pair.name, leg, view.position[leg].liquidation_price,
                 view.distance(view.position[leg]))
        for leg in pair.legs
        if leg in view.position
    ]  # fmt: skip


def hold_pairs(draft: Draft) -> None:
    """Let what is left of a pair follow what was lost of it."""
    for pair in draft.policy.pairs:
        _hold(draft, pair)
        if pair.warn_distance is None:
            continue
        for line in pair_lines(pair, draft.view):
            if line.distance <= pair.warn_distance:
                text = f"{line.market} moving alone is near the liquidation of pair {pair.name}"
                draft.alert(f"pair {pair.name} {line.market}", "warning", text)


def _hold(draft: Draft, pair: Pair) -> None:
    memory = draft.pairs.get(pair.name, PairMemory())
    sizes = _sizes(draft, pair, memory)
    first, second = sizes
    grown = first > memory.last[0] or second > memory.last[1]
    memory = structs.replace(memory, last=sizes)
    if not first and not second:
        memory = structs.replace(memory, sizes=(0, 0))
    elif first and second and (grown or not all(memory.sizes)):
        # Opened or made larger: a loss is judged against these sizes from now on.
        memory = structs.replace(memory, sizes=sizes, signs=_signs(draft, pair))
    if all(memory.sizes):
        memory = _follow(draft, pair, memory)
    draft.pairs[pair.name] = memory


def _sizes(draft: Draft, pair: Pair, memory: PairMemory) -> tuple[int, int]:
    """Of each leg what is left of it, or will be once the work on it is done.

    So a close that works on both legs at its own pace in each is no loss of one. Of a leg that was
    flipped nothing is left.
    """
    found = []
    for leg, sign, now in zip(pair.legs, memory.signs, _signs(draft, pair), strict=True):
        position, work = draft.view.position.get(leg), draft.works.get(leg)
        size = 0 if position is None else position.size
        if work is not None and work.held == draft.positions[leg].episode:
            size = min(size, work.target)
        found.append(0 if all(memory.sizes) and sign not in (0, now) else size)
    return found[0], found[1]


def _signs(draft: Draft, pair: Pair) -> tuple[int, int]:
    first, second = (draft.view.position.get(leg) for leg in pair.legs)
    return 0 if first is None else first.sign, 0 if second is None else second.sign


def _follow(draft: Draft, pair: Pair, memory: PairMemory) -> PairMemory:
    """Reduce the leg of which more is left than of the other."""
    shares = [PPM * now // whole for now, whole in zip(memory.last, memory.sizes, strict=True)]
    lost = shares.index(min(shares))
    left = 1 - lost
    position = draft.view.position.get(pair.legs[left])
    if position is None or shares[left] - shares[lost] <= pair.tolerance:
        return memory
    why = f"{pair.legs[lost]} of pair {pair.name} is smaller than its other leg"
    draft.alert(f"pair {pair.name}", "critical", why)
    if pair.when_leg_lost == ALERT:
        return memory
    if position.market not in draft.works:
        memory = structs.replace(memory, episode=memory.episode + 1)
    target = 0 if pair.when_leg_lost == CLOSE else memory.sizes[left] * shares[lost] // PPM
    key = f"pair {pair.name}"
    draft.reduce(position, target, pair.execution, key, memory.episode, why)
    draft.stop_entries(position.market, draft.now + STOP_ENTRIES_MS)
    return memory
