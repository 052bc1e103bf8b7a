"""Where this venue runs: a sandbox, its test network, and the one with real money."""

from urllib.parse import urlsplit

from msgspec import Struct

from seawall.domain.errors import InputError
from seawall.venues.gateway_port import Network

SANDBOX, TESTNET, MAINNET = "sandbox", "testnet", "mainnet"
NAMES = (SANDBOX, TESTNET, MAINNET)
"""The default first."""
URLS = {
    SANDBOX: "http://127.0.0.1:3001",
    TESTNET: "https://api.hyperliquid-testnet.xyz",
    MAINNET: "https://api.hyperliquid.xyz",
}
_VENUE_HOSTS = ("hyperliquid.xyz", "hyperliquid-testnet.xyz")


class Signing(Struct, frozen=True):
    """What signatures for a network name. ``source``: of actions; ``chain``: of messages."""

    source: str
    chain: str


_REAL, _TEST = Signing("a", "Mainnet"), Signing("b", "Testnet")


def signing_of(network: Network) -> Signing:
    """A signature for a sandbox or the test network is worth nothing where real money is."""
    return _REAL if network.is_real else _TEST


def network_of(
    name: str = "", *, url: str = "", in_policy: bool = False, on_command: bool = False
) -> Network:
    """The network of a name; see ``gateway_port.Gateway.network``. Raises InputError.

    The two permissions come from two places, so that neither a copied file nor a command found in
    a shell's history is enough to act where real money is.
    """
    name = name or SANDBOX
    if name not in NAMES:
        raise InputError.of("", "network", name, f"one of {', '.join(NAMES)}")
    if name != SANDBOX:
        if url:
            raise InputError.of("", "url", url, f"left out: {name} is at {URLS[name]}")
        if name == MAINNET:
            _check_permissions(in_policy, on_command)
        return Network(name=name, url=URLS[name], is_real=name == MAINNET)
    found = url or URLS[SANDBOX]
    host = (urlsplit(found).hostname or "").rstrip(".")
    if any(host == each or host.endswith(f".{each}") for each in _VENUE_HOSTS):
        expected = f"that of a sandbox; the venue itself is the network {TESTNET} or {MAINNET}"
        raise InputError.of("", "url", found, expected)
    return Network(name=SANDBOX, url=found, is_real=False)


def _check_permissions(in_policy: bool, on_command: bool) -> None:
    missing = [
        place
        for place, is_there in (
            ("a line in the policy file", in_policy),
            ("an option on the command line", on_command),
        )
        if not is_there
    ]
    if missing:
        raise InputError(
            f"network: {MAINNET} is where real money is; it must be allowed by a line in the "
            f"policy file and by an option on the command line; missing: {' and '.join(missing)}"
        )
