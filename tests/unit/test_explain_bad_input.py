"""What ``seawall explain`` says to input it cannot use: one line that names the field, status 2."""

import copy
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from seawall.venues.hyperliquid.account.explain import account_report
from seawall.venues.hyperliquid.account.user import user_states
from seawall.venues.hyperliquid.instruments import instruments_from_meta
from seawall.venues.numbers import exact_money
from seawall.venues.raw_json import VenueDataError
from seawall.venues.rulebook_file import load_rulebook
from tests.command_line import seawall
from tests.shared_files import ROOT

STATE: dict[str, Any] = {
    "marginSummary": {
        "accountValue": "2300.0",
        "totalNtlPos": "7500.0",
        "totalRawUsd": "-2200.0",
        "totalMarginUsed": "900.0",
    },
    "crossMarginSummary": {
        "accountValue": "2000.0",
        "totalNtlPos": "6000.0",
        "totalRawUsd": "-4000.0",
        "totalMarginUsed": "600.0",
    },
    "crossMaintenanceMarginUsed": "75.0",
    "withdrawable": "1400.0",
    "assetPositions": [
        {
            "type": "oneWay",
            "position": {
                "coin": "BTC",
                "szi": "0.06",
                "leverage": {"type": "cross", "value": 10},
                "positionValue": "6000.0",
                "unrealizedPnl": "0.0",
                "liquidationPx": "67510.5485232068",
                "marginUsed": "600.0",
                "maxLeverage": 40,
            },
        },
        {
            "type": "oneWay",
            "position": {
                "coin": "FISH",
                "szi": "-1000.0",
                "leverage": {"type": "isolated", "value": 5, "rawUsd": "1800.0"},
                "positionValue": "1500.0",
                "unrealizedPnl": "0.0",
                "liquidationPx": "1.6363636364",
                "marginUsed": "300.0",
                "maxLeverage": 5,
            },
        },
    ],
}
META: dict[str, Any] = {
    "universe": [
        {"name": "BTC", "szDecimals": 5, "maxLeverage": 40, "marginTableId": 56},
        {"name": "FISH", "szDecimals": 0, "maxLeverage": 5, "marginTableId": 5},
    ],
    "marginTables": [
        [
            56,
            {
                "description": "two tiers",
                "marginTiers": [
                    {"lowerBound": "0.0", "maxLeverage": 40},
                    {"lowerBound": "150000000.0", "maxLeverage": 20},
                ],
            },
        ]
    ],
}
FIRST, SECOND = "assetPositions[0].position", "assetPositions[1].position"
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


def explained(raw: bytes, meta: bytes | None = None) -> Any:
    instruments = None
    if meta is not None:
        instruments = {each.name: each for each in instruments_from_meta(meta)}
    (user,) = user_states(raw, instruments)
    return account_report(user, load_rulebook())


def refused(*arguments: str | Path, raw: bytes = b"") -> str:
    """The one line of a refusal."""
    result = seawall("explain", *arguments, stdin=raw)
    error = result.stderr
    assert result.returncode == 2, error
    assert result.stdout == ""
    assert error.count("\n") == 1, error
    assert "Traceback" not in error
    return error


def test_the_untouched_message_is_fine() -> None:
    report = explained(json.dumps(STATE).encode(), json.dumps(META).encode())
    assert report.warnings == ()


BAD_FIELDS = [
    ("assetPositions", DELETE, "assetPositions: missing"),
    ("assetPositions", {}, "assetPositions: expected array, got object"),
    ("assetPositions[0]", 1, "assetPositions[0]: expected object, got int"),
    ("assetPositions[1].position", DELETE, f"{SECOND}: missing"),
    (f"{FIRST}.maxLeverage", DELETE, f"{FIRST}.maxLeverage: missing"),
    (f"{FIRST}.coin", DELETE, f"{FIRST}.coin: missing"),
    (f"{FIRST}.coin", 7, f"{FIRST}.coin: expected text"),
    (f"{FIRST}.coin", "", f"{FIRST}.coin: '' is no market name"),
    (f"{FIRST}.coin", "\x1b[31m", "is no market name"),
    (f"{SECOND}.coin", "BTC", f"{SECOND}.coin: 'BTC' is listed twice"),
    (f"{FIRST}.szi", DELETE, f"{FIRST}.szi: missing"),
    (f"{FIRST}.szi", "NaN", f"{FIRST}.szi: 'NaN' is not a decimal number"),
    (f"{FIRST}.szi", "1e300", f"{FIRST}.szi: 1e300 is too large"),
    (f"{FIRST}.szi", "0.0600001", f"{FIRST}.szi: 0.0600001 has more than 6 decimals"),
    (f"{FIRST}.szi", 0.06, f"{FIRST}.szi: expected text (a number in quotes), got float"),
    (f"{FIRST}.szi", "0.07", f"{FIRST}.positionValue: '6000.0' is no whole price times szi"),
    (f"{FIRST}.positionValue", "-6000.0", f"{FIRST}.positionValue: '-6000.0' must not be below"),
    (f"{FIRST}.positionValue", "0.0", f"{FIRST}.positionValue: '0.0' must not be below"),
    (f"{FIRST}.positionValue", "Infinity", f"{FIRST}.positionValue: 'Infinity' is not a decimal"),
    (f"{FIRST}.positionValue", "90000000000.0", "is above 10 billion USD"),
    (f"{FIRST}.leverage", "10x", f"{FIRST}.leverage: expected object"),
    (f"{FIRST}.leverage.type", "crossed", "must be 'cross' or 'isolated'"),
    (f"{FIRST}.leverage.value", -10, f"{FIRST}.leverage.value: -10 must be a whole number"),
    (f"{FIRST}.leverage.value", 0, f"{FIRST}.leverage.value: 0 must be a whole number"),
    (f"{FIRST}.leverage.value", 2**63, f"{FIRST}.leverage.value: {2**63} must be a whole number"),
    (f"{FIRST}.leverage.value", 2.5, f"{FIRST}.leverage.value: expected int or text"),
    (f"{FIRST}.leverage.value", "10.5", f"{FIRST}.leverage.value: '10.5' must be a whole"),
    (f"{FIRST}.maxLeverage", 0, f"{FIRST}.maxLeverage: 0 must be a whole number from 1"),
    (f"{FIRST}.maxLeverage", True, f"{FIRST}.maxLeverage: expected int or text"),
    (f"{FIRST}.liquidationPx", "soon", f"{FIRST}.liquidationPx: 'soon' is not a decimal"),
    (f"{FIRST}.marginUsed", "nan", f"{FIRST}.marginUsed: 'nan' is not a decimal number"),
    ("crossMarginSummary", [], "crossMarginSummary: expected object"),
    ("crossMarginSummary.accountValue", DELETE, "crossMarginSummary.accountValue: missing"),
    ("crossMarginSummary.accountValue", "1e300", "accountValue: 1e300 is too large"),
    ("crossMarginSummary.accountValue", str(2**63), f"accountValue: {2**63} is too large"),
    ("crossMarginSummary.totalRawUsd", "0.0000001", "has more than 6 decimals of USD"),
    ("marginSummary.totalNtlPos", "-1.0", "marginSummary.totalNtlPos: '-1.0' must not be below 0"),
    ("crossMaintenanceMarginUsed", "-1.0", "crossMaintenanceMarginUsed: '-1.0' must not be"),
    ("withdrawable", None, ""),
]


@pytest.mark.parametrize(("path", "value", "message"), BAD_FIELDS)
def test_bad_field_is_named(path: str, value: Any, message: str) -> None:
    raw = edited(STATE, path, value)
    if not message:
        explained(raw)
        return
    with pytest.raises(VenueDataError) as caught:
        explained(raw)
    assert message in str(caught.value)


def test_isolated_position_needs_its_cash() -> None:
    raw = edited(STATE, f"{SECOND}.leverage.rawUsd", DELETE)
    assert explained(raw).positions[1].margin_used == 300_000_000
    both = edited(json.loads(raw), f"{SECOND}.marginUsed", DELETE)
    with pytest.raises(VenueDataError, match=r"position\.leverage\.rawUsd: missing; .* marginUsed"):
        explained(both)


def test_cross_position_needs_the_equity_of_its_pool() -> None:
    without = json.loads(edited(STATE, "crossMarginSummary", DELETE))
    derived = explained(json.dumps(without).encode())
    assert derived.cross_equity == 2_000_000_000
    del without["marginSummary"]
    with pytest.raises(VenueDataError, match=r"crossMarginSummary\.accountValue: missing"):
        explained(json.dumps(without).encode())


def test_partial_listing_needs_the_venues_maintenance() -> None:
    partial = json.loads(edited(STATE, "crossMarginSummary.totalNtlPos", "9000.0"))
    report = explained(json.dumps(partial).encode())
    assert report.cross_maintenance_margin == 75_000_000
    assert any("not listed" in warning for warning in report.warnings)
    del partial["crossMaintenanceMarginUsed"]
    with pytest.raises(VenueDataError, match="crossMaintenanceMarginUsed: missing"):
        explained(json.dumps(partial).encode())


def test_maximum_leverage_may_come_from_the_meta_file() -> None:
    raw = edited(STATE, f"{FIRST}.maxLeverage", DELETE)
    assert explained(raw, json.dumps(META).encode()).positions[0].maintenance_margin == 75_000_000


BAD_META = [
    ("universe", DELETE, "universe: missing"),
    ("universe[0].szDecimals", 7, "universe[0].szDecimals: 7 must be a whole number from 0 to 6"),
    ("universe[0].szDecimals", "5", "universe[0].szDecimals: expected int"),
    ("universe[0].maxLeverage", -1, "universe[0].maxLeverage: -1 must be a whole number"),
    ("universe[0].marginTableId", 57, "universe[0].marginTableId: 57 is not in marginTables"),
    ("universe[1].marginMode", "odd", "universe[1].marginMode: 'odd' is unknown"),
    ("marginTables[0][1].marginTiers", [], "marginTables[0][1].marginTiers: lower bounds must"),
    (
        "marginTables[0][1].marginTiers[1].lowerBound",
        "NaN",
        "marginTables[0][1].marginTiers[1].lowerBound: 'NaN' is not a decimal number",
    ),
    ("marginTables[0][1].marginTiers[1].lowerBound", "0.0", "lower bounds must ascend from 0"),
]


@pytest.mark.parametrize(("path", "value", "message"), BAD_META)
def test_bad_meta_is_named(path: str, value: Any, message: str) -> None:
    with pytest.raises(VenueDataError) as caught:
        instruments_from_meta(edited(META, path, value))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "micro"),
    [
        ("3155203.7660619998", 3_155_203_766_062),
        ("1887689.2728180001", 1_887_689_272_818),
        ("0.30000000000000004", 300_000),
        ("-0.0", 0),
        ("-91.845799", -91_845_799),
        ("99999999999.999999", 99_999_999_999_999_999),
    ],
)
def test_money_is_recovered_from_printed_doubles(text: str, micro: int) -> None:
    assert exact_money("x", text) == micro


@pytest.mark.parametrize("text", ["83.3076381", "0.0000005", "3155203.7660625"])
def test_money_with_more_decimals_is_no_noise(text: str) -> None:
    with pytest.raises(VenueDataError, match=r"x: .* has more than 6 decimals of USD"):
        exact_money("x", text)


def test_command_names_the_field(tmp_path: Path) -> None:
    raw = edited(STATE, f"{FIRST}.maxLeverage", DELETE)
    line = refused("-", "--json", raw=raw)
    assert line.startswith(f"seawall explain: standard input: {FIRST}.maxLeverage: missing")
    path = tmp_path / "account.json"
    path.write_bytes(edited(STATE, f"{SECOND}.leverage.value", -3))
    assert f"account.json: {SECOND}.leverage.value: -3" in refused(path)


def test_command_refuses_what_is_no_message(tmp_path: Path) -> None:
    whole = json.dumps(STATE).encode()
    assert "the message is empty" in refused("-")
    assert "not JSON" in refused("-", raw=b"{'a': 1}")
    assert "the list is empty; it should hold the state" in refused("-", raw=b"[]")
    assert "after 'coin'" in refused("-", raw=whole[: whole.index(b'"FISH"') + 3])
    bare = whole.replace(b'"accountValue": "2300.0"', b'"accountValue": NaN')
    assert "after 'accountValue'; NaN is not a JSON number" in refused("-", raw=bare)
    assert "not JSON" in refused("-", raw=b"\xff\xfe" + whole)
    assert "no file clearinghouseState.json" in refused(tmp_path)


def test_command_refuses_bad_options(tmp_path: Path) -> None:
    raw = json.dumps(STATE).encode()
    assert "holds BTC, FISH" in refused("--steps", "ETH", raw=raw)
    meta = tmp_path / "meta.json"
    assert "meta.json: No such file" in refused("--meta", meta, raw=raw)
    meta.write_bytes(edited(META, "universe[1].name", "FOWL"))
    line = refused("--meta", meta, raw=raw)
    assert f"{SECOND}.coin: 'FISH' is not in the universe of the meta file" in line
    meta.write_bytes(edited(META, "universe[0].szDecimals", 1))
    line = refused("--meta", meta, raw=raw)
    assert "'6000.0' is no whole price times szi '0.06' with 1 size decimals" in line


def test_explain_imports_no_compiler_and_no_other_command() -> None:
    code = (
        "import sys, contextlib\n"
        "from seawall.cli.main import main\n"
        "with contextlib.suppress(SystemExit):\n    main()\n"
        "print(*(m for m in sys.modules if m.startswith(('numba', 'llvmlite', 'seawall.cli',"
        " 'seawall.lab'))), file=sys.stderr)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, "explain", "-", "--json"],
        input=json.dumps(STATE),
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )
    assert json.loads(result.stdout)["account"]["account_value"] == "2300"
    loaded = set(result.stderr.splitlines()[-1].split())
    shared = {"seawall.cli", "seawall.cli.main", "seawall.cli.params", "seawall.cli.run"}
    shared |= {"seawall.cli.start"}
    assert loaded == {*shared, "seawall.cli.explain"}


@pytest.mark.parametrize("state", ["-", str(ROOT / "examples" / "account_unified.json")])
def test_another_api_belongs_to_an_address(state: str) -> None:
    result = seawall("explain", state, "--at", "http://127.0.0.1:1", stdin=b"{}")
    assert result.returncode == 2
    assert "--at: http://127.0.0.1:1: belongs to an account that is given by its" in result.stderr
