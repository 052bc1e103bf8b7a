"""This venue's gateway, as the registry has it."""

from collections.abc import Sequence

from seawall.venues.dydx.gateway.networks import NETWORKS
from seawall.venues.gateway_port import Gateway, Network, VenueReader, VenueWriter


class DydxGateway(Gateway):
    networks = tuple(NETWORKS.urls)
    order_kinds = ("immediate", "trigger")
    client_id_bits = 64

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
        from seawall.venues.dydx.gateway.reader import Reader

        return Reader(network, address, markets, ledger_from_ms=ledger_from_ms)

    def writer(self, network: Network, address: str, key: str, owner_key: str = "") -> VenueWriter:
        from seawall.venues.dydx.gateway.key import AccountKey
        from seawall.venues.dydx.gateway.writer import Writer

        owner = AccountKey.at(owner_key) if owner_key else None
        return Writer(network, address, AccountKey.at(key), owner)
