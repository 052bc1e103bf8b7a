"""A comparison of margin modes at a glance."""

from seawall.lab.compare.comparison import Comparison, VariantResult
from seawall.lab.compare.recommendation import recommended_mode
from seawall.report import kinds
from seawall.report.findings import Status, Tile


def suggested_mode(found: Comparison) -> str:
    """The name of the variant that is recommended; empty where the mode changes nothing."""
    mode = recommended_mode(found)
    if len(found.markets) < 2:
        return ""
    return "suggested" if mode == "hybrid" else mode


def is_suggested(found: Comparison, variant: VariantResult) -> bool:
    """Whether a row is the recommended mode."""
    return variant.variant.name == suggested_mode(found)


def status(found: Comparison) -> Status:
    """Which mode is recommended."""
    if not suggested_mode(found):
        return Status("The mode changes nothing")
    return Status(f"Suggested: {recommended_mode(found)}", "good")


def tiles(found: Comparison) -> list[Tile]:
    """What the recommended mode means, beside the others."""
    chosen = found.result(suggested_mode(found)) or found.variants[0]
    others = [each for each in found.variants if each is not chosen]
    statistics = chosen.statistics
    worst = statistics.loss.shortfalls[0.95].value
    beside = "; ".join(
        f"{each.variant.name} {kinds.short_usd(each.statistics.loss.shortfalls[0.95].value)}"
        for each in others
    )
    name = chosen.variant.name
    return [
        Tile(
            title=f"{name}: worst 5 % lose, USD", value=worst, kind=kinds.USD,
            note=f"beside it: {beside}" if beside else "",
        ),
        Tile(
            title=f"{name}: without liquidation", value=1 - statistics.liquidated.value,
            kind=kinds.PROBABILITY, note="of the paths",
        ),
        Tile(
            title=f"{name}: median loss, USD", value=statistics.loss.quantiles[0.5].value,
            kind=kinds.USD, note="a gain is below zero",
        ),
        Tile(
            title=f"{name}: capital needed, USD", value=chosen.capital, kind=kinds.USD,
            none="none is enough",
            note=f"for {kinds.probability(found.target)} of paths without liquidation",
        ),
    ]  # fmt: skip
