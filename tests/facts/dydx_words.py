"""Cases in the protocol's own words, read into the project's.

``SEAWALL_DYDX_VECTORS`` names a file of such cases: ``groups`` of ``cases`` with ``name``,
``source``, ``inputs`` and ``expected``.
"""

from typing import Any

from tests.facts.dydx import Groups

WORDS = {
    "asset_id": "asset",
    "asset_positions": "cash",
    "asset_updates": "cash_changes",
    "atomic_resolution": "size_exponent",
    "base_atomic_resolution": "base_exponent",
    "base_quantums": "size",
    "clob_pair": "book",
    "clob_pair_id": "book_id",
    "cur": "before",
    "custom_imf_ppm": "own_initial_ppm",
    "delta_quantums": "size_change",
    "den": "denominator",
    "fee_tier_override_idx": "referred_tier",
    "imf_ppm": "initial_ppm",
    "imr": "initial",
    "is_perpetual_clob": "is_perpetual",
    "liquidations_config": "liquidation_rules",
    "liquidity_tier": "tier",
    "market_type": "pool",
    "max_liquidation_fee_ppm": "maximum_fee_ppm",
    "max_notional_liquidated": "account_notional",
    "max_position_portion_liquidated_ppm": "position_portion_ppm",
    "max_quantums_insurance_lost": "account_insurance",
    "min_position_notional_liquidated": "position_minimum",
    "min_num_votes_per_sample": "minimum_votes",
    "mmf_ppm": "maintenance_ppm",
    "mmr": "maintenance",
    "nc": "net",
    "negative_tnc_seen_at_block": "negative_at_block",
    "new": "after",
    "num": "numerator",
    "num_premiums": "rounds",
    "oracle_price_subticks": "oracle_order_price",
    "perpetual_id": "market",
    "perpetual_positions": "positions",
    "perpetual_updates": "size_changes",
    "perpetuals": "markets",
    "previously_liquidated_perpetual_ids": "liquidated_before",
    "quantum_conversion_exponent": "order_price_exponent",
    "quantums": "amount",
    "quote_atomic_resolution": "cash_exponent",
    "quote_quantums": "quote",
    "remaining_quantums": "remaining_amount",
    "spread_to_maintenance_margin_ratio_ppm": "spread_to_maintenance_ppm",
    "step_base_quantums": "size_step",
    "subaccount": "account",
    "subaccounts": "accounts",
    "subticks": "order_price",
    "subticks_per_tick": "order_price_step",
    "update": "change",
    "update_type": "kind_of_change",
    "updated_subaccount": "changed_account",
    "settled_updates": "changes",
    "updates": "changes",
    "user_is_bech32": "has_address",
}
GROUPS = {
    "average_price_subticks": "average_order_price",
    "base_to_quote_quantums": "quote_of_size",
    "can_update_subaccounts": "can_change_accounts",
    "fill_to_quote_quantums": "quote_of_fill",
    "fillable_price_to_subticks": "fillable_order_price",
    "oi_delta": "open_interest_change",
    "oi_scaled_imf_ppm": "scaled_initial_margin_ppm",
    "price_to_subticks": "oracle_to_order_price",
    "quote_to_base_quantums": "size_of_quote",
    "subaccount_liquidation_limits": "account_liquidation_limits",
    "subaccount_risk": "account_risk",
    "subticks_to_price": "order_to_oracle_price",
    "twap_suborder": "twap_leg",
    "update_subaccounts": "change_accounts",
}
TEXTS = {
    "CollatCheck": "COLLATERAL_CHECK_UPDATE",
    "Deposit": "DEPOSIT_UPDATE",
    "Match": "MATCH_UPDATE",
    "NewlyUndercollateralized": "NEWLY_UNDERCOLLATERALIZED",
    "StillUndercollateralized": "STILL_UNDERCOLLATERALIZED",
    "Success": "NO_REASON",
    "Transfer": "TRANSFER_UPDATE",
    "ViolatesIsolatedSubaccountConstraints": "ISOLATED_MARKET_RULE",
    "Withdrawal": "WITHDRAWAL_UPDATE",
    "WithdrawalsAndTransfersBlocked": "TRANSFERS_BLOCKED",
    "test/0": "subject",
}
ACCOUNTS = ("subaccount", "liquidated", "offsetting", "id")
"""Keys under which a text is an account's name."""
UNREAD = ("client_id", "known_asset_ids", "user")
WIRE = "place_order_stateless"
"""Its cases are messages on the wire and keep the wire's words."""


def translated(vectors: Any) -> Groups:
    """The cases in the project's words, numbered instead of named."""
    return {
        GROUPS.get(name, name): [
            {
                "name": f"{GROUPS.get(name, name)} {number}",
                "source": case.get("source", ""),
                "given": case["inputs"] if name == WIRE else _value(case["inputs"]),
                "expected": case["expected"] if name == WIRE else _value(case["expected"]),
            }
            for number, case in enumerate(group["cases"])
        ]
        for name, group in vectors["groups"].items()
    }


def _value(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        if key == "pools":
            return {name.replace("subaccounts", "cross"): part for name, part in value.items()}
        return {
            WORDS.get(name, name): _value(part, name)
            for name, part in value.items()
            if name not in UNREAD
        }
    if isinstance(value, list):
        return [_value(part, key) for part in value]
    if not isinstance(value, str):
        return value
    if key in ACCOUNTS and value not in TEXTS and "/" in value:
        name, _, number = value.partition("/")
        return f"{name[0].upper()}{number}"
    return TEXTS.get(value, value)
