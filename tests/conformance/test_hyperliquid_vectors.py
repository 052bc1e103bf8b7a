"""The venue's published and recorded numbers, case by case, through the machine itself.

The cases run in a process of their own in which kernels are plain Python; why, is said in
``hyperliquid_vectors/run.py``. ``SEAWALL_HYPERLIQUID_VECTORS`` names another file of the format:
it may lack groups, and what it has beyond the known ones is reported. How many cases matched is
printed at the end of the run.
"""

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.shared_files import ROOT, SHARED, shared_file

pytestmark = [pytest.mark.shared, pytest.mark.timeout(600)]

VARIABLE = "SEAWALL_HYPERLIQUID_VECTORS"
FILE = "vectors/hyperliquid.json"
PROPERTY = "hyperliquid_vectors"

NOT_THE_MACHINES = {
    "_meta": "remarks about the file",
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


def vectors_path() -> Path:
    """Skips where the shared file is absent; a file that was asked for must be there."""
    asked = os.environ.get(VARIABLE)
    return Path(asked) if asked else shared_file(FILE)


def group_names() -> list[str]:
    path = Path(os.environ.get(VARIABLE) or SHARED / FILE)
    try:
        return list(json.loads(path.read_text()))
    except (OSError, ValueError):
        return []


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


@pytest.mark.parametrize("name", group_names() or ["(no file)"])
def test_group_equals_the_venue(name: str, record_property: Any) -> None:
    found = findings(vectors_path())
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
    "maintenance_margin": (("cases", 4, "mm"), "3666666.666667"),
    "liquidation_price": (("observed", 0, "liquidationPx"), "22.37166538"),
    "isolated_open_margin": (("cases", 0, "marginUsed"), "36.864592"),
    "account_state": ((0, "expect", "withdrawable"), "13104.514501"),
    "price_validity": ((0, "valid"), False),
    "size_validity": ((1, "valid"), True),
    "funding": (("rate", "cases", 3, "hourly"), "0.0000250001"),
    "fees": (("observed_fills", 1, "fee"), "0.012897"),
}


def test_a_wrong_number_is_found_in_every_group(tmp_path: Path) -> None:
    """One digit changed in each group: exactly that many cases fail, and what is new is named."""
    vectors = json.loads(shared_file(FILE).read_text())
    right = findings(shared_file(FILE))
    for group, (place, value) in WRONG.items():
        target = vectors[group]
        for key in place[:-1]:
            target = target[key]
        assert target[place[-1]] != value
        target[place[-1]] = value
    vectors["made_up"] = []
    vectors["funding"]["made_up"] = [1]
    vectors["fees"].pop("perp_tiers")
    changed = tmp_path / "vectors.json"
    changed.write_text(json.dumps(vectors))
    found = findings(changed)
    assert set(found) == set(right) == set(WRONG)
    missed = {name: group["total"] - group["matched"] for name, group in found.items()}
    assert missed == dict.fromkeys(WRONG, 1)
    assert found["funding"]["unknown"] == ["made_up"]
    assert found["fees"]["total"] < right["fees"]["total"]
