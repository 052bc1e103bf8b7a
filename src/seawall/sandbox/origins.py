"""Which web pages may call a venue: none but its own, unless it answers any origin.

The keys of the test accounts are no secret, so any page that may call the venue may trade with
them. A browser says of which page a request is; programs say nothing and are answered.
"""

import ipaddress
from collections.abc import Awaitable, Callable, Collection
from urllib.parse import urlsplit

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
OWN_ONLY = ("/control/", "/terminal/")
"""Paths that check it themselves, and answer no other origin whatever the rest does."""
_ANY = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "POST, OPTIONS",
    "Access-Control-Allow-Headers": "*",
    "Access-Control-Max-Age": "86400",
}


def is_loopback(text: str | None) -> bool:
    """Whether a host name or an address is this computer's own."""
    if text == "localhost":
        return True
    try:
        address = ipaddress.ip_address((text or "").partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)


def is_own(request: web.Request, hosts: Collection[str] = ()) -> bool:
    """Whether a request is of a program, or of a page that this very server showed.

    A name that leads here but is not this computer's own is another page's: its owner chooses where
    it leads to. A link may lead to ``/``, where nothing is done. ``hosts``: names that ``seawall
    proxy`` stands for; clients that are made for them may write them as their origin.
    """
    origin = request.headers.get("Origin")
    if origin is None:
        # A browser writes no origin for an image, a frame or a link of another page.
        site = request.headers.get("Sec-Fetch-Site", "none")
        return site in ("none", "same-origin") or request.path == "/"
    if origin != "null" and "://" not in origin:
        return True  # no browser writes this
    parts = urlsplit(origin)
    host = parts.hostname or ""
    known = is_loopback(host) or _is_address(host) or host in hosts
    return known and parts.netloc == request.host


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def answering(
    any_origin: bool, hosts: Collection[str] = ()
) -> Callable[..., Awaitable[web.StreamResponse]]:
    """The outermost middleware. ``any_origin``: pages of other origins may call the wire too.

    ``hosts``: as ``is_own`` takes them.
    """

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith(OWN_ONLY) or (not any_origin and is_own(request, hosts)):
            return await handler(request)
        if not any_origin:
            text = "only for pages of this server; see seawall up --any-origin"
            return web.Response(status=403, text=text)
        if request.method == "OPTIONS":
            return web.Response(status=204, headers=_ANY)
        found = await handler(request)
        if not found.prepared:
            found.headers.update(_ANY)
        return found

    return check
