"""What the pages of crises and cascades tell in figures is what the commands find."""

import re
from typing import Any

import numpy as np
import pytest

import seawall as sw
from seawall.lab.cascade.policies import agreement
from seawall.lab.crises.crisis import crisis_names, facts_of
from seawall.lab.market.assumptions import INTEREST, assumptions_of
from seawall.lab.market.groups import ALTCOINS, group_of
from seawall.lab.market.named_scenarios import DEFAULT, load
from tests.lab.commands import SECONDS
from tests.shared_files import ROOT

pytestmark = pytest.mark.timeout(2 * SECONDS)

FOLDER = ROOT / "docs" / "commands"
CRISES, CASCADE = (FOLDER / f"{name}.md" for name in ("crises", "cascade"))
UNITS = {"million": 1e6, "billion": 1e9}


def test_what_the_crash_leaves_of_the_built_in_account() -> None:
    """The table of the page, with the options that the page names."""
    page = CRISES.read_text()
    assert "with `--population 60` and seed 1" in " ".join(page.split())
    found = sw.crises(sw.load_account(), population=60, seed=1).sheet("worst_cases").plain()

    def usd(row: dict[str, Any], name: str) -> str:
        return f"{float(row[name]):,.0f}"

    for row in found:
        cells = [str(row[name]) for name in ("mode", "outcomes", "liquidated", "wiped_out")]
        cells += [usd(row, name) for name in ("worst_end", "lowest", "best_end")]
        assert f"| {' | '.join(cells)} |" in page


@pytest.mark.slow
def test_how_far_the_queue_agrees_with_the_engine() -> None:
    answer = sw.cascade(sw.load_account(), backstop="0%")
    same = 100 * agreement(answer.policies, "rank_queue")
    page = " ".join(CASCADE.read_text().split())
    assert f"no other option it closes {same:.0f} % of the same positions" in page


def figures(cell: str) -> list[tuple[str, str, float]]:
    """Market, number and unit of text such as ``BTC 4.1 billion, ETH 3.1``: a unit holds on."""
    found: list[tuple[str, str, float]] = []
    unit = 0.0
    for part in cell.split(", "):
        market, number, *name = part.split()
        unit = UNITS[name[0]] if name else unit
        found.append((market, number, unit))
    return found


def test_the_page_tells_the_population_of_each_crisis() -> None:
    rows = re.findall(r"^\| `(\w+)` \| ([^|]*) \| (\d+) \|", CRISES.read_text(), re.MULTILINE)
    assert [name for name, _, _ in rows] == list(crisis_names())
    for name, interest, leverage in rows:
        facts, told = facts_of(name), figures(interest)
        assert float(leverage) == facts.leverage
        assert set(facts.open_interest) <= {market for market, _, _ in told}
        # Of the latest crisis the open interest is that which every command assumes.
        day = facts.assumptions(assumptions_of(), {market: 40 for market, _, _ in told})
        for market, number, unit in told:
            decimals = len(number.partition(".")[2])
            found = day.value(INTEREST, market, 40) / unit
            assert f"{found:.{decimals}f}" == number, (name, market)


def test_the_median_altcoin_is_told_as_it_is_recorded() -> None:
    """Of altcoins, which markets without a record follow; and with meme coins among them."""
    scenario = load(DEFAULT)
    falls = {name: 100 - min(levels) for name, levels in scenario.levels.items()}
    altcoins = [fall for name, fall in falls.items() if group_of(name) == ALTCOINS]
    others = [fall for name, fall in falls.items() if name not in ("BTC", "ETH")]
    assert f"the median altcoin -{np.median(altcoins):.0f} % within 17 minutes" in scenario.about
    told = f"median of {len(others)} altcoins, meme coins among them, {np.median(others):.0f} %"
    assert told in load("flash_crash").source
    assert f"the median altcoin falls {np.median(altcoins):.0f} %" in " ".join(
        (ROOT / "CHANGELOG.md").read_text().split()
    )


def test_a_weaker_path_is_shown_as_weak_as_it_is() -> None:
    """The sheet of prices has the levels of the news that was played, and no others."""
    account = sw.load_account()
    whole, half, short = (
        sw.cascade(account, minutes=minutes, strength=strength, accounts=0, noise=0)
        for minutes, strength in ((40, 1), (40, 0.5), (2, 1))
    )
    for answer in (whole, half, short):
        path = answer.run.setup.grid.oracle / answer.run.setup.grid.oracle[0]
        told = [row["lowest"] for row in answer.sheet("price_paths").plain()]
        assert told == pytest.approx(list(100 * (path.min(axis=0) - 1)))
    deep, weak = (each.price_paths[0].lowest for each in (whole, half))
    assert (1 + weak) ** 2 == pytest.approx(1 + deep)
    assert short.price_paths[0].lowest > deep / 2
