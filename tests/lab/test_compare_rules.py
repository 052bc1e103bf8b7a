"""``seawall compare-rules``: one journal under two rulebooks."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from seawall.domain.commands import (
    AdjustIsolatedMargin,
    AdoptPosition,
    AdvanceTime,
    CreateAccount,
    Deposit,
    ModifyOrder,
    PlaceOrder,
    SetLeverage,
    SetOraclePrice,
    Transfer,
)
from seawall.domain.enums import FillFlag, MarginMode, Reason, Side, TimeInForce
from seawall.domain.errors import InputError
from seawall.domain.events import CommandRejected, OrderAccepted, OrderFilled
from seawall.domain.instrument import Instrument, MarginTier
from seawall.engine.codec import encode_commands
from seawall.engine.engine import Engine
from seawall.engine.journal import JournalWriter, describe_rules
from seawall.engine.layout import Limits
from seawall.lab.compare_rules.comparison import compare
from seawall.lab.compare_rules.translation import buckets_of
from seawall.lab.simulation.event_words import words
from seawall.venues.dydx.instruments import plain_instrument
from seawall.venues.rulebook_file import load_rulebook
from tests.lab.commands import CANDLES, SECONDS, made, refused, seawall

pytestmark = pytest.mark.timeout(SECONDS + 60)

ACCOUNT = """
collateral = 20000
[[position]]
market = "BTC"
side = "long"
notional = 150000
leverage = 10
"""
BTC = Instrument(name="BTC", size_decimals=5, tiers=(MarginTier(0, 40),))
LIMITS = Limits(accounts=16, positions=64, orders=64, levels=64, nodes=64)
NOW = 1_760_000_000_000
USD = 1_000_000


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a journal of each rulebook and what its rehearsal said."""
    folder = tmp_path_factory.mktemp("recorded")
    (folder / "account.toml").write_text(ACCOUNT)
    (folder / "BTC.csv").write_text(CANDLES)
    for rulebook in ("hyperliquid", "dydx"):
        result = made(
            folder, "rehearse", "account.toml", "--path", "BTC.csv", "--rulebook", rulebook,
            "--journal", f"out/{rulebook}.journal",
        )  # fmt: skip
        (folder / f"{rulebook}.json").write_text(json.dumps(result))
    return folder


@pytest.mark.parametrize(("side", "rulebook"), [("left", "hyperliquid"), ("right", "dydx")])
def test_each_side_ends_as_its_own_rehearsal(recorded: Path, side: str, rulebook: str) -> None:
    rehearsed = json.loads((recorded / f"{rulebook}.json").read_text())
    number = rehearsed["account_number"]
    compared = made(recorded, "compare-rules", f"out/{rulebook}.journal", "--account", str(number))
    account = next(each for each in compared["accounts"] if each["side"] == side)
    assert account["account"] == number
    assert account["equity"] == rehearsed["equity_at_end"]
    assert not [each for each in compared["positions"] if each["side"] == side]
    totals = next(each for each in compared["totals"] if each["side"] == side)
    sold = sum(
        Decimal(e["size"]) * Decimal(e["price"])
        for e in rehearsed["incidents"]
        if e["what"] in ("partly_liquidated", "liquidated")
    )
    # A line of several fills shows their average price, rounded down to a price unit.
    printed = Decimal(totals["sold_by_liquidation"])
    assert sold <= printed <= sold + Decimal(len(rehearsed["incidents"]))
    assert totals["rejected_commands"] == 0


def test_the_same_rules_do_the_same(recorded: Path) -> None:
    same = ("--left", "dydx", "--right", "dydx")
    compared = made(recorded, "compare-rules", "out/dydx.journal", *same)
    assert compared["first_difference"] is None
    assert compared["differing_commands"] == 0
    assert compared["bookkeeping_differences_before"] == 0
    for name in ("totals", "accounts", "positions"):
        left, right = (
            [{**each, "side": ""} for each in compared[name] if each["side"] == side]
            for side in ("left", "right")
        )
        assert left == right
    assert compared["accounts"]
    text = seawall(recorded, "compare-rules", "out/dydx.journal", *same).stdout
    assert "No fill, payment, rejection or liquidation differs" in text
    # Under one name people need the side.
    assert "dydx (left)" in text
    assert "dydx (right)" in text


def test_the_report_names_what_differs_first(recorded: Path) -> None:
    result = seawall(recorded, "compare-rules", "out/dydx.journal", "--account", "6")
    assert result.returncode == 0, result.stderr
    text = " ".join(result.stdout.split())
    for part in (
        "First difference: command",
        "UTC, BTC: set oracle price",
        "liquidation started: equity",
        "commands differ in bookkeeping alone",
        "liquidation fees paid",
        "Account 6 at the end",
        "hyperliquid: margins of BTC are those of its own tables",
    ):
        assert part in text
    everybody = seawall(recorded, "compare-rules", "out/dydx.journal").stdout
    assert "At the end, USD" in everybody
    assert "The equity of 2 of 2 accounts differs." in everybody


def test_a_rehearsal_replaces_its_journal_and_nothing_else(recorded: Path) -> None:
    arguments = ("account.toml", "--path", "BTC.csv", "--journal", "out/again.journal")
    made(recorded, "rehearse", *arguments)
    first = (recorded / "out" / "again.journal").read_bytes()
    made(recorded, "rehearse", *arguments)
    assert (recorded / "out" / "again.journal").read_bytes() == first
    precious = recorded / "precious.txt"
    precious.write_text("mine")
    refused(
        seawall(recorded, "rehearse", "account.toml", "--journal", "precious.txt"),
        "rehearse",
        "--journal: 'precious.txt' should be a new file: it is there already and is no journal",
    )
    assert precious.read_text() == "mine"


def engines() -> tuple[Engine, Engine]:
    return (
        Engine.create(load_rulebook("hyperliquid"), [BTC], LIMITS),
        Engine.create(load_rulebook("dydx"), [plain_instrument(BTC)], LIMITS),
    )


def trade(time_in_force: TimeInForce = TimeInForce.GOOD_TIL_CANCEL) -> list[Any]:
    """Two accounts; the second buys half a bitcoin from the first."""
    start: list[Any] = [AdvanceTime(NOW), SetOraclePrice(NOW, 0, 1_000_000)]
    for account in (5, 6):
        start += [CreateAccount(NOW), Deposit(NOW, account, 50_000 * USD)]
    price, size = 1_000_000, 50_000
    return [
        *start,
        PlaceOrder(NOW, 5, 0, Side.SELL, price, size),
        AdvanceTime(NOW + 1000),
        PlaceOrder(NOW + 1000, 6, 0, Side.BUY, price, size, time_in_force),
        AdvanceTime(NOW + 2000),
    ]


def test_the_first_difference_is_what_a_trader_has() -> None:
    left, right = engines()
    result = compare(left, right, [encode_commands(trade())])
    assert result.first is not None
    # One matches on arrival, the other when the block is committed; queueing is only counted.
    assert result.first.number == 9
    assert isinstance(result.first.command, PlaceOrder)
    assert [type(event) for event in result.first.left] == [OrderFilled, OrderFilled]
    assert result.first.right == []
    # Each creation tells its fee rates, which differ, and the sale rests or is queued.
    assert result.bookkeeping >= 2
    assert result.differing == 2
    assert result.totals[0].fees == 22_500_000 + 7_500_000
    assert result.totals[1].fees == 25_000_000 + 5_000_000
    assert [totals.fills for totals in result.totals] == [2, 2]


def test_cash_is_that_of_all_margin_groups() -> None:
    gold = structs.replace(BTC, name="GOLD", group="xyz")
    pair = [Engine.create(load_rulebook("hyperliquid"), [BTC, gold], LIMITS) for _ in range(2)]
    commands: list[Any] = [AdvanceTime(NOW), CreateAccount(NOW), Deposit(NOW, 5, 300 * USD)]
    commands += [Deposit(NOW, 5, 200 * USD, group=1), AdvanceTime(NOW + 1000)]
    (ends,) = compare(pair[0], pair[1], [encode_commands(commands)]).ends.values()
    assert ends[0] is not None
    assert (ends[0].cash, ends[0].equity) == (500 * USD, 500 * USD)


def test_frames_do_not_matter() -> None:
    whole = compare(*engines(), [encode_commands(trade())])
    single = compare(*engines(), [encode_commands([each]) for each in trade()])
    assert (whole.first, whole.differing, whole.bookkeeping) == (
        single.first,
        single.differing,
        single.bookkeeping,
    )
    assert whole.totals == single.totals


def test_what_rules_do_not_offer_is_a_difference() -> None:
    result = compare(*engines(), [encode_commands(trade(TimeInForce.FILL_OR_KILL))], [6])
    assert result.first is not None
    (rejected,) = result.first.right
    assert isinstance(rejected, CommandRejected)
    assert rejected.reason == Reason.TIME_IN_FORCE_NOT_OFFERED
    assert result.totals[1].reasons == {"TIME_IN_FORCE_NOT_OFFERED": 1}
    assert result.totals[0].fills == 1
    assert result.totals[1].fills == 0
    (ends,) = result.ends.values()
    assert ends[0] is not None
    assert ends[1] is not None
    assert ends[0].now.holdings[0].signed_size == 50_000
    assert ends[1].now.holdings == {}


def test_liquidation_prices_of_both_sides() -> None:
    """50,000 USD of cash, half a bitcoin at 100,000: far from any liquidation; a tenth is not."""
    commands = [*trade()[:3], Deposit(NOW, 5, 5_000 * USD), *trade()[4:]]
    # The seller's 5,000 less 7.50 or 5 of fees, against half a bitcoin.
    result = compare(*engines(), [encode_commands(commands)], [5])
    (ends,) = result.ends.values()
    prices = [end.liquidation_prices[0] for end in ends if end is not None]
    for price, fee, rate in zip(prices, (7.5, 5.0), (0.0125, 0.012), strict=True):
        assert price == pytest.approx((5_000 - fee + 50_000) / (0.5 * (1 + rate)), abs=0.2)


def test_an_account_that_nobody_creates() -> None:
    with pytest.raises(
        InputError, match="account: 9 should be an account that the journal creates: 5 to 6"
    ):
        compare(*engines(), [encode_commands(trade())], [9])


def test_events_and_commands_in_words() -> None:
    order = PlaceOrder(NOW, 6, 0, Side.BUY, 1_000_000, 50_000)
    assert words(order, [BTC]) == (
        "account 6, BTC: place order: buy, price 100000, size 0.5, good til cancel"
    )
    fill = OrderFilled(
        sequence=1, account=6, market=0, order_id=3, price=1_000_000, size=50_000, fee=25_000_000,
        closed_profit=0, position_before=0, counterparty=5, flags=FillFlag.TAKER | FillFlag.BUYER,
    )  # fmt: skip
    assert words(fill, [BTC]) == (
        "account 6, BTC: order filled: price 100000, size 0.5, fee 25, counterparty 5, taker, buyer"
    )
    assert words(AdvanceTime(NOW), []) == "advance time"


def write(path: Path, **parts: Any) -> None:
    with JournalWriter(path, describe_rules(**parts)) as writer:
        writer.append(encode_commands(trade()))


BAD = [
    (["text.journal"], "text.journal does not begin as a journal does"),
    (["bare.journal"], "bare.journal: the header should hold rulebook, instruments and limits"),
    (["good.journal", "--account", "six"], "--account: 'six' should be the number of an account"),
    (["good.journal", "--account", "-6"], "--account: '-6' should be the number"),
    (
        ["good.journal", "--account", "77"],
        "--account: 77 should be an account that the journal creates",
    ),
    (["late.journal"], "late.journal: begins with command 8; it should begin with command 1"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD, ids=[message for _, message in BAD])
def test_bad_input(tmp_path: Path, arguments: list[str], message: str) -> None:
    parts = {"rulebook": load_rulebook(), "instruments": [BTC], "limits": LIMITS}
    (tmp_path / "text.journal").write_text("dear journal")
    write(tmp_path / "bare.journal", limits=LIMITS)
    write(tmp_path / "good.journal", **parts)
    with JournalWriter(tmp_path / "late.journal", describe_rules(**parts), 8) as writer:
        writer.append(encode_commands(trade()))
    refused(seawall(tmp_path, "compare-rules", *arguments), "compare-rules", message)


def test_a_torn_tail_is_told(tmp_path: Path) -> None:
    write(tmp_path / "j", rulebook=load_rulebook(), instruments=[BTC], limits=LIMITS)
    with (tmp_path / "j").open("ab") as file:
        file.write(b"\x8dSWF torn")
    compared = made(tmp_path, "compare-rules", "j")
    assert compared["commands"] == len(trade())
    assert any("9 bytes of the journal are torn" in note for note in compared["notes"])


def test_units_of_one_venue_only_are_refused(tmp_path: Path) -> None:
    own = plain_instrument(BTC)
    assert own.block_terms is not None
    from msgspec.structs import replace

    own = replace(own, block_terms=replace(own.block_terms, price_step=100_000))
    write(tmp_path / "j", rulebook=load_rulebook("dydx"), instruments=[own], limits=LIMITS)
    refused(
        seawall(tmp_path, "compare-rules", "j"),
        "compare-rules",
        "under hyperliquid: BTC: counts prices and sizes in units that only its own venue has",
    )


ETH = Instrument(name="ETH", size_decimals=4, tiers=(MarginTier(0, 25),))
START: list[Any] = [
    AdvanceTime(NOW), SetOraclePrice(NOW, 0, 1_000_000), SetOraclePrice(NOW, 1, 400_000),
    CreateAccount(NOW), Deposit(NOW, 5, 1_000_000 * USD),
]  # fmt: skip
"""Two markets, BTC at 100,000 and ETH at 4,000 USD, and an account, 5, that makes quotes."""


def held(commands: list[Any], *, in_blocks: bool, accounts: tuple[int, ...] = ()) -> Any:
    """The journal under continuous rules (left) and block rules (right)."""
    pair = (
        Engine.create(load_rulebook("hyperliquid"), [BTC, ETH], LIMITS),
        Engine.create(
            load_rulebook("dydx"), [plain_instrument(BTC), plain_instrument(ETH)], LIMITS
        ),
    )
    frames = [encode_commands(commands[:9]), encode_commands(commands[9:])]
    buckets = buckets_of(frames, in_blocks=in_blocks)
    return compare(*pair, frames, accounts, buckets=buckets)


def isolated(account: int = 6) -> list[Any]:
    """60,000 USD: 3 ETH short with 2,000 of margin in a bucket, half a BTC long on the rest."""
    return [
        CreateAccount(NOW), Deposit(NOW, account, 60_000 * USD),
        AdoptPosition(NOW, account, 0, Side.BUY, 50_000, 50_000 * USD, 10),
        AdoptPosition(
            NOW, account, 1, Side.SELL, 30_000, 12_000 * USD, 6, MarginMode.ISOLATED, 2_000 * USD
        ),
        AdvanceTime(NOW + 2_000),
    ]  # fmt: skip


def test_isolated_positions_are_child_accounts_under_rules_of_blocks() -> None:
    result = held([*START, *isolated()], in_blocks=False, accounts=(6,))
    (ends,) = result.ends.values()
    for end in ends:
        assert end.equity == 60_000 * USD
        assert {market: each.isolated for market, each in end.now.holdings.items()} == {
            0: False, 1: True,
        }  # fmt: skip
        assert end.now.buckets[1].equity == 2_000 * USD
    assert [totals.rejected for totals in result.totals] == [0, 0]
    assert result.first is None


def test_the_accounts_after_a_child_keep_their_numbers() -> None:
    commands = [*START, *isolated(), CreateAccount(NOW + 2_000), Deposit(NOW + 2_000, 7, 77 * USD)]
    result = held(commands, in_blocks=False)
    assert list(result.ends) == [5, 6, 7]
    assert [end.equity for end in result.ends[7]] == [77 * USD, 77 * USD]
    assert [end.account for end in result.ends[7]] == [7, 7]
    assert result.first is None


def test_money_moves_into_a_child_as_into_a_bucket() -> None:
    moves = [
        AdjustIsolatedMargin(NOW + 2_000, 6, 1, 500 * USD),
        AdjustIsolatedMargin(NOW + 2_000, 6, 1, -100 * USD),
        AdvanceTime(NOW + 4_000),
    ]
    result = held([*START, *isolated(), *moves], in_blocks=False, accounts=(6,))
    (ends,) = result.ends.values()
    assert [end.now.buckets[1].equity for end in ends] == [2_400 * USD, 2_400 * USD]
    assert result.first is None


def test_a_child_account_is_an_isolated_position_where_there_are_such() -> None:
    children = [
        CreateAccount(NOW), Deposit(NOW, 6, 60_000 * USD), CreateAccount(NOW, 6),
        Transfer(NOW, 6, 7, 2_000 * USD), CreateAccount(NOW), Deposit(NOW, 8, 88 * USD),
        AdoptPosition(NOW, 7, 1, Side.SELL, 30_000, 12_000 * USD, 6),
        Transfer(NOW, 6, 7, 500 * USD), Transfer(NOW, 7, 6, 100 * USD), AdvanceTime(NOW + 2_000),
    ]  # fmt: skip
    result = held([*START, *children], in_blocks=True)
    assert list(result.ends) == [5, 6, 8]
    for end in result.ends[6]:
        assert end.equity == 60_000 * USD
        assert end.now.buckets[1].equity == 2_400 * USD
        assert end.now.holdings[1].isolated
    assert [end.equity for end in result.ends[8]] == [88 * USD, 88 * USD]
    assert [totals.rejected for totals in result.totals] == [0, 0]
    assert result.first is None
    # A child is compared with its parent.
    assert list(held([*START, *children], in_blocks=True, accounts=(7,)).ends) == [6]


def test_a_child_beside_its_parent_in_one_market_stays_an_account() -> None:
    commands = [
        *START, CreateAccount(NOW), Deposit(NOW, 6, 60_000 * USD), CreateAccount(NOW, 6),
        Transfer(NOW, 6, 7, 9_000 * USD),
        AdoptPosition(NOW, 6, 0, Side.BUY, 10_000, 10_000 * USD, 10),
        AdoptPosition(NOW, 7, 0, Side.SELL, 10_000, 10_000 * USD, 10), AdvanceTime(NOW + 2_000),
    ]  # fmt: skip
    result = held(commands, in_blocks=True)
    assert list(result.ends) == [5, 6, 7]
    assert [end.equity for end in result.ends[7]] == [9_000 * USD, 9_000 * USD]
    assert result.first is None


@pytest.mark.parametrize("in_blocks", [False, True])
def test_orders_open_what_they_open_on_the_other_side(in_blocks: bool) -> None:
    """5 quotes ETH at 4,000; 6 buys one, isolated at 5x or in a child account with 800 USD."""
    trader, price, size = (7, 400_000, 10_000) if in_blocks else (6, 400_000, 10_000)
    opening: list[Any] = [SetLeverage(NOW, 6, 1, 5, MarginMode.ISOLATED)]
    if in_blocks:
        opening = [CreateAccount(NOW, 6), Transfer(NOW, 6, 7, 800 * USD)]
    commands = [
        *START, CreateAccount(NOW), Deposit(NOW, 6, 10_000 * USD), *opening,
        PlaceOrder(NOW, 5, 1, Side.SELL, price, size), AdvanceTime(NOW + 2_000),
        PlaceOrder(NOW + 2_000, trader, 1, Side.BUY, price, size), AdvanceTime(NOW + 4_000),
    ]  # fmt: skip
    result = held(commands, in_blocks=in_blocks, accounts=(6,))
    (ends,) = result.ends.values()
    for end, fee in zip(ends, (Decimal("0.045"), Decimal("0.05")), strict=True):
        assert end.now.holdings[1].signed_size == size
        assert end.now.holdings[1].isolated
        assert 800 * USD - end.now.buckets[1].equity in (0, int(fee * 40 * USD))
        assert end.equity == 10_000 * USD - int(fee * 40 * USD)


def test_an_order_that_cannot_be_replaced_brings_its_margin_once() -> None:
    """6 bids for one ETH at 3,900, isolated at 5x, then at 3,950, which block rules refuse."""
    opening = [
        *START, CreateAccount(NOW), Deposit(NOW, 6, 10_000 * USD),
        SetLeverage(NOW, 6, 1, 5, MarginMode.ISOLATED),
        PlaceOrder(NOW, 6, 1, Side.BUY, 390_000, 10_000),
    ]  # fmt: skip
    engine = Engine.create(load_rulebook("hyperliquid"), [BTC, ETH], LIMITS)
    events = [event for each in opening for event in engine.apply(each)]
    (order,) = (each.order_id for each in events if isinstance(each, OrderAccepted))
    commands = [
        *opening, ModifyOrder(NOW, 6, 1, order, Side.BUY, 395_000, 10_000),
        AdvanceTime(NOW + 2_000), PlaceOrder(NOW + 2_000, 5, 1, Side.SELL, 390_000, 10_000),
        AdvanceTime(NOW + 4_000),
    ]  # fmt: skip
    result = held(commands, in_blocks=False, accounts=(6,))
    assert result.totals[1].reasons == {"COMMAND_NOT_OFFERED": 1}
    (ends,) = result.ends.values()
    # A fifth of what was paid, and what the oracle's 4,000 is above it; a maker's fees at most.
    for end, price in zip(ends, (3_950, 3_900), strict=True):
        left = (price // 5 + 4_000 - price) * USD - end.now.buckets[1].equity
        assert 0 <= left < 2 * USD


def test_the_output_says_how_a_journal_is_read(tmp_path: Path) -> None:
    write(tmp_path / "j", rulebook=load_rulebook(), instruments=[BTC], limits=LIMITS)
    assumed = " ".join(made(tmp_path, "compare-rules", "j")["assumptions"])
    for part in ("Quotes do not respond", "Isolated positions are child accounts under dydx"):
        assert part in assumed
    for name in ("hyperliquid", "dydx"):
        assert f"Liquidation under {name}: " in assumed
