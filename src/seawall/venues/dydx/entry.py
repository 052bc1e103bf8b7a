"""This venue's entry in the registry."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from seawall.domain.instrument import Instrument
from seawall.domain.rulebook import AnyRulebook, BlockRulebook
from seawall.venues.explanation import Explanation
from seawall.venues.venue import AccountAnswer, Venue

if TYPE_CHECKING:
    from seawall.venues.book_levels import BookLevels
    from seawall.venues.public_api import PublicAnswers, PublicApi


class Dydx(Venue):
    name = "dydx"
    folder = Path(__file__).parent
    public_base = "https://indexer.dydx.trade"
    market_list = "markets"
    rules = BlockRulebook

    @property
    def to_own_rules(self) -> Callable[[Instrument], Instrument]:
        from seawall.venues.dydx.instruments import plain_instrument

        return plain_instrument

    def built_in_markets(self) -> Sequence[Instrument]:
        return ()

    def read_markets(self, raw: bytes) -> Sequence[Instrument]:
        from seawall.venues.dydx.instruments import instruments_from_markets

        return instruments_from_markets(raw)

    def parse_address(self, text: str) -> str | None:
        from seawall.venues.dydx.account.public import parse_address

        return parse_address(text)

    def is_account(self, raw: bytes) -> bool:
        from seawall.venues.dydx.account.state import is_account

        return is_account(raw)

    def fetch_account(self, api: "PublicApi", address: str) -> "PublicAnswers":
        from seawall.venues.dydx.account.public import account_answers

        return account_answers(api, address)

    def read_account(
        self,
        raw: bytes,
        market_list: bytes | None,
        known: Mapping[str, Instrument],
        extra_markets: Sequence[str] = (),
    ) -> AccountAnswer:
        from seawall.venues.dydx.account.reading import read_account

        return read_account(raw, market_list or raw, known, extra_markets)

    def explain(self, raw: bytes, market_list: bytes | None, book: AnyRulebook) -> Explanation:
        from seawall.venues.dydx.account.sheets import explain

        assert isinstance(book, BlockRulebook)
        return explain(raw, market_list, book)

    def read_book(self, document: Mapping[str, msgspec.Raw], raw: bytes) -> "BookLevels | None":
        from seawall.venues.dydx.account.public_book import levels_of

        return levels_of(document, raw)

    def fetch_book(self, api: "PublicApi", coin: str) -> "BookLevels":
        from seawall.venues.dydx.account.public_book import live_levels

        return live_levels(api, coin)
