"""Rulebook files: exact numbers, sources for all of them, and errors that say what to do."""

import re
import tomllib
from pathlib import Path

import msgspec
import pytest

from seawall.domain.enums import LiquidationStage, MarkMethod, PremiumMethod
from seawall.domain.sourced import MARKS, Sourced
from seawall.venues import rulebook_file
from seawall.venues.registry import DEFAULT_VENUE, VENUES
from seawall.venues.rulebook_file import (
    RulebookError,
    load_rulebook,
    rulebook_sources,
)

USD = 10**6
SHIPPED = Path(rulebook_file.__file__).parent


def changed(tmp_path: Path, old: str, new: str) -> Path:
    """The default rulebook with one text replaced."""
    text = (SHIPPED / DEFAULT_VENUE / "rulebook.toml").read_text()
    assert text.count(old) == 1, old
    path = tmp_path / "rulebook.toml"
    path.write_text(text.replace(old, new))
    return path


def test_numbers_of_the_default_venue() -> None:
    book = load_rulebook()
    assert book.margin.transfer_floor_rate == 10**8
    assert book.margin.default_leverage == 20
    assert book.order.minimum_value == 10 * USD
    assert book.order.price_band_rate == 8 * 10**8
    assert [(c.minimum_maximum_leverage, c.value // USD) for c in book.order.market_value_caps] == [
        (25, 30_000_000),
        (20, 5_000_000),
        (10, 2_000_000),
        (0, 500_000),
    ]
    assert (book.fee.tiers[0].taker_rate, book.fee.tiers[0].maker_rate) == (450_000, 150_000)
    assert book.fee.tiers[-1].volume_above == 7_000_000_000 * USD
    assert [rebate.maker_rate for rebate in book.fee.maker_rebates] == [-10_000, -20_000, -30_000]
    assert (book.funding.interest, book.funding.clamp, book.funding.cap) == (
        10**8,
        5 * 10**8,
        4 * 10**10,
    )
    assert book.funding.premium_method == PremiumMethod.IMPACT_DIFFERENCE
    assert (book.mark.premium_decay_ms, book.mark.mid_decay_ms) == (150_000, 30_000)
    liquidation = book.liquidation
    assert liquidation.stages == (
        LiquidationStage.BOOK,
        LiquidationStage.BACKSTOP,
        LiquidationStage.DELEVERAGE,
    )
    assert liquidation.partial_above == 100_000 * USD
    assert (liquidation.backstop_numerator, liquidation.backstop_denominator) == (2, 3)


@pytest.mark.parametrize("venue", VENUES)
def test_every_shipped_number_has_a_source(venue: str) -> None:
    sources = rulebook_sources(venue)
    fields = {
        f"{group.name}.{field.name}"
        for group in msgspec.structs.fields(type(load_rulebook(venue)))
        if group.name not in ("name", "as_of")
        for field in msgspec.structs.fields(group.type)
    }
    assert sources.keys() == fields
    for key, entry in sources.items():
        assert isinstance(entry, Sourced)
        assert entry.mark in MARKS, key
        assert len(entry.source) > 8, key
        assert re.fullmatch(r"20\d\d-\d\d-\d\d", entry.as_of), key


@pytest.mark.parametrize("venue", VENUES)
def test_shipped_rulebooks_load(venue: str) -> None:
    assert load_rulebook(venue).name == venue


def test_overrides() -> None:
    book = load_rulebook(
        overrides={
            "order.price_band_rate": "0.95",
            "liquidation.stages": '["book", "insurance"]',
            "mark.method": "oracle_only",
            "order.reserve_fee": "true",
            "funding.sample_ms": "1000",
            "fee.tiers": '[["0", "0.0001", "0"]]',
        }
    )
    assert book.order.price_band_rate == 95 * 10**7
    assert book.liquidation.stages == (LiquidationStage.BOOK, LiquidationStage.INSURANCE)
    assert book.mark.method == MarkMethod.ORACLE_ONLY
    assert book.order.reserve_fee is True
    assert book.funding.sample_ms == 1000
    assert [tier.taker_rate for tier in book.fee.tiers] == [100_000]


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("order.price_band_rate", "1.5", "must be a number from 0 to 1"),
        ("order.price_band_rate", "0.0000000001", "at most 9 decimals"),
        ("order.price_band_rate", "much", "is not a decimal number"),
        ("order.minimum_value", "-1", "must be a number from 0"),
        ("funding.sample_ms", "0", "must be a whole number from 1"),
        ("funding.sample_ms", "1.5", "must be a whole number from 1"),
        ("mark.method", "mean", "must be one of median, oracle_only"),
        ("order.reserve_fee", "1", "must be true or false"),
        ("liquidation.stages", '["book", "book"]', "none twice"),
        ("liquidation.stages", "[]", "one to four stages"),
        ("liquidation.stages", '["no_stage"]', "stages out of"),
        ("fee.tiers", '[["5", "0", "0"], ["0", "0", "0"]]', "ascending order"),
        ("fee.tiers", '[["1", "0", "0"]]', "first row must be for volume 0"),
        ("fee.tiers", '[["0", "0"]]', "rows of 3 values"),
        ("fee.tiers", "0.1", "rows of 3 values"),
        ("order.market_value_caps", '[[10, "5"]]', "last row must be for leverage 0"),
        ("order.market_value_caps", '[[0, "5"], [10, "5"]]', "descending order"),
        ("order.open_orders_maximum", "10", "must not be below open_orders_base"),
        ("liquidation.backstop_numerator", "4", "must not exceed"),
        ("funding.settlement_ms", "1000", "must not be below sample_ms"),
        ("liquidation.portion", "0.5", "unknown rule"),
        ("portion_rate", "0.5", "did you mean liquidation.portion_rate"),
    ],
)
def test_bad_overrides(key: str, value: str, message: str) -> None:
    with pytest.raises(RulebookError) as caught:
        load_rulebook(overrides={key: value})
    text = str(caught.value)
    assert message in text
    assert key in text
    assert text.startswith("rulebook.toml: ")


BAND = 'price_band_reference = { value = "oracle", '


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (BAND, "price_band_referense = { value = 1, ", "order.price_band_referense: unknown rule"),
        (BAND, 'price_band_reference = { values = "oracle", ', "reference.values: unknown"),
        (BAND, "price_band_reference = { ", "order.price_band_reference.value: missing"),
        (
            BAND,
            'price_band_reference = { value = "index", ',
            "'index': must be one of oracle, mark",
        ),
        (BAND, 'price_band_reference = { value = "oracle", unit = "USD", ', "has no unit"),
        ("[deleveraging]", "[delevering]", "delevering: unknown section"),
        ('name = "hyperliquid"', "name = 1", "name: missing or not text"),
        ('as_of = "2026-08-22"\n\n[margin]', 'as_of = "August"\n\n[margin]', "a date as text"),
        (
            'unit = "fraction", source = "docs: trading/liquidations"',
            'unit = "percent", source = "docs"',
            "liquidation.portion_rate.unit: 'percent': write 'fraction'",
        ),
        (
            'portion_rate = { value = "0.2"',
            "portion_rate = { value = 0.2",
            'portion_rate: 0.2: must be a decimal number written as text, like "0.5"',
        ),
        ("cooldown_ms = { value = 30000", "cooldown_ms = { value = true", "a whole number from 0"),
        ("[deleveraging]\nprice = {", "[deleveraging]\nprise = {", "deleveraging.prise: unknown"),
    ],
)
def test_bad_files(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(RulebookError) as caught:
        load_rulebook(changed(tmp_path, old, new))
    assert message in str(caught.value)
    assert str(caught.value).startswith("rulebook.toml: ")


@pytest.mark.parametrize("part", ["source", "as_of", "mark"])
def test_every_entry_says_where_it_is_from(tmp_path: Path, part: str) -> None:
    lines = (SHIPPED / DEFAULT_VENUE / "rulebook.toml").read_text().splitlines()
    place = next(i for i, line in enumerate(lines) if line.startswith("interest ="))
    lines[place] = re.sub(rf', {part} = "[^"]*"', "", lines[place])
    path = tmp_path / "my.toml"
    path.write_text("\n".join(lines))
    with pytest.raises(RulebookError, match=rf"my\.toml: funding\.interest\.{part}: missing"):
        load_rulebook(path)


@pytest.mark.parametrize(
    ("part", "value", "message"),
    [("mark", "guessed", "documented, observed, assumed"), ("source", " ", "say where"),
     ("as_of", "2026-13-01", "a date as text")],
)  # fmt: skip
def test_bad_provenance(tmp_path: Path, part: str, value: str, message: str) -> None:
    text = (SHIPPED / DEFAULT_VENUE / "rulebook.toml").read_text()
    head, tail = text.split("[deleveraging]")
    tail = re.sub(rf'{part} = "[^"]*"', f'{part} = "{value}"', tail)
    path = tmp_path / "rulebook.toml"
    path.write_text(f"{head}[deleveraging]{tail}")
    with pytest.raises(RulebookError, match=message):
        load_rulebook(path)


def test_missing_and_broken_files(tmp_path: Path) -> None:
    with pytest.raises(RulebookError, match=f"cannot be read.*one of: {DEFAULT_VENUE}"):
        load_rulebook(tmp_path / "none.toml")
    broken = tmp_path / "broken.toml"
    broken.write_text("[order\n")
    with pytest.raises(RulebookError, match="not a TOML file"):
        load_rulebook(broken)
    empty = tmp_path / "empty.toml"
    empty.write_text('name = "x"\nas_of = "2026-01-01"\n')
    with pytest.raises(RulebookError, match="missing section"):
        load_rulebook(empty)


def test_margin_tables_have_sources() -> None:
    tables = tomllib.loads((SHIPPED / DEFAULT_VENUE / "margin_tables.toml").read_text())
    entries = [entry for rows in tables.values() for entry in rows]
    assert len(entries) > 15
    for entry in entries:
        assert entry["mark"] in MARKS
        assert entry["source"]
        assert re.fullmatch(r"20\d\d-\d\d-\d\d", entry["as_of"])
