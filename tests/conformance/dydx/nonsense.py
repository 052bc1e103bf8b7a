"""Hostile requests to each port of a dYdX: real ones bent, forged transactions, and mere bytes.

Nothing here could take effect: a transaction is unsigned, signed with another key, for another
chain or account, in bytes that were changed after signing, or says what no state allows.
"""

import base64
import json
import random
from typing import Any

from coincurve import PrivateKey

from seawall.venues.dydx.node.chain import Node
from seawall.venues.dydx.node.queries import Queries
from seawall.venues.registry import wire_of
from tests.conformance.dydx.quiet import PRICE, Quiet
from tests.conformance.dydx.signer import CONDITIONAL, LONG_TERM, SHORT_TERM, TWAP, Signer

ODD: tuple[str, ...] = (
    "", "0", "-1", "1", "1.5", "00", "NaN", "inf", "1e400", "9" * 5000, "\u0663", "\x00", "\u202e",
    "é" * 50, "' OR 1=1 --", "../../etc/passwd", "%00", "a" * 5000, "null", "[]", "{}", "true",
    "0x" + "f" * 64, "BTC-USD", "1MIN", "2020-13-01T00:00:00Z", "9999-12-31T23:59:59.999Z",
    "0001-01-01T00:00:00", "2020-01-01", "ONE_DAY", "OPEN", "dydx1", "18446744073709551616",
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, -1, 2**31, 2**53, 2**64, 10**40, 1.5, -0.0, 1e308, [], {}, [[]], [None], {"": None},
    *ODD,
)  # fmt: skip
PARAMETERS = (
    "address", "subaccountNumber", "parentSubaccountNumber", "limit", "page", "ticker", "market",
    "marketType", "status", "side", "type", "resolution", "fromISO", "toISO", "timePeriod",
    "createdBeforeOrAt", "createdBeforeOrAtHeight", "effectiveBeforeOrAt", "createdOnOrAfter",
    "returnLatestOrders", "daily", "goodTilBlockBeforeOrAt", "sourceAddress", "recipientAddress",
)  # fmt: skip
INDEXER = (
    "/perpetualMarkets", "/orderbooks/perpetualMarket/{}", "/trades/perpetualMarket/{}",
    "/candles/perpetualMarkets/{}", "/historicalFunding/{}", "/sparklines", "/time", "/height",
    "/screen", "/compliance/screen/{}", "/addresses/{}", "/addresses/{}/subaccountNumber/{}",
    "/addresses/{}/parentSubaccountNumber/{}", "/perpetualPositions",
    "/perpetualPositions/parentSubaccountNumber", "/assetPositions", "/orders",
    "/orders/parentSubaccountNumber", "/orders/{}", "/fills", "/fills/parentSubaccountNumber",
    "/transfers", "/transfers/parentSubaccountNumber", "/transfers/between", "/fundingPayments",
    "/fundingPayments/parentSubaccount", "/historical-pnl", "/pnl", "/tradeHistory",
    "/historicalTradingRewardAggregations/{}", "/vault/v1/megavault/positions", "/{}",
)  # fmt: skip
RPC = (
    "abci_info", "abci_query", "block", "broadcast_tx_async", "broadcast_tx_sync", "health",
    "status", "tx", "validators",
)  # fmt: skip
REST = (
    "/cosmos/auth/v1beta1/account_info/{}", "/cosmos/auth/v1beta1/accounts/{}",
    "/cosmos/bank/v1beta1/balances/{}", "/cosmos/base/tendermint/v1beta1/blocks/latest",
    "/cosmos/tx/v1beta1/txs/{}", "/cosmos/{}",
)  # fmt: skip
CHANNELS = (
    "v4_orderbook", "v4_trades", "v4_markets", "v4_candles", "v4_subaccounts",
    "v4_parent_subaccounts", "v4_block_height", "v4_accounts",
)  # fmt: skip
_N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


class Nonsense:
    """An endless source of requests to one venue; the seed names all of it."""

    def __init__(self, venue: Quiet, seed: str) -> None:
        self.chance = random.Random(seed)
        self.signer, self.other = venue.signer(0), venue.signer(1)
        self._until, self._later = venue.height + 10, venue.now_s + 60
        self._queries = list(Queries(Node(venue.venue.host)).handlers.items())

    def odd(self) -> str:
        return self.chance.choice((*ODD, self.signer.address, f"{self.signer.address}/0"))

    # -- transactions ----------------------------------------------------------------------------

    def message(self) -> Any:
        """One that could take effect."""
        signer, chance = self.signer, self.chance
        kind = chance.randrange(9)
        if kind == 0:
            return signer.order(1, SHORT_TERM, 1, PRICE, 10, self._until)
        if kind == 1:
            return signer.order(1, LONG_TERM, 2, PRICE + 1000, 10, self._later)
        if kind == 2:
            return signer.order(
                1, CONDITIONAL, 2, PRICE - 500, 5, self._later, condition_type=1,
                conditional_order_trigger_subticks=(PRICE - 400) * 100_000,
            )  # fmt: skip
        if kind == 3:
            return signer.order(7, TWAP, 1, 0, 100, self._later + 900, twap=(300, 60, 10_000))
        if kind == 4:
            return signer.batch_cancel([1, 2], self._until)
        if kind == 5:
            return signer.leverage(50_000)
        if kind == 6:
            return signer.transfer(1, 5)
        return signer.deposit(0, 9) if kind == 7 else signer.withdraw(0, 9)

    def impossible(self) -> Any:
        """A message of which one field says what no state allows."""
        signer, chance = self.signer, self.chance
        flags = chance.choice((SHORT_TERM, LONG_TERM, CONDITIONAL, TWAP, 256, 1, 2**32 - 1))
        good_til = chance.choice((0, 1, 2**32 - 1))
        broken = (
            signer.order(1, flags, chance.choice((0, 1, 2)), PRICE, 0, self._until),
            signer.order(1, SHORT_TERM, 1, PRICE, 10, good_til),
            signer.order(1, LONG_TERM, 1, PRICE, 10, good_til),
            signer.order(1, SHORT_TERM, 1, PRICE, 10**12, self._until),
            signer.order(1, SHORT_TERM, 1, 2**46, 10, self._until),
            signer.order(1, LONG_TERM, 1, PRICE, 10, self._later, number=2**32 - 1),
            signer.order(1, SHORT_TERM, 1, PRICE, 1, self._until, time_in_force=3),
            signer.order(1, SHORT_TERM, 1, PRICE, 1, self._until, reduce_only=True),
            signer.order(7, TWAP, 1, 0, 100, self._later, twap=(chance.randrange(300), 60, 1)),
            signer.cancel(chance.randrange(2**32), LONG_TERM, self._later),
            signer.cancel(1, SHORT_TERM, good_til),
            signer.batch_cancel([], self._until), signer.batch_cancel([1, 1], self._until),
            signer.batch_cancel(list(range(101)), self._until), signer.leverage(0),
            signer.leverage(2**32 - 1), signer.transfer(0, 5), signer.transfer(2**32 - 1, 5),
            signer.transfer(1, 0), signer.transfer(1, 2**64 - 1), signer.deposit(0, 2**64 - 1),
            signer.withdraw(0, 0), signer.send(signer.address, 5), signer.send("dydx1", 5),
        )  # fmt: skip
        return chance.choice(broken)

    def transaction(self) -> bytes:
        """The bytes of one that is refused."""
        signer, chance = self.signer, self.chance
        kind = chance.randrange(8)
        if kind == 0:
            return chance.randbytes(chance.randrange(400))
        if kind == 1:
            # Well signed; a sequence ahead would refuse what only fails in its block.
            return signer.signed(self.impossible(), sequence=7)
        if kind == 2:
            return signer.signed(self.message(), chain_id=chance.choice(("", "dydx-mainnet-1")))
        if kind == 3:
            return signer.signed(self.message(), number=1 + chance.randrange(100))
        if kind == 4:
            other = PrivateKey(chance.randbytes(31) + b"\x01")
            shown = chance.choice((None, other.public_key.format(), b""))
            return signer.signed(self.message(), key=other, public_key=shown)
        whole = signer.signed(self.message())
        if kind == 5:
            return with_signature(whole, chance.choice((b"", chance.randbytes(64), b"\xff" * 64)))
        if kind == 6:
            return with_other_half(whole)
        changed = self.broken(whole)
        return changed if changed != whole else b"\x00"

    def broken(self, raw: bytes) -> bytes:
        """Bytes with some of them changed, gone or repeated."""
        chance, data = self.chance, bytearray(raw or b"\x00")
        for _ in range(chance.randint(1, 6)):
            place = chance.randrange(len(data) or 1)
            kind = chance.randrange(4)
            if kind == 0 and data:
                data[place] = chance.randrange(256)
            elif kind == 1:
                del data[place : place + chance.randint(1, 8)]
            elif kind == 2:
                data[place:place] = chance.randbytes(chance.randint(1, 8))
            else:
                data[place:place] = data[: chance.randint(1, 40)]
        return bytes(data)

    # -- requests, by port -----------------------------------------------------------------------

    def _path(self, known: str) -> tuple[str, dict[str, str]]:
        path = known.format(*(self.odd() for _ in range(known.count("{}"))))
        names = self.chance.sample(PARAMETERS, self.chance.randrange(6))
        return path, {name: self.odd() for name in names}

    def indexer(self) -> tuple[str, str, dict[str, str], bytes]:
        """(method, path, query, body)."""
        if self.chance.random() < 0.15:
            path = self.chance.choice(("/faucet/tokens", "/faucet/native-token", "/v4/orders"))
            # A good address would be given money.
            address = self.chance.choice(VALUES)
            asked = {"address": address, "subaccountNumber": self.value(), "amount": "9"}
            return "POST", path, {}, self._text(asked)
        path, query = self._path(self.chance.choice(INDEXER))
        return self.chance.choice(("GET", "GET", "GET", "HEAD", "PUT")), "/v4" + path, query, b""

    def rpc(self) -> tuple[str, str, dict[str, str], bytes]:
        method = self.chance.choice(RPC)
        names = self.chance.sample(("path", "data", "tx", "hash", "height", "prove"), 2)
        if self.chance.random() < 0.4:
            tx = "0x" + self.transaction().hex()
            return "GET", f"/{method}", {name: self.odd() for name in names} | {"tx": tx}, b""
        given: Any = {name: self.value() for name in names}
        if self.chance.random() < 0.5:
            given |= {"tx": base64.b64encode(self.transaction()).decode()}
        if self.chance.random() < 0.3:
            path, _ = self.chance.choice(self._queries)
            given |= {"path": path, "data": self.query()[1].hex()}
        if self.chance.random() < 0.1:
            given = self.value()
        asked: Any = {"jsonrpc": "2.0", "id": self.value(), "method": method, "params": given}
        if self.chance.random() < 0.1:
            asked = self.chance.choice(([asked] * self.chance.randrange(200), self.value()))
        return "POST", "/", {}, self._text(asked)

    def rest(self) -> tuple[str, str, dict[str, str], bytes]:
        if self.chance.random() < 0.5:
            path, query = self._path(self.chance.choice(REST))
            return "GET", path, query, b""
        path = "/cosmos/tx/v1beta1/" + self.chance.choice(("txs", "simulate"))
        text: Any = base64.b64encode(self.transaction()).decode()
        if self.chance.random() < 0.3:
            text = self.value()
        name = self.chance.choice(("tx_bytes", "txBytes", "tx"))
        return "POST", path, {}, self._text({name: text, "mode": self.value()})

    def query(self) -> tuple[str, bytes]:
        """A gRPC call: its path and the bytes of a request."""
        transactions = "/cosmos.tx.v1beta1.Service/"
        kind = self.chance.random()
        if kind < 0.4:
            raw = self.transaction()
            head = b"\x0a" + varint(len(raw)) + raw
            method = self.chance.choice(("BroadcastTx", "BroadcastTx", "Simulate", "GetTx", "None"))
            return transactions + method, head if self.chance.random() < 0.8 else self.broken(head)
        path, (request, _) = self.chance.choice(self._queries)
        asked = request()
        for field in request.DESCRIPTOR.fields:
            if field.type == field.TYPE_STRING and self.chance.random() < 0.8:
                setattr(asked, field.name, self.odd())
            elif field.type == field.TYPE_UINT32 and self.chance.random() < 0.8:
                setattr(asked, field.name, self.chance.choice((0, 1, 128_000, 2**32 - 1)))
        raw = bytes(asked.SerializeToString())
        return path, raw if self.chance.random() < 0.6 else self.broken(raw)

    def frame(self) -> str | bytes:
        """A message of the socket."""
        kind = self.chance.random()
        if kind < 0.1:
            return self.chance.randbytes(self.chance.randrange(200))
        if kind < 0.2:
            return self._text(self.value()).decode()
        names = (
            "BTC-USD", "BTC-USD/1MIN", f"{self.signer.address}/0", f"{self.signer.address}/128001",
        )  # fmt: skip
        asked: dict[str, Any] = {
            "type": self.chance.choice(("subscribe", "subscribe", "unsubscribe", "ping", "nope")),
            "channel": self.chance.choice(CHANNELS), "id": self.chance.choice(names),
            "batched": self.chance.choice((True, False, None, "x")),
        }  # fmt: skip
        for name in self.chance.sample(tuple(asked), self.chance.randrange(3)):
            asked[name] = self.value()
        return self._text(asked).decode()

    def value(self) -> Any:
        return self.chance.choice((*VALUES, self.signer.address))

    def _text(self, value: Any) -> bytes:
        text = json.dumps(value).encode()
        kind = self.chance.random()
        if kind < 0.05:
            return text[: self.chance.randrange(len(text) + 1)]
        return b"[" * self.chance.randrange(5000) if kind < 0.07 else text


def varint(number: int) -> bytes:
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    return bytes([*found, number])


def with_signature(raw: bytes, signature: bytes) -> bytes:
    """A transaction with another signature; an empty one: with none."""
    from v4_proto.cosmos.tx.v1beta1.tx_pb2 import TxRaw

    envelope = TxRaw.FromString(raw)
    del envelope.signatures[:]
    if signature:
        envelope.signatures.append(signature)
    return bytes(envelope.SerializeToString())


def with_other_half(raw: bytes) -> bytes:
    """A transaction with its signature in the higher form."""
    from v4_proto.cosmos.tx.v1beta1.tx_pb2 import TxRaw

    signature = TxRaw.FromString(raw).signatures[0]
    s = _N - int.from_bytes(signature[32:], "big")
    return with_signature(raw, signature[:32] + s.to_bytes(32, "big"))


def signer_without_account() -> Signer:
    """A user whose address never held anything."""
    user = wire_of("dydx").user_key("elsewhere", 0)
    return Signer(user.address, user.private_key, 0)
