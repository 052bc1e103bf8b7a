"""The face as a program uses it, for the type checker: every name, and the type it gives.

``./test`` checks this file with pyright; it is not run.
"""

from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import assert_type

import pandas
import polars
import pyarrow

import seawall as sw
from seawall.lab.carry import AccountCarryResult, CarryResult
from seawall.lab.cascade import CascadeAnswer
from seawall.lab.compare import CompareResult
from seawall.lab.compare_rules import RulesComparison
from seawall.lab.crises import CrisesAnswer
from seawall.lab.deleveraging import DeleveragingResult
from seawall.lab.paths import PathsResult
from seawall.lab.rehearse import Rehearsal
from seawall.lab.size import SizeResult
from seawall.lab.stress import StressResult
from seawall.lab.vet import VetResult
from seawall.report.findings import Answer
from seawall.report.sheet import Sheet


def accounts() -> sw.Account:
    """An account, and what it says."""
    account = sw.load_account("mine.toml")
    assert_type(account, sw.Account)
    assert_type(account.liquidation_price("BTC"), Decimal | None)
    assert_type(account.explain("BTC"), Sheet)
    assert_type(account.collateral, Decimal)
    assert_type(account.with_prices({"BTC": 60_000}).with_rulebook("dydx"), sw.Account)
    sw.load_account(Path("mine.toml"), prices=["BTC=60000"], rulebook="dydx")
    return sw.load_account("0x" + 40 * "0", at="http://127.0.0.1:3001", extra_markets=["BTC"])


def questions(account: sw.Account) -> list[Answer]:
    """Every question, with quantities in the forms that they take."""
    stressed = sw.stress(
        account, shocks=["-10%", -0.2, Fraction(1, 10)], betas={"ETH": 1.2}, survive="20%",
        scenarios=[Path("fall.toml"), "flash_crash"], depth={"BTC": Decimal(5_000_000)},
    )  # fmt: skip
    assert_type(stressed, StressResult)
    assert_type(stressed.sheet("shocks").to_polars(), polars.DataFrame)
    assert_type(stressed.sheet("shocks").to_pandas(), pandas.DataFrame)
    assert_type(stressed.sheet("shocks").to_arrow(), pyarrow.Table)
    rehearsed = sw.rehearse(account, path=["BTC.csv"], step=3, depth={"BTC": 5_000_000})
    assert_type(rehearsed, Rehearsal)
    sized = sw.size(account, "BTC", stop="3%", book=Path("book.csv"), candles="candles.csv")
    carried = sw.carry(account, "BTC", size=1, leverage=20, days=14)
    whole = sw.carry_account(account, funding={"BTC": 0.00002})
    market = sw.cascade(
        account, path=["BTC.csv", Path("ETH.csv")], strength="60%", population="leverages.csv",
        interest={"BTC": 2e9}, depth=5_000_000, longs=Fraction(7, 10), seeds=2,
    )  # fmt: skip
    waves = sw.deleveraging("waves.json", only="one", equity=1, profit=1, notional=1)
    venue = sw.vet(seconds=20, shock="-5%", sizes=[10_000, "50000"])
    simulated = sw.paths(
        account, paths=10_000, days=7, seed=1, leverages=["5x", 10], depth="5000000"
    )
    assert_type(simulated, PathsResult)
    assert_type(simulated.liquidated.value, float)
    assert_type(simulated.liquidated.interval, tuple[float, float])
    modes = sw.compare(account, survival=0.99, scenarios="flash_crash", hours="6")
    assert_type(modes, CompareResult)
    past = sw.crises(account, crises="all", modes=["cross"], depths=0.25, rulebooks="dydx")
    assert_type(past, CrisesAnswer)
    rules = sw.compare_rules("a.journal", "hyperliquid", "dydx", accounts=[6])
    assert_type(sized, SizeResult)
    assert_type(carried, CarryResult)
    assert_type(whole, AccountCarryResult)
    assert_type(market, CascadeAnswer)
    assert_type(waves, DeleveragingResult)
    assert_type(venue, VetResult)
    assert_type(rules, RulesComparison)
    return [
        *(stressed, rehearsed, sized, carried, whole, market, waves, venue, rules, simulated),
        *(modes, past),
    ]


def outputs(answer: Answer) -> None:
    """What every answer gives."""
    assert_type(answer.sheets, tuple[Sheet, ...])
    answer.show()
    answer.save_report("report.html")
    assert_type(answer.to_dict()["seed"] is None, bool)


def venues() -> str:
    """A venue in the program; an error of any kind is one type."""
    try:
        with sw.sandbox("BTC=60000", "ETH", seed=7, speed=0, rulebook="hyperliquid") as venue:
            venue.shock("BTC", "-10%", seconds=30, rebound=0.5)
            venue.advance(60)
            assert_type(venue.mark("BTC"), str)
            return venue.users[0].address
    except sw.SeawallError as error:
        return str(error)
