"""Sending one signed request, and what became of it as far as is known.

Nothing is sent twice. Whatever happens after the first byte could have left is ``Unknown``, unless
the venue has answered in a way that says it did nothing.
"""

import time
from collections.abc import Callable
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

from seawall.venues.gateway_port import Outcome, Refused, Unknown
from seawall.venues.public_api import is_loopback

ANSWER_S = 5.0
LONGEST_REASON = 300
_LONGEST_ANSWER = 2**16
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


class Sender:
    """Posts to one URL. ``outcome_of``: what a status and a body say; ``timeout_s``: for the whole
    of an answer."""

    def __init__(
        self, url: str, outcome_of: Callable[[int, bytes], Outcome], timeout_s: float = ANSWER_S
    ) -> None:
        self._url, self._outcome_of = url, outcome_of
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
            # A redirect would carry what is signed elsewhere.
            async with self._session.post(
                self._url, data=data, headers=headers, allow_redirects=False
            ) as answer:
                return self._outcome_of(answer.status, await _whole(answer))
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
    return (str(error) or type(error).__name__)[:LONGEST_REASON]


def refused_by_status(status: int, raw: bytes) -> Outcome | None:
    """What a status other than success says; None for success."""
    if status == 200:
        return None
    shown = raw[:LONGEST_REASON].decode("utf-8", "replace")
    kind = Refused if status in _REFUSED_STATUSES else Unknown
    return kind(f"HTTP {status}: {shown}")
