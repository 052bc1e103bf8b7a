"""The ``seawall`` command. Commands are named by import path and loaded when called, so that
starting one does not import what the others need."""

import errno
import os
import sys

from cyclopts import App, CycloptsError

from seawall.domain.errors import SeawallError

app = App(
    name="seawall",
    help="Trade leveraged perpetual futures without blowing up.",
    exit_on_error=False,
    print_error=False,
)

app.command(
    "seawall.cli.up:up",
    name="up",
    help="Start a venue on this computer: living books, funded accounts, full control.",
)
app.command(
    "seawall.cli.control:app",
    name="control",
    help="Steer a running venue: prices, oracle, liquidity, time, accounts.",
)
app.command(
    "seawall.cli.explain:explain",
    name="explain",
    help="Show the margin and the liquidation prices of a real account, derived step by step.",
)
app.command(
    "seawall.cli.rehearse:rehearse",
    name="rehearse",
    help="Take an account through a crash: what is liquidated, when, and what is left.",
)
app.command(
    "seawall.cli.stress:stress",
    name="stress",
    help="Shock an account: what each move costs, and the smallest one that liquidates it.",
)
app.command(
    "seawall.cli.compare:compare",
    name="compare",
    help="The same positions as cross, isolated and hybrid on the same paths: which, and why.",
)
app.command(
    "seawall.cli.paths:paths",
    name="paths",
    help="Thousands of price paths: how likely a liquidation is, when, and at which leverage.",
)
app.command(
    "seawall.cli.size:size",
    name="size",
    help="Leverage and size from liquidity: what it costs to get out, calm and under stress.",
)
app.command(
    "seawall.cli.carry:carry",
    name="carry",
    help="Fees, funding and slippage over time: the price at which a trade is really flat.",
)
app.command(
    "seawall.cli.cascade:cascade",
    name="cascade",
    help="A crash in a whole market, where liquidations move the price and liquidate others.",
)
app.command(
    "seawall.cli.crises:crises",
    name="crises",
    help="The crises of the past with your account in them, in every mode, under every rulebook.",
)
app.command(
    "seawall.cli.vet:vet",
    name="vet",
    help="How good a venue is: spread, depth, slippage and resilience, in calm and in storm.",
)
app.command(
    "seawall.cli.deleveraging:deleveraging",
    name="deleveraging",
    help="Deleveraging policies side by side: what each takes from winners, and from whom.",
)
app.command(
    "seawall.cli.compare_rules:compare_rules",
    name="compare-rules",
    help="Run one journal under two rulebooks: where they part, and what each leaves.",
)


def main() -> None:
    """Run the command line of the process; exit status 2 for input that cannot be used."""
    try:
        app()
        sys.stdout.flush()
    except OSError as error:
        if error.errno not in (errno.EPIPE, errno.ENOSPC) or error.filename is not None:
            raise
        # A reader such as head that has all it wanted, or a full device: nothing can be written.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if error.errno == errno.ENOSPC:
            print(f"seawall: standard output: {error.strerror}", file=sys.stderr)
        raise SystemExit(1) from None
    except CycloptsError as error:
        # An option that cannot be used ends as every other bad input does: in one line.
        cause = error.__cause__
        message = str(cause) if isinstance(cause, SeawallError) else str(error)
        print(
            ": ".join(
                [" ".join(["seawall", *(error.command_chain or ())]), " ".join(message.split())]
            ),
            file=sys.stderr,
        )
        raise SystemExit(2) from None
