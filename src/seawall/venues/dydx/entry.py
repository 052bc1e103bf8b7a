"""This venue's entry in the registry."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import msgspec

from seawall.domain.enums import MarginGrouping
from seawall.domain.instrument import Instrument
from seawall.domain.rulebook import AnyRulebook, BlockRulebook
from seawall.venues.dydx.gateway.entry import DydxGateway
from seawall.venues.explanation import Explanation
from seawall.venues.venue import AccountAnswer, Front, Service, Snippet, UserKey, Venue, Wire

if TYPE_CHECKING:
    from aiohttp import web

    from seawall.domain.commands import PlaceOrder
    from seawall.venues.book_levels import BookLevels
    from seawall.venues.port import Desk, Directory
    from seawall.venues.public_api import PublicAnswers, PublicApi
    from seawall.venues.public_stream import PublicReader


class DydxWire(Wire):
    hosts = ("indexer.dydx.trade",)
    ports: ClassVar[Mapping[str, int]] = {
        "indexer": 3002, "socket": 3003, "rpc": 26657, "rest": 1317, "grpc": 9090,
    }  # fmt: skip

    @property
    def http_ports(self) -> Sequence[str]:
        return ("indexer", "socket", "rpc", "rest")

    def websocket_url(self, urls: Mapping[str, str]) -> str:
        return urls["socket"].replace("http://", "ws://", 1) + "/v4/ws"

    def missing_package(self) -> str:
        from seawall.venues.dydx.node.proto import INSTALL, missing

        package = missing()
        return f"{package} ({INSTALL})" if package else ""

    def make_app(self, desk: "Desk", quotas: bool = True) -> "web.Application":
        from seawall.venues.dydx.limits import OFF, VENUE
        from seawall.venues.dydx.server import make_app

        return make_app(desk, VENUE if quotas else OFF)

    def services(self, app: "web.Application") -> "Mapping[str, Service]":
        from seawall.venues.dydx.server import grpc_service

        return {"grpc": grpc_service(app)}

    def client_order_id(self, desk: "Desk", order: "PlaceOrder", place: int) -> int:
        from seawall.venues.dydx.pairs import client_id_of_host

        return client_id_of_host(desk, order, place)

    def public_reader(self, base: str) -> "PublicReader":
        from seawall.venues.dydx.stream.public_reader import StreamReader

        return StreamReader(base)

    def make_directory(self, grouping: MarginGrouping = MarginGrouping.SEPARATE) -> "Directory":
        from seawall.venues.dydx.directory.directory import ChainDirectory

        return ChainDirectory()

    def user_key(self, phrase: str, index: int) -> UserKey:
        from seawall.venues.dydx.sandbox_keys import user_key

        return user_key(phrase, index)

    def agent_address(self, phrase: str, name: str) -> str:
        from seawall.venues.dydx.sandbox_keys import agent_address

        return agent_address(phrase, name)

    def account_named(self, text: str) -> str:
        from seawall.venues.dydx.sandbox_keys import account_named

        return account_named(text)

    def funded_addresses(self, user: UserKey, usd: float) -> Sequence[tuple[str, float]]:
        from seawall.venues.dydx.sandbox_keys import funded_addresses

        return funded_addresses(user, usd)

    def client_snippets(
        self, urls: Mapping[str, str], user: UserKey, market: str, size: str
    ) -> Sequence[Snippet]:
        from seawall.venues.dydx.snippets import client_snippets

        return client_snippets(urls, user, market, size)

    def proxied_clients(self, front: Front) -> Sequence[Snippet]:
        return ()


class Dydx(Venue):
    name = "dydx"
    folder = Path(__file__).parent
    public_base = "https://indexer.dydx.trade"
    market_list = "markets"
    rules = BlockRulebook
    wire = DydxWire()
    gateway = DydxGateway()

    @property
    def to_own_rules(self) -> Callable[[Instrument], Instrument]:
        from seawall.venues.dydx.instruments import plain_instrument

        return plain_instrument

    def built_in_markets(self) -> Sequence[Instrument]:
        from seawall.venues.dydx.built_in import built_in_instruments

        return built_in_instruments()

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
