"""The errors that Seawall raises for what it is given, under one base type."""

from typing import Self


class SeawallError(ValueError):
    """Something that cannot be used or done as asked; the message says what would be right.

    Every error that a caller or a command may have to show derives from it, so that ``except
    SeawallError`` is enough. Other exceptions are defects of Seawall itself.
    """


class InputError(SeawallError):
    """An input that cannot be used: its field, its value and what would be right.

    ``field``, ``value`` and ``expected`` are empty where only a message was given.
    """

    field: str = ""
    value: object = None
    expected: str = ""

    @classmethod
    def of(cls, where: str, field: str, value: object, expected: str) -> Self:
        """The error ``where: field: value should be expected``; empty parts are left out.

        ``where``: the file, option or address that the input came from. ``expected``: what would
        be right, as it follows "should be".
        """
        places = "".join(f"{place}: " for place in (where, field) if place)
        error = cls(f"{places}{value!r} should be {expected}")
        error.field, error.value, error.expected = field, value, expected
        return error
