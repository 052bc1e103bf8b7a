"""Transactions signed by a test user, built from the chain's messages and nothing of the venue."""

import hashlib
from typing import Any

from coincurve import PrivateKey
from v4_proto.cosmos.bank.v1beta1.tx_pb2 import MsgSend
from v4_proto.cosmos.base.v1beta1.coin_pb2 import Coin
from v4_proto.cosmos.crypto.secp256k1.keys_pb2 import PubKey
from v4_proto.cosmos.tx.v1beta1.tx_pb2 import (
    AuthInfo,
    Fee,
    ModeInfo,
    SignDoc,
    SignerInfo,
    TxBody,
    TxRaw,
)
from v4_proto.dydxprotocol.clob.order_pb2 import Order, OrderId, TwapParameters
from v4_proto.dydxprotocol.clob.tx_pb2 import (
    LeverageEntry,
    MsgBatchCancel,
    MsgCancelOrder,
    MsgPlaceOrder,
    MsgUpdateLeverage,
    OrderBatch,
)
from v4_proto.dydxprotocol.sending.transfer_pb2 import (
    MsgDepositToSubaccount,
    MsgWithdrawFromSubaccount,
    Transfer,
)
from v4_proto.dydxprotocol.sending.tx_pb2 import MsgCreateTransfer
from v4_proto.dydxprotocol.subaccounts.subaccount_pb2 import SubaccountId

CHAIN_ID = "localdydxprotocol"
USDC = "ibc/8E27BA2D5493AF5636760E354E46004562C46AB7EC0CC4C1CA14E9E20E2545B5"
SHORT_TERM, CONDITIONAL, LONG_TERM, TWAP = 0, 32, 64, 128
TICK, STEP = 100_000, 1_000_000
"""Subticks of a dollar and base quantums of 0.0001 BTC."""


class Signer:
    """One user. ``sequence`` and ``number`` are those that the next transaction states."""

    def __init__(self, address: str, private_key: str, number: int, sequence: int = 0) -> None:
        self.address = address
        self.key = PrivateKey.from_hex(private_key.removeprefix("0x"))
        self.number, self.sequence = number, sequence

    def account(self, number: int = 0) -> Any:
        return SubaccountId(owner=self.address, number=number)

    def signed(
        self, *messages: Any, chain_id: str = CHAIN_ID, sequence: int | None = None,
        number: int | None = None, key: PrivateKey | None = None, public_key: bytes | None = None,
        timeout_height: int = 0,
    ) -> bytes:  # fmt: skip
        """The bytes of a transaction; everything may be overridden."""
        body = TxBody(timeout_height=timeout_height)
        for message in messages:
            body.messages.add().Pack(message, type_url_prefix="/")
        info = SignerInfo(
            mode_info=ModeInfo(single=ModeInfo.Single(mode=1)),
            sequence=self.sequence if sequence is None else sequence,
        )
        shown = self.key.public_key.format() if public_key is None else public_key
        info.public_key.Pack(PubKey(key=shown), type_url_prefix="/")
        auth = AuthInfo(signer_infos=[info], fee=Fee(gas_limit=1_000_000))
        document = SignDoc(
            body_bytes=body.SerializeToString(),
            auth_info_bytes=auth.SerializeToString(),
            chain_id=chain_id,
            account_number=self.number if number is None else number,
        )
        signature = (key or self.key).sign_recoverable(document.SerializeToString())[:64]
        return TxRaw(
            body_bytes=document.body_bytes,
            auth_info_bytes=document.auth_info_bytes,
            signatures=[signature],
        ).SerializeToString()

    # -- messages --------------------------------------------------------------------------------

    def order(
        self, client_id: int, flags: int, side: int, usd: int, steps: int, good_til: int,
        number: int = 0, twap: tuple[int, int, int] | None = None, **more: Any,
    ) -> Any:  # fmt: skip
        """A MsgPlaceOrder; a height with short-term orders, else Unix seconds."""
        field = "good_til_block" if flags == SHORT_TERM else "good_til_block_time"
        order = Order(
            order_id=OrderId(
                subaccount_id=self.account(number), client_id=client_id, order_flags=flags,
                clob_pair_id=0,
            ),
            side=side, quantums=steps * STEP, subticks=usd * TICK, **{field: good_til}, **more,
        )  # fmt: skip
        if twap is not None:
            duration, interval, tolerance = twap
            order.twap_parameters.CopyFrom(
                TwapParameters(duration=duration, interval=interval, price_tolerance=tolerance)
            )
        return MsgPlaceOrder(order=order)

    def cancel(self, client_id: int, flags: int, good_til: int) -> Any:
        field = "good_til_block" if flags == SHORT_TERM else "good_til_block_time"
        order_id = OrderId(
            subaccount_id=self.account(), client_id=client_id, order_flags=flags, clob_pair_id=0
        )
        return MsgCancelOrder(order_id=order_id, **{field: good_til})

    def batch_cancel(self, client_ids: list[int], good_til: int) -> Any:
        batch = OrderBatch(clob_pair_id=0, client_ids=client_ids)
        return MsgBatchCancel(
            subaccount_id=self.account(), short_term_cancels=[batch], good_til_block=good_til
        )

    def leverage(self, ppm: int) -> Any:
        entry = LeverageEntry(clob_pair_id=0, custom_imf_ppm=ppm)
        return MsgUpdateLeverage(subaccount_id=self.account(), clob_pair_leverage=[entry])

    def transfer(self, number: int, amount: int, sender: int = 0) -> Any:
        transfer = Transfer(
            sender=self.account(sender), recipient=self.account(number), asset_id=0, amount=amount
        )
        return MsgCreateTransfer(transfer=transfer)

    def deposit(self, number: int, amount: int) -> Any:
        return MsgDepositToSubaccount(
            sender=self.address, recipient=self.account(number), asset_id=0, quantums=amount
        )

    def withdraw(self, number: int, amount: int) -> Any:
        return MsgWithdrawFromSubaccount(
            sender=self.account(number), recipient=self.address, asset_id=0, quantums=amount
        )

    def send(self, recipient: str, amount: int) -> Any:
        coins = [Coin(denom=USDC, amount=str(amount))]
        return MsgSend(from_address=self.address, to_address=recipient, amount=coins)


def hash_of(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest().upper()
