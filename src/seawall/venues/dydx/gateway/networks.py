"""Where this venue runs: indexer, node and chain of each network.

Real money is not among them: no order of this writer has been sent there yet.
"""

from msgspec import Struct

from seawall.venues.gateway_port import Network
from seawall.venues.networks import SANDBOX, TESTNET, Networks

NETWORKS = Networks(
    {SANDBOX: "http://127.0.0.1:3002", TESTNET: "https://indexer.v4testnet.dydx.exchange"},
    ("dydx.exchange", "dydx.trade"),
)


class Chain(Struct, frozen=True):
    """``node``: base URL of a node's REST; ``chain_id``: what signatures name."""

    node: str
    chain_id: str


def chain_of(network: Network) -> Chain:
    """A sandbox answers the node's paths where it answers the indexer's. A signature for one chain
    is worth nothing on another."""
    if network.name == SANDBOX:
        return Chain(network.url.rstrip("/"), "localdydxprotocol")
    return Chain("https://test-dydx-rest.kingnodes.com", "dydx-testnet-4")
