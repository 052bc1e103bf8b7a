"""What the venue's answer to one signed action says became of it."""

from decimal import Decimal

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from seawall.venues.gateway_port import Accepted, Outcome, Refused, Unknown
from seawall.venues.sender import LONGEST_REASON, refused_by_status


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


def outcome_of(status: int, raw: bytes) -> Outcome:
    """What an answer of HTTP says."""
    if (refused := refused_by_status(status, raw)) is not None:
        return refused
    shown = raw[:LONGEST_REASON].decode("utf-8", "replace")
    try:
        answer = msgspec.json.decode(raw, type=_Answer)
        if answer.status == "err":
            return Refused(str(msgspec.json.decode(answer.response))[:LONGEST_REASON])
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
        return Refused(status.error[:LONGEST_REASON])
    if status.resting is not UNSET:
        return Accepted("resting", status.resting.oid)
    if status.filled is not UNSET:
        filled = status.filled
        return Accepted("filled", filled.oid, Decimal(filled.total_sz), Decimal(filled.avg_px))
    return Unknown(f"the answer cannot be read: {shown}")
