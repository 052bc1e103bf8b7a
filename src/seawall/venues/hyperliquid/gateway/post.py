"""Sending one signed action, and what became of it as far as is known.

Nothing is sent twice. Whatever happens after the first byte could have left is ``Unknown``, unless
the venue has answered in a way that says it did nothing.
"""

import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
from aiohttp import (
    ClientConnectorError,
    ClientError,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    ConnectionTimeoutError,
)
from msgspec import UNSET, Raw, Struct, UnsetType

from seawall.venues.gateway_port import Accepted, Outcome, Refused, Unknown
from seawall.venues.public_api import is_loopback

ANSWER_S = 5.0
_LONGEST_ANSWER = 2**16
_LONGEST_REASON = 300
_REFUSED_STATUSES = (400, 401, 403, 404, 405, 413, 415, 422, 429)
"""The venue, or what stands before it, has looked at the request and not taken it."""


class Nonces:
    """Numbers that no two actions of a key share, near the time. ``clock``: ns since 1970."""

    def __init__(self, clock: Callable[[], int] = time.time_ns) -> None:
        self._clock = clock
        self._last = 0

    def next(self) -> int:
        """Milliseconds since 1970, or one more than the last."""
        self._last = max(self._last + 1, self._clock() // 1_000_000)
        return self._last


class _Resting(Struct):
    oid: int


class _Filled(Struct, rename="camel"):
    oid: int
    total_sz: str
    avg_px: str


class _Status(Struct):
    resting: _Resting | UnsetType = UNSET
    filled: _Filled | UnsetType = UNSET
    error: str | UnsetType = UNSET


class _Data(Struct):
    statuses: list[_Status | str]


class _Response(Struct):
    type: str = ""
    data: _Data | UnsetType = UNSET


class _Answer(Struct):
    status: str
    response: Raw


class Sender:
    """Posts to the ``/exchange`` of a base URL. ``timeout_s``: for the whole of an answer."""

    def __init__(self, url: str, timeout_s: float = ANSWER_S) -> None:
        self._url = url.rstrip("/") + "/exchange"
        self._timeout = ClientTimeout(total=timeout_s)
        self._timeout_s = timeout_s
        self._session: ClientSession | None = None

    async def send(self, body: dict[str, Any]) -> Outcome:
        """What became of one request."""
        if self._session is None:
            # A proxy of the network cannot reach this computer.
            through_proxy = not is_loopback(self._url)
            self._session = ClientSession(timeout=self._timeout, trust_env=through_proxy)
        data = msgspec.json.encode(body)
        headers = {"Content-Type": "application/json"}
        try:
            # A redirect would carry a signed action elsewhere.
            async with self._session.post(
                self._url, data=data, headers=headers, allow_redirects=False
            ) as answer:
                return _outcome(answer.status, await _whole(answer))
        except (ClientConnectorError, ConnectionTimeoutError) as error:
            return Refused(f"not sent: {_words(error)}", was_sent=False)
        except TimeoutError:
            return Unknown(f"no answer within {self._timeout_s:g} s")
        except (ClientError, OSError) as error:
            return Unknown(f"the connection was lost: {_words(error)}")

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None


async def _whole(answer: ClientResponse) -> bytes:
    """The body up to its end; of one that is too long to be an answer, the beginning."""
    pieces: list[bytes] = []
    async for piece in answer.content.iter_any():
        pieces.append(piece)
        if sum(map(len, pieces)) > _LONGEST_ANSWER:
            break
    return b"".join(pieces)


def _words(error: Exception) -> str:
    return (str(error) or type(error).__name__)[:_LONGEST_REASON]


def _outcome(status: int, raw: bytes) -> Outcome:
    """What an answer of HTTP says."""
    shown = raw[:_LONGEST_REASON].decode("utf-8", "replace")
    if status in _REFUSED_STATUSES:
        return Refused(f"HTTP {status}: {shown}")
    if status != 200:
        return Unknown(f"HTTP {status}: {shown}")
    try:
        answer = msgspec.json.decode(raw, type=_Answer)
        if answer.status == "err":
            return Refused(str(msgspec.json.decode(answer.response))[:_LONGEST_REASON])
        if answer.status != "ok":
            return Unknown(f"the answer cannot be read: {shown}")
        return _of_response(msgspec.json.decode(answer.response, type=_Response), shown)
    except (msgspec.MsgspecError, UnicodeDecodeError, ArithmeticError):
        return Unknown(f"the answer cannot be read: {shown}")


def _of_response(response: _Response, shown: str) -> Outcome:
    """The outcome of the one part of an action that was taken."""
    if response.data is UNSET:
        return Accepted()
    if len(response.data.statuses) != 1:
        return Unknown(f"the answer is not about one order: {shown}")
    status = response.data.statuses[0]
    if isinstance(status, str):
        return Accepted("resting" if status.startswith("waiting") else "")
    if status.error is not UNSET:
        return Refused(status.error[:_LONGEST_REASON])
    if status.resting is not UNSET:
        return Accepted("resting", status.resting.oid)
    if status.filled is not UNSET:
        filled = status.filled
        return Accepted("filled", filled.oid, Decimal(filled.total_sz), Decimal(filled.avg_px))
    return Unknown(f"the answer cannot be read: {shown}")
