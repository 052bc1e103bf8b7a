"""The markets of a running venue on the wire: their numbers, and amounts in their units."""

from collections.abc import Sequence

from msgspec import Struct

from seawall.domain.commands import PlaceOrder
from seawall.domain.enums import OrderFlag, TimeInForce
from seawall.domain.instrument import BlockTerms, Instrument
from seawall.venues.dydx.built_in import market_files, tier_number
from seawall.venues.dydx.liquidity_tiers import tier_of_coin
from seawall.venues.dydx.wire.order_message import CONDITIONAL, LONG_TERM, SHORT_TERM
from seawall.venues.port import Desk


class Pair(Struct, frozen=True):
    """A market: its row in the machine and its number on the chain, which is also that of its
    perpetual and of its oracle price."""

    row: int
    number: int
    instrument: Instrument

    @property
    def ticker(self) -> str:
        return self.instrument.name

    @property
    def terms(self) -> BlockTerms:
        terms = self.instrument.block_terms
        assert terms is not None
        return terms

    @property
    def atomic_resolution(self) -> int:
        return -self.instrument.size_decimals

    @property
    def oracle_exponent(self) -> int:
        return -self.terms.oracle_decimals

    @property
    def liquidity_tier(self) -> int:
        """Its number."""
        known = market_files().get(self.ticker)
        return tier_number(known.tier if known else tier_of_coin(self.ticker).name)


class Pairs:
    """All markets of a machine, by row, by number on the chain and by ticker."""

    def __init__(self, instruments: Sequence[Instrument]) -> None:
        known = market_files()
        self.by_row: list[Pair] = []
        free = 1 + max((each.clob_pair_id for each in known.values()), default=0)
        for row, instrument in enumerate(instruments):
            number = known[instrument.name].clob_pair_id if instrument.name in known else free + row
            self.by_row.append(Pair(row, number, instrument))
        self.by_number = {pair.number: pair for pair in self.by_row}
        self.by_ticker = {pair.ticker: pair for pair in self.by_row}


_FLAG_BITS, _NUMBER_BITS = 16, 32


def client_id(pair_number: int, flags: int, number: int) -> int:
    """The 128-bit client id of an order of the wire; never 0."""
    return ((pair_number + 1) << _FLAG_BITS | flags) << _NUMBER_BITS | number


def parts_of(found: int) -> tuple[int, int, int]:
    """(pair number, flags, client id of the wire) of a 128-bit client id."""
    rest, number = divmod(found, 1 << _NUMBER_BITS)
    pair, flags = divmod(rest, 1 << _FLAG_BITS)
    return pair - 1, flags, number


def client_id_of_host(desk: Desk, order: PlaceOrder, place: int) -> int:
    """The 128-bit client id of an order of the host itself, as one of the wire would have it.

    Its number counts the machine's commands, in the upper half of those that there are, so that it
    is not that of another order of the host.
    """
    pair = Pairs(desk.instruments).by_row[order.market]
    flags = LONG_TERM
    if order.flags & OrderFlag.TRIGGER:
        flags = CONDITIONAL
    elif order.flags & (OrderFlag.SHORT_TERM | OrderFlag.MARKET) or (
        order.time_in_force == TimeInForce.IMMEDIATE_OR_CANCEL
    ):
        flags = SHORT_TERM
    half = 1 << (_NUMBER_BITS - 1)
    return client_id(pair.number, flags, half | ((desk.engine.sequence + place) % half))
