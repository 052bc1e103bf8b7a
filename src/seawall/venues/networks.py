"""The networks of a venue by name: a sandbox, a test network, and one with real money."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from seawall.domain.errors import InputError
from seawall.venues.gateway_port import Network

SANDBOX, TESTNET, MAINNET = "sandbox", "testnet", "mainnet"


class Networks(NamedTuple):
    """``urls``: by name, the default first. ``hosts``: of the venue itself, which are no
    sandbox's."""

    urls: Mapping[str, str]
    hosts: Sequence[str]

    def of(
        self, name: str = "", *, url: str = "", in_policy: bool = False, on_command: bool = False
    ) -> Network:
        """The network of a name; see ``gateway_port.Gateway.network``. Raises InputError.

        The two permissions come from two places, so that neither a copied file nor a command found
        in a shell's history is enough to act where real money is.
        """
        name = name or SANDBOX
        if name not in self.urls:
            raise InputError.of("", "network", name, f"one of {', '.join(self.urls)}")
        if name != SANDBOX:
            if url:
                raise InputError.of("", "url", url, f"left out: {name} is at {self.urls[name]}")
            if name == MAINNET:
                _check_permissions(in_policy, on_command)
            return Network(name=name, url=self.urls[name], is_real=name == MAINNET)
        found = url or self.urls[SANDBOX]
        host = (urlsplit(found).hostname or "").rstrip(".")
        if any(host == each or host.endswith(f".{each}") for each in self.hosts):
            others = " or ".join(each for each in self.urls if each != SANDBOX)
            expected = f"that of a sandbox; the venue itself is the network {others}"
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
