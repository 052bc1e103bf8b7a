"""Keys of a sandbox's accounts, TEST ONLY: they follow from a phrase that is no secret.

    words of user n         =  BIP 39 of sha256(utf-8 of "<phrase>/<n>")        n = 0, 1, ...
    address of an agent     =  bech32 of the first 20 bytes of sha256("<phrase>/agent/<name>")

A user is one address with money in its wallet and in subaccount 0; an agent is the subaccount 0 of
an address whose private key is not known.
"""

import hashlib
from collections.abc import Sequence

from coincurve import PrivateKey

from seawall.domain.errors import InputError
from seawall.venues.dydx.directory.directory import subaccount_key
from seawall.venues.dydx.wire.bech32 import ADDRESS_PREFIX, encode, is_address
from seawall.venues.dydx.wire.keys import address_of, mnemonic_of, secret_of
from seawall.venues.dydx.wire.order_message import HIGHEST_SUBACCOUNT
from seawall.venues.numbers import printed_number
from seawall.venues.venue import UserKey

WALLET = "wallet"


def user_key(phrase: str, index: int) -> UserKey:
    """The words, key and address of user ``index``."""
    mnemonic = mnemonic_of(hashlib.sha256(f"{phrase}/{index}".encode()).digest())
    secret = secret_of(mnemonic)
    public_key = PrivateKey(secret).public_key.format()
    return UserKey(address_of(public_key), "0x" + secret.hex(), mnemonic)


def agent_address(phrase: str, name: str) -> str:
    """The subaccount of an agent."""
    digest = hashlib.sha256(f"{phrase}/agent/{name}".encode()).digest()[:20]
    return subaccount_key(encode(ADDRESS_PREFIX, digest), 0)


def funded_addresses(user: UserKey, usd: float) -> Sequence[tuple[str, float]]:
    """Subaccount 0 and the wallet, which holds a tenth of it."""
    return [(subaccount_key(user.address, 0), usd), (user.address, usd / 10)]


def account_named(text: str) -> str:
    """An address alone is its subaccount 0, with ``/5`` subaccount 5, with ``/wallet`` the wallet.

    Raises InputError.
    """
    address, slash, number = text.strip().partition("/")
    expected = f"an address, dydx1..., alone or with /0 to /{HIGHEST_SUBACCOUNT} or /{WALLET}"
    if not is_address(address):
        raise InputError.of("", "address", text, expected)
    if number == WALLET:
        return address
    if slash and printed_number(number, HIGHEST_SUBACCOUNT) < 0:
        raise InputError.of("", "address", text, expected)
    return subaccount_key(address, int(number or 0))
