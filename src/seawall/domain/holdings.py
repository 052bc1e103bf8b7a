"""What an account holds, in integers, before it is placed in an engine."""

from collections.abc import Mapping

from msgspec import Struct, field, structs

from seawall.domain.enums import MarginGrouping, MarginMode, Side
from seawall.domain.errors import InputError
from seawall.domain.option import OptionPosition

POOLED_COMMANDS = (
    "`seawall options` counts them, and `seawall stress`, `seawall paths` and `seawall compare` in "
    "portfolio margin (from Python, with presets)"
)
"""What to use instead where options, coins and debts are refused."""


class Position(Struct, frozen=True, kw_only=True):
    """Size in the market's units, money in micro-USD; ``market`` is the instrument's index.

    ``isolated_margin``: what the isolated bucket was given; 0 for a cross position.
    """

    market: int
    signed_size: int
    entry_notional: int
    mode: MarginMode
    leverage: int
    isolated_margin: int

    @property
    def is_isolated(self) -> bool:
        return self.mode == MarginMode.ISOLATED


class OpenOrder(Struct, frozen=True, kw_only=True):
    """A limit order (``trigger_price`` 0), or a stop or take-profit at market (``price`` 0)."""

    market: int
    side: Side
    size: int
    price: int
    trigger_price: int
    take_profit: bool
    reduce_only: bool


class TopUp(Struct, frozen=True, kw_only=True):
    """Micro-USD from outside for the position of a market, once its mark comes to a price.

    ``trigger_price``: price units. The money goes to the position's bucket, or to its cross pool.
    It is there ``delay_ms`` later, and has cost ``cost`` micro-USD beside the amount.
    """

    market: int
    trigger_price: int
    amount: int
    delay_ms: int = 0
    cost: int = 0


class SpotCoins(Struct, frozen=True, kw_only=True):
    """Coins held as collateral. ``size``: in the market's units, above zero."""

    market: int
    size: int


class Holdings(Struct, frozen=True, kw_only=True):
    """What an account holds. ``collateral``: micro-USD, all that was deposited in margin group 0,
    isolated margins included; ``other_collateral``: the same in other groups, by their number.
    ``options``, ``coins`` and ``borrowed`` (micro-USD owed) are what an engine does not know.
    """

    name: str
    collateral: int
    positions: tuple[Position, ...]
    orders: tuple[OpenOrder, ...] = ()
    top_ups: tuple[TopUp, ...] = ()
    grouping: MarginGrouping = MarginGrouping.SEPARATE
    other_collateral: Mapping[int, int] = field(default_factory=dict)
    options: tuple[OptionPosition, ...] = ()
    coins: tuple[SpotCoins, ...] = ()
    borrowed: int = 0

    def check_perpetuals_only(self) -> None:
        """Raises InputError for options, coins and debts, where they would not be counted."""
        if self.options:
            raise InputError(
                f"{self.name}: option: the account holds {len(self.options)}, and its equity and "
                f"margin cannot be counted without them; {POOLED_COMMANDS}"
            )
        if self.coins or self.borrowed:
            raise InputError(
                f"{self.name}: spot: the account holds coins or owes USD, and its equity and "
                f"margin cannot be counted without them; {POOLED_COMMANDS}"
            )

    def with_money(self, group: int, amount: int) -> "Holdings":
        """The same with so much more deposited in a margin group."""
        if group == 0:
            return structs.replace(self, collateral=self.collateral + amount)
        others = {**self.other_collateral, group: self.other_collateral.get(group, 0) + amount}
        return structs.replace(self, other_collateral=others)
