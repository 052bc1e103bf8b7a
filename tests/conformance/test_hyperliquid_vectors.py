"""The venue's published and recorded numbers, case by case, through the machine itself.

The cases run in a process of their own in which kernels are plain Python; why, is said in
``hyperliquid_vectors/run.py``. ``SEAWALL_HYPERLIQUID_VECTORS`` names another file of the format:
it may lack groups, and what it has beyond the known ones is reported. How many cases matched is
printed at the end of the run.
"""

import copy
import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.facts import hyperliquid, tables
from tests.facts.hyperliquid_words import CLIENT, GROUPS, accounts, translated
from tests.shared_files import ROOT, shared_file

VARIABLE = "SEAWALL_HYPERLIQUID_VECTORS"
PROPERTY = "hyperliquid_vectors"

NOT_THE_MACHINES = {
    "signing": "signatures belong to the client and to the server's wire",
    "float_to_wire": "how a client writes numbers on the wire",
    "float_to_int": "how a client writes numbers on the wire",
    "client_rounding_nktkas_truncate": "a client rounds before it sends; a venue must not",
    "client_rounding_ccxt": "a client rounds before it sends; a venue must not",
    "sdk_slippage_price": "the limit price a client chooses for a market order",
    "error_strings_observed": "the wire's texts for the machine's reasons",
    "fast_asset_ctxs_codec": "compression on the wire",
    "portfolio_margin": "an account mode the machine does not have",
}


def facts() -> dict[str, Any]:
    """The project's, or the figures of the file that was asked for."""
    asked = os.environ.get(VARIABLE)
    if not asked:
        return hyperliquid.read()
    return translated(json.loads(Path(asked).read_text(), parse_float=str))


@cache
def findings(path: Path) -> dict[str, Any]:
    """What each group of the file that is the machine's came to."""
    result = subprocess.run(
        [sys.executable, "-m", "tests.conformance.hyperliquid_vectors.run", str(path.resolve())],
        cwd=ROOT,
        env={
            **os.environ,
            "SEAWALL_INTERPRETED": "1",
            "PYTHONPATH": os.pathsep.join((str(ROOT / "src"), str(ROOT))),
        },
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    if not os.environ.get(VARIABLE):
        return findings(hyperliquid.FILE)
    path = tmp_path_factory.mktemp("hyperliquid") / "asked.json"
    tables.write(path, facts())
    return findings(path)


@pytest.mark.parametrize("name", facts())
def test_group_equals_the_venue(name: str, found: dict[str, Any], record_property: Any) -> None:
    if name in NOT_THE_MACHINES:
        record_property(PROPERTY, f"{name}: not the machine's: {NOT_THE_MACHINES[name]}")
        pytest.skip(f"not the machine's: {NOT_THE_MACHINES[name]}")
    if name not in found:
        record_property(PROPERTY, f"{name}: UNKNOWN group, not looked at")
        pytest.skip("unknown group")
    group = found[name]
    record_property(PROPERTY, f"{name}: {group['matched']}/{group['total']}")
    for text in group["unknown"]:
        record_property(PROPERTY, f"{name}: UNKNOWN part {text}, not looked at")
    for text in group["outside"]:
        record_property(PROPERTY, f"{name}: not the machine's: {text}")
    for text in group["notes"]:
        record_property(PROPERTY, f"{name}: note: {text}")
    assert not group["failures"], "\n".join(group["failures"])


WRONG = {
    "margin_tiers": (("mainnet", "ETH", 1, "maintenance_deduction"), "1333333.333333333334"),
    "maintenance_margin": (("cases", 4, "maintenance"), "3666666.666667"),
    "liquidation_price": (("isolated", 0, "liquidation_price"), "22.37166538"),
    "isolated_open_margin": (("cases", 0, "margin_used"), "36.864592"),
    "account_state": ((0, "expect", "withdrawable"), "13104.514501"),
    "price_validity": ((0, "valid"), False),
    "size_validity": ((1, "valid"), True),
    "funding": (("rate", "cases", 3, "hourly_rate"), "0.0000250001"),
    "fees": (("fills", 1, "fee"), "0.012897"),
}


def test_a_wrong_number_is_found_in_every_group(tmp_path: Path) -> None:
    """One digit changed in each group: exactly that many cases fail, and what is new is named."""
    changed = copy.deepcopy(hyperliquid.read())
    right = findings(hyperliquid.FILE)
    for group, (place, value) in WRONG.items():
        target = changed[group]
        for key in place[:-1]:
            target = target[key]
        assert target[place[-1]] != value
        target[place[-1]] = value
    changed["made_up"] = []
    changed["funding"]["made_up"] = [1]
    changed["fees"].pop("tiers")
    path = tmp_path / "facts.json"
    tables.write(path, changed)
    found = findings(path)
    assert set(found) == set(right) == set(WRONG)
    missed = {name: group["total"] - group["matched"] for name, group in found.items()}
    assert missed == dict.fromkeys(WRONG, 1)
    assert found["funding"]["unknown"] == ["made_up"]
    assert found["fees"]["total"] < right["fees"]["total"]


@pytest.mark.shared
def test_the_facts_are_the_figures_of_the_recorded_files() -> None:
    text = shared_file("vectors/hyperliquid.json").read_text()
    recorded = translated(json.loads(text, parse_float=str))
    assert hyperliquid.read() == {name: recorded[name] for name in recorded if name in GROUPS}
    client = {name: json.loads(text)[name] for name in CLIENT}
    for case in client["signing"]:
        case.pop("private_key", None)
    assert hyperliquid.read_client() == client


@pytest.mark.shared
def test_the_accounts_are_the_recorded_ones() -> None:
    recorded = json.loads(shared_file("vectors/hyperliquid_accounts.json").read_text())
    assert tables.read(hyperliquid.ACCOUNTS_FILE)["accounts"] == accounts(recorded)
    states = [account["state"] for account in hyperliquid.recorded_accounts()]
    assert states == [account["state"] for account in recorded]
