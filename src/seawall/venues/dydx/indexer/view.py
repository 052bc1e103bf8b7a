"""What all answers of the indexer read: a node, its history, amounts as the wire prints them."""

from fractions import Fraction

from seawall.domain.enums import Side
from seawall.domain.events import CROSS_POOL
from seawall.domain.units import MICRO, PPM, fraction_text
from seawall.engine.account_view import account_margins
from seawall.venues.dydx.directory.directory import ChainDirectory, Subaccount
from seawall.venues.dydx.instruments import price_text, size_text
from seawall.venues.dydx.node.chain import Node
from seawall.venues.dydx.pairs import Pair
from seawall.venues.port import Desk, Fill, History

DECIMALS = 20
"""Of an average price."""


class NotFound(LookupError):
    """What was asked for does not exist; the message is the venue's."""


def decimal(value: Fraction) -> str:
    """Exact text, or rounded to ``DECIMALS``."""
    return fraction_text(value, DECIMALS)


class View:
    """A running venue, as the indexer sees it."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.pairs = node.pairs

    @property
    def desk(self) -> Desk:
        return self.node.desk

    @property
    def directory(self) -> ChainDirectory:
        return self.node.directory

    @property
    def history(self) -> History:
        return self.desk.history

    def height_at(self, time_ms: int) -> str:
        return str(self.node.height_at(time_ms))

    def pair_of(self, ticker: str) -> Pair:
        """Raises NotFound."""
        pair = self.pairs.by_ticker.get(ticker)
        if pair is None:
            raise NotFound(f"ticker must be a valid ticker ({', '.join(self.pairs.by_ticker)})")
        return pair

    def subaccount(self, address: str, number: int) -> Subaccount:
        """Raises NotFound."""
        found = self.directory.state.accounts.get(f"{address}/{number}")
        if found is None:
            raise NotFound(
                f"No subaccount found with address {address} and subaccountNumber {number}"
            )
        return found

    def children(self, address: str, parent: int) -> list[Subaccount]:
        """A parent and what is below it. Raises NotFound."""
        found = self.directory.children(address, parent)
        if not found:
            raise NotFound(f"No subaccounts found for address {address}")
        return found

    # -- amounts ---------------------------------------------------------------------------------

    def price(self, pair: Pair, ticks: int) -> str:
        return price_text(pair.instrument, ticks)

    def size(self, pair: Pair, units: int) -> str:
        return size_text(pair.instrument, units)

    def oracle(self, pair: Pair) -> Fraction:
        """USD."""
        price = int(self.desk.engine.tables["markets"]["oracle_price"][pair.row])
        return price * pair.instrument.oracle_unit

    def coins(self, pair: Pair, units: int) -> Fraction:
        return Fraction(units) / Fraction(10) ** pair.instrument.size_decimals

    def fill_price(self, fill: Fill) -> Fraction:
        """USD; of a fill that has a total and no price, the total by its size."""
        pair = self.pairs.by_row[fill.market]
        if fill.price:
            return fill.price * pair.instrument.price_unit
        received = Fraction(fill.quote, MICRO) / self.coins(pair, fill.size)
        return received if fill.side == Side.SELL else -received

    def equity(self, row: int) -> Fraction:
        """USD of an account, with the funding that is due."""
        return Fraction(account_margins(self.desk.engine, row)[CROSS_POOL].equity, MICRO)

    def held(self, row: int) -> list[tuple[Pair, int, int]]:
        """(pair, signed size, entry notional in micro-USD) of each open position, by pair."""
        tables = self.desk.engine.tables
        positions = tables["positions"]
        index = int(tables["accounts"]["first_position"][row])
        found = []
        while index >= 0:
            size = int(positions["signed_size"][index])
            if size:
                pair = self.pairs.by_row[int(positions["market"][index])]
                found.append((pair, size, int(positions["entry_notional"][index])))
            index = int(positions["next_of_account"][index])
        return sorted(found, key=lambda each: each[0].number)

    def free_collateral(self, row: int) -> Fraction:
        """Equity less initial margin at the fraction without open interest, USD."""
        needed = sum(
            (
                abs(self.coins(pair, size)) * self.oracle(pair)
                * Fraction(pair.terms.fractions.initial_ppm, PPM)
                for pair, size, _ in self.held(row)
            ),
            Fraction(0),
        )  # fmt: skip
        return self.equity(row) - needed
