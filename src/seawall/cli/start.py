"""Where the process of ``seawall`` begins: Ctrl-C ends it in silence also while it is loaded."""

INTERRUPTED = 130
"""The exit status that shells give to Ctrl-C."""


def main() -> None:
    """Load the command line and run it."""
    try:
        from seawall.cli.main import main as run

        run()
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None
