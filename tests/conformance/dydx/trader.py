"""A venue of this dialect in a process of its own, and users of it who sign what they send."""

import base64
import json
import urllib.request
from decimal import Decimal
from typing import Any

from v4_proto.cosmos.tx.v1beta1.tx_pb2 import TxBody, TxRaw
from v4_proto.dydxprotocol.clob.tx_pb2 import MsgCancelOrder, MsgPlaceOrder
from v4_proto.dydxprotocol.sending.transfer_pb2 import MsgDepositToSubaccount
from v4_proto.dydxprotocol.sending.tx_pb2 import MsgCreateTransfer

from seawall.venues.venue import UserKey
from tests.conformance.dydx.signer import LONG_TERM, SHORT_TERM, Signer
from tests.waiting import PATIENCE_S

BUY, SELL = 1, 2
TRANSACTIONS = "/cosmos/tx/v1beta1/txs"
_KINDS = (MsgPlaceOrder, MsgCancelOrder, MsgCreateTransfer, MsgDepositToSubaccount)


def ask(url: str, body: Any = None) -> Any:
    """An answer, which must be one of success."""
    raw = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, raw, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
        return json.load(answer)


class LocalVenue:
    """A venue by what ``seawall up --json`` says of it: all ports answer all paths."""

    def __init__(self, about: dict[str, Any]) -> None:
        self.about, self.url = about, about["url"]

    @property
    def websocket_url(self) -> str:
        return "ws" + self.url.removeprefix("http") + "/v4/ws"

    @property
    def action_path(self) -> str:
        return TRANSACTIONS

    def action_of(self, body: bytes) -> Any:
        """The one message of a transaction that is sent there."""
        raw = TxRaw.FromString(base64.b64decode(json.loads(body)["tx_bytes"]))
        (packed,) = TxBody.FromString(raw.body_bytes).messages
        (kind,) = (each for each in _KINDS if packed.Is(each.DESCRIPTOR))
        return kind.FromString(packed.value)

    def ask(self, path: str, body: Any = None) -> Any:
        return ask(self.url + path, body)

    def control(self, path: str, **fields: Any) -> Any:
        return self.ask(f"/control{path}", fields)

    def blocks(self, count: int = 1) -> None:
        self.control("/time/advance", seconds=count, stepSeconds=1)

    def price(self, market: str, usd: float) -> None:
        """The oracle price, with the block that has it."""
        self.control("/price", market=market, price=usd)
        self.blocks()

    def bids(self) -> list[Any]:
        """What is bid for BTC."""
        return list(self.ask("/v4/orderbooks/perpetualMarket/BTC-USD")["bids"])

    def height(self) -> int:
        return int(self.ask("/v4/height")["height"])

    def now_s(self) -> int:
        return int(self.ask("/v4/time")["epoch"])

    def broadcast(self, raw: bytes) -> int:
        """The code of the node's first check."""
        body = {"tx_bytes": base64.b64encode(raw).decode()}
        return int(self.ask(TRANSACTIONS, body)["tx_response"]["code"])


class Trader:
    """One user of a venue, who has an account there; orders are for BTC."""

    def __init__(self, venue: LocalVenue, user: UserKey) -> None:
        self.venue, self.address, self.key = venue, user.address, user.mnemonic
        self.signer = Signer(user.address, user.private_key, int(self._info()["account_number"]))
        self._ids = 0

    def _info(self) -> Any:
        return self.venue.ask(f"/cosmos/auth/v1beta1/account_info/{self.address}")["info"]

    def take(self, *messages: Any) -> None:
        """Send a transaction, which must be taken."""
        sequence = int(self._info()["sequence"])
        assert self.venue.broadcast(self.signer.signed(*messages, sequence=sequence)) == 0

    def place(
        self, side: int, usd: int, steps: int, number: int = 0, *, lasts: bool = False, **more: Any
    ) -> None:  # fmt: skip
        """Place an order; ``lasts``: beyond the next blocks, and on the book from the next on."""
        self._ids += 1
        until = self.venue.now_s() + 80_000 if lasts else self.venue.height() + 15
        flags = LONG_TERM if lasts else SHORT_TERM
        order = self.signer.order(self._ids, flags, side, usd, steps, until, number, **more)
        self.take(order)

    def clear(self) -> None:
        """Cancel what lasts of the orders of subaccount 0, with the block that does it."""
        until = self.venue.now_s() + 80_001
        for each in self.orders(0, "OPEN"):
            if int(each["orderFlags"]) == LONG_TERM:
                self.take(self.signer.cancel(int(each["clientId"]), LONG_TERM, until))
        self.venue.blocks()

    # -- what the indexer shows --------------------------------------------------------------------

    def _of(self, what: str, number: int) -> Any:
        return self.venue.ask(f"/v4/{what}?address={self.address}&subaccountNumber={number}")

    def orders(self, number: int, *statuses: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._of("orders", number)
        return [each for each in found if not statuses or each["status"] in statuses]

    def fills(self, number: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._of("fills", number)["fills"]
        return found

    def transfers(self, number: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._of("transfers", number)["transfers"]
        return found

    def size(self, number: int) -> Decimal:
        """Of the position in BTC; 0 for none."""
        path = f"/v4/addresses/{self.address}/parentSubaccountNumber/{number % 128}"
        held = {
            each["subaccountNumber"]: each["openPerpetualPositions"]
            for each in self.venue.ask(path)["subaccount"]["childSubaccounts"]
        }
        position = held.get(number, {}).get("BTC-USD")
        return Decimal(0) if position is None else Decimal(position["size"])
