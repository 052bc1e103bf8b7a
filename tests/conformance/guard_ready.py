"""Importing this brings all that a guard needs into a process, its kernels too.

The process from which guards are forked imports it, so that a guard which is killed at once does
not spend most of its life on its imports.
"""

from seawall.accounts.load import load_account
from seawall.guard.loop import Guard
from seawall.guard.mirror import Mirror, Observation
from seawall.guard.view import Observed, View
from seawall.venues.dydx.gateway.reader import Reader as BlocksReader
from seawall.venues.dydx.gateway.writer import Writer as BlocksWriter
from seawall.venues.hyperliquid.gateway.reader import Reader
from seawall.venues.hyperliquid.gateway.writer import Writer
from tests.shared_files import ROOT

NEEDED = (Guard, Reader, Writer, BlocksReader, BlocksWriter)


def viewed(name: str) -> View:
    """The view of an account that ships, which runs the kernels that any view needs."""
    known = Observed(account_ms=0, orders_ms=0, prices_ms=0)
    account = load_account(ROOT / "examples" / name)
    return Mirror().view(account, Observation(time_ms=0, observed=known))


VIEWS = [viewed("account_small.toml"), viewed("account_parent.json")]
