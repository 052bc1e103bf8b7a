"""Where the fuzzer's requests come from: real ones, bent; and bytes that are nothing at all."""

import copy
import json
import random
from collections.abc import Sequence
from typing import Any

from tests.conformance.hyperliquid.signer import Signer, order_action

USER = "0x1719884eb866cb12b2287399b15f7db5e7d775ea"
CLOID = "0x00000000000000000000000000000001"
REQ = {"coin": "BTC", "interval": "1m", "startTime": 0, "endTime": 10**13}
_WITH_USER = (
    "clearinghouseState spotClearinghouseState openOrders frontendOpenOrders historicalOrders "
    "userFills userFunding userNonFundingLedgerUpdates userFees userRateLimit userRole subAccounts "
    "subAccounts2 extraAgents referral portfolio userVaultEquities delegations delegatorSummary "
    "userAbstraction userDexAbstraction userTwapSliceFills twapHistory isVip legalCheck webData2 "
    "approvedBuilders"
).split()
_WITHOUT = (
    "meta allPerpMetas metaAndAssetCtxs perpDexs spotMeta spotMetaAndAssetCtxs allMids "
    "predictedFundings exchangeStatus maxMarketOrderNtls perpsAtOpenInterestCap"
).split()
INFO: list[dict[str, Any]] = [
    *({"type": kind, "user": USER} for kind in _WITH_USER),
    *({"type": kind} for kind in _WITHOUT),
    {"type": "l2Book", "coin": "BTC", "nSigFigs": 5, "mantissa": 2},
    {"type": "recentTrades", "coin": "BTC"},
    {"type": "candleSnapshot", "req": REQ},
    {"type": "orderStatus", "user": USER, "oid": 12},
    {"type": "orderStatus", "user": USER, "oid": CLOID},
    {"type": "userFillsByTime", "user": USER, "startTime": 0, "endTime": None},
    {"type": "fundingHistory", "coin": "BTC", "startTime": 0},
    {"type": "activeAssetData", "user": USER, "coin": "BTC"},
    {"type": "maxBuilderFee", "user": USER, "builder": USER},
    {"type": "marginTable", "id": 50},
    {"type": "preTransferCheck", "user": USER, "source": USER},
]
_ORDER = order_action(0, True, "50000", "0.01")
_TRIGGER = {"trigger": {"isMarket": True, "triggerPx": "60000", "tpsl": "sl"}}
ACTIONS: list[dict[str, Any]] = [
    _ORDER,
    {**_ORDER, "orders": [{**_ORDER["orders"][0], "t": _TRIGGER, "r": True}]},
    {**_ORDER, "builder": {"b": USER, "f": 10}},
    {"type": "cancel", "cancels": [{"a": 0, "o": 1}]},
    {"type": "cancelByCloid", "cancels": [{"asset": 0, "cloid": CLOID}]},
    {"type": "modify", "oid": 1, "order": _ORDER["orders"][0]},
    {"type": "batchModify", "modifies": [{"oid": 1, "order": _ORDER["orders"][0]}]},
    {"type": "updateLeverage", "asset": 0, "isCross": True, "leverage": 5},
    {"type": "updateIsolatedMargin", "asset": 0, "isBuy": True, "ntli": 1000000},
    {"type": "topUpIsolatedOnlyMargin", "asset": 0, "leverage": "2.5"},
    {"type": "scheduleCancel", "time": 10**13},
    {"type": "twapOrder", "twap": {"a": 0, "b": True, "s": "1", "r": False, "m": 5, "t": False}},
    {"type": "twapCancel", "a": 0, "t": 1},
    {"type": "usdSend", "destination": USER, "amount": "5", "time": 1},
    {"type": "usdClassTransfer", "amount": "5", "toPerp": True, "nonce": 1},
    {"type": "withdraw3", "destination": USER, "amount": "5", "time": 1},
    {"type": "spotSend", "destination": USER, "token": "USDC:0x", "amount": "5", "time": 1},
    {"type": "approveAgent", "agentAddress": USER, "agentName": "a", "nonce": 1},
    {"type": "approveBuilderFee", "maxFeeRate": "0.01%", "builder": USER, "nonce": 1},
    {"type": "createSubAccount", "name": "a"},
    {"type": "subAccountTransfer", "subAccountUser": USER, "isDeposit": True, "usd": 10},
    {"type": "setReferrer", "code": "A"},
    {"type": "reserveRequestWeight", "weight": 1},
]
SUBSCRIPTIONS: list[dict[str, Any]] = [
    {"type": "allMids"},
    *({"type": kind, "coin": "BTC"} for kind in ("l2Book", "trades", "bbo", "activeAssetCtx")),
    {"type": "candle", "coin": "BTC", "interval": "1m"},
    *(
        {"type": kind, "user": USER}
        for kind in (
            "userEvents userFills orderUpdates userFundings userNonFundingLedgerUpdates webData2 "
            "clearinghouseState openOrders twapStates"
        ).split()
    ),
    {"type": "activeAssetData", "user": USER, "coin": "BTC"},
]
ODD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**53, 2**63, 2**64, -(2**63), 10**40, 1.5, -0.0, 1e308),
    *("", "0", "-1", "NaN", "inf", "1e400", "0x", "0x" + "f" * 40, "\x00", "\u202e", "é" * 50),
    *("9" * 500, "0." + "0" * 400 + "1", "BTC", "@1", "dex:COIN", "' OR 1=1 --", "../../etc"),
    *([], {}, [[]], [None], {"": None}, {"type": "meta"}, [1] * 200, "a" * 5000),
)
DEFINITELY_WRONG: tuple[Any, ...] = (
    {},
    [],
    [None],
    {"x": 1},
    "\x00" * 300,
    "é" * 300,
    -1,
    1.5,
    "9" * 500,
)
"""For a signed action: no field of any action may be one of these."""


class Nonsense:
    """An endless source of requests. ``funded``: keys whose signatures count."""

    def __init__(self, seed: int, funded: Sequence[str], now_ms: int) -> None:
        self.random = random.Random(seed)
        self.funded = [Signer(key) for key in funded]
        self.stranger = Signer(f"{seed + 1:064x}")
        self.now_ms = now_ms
        self.count = 0

    def request(self) -> tuple[str, str, bytes]:
        """What it is, where it goes, and its body."""
        kind = self.random.random()
        if kind < 0.4:
            return "info", "/info", self._text(self._bent(self.random.choice(INFO)))
        if kind < 0.65:
            return "forged", "/exchange", self._text(self._forged())
        if kind < 0.9:
            return "nonsense", "/exchange", self._text(self._well_signed())
        return "bytes", self.random.choice(("/info", "/exchange")), self._bytes()

    def content_type(self) -> str:
        return "application/json" if self.random.random() < 0.95 else "text/plain"

    def frame(self) -> str | bytes:
        """One websocket message."""
        kind = self.random.random()
        if kind < 0.1:
            return self._bytes()
        if kind < 0.2:
            return self._bytes().decode("utf-8", errors="replace")
        if kind < 0.7:
            method = self.random.choice(("subscribe", "unsubscribe", "subscribe", "ping", "nope"))
            wish = self.random.choice(SUBSCRIPTIONS)
            return self._dumped(self._bent({"method": method, "subscription": wish}))
        if self.random.random() < 0.5:
            request = {"type": "info", "payload": self.random.choice(INFO)}
        else:
            request = {"type": "action", "payload": self._forged()}
        number = self.random.randrange(10**6)
        return self._dumped(self._bent({"method": "post", "id": number, "request": request}))

    # -- what is sent ------------------------------------------------------------------------------

    def _forged(self) -> Any:
        """Unsigned, signed for something else, or signed by somebody without an account."""
        action = copy.deepcopy(self.random.choice(ACTIONS))
        nonce = self._nonce()
        how = self.random.random()
        if how < 0.4:
            body = self.stranger.request(action, nonce)
        elif how < 0.7:
            body = self.random.choice(self.funded).request(action, nonce)
            body["nonce"] = nonce + 1
        else:
            body = {
                "action": action,
                "nonce": nonce,
                "signature": copy.deepcopy(self.random.choice(ODD)),
            }
        return self._bent(body) if self.random.random() < 0.5 else body

    def _well_signed(self) -> Any:
        """The signature of a funded account under an action with one impossible field."""
        action = copy.deepcopy(self.random.choice(ACTIONS))
        self._replace(action, DEFINITELY_WRONG)
        try:
            return self.random.choice(self.funded).request(action, self._nonce())
        except ValueError:
            return {"action": action, "nonce": 1, "signature": None}

    def _nonce(self) -> int:
        self.count += 1
        return self.now_ms + self.random.randrange(10**7)

    # -- how it is bent ----------------------------------------------------------------------------

    def _bent(self, value: Any) -> Any:
        """A copy with up to three places replaced, removed or added."""
        bent = copy.deepcopy(value)
        for _ in range(self.random.randrange(4)):
            self._replace(bent, ODD)
        return bent

    def _replace(self, value: Any, odd: Sequence[Any]) -> None:
        place = value
        while True:
            keys: list[Any] = list(place) if isinstance(place, dict) else list(range(len(place)))
            if not keys:
                return
            key = self.random.choice(keys)
            inner = place[key]
            if isinstance(inner, dict | list) and inner and self.random.random() < 0.7:
                place = inner
                continue
            if odd is ODD and isinstance(place, dict) and self.random.random() < 0.2:
                del place[key]
            else:
                place[key] = copy.deepcopy(self.random.choice(odd))
            return

    def _dumped(self, value: Any) -> str:
        return json.dumps(value, ensure_ascii=self.random.random() < 0.8)

    def _text(self, value: Any) -> bytes:
        text = self._dumped(value).encode("utf-8", errors="surrogatepass")
        if self.random.random() < 0.05:
            text = text[: self.random.randrange(len(text) + 1)]
        return text

    def _bytes(self) -> bytes:
        kind = self.random.random()
        if kind < 0.3:
            return self.random.randbytes(self.random.randrange(200))
        if kind < 0.5:
            return b"[" * self.random.randrange(1, 50_000)
        if kind < 0.7:
            depth = self.random.randrange(1, 5_000)
            return b'{"type":' * depth + b"1" + b"}" * depth
        if kind < 0.8:
            return json.dumps(
                {"type": "meta", "x": "y" * self.random.randrange(3_000_000)}
            ).encode()
        return self._dumped(self.random.choice(ODD)).encode("utf-8", errors="surrogatepass")
