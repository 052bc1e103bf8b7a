"""A stress test for programs: the ``--json`` object with exact decimal text, and the tables."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from seawall.domain.units import MICRO, from_units, money_text
from seawall.lab.simulation.valuation import BucketValue, Valuation
from seawall.lab.stress.aftermath import Aftermath
from seawall.lab.stress.grid import Cell, bucket_name
from seawall.lab.stress.result import Reverse, StressResult, Survival
from seawall.lab.stress.reverse import Edge, Line
from seawall.lab.stress.scenarios import ScenarioLine
from seawall.lab.stress.survive import SHARES, Remedy

Plain = dict[str, Any]


def plain_object(result: StressResult, source: str) -> Plain:
    """Money and prices are exact decimal text; moves are percent as numbers."""
    valuation = result.valuation
    book = valuation.rulebook
    return {
        "account": valuation.plan.name,
        "source": source,
        "rulebook": {"name": book.name, "as_of": str(book.as_of)},
        "prices": _prices(valuation, valuation.prices),
        "equity": money_text(result.equity),
        "buckets": _buckets(valuation, result.buckets),
        "betas": {
            name: {"beta": float(each.value), "source": str(each.source)}
            for name, each in result.betas.items()
        },
        "shocks": [_cell(valuation, cell) for cell in result.cells],
        "liquidation_prices": [_line(valuation, line) for line in result.lines],
        "smallest_moves": [_reverse(valuation, each) for each in result.joint],
        "survive": [_survival(valuation, each) for each in result.survivals],
        "scenarios": [_scenario(valuation, each) for each in result.scenarios],
    }


def frames(result: StressResult) -> Mapping[str, Mapping[str, Any]]:
    """Parquet tables; money in USD as floats."""
    valuation = result.valuation
    cells = result.cells
    shocks = {
        "move": [cell.move.name for cell in cells],
        "percent": [_percent(cell.size) for cell in cells],
        "equity_before_usd": [cell.before / MICRO for cell in cells],
        "equity_at_prices_usd": [cell.equity / MICRO for cell in cells],
        "equity_left_usd": [cell.left / MICRO for cell in cells],
        "lost_usd": [cell.lost / MICRO for cell in cells],
        "worst_bucket": [bucket_name(valuation, cell.worst.bucket) for cell in cells],
        "worst_margin_ratio": [cell.worst.ratio for cell in cells],
        "is_liquidated": [bool(cell.liquidated) for cell in cells],
        "liquidation_cost_usd": [_of(cell.aftermath, "cost") for cell in cells],
        "closed_in_book_usd": [_of(cell.aftermath, "sold") for cell in cells],
        "taken_by_backstop_usd": [_of(cell.aftermath, "taken") for cell in cells],
        "deleveraged_usd": [_of(cell.aftermath, "deleveraged") for cell in cells],
    }
    lines = result.lines
    prices = {
        "market": [valuation.instruments[line.market].name for line in lines],
        "bucket": [bucket_name(valuation, line.bucket) for line in lines],
        "price_now": [_usd(valuation, line.market, line.now) for line in lines],
        "last_safe": [_usd(valuation, line.market, line.safe) for line in lines],
        "first_liquidating": [_usd(valuation, line.market, line.over) for line in lines],
        "percent": [None if line.size is None else _percent(line.size) for line in lines],
    }
    made: dict[str, Mapping[str, Any]] = {"shocks": shocks, "liquidation_prices": prices}
    if result.joint:
        made["smallest_moves"] = _joint_frame(result)
    if result.scenarios:
        made["scenarios"] = _scenario_frame(result)
    return made


def _joint_frame(result: StressResult) -> Plain:
    valuation = result.valuation
    rows = [
        (each.edge, bucket, edge)
        for each in result.joint
        for bucket, edge in each.by_bucket.items()
    ]
    return {
        "move": [whole.move.name for whole, _, _ in rows],
        "direction": [whole.direction for whole, _, _ in rows],
        "bucket": [bucket_name(valuation, bucket) for _, bucket, _ in rows],
        "percent": [None if e.over is None else _percent(e.over) for _, _, e in rows],
    }


def _scenario_frame(result: StressResult) -> Plain:
    lines = result.scenarios
    return {
        "scenario": [each.name for each in lines],
        "equity_start_usd": [each.start / MICRO for each in lines],
        "equity_lowest_usd": [each.lowest / MICRO for each in lines],
        "equity_end_usd": [each.end / MICRO for each in lines],
        "equity_unclosed_usd": [each.untouched / MICRO for each in lines],
        "funding_usd": [each.funding / MICRO for each in lines],
        "deleveraged_usd": [each.deleveraged / MICRO for each in lines],
        "liquidated_buckets": [len(each.liquidated) for each in lines],
        "first_liquidation_minutes": [
            min((b.minutes for b in each.liquidated), default=None) for each in lines
        ],
    }


def _of(aftermath: Aftermath | None, name: str) -> float:
    return 0.0 if aftermath is None else getattr(aftermath, name) / MICRO


def _percent(size: Fraction) -> float:
    return float(100 * size)


def _usd(valuation: Valuation, market: int, units: int | None) -> float | None:
    return None if units is None else units / 10 ** valuation.instruments[market].price_decimals


def _price(valuation: Valuation, market: int, units: int | None) -> str | None:
    if units is None:
        return None
    return from_units(units, valuation.instruments[market].price_decimals)


def _prices(valuation: Valuation, prices: tuple[int, ...]) -> Plain:
    return {
        each.name: _price(valuation, market, prices[market])
        for market, each in enumerate(valuation.instruments)
    }


def _buckets(valuation: Valuation, buckets: Mapping[int, BucketValue]) -> list[Plain]:
    return [
        {
            "bucket": bucket_name(valuation, bucket),
            "equity": money_text(each.equity),
            "maintenance_margin": money_text(each.maintenance_margin),
            "margin_ratio": each.ratio,
            "liquidatable": each.is_liquidatable,
        }
        for bucket, each in buckets.items()
    ]


def _names(valuation: Valuation, buckets: tuple[int, ...]) -> list[str]:
    return [bucket_name(valuation, each) for each in buckets]


def _cell(valuation: Valuation, cell: Cell) -> Plain:
    return {
        "move": cell.move.name,
        "kind": str(cell.move.kind),
        "percent": _percent(cell.size),
        "prices": _prices(valuation, cell.prices),
        "equity": money_text(cell.equity),
        "change": money_text(cell.equity - cell.before),
        "worst_bucket": bucket_name(valuation, cell.worst.bucket),
        "margin_ratio": cell.worst.ratio,
        "buckets": _buckets(valuation, cell.buckets),
        "liquidated": _names(valuation, cell.liquidated),
        "left": money_text(cell.left),
        "lost": money_text(cell.lost),
        "after_liquidation": _aftermath(valuation, cell.aftermath),
    }


def _aftermath(valuation: Valuation, after: Aftermath | None) -> Plain | None:
    if after is None:
        return None
    return {
        "equity": money_text(after.equity),
        "liquidated_at_once": _names(valuation, after.started),
        "liquidated_later": _names(valuation, after.later),
        "first_position": _market(valuation, after.first),
        "closed_in_book": money_text(after.sold),
        "equity_to_backstop": money_text(after.taken),
        "deleveraged": money_text(after.deleveraged),
        "cost": money_text(after.cost),
        "still_under": _names(valuation, after.unfinished),
        "positions_left": {
            valuation.instruments[market].name: from_units(
                size, valuation.instruments[market].size_decimals
            )
            for market, size in after.positions.items()
        },
        "stages": [str(each) for each in after.stages],
    }


def _market(valuation: Valuation, market: int | None) -> str | None:
    return None if market is None else valuation.instruments[market].name


def _line(valuation: Valuation, line: Line) -> Plain:
    return {
        "market": valuation.instruments[line.market].name,
        "bucket": bucket_name(valuation, line.bucket),
        "price": _price(valuation, line.market, line.now),
        "last_safe": _price(valuation, line.market, line.safe),
        "first_liquidating": _price(valuation, line.market, line.over),
        "percent": None if line.size is None else _percent(line.size),
        "liquidatable_now": line.is_over_now,
        "liquidatable_at_every_price": line.always,
    }


def _reverse(valuation: Valuation, each: Reverse) -> Plain:
    edge = each.edge
    return _edge(valuation, edge) | {
        "liquidated": _names(valuation, edge.buckets),
        "first_position": _market(valuation, each.first),
        "by_bucket": {
            bucket_name(valuation, bucket): _edge(valuation, one)
            for bucket, one in each.by_bucket.items()
        },
    }


def _edge(valuation: Valuation, edge: Edge) -> Plain:
    found = edge.over is not None
    return {
        "move": edge.move.name,
        "kind": str(edge.move.kind),
        "direction": "up" if edge.direction > 0 else "down",
        "percent": None if edge.over is None else _percent(edge.over),
        "last_safe_prices": _prices(valuation, edge.safe_prices) if found else None,
        "first_liquidating_prices": _prices(valuation, edge.over_prices) if found else None,
    }


def _survival(valuation: Valuation, survival: Survival) -> Plain:
    return {
        "move": survival.move.name,
        "kind": str(survival.move.kind),
        "percent": _percent(survival.size),
        "prices": _prices(valuation, survival.prices),
        "survives": not survival.remedies,
        "remedies": [_remedy(valuation, each) for each in survival.remedies],
    }


def _remedy(valuation: Valuation, remedy: Remedy) -> Plain:
    share = remedy.share
    return {
        "bucket": bucket_name(valuation, remedy.bucket),
        "shortfall": money_text(remedy.shortfall),
        "deposit": money_text(remedy.deposit),
        "close": [
            {
                "market": valuation.instruments[each.market].name,
                "size": from_units(each.size, valuation.instruments[each.market].size_decimals),
                "percent": float(100 * each.share),
            }
            for each in remedy.closings
        ],
        "close_percent_of_every_position": None if share is None else 100 * share / SHARES,
    }


def _scenario(valuation: Valuation, line: ScenarioLine) -> Plain:
    return {
        "name": line.name,
        "about": line.about,
        "source": line.source,
        "minutes": line.minutes,
        "equity_start": money_text(line.start),
        "equity_lowest": money_text(line.lowest),
        "equity_lowest_minutes": line.lowest_minutes,
        "equity_end": money_text(line.end),
        "equity_unclosed": money_text(line.untouched),
        "lost": money_text(line.lost),
        "funding": money_text(line.funding),
        "deleveraged": money_text(line.deleveraged),
        "liquidated": [
            {"bucket": bucket_name(valuation, each.bucket), "minutes": each.minutes}
            for each in line.liquidated
        ],
        "first_position": _market(valuation, line.first),
        "positions_left": line.positions_left,
        "notes": list(line.notes),
    }
