"""A machine to put a case into: markets, accounts, prices, real trades."""

from collections.abc import Iterable
from fractions import Fraction
from typing import Any

from seawall.domain.commands import (
    AdoptPosition,
    Command,
    CreateAccount,
    Deposit,
    PlaceOrder,
    SetOraclePrice,
)
from seawall.domain.enums import MarginMode, Reason, Side, TimeInForce
from seawall.domain.events import CROSS_POOL, CommandRejected, Event, OrderFilled
from seawall.domain.instrument import Instrument, MarginTier
from seawall.domain.rulebook import Rulebook
from seawall.domain.units import MAX_PRICE, MAX_SIZE, MICRO, MONEY_DECIMALS, UnitError, to_units
from seawall.engine.account_view import Margins, account_margins
from seawall.engine.engine import Engine
from seawall.engine.formulas.continuous.liquidation_price import (
    BucketPosition,
    liquidation_price,
    maintenance_tiers,
)
from seawall.engine.layout import Limits
from seawall.venues.hyperliquid.instruments import built_in_tiers
from seawall.venues.rulebook_file import load_rulebook

START_MS = 1_767_225_600_000
"""A UTC midnight."""
PLENTY = 10**15
Tiers = tuple[MarginTier, ...]


def venue_rules(**overrides: str) -> Rulebook:
    """The shipped rulebook with the oracle as mark: a case gives the mark, not a book."""
    changed = {key.replace("__", "."): value for key, value in overrides.items()}
    return load_rulebook(overrides={"mark.method": "oracle_only"} | changed)


def wide_rules(**overrides: str) -> Rulebook:
    """Without the limits of single orders: recorded marks and averages trade as limit prices.

    Margins, fees and funding are the venue's own.
    """
    return venue_rules(
        **{
            "order__maximum_significant_figures": "0",
            "order__minimum_value": "0",
            "order__market_value_caps": '[[0, "10000000000"]]',
            "order__price_band_rate": "1",
        }
        | overrides
    )


def flat_fee(taker: Any, maker: Any = "0") -> dict[str, str]:
    """The override that makes every account pay these rates."""
    return {"fee__tiers": f'[["0", "{taker}", "{maker}"]]', "fee__maker_rebates": "[]"}


class Refused(AssertionError):
    """A command that had to be accepted was not."""


class World:
    """One machine with its clock. Prices and sizes are the market's units."""

    def __init__(
        self,
        instruments: Iterable[Instrument],
        rules: Rulebook | None = None,
        extra_tiers: Iterable[Tiers] = (),
    ) -> None:
        markets = list(instruments)
        limits = Limits(accounts=16, positions=4 * len(markets) + 16, orders=64, levels=64)
        self.engine = Engine.create(rules or wide_rules(), markets, limits, list(extra_tiers))
        self.now = START_MS

    def attempt(self, command: Command) -> tuple[Reason, list[Event]]:
        """The reason of a rejection, NO_REASON otherwise, and the events."""
        events = self.engine.apply(command)
        if events and isinstance(events[0], CommandRejected):
            return events[0].reason, events
        return Reason.NO_REASON, events

    def send(self, command: Command) -> list[Event]:
        reason, events = self.attempt(command)
        if reason:
            raise Refused(f"{command} was rejected: {reason.name}")
        return events

    def fork(self) -> "World":
        other = object.__new__(World)
        other.engine, other.now = self.engine.fork(), self.now
        return other

    def account(self, money: int = PLENTY) -> int:
        """A new account with this money."""
        account = int(self.engine.tables["control"]["accounts_used"][0])
        self.send(CreateAccount(self.now))
        if money:
            self.send(Deposit(self.now, account, money))
        return account

    def price(self, market: int, price: int) -> list[Event]:
        return self.send(SetOraclePrice(self.now, market, price))

    def adopt(
        self, account: int, market: int, size: int, entry_notional: int, leverage: int,
        isolated_cash: int | None = None,
    ) -> None:  # fmt: skip
        """A recorded position: signed size, unsigned entry; isolated with that much moved in."""
        side = Side.BUY if size > 0 else Side.SELL
        mode = MarginMode.CROSS if isolated_cash is None else MarginMode.ISOLATED
        self.send(
            AdoptPosition(
                self.now, account, market, side, abs(size), entry_notional, leverage, mode,
                isolated_cash or 0,
            )
        )  # fmt: skip

    def rest(self, account: int, market: int, side: Side, price: int, size: int) -> list[Event]:
        order = PlaceOrder(
            self.now, account, market, side, price, size, TimeInForce.POST_ONLY
        )  # fmt: skip
        return self.send(order)

    def trade(
        self, taker: int, market: int, side: Side, price: int, size: int, maker: int = -1
    ) -> OrderFilled:
        """A real fill at this price; the taker's side of it."""
        other = Side.SELL if side == Side.BUY else Side.BUY
        self.rest(self.account() if maker < 0 else maker, market, other, price, size)
        order = PlaceOrder(
            self.now, taker, market, side, price, size, TimeInForce.IMMEDIATE_OR_CANCEL
        )
        fills = [e for e in self.send(order) if isinstance(e, OrderFilled) and e.account == taker]
        if len(fills) != 1 or fills[0].size != size:
            raise Refused(f"{order} was not filled at once: {fills}")
        return fills[0]

    def position(self, account: int, market: int) -> Any:
        """The row of an open position."""
        rows = self.engine.tables["positions"]
        found = rows[
            (rows["account"] == account) & (rows["market"] == market) & (rows["signed_size"] != 0)
        ]
        if len(found) != 1:
            raise Refused(f"{len(found)} open positions of account {account} in market {market}")
        return found[0]

    def margins(self, account: int) -> dict[int, Margins]:
        return account_margins(self.engine, account)

    def mark(self, market: int) -> int:
        return int(self.engine.tables["markets"]["mark_price"][market])

    def cash(self, account: int) -> int:
        return int(self.engine.tables["accounts"]["cash"][account])

    def liquidation_price(self, account: int, market: int) -> Fraction | None:
        """In USD, of the position as the machine holds it."""
        margins = self.margins(account)
        pool, own = margins[CROSS_POOL], margins[market]
        row = self.position(account, market)
        crossed = row["mode"] == MarginMode.CROSS
        decimals = self.engine.instruments[market].price_decimals
        bucket = BucketPosition(
            int(row["signed_size"]),
            abs(int(row["signed_size"])) * self.mark(market),
            pool.equity if crossed else own.equity,
            pool.maintenance_margin - own.maintenance_margin if crossed else 0,
            maintenance_tiers(self.engine.schedules[int(row["schedule"])]),
            decimals,
        )
        price = liquidation_price(bucket)
        return None if price is None else Fraction(*price) / 10**decimals


def market(name: str, size_decimals: int, tiers: Tiers, impact_notional: int = 0) -> Instrument:
    return Instrument(
        name=name,
        size_decimals=size_decimals,
        tiers=tiers,
        impact_notional=impact_notional or 6_000 * MICRO,
    )


def single_tier(leverage: Any) -> Tiers:
    return (MarginTier(0, int(leverage)),)


def size_decimals_for(sizes: Iterable[Any], prices: Iterable[Any]) -> int:
    """The fewest size decimals that carry these sizes and leave prices the machine can hold."""
    sizes, prices = [str(size) for size in sizes], [str(price) for price in prices]
    for decimals in range(MONEY_DECIMALS + 1):
        try:
            for size in sizes:
                to_units(size, decimals, MAX_SIZE)
            for price in prices:
                to_units(price, MONEY_DECIMALS - decimals, MAX_PRICE)
        except UnitError:
            continue
        return decimals
    raise UnitError(f"no market holds the sizes {sizes} at the prices {prices}")


def micro(value: Any) -> int:
    return to_units(str(value), MONEY_DECIMALS)


def tier_table(vectors: dict[str, Any], name: str) -> Tiers:
    """The tiers of a coin in the file, else the shipped ones; a small number is a single tier."""
    if name.isdigit():
        return single_tier(name)
    networks = vectors.get("margin_tiers", {})
    for network in ("mainnet", "testnet"):
        for coins, rows in networks.get(network, {}).items():
            if name == coins or name in coins.split():
                return tuple(
                    MarginTier(micro(row["lower_bound"]), row["maximum_leverage"]) for row in rows
                )
    tiers = built_in_tiers(name)
    if tiers is None:
        raise KeyError(f"no margin tiers of {name!r} in the file or among those that ship")
    return tiers


def case_tiers(case: dict[str, Any], vectors: dict[str, Any]) -> Tiers:
    """Of a case: its own maximum leverage, else its coin's table."""
    if "maximum_leverage" in case:
        return single_tier(case["maximum_leverage"])
    return tier_table(vectors, str(case.get("table") or case["coin"]))
