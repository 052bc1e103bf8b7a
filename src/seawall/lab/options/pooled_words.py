"""Sentences that every question about an account in portfolio margin shares."""

from collections.abc import Iterator

from seawall.lab.options.pooled import Pooled
from seawall.report.findings import Words


def missing_words(pool: Pooled) -> Iterator[Words]:
    """Which presets are left out, and why."""
    for name, why in pool.unusable.items():
        yield Words(f"{name} {why} and is left out.")


def pool_words(pool: Pooled) -> Iterator[str]:
    """What is assumed of options, of the pool and of the presets."""
    account = pool.held.account
    if account.options:
        yield (
            "Options are European and settle in USD at the price of the market; values are those "
            "of Black-76, without interest."
        )
    yield (
        "All cash stands behind all positions; underlyings are margined each for itself and add up."
    )
    if any(each.is_isolated for each in account.positions):
        yield "Isolated positions stand in the pool like all others, with their margins."
    if account.orders or account.holdings.top_ups:
        yield "Open orders and top-ups do not count."
    for preset in (rule.preset for rule in pool.rules):
        yield f"{preset.name}: {preset.about}, as of {preset.as_of}."
        for each in preset.missing:
            yield f"{preset.name} leaves out: {each}."
    origins = dict.fromkeys(
        each.origin for each in pool.held.options if each.origin != "the account"
    )
    if origins:
        yield f"Volatilities and forwards are of {', '.join(origins)}."
