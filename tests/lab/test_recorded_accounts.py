"""A recorded account given to the lab as a file has the margins that ``explain`` tells of it."""

import json
from pathlib import Path

from seawall.accounts.load import load_account
from seawall.accounts.valuation import Valuation
from seawall.domain.events import CROSS_POOL
from seawall.lab.stress.reverse import liquidation_boundary
from seawall.venues.hyperliquid.account.explain import account_report
from seawall.venues.hyperliquid.account.state import account_state
from seawall.venues.hyperliquid.account.user import perps_only
from tests.facts.hyperliquid import recorded_accounts

UNTOLD = "S02"
"""It has no maximum leverage, so ``explain`` refuses it as well. Partial ones list one position
of many, and the pool's figures are of all."""


def test_files_have_the_margins_that_explain_tells(tmp_path: Path) -> None:
    judged = 0
    for case in recorded_accounts():
        if case["id"] == UNTOLD or case["partial"]:
            continue
        raw = json.dumps(case["state"]).encode()
        path = tmp_path / f"{case['id']}.json"
        path.write_bytes(raw)
        held = load_account(path)
        valuation = Valuation(held.holdings, held.rulebook, held.instruments, held.prices)
        now = valuation.at(held.prices)
        report = account_report(perps_only(account_state(raw)), held.rulebook)
        names = held.markets
        pool = report.cross_maintenance_margin or 0
        assert now[CROSS_POOL].maintenance_margin == pool, case["id"]
        for position in report.positions:
            market = names.index(position.state.coin)
            if not position.state.is_cross:
                assert now[market].maintenance_margin == position.maintenance_margin, case["id"]
            line = liquidation_boundary(valuation, market)
            if position.liquidation_price is None:
                continue
            decimals = held.instruments[market].price_decimals
            unit = 1 / 10**decimals
            first = line.over
            if first is not None:
                ours = first / 10**decimals
                assert abs(ours - float(position.liquidation_price)) <= 1.001 * unit, case["id"]
                judged += 1
    assert judged >= 12
