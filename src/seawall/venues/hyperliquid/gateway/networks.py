"""Where this venue runs, and what signatures for each network name."""

from msgspec import Struct

from seawall.venues.gateway_port import Network
from seawall.venues.networks import MAINNET, SANDBOX, TESTNET, Networks

URLS = {
    SANDBOX: "http://127.0.0.1:3001",
    TESTNET: "https://api.hyperliquid-testnet.xyz",
    MAINNET: "https://api.hyperliquid.xyz",
}
NETWORKS = Networks(URLS, ("hyperliquid.xyz", "hyperliquid-testnet.xyz"))


class Signing(Struct, frozen=True):
    """What signatures for a network name. ``source``: of actions; ``chain``: of messages."""

    source: str
    chain: str


_REAL, _TEST = Signing("a", "Mainnet"), Signing("b", "Testnet")


def signing_of(network: Network) -> Signing:
    """A signature for a sandbox or the test network is worth nothing where real money is."""
    return _REAL if network.is_real else _TEST
