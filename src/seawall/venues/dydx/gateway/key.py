"""A key of an account of this venue: it signs transactions and shows nothing but its address."""

import re

from coincurve import PrivateKey

from seawall.domain.errors import InputError
from seawall.venues.dydx.wire.keys import address_of, is_mnemonic, secret_of
from seawall.venues.held_key import HeldKey
from seawall.venues.key_source import key_text

_KEY = re.compile(r"(?:0[xX])?([0-9a-fA-F]{64})")


class AccountKey(HeldKey):
    """One private key, as hexadecimal digits or as the words that wallets derive it from."""

    __slots__ = ("__private", "public_key")

    def __init__(self, text: str, where: str = "key") -> None:
        """``where``: the place of the key, for errors. Raises InputError, without the text."""
        words = " ".join(text.lower().split())
        found = _KEY.fullmatch(words)
        try:
            if found is None and not is_mnemonic(words):
                raise ValueError
            secret = secret_of(words) if found is None else bytes.fromhex(found[1])
            self.__private = PrivateKey(secret)
        except ValueError:
            raise InputError(
                f"{where}: is no private key, which is 64 hexadecimal digits, with or without 0x, "
                "or the 12 to 24 words of a wallet"
            ) from None
        self.public_key = self.__private.public_key.format()
        self.address = address_of(self.public_key)

    @classmethod
    def at(cls, source: str) -> "AccountKey":
        """The key at ``env:NAME`` or ``file:PATH``. Raises InputError."""
        return cls(key_text(source), source)

    def sign(self, document: bytes) -> bytes:
        """The 64 bytes of a signature over the sha256 of a document."""
        return self.__private.sign_recoverable(document)[:64]
