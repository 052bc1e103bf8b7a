"""``POST /exchange``: shape, signature, signer, nonce, then the action itself.

Malformed and unknown requests are HTTP 422 with plain text; everything that is understood is HTTP
200, with ``status`` ``ok`` or ``err``.
"""

import time
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from seawall.venues.hyperliquid.directory.directory import VenueDirectory
from seawall.venues.hyperliquid.exchange import account, changes, orders, transfers, twap
from seawall.venues.hyperliquid.exchange import action_types as shape
from seawall.venues.hyperliquid.exchange.request import (
    Answer,
    BatchRefusal,
    Request,
    answer,
    failure,
    statuses,
)
from seawall.venues.hyperliquid.limits import CANCELS, VENUE, Quotas, only_reduces
from seawall.venues.hyperliquid.wire.error_texts import EMPTY_BATCH, NO_SIGNER, UNPROCESSABLE
from seawall.venues.hyperliquid.wire.signing import (
    SOURCES,
    USER_SIGNED,
    SignatureError,
    action_hash,
    recover_connection,
    recover_user_signed,
)
from seawall.venues.hyperliquid.wire.values import WireError, parse_address
from seawall.venues.port import Desk, Refusal

BUSY = "busy"
"""The host's reason for work it has no room for; on the wire HTTP 429 with ``null``."""

Handler = Callable[[Request, Any], Awaitable[Answer]]
ACTIONS: dict[str, tuple[Any, Handler]] = {
    "order": (shape.Order, orders.order),
    "cancel": (shape.Cancel, changes.cancel),
    "cancelByCloid": (shape.CancelByCloid, changes.cancel_by_cloid),
    "modify": (shape.Modify, changes.modify),
    "batchModify": (shape.BatchModify, changes.batch_modify),
    "updateLeverage": (shape.UpdateLeverage, account.update_leverage),
    "updateIsolatedMargin": (shape.UpdateIsolatedMargin, account.update_isolated_margin),
    "topUpIsolatedOnlyMargin": (shape.TopUp, account.top_up),
    "scheduleCancel": (shape.ScheduleCancel, account.schedule_cancel),
    "twapOrder": (shape.TwapOrder, twap.place),
    "twapCancel": (shape.TwapCancel, twap.cancel),
    "usdSend": (shape.UsdSend, transfers.usd_send),
    "spotSend": (shape.SpotSend, transfers.spot_send),
    "withdraw3": (shape.Withdraw, transfers.withdraw),
    "usdClassTransfer": (shape.UsdClassTransfer, transfers.usd_class_transfer),
    "sendAsset": (shape.SendAsset, transfers.send_asset),
    "createSubAccount": (shape.CreateSubAccount, account.create_sub_account),
    "subAccountModify": (shape.SubAccountModify, account.modify_sub_account),
    "subAccountTransfer": (shape.SubAccountTransfer, transfers.sub_account_transfer),
    "subAccountSpotTransfer": (
        shape.SubAccountSpotTransfer,
        transfers.sub_account_spot_transfer,
    ),
    "approveAgent": (shape.ApproveAgent, account.approve_agent),
    "approveBuilderFee": (shape.ApproveBuilderFee, account.approve_builder_fee),
    "setReferrer": (shape.Code, account.set_referrer),
    "registerReferrer": (shape.Code, account.register_referrer),
    "noop": (shape.Nothing, account.noop),
    "reserveRequestWeight": (shape.ReserveRequestWeight, account.reserve_weight),
    "claimRewards": (shape.Nothing, account.claim_rewards),
    "userSetAbstraction": (shape.UserSetAbstraction, account.set_abstraction),
    "agentSetAbstraction": (shape.AgentSetAbstraction, account.set_abstraction),
}
"""Every action on offer. Any other type is answered as the venue answers an unknown one."""


async def handle_exchange(desk: Desk, body: bytes, quotas: Quotas = VENUE) -> tuple[int, Any]:
    """(HTTP status, answer) of a request body; a plain ``str`` goes out as text, not as JSON."""
    try:
        payload = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return 422, UNPROCESSABLE
    return await handle_payload(desk, payload, quotas)


async def handle_payload(desk: Desk, payload: Any, quotas: Quotas = VENUE) -> tuple[int, Any]:
    """The same for a decoded request, whose objects are dicts in received key order."""
    try:
        envelope: shape.Envelope = shape.shaped(shape.Envelope, payload)
        name = envelope.action.get("type")
        if not isinstance(name, str) or name not in ACTIONS:
            return 422, UNPROCESSABLE
        kind, handler = ACTIONS[name]
        action = shape.shaped(kind, envelope.action)
        vault = parse_address(envelope.vault_address) if envelope.vault_address else None
    except (shape.ShapeError, WireError):
        return 422, UNPROCESSABLE
    try:
        request = signed_request(desk, envelope, name, vault, quotas)
        return 200, await handler(request, action)
    except SignatureError:
        return 200, failure(NO_SIGNER)
    except BatchRefusal as refusal:
        return 200, _refused_batch(name, refusal.reason)
    except Refusal as refusal:
        if refusal.reason == BUSY:
            return 429, None
        return 200, failure(refusal.reason or EMPTY_BATCH)
    except (shape.ShapeError, WireError):
        return 422, UNPROCESSABLE


def signed_request(
    desk: Desk, envelope: shape.Envelope, name: str, vault: str | None, quotas: Quotas
) -> Request:
    """The request with its possible signers. Raises SignatureError and Refusal.

    A readable message carries its nonce inside as well; sub-account and expiry are not for it.
    """
    action, nonce = envelope.action, envelope.nonce
    wall_ms = time.time_ns() // 1_000_000
    if name in USER_SIGNED:
        inside = action.get("time", action.get("nonce"))
        if inside != nonce:
            raise Refusal(f"Invalid nonce: {nonce} outside and {inside} inside of the action")
        signer = recover_user_signed(action, envelope.signature)
        return Request(desk, (signer,), nonce, None, None, wall_ms, True, quotas=quotas)
    expires = envelope.expires_after
    connection = action_hash(action, nonce, vault, expires)
    signers = _signers(desk.directory, connection, envelope.signature)
    return Request(
        desk, signers, nonce, vault, expires, wall_ms, False, name in CANCELS,
        only_reduces(action), quotas,
    )  # fmt: skip


def _signers(directory: VenueDirectory, connection: bytes, signature: Any) -> tuple[str, ...]:
    """Who may have signed. A recovery costs more than the rest of a request: the network that the
    last client named is tried first, and the other one only for a signer that is not known."""
    likely = directory.likely_source
    found = {likely: recover_connection(likely, connection, signature)}
    if directory.is_known(found[likely]):
        return (found[likely],)
    for source in SOURCES:
        if source != likely:
            found[source] = recover_connection(source, connection, signature)
            if directory.is_known(found[source]):
                directory.likely_source = source
    # The official client names "b" anywhere but on mainnet: it is quoted first.
    return tuple(found[source] for source in sorted(found, reverse=True))


def _refused_batch(name: str, text: str) -> Answer:
    if name.startswith("twap"):
        return answer(name, {"status": {"error": text}})
    return statuses("order", [{"error": text}])
