"""How a command of the lab ends on input that it cannot use."""

import sys
from typing import NoReturn

BAD_INPUT = 2
_LONGEST = 600


def refuse(command: str, message: str) -> NoReturn:
    """One line on standard error, exit status 2."""
    line = " ".join(message.split())
    print(f"seawall {command}: {line[:_LONGEST]}", file=sys.stderr)
    raise SystemExit(BAD_INPUT)
