"""``seawall explain``: an account as the venue tells it, with margin and liquidation prices
computed here and compared with the venue's own."""

import os
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from seawall.accounts.load import AccountOptions, load_answer
from seawall.cli.params import Outputs
from seawall.cli.run import refuse, run
from seawall.report.progress import Progress
from seawall.venues.explanation import Explanation
from seawall.venues.rulebook_file import load_rulebook


def explain(
    state: Annotated[str, Parameter(allow_leading_hyphen=True)] = "-",
    /,
    *,
    venue: str | None = None,
    meta: Path | None = None,
    markets: Path | None = None,
    at: str | None = None,
    steps: str | None = None,
    rulebook: str | None = None,
    outputs: Outputs = Outputs(),  # noqa: B008 (frozen)
) -> None:
    """Show the margin and the liquidation prices of a real account, derived step by step.

    Nothing is copied from the venue that can be computed. Differences, and why a figure may not be
    exact, are shown as warnings; `--json` flags each figure. Exit status 2 for input that cannot be
    used.

    Parameters
    ----------
    state
        A file with the venue's raw answers about an account (`clearinghouseState`, alone or with
        `spotClearinghouseState` and the account's mode; or an indexer's subaccount or parent
        subaccount), a folder with a file for each, or an address; `-` reads standard input.
    venue
        Whose answer it is, by name. Without it, the shape of the answer tells.
    meta
        A file with the venue's raw answer to `meta`: size decimals and margin tiers of the
        markets. Without it, shipped tiers of well-known markets are used.
    markets
        A file with an indexer's raw answer to `perpetualMarkets`, which its subaccounts need:
        margin fractions, oracle prices and open interest. It may also stand in the account's own
        document, under `markets`.
    at
        Base URL of another API than the venue's own, such as a running sandbox's, for an address.
    steps
        Print how the liquidation price of this coin or market comes about.
    rulebook
        A shipped rulebook by name, or a rulebook file. Without it, the venue's own.
    """
    if state.startswith("-") and state != "-":
        refuse("explain", f"unknown option {state}")
    if "seawall.engine.compile" not in sys.modules:
        # One account is a few additions: only importing the compiler would take longer.
        os.environ["SEAWALL_INTERPRETED"] = "1"

    def explained(_: Progress) -> Explanation:
        answer = load_answer(state, AccountOptions(meta=meta, markets=markets, venue=venue, at=at))
        found = answer.explain(load_rulebook(rulebook or answer.venue))
        return found if steps is None else found.with_steps(steps)

    run("explain", outputs, explained)
