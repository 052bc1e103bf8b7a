"""A pool of USD, spot coins and perpetuals: the ratio that decides its liquidation.

    requirement       = maintenance margins + what is borrowed, + an offset once anything is
    liquidation value = USD, + for each coin min(borrow cap, min(coins, supply cap) x price x share)
    share             = loan to value + threshold x (1 - loan to value)

An account is liquidated where requirement / liquidation value passes the limit of the preset.
"""

from collections.abc import Mapping

from msgspec import Struct

from seawall.domain.units import MICRO
from seawall.lab.options.pool import Portfolios, Total
from seawall.lab.options.portfolio import Portfolio
from seawall.lab.options.preset import CoinTerms, RatioPreset
from seawall.lab.size.margin import MarginRule


class RatioRule(Struct, frozen=True, kw_only=True, eq=False):
    """A preset of a ratio, and the margin rules of the perpetuals by market."""

    preset: RatioPreset
    margins: Mapping[str, MarginRule]
    funding: Mapping[str, float] = {}

    @property
    def name(self) -> str:
        return self.preset.name

    def refusal(self, portfolios: Portfolios) -> str:
        """Why the preset cannot margin the account; nothing where it can."""
        options = [name for name, each in portfolios.items() if len(each.options)]
        if options:
            return f"margins no options ({', '.join(options)})"
        coins = [name for name, each in portfolios.items() if each.collaterals]
        unknown = [name for name in coins if name not in self.preset.market]
        return f"has no terms for coins of {', '.join(unknown)}" if unknown else ""

    def total(self, portfolios: Portfolios, cash: float) -> Total:
        """What counts of the account, less what is owed, and what it has to be at least.

        Equity is below maintenance exactly where the ratio passes the limit. Initial margin is that
        of the perpetuals at their most leverage.
        """
        terms = self.preset.ratio
        money = cash + sum(each.cash for each in portfolios.values())
        owed = max(0.0, -money)
        value = max(0.0, money) + sum(
            coin_value(self.preset.market[name], each, terms.threshold)
            for name, each in portfolios.items()
            if each.collaterals
        )
        required = owed + (terms.borrow_offset if owed else 0.0)
        required += self._maintenance(portfolios)
        return Total(
            equity=value - owed,
            initial=self._initial(portfolios),
            maintenance=required / terms.limit - owed,
            by_market={},
        )

    def _maintenance(self, portfolios: Portfolios) -> float:
        return sum(
            self.margins[name].maintenance(_notional(each)) / MICRO
            for name, each in portfolios.items()
            if each.futures
        )

    def _initial(self, portfolios: Portfolios) -> float:
        found = 0.0
        for name, each in portfolios.items():
            if each.futures:
                rule, notional = self.margins[name], _notional(each)
                found += rule.initial(notional, rule.most_leverage(notional)) / MICRO
        return found


def coin_value(terms: CoinTerms, portfolio: Portfolio, threshold: float) -> float:
    """USD that the coins of a market count in a liquidation.

    ``threshold``: the part of what is not lent on that counts too.
    """
    share = terms.loan_to_value + threshold * (1.0 - terms.loan_to_value)
    coins = min(terms.supply_cap, sum(each.amount for each in portfolio.collaterals))
    return min(terms.borrow_cap, coins * portfolio.spot * share)


def _notional(portfolio: Portfolio) -> int:
    """Micro-USD of the perpetual."""
    return round(MICRO * sum(abs(each.size) * each.price for each in portfolio.futures))
