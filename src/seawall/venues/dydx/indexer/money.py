"""Fills, transfers, funding payments and balances as the indexer shows them."""

from fractions import Fraction
from typing import Any

from seawall.domain.enums import FillFlag, Side
from seawall.domain.system_accounts import FIRST_USER
from seawall.domain.units import FUNDING_ONE, MICRO, money_text
from seawall.venues.dydx.directory.directory import Subaccount
from seawall.venues.dydx.indexer.ids import event_id, fill_id, order_id, subaccount_id, text_id
from seawall.venues.dydx.indexer.view import View, decimal
from seawall.venues.dydx.pairs import parts_of
from seawall.venues.dydx.wire.fill_types import (
    DELEVERAGED,
    DELEVERAGED_AGAINST,
    LIMIT,
    LIQUIDATED,
    LIQUIDATION,
)
from seawall.venues.dydx.wire.moments import iso
from seawall.venues.port import Fill, FundingRecord, LedgerRecord

USDC = "USDC"
_TRADE_BITS = 16


def fill_type(fill: Fill) -> str:
    """The kind of a fill."""
    if fill.origin == "liquidation":
        return LIQUIDATED if fill.is_taker else LIQUIDATION
    if fill.origin == "deleveraging":
        return DELEVERAGED if fill.flags & FillFlag.LIQUIDATED else DELEVERAGED_AGAINST
    return LIMIT


def event_of(view: View, fill: Fill) -> str:
    """The id of the event of a fill, the same on both sides."""
    height = view.node.height_at(fill.time_ms)
    return event_id(height, fill.sequence, fill.trade_id % (1 << _TRADE_BITS))


def fill_object(view: View, account: Subaccount, fill: Fill) -> dict[str, Any]:
    """One side of a fill."""
    pair = view.pairs.by_row[fill.market]
    liquidity = "TAKER" if fill.is_taker else "MAKER"
    before = fill.position_before
    found = {
        "id": fill_id(event_of(view, fill), liquidity),
        "side": "BUY" if fill.side == Side.BUY else "SELL",
        "liquidity": liquidity,
        "type": fill_type(fill),
        "market": pair.ticker,
        "marketType": "PERPETUAL",
        "price": decimal(view.fill_price(fill)),
        "size": view.size(pair, fill.size),
        "fee": money_text(fill.fee),
        "affiliateRevShare": "0",
        "createdAt": iso(fill.time_ms),
        "createdAtHeight": view.height_at(fill.time_ms),
        "subaccountNumber": account.number,
        "positionSizeBefore": view.size(pair, abs(before)),
        "positionSideBefore": ("LONG" if before > 0 else "SHORT") if before else None,
    }
    if fill.client_id:
        _, flags, number = parts_of(fill.client_id)
        found["orderId"] = order_id(account.address, account.number, number, pair.number, flags)
        terms = view.directory.terms_of(account.row, fill.client_id)
        found["clientMetadata"] = str(terms.client_metadata if terms else 0)
    return found


def fill_news(view: View, account: Subaccount, fill: Fill) -> dict[str, Any]:
    """The same as a stream shows it."""
    pair = view.pairs.by_row[fill.market]
    shown = fill_object(view, account, fill)
    quote = view.fill_price(fill) * view.coins(pair, fill.size)
    terms = view.directory.terms_of(account.row, fill.client_id)
    return {
        **shown,
        "subaccountId": subaccount_id(account.address, account.number),
        "quoteAmount": decimal(quote),
        "eventId": event_of(view, fill),
        "transactionHash": terms.transaction if terms else "",
        "ticker": pair.ticker,
        "clobPairId": str(pair.number),
    }


def trade_object(view: View, fill: Fill) -> dict[str, Any]:
    """The taker's side of a fill, as everyone sees it."""
    pair = view.pairs.by_row[fill.market]
    kind = fill_type(fill)
    return {
        "id": event_of(view, fill),
        "side": "BUY" if fill.side == Side.BUY else "SELL",
        "size": view.size(pair, fill.size),
        "price": view.price(pair, fill.price),
        "type": kind if kind != LIQUIDATION else LIQUIDATED,
        "createdAt": iso(fill.time_ms),
        "createdAtHeight": view.height_at(fill.time_ms),
    }


def _end(view: View, row: int) -> dict[str, Any]:
    account = view.directory.account_of(row)
    if account is None:
        return {"address": "external" if row < FIRST_USER else str(row)}
    if account.is_wallet:
        return {"address": account.address}
    return {"address": account.address, "subaccountNumber": account.number}


def transfer_object(view: View, account: Subaccount, record: LedgerRecord) -> dict[str, Any] | None:
    """Money that came to a subaccount or left it without a trade; None for anything else."""
    if record.kind not in ("deposit", "withdraw", "transfer_in", "transfer_out"):
        return None
    other_row = int(record.body.get("counterparty", -1))
    other = view.directory.account_of(other_row)
    comes = record.amount > 0
    kind = "TRANSFER_IN" if comes else "TRANSFER_OUT"
    if other is None or other.is_wallet:
        kind = "DEPOSIT" if comes else "WITHDRAWAL"
    own = _end(view, account.row)
    outside = _end(view, other_row) if other_row >= 0 else {"address": "faucet"}
    return {
        "id": text_id(account.row, record.time_ms, record.kind, record.amount),
        "sender": outside if comes else own,
        "recipient": own if comes else outside,
        "size": money_text(abs(record.amount)),
        "createdAt": iso(record.time_ms),
        "createdAtHeight": view.height_at(record.time_ms),
        "symbol": USDC,
        "type": kind,
        "transactionHash": "",
    }


def asset_object(view: View, account: Subaccount) -> dict[str, Any] | None:
    """The USDC of a subaccount; None where it has none."""
    cash = int(view.desk.engine.tables["accounts"]["cash"][account.row])
    if not cash:
        return None
    return {
        "symbol": USDC,
        "side": "LONG" if cash > 0 else "SHORT",
        "size": money_text(abs(cash)),
        "assetId": "0",
        "subaccountNumber": account.number,
    }


def funding_object(view: View, account: Subaccount, record: FundingRecord) -> dict[str, Any]:
    """A funding payment; positive where the account received it."""
    pair = view.pairs.by_row[record.market]
    return {
        "createdAt": iso(record.time_ms),
        "createdAtHeight": view.height_at(record.time_ms),
        "perpetualId": str(pair.number),
        "ticker": pair.ticker,
        "oraclePrice": decimal(view.oracle(pair)),
        "size": view.size(pair, abs(record.signed_size)),
        "side": "LONG" if record.signed_size > 0 else "SHORT",
        "rate": decimal(Fraction(record.rate, FUNDING_ONE)),
        "payment": decimal(Fraction(record.amount, MICRO)),
        "subaccountNumber": str(account.number),
        "fundingIndex": "0",
    }
