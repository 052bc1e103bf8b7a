"""Requests as bytes: for what no well-behaved client sends, and for what must stay exact."""

import json
import urllib.error
import urllib.request
from typing import Any

TIMEOUT = 120.0


def post(url: str, path: str, body: bytes | Any, kind: str = "application/json") -> tuple[int, str]:
    """POST bytes, or anything else as JSON; the HTTP status and the text of the answer."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(url + path, data, {"Content-Type": kind}, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refusal:
        return refusal.code, refusal.read().decode()


def info(url: str, kind: str, **fields: Any) -> Any:
    """The answer to an information request, which must succeed."""
    status, text = post(url, "/info", {"type": kind, **fields})
    assert status == 200, (kind, fields, status, text)
    return json.loads(text)


def envelope(
    action: Any, nonce: Any, signature: Any, vault: str | None = None, expires: int | None = None
) -> dict[str, Any]:
    """What the official client posts."""
    return {
        "action": action,
        "nonce": nonce,
        "signature": signature,
        "vaultAddress": vault,
        "expiresAfter": expires,
    }


def post_exchange(
    url: str,
    action: Any,
    nonce: Any,
    signature: Any,
    vault: str | None = None,
    expires: int | None = None,
) -> tuple[int, Any]:
    """The HTTP status and the decoded answer of an action."""
    status, text = post(url, "/exchange", envelope(action, nonce, signature, vault, expires))
    try:
        return status, json.loads(text)
    except ValueError:
        return status, text
