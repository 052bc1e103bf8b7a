"""Requests to a venue's public API: JSON over HTTP, without a key.

No secret is sent. An answer is read up to a limit of
size and of time, redirects are not followed, and everything that goes wrong is one error that names
the address and says what happened.
"""

import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec

from seawall.venues.raw_json import VenueDataError

TIMEOUT_S = 20.0
LARGEST_ANSWER = 32 * 2**20
_PIECE = 2**16
_LONGEST_REASON = 200
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class PublicAnswers(NamedTuple):
    """What a venue says about one account now.

    ``account`` and ``markets`` are its raw answers, as files of them would be. ``prices``: USD by
    coin; ``funding``: fraction of notional an hour that longs pay, by coin.
    """

    account: bytes
    markets: bytes
    prices: Mapping[str, str]
    funding: Mapping[str, float]


class PublicApiError(VenueDataError):
    """An API that cannot be reached or does not answer; names the address."""


class NotFound(PublicApiError):
    """The API answers that what was asked for is not there (status 404)."""


class RequestRefused(PublicApiError):
    """The API answers that it does not take the request (status 400 or 422)."""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


class PublicApi:
    """One API by its base URL. Raises PublicApiError for what is no such URL."""

    def __init__(
        self, base: str, timeout_s: float = TIMEOUT_S, largest_answer: int = LARGEST_ANSWER
    ) -> None:
        self.base = base.rstrip("/")
        self._timeout_s = timeout_s
        self._largest_answer = largest_answer
        _host(base)
        handlers: list[urllib.request.BaseHandler] = [_NoRedirects()]
        self.is_local = is_loopback(base)
        if self.is_local:
            # A proxy of the network cannot reach this computer.
            handlers.append(urllib.request.ProxyHandler({}))
        self._opener = urllib.request.build_opener(*handlers)

    def get(self, path: str) -> bytes:
        """The JSON text at ``path``. Raises PublicApiError."""
        return self._ask(urllib.request.Request(self.base + path), path)

    def post(self, path: str, body: Mapping[str, Any]) -> bytes:
        """The JSON text that answers a JSON body. Raises PublicApiError."""
        data = json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        return self._ask(urllib.request.Request(self.base + path, data, headers), path)

    def _ask(self, request: urllib.request.Request, path: str) -> bytes:
        request.add_header("Accept", "application/json")
        request.add_header("User-Agent", "seawall")
        where = self.base + path
        try:
            with self._opener.open(request, timeout=self._timeout_s) as answer:
                raw = self._read(where, answer)
        except urllib.error.HTTPError as error:
            with error:
                raise _refusal(where, error) from None
        except TimeoutError:
            raise self._late(where) from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            if isinstance(error, VenueDataError):
                raise
            reason = getattr(error, "reason", error)
            if isinstance(reason, TimeoutError):
                raise self._late(where) from None
            words = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
            raise PublicApiError(f"{where}: cannot be reached: {words}") from None
        try:
            msgspec.json.decode(raw, type=msgspec.Raw)
        except msgspec.DecodeError:
            shown = raw[:60].decode("utf-8", "replace")
            raise PublicApiError(f"{where}: answers {shown!r}, which is not JSON") from None
        return raw

    def _read(self, where: str, answer: http.client.HTTPResponse) -> bytes:
        """The whole body; a limit on the whole wait, which a limit on each piece is not."""
        end = time.monotonic() + self._timeout_s
        pieces: list[bytes] = []
        size = 0
        while piece := answer.read1(_PIECE):
            pieces.append(piece)
            size += len(piece)
            if size > self._largest_answer:
                raise PublicApiError(
                    f"{where}: answers more than {self._largest_answer:,} bytes; such an answer "
                    "should be smaller"
                )
            if time.monotonic() > end:
                raise self._late(where)
        if answer.length:
            raise PublicApiError(f"{where}: the answer ends before its time")
        return b"".join(pieces)

    def _late(self, where: str) -> PublicApiError:
        return PublicApiError(f"{where}: no answer within {self._timeout_s:g} seconds")


def is_loopback(url: str) -> bool:
    """Whether a URL is of this computer itself."""
    return urlsplit(url).hostname in _LOOPBACK


def _host(base: str) -> str:
    """Raises PublicApiError unless the text is a plain http(s) URL."""
    try:
        parts = urlsplit(base)
        is_url = parts.scheme in ("http", "https") and bool(parts.hostname)
        is_url = is_url and (parts.port is None or parts.port > 0)
    except ValueError:
        is_url = False
    if not is_url or not base.isprintable() or " " in base:
        raise PublicApiError(f"{base!r} should be a URL such as http://127.0.0.1:3001")
    if parts.username is not None or parts.query or parts.fragment:
        raise PublicApiError(
            f"{parts.scheme}://{parts.hostname}: should be a bare URL, without user, ? or #"
        )
    return parts.hostname or ""


def _refusal(where: str, error: urllib.error.HTTPError) -> PublicApiError:
    """What a status other than success means, with the server's own words where it has some."""
    if 300 <= error.code < 400:
        target = error.headers.get("Location", "elsewhere")
        return PublicApiError(
            f"{where}: status {error.code}, a redirect to {target[:_LONGEST_REASON]}; give the "
            "address that answers itself"
        )
    try:
        text = error.read(_PIECE).decode("utf-8", "replace")
    except (OSError, http.client.HTTPException):
        text = ""
    words = " ".join(text.split())[:_LONGEST_REASON]
    message = f"{where}: status {error.code} {error.reason}" + (f": {words}" if words else "")
    kinds = {400: RequestRefused, 404: NotFound, 422: RequestRefused}
    return kinds.get(error.code, PublicApiError)(message)
