"""The answers about an account, found in what a tool saved around them.

One answer alone (``clearinghouseState``), several under their names, one for each dex as a mapping
or as pairs, ``webData2``, ``subAccounts`` and ``subAccounts2``, the envelopes of the websocket and
of ``post``, and what client libraries put around a raw answer (``info``). Each part stays raw JSON
with its path, so that errors name the field where it stands.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Raw, Struct

from seawall.venues.raw_json import VenueDataError, decode

_DEEPEST = 8
"""Envelopes in envelopes; more is no answer of a venue."""
_STATES = (
    "clearinghouseState", "clearinghouseStates", "dexToClearinghouseState",
    "allDexsClearinghouseState",
)  # fmt: skip
_SPOT = ("spotClearinghouseState", "spotState")
_ABSTRACTION = ("abstraction", "userAbstraction")
_ORDERS = ("openOrders", "frontendOpenOrders")
_RECORDED = ("recorded", "recordedAt", "captured")
_AROUND = ("data", "info", "response", "payload")
"""Keys that hold an answer where nothing beside them is one."""
_READ = {*_STATES, *_SPOT, *_ABSTRACTION, *_ORDERS, *_RECORDED, "activeAssetData", "metas", "meta"}
_BESIDE = {
    "id", "source", "note", "notes", "inferred_from", "taken", "absent", "name", "user", "dex",
    "subAccountUser", "master", "time", "serverTime", "type", "channel", "isVault", "prices",
    "assetCtxs", "spotAssetCtxs", "perpsAtOpenInterestCap", "twapStates", "agentAddress",
    "address",
}  # fmt: skip
"""Keys beside the answers that say nothing about what an account owns."""
_MAIN_NAMES = ("", "main", "default")
_SEPARATOR = re.compile(r"[-_.]")
"""Between the name of an answer and that of a dex or coin, in the name of a file."""


class Part(Struct, frozen=True):
    """One answer. ``path``: where it stands, empty for the whole text."""

    path: str
    raw: bytes


class DexPart(Struct, frozen=True):
    """The answer to ``clearinghouseState`` of one dex; the main one has an empty name."""

    dex: str
    part: Part


class Document(Struct, frozen=True, kw_only=True):
    """All answers about one account.

    ``name``: of a sub-account. ``abstraction``: what ``userAbstraction`` answered; None for null or
    nothing. ``metas``: the answer to ``meta`` by dex. ``recorded``: the moment that the file says.
    ``inferred_from``: the coin from whose liquidation price the file says its balance is inferred.
    ``taken``: ms after the first request, by request. ``absent``: requests that had no answer.
    ``unread``: keys that hold something which is not read.
    """

    states: tuple[DexPart, ...]
    name: str = ""
    spot: Part | None = None
    abstraction: str | None = None
    orders: Part | None = None
    active: Part | None = None
    metas: Mapping[str, Part] = {}
    recorded: str | None = None
    inferred_from: str = ""
    taken: Mapping[str, float] = {}
    absent: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()


def documents_of(raw: bytes) -> tuple[Document, ...]:
    """The accounts of a text: one, or each sub-account of a list. Raises VenueDataError."""
    decode(Raw, raw)
    return tuple(_documents(Part("", raw), _DEEPEST))


def joined_files(files: Mapping[str, bytes]) -> bytes:
    """One text of the files of a folder, by name: each is an answer named by its file.

    ``clearinghouseState_xyz.json`` is that of the dex xyz, ``activeAssetData_BTC.json`` that of a
    coin. Raises VenueDataError for a file that is not JSON, and without any state.
    """
    fields: dict[str, Any] = {}
    by_name: dict[str, dict[str, Raw]] = {}
    for name, raw in sorted(files.items()):
        kind, _, part = _SEPARATOR.sub("_", name.removesuffix(".json"), count=1).partition("_")
        kind = "metas" if kind == "meta" else kind
        try:
            value = decode(Raw, raw)
        except VenueDataError as error:
            raise VenueDataError(f"{name}: {error}") from None
        if kind in ("clearinghouseState", "metas"):
            by_name.setdefault(kind, {})[_dex_name(part)] = value
        elif kind == "activeAssetData" and part:
            by_name.setdefault(kind, {})[part] = value
        elif kind in _ORDERS:
            fields["openOrders"] = [*fields.get("openOrders", ()), *(_rows(raw) or ())]
        elif kind in _READ:
            fields[kind] = value
    # The main dex, whose name is empty, comes first.
    fields |= {kind: dict(sorted(each.items())) for kind, each in by_name.items()}
    if not any(name in fields for name in _STATES):
        raise VenueDataError(
            "no file clearinghouseState.json; the folder should hold the answers about one account,"
            " each in a file of its name"
        )
    return msgspec.json.encode(fields)


def _documents(part: Part, depth: int) -> list[Document]:
    part = _unwrapped(part, depth)
    rows = _rows(part.raw)
    if rows is not None:
        return _of_list(part, rows, depth)
    fields = _fields(part.raw)
    if fields is None or "assetPositions" in fields or not _READ.intersection(fields):
        # Also what is no account: reading the state says which field is missing.
        return [Document(states=(DexPart("", part),))]
    if "webData2" in fields:
        return _documents(_inside(part, "webData2", fields), depth - 1)
    return [_of_fields(part, fields)]


def _of_fields(part: Part, fields: Mapping[str, Raw]) -> Document:
    states: list[DexPart] = []
    for name in _STATES:
        if _has(fields, name):
            states += _states(_inside(part, name, fields), _text(fields, "dex") or "")
    if not states:
        raise VenueDataError("clearinghouseState: missing; it lists the positions of the account")
    metas: dict[str, Part] = {}
    if _has(fields, "metas"):
        inner = _inside(part, "metas", fields)
        by_dex = decode(dict[str, Raw], inner.raw, inner.path)
        metas = {dex: Part(f"{inner.path}.{dex}", bytes(each)) for dex, each in by_dex.items()}
    if _has(fields, "meta"):
        metas.setdefault("", _inside(part, "meta", fields))
    taken = decode(dict[str, float], bytes(fields["taken"])) if _has(fields, "taken") else {}
    absent = decode(tuple[str, ...], bytes(fields["absent"])) if _has(fields, "absent") else ()
    return Document(
        name=_text(fields, "name") or "",
        states=tuple(states),
        spot=_first(part, fields, _SPOT),
        abstraction=next(filter(None, (_text(fields, each) for each in _ABSTRACTION)), None),
        orders=_first(part, fields, _ORDERS),
        active=_first(part, fields, ("activeAssetData",)),
        metas=metas,
        recorded=next(filter(None, (_text(fields, each) for each in _RECORDED)), None),
        inferred_from=_text(fields, "inferred_from") or "",
        taken=taken,
        absent=absent,
        unread=tuple(
            name for name in fields if name not in _READ | _BESIDE and _holds(bytes(fields[name]))
        ),
    )


def _of_list(part: Part, rows: Sequence[Raw], depth: int) -> list[Document]:
    """Positions, states by dex, states, or sub-accounts."""
    inner = [
        _unwrapped(Part(f"{part.path}[{index}]", bytes(row)), depth)
        for index, row in enumerate(rows)
    ]
    shapes = [_fields(each.raw) for each in inner]
    if not inner:
        raise VenueDataError("the list is empty; it should hold the state of an account")
    if all(_is_pair(each.raw) for each in inner):
        return [Document(states=tuple(_states(part, "")))]
    if all(shape is not None and "position" in shape for shape in shapes):
        return [Document(states=tuple(_states_of_positions(inner)))]
    if all(shape is not None and "assetPositions" in shape for shape in shapes):
        return [Document(states=tuple(DexPart("", each) for each in inner))]
    together = _together(inner, shapes)
    if together is not None:
        return [_of_fields(Part(part.path, b""), together)]
    return [each for one in inner for each in _documents(one, depth - 1)]


def _together(
    inner: Sequence[Part], shapes: Sequence[Mapping[str, Raw] | None]
) -> dict[str, Raw] | None:
    """A list of different answers about one account as if each had its name; None for any other."""
    fields: dict[str, Raw] = {}
    for part, shape in zip(inner, shapes, strict=True):
        if shape is None:
            word = part.raw.strip()
            named = {"abstraction": Raw(word)} if word[:1] == b'"' else None
        elif "assetPositions" in shape:
            named = {"clearinghouseState": Raw(part.raw)}
        elif "balances" in shape:
            named = {"spotClearinghouseState": Raw(part.raw)}
        else:
            named = {name: shape[name] for name in shape if name in _READ} or None
        if named is None or fields.keys() & named.keys():
            return None
        fields |= named
    return fields if len(inner) > 1 else None


def _states(part: Part, dex: str) -> list[DexPart]:
    """One state, or one for each dex: a mapping, or pairs of name and state."""
    part = _unwrapped(part, _DEEPEST)
    rows = _rows(part.raw)
    if rows is not None:
        found = []
        for index, row in enumerate(rows):
            path = f"{part.path}[{index}]"
            if _is_pair(bytes(row)):
                name, state = decode(tuple[str, Raw], bytes(row), path)
                found.append(DexPart(_dex_name(name), Part(f"{path}[1]", bytes(state))))
            else:
                found.append(DexPart(dex, Part(path, bytes(row))))
        return found
    fields = _fields(part.raw) or {}
    if any(name in fields for name in _STATES):
        dex = _text(fields, "dex") or dex
        named = [name for name in _STATES if _has(fields, name)]
        return [each for name in named for each in _states(_inside(part, name, fields), dex)]
    is_mapping = bool(fields) and "assetPositions" not in fields
    if is_mapping and all(_is_state(each) for each in fields.values()):
        return [DexPart(_dex_name(name), _inside(part, name, fields)) for name in fields]
    return [DexPart(dex, part)]


def _states_of_positions(rows: Sequence[Part]) -> list[DexPart]:
    """Positions alone, as clients list them: a state without totals for each dex."""
    by_dex: dict[str, list[Raw]] = {}
    for row in rows:
        position = _fields(bytes((_fields(row.raw) or {})["position"])) or {}
        coin = _text(position, "coin") or ""
        by_dex.setdefault(coin.rpartition(":")[0], []).append(Raw(row.raw))
    return [
        DexPart(dex, Part("", msgspec.json.encode({"assetPositions": each})))
        for dex, each in by_dex.items()
    ]


def _unwrapped(part: Part, depth: int) -> Part:
    """Without envelopes around it. Raises VenueDataError for too many."""
    fields = _fields(part.raw)
    if fields is None or _READ.intersection(fields) or "assetPositions" in fields:
        return part
    if "position" in fields:
        return part
    for name in _AROUND:
        if name in fields and _holds(bytes(fields[name])):
            if depth <= 0:
                raise VenueDataError(f"{part.path}: envelopes in envelopes; give the answer itself")
            return _unwrapped(_inside(part, name, fields), depth - 1)
    return part


def _inside(part: Part, name: str, fields: Mapping[str, Raw]) -> Part:
    return Part(f"{part.path}.{name}".lstrip("."), bytes(fields[name]))


def _first(part: Part, fields: Mapping[str, Raw], names: Sequence[str]) -> Part | None:
    name = next((each for each in names if _has(fields, each)), None)
    return None if name is None else _unwrapped_spot(_inside(part, name, fields))


def _unwrapped_spot(part: Part) -> Part:
    """The part inside the websocket's envelope, which repeats the part's name."""
    fields = _fields(part.raw) or {}
    for name in ("data", "spotState", "orders"):
        if name in fields and "balances" not in fields:
            return _unwrapped_spot(_inside(part, name, fields))
    return part


def _has(fields: Mapping[str, Raw], name: str) -> bool:
    return name in fields and bytes(fields[name]).strip() != b"null"


def _text(fields: Mapping[str, Raw], name: str) -> str | None:
    """The text under a key; None for null, nothing and what is no text."""
    try:
        return msgspec.json.decode(fields[name], type=str | None) if name in fields else None
    except msgspec.MsgspecError:
        return None


def _fields(raw: bytes) -> dict[str, Raw] | None:
    try:
        return msgspec.json.decode(raw, type=dict[str, Raw])
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def _rows(raw: bytes) -> list[Raw] | None:
    try:
        return msgspec.json.decode(raw, type=list[Raw])
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def _is_pair(raw: bytes) -> bool:
    rows = _rows(raw)
    return rows is not None and len(rows) == 2 and bytes(rows[0]).lstrip().startswith(b'"')


def _is_state(raw: Raw) -> bool:
    fields = _fields(bytes(raw))
    return fields is not None and ("assetPositions" in fields or "marginSummary" in fields)


def _holds(raw: bytes) -> bool:
    """Whether a value is an object or a list that is not empty."""
    text = raw.strip()
    return text[:1] in (b"{", b"[") and text not in (b"{}", b"[]")


def _dex_name(name: str) -> str:
    return "" if name in _MAIN_NAMES else name
