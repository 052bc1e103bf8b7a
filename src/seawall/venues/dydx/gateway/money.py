"""Cash flows of an account, and the figures that its indexer says of it."""

from collections.abc import Iterator
from decimal import Decimal

from msgspec import Struct

from seawall.domain.instrument import MAIN_GROUP
from seawall.domain.units import MICRO, MONEY_DECIMALS, fraction_text
from seawall.venues.dydx.account.markets import market_states
from seawall.venues.dydx.account.state import (
    CHILDREN_OF_A_PARENT,
    SubaccountState,
    account_state,
    all_positions,
    coin_of,
    tickers,
)
from seawall.venues.dydx.gateway.listed import Place
from seawall.venues.gateway_port import Reported
from seawall.venues.numbers import exact_units
from seawall.venues.public_api import PublicAnswers

_ENTRY_DECIMALS = 20


class End(Struct, rename="camel"):
    """One end of a cash flow. ``subaccount_number``: None for a wallet."""

    address: str | None = None
    subaccount_number: int | None = None


class Flow(Struct, rename="camel"):
    """A transfer of the indexer's list."""

    id: str
    sender: End
    recipient: End
    size: str
    created_at: str

    def amount(self, place: Place) -> int:
        """What it adds to the account, micro-USD; 0 between its own subaccounts."""
        size = exact_units("transfers.size", self.size, MONEY_DECIMALS, signed=False)
        comes = place.holds(self.recipient.address, self.recipient.subaccount_number)
        leaves = place.holds(self.sender.address, self.sender.subaccount_number)
        return size * (comes - leaves)


def reported_of(answers: PublicAnswers) -> Reported:
    """The indexer's own equity of each subaccount, at its oracle prices. It states neither
    maintenance margins nor liquidation prices. Raises VenueDataError."""
    held = tickers(answers.account)
    state = account_state(answers.account, market_states(answers.markets, held))
    marks = {coin_of(each): Decimal(answers.prices[coin_of(each)]) for each in held}
    return Reported(
        marks=marks,
        bucket_equity=dict(
            pair for each in state.subaccounts if is_child(each) for pair in _of_child(each)
        ),
        cross_equity={
            group: _micro(each)
            for each in state.subaccounts
            for group in ([] if is_child(each) or each.venue_equity is None else [MAIN_GROUP])
        },
    )


def entries_of(answers: PublicAnswers) -> dict[str, Decimal]:
    """USD at which positions were opened, by coin, as the indexer averages them."""
    held = tickers(answers.account)
    state = account_state(answers.account, market_states(answers.markets, held))
    return {
        coin_of(each.market.name): Decimal(fraction_text(each.entry_price, _ENTRY_DECIMALS))
        for each in all_positions(state)
        if each.entry_price is not None
    }


def is_child(subaccount: SubaccountState) -> bool:
    """Whether its position is an isolated one."""
    return subaccount.number >= CHILDREN_OF_A_PARENT


def _of_child(child: SubaccountState) -> Iterator[tuple[str, int]]:
    for position in child.positions:
        if child.venue_equity is not None:
            yield coin_of(position.market.name), _micro(child)


def _micro(subaccount: SubaccountState) -> int:
    assert subaccount.venue_equity is not None
    return round(subaccount.venue_equity * MICRO)
