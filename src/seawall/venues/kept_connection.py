"""Requests over one HTTP connection that is kept, as a trading client keeps it.

``PublicApi`` opens one for each request, which is right for a few questions and adds the way there
to every one of many.
"""

import http.client
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from seawall.venues.public_api import TIMEOUT_S, PublicApi, PublicApiError

LARGEST_ANSWER = 2**20


class KeptConnection:
    """One API by its base URL. Raises PublicApiError for what is no such URL."""

    def __init__(self, base: str, timeout_s: float = TIMEOUT_S) -> None:
        self.base = PublicApi(base).base
        parts = urlsplit(self.base)
        kind = http.client.HTTPSConnection
        if parts.scheme == "http":
            kind = http.client.HTTPConnection  # type: ignore[assignment]
        self._path = parts.path.rstrip("/")
        self._connection = kind(parts.hostname or "", parts.port, timeout=timeout_s)

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """The answer to a JSON body, decoded. Raises PublicApiError."""
        where = self.base + path
        headers = {"Content-Type": "application/json", "User-Agent": "seawall"}
        try:
            data = json.dumps(body).encode()
            self._connection.request("POST", self._path + path, data, headers)
            answer = self._connection.getresponse()
            raw = answer.read(LARGEST_ANSWER)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            words = str(error) or type(error).__name__
            raise PublicApiError(f"{where}: cannot be reached: {words}") from None
        if answer.status != http.client.OK:
            words = " ".join(raw.decode("utf-8", "replace").split())[:200]
            raise PublicApiError(f"{where}: status {answer.status} {answer.reason}: {words}")
        try:
            return msgspec.json.decode(raw)
        except msgspec.DecodeError:
            shown = raw[:60].decode("utf-8", "replace")
            raise PublicApiError(f"{where}: answers {shown!r}, which is not JSON") from None

    def close(self) -> None:
        """End the connection; the next request opens another."""
        self._connection.close()
