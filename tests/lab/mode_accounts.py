"""Random accounts for judging the advice of ``seawall compare``: six kinds, at 1x to 25x."""

import math
from random import Random
from typing import NamedTuple

from seawall.accounts.account import Account
from seawall.accounts.load import load_account
from seawall.accounts.markets import shipped_markets

KINDS = ("hedged", "correlated", "concentrated", "alt-heavy", "small", "large")
CORE = ("BTC", "ETH", "SOL")
ALTS = ("DOGE", "AVAX", "LINK", "XRP", "SUI", "HYPE", "FARTCOIN", "LTC", "ADA", "kPEPE", "TRUMP")
PRICES = {
    "BTC": 117_000, "ETH": 4_000, "SOL": 207, "DOGE": 0.23, "AVAX": 27, "LINK": 21, "XRP": 2.7,
    "SUI": 3.3, "HYPE": 42, "FARTCOIN": 0.6, "LTC": 120, "ADA": 0.8, "kPEPE": 0.009, "TRUMP": 7.5,
}  # fmt: skip
MODES = ("cross", "cross", "isolated", "mixed")
"""Twice as many accounts are in one pool as in buckets."""
USABLE = 0.95
"""Share of the equity that initial margins may take, so that the account could be opened."""


class Held(NamedTuple):
    market: str
    side: str
    notional: float


def random_account(number: int, seed: int = 0) -> Account:
    """Account ``number`` of a seed; kinds take turns."""
    dice = Random(1_000_003 * seed + number)
    kind = KINDS[number % len(KINDS)]
    held = _positions(kind, dice)
    notional = sum(each.notional for each in held)
    leverage = math.exp(dice.uniform(0.0, math.log(25.0)))
    most = {name: each.maximum_leverage for name, each in shipped_markets().items()}
    settings = [
        dice.randint(min(most[each.market], math.ceil(leverage)), most[each.market])
        for each in held
    ]
    needed = sum(each.notional / setting for each, setting in zip(held, settings, strict=True))
    equity = max(notional / leverage, needed / USABLE)
    mode = dice.choice(MODES)
    lines = [f'name = "{kind} {number}"', f"collateral = {equity:.2f}"]
    for each, setting in zip(held, settings, strict=True):
        own = mode if mode != "mixed" else dice.choice(("cross", "isolated"))
        lines += [
            "[[position]]", f'market = "{each.market}"', f'side = "{each.side}"',
            f"notional = {each.notional:.2f}", f"leverage = {setting}", f'mode = "{own}"',
        ]  # fmt: skip
    prices = {each.market: PRICES[each.market] for each in held}
    return load_account("\n".join(lines).encode(), prices=prices)


def _positions(kind: str, dice: Random) -> list[Held]:
    size = 10 ** dice.uniform(4.0, 6.0)
    if kind == "hedged":
        long, short = dice.sample(CORE, 2)
        found = [Held(long, "long", size), Held(short, "short", size * dice.uniform(0.4, 1.2))]
        extra = dice.sample(ALTS, dice.randint(0, 2))
        return found + [_held(name, size * dice.uniform(0.1, 0.6), dice) for name in extra]
    if kind == "correlated":
        side = dice.choice(("long", "short"))
        names = dice.sample(CORE + ALTS, dice.randint(2, 5))
        return [Held(name, side, size * dice.uniform(0.3, 1.0)) for name in names]
    if kind == "concentrated":
        small = dice.sample(ALTS, dice.randint(1, 2))
        sizes = [size * dice.uniform(0.05, 0.3) for _ in small]
        found = [_held(name, part, dice) for name, part in zip(small, sizes, strict=True)]
        return [_held(dice.choice(CORE), size, dice), *found]
    if kind == "alt-heavy":
        names = dice.sample(ALTS, dice.randint(2, 4))
        return [_held(name, size * dice.uniform(0.2, 1.0), dice) for name in names]
    size = 10 ** (dice.uniform(2.5, 3.5) if kind == "small" else dice.uniform(6.3, 7.3))
    names = dice.sample(CORE + ALTS[:6], dice.randint(1, 4))
    return [_held(name, size * dice.uniform(0.2, 1.0), dice) for name in names]


def _held(name: str, notional: float, dice: Random) -> Held:
    return Held(name, dice.choice(("long", "long", "short")), notional)
