"""Account files: what is read, exactly, and what is refused with field, value and remedy."""

import json
from pathlib import Path

import pytest

from seawall.accounts.answer import text_of_answer
from seawall.accounts.examples import ACCOUNT, example_text
from seawall.accounts.file import AccountText, parse_account
from seawall.accounts.holdings import holdings_of
from seawall.accounts.load import load_account
from seawall.domain.enums import MarginMode, MarketMargin, Side
from seawall.domain.errors import InputError
from seawall.domain.holdings import Holdings
from seawall.domain.instrument import Instrument, MarginTier
from seawall.venues.hyperliquid.account.explain import measured
from seawall.venues.hyperliquid.account.reading import account_answer
from seawall.venues.hyperliquid.account.state import account_state
from seawall.venues.hyperliquid.account.user import perps_only
from seawall.venues.raw_json import VenueDataError
from seawall.venues.rulebook_file import load_rulebook
from tests.facts.hyperliquid import recorded_accounts

BTC = Instrument(name="BTC", size_decimals=5, tiers=(MarginTier(0, 40),))
ETH = Instrument(name="ETH", size_decimals=4, tiers=(MarginTier(0, 25),))
NEW = Instrument(
    name="NEW", size_decimals=0, tiers=(MarginTier(0, 3),), margin=MarketMargin.ISOLATED_ONLY
)
PRICES = {"BTC": "100000", "ETH": "4000", "NEW": "2"}

GOOD = {
    "collateral": "collateral = 25_000.5",
    "table": "[[position]]",
    "market": 'market = "BTC"',
    "side": 'side = "long"',
    "size": "size = 0.85",
    "leverage": "leverage = 10",
}


def text_of(**changes: str | None) -> str:
    lines = {**GOOD, **changes}
    return "\n".join(line for line in lines.values() if line is not None)


def parsed(text: str) -> AccountText:
    return parse_account(text.encode(), "a.toml", "a")


def planned(text: str) -> Holdings:
    return holdings_of(parsed(text), [BTC, ETH, NEW], PRICES, load_rulebook())


def test_numbers_are_exact() -> None:
    plan = planned(text_of(entry="entry = 100000.1"))
    assert plan.collateral == 25_000_500_000
    (position,) = plan.positions
    assert position.signed_size == 85_000
    assert position.entry_notional == 85_000_085_000
    assert position.mode == MarginMode.CROSS


def test_a_short_by_notional_at_the_first_price() -> None:
    changes = {"side": 'side = "short"', "size": "notional = '1234.56'"}
    (position,) = planned(text_of(**changes)).positions
    assert position.signed_size == -1_234
    assert position.entry_notional == 1_234 * 1_000_000


def test_isolated_margin_is_given_or_notional_over_leverage() -> None:
    isolated = 'mode = "isolated"'
    (position,) = planned(text_of(mode=isolated)).positions
    assert position.isolated_margin == 8_500_000_000
    (position,) = planned(text_of(mode=isolated, margin="margin = 9000.25")).positions
    assert position.isolated_margin == 9_000_250_000


def test_orders() -> None:
    order = (
        '[[order]]\nmarket = "BTC"\nside = "sell"\nsize = 0.5\nstop = 95000\n'
        '[[order]]\nmarket = "ETH"\nside = "buy"\nnotional = 1000\nprice = 2000'
    )
    stop, limit = planned(text_of(order=order)).orders
    assert (stop.trigger_price, stop.price, stop.reduce_only) == (950_000, 0, True)
    assert (limit.side, limit.size, limit.price) == (Side.BUY, 5_000, 200_000)
    assert not limit.reduce_only
    assert parsed(text_of(order=order)).markets == ("BTC", "ETH")


def test_the_example_is_a_hybrid_account() -> None:
    written = parse_account(example_text(ACCOUNT).encode(), ACCOUNT, "example")
    assert {position.is_isolated for position in written.positions} == {True, False}


WRONG = [
    ({"collateral": None}, "collateral is missing"),
    ({"collateral": "collateral = 0"}, "collateral: '0' should be a number above 0"),
    ({"collateral": "collateral = -5"}, "collateral: '-5' should be a number above 0"),
    ({"collateral": "collateral = nan"}, "collateral: 'nan' should be a number above 0"),
    ({"collateral": "collateral = inf"}, "collateral: 'inf' should be a number above 0"),
    ({"collateral": "collateral = true"}, "collateral: 'True' should be a number"),
    ({"collateral": 'collateral = "much"'}, "collateral: 'much' should be a decimal number"),
    ({"collateral": "collateral = 1e300"}, "collateral: 1e300 is too large"),
    ({"collateral": "collateral = 9223372036854775808"}, "9223372036854775808 is too large"),
    ({"collateral": "collateral = 0.0000001"}, "collateral: 0.0000001 has more than 6 decimals"),
    ({"market": None}, "position 1 (?): market is missing"),
    ({"market": 'market = "NOPE"'}, "market: 'NOPE' is not known; known: BTC, ETH, NEW"),
    ({"market": "market = 3"}, "market: '3' should be a text"),
    ({"side": 'side = "up"'}, 'position 1 (BTC): side: \'up\' should be "long" or "short"'),
    ({"size": None}, "give one of size, notional (found neither)"),
    ({"notional": "notional = 5"}, "give one of size, notional (found size and notional)"),
    ({"size": "size = -1"}, "size: '-1' should be a number above 0"),
    ({"size": "size = 1e300"}, "size: 1e300 is too large"),
    ({"size": "size = 9223372036854775808"}, "size: 9223372036854775808 is too large"),
    ({"size": "size = 0.123456"}, "size: 0.123456 has more than 5 decimals"),
    ({"size": "size = 9999999"}, "size: 9999999 is 999999900000 USD; at most"),
    ({"size": "notional = 0.5"}, "notional: 0.5 is less than the smallest size, 0.00001 BTC"),
    ({"size": "notional = nan"}, "notional: 'nan' should be a number above 0"),
    ({"entry": "entry = 1e300"}, "entry: 1e300 is too large"),
    ({"entry": "entry = 1e12"}, "entry: 1e12 is too large; the limit of BTC is"),
    ({"leverage": None}, "leverage is missing; it should be a whole number"),
    ({"leverage": "leverage = 0"}, "leverage: '0' should be a whole number of 1 or more"),
    ({"leverage": "leverage = 2.5"}, "leverage: '2.5' should be a whole number"),
    ({"leverage": "leverage = 41"}, "leverage: 41 is more than BTC allows (1 to 40)"),
    ({"mode": 'mode = "hedged"'}, 'mode: \'hedged\' should be "cross" or "isolated"'),
    ({"margin": "margin = 5"}, "margin: '5' belongs to mode"),
    ({"mode": 'mode = "isolated"', "margin": "margin = 99999"}, "less than the isolated margins"),
    ({"colour": "colour = 1"}, "position 1 (BTC): unknown field 'colour'; known fields: market"),
    ({"table": "[position]"}, "position: write it as [[position]] tables"),
    ({"table": "position = ["}, "not valid TOML"),
    ({"market": 'market = "NEW"', "size": "size = 9", "leverage": "leverage = 2"}, "isolated"),
    ({"more": "\n".join(["[[position]]", *list(GOOD.values())[2:]])}, "a second position in BTC"),
]


@pytest.mark.parametrize(("changes", "message"), WRONG, ids=[m for _, m in WRONG])
def test_wrong_accounts(changes: dict[str, str | None], message: str) -> None:
    with pytest.raises(InputError, match=r"a\.toml") as caught:
        planned(text_of(**changes))
    assert message in str(caught.value)


WRONG_ORDERS = [
    ('side = "buy"\nsize = 1\nprice = 5\nstop = 5', "give one of price, stop, take_profit"),
    ('side = "long"\nsize = 1\nprice = 5', 'side: \'long\' should be "buy" or "sell"'),
    ('side = "sell"\nsize = 1\nstop = 5\nreduce_only = false', "can only reduce"),
    ('side = "sell"\nsize = 1\nprice = 5\nreduce_only = 1', "should be true or false"),
    ('side = "sell"\nsize = 1\nprice = 5.12', "price: 5.12 has more than 1 decimals"),
]


@pytest.mark.parametrize(("order", "message"), WRONG_ORDERS, ids=[m for _, m in WRONG_ORDERS])
def test_wrong_orders(order: str, message: str) -> None:
    with pytest.raises(InputError, match=r"order 1 \(BTC\)") as caught:
        planned(text_of(order=f'[[order]]\nmarket = "BTC"\n{order}'))
    assert message in str(caught.value)


def test_wrong_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        load_account(tmp_path / "absent.toml")
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="not a text file"):
        load_account(binary)
    other = tmp_path / "account.yaml"
    other.write_text("collateral: 5")
    with pytest.raises(InputError, match=r"should end in \.toml"):
        load_account(other)
    huge = tmp_path / "huge.toml"
    huge.write_text("collateral = " + "9" * 5000)
    with pytest.raises(InputError, match="not valid TOML"):
        load_account(huge)


INFERRED = "S05"
"""A unified account: its equity is not in the perp answer, and one of its prices tells it."""


def test_venue_states_keep_their_equity() -> None:
    """The deposit and the buckets of the written give back the equity that the venue tells."""
    checked = 0
    for row in recorded_accounts():
        try:
            state = account_state(json.dumps(row["state"]).encode())
        except VenueDataError:  # recorded before the venue told all that is needed
            continue
        equity = state.cross_equity()
        if equity is None or not state.positions:
            continue
        equity += sum(p.bucket_equity for p in state.positions if not p.is_cross)
        if equity <= 0:
            continue
        found = account_answer(perps_only(state), {})
        if row["id"] == INFERRED:
            # Its equity is that of a price of the venue, and more than the answer's.
            _, groups = measured(perps_only(state), None)
            assert groups[0].equity is not None
            assert groups[0].equity > equity
            equity = int(groups[0].equity)
        written = text_of_answer("s.json", row["id"], found)
        instruments = [
            Instrument(
                name=p.coin,
                size_decimals=p.size_decimals,
                tiers=(MarginTier(0, max(p.maximum_leverage, p.leverage)),),
            )
            for p in state.positions
        ]
        plan = holdings_of(written, instruments, dict(written.prices), load_rulebook())
        worth = plan.collateral
        for position, planned_position in zip(state.positions, plan.positions, strict=True):
            sign = 1 if planned_position.signed_size > 0 else -1
            assert planned_position.signed_size == position.signed_size
            worth += position.value - sign * planned_position.entry_notional
            if not position.is_cross:
                bucket = planned_position.isolated_margin + position.value
                bucket -= sign * planned_position.entry_notional
                assert bucket == position.bucket_equity
        assert worth == equity
        checked += 1
    assert checked >= 5
