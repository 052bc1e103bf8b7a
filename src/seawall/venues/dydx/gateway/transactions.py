"""Transactions of this venue, built and signed."""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from seawall.venues.dydx.gateway.key import AccountKey
from seawall.venues.dydx.node.proto import message
from seawall.venues.dydx.node.transactions import PUBLIC_KEY, SIGN_DIRECT

ORDER_GAS, MONEY_GAS = 1_000_000, 300_000
"""Orders are free of gas; what moves money pays for it."""
_FEE_OF_GAS = 40
"""So much gas costs one micro-USD: 0.025 USDC a million [documented: minimum gas prices]."""


class Signer(Struct, frozen=True):
    """Who signs, and for which chain. ``number``: of the account on the chain."""

    key: AccountKey
    chain_id: str
    number: int


def signed(
    signer: Signer, messages: Sequence[tuple[str, Any]], sequence: int, *, fee_denom: str = "",
    timeout_height: int = 0,
) -> bytes:  # fmt: skip
    """The bytes of a transaction of messages with their types.

    ``fee_denom``: of the coin that pays for the gas; empty for orders, which are free.
    """
    body = message("tx", "TxBody")(timeout_height=timeout_height)
    for kind, each in messages:
        packed = body.messages.add()
        packed.type_url, packed.value = kind, each.SerializeToString()
    mode = message("tx", "ModeInfo")(single={"mode": SIGN_DIRECT})
    info = message("tx", "SignerInfo")(mode_info=mode, sequence=sequence)
    info.public_key.type_url = PUBLIC_KEY
    key = message("keys", "PubKey")(key=signer.key.public_key)
    info.public_key.value = key.SerializeToString()
    fee = message("tx", "Fee")(gas_limit=MONEY_GAS if fee_denom else ORDER_GAS)
    if fee_denom:
        fee.amount.add(denom=fee_denom, amount=str(-(-MONEY_GAS // _FEE_OF_GAS)))
    auth = message("tx", "AuthInfo")(signer_infos=[info], fee=fee)
    document = message("tx", "SignDoc")(
        body_bytes=body.SerializeToString(), auth_info_bytes=auth.SerializeToString(),
        chain_id=signer.chain_id, account_number=signer.number,
    )  # fmt: skip
    raw: bytes = message("tx", "TxRaw")(
        body_bytes=document.body_bytes, auth_info_bytes=document.auth_info_bytes,
        signatures=[signer.key.sign(document.SerializeToString())],
    ).SerializeToString()  # fmt: skip
    return raw
