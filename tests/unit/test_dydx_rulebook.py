"""The rulebook of blocks: its numbers, its sources, and errors that say what to do."""

import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from seawall.domain.enums import StartingOffset
from seawall.domain.rulebook import BlockRulebook, EquityTier, Rulebook, StakingLevel, VolumeTier
from seawall.domain.sourced import MARKS
from seawall.venues import rulebook_file
from seawall.venues.rulebook_file import RulebookError, load_rulebook, rulebook_sources
from tests.rulebooks import shipped_blocks

USD = 10**6
FOLDER = Path(rulebook_file.__file__).parent / "dydx"
TEXT = (FOLDER / "rulebook.toml").read_text()


def changed(tmp_path: Path, old: str, new: str) -> Path:
    assert TEXT.count(old) == 1, old
    path = tmp_path / "rulebook.toml"
    path.write_text(TEXT.replace(old, new))
    return path


def test_the_clock_decides_the_kind() -> None:
    assert isinstance(load_rulebook("dydx"), BlockRulebook)
    assert isinstance(load_rulebook(), Rulebook)


def test_blocks_and_orders() -> None:
    book = shipped_blocks()
    day_ms = 86_400_000
    assert (book.block.block_ms, book.block.short_term_blocks) == (1000, 40)
    assert book.block.long_term_ms == 95 * day_ms
    assert (book.block.gate_blocks, book.block.outage_ms) == (50, 5 * 60_000)
    assert book.order.equity_tiers == (
        EquityTier(20 * USD, 10),
        EquityTier(100 * USD, 20),
        EquityTier(1_000 * USD, 40),
        EquityTier(10_000 * USD, 100),
        EquityTier(100_000 * USD, 200),
    )
    assert book.order.trade_clamp_factor == 5
    assert (book.order.twap_minimum_interval_ms, book.order.twap_maximum_interval_ms) == (
        30_000,
        3_600_000,
    )
    assert (book.order.twap_minimum_duration_ms, book.order.twap_maximum_duration_ms) == (
        300_000,
        day_ms,
    )
    assert (book.order.twap_catch_up_factor, book.order.twap_leg_lifetime_ms) == (3, 3_000)


def test_fees() -> None:
    fee = shipped_blocks().fee
    assert [(tier.volume // USD, tier.taker_ppm, tier.maker_ppm) for tier in fee.tiers] == [
        (0, 500, 100),
        (1_000_000, 450, 100),
        (5_000_000, 400, 50),
        (25_000_000, 350, 0),
        (50_000_000, 300, 0),
        (100_000_000, 250, -70),
        (200_000_000, 250, -110),
    ]
    assert fee.tiers[5] == VolumeTier("6", 100_000_000 * USD, 0, 0, 250, -70)
    assert fee.staking_levels[0] == StakingLevel("1", 3_000 * 10**6, 250_000)
    assert fee.staking_levels[-1] == StakingLevel("7", 5_000_000 * 10**6, 100_000)
    assert len(fee.staking_levels) == 14
    assert (fee.referred_tier, fee.history_days, fee.evaluation_ms) == (2, 30, 3_600_000)


def test_funding_and_liquidation() -> None:
    book = shipped_blocks()
    funding, liquidation = book.funding, book.liquidation
    assert (funding.sample_ms, funding.sample_offset_ms, funding.tick_ms) == (
        60_000,
        30_000,
        3_600_000,
    )
    assert (funding.rate_period_ms, funding.minimum_votes, funding.tail_ppm) == (28_800_000, 15, 0)
    assert (funding.rate_clamp_ppm, funding.vote_clamp_ppm) == (6_000_000, 60_000_000)
    assert liquidation.maximum_fee_ppm == 15_000
    assert liquidation.bankruptcy_adjustment_ppm == 1_000_000
    assert liquidation.spread_to_maintenance_ppm == 1_500_000
    assert (liquidation.position_minimum, liquidation.position_portion_ppm) == (
        1_000 * USD,
        100_000,
    )
    assert (liquidation.account_notional, liquidation.account_insurance) == (
        100_000 * USD,
        1_000_000 * USD,
    )
    assert (
        liquidation.liquidations_per_block,
        liquidation.deleveragings_per_block,
        liquidation.counterparties_per_deleveraging,
    ) == (50, 10, 500)
    assert {
        liquidation.position_offset,
        liquidation.account_offset,
        liquidation.counterparty_offset,
    } == {StartingOffset.FIRST}


@pytest.mark.parametrize(
    ("key", "mark", "words"),
    [
        ("order.equity_tiers", "assumed", "contradicts itself"),
        ("block.block_ms", "assumed", "0.6 to 1.1 s"),
        ("liquidation.position_offset", "assumed", "math/rand"),
        ("liquidation.counterparty_offset", "assumed", "math/rand"),
        ("order.fills_per_command", "assumed", "bound of this machine"),
        ("liquidation.position_minimum", "documented", "live value has not been read"),
        ("fee.tiers", "documented", "Governance can change"),
    ],
)
def test_what_is_not_known_is_said(key: str, mark: str, words: str) -> None:
    entry = rulebook_sources("dydx")[key]
    assert entry.mark == mark
    assert words in entry.source


def test_overrides() -> None:
    book = load_rulebook(
        "dydx",
        {
            "liquidation.account_offset": "block_height",
            "liquidation.position_minimum": "250.5",
            "order.equity_tiers": '[["50", 1]]',
            "fee.tiers": '[["all", "0", 0, 0, 10, -5]]',
            "fee.staking_levels": '[["all", "0.000001", 1000000]]',
            "fee.referred_tier": "0",
            "block.block_ms": "600",
        },
    )
    assert isinstance(book, BlockRulebook)
    assert book.liquidation.account_offset == StartingOffset.BLOCK_HEIGHT
    assert book.liquidation.position_minimum == 250_500_000
    assert book.order.equity_tiers == (EquityTier(50 * USD, 1),)
    assert book.fee.tiers == (VolumeTier("all", 0, 0, 0, 10, -5),)
    assert book.fee.staking_levels == (StakingLevel("all", 1, 1_000_000),)
    assert book.block.block_ms == 600


ONE_TIER = '[["1", "0", 0, 0, 1, 1]'
TWICE = f"{ONE_TIER}, {ONE_TIER[1:]}]"


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("block.block_ms", "0", "must be a whole number from 1"),
        ("block.block_ms", '"1000"', "must be a whole number from 1"),
        ("block.short_term_blocks", "-1", "must be a whole number from 0"),
        ("order.equity_tiers", '[["20", 1], ["10", 2]]', "ascending order"),
        ("order.equity_tiers", '[["20", 1], ["20", 2]]', "none twice"),
        ("order.equity_tiers", "[[20, 1]]", "written as text, like \"0.5\" in row 1, equity (20)"),
        ("order.equity_tiers", '[["20"]]', "rows of 2 values (equity, open_orders)"),
        ("order.equity_tiers", str([[str(n), n] for n in range(9)]), "at most 8 rows"),
        ("order.twap_maximum_interval_ms", "29999", "must not be below twap_minimum_interval_ms"),
        ("order.twap_maximum_duration_ms", "1", "must not be below twap_minimum_duration_ms"),
        ("order.twap_catch_up_factor", "0", "must be a whole number from 1"),
        ("fee.tiers", "[]", "the first row must be for volume 0 and shares 0"),
        ("fee.tiers", '[["1", "5", 0, 0, 1, 1]]', "the first row must be for volume 0"),
        ("fee.tiers", '[["1", "0", 1, 0, 1, 1]]', "the first row must be for volume 0"),
        ("fee.tiers", '[["1", "0", 0, 0, 1]]', "rows of 6 values"),
        ("fee.tiers", '[[1, "0", 0, 0, 1, 1]]', "must be a name as text in row 1, name (1)"),
        ("fee.tiers", '[["1", "0", 0, 0, 1, 0.5]]', "in row 1, maker_ppm (0.5)"),
        ("fee.tiers", '[["1", "0", 0, 0, -1000001, 1]]', "from -1000000 to 1000000 in row 1"),
        ("fee.tiers", TWICE, "no name may come twice"),
        (
            "fee.tiers",
            f'{ONE_TIER}, ["2", "9", 0, 0, 1, 1], ["3", "8", 0, 0, 1, 1]]',
            "volumes must not descend",
        ),
        ("fee.staking_levels", '[["8", "1", 1]]', "['8'] is no tier; known are 1, 2, 3, 4, 5, 6"),
        ("fee.staking_levels", '[["2", "1", 1], ["1", "1", 1]]', "in the order of fee.tiers"),
        ("fee.staking_levels", '[["1", "2", 1], ["1", "1", 1]]', "ascending stake in each"),
        ("fee.staking_levels", '[["1", "1", 1], ["1", "1", 2]]', "none twice"),
        ("fee.staking_levels", '[["1", "1", 1000001]]', "from 0 to 1000000 in row 1, discount_ppm"),
        ("fee.referred_tier", "7", "must be below the number of fee.tiers, 7"),
        ("fee.history_days", "31", "from 1 to 30"),
        ("funding.sample_offset_ms", "60000", "must be below sample_ms"),
        ("funding.tick_ms", "30000", "must not be below sample_ms"),
        ("funding.rate_period_ms", "60000", "must not be below tick_ms"),
        ("funding.tail_ppm", "500000", "from 0 to 499999"),
        ("funding.rate_clamp_ppm", '"6"', "must be a whole number from 0"),
        ("liquidation.position_minimum", "-1", "must be a number from 0"),
        ("liquidation.position_minimum", "0.0000001", "at most 6 decimals"),
        ("liquidation.position_offset", "random", "must be one of first, block_height"),
        ("liquidation.stages", '["book"]', "unknown rule"),
        ("position_minimum", "1", "did you mean liquidation.position_minimum"),
    ],
)  # fmt: skip
def test_bad_overrides(key: str, value: str, message: str) -> None:
    with pytest.raises(RulebookError) as caught:
        load_rulebook("dydx", {key: value.replace("'", '"')})
    text = str(caught.value)
    assert message in text
    assert key in text
    assert text.startswith("rulebook.toml: ")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('clock = "blocks"', 'clock = "slots"', "clock: 'slots': one of continuous, blocks"),
        ('clock = "blocks"', "clock = 1", "clock: 1: one of continuous, blocks"),
        ('clock = "blocks"', "", "block: unknown section; known are margin, order"),
        ('clock = "blocks"', 'clock = "continuous"', "(clock = 'continuous')"),
        ("[block]", "[blocks]", "blocks: unknown section; known are block, order, fee, funding"),
        ("gate_blocks =", "gate =", "block.gate: unknown rule; known are block_ms"),
        ("gate_blocks =", "#", "block.gate_blocks: missing"),
        ('unit = "blocks", source = "protocol: x/sub', 'unit = "ms", source = "', "write 'blocks'"),
        ("position_portion_ppm = { value = 100000", "position_portion_ppm = { value = 0.1",
         "liquidation.position_portion_ppm: 0.1: must be a whole number from 0 to 1000000"),
    ],
)  # fmt: skip
def test_bad_files(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(RulebookError) as caught:
        load_rulebook(changed(tmp_path, old, new))
    assert message in str(caught.value)
    assert str(caught.value).startswith("rulebook.toml: ")


def every_key() -> list[tuple[str, str]]:
    document = tomllib.loads(TEXT)
    return [
        (section, rule)
        for section, table in document.items()
        if isinstance(table, dict)
        for rule in table
    ]


@pytest.mark.parametrize(("section", "rule"), every_key())
def test_no_key_can_be_left_out(tmp_path: Path, section: str, rule: str) -> None:
    head, _, rest = TEXT.partition(f"[{section}]\n")
    path = tmp_path / "rulebook.toml"
    rest = re.sub(rf"^{rule} = \{{.*?\}}$", "", rest, count=1, flags=re.MULTILINE | re.DOTALL)
    path.write_text(f"{head}[{section}]\n{rest}")
    with pytest.raises(RulebookError, match=rf"rulebook\.toml: {section}\.{rule}: missing"):
        load_rulebook(path)


def test_liquidity_tiers_have_sources() -> None:
    tables: dict[str, list[dict[str, Any]]] = tomllib.loads(
        (FOLDER / "liquidity_tiers.toml").read_text()
    )
    assert [entry["id"] for entry in tables["tiers"]] == list(range(7))
    for entry in tables["tiers"] + tables["markets"]:
        assert entry["mark"] in MARKS
        assert len(entry["source"]) > 8
        assert re.fullmatch(r"20\d\d-\d\d-\d\d", entry["as_of"])
    unresolved = [entry for entry in tables["tiers"] if "unresolved" in entry["source"]]
    assert [entry["name"] for entry in unresolved] == ["Mid-Cap", "FX"]
    assert {entry["mark"] for entry in unresolved} == {"assumed"}
    names = {entry["name"] for entry in tables["tiers"]}
    coins = [coin for entry in tables["markets"] for coin in entry["coins"]]
    assert {entry["tier"] for entry in tables["markets"]} <= names
    assert len(coins) == len(set(coins))


def test_the_book_is_one_value() -> None:
    """It can be written and read back, as a journal does."""
    book = shipped_blocks()
    assert msgspec.json.decode(msgspec.json.encode(book), type=BlockRulebook) == book
