"""``seawall proxy``: the hosts of the real venue, answered from a venue on this computer."""

import json
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from seawall.cli.run import as_option, refuse
from seawall.domain.errors import SeawallError

if TYPE_CHECKING:
    from seawall.sandbox.certificates import Certificate

PORT = 3443


def proxy(
    *,
    url: str = "http://127.0.0.1:3001",
    port: int = PORT,
    json_: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Let clients whose hosts are fixed trade at a venue that `seawall up` has started here.

    Prints lines to paste before a client is started. The port, on this computer only, is an HTTP
    proxy and takes TLS too; the venue's hosts lead to `--url`, all others are refused. Their
    certificate is made here for 90 days, by an authority whose key is not kept. Ctrl-C stops it.

    Parameters
    ----------
    url
        The venue's base URL, on this computer.
    port
        Port to listen on; 0 takes a free one.
    json_
        Print one JSON object instead of text when the proxy is ready.
    """
    from seawall.sandbox.proxy_text import proxy_object, proxy_text
    from seawall.sandbox.tls_proxy import serve_proxy
    from seawall.venues.registry import DEFAULT_VENUE

    def announce(taken: int, certificate: "Certificate") -> None:
        about = (DEFAULT_VENUE, url, taken, certificate)
        print(json.dumps(proxy_object(*about)) if json_ else proxy_text(*about), flush=True)

    try:
        serve_proxy(url, port, DEFAULT_VENUE, announce)
    except SeawallError as error:
        refuse("proxy", as_option(error))
