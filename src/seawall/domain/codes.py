"""The vocabularies of ``enums`` as plain module integers.

Kernels are compiled from module constants; enum members inside them would cost a lookup in the
interpreter and a type of their own in the compiler. Every name is unique across families.
"""

from enum import IntEnum, IntFlag

from seawall.domain import enums

_FAMILIES = [
    family
    for family in vars(enums).values()
    if isinstance(family, type) and issubclass(family, int) and family not in (IntEnum, IntFlag)
]

_values: dict[str, int] = {}
for _family in _FAMILIES:
    for _name, _member in _family.__members__.items():  # type: ignore[attr-defined]
        if _name in _values:
            raise AssertionError(f"{_name} is defined by two vocabularies")
        _values[_name] = int(_member)
globals().update(_values)
