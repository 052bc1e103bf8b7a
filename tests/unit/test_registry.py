"""The registry of venues: what each offers, and what listing them costs."""

import subprocess
import sys
from pathlib import Path

import pytest

from seawall.domain.errors import InputError
from seawall.venues import registry
from seawall.venues.registry import DEFAULT_VENUE, VENUES, venue_named, venue_of_account, wire_of

FOLDER = Path(registry.__file__).parent
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
POOLS = b'{"assetPositions": []}'


def test_every_folder_of_a_venue_is_listed_by_its_name() -> None:
    folders = {path.parent.name for path in FOLDER.glob("*/entry.py")}
    assert folders == set(VENUES)
    assert DEFAULT_VENUE in VENUES
    for name, venue in VENUES.items():
        assert venue.name == name
        assert venue.rulebook == FOLDER / name / "rulebook.toml"
        assert venue.rulebook.is_file()
        assert venue.public_base.startswith("https://")


def test_a_name_that_does_not_ship_is_an_error_that_lists_those_that_do() -> None:
    with pytest.raises(InputError, match=r"^unknown venue 'nowhere'; known: hyperliquid, dydx$"):
        venue_named("nowhere")


def test_a_venue_without_a_wire_says_which_have_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(VENUES["dydx"]), "wire", None)
    assert wire_of("hyperliquid") is VENUES["hyperliquid"].wire
    with pytest.raises(
        InputError, match=r"^venue: 'dydx' should be one .*: hyperliquid$"
    ) as caught:
        wire_of("dydx")
    assert (caught.value.field, caught.value.value) == ("venue", "dydx")


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        (POOLS, "hyperliquid"),
        (b'{"subaccount": {}}', "dydx"),
        (b'{"subaccounts": []}', "dydx"),
        (b'{"openPerpetualPositions": {}, "assetPositions": {}}', "dydx"),
        (b"{}", DEFAULT_VENUE),
        (b"no JSON", DEFAULT_VENUE),
    ],
)
def test_an_answer_is_known_by_its_shape(raw: bytes, name: str) -> None:
    assert venue_of_account(raw).name == name
    claims = [venue.name for venue in VENUES.values() if venue.is_account(raw)]
    assert claims in ([name], [])


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("account_hybrid.json", "hyperliquid"),
        ("account_subaccount.json", "dydx"),
        ("account_parent.json", "dydx"),
    ],
)
def test_every_venue_reads_its_account_into_the_same_terms(file: str, name: str) -> None:
    raw = (EXAMPLES / file).read_bytes()
    venue = venue_of_account(raw)
    assert venue.name == name
    answer = venue.read_account(raw, None, {})
    assert answer.collateral > 0
    held = {position.market for position in answer.positions}
    assert held
    assert held == set(answer.prices)
    assert held <= set(answer.own_markets)


def test_only_a_venue_with_its_own_terms_translates_markets() -> None:
    market = VENUES["hyperliquid"].built_in_markets()[0]
    assert VENUES["hyperliquid"].to_own_rules is None
    translate = VENUES["dydx"].to_own_rules
    assert translate is not None
    assert translate(market).block_terms is not None


def test_the_list_of_venues_loads_no_heavy_module() -> None:
    heavy = ("numba", "numpy", "aiohttp", "urllib.request", "coincurve", "seawall.engine")
    code = "import sys, seawall.venues.registry; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    assert "seawall.venues.registry" in loaded
    assert [name for name in heavy if name in loaded] == []
