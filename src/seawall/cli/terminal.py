"""``seawall terminal``: a recorded rehearsal, or an account of a venue that runs elsewhere."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from seawall.cli.run import as_option, refuse
from seawall.domain.errors import InputError, SeawallError

if TYPE_CHECKING:
    from seawall.terminal.stage import Stage


def terminal(
    source: str,
    /,
    *,
    at: str | None = None,
    guard: Path | None = None,
    host: str = "127.0.0.1",
    port: int = 3002,
    json_: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Show an account by its address, or play a recorded rehearsal: pool, buckets, book.

    Nothing can be traded there. The terminal of a venue that runs here is that of `seawall up`.
    Ctrl-C stops it. Exit status 2 for input that cannot be used.

    Parameters
    ----------
    source
        An address, or a journal such as of `seawall rehearse --journal FILE`.
    at
        Base URL of another API than the venue's own, such as a running sandbox's, for an address.
    guard
        The journal of `seawall guard run` on this account: what is armed, and what it did.
    host
        Address to listen on.
    port
        Port to listen on; 0 takes a free one.
    json_
        Print one JSON object instead of text when the page is ready.
    """
    from seawall.terminal.app import HOW_TO_GET_IT, is_built
    from seawall.terminal.serve import serve

    is_recording = Path(source).exists()

    def announce(url: str) -> None:
        if json_:
            kind = "recording" if is_recording else "address"
            print(json.dumps({"url": url, kind: source}), flush=True)
            return
        does = "plays" if is_recording else "reads"
        print(f"\n  terminal   {url}   {does} {source}", flush=True)
        if not is_built():
            print(f"  It has {HOW_TO_GET_IT}.", flush=True)
        print("  Ctrl-C stops it.\n", flush=True)

    async def stage() -> "Stage":
        if not is_recording:
            return await _read(source, at, guard)
        from seawall.terminal.recording import Recording

        for name, value in (("at", at), ("guard", guard)):
            if value is not None:
                expected = "left out: it belongs to an account that is given by its address"
                raise InputError.of("", name, str(value), expected)
        return Recording(Path(source))

    try:
        serve(stage, host, port, announce)
    except SeawallError as error:
        refuse("terminal", as_option(error))


async def _read(text: str, at: str | None, guard: Path | None) -> "Stage":
    """Raises InputError for what is no address, and for one that cannot be read."""
    from seawall.accounts.load import address_in
    from seawall.terminal.address import open_address

    found = address_in(text)
    if found is None:
        raise InputError(f"SOURCE: {text!r} should be an address, or the file of a recording")
    return await open_address(*found, at, guard)
