"""Where the positions of an account are liquidated, and why: an engine that holds it alone says it.

The mark is the account's price. Nothing is liquidated while it is placed, whatever its margin.
"""

from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from seawall.accounts.valuation import Valuation, valuation_of
from seawall.domain.events import CROSS_POOL
from seawall.domain.holdings import Position
from seawall.domain.rulebook import truncates_price
from seawall.domain.units import MONEY_DECIMALS, from_units, money_text
from seawall.engine.account_view import Margins, account_margins
from seawall.engine.formulas.continuous.liquidation_price import (
    BucketPosition,
    Ratio,
    liquidation_price,
    liquidation_price_steps,
    maintenance_tiers,
)
from seawall.engine.placement import write_prices
from seawall.report import kinds
from seawall.report.sheet import Sheet
from seawall.venues.explanation import steps_sheet

if TYPE_CHECKING:
    from seawall.accounts.account import Account

_DECIMALS = 10
"""Decimals of an exact liquidation price, as venues print it."""


class Step(NamedTuple):
    """One step of a derivation: its formula, that with its numbers where it is known, its value."""

    name: str
    formula: str
    numbers: str
    value: str


class LiquidationPrices:
    """Liquidation prices of an account, from an engine that holds it alone.

    Under block rules each isolated position is a child account.
    """

    def __init__(self, account: "Account", valuation: Valuation | None = None) -> None:
        """``valuation``: of the same holdings, where there is one already.

        Raises ValuationError for what no engine can hold.
        """
        self.account = account
        self.valuation = valuation or valuation_of(account)
        self.in_blocks = self.valuation.in_blocks

    def price(self, market: int) -> Decimal | None:
        """USD where the position's account is liquidated; None where no price does it."""
        decimals = self.account.instruments[market].price_decimals
        if self.in_blocks:
            found = self.valuation.boundary(market)
            return None if found is None else Decimal(from_units(found[1], decimals))
        price = liquidation_price(self._bucket(market))
        return None if price is None else Decimal(decimal_text(price, decimals))

    def explain(self, market: int) -> Sheet:
        """How the liquidation price comes about."""
        name = self.account.instruments[market].name
        position = self._position(market)
        side = "long, s = 1" if position.signed_size > 0 else "short, s = -1"
        title = f"Liquidation price of {name} ({side})"
        steps = self._block_steps(market) if self.in_blocks else self._tier_steps(market)
        none = "No price above zero liquidates it: there is no liquidation price."
        return steps_sheet(title, steps, none if self.price(market) is None else "")

    def _position(self, market: int) -> Position:
        return next(each for each in self.account.positions if each.market == market)

    def _margins(self, market: int) -> dict[int, Margins]:
        """Of the engine's account that holds the position, at the account's prices."""
        valuation = self.valuation
        write_prices(valuation.engine, self.account.prices)
        return account_margins(valuation.engine, valuation.owner_of(valuation.bucket_of(market)))

    def _bucket(self, market: int) -> BucketPosition:
        """The position with what its pool or its bucket holds."""
        position = self._position(market)
        instrument = self.account.instruments[market]
        margins = self._margins(market)
        pool, own = margins[self.valuation.placed.pools[market]], margins[market]
        others = 0 if position.is_isolated else pool.maintenance_margin - own.maintenance_margin
        return BucketPosition(
            signed_size=position.signed_size,
            notional=abs(position.signed_size) * self.account.prices[market],
            equity=own.equity if position.is_isolated else pool.equity,
            others_maintenance=others,
            tiers=maintenance_tiers(instrument.tiers),
            price_decimals=instrument.price_decimals,
            truncates=truncates_price(self.account.rulebook, position.mode),
        )

    def _tier_steps(self, market: int) -> list[Step]:
        steps = []
        for each in liquidation_price_steps(self._bucket(market)):
            most = MONEY_DECIMALS if each.value[1] == 1 else _DECIMALS
            value = decimal_text(each.value, each.decimals, most)
            steps.append(Step(each.name, each.formula, "", kinds.price(value)))
        return steps

    def _block_steps(self, market: int) -> list[Step]:
        """The position's requirements now, and the first price that does not meet them."""
        position = self._position(market)
        instrument = self.account.instruments[market]
        margins = self._margins(market)
        whole, own = margins[CROSS_POOL], margins[market]
        price = self.account.prices[market]
        notional = abs(position.signed_size) * price
        size = from_units(abs(position.signed_size), instrument.size_decimals)
        others = whole.maintenance_margin - own.maintenance_margin
        steps = [
            Step("size", "|s|", "", kinds.price(size)),
            Step(
                "oracle price", "p", "", kinds.price(from_units(price, instrument.price_decimals))
            ),
            Step("notional", "N = |s| p", "", kinds.price(money_text(notional))),
            Step("net collateral", "e", "", kinds.price(money_text(whole.equity))),
            Step("maintenance of the others", "O", "", kinds.price(money_text(others))),
            Step("own maintenance", "M", "", kinds.price(money_text(own.maintenance_margin))),
        ]
        found = self.valuation.boundary(market)
        if found is None:
            return steps
        safe, over = (kinds.price(from_units(each, instrument.price_decimals)) for each in found)
        most = "highest" if position.signed_size > 0 else "lowest"
        steps.append(Step("liquidation price", f"{most} p with e < O + M", "", over))
        bucket, prices = self.valuation.bucket_of(market), list(self.account.prices)
        for units, at, sign in ((found[1], over, "<"), (found[0], safe, ">=")):
            prices[market] = units
            there = self.valuation.at(prices)[bucket]
            numbers = f"{money_text(there.equity)} {sign} {money_text(there.maintenance_margin)}"
            steps.append(Step(f"at {at}", f"e {sign} O + M", numbers, ""))
        return steps


def decimal_text(value: Ratio, decimals: int, most: int = _DECIMALS) -> str:
    """A ratio in units of 10^-``decimals`` as text, rounded to ``most`` decimals."""
    scaled = round(Fraction(*value) * Fraction(10**most, 10**decimals))
    return from_units(scaled, most)
