"""A key that signs actions of this venue and shows nothing but its address."""

import re
from typing import Any

from coincurve import PrivateKey

from seawall.domain.errors import InputError
from seawall.venues.held_key import HeldKey
from seawall.venues.hyperliquid.wire.signing import (
    action_hash,
    address_of,
    sign_connection,
    sign_user_action,
)
from seawall.venues.key_source import key_text

_KEY = re.compile(r"(?:0[xX])?([0-9a-fA-F]{64})")


class SigningKey(HeldKey):
    """One private key. It can sign; its bytes cannot be read, shown, copied or stored."""

    __slots__ = ("__private",)

    def __init__(self, text: str, where: str = "key") -> None:
        """``where``: the place of the key, for errors. Raises InputError, without the text."""
        found = _KEY.fullmatch(text)
        try:
            if found is None:
                raise ValueError
            self.__private = PrivateKey(bytes.fromhex(found[1]))
        except ValueError:
            raise InputError(
                f"{where}: is no private key, which is 64 hexadecimal digits, with or without 0x"
            ) from None
        self.address = address_of(self.__private.public_key)

    @classmethod
    def at(cls, source: str) -> "SigningKey":
        """The key at ``env:NAME`` or ``file:PATH``. Raises InputError."""
        return cls(key_text(source), source)

    def sign(self, action: Any, nonce: int, expires_after: int | None, source: str) -> Any:
        """The signature of an action; ``source``: of the network, as ``wire.signing`` has them."""
        connection = action_hash(action, nonce, None, expires_after)
        return sign_connection(source, connection, self.__private)

    def sign_message(self, action: dict[str, Any]) -> Any:
        """The signature of an action that is a readable message."""
        return sign_user_action(action, self.__private)
