"""This venue's entry in the registry."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import msgspec

from seawall.domain.enums import MarginGrouping
from seawall.domain.instrument import Instrument
from seawall.domain.rulebook import AnyRulebook, Rulebook
from seawall.venues.explanation import Explanation
from seawall.venues.hyperliquid.gateway.entry import HyperliquidGateway
from seawall.venues.hyperliquid.gateway.networks import URLS
from seawall.venues.networks import MAINNET, TESTNET
from seawall.venues.venue import AccountAnswer, Front, RestingOrder, Snippet, UserKey, Venue, Wire

if TYPE_CHECKING:
    from aiohttp import web

    from seawall.venues.book_levels import BookLevels
    from seawall.venues.port import Desk, Directory
    from seawall.venues.public_api import PublicAnswers, PublicApi
    from seawall.venues.public_stream import PublicReader
    from seawall.venues.twap_port import TwapOrders


class HyperliquidWire(Wire):
    hosts = ("api.hyperliquid.xyz", "api.hyperliquid-testnet.xyz")
    ports: ClassVar[Mapping[str, int]] = {"api": 3001}

    def make_app(self, desk: "Desk", quotas: bool = True) -> "web.Application":
        from seawall.venues.hyperliquid.limits import OFF, VENUE
        from seawall.venues.hyperliquid.server import make_app

        return make_app(desk, quotas=VENUE if quotas else OFF)

    def twap_orders(self) -> "TwapOrders":
        from seawall.venues.hyperliquid.exchange.twap_orders import HyperliquidTwaps

        return HyperliquidTwaps()

    def public_reader(self, base: str) -> "PublicReader":
        from seawall.venues.hyperliquid.stream.public_reader import StreamReader

        return StreamReader(base)

    def make_directory(self, grouping: MarginGrouping = MarginGrouping.SEPARATE) -> "Directory":
        from seawall.venues.hyperliquid.directory.directory import VenueDirectory

        return VenueDirectory(grouping)

    def user_key(self, phrase: str, index: int) -> UserKey:
        from seawall.venues.hyperliquid.sandbox_keys import user_key

        return user_key(phrase, index)

    def account_named(self, text: str) -> str:
        from seawall.venues.hyperliquid.sandbox_keys import account_named

        return account_named(text)

    def agent_address(self, phrase: str, name: str) -> str:
        from seawall.venues.hyperliquid.sandbox_keys import agent_address

        return agent_address(phrase, name)

    def funded_addresses(self, user: UserKey, usd: float) -> Sequence[tuple[str, float]]:
        return [(user.address, usd)]

    def client_snippets(
        self, urls: Mapping[str, str], user: UserKey, market: str, size: str
    ) -> Sequence[Snippet]:
        from seawall.venues.hyperliquid.snippets import client_snippets

        return client_snippets(urls["api"], user.address, user.private_key, market, size)

    def proxied_clients(self, front: Front) -> Sequence[Snippet]:
        from seawall.venues.hyperliquid.proxied_clients import proxied_clients

        return proxied_clients(front, self.hosts)


class Hyperliquid(Venue):
    name = "hyperliquid"
    folder = Path(__file__).parent
    public_base = URLS[MAINNET]
    followed_bases: ClassVar[Mapping[str, str]] = {
        "hyperliquid": public_base,
        "hyperliquid-testnet": URLS[TESTNET],
    }
    test_bases = (URLS[TESTNET],)
    market_list = "meta"
    rules = Rulebook
    wire = HyperliquidWire()
    gateway = HyperliquidGateway()

    def built_in_markets(self) -> Sequence[Instrument]:
        from seawall.venues.hyperliquid.instruments import built_in_instruments

        return built_in_instruments()

    def builder_market(self, name: str, price: str) -> Instrument | None:
        from seawall.venues.hyperliquid.instruments import builder_instrument

        return builder_instrument(name, price)

    def read_markets(self, raw: bytes) -> Sequence[Instrument]:
        from seawall.venues.hyperliquid.instruments import instruments_from_meta

        return instruments_from_meta(raw)

    def parse_address(self, text: str) -> str | None:
        if text[:2].lower() != "0x":
            return None
        from seawall.venues.hyperliquid.account.public import parse_address

        return parse_address(text)

    def is_account(self, raw: bytes) -> bool:
        from seawall.venues.hyperliquid.account.state import is_account

        return is_account(raw)

    def joined_account(self, files: Mapping[str, bytes]) -> bytes:
        from seawall.venues.hyperliquid.account.document import joined_files

        return joined_files(files)

    def fetch_account(self, api: "PublicApi", address: str) -> "PublicAnswers":
        from seawall.venues.hyperliquid.account.public import account_answers

        return account_answers(api, address)

    def read_account(
        self,
        raw: bytes,
        market_list: bytes | None,
        known: Mapping[str, Instrument],
        extra_markets: Sequence[str] = (),
    ) -> AccountAnswer:
        from seawall.venues.hyperliquid.account.reading import read_account

        return read_account(raw, market_list, known)

    def explain(self, raw: bytes, market_list: bytes | None, book: AnyRulebook) -> Explanation:
        from seawall.venues.hyperliquid.account.sheets import explain

        assert isinstance(book, Rulebook)
        return explain(raw, market_list, book)

    def read_book(self, document: Mapping[str, msgspec.Raw], raw: bytes) -> "BookLevels | None":
        from seawall.venues.hyperliquid.account.public_book import levels_of

        return levels_of(document, raw)

    def fetch_book(self, api: "PublicApi", coin: str) -> "BookLevels":
        from seawall.venues.hyperliquid.account.public_book import live_levels

        return live_levels(api, coin)

    def resting_order(self, base: str, key: str, market: str) -> RestingOrder:
        from seawall.venues.hyperliquid.resting_order import DistantOrder
        from seawall.venues.kept_connection import KeptConnection

        return DistantOrder(KeptConnection(base), key, market)
