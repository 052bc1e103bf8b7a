"""``seawall terminal``: a recorded rehearsal, played in the terminal."""

import json
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from seawall.cli.run import as_option, refuse
from seawall.domain.errors import SeawallError


def terminal(
    recording: Path,
    /,
    *,
    host: str = "127.0.0.1",
    port: int = 3002,
    json_: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Play a recorded rehearsal in the terminal: its pool, its buckets, its book.

    The terminal of a running venue is that of `seawall up`. Ctrl-C stops it. Exit status 2 for
    input that cannot be used.

    Parameters
    ----------
    recording
        A journal, such as of `seawall rehearse --journal FILE`.
    host
        Address to listen on.
    port
        Port to listen on; 0 takes a free one.
    json_
        Print one JSON object instead of text when the page is ready.
    """
    from seawall.terminal.app import HOW_TO_GET_IT, is_built
    from seawall.terminal.recording import Recording
    from seawall.terminal.serve import serve

    def announce(url: str) -> None:
        if json_:
            print(json.dumps({"url": url, "recording": str(recording)}), flush=True)
            return
        print(f"\n  terminal   {url}   plays {recording}", flush=True)
        if not is_built():
            print(f"  It has {HOW_TO_GET_IT}.", flush=True)
        print("  Ctrl-C stops it.\n", flush=True)

    try:
        serve(lambda: Recording(recording), host, port, announce)
    except SeawallError as error:
        refuse("terminal", as_option(error))
