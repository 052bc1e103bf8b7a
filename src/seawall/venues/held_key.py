"""A private key that signs and shows nothing but its address."""

from typing import Any, NoReturn


class HeldKey:
    """The base of a venue's signing keys: it is not shown, copied or stored."""

    __slots__ = ("address",)
    address: str

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.address})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a key is not stored")

    def __copy__(self) -> NoReturn:
        raise TypeError("a key is not copied")

    def __deepcopy__(self, memo: Any) -> NoReturn:
        raise TypeError("a key is not copied")
