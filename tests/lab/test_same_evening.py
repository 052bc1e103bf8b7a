"""The same evening in ``rehearse``, ``crises`` and ``cascade``: one day, and why they differ."""

from pathlib import Path

import pytest

from seawall.accounts.load import load_account
from seawall.lab.cascade import cascade
from seawall.lab.crises.crisis import crisis_of, facts_of
from seawall.lab.market.assumptions import DEPTH, INTEREST, assumptions_of
from seawall.lab.market.named_scenarios import DEFAULT
from seawall.lab.rehearse import rehearse
from tests.lab.commands import SECONDS

pytestmark = pytest.mark.timeout(2 * SECONDS)
OF_THE_DAY = {INTEREST, DEPTH, "spread_bp", "backstop"}


def test_crises_and_cascade_are_of_the_same_day() -> None:
    account = load_account()
    crisis = crisis_of(DEFAULT, account)
    run = cascade(account, minutes=1, accounts=0).run
    assert crisis.used is not None
    assert run.setup.used is not None
    day, same = (
        [row for row in used.rows if row.field in OF_THE_DAY]
        for used in (crisis.used, run.setup.used)
    )
    assert day == same
    assert {row.field for row in day} == OF_THE_DAY
    drawn, facts = run.setup.distribution, facts_of(DEFAULT)
    assert (drawn.leverage_median, drawn.leverage_sigma, drawn.long_share) == (
        facts.leverage,
        facts.spread,
        facts.long_share,
    )
    assert run.setup.open_interest == crisis.interest
    assert run.setup.depths == crisis.depths


def test_what_is_given_comes_before_the_day() -> None:
    setup = cascade(
        load_account(), minutes=1, accounts=0, longs="50%", leverage=3, interest=["BTC=1e9"],
        backstop="2%",
    ).run.setup  # fmt: skip
    assert (setup.distribution.long_share, setup.distribution.leverage_median) == (0.5, 3.0)
    assert setup.open_interest[0] == 1e9
    assert setup.open_interest[1] == facts_of(DEFAULT).open_interest["ETH"]
    assert setup.assumptions.backstop_share == 0.02


def test_a_file_comes_before_the_day_and_scales_no_other_market() -> None:
    own = assumptions_of().given(INTEREST, {"BTC": 1e8}, "mine.toml")
    day = facts_of("crash_2020_03_12").assumptions(own, {"BTC": 40, "ETH": 25})
    assert day.value(INTEREST, "BTC", 40) == 1e8
    assert day.value(INTEREST, "ETH", 25) == assumptions_of().value(INTEREST, "ETH", 25)


@pytest.mark.parametrize("name", ["yfi_2023_11", "jelly_2025_03_26"])
def test_a_known_fund_is_that_of_the_day_whatever_the_open_interest(name: str) -> None:
    account, known = load_account(), facts_of(name).backstop
    assert known is not None
    assert crisis_of(name, account).backstop == round(known * 1e6)
    for interest in ((), ["BTC=9e9", "SOL=1e6"]):
        setup = cascade(account, scenario=name, minutes=1, accounts=0, interest=interest).run.setup
        fund = setup.assumptions.backstop_share * sum(setup.open_interest)
        assert fund == pytest.approx(known)
        assert setup.used is not None
        (told,) = [row.value for row in setup.used.rows if row.field == "backstop"]
        assert told == pytest.approx(known)


def test_the_users_own_backstop_comes_before_that_of_the_day(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("[common]\nbackstop_share = 0.5\n")
    account = load_account()
    for name in ("yfi_2023_11", "crash_2025_10_10"):
        crisis = crisis_of(name, account, assume=file)
        assert crisis.backstop == pytest.approx(0.5e6 * sum(crisis.interest), rel=1e-9)
        run = cascade(account, scenario=name, minutes=1, accounts=0, assume=file).run
        assert run.setup.assumptions.backstop_share == 0.5


def test_a_rehearsal_says_why_it_deleverages_otherwise() -> None:
    found = rehearse(load_account()).findings()
    said = " ".join(found.assumptions)
    assert "100 other accounts and 1,200,000 USD of the backstop or insurance fund" in said
    rows = found.sheet("assumed").plain()
    (backstop,) = [row for row in rows if row["assumption"] == "backstop"]
    assert (backstop["value"], backstop["source"]) == (
        1_200_000.0,
        "the path: the crash of 2025-10-10",
    )
