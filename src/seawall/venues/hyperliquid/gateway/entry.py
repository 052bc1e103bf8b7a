"""This venue's gateway, as the registry has it."""

from collections.abc import Sequence

from seawall.venues.gateway_port import Gateway, Network, VenueReader, VenueWriter
from seawall.venues.hyperliquid.gateway.networks import NETWORKS


class HyperliquidGateway(Gateway):
    networks = tuple(NETWORKS.urls)

    def network(
        self, name: str = "", *, url: str = "", in_policy: bool = False, on_command: bool = False
    ) -> Network:
        return NETWORKS.of(name, url=url, in_policy=in_policy, on_command=on_command)

    def reader(
        self,
        network: Network,
        address: str,
        markets: Sequence[str] = (),
        ledger_from_ms: int = 1,
    ) -> VenueReader:
        from seawall.venues.hyperliquid.gateway.reader import Reader

        return Reader(network.url, address, markets, ledger_from_ms=ledger_from_ms)

    def writer(self, network: Network, address: str, key: str, owner_key: str = "") -> VenueWriter:
        from seawall.venues.hyperliquid.gateway.key import SigningKey
        from seawall.venues.hyperliquid.gateway.writer import Writer

        owner = SigningKey.at(owner_key) if owner_key else None
        return Writer(network, address, SigningKey.at(key), owner)
