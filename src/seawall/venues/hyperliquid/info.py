"""``POST /info``: every type of question and who answers it."""

from collections.abc import Callable
from typing import Any

from seawall.venues.hyperliquid import (
    info_account,
    info_fees,
    info_history,
    info_ledger,
    info_market,
    info_misc,
    info_orders,
    info_trades,
)
from seawall.venues.hyperliquid.info_base import BadRequest, Request, Venue

Answerer = Callable[[Venue, Request], Any]

ANSWERS: dict[str, Answerer] = {
    "activeAssetData": info_account.active_asset_data,
    "allMids": info_market.all_mids,
    "allPerpMetas": info_market.all_perp_metas,
    "approvedBuilders": info_misc.approved_builders,
    "candleSnapshot": info_trades.candle_snapshot,
    "clearinghouseState": info_account.clearinghouse_state,
    "exchangeStatus": info_misc.exchange_status,
    "extraAgents": info_misc.extra_agents,
    "frontendOpenOrders": info_orders.frontend_open_orders,
    "fundingHistory": info_trades.funding_history,
    "historicalOrders": info_orders.historical_orders,
    "l2Book": info_market.l2_book,
    "legalCheck": info_misc.legal_check,
    "liquidatable": info_misc.liquidatable,
    "marginTable": info_market.margin_table,
    "maxBuilderFee": info_misc.max_builder_fee,
    "maxMarketOrderNtls": info_misc.max_market_order_notionals,
    "meta": info_market.meta,
    "metaAndAssetCtxs": info_market.meta_and_asset_contexts,
    "openOrders": info_orders.open_orders,
    "orderStatus": info_orders.order_by_id,
    "perpDexStatus": info_misc.perp_dex_status,
    "perpDexs": info_misc.perp_dexs,
    "perpsAtOpenInterestCap": info_misc.perps_at_cap,
    "portfolio": info_misc.portfolio,
    "preTransferCheck": info_misc.pre_transfer_check,
    "predictedFundings": info_trades.predicted_fundings,
    "recentTrades": info_trades.recent_trades,
    "referral": info_misc.referral,
    "spotClearinghouseState": info_account.spot_clearinghouse_state,
    "spotMeta": info_misc.spot_meta,
    "spotMetaAndAssetCtxs": info_misc.spot_meta_and_contexts,
    "subAccounts": info_misc.sub_accounts,
    "subAccounts2": info_misc.sub_accounts_by_dex,
    "tokenDetails": info_misc.token_details,
    "twapHistory": info_history.twap_history,
    "userAbstraction": info_misc.user_abstraction,
    "userDexAbstraction": info_misc.user_dex_abstraction,
    "userFees": info_fees.user_fees,
    "userFills": info_history.user_fills,
    "userFillsByTime": info_history.user_fills_by_time,
    "userFunding": info_history.user_funding,
    "userNonFundingLedgerUpdates": info_ledger.user_ledger,
    "userRateLimit": info_fees.user_rate_limit,
    "userRole": info_misc.user_role,
    "userTwapSliceFills": info_history.user_twap_slice_fills,
    "userTwapSliceFillsByTime": info_history.user_twap_slice_fills_by_time,
    "webData2": info_misc.web_data_2,
}
"""Types that are answered from the venue's state."""

EMPTY_ANSWERS: dict[str, Answerer] = {
    kind: info_misc.empty_answer(kind)
    for kind in sorted({**info_misc.EMPTY, **info_misc.EMPTY_OF_USER})
}
"""Types about things that a sandbox does not have."""

_ALL = {**EMPTY_ANSWERS, **ANSWERS}


def answer_info(venue: Venue, request: Any) -> Any:
    """The JSON-ready answer to a decoded request. Raises BadRequest, also for an unknown type."""
    if not isinstance(request, dict):
        raise BadRequest("a request is an object")
    kind = request.get("type")
    answerer = _ALL.get(kind) if isinstance(kind, str) else None
    if answerer is None:
        raise BadRequest("type is unknown")
    return answerer(venue, request)
