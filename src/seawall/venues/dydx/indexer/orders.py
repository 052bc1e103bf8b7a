"""Orders as the indexer shows them: the machine's history, and the terms of the wire beside it."""

from typing import Any

from seawall.domain.enums import OrderFlag, Reason, Side, TimeInForce
from seawall.venues.dydx.directory.directory import OrderTerms, Subaccount
from seawall.venues.dydx.indexer.ids import order_id, subaccount_id
from seawall.venues.dydx.indexer.view import View
from seawall.venues.dydx.instruments import price_text
from seawall.venues.dydx.pairs import Pair, parts_of
from seawall.venues.dydx.wire.moments import iso
from seawall.venues.dydx.wire.order_message import (
    CONDITION_STOP_LOSS,
    CONDITION_TAKE_PROFIT,
    CONDITION_UNSPECIFIED,
    CONDITIONAL,
    SHORT_TERM,
    TIF_IOC,
    TIF_POST_ONLY,
    TIF_UNSPECIFIED,
    TWAP,
)
from seawall.venues.port import OrderRecord

MOST = 10_000
LIVE = ("OPEN", "UNTRIGGERED", "BEST_EFFORT_OPENED")
_FORCE = {
    int(TimeInForce.IMMEDIATE_OR_CANCEL): TIF_IOC, int(TimeInForce.POST_ONLY): TIF_POST_ONLY,
}  # fmt: skip
_REMOVAL = {
    Reason.CANCELLED_BY_USER: "ORDER_REMOVAL_REASON_USER_CANCELED",
    Reason.EXPIRED: "ORDER_REMOVAL_REASON_EXPIRED",
    Reason.IMMEDIATE_REMAINDER: "ORDER_REMOVAL_REASON_IMMEDIATE_OR_CANCEL_WOULD_REST_ON_BOOK",
    Reason.SELF_TRADE_CANCELLED: "ORDER_REMOVAL_REASON_SELF_TRADE_ERROR",
    Reason.REDUCE_ONLY_CANCELLED: "ORDER_REMOVAL_REASON_REDUCE_ONLY_RESIZE",
    Reason.POST_ONLY_WOULD_MATCH: "ORDER_REMOVAL_REASON_POST_ONLY_WOULD_CROSS_MAKER_ORDER",
    Reason.REPLACED: "ORDER_REMOVAL_REASON_REPLACED",
}


def status_of(view: View, record: OrderRecord, terms: OrderTerms) -> str:
    """The indexer's word for the state of an order; empty for one that it does not show."""
    filled = record.original_size - record.remaining_size
    if record.status == "rejected":
        return ""
    if record.status == "filled":
        return "FILLED"
    if record.status == "waiting":
        return "UNTRIGGERED" if terms.flags == CONDITIONAL else "OPEN"
    if record.status == "triggered":
        return "OPEN"
    if record.status == "open":
        return "BEST_EFFORT_OPENED" if terms.flags == SHORT_TERM and not filled else "OPEN"
    if terms.flags != SHORT_TERM or record.reason == Reason.EXPIRED:
        return "CANCELED"
    if terms.time_in_force == TIF_IOC:
        # One that filled nothing never reached the indexer's database.
        return "CANCELED" if filled else ""
    return "BEST_EFFORT_CANCELED" if view.node.height <= terms.good_til else "CANCELED"


def type_of(terms: OrderTerms) -> str:
    """The indexer's word for the kind of an order."""
    if terms.flags == TWAP:
        return "TWAP"
    if terms.flags != CONDITIONAL:
        return "LIMIT"
    is_stop = terms.condition == CONDITION_STOP_LOSS
    return "STOP_LIMIT" if is_stop else "TAKE_PROFIT"


def order_object(
    view: View, account: Subaccount, record: OrderRecord, terms: OrderTerms, status: str
) -> dict[str, Any]:
    """An order."""
    pair = view.pairs.by_row[record.market]
    _, flags, number = parts_of(record.client_id)
    shown = {
        "id": order_id(account.address, account.number, number, pair.number, flags),
        "subaccountId": subaccount_id(account.address, account.number),
        "clientId": str(number),
        "clobPairId": str(pair.number),
        "side": "BUY" if record.side == Side.BUY else "SELL",
        "size": view.size(pair, record.original_size),
        "totalFilled": view.size(pair, record.original_size - record.remaining_size),
        "price": view.price(pair, record.price),
        "type": type_of(terms),
        "status": status,
        "timeInForce": "IOC" if terms.time_in_force == TIF_IOC else "GTT",
        "postOnly": terms.time_in_force == TIF_POST_ONLY,
        "reduceOnly": terms.reduce_only,
        "orderFlags": str(terms.flags),
        "clientMetadata": str(terms.client_metadata),
        "ticker": pair.ticker,
        "subaccountNumber": account.number,
        "updatedAt": iso(record.status_ms),
        "updatedAtHeight": view.height_at(record.status_ms),
    }
    return {**shown, **_further(view, pair, record, terms)}


def _further(view: View, pair: Pair, record: OrderRecord, terms: OrderTerms) -> dict[str, Any]:
    """The fields that only some orders have."""
    found: dict[str, Any] = {}
    if terms.flags == SHORT_TERM:
        found["goodTilBlock"] = str(terms.good_til)
    else:
        found["goodTilBlockTime"] = iso(terms.good_til * 1000)
        found["createdAtHeight"] = view.height_at(record.placed_ms)
    if terms.condition:
        step = pair.terms.price_step
        found["triggerPrice"] = price_text(pair.instrument, terms.trigger_subticks // step)
    if terms.builder:
        found |= {"builderAddress": terms.builder, "feePpm": str(terms.builder_fee_ppm)}
    if terms.router:
        found["orderRouterAddress"] = terms.router
    if terms.flags == TWAP:
        found["duration"] = str(terms.duration)
        found["interval"] = str(terms.interval)
        found["priceTolerance"] = str(terms.tolerance_ppm)
    return found


def plain_terms(view: View, record: OrderRecord) -> OrderTerms:
    """Terms of an order that was not placed over the wire: it stays as long as the rules let it."""
    _, flags, _ = parts_of(record.client_id) if record.client_id else (0, SHORT_TERM, 0)
    rules = view.desk.engine.tables["block_rules"]
    if flags == SHORT_TERM:
        good_til = view.node.height_at(record.placed_ms) + 1 + int(rules["short_term_blocks"][0])
    else:
        good_til = (record.placed_ms + int(rules["long_term_ms"][0])) // 1000
    takes_profit = bool(record.flags & OrderFlag.TAKE_PROFIT)
    condition = CONDITION_TAKE_PROFIT if takes_profit else CONDITION_STOP_LOSS
    step = view.pairs.by_row[record.market].terms.price_step
    return OrderTerms(
        flags=flags, quantums=record.original_size,
        time_in_force=_FORCE.get(record.time_in_force, TIF_UNSPECIFIED),
        reduce_only=bool(record.flags & OrderFlag.REDUCE_ONLY), good_til=good_til,
        condition=condition if record.flags & OrderFlag.TRIGGER else CONDITION_UNSPECIFIED,
        trigger_subticks=record.trigger_price * step,
    )  # fmt: skip


def shown_orders(view: View, account: Subaccount) -> list[dict[str, Any]]:
    """Every order of a subaccount that the indexer shows, the newest first, each id once."""
    found: dict[str, dict[str, Any]] = {}
    for record in view.history.orders(account.row, MOST):
        if record.client_id == 0:
            continue
        terms = view.directory.terms_of(account.row, record.client_id) or plain_terms(view, record)
        status = status_of(view, record, terms)
        if status:
            shown = order_object(view, account, record, terms, status)
            found.setdefault(shown["id"], shown)
    return list(found.values())


def order_with_id(view: View, wanted: str) -> dict[str, Any] | None:
    """The order of the wire with this id, if it was placed over the wire; None if none is shown.

    An id is a digest, so those of all orders are made until one fits, the newest first.
    """
    for (row, client_id), terms in view.directory.newest_terms():
        account = view.directory.account_of(row)
        if account is None:
            continue
        pair, flags, number = parts_of(client_id)
        if order_id(account.address, account.number, number, pair, flags) == wanted:
            record = view.history.order(row, client_id=client_id)
            status = "" if record is None else status_of(view, record, terms)
            return order_object(view, account, record, terms, status) if record and status else None
    return None


def removal_reason(record: OrderRecord) -> str:
    """Why an order is no longer in the book, as a stream says it."""
    reason = Reason(record.reason)
    return _REMOVAL.get(reason, "ORDER_REMOVAL_REASON_INTERNAL_ERROR")
