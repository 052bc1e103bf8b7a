"""``POST /info``: every type of request and the function that answers it."""

from collections.abc import Callable
from typing import Any

from seawall.venues.hyperliquid.info import (
    account,
    fees,
    history,
    ledger,
    market,
    misc,
    orders,
    spot,
    trades,
)
from seawall.venues.hyperliquid.info.base import BadRequest, DeskView, Request

Answerer = Callable[[DeskView, Request], Any]

ANSWERS: dict[str, Answerer] = {
    "activeAssetData": account.active_asset_data,
    "allDexsClearinghouseState": account.all_clearinghouse_states,
    "allMids": market.all_mids,
    "allPerpMetas": market.all_perp_metas,
    "approvedBuilders": misc.approved_builders,
    "candleSnapshot": trades.candle_snapshot,
    "clearinghouseState": account.clearinghouse_state,
    "exchangeStatus": misc.exchange_status,
    "extraAgents": misc.extra_agents,
    "frontendOpenOrders": orders.frontend_open_orders,
    "fundingHistory": trades.funding_history,
    "historicalOrders": orders.historical_orders,
    "l2Book": market.l2_book,
    "legalCheck": misc.legal_check,
    "liquidatable": misc.liquidatable,
    "marginTable": market.margin_table,
    "maxBuilderFee": misc.max_builder_fee,
    "maxMarketOrderNtls": misc.max_market_order_notionals,
    "meta": market.meta,
    "metaAndAssetCtxs": market.meta_and_asset_contexts,
    "openOrders": orders.open_orders,
    "orderStatus": orders.order_by_id,
    "perpDexStatus": misc.perp_dex_status,
    "perpDexs": misc.perp_dexs,
    "perpsAtOpenInterestCap": misc.perps_at_cap,
    "portfolio": misc.portfolio,
    "preTransferCheck": misc.pre_transfer_check,
    "predictedFundings": trades.predicted_fundings,
    "recentTrades": trades.recent_trades,
    "referral": misc.referral,
    "spotClearinghouseState": account.spot_clearinghouse_state,
    "spotMeta": spot.spot_meta,
    "spotMetaAndAssetCtxs": spot.spot_meta_and_contexts,
    "subAccounts": misc.sub_accounts,
    "subAccounts2": misc.sub_accounts_by_dex,
    "tokenDetails": spot.token_details,
    "twapHistory": history.twap_history,
    "userAbstraction": misc.user_abstraction,
    "userDexAbstraction": misc.user_dex_abstraction,
    "userFees": fees.user_fees,
    "userFills": history.user_fills,
    "userFillsByTime": history.user_fills_by_time,
    "userFunding": history.user_funding,
    "userNonFundingLedgerUpdates": ledger.user_ledger,
    "userRateLimit": fees.user_rate_limit,
    "userRole": misc.user_role,
    "userTwapSliceFills": history.user_twap_slice_fills,
    "userTwapSliceFillsByTime": history.user_twap_slice_fills_by_time,
    "webData2": misc.web_data_2,
}
"""Types that are answered from the venue's state."""

EMPTY_ANSWERS: dict[str, Answerer] = {
    kind: misc.empty_answer(kind) for kind in sorted({**misc.EMPTY, **misc.EMPTY_OF_USER})
}
"""Types about things that a sandbox does not have."""

_ALL = {**EMPTY_ANSWERS, **ANSWERS}


def answer_info(venue: DeskView, request: Any) -> Any:
    """The JSON-ready answer to a decoded request. Raises BadRequest, also for an unknown type."""
    if not isinstance(request, dict):
        raise BadRequest("a request is an object")
    kind = request.get("type")
    answerer = _ALL.get(kind) if isinstance(kind, str) else None
    if answerer is None:
        raise BadRequest("type is unknown")
    return answerer(venue, request)
