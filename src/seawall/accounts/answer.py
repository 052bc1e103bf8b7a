"""A venue's own answer about an account: which venue's it is, and what it says and means."""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from seawall.accounts.file import AccountText, OrderText, PositionText
from seawall.domain.enums import Side
from seawall.domain.errors import InputError
from seawall.domain.instrument import Instrument
from seawall.domain.rulebook import AnyRulebook
from seawall.domain.units import money_text
from seawall.venues.explanation import Explanation
from seawall.venues.raw_json import MarketListError, VenueDataError
from seawall.venues.registry import VENUES
from seawall.venues.venue import AccountAnswer


class VenueAnswer(Struct, frozen=True, kw_only=True):
    """A venue's raw answer about an account. ``market_list``: its list of markets, if at hand.

    ``source``, ``list_source``: where the two come from, for errors.
    """

    venue: str
    raw: bytes
    source: str
    market_list: bytes | None = None
    list_source: str = ""

    def read(self, known: Mapping[str, Instrument], extra_markets: Sequence[str]) -> AccountAnswer:
        """The account and its markets. Raises InputError."""
        try:
            return VENUES[self.venue].read_account(self.raw, self.market_list, known, extra_markets)
        except VenueDataError as error:
            raise InputError(f"{self.source}: {error}") from None

    def explain(self, rulebook: AnyRulebook) -> Explanation:
        """Its margin and liquidation prices, compared with the venue's own. Raises InputError."""
        venue = VENUES[self.venue]
        if not isinstance(rulebook, venue.rules):
            raise InputError(
                f"--rulebook: {rulebook.name} holds rules of another kind than this account follows"
            )
        try:
            return venue.explain(self.raw, self.market_list, rulebook)
        except MarketListError as error:
            raise InputError(f"{self.list_source or self.source}: {error}") from None
        except VenueDataError as error:
            raise InputError(f"{self.source}: {error}") from None


def text_of_answer(source: str, name: str, answer: AccountAnswer) -> AccountText:
    """The account of a venue's answer, as an account file would say it."""
    return AccountText(
        source=source,
        name=answer.name or name,
        collateral=money_text(answer.collateral),
        positions=tuple(
            PositionText(
                market=each.market,
                is_long=each.is_long,
                size=each.size,
                entry_notional=money_text(each.entry_notional),
                is_isolated=each.is_isolated,
                leverage=each.leverage,
                margin=None if each.margin is None else money_text(each.margin),
            )
            for each in answer.positions
        ),
        orders=tuple(
            OrderText(
                market=each.market,
                side=Side.BUY if each.is_buy else Side.SELL,
                size=each.size,
                price=each.price if each.kind == "price" else None,
                stop=each.price if each.kind == "stop" else None,
                take_profit=each.price if each.kind == "take_profit" else None,
                reduce_only=True,
            )
            for each in answer.orders
        ),
        prices=answer.prices,
        grouping=answer.grouping,
        other_collateral={
            name: money_text(amount) for name, amount in answer.other_collateral.items()
        },
    )
