"""Transactions from the bytes that were received: decoded, their signer known, their signature
checked over those very bytes."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from coincurve import PublicKey
from msgspec import Struct

from seawall.venues.dydx.directory.directory import ChainDirectory, hash_of
from seawall.venues.dydx.node.proto import message
from seawall.venues.dydx.wire.error_texts import code_of, log_of
from seawall.venues.dydx.wire.keys import ORDER, address_of
from seawall.venues.dydx.wire.order_message import SHORT_TERM

MOST_BYTES = 1024 * 1024
SIGN_DIRECT = 1
PLACE, CANCEL, BATCH, LEVERAGE = (
    f"/dydxprotocol.clob.Msg{name}"
    for name in ("PlaceOrder", "CancelOrder", "BatchCancel", "UpdateLeverage")
)
DEPOSIT, WITHDRAW, TRANSFER = (
    f"/dydxprotocol.sending.Msg{name}"
    for name in ("DepositToSubaccount", "WithdrawFromSubaccount", "CreateTransfer")
)
SEND = "/cosmos.bank.v1beta1.MsgSend"
PUBLIC_KEY = "/cosmos.crypto.secp256k1.PubKey"
CLOB = (PLACE, CANCEL, BATCH, LEVERAGE)
_LONGEST_DETAIL = 200


class TransactionError(Exception):
    """Why a transaction is refused, as a node answers: codespace, code and log."""

    def __init__(self, name: str, detail: str = "") -> None:
        super().__init__(name)
        self.name = name
        self.codespace, self.code = code_of(name)
        self.log = log_of(name, detail[:_LONGEST_DETAIL])


class Message(Struct, frozen=True):
    """One message: its type and the decoded body."""

    kind: str
    body: Any


class Transaction(Struct, frozen=True):
    """A decoded transaction. ``public_key``: empty where the signer left it out."""

    hash: str
    messages: Sequence[Message]
    signer: str
    sequence: int
    public_key: bytes
    signature: bytes
    body_bytes: bytes
    auth_bytes: bytes
    timeout_height: int

    @property
    def is_short_term(self) -> bool:
        """Whether its sequence is neither compared nor spent."""
        return all(is_short_term(each) for each in self.messages)

    @property
    def has_orders(self) -> bool:
        """Whether the first check of a node runs any of it: all that is no mere payment."""
        return any(each.kind in CLOB for each in self.messages)


def is_short_term(each: Message) -> bool:
    """Whether a message concerns short-term orders alone."""
    if each.kind == BATCH:
        return True
    if each.kind == PLACE:
        return int(each.body.order.order_id.order_flags) == SHORT_TERM
    return each.kind == CANCEL and int(each.body.order_id.order_flags) == SHORT_TERM


@cache
def _kinds() -> dict[str, Any]:
    return {
        PLACE: message("clob", "MsgPlaceOrder"),
        CANCEL: message("clob", "MsgCancelOrder"),
        BATCH: message("clob", "MsgBatchCancel"),
        LEVERAGE: message("clob", "MsgUpdateLeverage"),
        DEPOSIT: message("transfer", "MsgDepositToSubaccount"),
        WITHDRAW: message("transfer", "MsgWithdrawFromSubaccount"),
        TRANSFER: message("sending", "MsgCreateTransfer"),
        SEND: message("bank", "MsgSend"),
    }


def message_kinds() -> list[str]:
    """The types of the messages that are taken."""
    return [*CLOB, DEPOSIT, WITHDRAW, TRANSFER, SEND]


def signer_of(each: Message) -> str:
    """The address that must sign a message."""
    body = each.body
    if each.kind == PLACE:
        return str(body.order.order_id.subaccount_id.owner)
    if each.kind == CANCEL:
        return str(body.order_id.subaccount_id.owner)
    if each.kind in (BATCH, LEVERAGE):
        return str(body.subaccount_id.owner)
    if each.kind == TRANSFER:
        return str(body.transfer.sender.owner)
    if each.kind == WITHDRAW:
        return str(body.sender.owner)
    return str(body.sender if each.kind == DEPOSIT else body.from_address)


def _parsed(kind: Any, raw: bytes) -> Any:
    from google.protobuf.message import DecodeError

    try:
        return kind.FromString(raw)
    except (DecodeError, ValueError, RecursionError) as error:
        raise TransactionError("ErrTxDecode", str(error)) from None


def _messages(body: Any) -> list[Message]:
    found = []
    for packed in body.messages:
        kind = _kinds().get(packed.type_url)
        if kind is None:
            raise TransactionError("ErrTxDecode", f"unable to resolve type URL {packed.type_url}")
        found.append(Message(packed.type_url, _parsed(kind, packed.value)))
    if not found:
        raise TransactionError("ErrInvalidRequest", "must contain at least one message")
    return found


def _key_of(info: Any) -> bytes:
    packed = info.public_key
    if not packed.type_url:
        return b""
    if packed.type_url != PUBLIC_KEY:
        raise TransactionError("ErrInvalidPubKey", f"unable to resolve type URL {packed.type_url}")
    key = bytes(_parsed(message("keys", "PubKey"), packed.value).key)
    if key and len(key) != 33:
        raise TransactionError("ErrInvalidPubKey", f"invalid length of a key: {len(key)}")
    return key


def decode(raw: bytes) -> Transaction:
    """A transaction of the bytes of a TxRaw. Raises TransactionError."""
    if len(raw) > MOST_BYTES:
        raise TransactionError("ErrTxDecode", f"{len(raw)} bytes")
    envelope = _parsed(message("tx", "TxRaw"), raw)
    envelope.DiscardUnknownFields()
    if envelope.SerializeToString() != raw:
        # One signature must not be good for several texts of the same transaction.
        raise TransactionError("ErrTxDecode", "not the one encoding of these fields")
    body = _parsed(message("tx", "TxBody"), envelope.body_bytes)
    auth = _parsed(message("tx", "AuthInfo"), envelope.auth_info_bytes)
    if body.extension_options:
        raise TransactionError("ErrTxDecode", "unknown extension options")
    messages = _messages(body)
    signers = list(dict.fromkeys(map(signer_of, messages)))
    counts = len(envelope.signatures), len(auth.signer_infos)
    if counts != (1, 1) or len(signers) != 1:
        detail = f"wrong number of signers; expected {len(signers)}, got {counts[0]}"
        raise TransactionError("ErrUnauthorized", detail)
    info = auth.signer_infos[0]
    if info.mode_info.single.mode != SIGN_DIRECT:
        raise TransactionError("ErrUnauthorized", "only SIGN_MODE_DIRECT is offered")
    return Transaction(
        hash_of(raw), messages, signers[0], int(info.sequence),
        _key_of(info), bytes(envelope.signatures[0]), bytes(envelope.body_bytes),
        bytes(envelope.auth_info_bytes), int(body.timeout_height),
    )  # fmt: skip


def public_key_of(transaction: Transaction, directory: ChainDirectory, chain_id: str) -> bytes:
    """The key that signed it, which is the signer's. Raises TransactionError where none is.

    The key is that of the transaction, else the one that is known, else recovered.
    """
    holder = directory.holder(transaction.signer)
    if holder is None:
        detail = f"account {transaction.signer} not found"
        raise TransactionError("ErrUnknownAddress", detail)
    claimed = transaction.public_key or bytes.fromhex(holder.public_key)
    if claimed and address_of(claimed) != transaction.signer:
        detail = f"pubKey does not match signer address {transaction.signer} with signer index: 0"
        raise TransactionError("ErrInvalidPubKey", detail)
    document = message("tx", "SignDoc")(
        body_bytes=transaction.body_bytes, auth_info_bytes=transaction.auth_bytes,
        chain_id=chain_id, account_number=holder.number,
    ).SerializeToString()  # fmt: skip
    for key in _recovered(transaction.signature, document):
        if key == claimed or (not claimed and address_of(key) == transaction.signer):
            return key
    detail = (
        f"signature verification failed; please verify account number ({holder.number}) and "
        f"chain-id ({chain_id}): (unable to verify single signer signature)"
    )
    raise TransactionError("ErrUnauthorized", detail)


def _recovered(signature: bytes, document: bytes) -> list[bytes]:
    """The compressed keys that could have made a signature in its lower form."""
    if len(signature) != 64:
        return []
    r, s = (int.from_bytes(part, "big") for part in (signature[:32], signature[32:]))
    if not 0 < r < ORDER or not 0 < s <= ORDER // 2:
        return []
    found = []
    for number in (0, 1):
        try:
            key = PublicKey.from_signature_and_message(signature + bytes([number]), document)
        except Exception:  # the library has no narrower class for a point that is not on the curve
            continue
        found.append(key.format())
    return found
