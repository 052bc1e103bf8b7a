"""Positions that a case does not list, found from its totals.

A total of margins truncated position by position lies below the margin of the total: by the sum
of what each truncation dropped. Two such totals, over different divisors, say what the remainders
of the notionals add up to; positions with these remainders are as good as the venue's.
"""

from math import gcd, lcm


def unlisted(
    notional: int, value: int, first: tuple[int, int], second: tuple[int, int]
) -> list[int]:
    """Signed notionals of positions with these totals, in micro-USD.

    ``value``: their signed sum. ``first`` and ``second``: (divisor, sum of the notionals divided
    by it, each truncated). Raises ValueError when no positions can have such totals.
    """
    if (notional + value) % 2 or abs(value) > notional:
        raise ValueError(f"no positions are worth {value} with a notional of {notional}")
    short = (notional - value) // 2
    (p, p_sum), (q, q_sum) = first, second
    p_left = notional - p * p_sum - short % p
    q_left = notional - q * q_sum - short % q
    longs = _with_remainders(p, p_left, q, q_left)
    bulk, beyond = divmod(notional - short - sum(longs), lcm(p, q))
    if bulk < 0 or beyond:
        raise ValueError(f"a notional of {notional} does not go with {first} and {second}")
    if bulk:
        longs.append(bulk * lcm(p, q))
    return longs + ([-short] if short else [])


def _with_remainders(p: int, p_left: int, q: int, q_left: int) -> list[int]:
    """Numbers whose remainders by p and by q add up to these."""
    apart = gcd(p, q)
    step_p, step_q = p - apart, q - apart
    both = min(p_left, q_left)
    over_p, over_q = p_left - both, q_left - both
    possible = both >= 0 and (over_p + over_q) % apart == 0
    if not possible or (over_p and not step_p) or (over_q and not step_q):
        raise ValueError(f"no positions drop {p_left}/{p} and {q_left}/{q} micro-USD together")
    most = min(p, q) - 1
    numbers = [min(most, both - done) for done in range(0, both, most)] if most else []
    numbers += [_number(p, min(step_p, over_p - d), q, 0) for d in range(0, over_p, step_p or 1)]
    numbers += [_number(p, 0, q, min(step_q, over_q - d)) for d in range(0, over_q, step_q or 1)]
    if both and not most:
        raise ValueError(f"nothing is dropped in a division by {min(p, q)}")
    return numbers


def _number(p: int, p_rest: int, q: int, q_rest: int) -> int:
    return next(n for n in range(lcm(p, q)) if n % p == p_rest and n % q == q_rest)
