"""Whole flows of real clients against a local venue, each client in an environment of its own.

    python -m tests.conformance.hyperliquid.clients [CLIENT ...]

Installs a client from its package registry, starts ``seawall up`` (and ``seawall proxy`` for hosts
that are fixed), and lets the client connect, warm up from history, trade, reconcile, be liquidated
and reconnect after a restart. A client that cannot be installed is skipped with the reason. Exit
status 1 if one fails.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.conformance.hyperliquid.clients.environments import CannotInstall
from tests.conformance.hyperliquid.clients.flows import FLOWS
from tests.conformance.hyperliquid.clients.venue import LocalVenue


def run(name: str) -> bool:
    """Whether the client got through, or was skipped."""
    started = time.monotonic()

    def report(step: str, detail: Any) -> None:
        print(f"{name:24} {time.monotonic() - started:6.1f} s  {step}: {detail}", flush=True)

    with tempfile.TemporaryDirectory() as folder:
        venue = LocalVenue(Path(folder))
        try:
            FLOWS[name](venue, report)
        except CannotInstall as reason:
            print(f"{name:24} skipped: {reason}", flush=True)
        except Exception as error:  # the other clients still run
            print(f"{name:24} FAILED: {type(error).__name__}: {error}", flush=True)
            return False
        finally:
            venue.close()
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("clients", nargs="*", metavar="CLIENT", help=", ".join(FLOWS))
    chosen = parser.parse_args().clients or list(FLOWS)
    unknown = [name for name in chosen if name not in FLOWS]
    if unknown:
        parser.error(f"unknown client {unknown[0]!r}; known: {', '.join(FLOWS)}")
    failed = [name for name in chosen if not run(name)]
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
