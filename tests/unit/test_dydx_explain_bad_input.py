"""What ``seawall explain`` says to an indexer's answer it cannot use: one line, status 2."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from seawall.venues.dydx.account.explain import account_report
from seawall.venues.dydx.account.markets import market_states
from seawall.venues.dydx.account.state import account_state, is_account, tickers
from seawall.venues.raw_json import VenueDataError
from seawall.venues.rulebook_file import load_rulebook
from tests.command_line import seawall
from tests.unit.subaccount_answers import MARKETS, answer, example, report_of, subaccount

ONE: dict[str, Any] = answer(
    subaccount(
        "-20000", {"BTC-USD": "1", "ETH-USD": "-10"}, equity="5000.0", freeCollateral="3500.0"
    )
)
PARENT: dict[str, Any] = example("account_parent.json")
BTC = "subaccount.openPerpetualPositions.BTC-USD"
USDC = "subaccount.assetPositions.USDC"
CHILD = "subaccount.childSubaccounts[1]"
DELETE = object()


def edited(message: dict[str, Any], path: str, value: Any) -> bytes:
    """The message with one field replaced or deleted."""
    copied = copy.deepcopy(message)
    place: Any = copied
    keys = path.replace("[", ".").replace("]", "").split(".")
    steps = [int(key) if key.isdigit() else key for key in keys]
    for step in steps[:-1]:
        place = place[step]
    if value is DELETE:
        del place[steps[-1]]
    else:
        place[steps[-1]] = value
    return json.dumps(copied).encode()


def explained(raw: bytes) -> Any:
    state = account_state(raw, market_states(raw, tickers(raw)))
    return account_report(state, load_rulebook("dydx"))  # type: ignore[arg-type]


def refused(*arguments: str | Path, raw: bytes = b"") -> str:
    """The one line of a refusal."""
    result = seawall("explain", *arguments, stdin=raw)
    error = result.stderr
    assert result.returncode == 2, error
    assert result.stdout == ""
    assert error.count("\n") == 1, error
    assert "Traceback" not in error
    return error


def test_the_untouched_messages_are_fine() -> None:
    assert explained(json.dumps(ONE).encode()).warnings == ()
    assert report_of(PARENT).warnings == ()


BAD_FIELDS = [
    ("subaccount", [], "subaccount: expected object, got array"),
    ("subaccount", {}, "subaccount: no account: expected a subaccount with openPerpetualPositions"),
    ("subaccount", None, "subaccount: expected object, got null"),
    ("subaccount.subaccountNumber", DELETE, "subaccount.subaccountNumber: missing"),
    ("subaccount.subaccountNumber", "0", "subaccount.subaccountNumber: expected int"),
    ("subaccount.subaccountNumber", -1, "subaccount.subaccountNumber: -1 must be a whole number"),
    ("subaccount.subaccountNumber", 128_001, "128001 must be a whole number from 0 to 128000"),
    ("subaccount.equity", "much", "subaccount.equity: 'much' is not a decimal number"),
    ("subaccount.equity", 5000.0, "subaccount.equity: expected text (a number in quotes)"),
    ("subaccount.freeCollateral", "1e300", "subaccount.freeCollateral: 1e300 is too large"),
    ("subaccount.assetPositions", DELETE, "subaccount.assetPositions: missing"),
    ("subaccount.assetPositions", [], "subaccount.assetPositions: expected object, got array"),
    (USDC, "20000", f"{USDC}: expected object, got"),
    (f"{USDC}.size", DELETE, f"{USDC}.size: missing"),
    (f"{USDC}.size", 20000, f"{USDC}.size: expected text (a number in quotes), got int"),
    (f"{USDC}.size", "NaN", f"{USDC}.size: 'NaN' is not a decimal number"),
    (f"{USDC}.size", "-20000", f"{USDC}.size: '-20000' must not be negative; side SHORT"),
    (f"{USDC}.size", str(10**12), f"{USDC}.size: '{10**12}' must be at most 100000000000"),
    (f"{USDC}.side", DELETE, f"{USDC}.side: missing"),
    (f"{USDC}.side", "long", f"{USDC}.side: 'long' must be 'LONG' or 'SHORT'"),
    (f"{USDC}.symbol", "DYDX", f"{USDC}.symbol: 'DYDX' must be the key 'USDC'"),
    ("subaccount.openPerpetualPositions", DELETE, "subaccount.openPerpetualPositions: missing"),
    ("subaccount.openPerpetualPositions", [], "openPerpetualPositions: expected object"),
    (BTC, None, f"{BTC}: expected object, got null"),
    (f"{BTC}.size", DELETE, f"{BTC}.size: missing"),
    (f"{BTC}.size", "0", f"{BTC}.size: '0' must not be zero"),
    (f"{BTC}.size", 1, f"{BTC}.size: expected text (a number in quotes), got int"),
    (f"{BTC}.size", "1.00000000001", f"{BTC}.size: 1.00000000001 has more than 10 decimals"),
    (f"{BTC}.size", "Infinity", f"{BTC}.size: 'Infinity' is not a decimal number"),
    (f"{BTC}.size", "1e9", f"{BTC}.size: '1e9' must be at most 461168601.8427387904"),
    (f"{BTC}.size", "200001", f"{BTC}.size: '200001' is worth more than 10 billion USD"),
    (f"{BTC}.size", "-1", f"{BTC}.size: '-1' and side 'LONG' disagree; the size of a short"),
    (f"{BTC}.side", "BUY", f"{BTC}.side: 'BUY' must be 'LONG' or 'SHORT'"),
    (f"{BTC}.status", "CLOSED", f"{BTC}.status: 'CLOSED' must be 'OPEN'"),
    (f"{BTC}.market", "ETH-USD", f"{BTC}.market: 'ETH-USD' must be the key 'BTC-USD'"),
    ("markets", DELETE, "markets: missing; the positions need the answer to perpetualMarkets"),
    ("markets", [], "markets: expected object, got array"),
    ("markets.BTC-USD", DELETE, f"{BTC}: 'BTC-USD' is not among the markets: ETH-USD"),
    ("markets.BTC-USD", 1, "markets.BTC-USD: expected object, got int"),
    ("markets.BTC-USD.oraclePrice", None, "markets.BTC-USD.oraclePrice: no price above zero"),
    ("markets.BTC-USD.oraclePrice", "0", "markets.BTC-USD.oraclePrice: no price above zero"),
    ("markets.BTC-USD.oraclePrice", "-1", "markets.BTC-USD.oraclePrice: '-1' must not be negative"),
    ("markets.BTC-USD.initialMarginFraction", DELETE, "BTC-USD.initialMarginFraction: missing"),
    ("markets.BTC-USD.baseOpenInterest", "-1", "BTC-USD.baseOpenInterest: '-1' must not be neg"),
    ("markets.BTC-USD.baseOpenInterest", "lots", "baseOpenInterest: 'lots' is not a decimal"),
]


@pytest.mark.parametrize(("path", "value", "message"), BAD_FIELDS)
def test_bad_field_is_named(path: str, value: Any, message: str) -> None:
    with pytest.raises(VenueDataError) as caught:
        explained(edited(ONE, path, value))
    assert message in str(caught.value)


BAD_PARENT_FIELDS = [
    ("subaccount.parentSubaccountNumber", DELETE, "subaccount.parentSubaccountNumber: missing"),
    ("subaccount.parentSubaccountNumber", 128, "128 must be a whole number from 0 to 127"),
    ("subaccount.parentSubaccountNumber", 1, "subaccountNumber: 0 is no child of parent 1"),
    ("subaccount.childSubaccounts", DELETE, "subaccount.childSubaccounts: missing"),
    ("subaccount.childSubaccounts", {}, "subaccount.childSubaccounts: expected array"),
    (CHILD, 7, f"{CHILD}: expected object, got int"),
    (f"{CHILD}.subaccountNumber", DELETE, f"{CHILD}.subaccountNumber: missing"),
    (f"{CHILD}.subaccountNumber", 0, f"{CHILD}.subaccountNumber: 0 is listed twice"),
    (f"{CHILD}.subaccountNumber", 129, "129 is no child of parent 0; the remainder of 129 by 128"),
    (
        f"{CHILD}.openPerpetualPositions.FISH-USD.size",
        "x",
        f"{CHILD}.openPerpetualPositions.FISH-USD.size: 'x' is not a decimal number",
    ),
    (f"{CHILD}.assetPositions.USDC.size", DELETE, f"{CHILD}.assetPositions.USDC.size: missing"),
    ("subaccount.equity", "?", "subaccount.equity: '?' is not a decimal number"),
]


@pytest.mark.parametrize(("path", "value", "message"), BAD_PARENT_FIELDS)
def test_bad_field_of_a_parent_is_named(path: str, value: Any, message: str) -> None:
    with pytest.raises(VenueDataError) as caught:
        explained(edited(PARENT, path, value))
    assert message in str(caught.value)


def test_growing_fraction_needs_the_open_interest() -> None:
    without = json.loads(edited(PARENT, "markets.SOL-USD.baseOpenInterest", DELETE))
    assert explained(json.dumps(without).encode()).positions
    raw = edited(without, "markets.SOL-USD.openInterest", DELETE)
    with pytest.raises(VenueDataError, match=r"markets\.SOL-USD\.baseOpenInterest: missing; .*Cap"):
        explained(raw)
    without = json.loads(edited(ONE, "markets.BTC-USD.baseOpenInterest", DELETE))
    assert explained(edited(without, "markets.BTC-USD.openInterest", DELETE)).positions


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        (b'{"subaccount": {}}', True),
        (b'{"subaccounts": []}', True),
        (b'{"childSubaccounts": []}', True),
        (b'{"openPerpetualPositions": {}}', True),
        (b'{"assetPositions": []}', False),
        (b'{"markets": {}}', False),
        (b"[]", False),
        (b"", False),
        (b"\xff", False),
        (b'{"subaccount"', False),
        (b"[" * 100_000, False),
    ],
)
def test_shape(raw: bytes, found: bool) -> None:
    assert is_account(raw) == found


def test_command_says_that_markets_are_needed(tmp_path: Path) -> None:
    raw = edited(ONE, "markets", DELETE)
    line = refused("-", raw=raw)
    assert line.startswith("seawall explain: standard input: markets: missing; the positions need")
    assert "--markets FILE" in line
    markets = tmp_path / "markets.json"
    assert "markets.json: No such file" in refused("-", "--markets", markets, raw=raw)
    markets.write_text("{}")
    assert "markets.json: markets: missing" in refused("-", "--markets", markets, raw=raw)
    markets.write_text('{"markets": {}}')
    line = refused("-", "--markets", markets, raw=raw)
    assert f"standard input: {BTC}: 'BTC-USD' is not among the markets: there are none" in line
    markets.write_bytes(edited({"markets": MARKETS}, "markets.BTC-USD.tickSize", "2"))
    assert "markets.json: markets.BTC-USD.tickSize: '2' must be '1'" in refused(
        "-", "--markets", markets, raw=raw
    )


def test_command_refuses_what_does_not_fit(tmp_path: Path) -> None:
    raw = json.dumps(ONE).encode()
    assert "holds BTC-USD, ETH-USD" in refused("--steps", "BTC", raw=raw)
    assert "no position" in refused("--steps", "BTC", raw=json.dumps(subaccount("1", {})).encode())
    assert "unknown; known are hyperliquid, dydx" in refused("--venue", "elsewhere", raw=raw)
    assert "--meta: this venue's account needs none" in refused("--meta", "x", raw=raw)
    assert "assetPositions: missing" in refused("--venue", "hyperliquid", raw=raw)
    assert "rules of another kind" in refused("--rulebook", "hyperliquid", raw=raw)
    other = b'{"assetPositions": []}'
    assert "--markets: this venue's account needs none" in refused("--markets", "x", raw=other)
    assert "no account: expected a subaccount" in refused("--venue", "dydx", raw=other)
    assert "rules of another kind" in refused("--rulebook", "dydx", raw=other)
    cut = tmp_path / "cut.json"
    cut.write_bytes(raw[:-5])
    assert "cut.json: not JSON" in refused("--venue", "dydx", cut)
