"""The ``seawall`` command. Commands are named by import path and loaded when called, so that
starting one does not import what the others need."""

import errno
import logging
import os
import sys

from cyclopts import App, CycloptsError

from seawall.cli.start import INTERRUPTED

app = App(
    name="seawall",
    help="Trade leveraged perpetual futures without blowing up.",
    exit_on_error=False,
    print_error=False,
)

COMMANDS = {
    "up": "Start a venue on this computer: living books, funded accounts, full control.",
    "control": "Steer a running venue: prices, oracle, liquidity, time, accounts.",
    "proxy": "Let clients whose hosts are fixed trade at a venue on this computer.",
    "terminal": "Play a recorded rehearsal in the terminal: its pool, its buckets, its book.",
    "check": "Verify a venue's folder, every file and what links them, and say what to do.",
    "backup": "Copy a venue's folder consistently, while it runs or not.",
    "explain": "Show the margin and the liquidation prices of a real account, step by step.",
    "rehearse": "Take an account through a crash: what is liquidated, when, and what is left.",
    "stress": "Shock an account: what each move costs, and the smallest one that liquidates it.",
    "compare": "The same positions cross, isolated and hybrid on the same paths: which, and why.",
    "paths": "Thousands of price paths: how likely a liquidation is, when, and at which leverage.",
    "ladder": "Ladders of stops and take-profits on the same paths: survival, loss, profit kept.",
    "size": "Leverage and size from liquidity: what it costs to get out, calm and under stress.",
    "carry": "Fees, funding and slippage over time: the price at which a trade is really flat.",
    "options": "Perpetuals and options in one portfolio: margin, hedges, and what liquidates.",
    "cascade": "A crash in a whole market, where liquidations move the price and liquidate others.",
    "crises": "The crises of the past with your account in them: every mode, every rulebook.",
    "oracle": "Which moves liquidate on the published price, not on the true one, or the reverse.",
    "keepers": "Who liquidates an account on chain, at what price, and when none does.",
    "frontrun": "What a searcher that acts first takes: from a liquidation, a pool, time, stops.",
    "vet": "How good a venue is: spread, depth, slippage and resilience, in calm and in storm.",
    "deleveraging": "Deleveraging policies side by side: what each takes from winners, from whom.",
    "guard": "Protect an account by a policy that was decided before: check it, here.",
    "compare-rules": "Run one journal under two rulebooks: where they part, and what each leaves.",
}
"""What each is for; its function has its name, in a file of that name."""

for _name, _help in COMMANDS.items():
    _file = _name.replace("-", "_")
    app.command(f"seawall.cli.{_file}:{_file}", name=_name, help=_help)


def main() -> None:
    """Run the command line of the process; exit status 2 for input that cannot be used."""
    try:
        announce_compiling()
        try:
            app()
        finally:
            # Here and not at the end of the interpreter, where a failure cannot be handled.
            sys.stdout.flush()
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None
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
        command = " ".join(["seawall", *(error.command_chain or ())])
        print(f"{command}: {' '.join(str(error).split())}", file=sys.stderr)
        raise SystemExit(2) from None


class _Notices(logging.Handler):
    """Prints to standard error as it is at that moment."""

    def emit(self, record: logging.LogRecord) -> None:
        print(f"seawall: {record.getMessage()}", file=sys.stderr, flush=True)


def announce_compiling() -> None:
    """Have it said on standard error when the engine is compiled: a pipe or a log would be silent
    for a minute."""
    log = logging.getLogger("seawall.engine.compile")
    if not log.handlers:
        log.addHandler(_Notices())
        log.setLevel(logging.INFO)
        log.propagate = False
