"""Addresses of the venue: bech32 (BIP 173) with the prefix ``dydx``."""

from seawall.domain.errors import InputError

ADDRESS_PREFIX = "dydx"
LONGEST_TEXT = 1023
LONGEST_ADDRESS = 255
"""The chain takes any account address of 1 to 255 bytes; those of users have 20."""

_LETTERS = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_CHECK_LETTERS = 6
_SHORTEST_TEXT = 8


class Bech32Error(InputError):
    """Text that is no bech32; says what is wrong with it."""


def decode(text: str) -> tuple[str, bytes]:
    """The prefix, in lower case, and the bytes. Raises Bech32Error."""
    if not _SHORTEST_TEXT <= len(text) <= LONGEST_TEXT:
        raise Bech32Error(f"{text!r} must have {_SHORTEST_TEXT} to {LONGEST_TEXT} characters")
    if any(not "!" <= letter <= "~" for letter in text):
        raise Bech32Error(f"{text!r} must have visible ASCII characters only")
    if text != text.lower() and text != text.upper():
        raise Bech32Error(f"{text!r} must not mix upper and lower case")
    prefix, one, body = text.lower().rpartition("1")
    if not one or not prefix or len(body) < _CHECK_LETTERS:
        raise Bech32Error(f"{text!r} must be a prefix, 1, and at least six characters")
    strange = sorted(set(body) - set(_LETTERS))
    if strange:
        raise Bech32Error(f"{text!r} must not have {strange[0]!r} after its prefix")
    values = [_LETTERS.index(letter) for letter in body]
    if _checksum(_spread(prefix) + values) != 1:
        raise Bech32Error(f"{text!r} has a wrong checksum")
    return prefix, _bytes(text, values[:-_CHECK_LETTERS])


def encode(prefix: str, data: bytes) -> str:
    """The text of the bytes under a lower-case prefix."""
    number, bits = int.from_bytes(data, "big"), 8 * len(data)
    number <<= -bits % 5
    values = [number >> shift & 31 for shift in range(-(-bits // 5) * 5 - 5, -1, -5)]
    check = _checksum([*_spread(prefix), *values, *[0] * _CHECK_LETTERS]) ^ 1
    values += [check >> 5 * (_CHECK_LETTERS - 1 - place) & 31 for place in range(_CHECK_LETTERS)]
    return f"{prefix}1{''.join(_LETTERS[value] for value in values)}"


def is_address(text: str) -> bool:
    """Whether the venue takes the text as an account address."""
    try:
        prefix, data = decode(text)
    except Bech32Error:
        return False
    return prefix == ADDRESS_PREFIX and 1 <= len(data) <= LONGEST_ADDRESS


def _spread(prefix: str) -> list[int]:
    codes = [ord(letter) for letter in prefix]
    return [*(code >> 5 for code in codes), 0, *(code & 31 for code in codes)]


def _checksum(values: list[int]) -> int:
    """The remainder of the polynomial code, 1 for a valid text."""
    rest = 1
    for value in values:
        top = rest >> 25
        rest = (rest & 0x1FFFFFF) << 5 ^ value
        for place, term in enumerate(_GENERATOR):
            if top >> place & 1:
                rest ^= term
    return rest


def _bytes(text: str, values: list[int]) -> bytes:
    """Groups of five bits as bytes; what is left over must be fewer than five zero bits."""
    number, spare = 0, 5 * len(values) % 8
    for value in values:
        number = number << 5 | value
    if spare > 4 or number & (1 << spare) - 1:
        raise Bech32Error(f"{text!r} has bits left over after its last byte")
    return (number >> spare).to_bytes(5 * len(values) // 8, "big")
