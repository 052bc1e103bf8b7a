"""Where the positions of an account are liquidated, and why: an engine that holds it alone says it.

The mark is the account's price. Nothing is liquidated while it is placed, whatever its margin.
"""

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from seawall.domain.errors import SeawallError
from seawall.domain.events import CROSS_POOL
from seawall.domain.holdings import Position
from seawall.domain.rulebook import BlockRulebook
from seawall.domain.units import MAX_NOTIONAL, MONEY_DECIMALS, from_units, money_text
from seawall.engine.account_view import Margins, account_margins
from seawall.engine.engine import Engine
from seawall.engine.formulas.continuous.liquidation_price import (
    LARGEST_PRICE,
    BucketPosition,
    Ratio,
    liquidation_price,
    liquidation_price_steps,
    maintenance_tiers,
)
from seawall.engine.layout import Limits
from seawall.engine.placement import Placement, PlacementError, marked_at_oracle
from seawall.report import kinds
from seawall.report.sheet import Sheet
from seawall.venues.explanation import steps_sheet

if TYPE_CHECKING:
    from seawall.accounts.account import Account

_NOW_MS = 1
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

    def __init__(self, account: "Account") -> None:
        """Raises SeawallError for what no engine can hold."""
        self.account = account
        self.in_blocks = isinstance(account.rulebook, BlockRulebook)
        count = len(account.positions)
        limits = Limits(
            accounts=16 + count, positions=16 + 4 * count, orders=8, levels=64, nodes=64
        )
        self.engine = Engine.create(
            marked_at_oracle(account.rulebook), list(account.instruments), limits
        )
        placement = Placement(self.engine)
        prices = np.asarray(account.prices, dtype=np.int64)
        try:
            # Prices, then money, then positions: it may be under maintenance from the start.
            placement.prices(_NOW_MS, prices, prices)
            placed = placement.account(_NOW_MS, account.holdings)
        except PlacementError as error:
            raise SeawallError(f"{account.source}: {error}") from None
        self.owners = {each.market: placed.owner_of(each.market) for each in account.positions}
        """The engine's account that holds the position of each market."""

    def price(self, market: int) -> Decimal | None:
        """USD where the position's account is liquidated; None where no price does it."""
        decimals = self.account.instruments[market].price_decimals
        if self.in_blocks:
            units = self._first_liquidating(market)
            return None if units is None else Decimal(from_units(units, decimals))
        price = liquidation_price(self._bucket(market))
        return None if price is None else Decimal(_decimal_text(price, decimals))

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

    def _bucket(self, market: int) -> BucketPosition:
        """The position with what its pool or its bucket holds."""
        position = self._position(market)
        instrument = self.account.instruments[market]
        margins = account_margins(self.engine, self.owners[market])
        pool, own = margins[CROSS_POOL], margins[market]
        others = 0 if position.is_isolated else pool.maintenance_margin - own.maintenance_margin
        return BucketPosition(
            signed_size=position.signed_size,
            notional=abs(position.signed_size) * self.account.prices[market],
            equity=own.equity if position.is_isolated else pool.equity,
            others_maintenance=others,
            tiers=maintenance_tiers(instrument.tiers),
            price_decimals=instrument.price_decimals,
        )

    def _tier_steps(self, market: int) -> list[Step]:
        steps = []
        for each in liquidation_price_steps(self._bucket(market)):
            most = MONEY_DECIMALS if each.value[1] == 1 else _DECIMALS
            value = _decimal_text(each.value, each.decimals, most)
            steps.append(Step(each.name, each.formula, "", kinds.price(value)))
        return steps

    def _block_steps(self, market: int) -> list[Step]:
        """The position's requirements now, and the first price that does not meet them."""
        position = self._position(market)
        instrument = self.account.instruments[market]
        margins = account_margins(self.engine, self.owners[market])
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
        found = self._first_liquidating(market)
        if found is None:
            return steps
        most = "highest" if position.signed_size > 0 else "lowest"
        shown = kinds.price(from_units(found, instrument.price_decimals))
        steps.append(Step("liquidation price", f"{most} p with e < O + M", "", shown))
        beside = found + (1 if position.signed_size > 0 else -1)
        for units, sign in ((found, "<"), (beside, ">=")):
            there = self._at(market, units)
            at = kinds.price(from_units(units, instrument.price_decimals))
            numbers = f"{money_text(there.equity)} {sign} {money_text(there.maintenance_margin)}"
            steps.append(Step(f"at {at}", f"e {sign} O + M", numbers, ""))
        return steps

    def _first_liquidating(self, market: int) -> int | None:
        """The first price, in price units and coming from the safe side, that liquidates.

        None where no price does, or every price.
        """
        position = self._position(market)
        decimals = self.account.instruments[market].price_decimals
        most = min(LARGEST_PRICE * 10**decimals, MAX_NOTIONAL // abs(position.signed_size))
        safe, over = (most, 1) if position.signed_size > 0 else (1, most)

        def is_over(price: int) -> bool:
            there = self._at(market, price)
            return 0 < there.maintenance_margin > there.equity

        return None if is_over(safe) or not is_over(over) else _boundary(is_over, safe, over)

    def _at(self, market: int, price: int) -> Margins:
        """The account that holds the position, if the market's price were another."""
        prices = self.engine.tables["markets"]["oracle_price"]
        present = int(prices[market])
        prices[market] = price
        try:
            return account_margins(self.engine, self.owners[market])[CROSS_POOL]
        finally:
            prices[market] = present


def _boundary(is_over: Callable[[int], bool], safe: int, over: int) -> int:
    """The number next to the last safe one; one of the two given is safe, the other is not."""
    while abs(over - safe) > 1:
        middle = (safe + over) // 2
        safe, over = (safe, middle) if is_over(middle) else (middle, over)
    return over


def _decimal_text(value: Ratio, decimals: int, most: int = _DECIMALS) -> str:
    """A ratio in units of 10^-``decimals``, rounded to ``most`` decimals."""
    scaled = round(Fraction(*value) * Fraction(10**most, 10**decimals))
    return from_units(scaled, most)
