"""What a proxy that is ready says about itself: where it is, and what to paste for each client."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from seawall.sandbox.certificates import Certificate
from seawall.venues.registry import wire_of
from seawall.venues.venue import Front, Snippet

NODE_HOSTS = Path(__file__).parent / "node_hosts.cjs"


def proxy_object(venue: str, url: str, port: int, certificate: Certificate) -> dict[str, Any]:
    """The plain object for programs."""
    front = _front(url, port, certificate)
    return {
        **front._asdict(),
        "hosts": wire_of(venue).hosts,
        "until": certificate.ends.isoformat(),
        "environment": {each.client: each.code for each in _clients(venue, front)},
    }


def proxy_text(venue: str, url: str, port: int, certificate: Certificate) -> str:
    """The text for people."""
    front = _front(url, port, certificate)
    lines = [
        "",
        f"  proxy      {front.proxy}, which takes TLS on the same port",
        *(f"  host       {host} -> {url}" for host in wire_of(venue).hosts),
        "  others     refused: nothing leaves this computer",
        f"  trust      {front.authority} (to {certificate.ends:%Y-%m-%d}; its key was not kept)",
    ]
    for each in _clients(venue, front):
        lines += ["", f"  # {each.client}", "", each.code.rstrip()]
    return "\n".join([*lines, "", "  Ctrl-C stops it.", ""])


def _front(url: str, port: int, certificate: Certificate) -> Front:
    url = url.rstrip("/")
    websocket = url.replace("http://", "ws://", 1) + "/ws"
    proxy = f"http://127.0.0.1:{port}"
    return Front(proxy, url, websocket, str(certificate.authority), str(NODE_HOSTS))


def _clients(venue: str, front: Front) -> Sequence[Snippet]:
    return wire_of(venue).proxied_clients(front)
