"""The crises as plain values: the JSON object and the parquet tables."""

from collections.abc import Mapping
from typing import Any

from seawall.domain.units import MICRO, money_text
from seawall.lab.crises.contrast import Contrast, Different, FirstDifference, Headroom
from seawall.lab.crises.ledger import taker_words
from seawall.lab.crises.play import Cell
from seawall.lab.crises.result import CrisesResult, best_and_worst
from seawall.lab.crises.setup import Script
from seawall.lab.crises.tables import chosen_people, why_words
from seawall.lab.crises.words import bucket_text, ending, positions_text, reason_text


def plain_object(result: CrisesResult, source: str) -> dict[str, Any]:
    """The ``--json`` object; money as exact text."""
    task = result.task
    return {
        "account": task.modes[0].plans[0].name,
        "source": source,
        "rulebooks": [{"name": each.name, "as_of": each.book.as_of} for each in task.rules],
        "population": {"drawn": task.accounts},
        "crises": [_crisis(result, each) for each in task.scripts],
    }


def _crisis(result: CrisesResult, script: Script) -> dict[str, Any]:
    cells = result.cells_of(script)
    best, worst = best_and_worst(cells)
    names = [each.name for each in result.task.rules[0].instruments]
    return {
        "name": script.name,
        "title": script.title,
        "about": script.about,
        "start_ms": int(script.path.times_ms[0]),
        "minutes": script.minutes,
        "open_interest_usd": dict(zip(names, script.interest, strict=True)),
        "depth_usd": {
            name: each.usd_within_50bp for name, each in zip(names, script.depths, strict=True)
        },
        "sources": {"prices": script.source, "people": script.facts.source},
        "cells": [_cell(result, each) for each in cells],
        "best": _way(best),
        "worst": _way(worst),
        "rulebooks_compared": [
            _contrast(result, mode, depth, each) for mode, depth, each in result.contrasts(script)
        ],
    }


def _way(cell: Cell) -> dict[str, str]:
    return {
        "rulebook": cell.rulebook,
        "mode": cell.mode,
        "depth": cell.depth,
        "end": money_text(cell.end),
    }


def _cell(result: CrisesResult, cell: Cell) -> dict[str, Any]:
    instruments = result.task.rules[0].instruments
    return {
        **_way(cell),
        "start": money_text(cell.start),
        "lowest": money_text(cell.lowest),
        "lowest_minutes": cell.lowest_minutes,
        "lost": money_text(cell.lost),
        "untouched": money_text(cell.untouched),
        "liquidated": [
            {"bucket": bucket_text(cell, bucket, instruments), "minutes": minutes}
            for bucket, minutes in cell.liquidated
        ],
        "taken_by": _takers(cell.takers),
        "people": {
            "accounts": cell.population,
            "liquidated": cell.fallen,
            "sold_to_book_usd": cell.sold_to_book,
            "taken_by_backstop_usd": cell.taken_over,
            "deleveraged_usd": cell.deleveraged,
            "insurance_paid_usd": cell.insurance,
        },
        "lowest_mark": _by_market(result, cell.lowest_marks),
        "highest_mark": _by_market(result, cell.highest_marks),
        "maker_rejections": cell.maker_rejections,
        "commands": cell.commands,
        "state_hash": cell.state_hash,
        "money_conserved": cell.is_conserved,
    }


def _by_market(result: CrisesResult, levels: tuple[float, ...]) -> dict[str, float]:
    names = [each.name for each in result.task.rules[0].instruments]
    return dict(zip(names, levels, strict=True))


def _takers(flags: int) -> list[str]:
    words = taker_words(flags)
    return words.split(", ") if words else []


def _contrast(result: CrisesResult, mode: str, depth: str, each: Contrast) -> dict[str, Any]:
    both, first_only, second_only = each.fell
    return {
        "mode": mode,
        "depth": depth,
        "rulebooks": list(each.rulebooks),
        "accounts": each.population,
        "liquidated": {"both": both, "first_only": first_only, "second_only": second_only},
        "end_differently": len(each.different),
        "why": why_words(each),
        "first_difference": _first(each.first),
        "first_difference_beyond_funding": _first(each.beyond_funding),
        "first_liquidation_apart": None
        if each.first_fall is None
        else {
            "account": each.first_fall[0],
            "rulebook": each.rulebooks[each.first_fall[1]],
            **_headroom(each.first_fall[2]),
        },
        "accounts_apart": [_different(result, each, one) for one in chosen_people(each)],
    }


def _first(told: FirstDifference | None) -> dict[str, Any] | None:
    if told is None:
        return None
    return {
        "time_ms": told.time_ms,
        "account": told.trader,
        "events": [list(several) for several in told.events],
        "counts": list(told.counts),
    }


def _headroom(told: Headroom) -> dict[str, Any]:
    return {
        "time_ms": told.time_ms,
        "reason": told.reason,
        "equity": [money_text(each) for each in told.equity],
        "maintenance_margin": [money_text(each) for each in told.maintenance],
        "by_prices": money_text(told.by_prices),
        "by_maintenance": money_text(told.by_maintenance),
        "by_money": money_text(told.by_money),
    }


def _different(result: CrisesResult, contrast: Contrast, one: Different) -> dict[str, Any]:
    instruments = result.task.rules[0].instruments
    return {
        "account": one.trader,
        "kind": one.kind,
        "positions": positions_text(one, instruments),
        "leverage": one.leverage,
        "start": money_text(one.start),
        "end": [money_text(each) for each in one.ends],
        "liquidated_ms": [each or None for each in one.fell_ms],
        "taken_by": [_takers(each) for each in one.takers],
        "ending": ending(one),
        "why": reason_text(contrast, one, instruments),
        "at_the_fall": None if one.headroom is None else _headroom(one.headroom),
    }


def frames(result: CrisesResult) -> dict[str, Mapping[str, Any]]:
    """``cells``, ``equity`` lines, and ``people``: everybody who ends differently."""
    cells = result.cells
    found: dict[str, Mapping[str, Any]] = {
        "cells": {
            **_names(cells),
            "start_usd": [each.start / MICRO for each in cells],
            "lowest_usd": [each.lowest / MICRO for each in cells],
            "lowest_minutes": [each.lowest_minutes for each in cells],
            "end_usd": [each.end / MICRO for each in cells],
            "lost_usd": [each.lost / MICRO for each in cells],
            "untouched_usd": [each.untouched / MICRO for each in cells],
            "liquidated_buckets": [len(each.liquidated) for each in cells],
            "taken_by": [taker_words(each.takers) for each in cells],
            "people": [each.population for each in cells],
            "people_liquidated": [each.fallen for each in cells],
            "sold_to_book_usd": [each.sold_to_book for each in cells],
            "taken_by_backstop_usd": [each.taken_over for each in cells],
            "deleveraged_usd": [each.deleveraged for each in cells],
            "insurance_paid_usd": [each.insurance for each in cells],
            "state_hash": [each.state_hash for each in cells],
        }
    }
    points = [(each, minutes, usd) for each in cells for minutes, usd in each.line]
    found["equity"] = {
        **_names([each for each, _, _ in points]),
        "minutes": [minutes for _, minutes, _ in points],
        "equity_usd": [usd for _, _, usd in points],
    }
    people = _people(result)
    return {**found, "people": people} if people["account"] else found


def _names(cells: list[Cell]) -> dict[str, list[str]]:
    return {
        "crisis": [each.crisis for each in cells],
        "rulebook": [each.rulebook for each in cells],
        "mode": [each.mode for each in cells],
        "depth": [each.depth for each in cells],
    }


def _people(result: CrisesResult) -> dict[str, list[Any]]:
    instruments = result.task.rules[0].instruments
    rows = [
        (script, mode, depth, contrast, one)
        for script in result.task.scripts
        for mode, depth, contrast in result.contrasts(script)
        for one in contrast.different
    ]
    return {
        "crisis": [row[0].name for row in rows],
        "mode": [row[1] for row in rows],
        "depth": [row[2] for row in rows],
        "first_rulebook": [row[3].rulebooks[0] for row in rows],
        "second_rulebook": [row[3].rulebooks[1] for row in rows],
        "account": [row[4].trader for row in rows],
        "kind": [row[4].kind for row in rows],
        "positions": [positions_text(row[4], instruments) for row in rows],
        "leverage": [row[4].leverage for row in rows],
        "start_usd": [row[4].start / MICRO for row in rows],
        "first_end_usd": [row[4].ends[0] / MICRO for row in rows],
        "second_end_usd": [row[4].ends[1] / MICRO for row in rows],
        "first_liquidated_ms": [row[4].fell_ms[0] for row in rows],
        "second_liquidated_ms": [row[4].fell_ms[1] for row in rows],
        "first_taken_by": [taker_words(row[4].takers[0]) for row in rows],
        "second_taken_by": [taker_words(row[4].takers[1]) for row in rows],
        "why": [reason_text(row[3], row[4], instruments) for row in rows],
    }
