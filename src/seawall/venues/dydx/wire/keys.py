"""Keys as the venue's wallets derive them: mnemonic words, hierarchical keys, bech32 addresses.

The words are those of BIP 39, a key is that of the path m/44'/118'/0'/0/0 of BIP 44, an address the
bech32 text of ripemd160(sha256(compressed public key)).
"""

import hashlib
import hmac
from functools import cache
from pathlib import Path

from coincurve import PrivateKey
from Crypto.Hash import RIPEMD160

from seawall.venues.dydx.wire.bech32 import ADDRESS_PREFIX, encode

ENTROPY_BYTES = 32
_HARDENED = 1 << 31
_PATH = (44 + _HARDENED, 118 + _HARDENED, _HARDENED, 0, 0)
_ROUNDS = 2048
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
"""Of the curve secp256k1."""


@cache
def _words() -> tuple[str, ...]:
    path = Path(__file__).with_name("mnemonic_words.txt")
    return tuple(path.read_text(encoding="ascii").split())


def mnemonic_of(entropy: bytes) -> str:
    """The words of 16 to 32 bytes."""
    bits = len(entropy) * 8
    checksum = hashlib.sha256(entropy).digest()[0] >> (8 - bits // 32)
    number = int.from_bytes(entropy, "big") << bits // 32 | checksum
    count = (bits + bits // 32) // 11
    return " ".join(_words()[number >> 11 * place & 2047] for place in reversed(range(count)))


def is_mnemonic(text: str) -> bool:
    """Whether these are 12 to 24 words of the list, with the right checksum."""
    words, places = text.split(" "), {word: place for place, word in enumerate(_words())}
    if len(words) not in (12, 15, 18, 21, 24) or not all(word in places for word in words):
        return False
    number = 0
    for word in words:
        number = number << 11 | places[word]
    bits = len(words) * 11 * 32 // 33
    entropy = (number >> len(words) * 11 - bits).to_bytes(bits // 8, "big")
    return mnemonic_of(entropy) == text


def secret_of(mnemonic: str) -> bytes:
    """The private key that wallets derive from the words."""
    seed = hashlib.pbkdf2_hmac("sha512", mnemonic.encode(), b"mnemonic", _ROUNDS)
    node = hmac.digest(b"Bitcoin seed", seed, "sha512")
    secret, chain = node[:32], node[32:]
    for index in _PATH:
        is_hardened = index >= _HARDENED
        data = b"\0" + secret if is_hardened else PrivateKey(secret).public_key.format()
        node = hmac.digest(chain, data + index.to_bytes(4, "big"), "sha512")
        number = (int.from_bytes(node[:32], "big") + int.from_bytes(secret, "big")) % ORDER
        secret, chain = number.to_bytes(32, "big"), node[32:]
    return secret


def address_of(public_key: bytes) -> str:
    """The address of a compressed public key."""
    digest = RIPEMD160.new(hashlib.sha256(public_key).digest()).digest()
    return encode(ADDRESS_PREFIX, digest)
