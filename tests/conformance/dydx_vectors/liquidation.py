"""Liquidation and deleveraging, from the rows of a state."""

from collections.abc import Callable, Mapping
from math import gcd, prod
from typing import Any

from seawall.domain.codes import NO_REASON
from seawall.domain.enums import EventKind, FillFlag, Reason, StartingOffset
from seawall.domain.rulebook import BlockRulebook
from seawall.engine.formulas.blocks.liquidation import (
    AT_BANKRUPTCY,
    AT_ORACLE,
    bankruptcy_quote,
    closes,
    deleveraging_mode,
    deleveraging_quote,
    fillable_terms,
    insurance_can_pay,
    is_liquidatable,
    liquidation_fill,
    liquidation_limits,
    liquidation_size,
    position_limits,
    ticks_of_fraction,
    was_liquidated,
)
from seawall.engine.transitions.blocks.deleveraging import deleverage_pair, deleverage_position
from seawall.engine.transitions.blocks.liquidation_matching import count_liquidation
from tests.conformance.dydx_vectors.rules import block_rules
from tests.conformance.dydx_vectors.wide import NO_TIER, WideState, wide_markets

Case = Mapping[str, Any]
Result = dict[str, Any]

LARGEST_UNSIGNED = 2**64 - 1
POOL = 2**80
VISITS = 1_000
CONFIG = {
    "max_liquidation_fee_ppm": "maximum_fee_ppm",
    "bankruptcy_adjustment_ppm": "bankruptcy_adjustment_ppm",
    "spread_to_maintenance_margin_ratio_ppm": "spread_to_maintenance_ppm",
    "min_position_notional_liquidated": "position_minimum",
    "max_position_portion_liquidated_ppm": "position_portion_ppm",
    "max_notional_liquidated": "account_notional",
    "max_quantums_insurance_lost": "account_insurance",
}
PRICE_MODES = {"bankruptcy": AT_BANKRUPTCY, "oracle": AT_ORACLE}


def _error(name: str) -> Result:
    return {"error": name}


INVALID_DELTA = _error("ErrInvalidPerpetualPositionSizeDelta")
REFUSED = _error("ErrFailedToUpdateSubaccounts")


def _rules(inputs: Case) -> BlockRulebook:
    config = inputs.get("liquidations_config", {})
    return block_rules(liquidation={CONFIG[name]: value for name, value in config.items()})


def _markets(inputs: Case, rulebook: BlockRulebook | None = None) -> WideState:
    """The case's markets; prices of fills are given in the unit of order prices, not in steps."""
    pairs = [inputs["clob_pair"] | {"subticks_per_tick": 1}] if "clob_pair" in inputs else []
    state = wide_markets(inputs["perpetuals"], pairs, rulebook or _rules(inputs))
    state.set("block_rules", 0, cross_pool_cash=POOL)
    state.set("control", 0, visits_left=VISITS)
    for market in state.market_of.values():
        state.set("block_markets", market, pool_cash=POOL)
    return state


def _position(state: WideState, account: int, perpetual: int) -> int:
    """The row of the account's position, or -1."""
    return state.position_row(account, state.market_of.get(perpetual, -1))


def _size(state: WideState, row: int) -> int:
    return state.get("positions", row, "signed_size") if row >= 0 else 0


def bankruptcy_price(inputs: Case) -> Result:
    state = _markets(inputs)
    account = state.create_subaccount(inputs)
    row = _position(state, account, inputs["perpetual_id"])
    delta = inputs["delta_quantums"]
    if not closes(_size(state, row), delta):
        return INVALID_DELTA
    return {"quote_quantums": bankruptcy_quote(state, account, row, delta)}


def fillable_price(inputs: Case) -> Result:
    state = _markets(inputs)
    account = state.create_subaccount(inputs)
    row = _position(state, account, inputs["perpetual_id"])
    size = _size(state, row)
    if not closes(size, inputs["delta_quantums"]):
        return INVALID_DELTA
    base, spread, divisor = fillable_terms(state, account, row)
    numerator = prod(base) - prod(spread) if size > 0 else prod(base) + prod(spread)
    common = gcd(numerator, prod(divisor))
    return {"price": {"num": numerator // common, "den": prod(divisor) // common}}


def fillable_price_to_subticks(inputs: Case) -> Result:
    price, pair = inputs["fillable_price"], inputs["clob_pair"]
    step = pair["subticks_per_tick"]
    ticks = ticks_of_fraction(
        (max(0, price["num"]), 1, 1),
        (max(0, -price["num"]), 1, 1),
        (price["den"], 1, 1),
        inputs["is_liquidating_long"],
        pair["quantum_conversion_exponent"],
        step,
        LARGEST_UNSIGNED // step,
    )
    return {"subticks": ticks * step}


def insurance_fund_delta(inputs: Case) -> Result:
    if inputs["fill_amount"] == 0:
        return _error("ErrInvalidQuantumsForInsuranceFundDeltaCalculation")
    state = _markets(inputs)
    account = state.create_subaccount(inputs)
    row = _position(state, account, inputs["perpetual_id"])
    delta = inputs["fill_amount"] if inputs["is_buy"] else -inputs["fill_amount"]
    if not closes(_size(state, row), delta):
        return INVALID_DELTA
    gain, _ = liquidation_fill(state, account, row, delta, inputs["subticks"])
    return {"delta": gain}


def insurance_fund_valid(inputs: Case) -> Result:
    return {"valid": insurance_can_pay(inputs["balance"], inputs["delta"])}


def _plain_perpetual(perpetual: int, terms: Case) -> Result:
    return {
        "id": perpetual,
        "atomic_resolution": terms.get("atomic_resolution", 0),
        "price": terms.get("price", 1),
        "price_exponent": terms.get("price_exponent", 0),
        "liquidity_tier": NO_TIER,
    }


def subaccount_liquidation_limits(inputs: Case) -> Result:
    before = inputs["previously_liquidated_perpetual_ids"] or []
    perpetual = inputs["perpetual_id"]
    listed = sorted({perpetual, *before})
    state = wide_markets([_plain_perpetual(one, {}) for one in listed], (), _rules(inputs))
    account = state.create_account()
    rows = {one: state.create_position(account, state.market_of[one], 1) for one in listed}
    for one in before:
        state.set("block_positions", rows[one], liquidated_height=1)
    notional = inputs["previous_notional_liquidated"]
    count_liquidation(state, account, notional, inputs["previous_insurance_fund_delta"])
    if was_liquidated(state, rows[perpetual]):
        refusal = _error("ErrSubaccountHasLiquidatedPerpetual")
        return {"max_notional": refusal, "max_insurance_lost": refusal}
    left, insurance = liquidation_limits(state, account)
    return {
        "max_notional": {"value": left}
        if left >= 0
        else _error("ErrLiquidationExceedsSubaccountMaxNotionalLiquidated"),
        "max_insurance_lost": {"value": insurance}
        if insurance >= 0
        else _error("ErrLiquidationExceedsSubaccountMaxInsuranceLost"),
    }


def position_liquidation_limits(inputs: Case) -> Result:
    state = wide_markets([_plain_perpetual(0, inputs)], (), _rules(inputs))
    market = state.market_of.get(inputs["position"]["perpetual_id"])
    if market is None:
        return _error("ErrPerpetualDoesNotExist")
    least, most = position_limits(state, market, inputs["position"]["quantums"])
    return {"min_notional": least, "max_notional": most}


def position_size_to_liquidate(inputs: Case) -> Result:
    state = _markets(inputs)
    account = state.create_subaccount(inputs)
    row = _position(state, account, inputs["perpetual_id"])
    if _size(state, row) == 0:
        return _error("ErrNoPerpetualPositionsToLiquidate")
    return {"delta_quantums": liquidation_size(state, account, row)}


def is_subaccount_liquidatable(inputs: Case) -> Result:
    state = _markets(inputs)
    return {"liquidatable": is_liquidatable(state, state.create_subaccount(inputs))}


def can_deleverage(inputs: Case) -> Result:
    state = _markets(inputs)
    account = state.create_subaccount(inputs["subaccount"])
    mode = deleveraging_mode(state, account, state.market_of[inputs["perpetual_id"]])
    return {"at_bankruptcy_price": mode == AT_BANKRUPTCY, "at_oracle_price": mode == AT_ORACLE}


def _deleveraged_pair(inputs: Case, at_quote_0: bool) -> Result:
    state = _markets(inputs)
    parties = {name: inputs[name] for name in ("liquidated", "offsetting")}
    accounts = {name: state.create_subaccount(party) for name, party in parties.items()}
    perpetual, delta = inputs["perpetual_id"], inputs["delta_quantums"]
    rows = {name: _position(state, account, perpetual) for name, account in accounts.items()}
    if min(rows.values()) < 0 or not closes(_size(state, rows["liquidated"]), delta):
        return INVALID_DELTA
    quote = 0
    if not at_quote_0:
        mode = PRICE_MODES[inputs["price_mode"]]
        quote = deleveraging_quote(state, accounts["liquidated"], rows["liquidated"], delta, mode)
    reason = deleverage_pair(state, rows["liquidated"], rows["offsetting"], delta, quote)
    if reason != NO_REASON:
        return INVALID_DELTA if reason == Reason.INVALID_SIZE else REFUSED
    return {
        name: {"id": parties[name]["id"], **state.subaccount(account)}
        for name, account in accounts.items()
    }


def process_deleveraging(inputs: Case) -> dict[str, Result]:
    """The outcome at the quote of the price mode, and as cases were recorded that fail.

    Those of the bankruptcy price were called with quote 0, those of the oracle price were not.
    """
    at_quote_0 = inputs["price_mode"] == "bankruptcy"
    return {
        "priced": _deleveraged_pair(inputs, at_quote_0=False),
        "where it fails": _deleveraged_pair(inputs, at_quote_0),
    }


def same_deleveraging(got: dict[str, Result], expected: Result) -> bool:
    if "error" in expected:
        return got["where it fails"] == expected
    if expected.get("success"):
        return "error" not in got["priced"]
    return got["priced"] == expected


def _offset(inputs: Case, start: int) -> Result:
    """The rotation begun with opposite holder ``start``."""
    rules = block_rules(liquidation={"counterparty_offset": StartingOffset.BLOCK_HEIGHT})
    state = _markets(inputs, rules)
    state.set("block_rules", 0, height=start)
    accounts = {one["id"]: state.create_subaccount(one) for one in inputs["subaccounts"]}
    names = {account: name for name, account in accounts.items()}
    perpetual = inputs["perpetual_id"]
    row = _position(state, accounts[inputs["liquidated"]], perpetual)
    left = deleverage_position(state, row, inputs["delta_quantums"], AT_BANKRUPTCY)
    fills = [
        {"offsetting": names[event["account"]], "fill_amount": event["order_size"]}
        for event in state.events(EventKind.DELEVERAGED)
        if not event["flags"] & FillFlag.LIQUIDATED
    ]
    return {
        "subaccounts": [
            {"id": name, **state.subaccount(account)} for name, account in accounts.items()
        ],
        "fills": fills,
        "remaining": left,
        "open_interest": state.get("markets", state.market_of[perpetual], "open_interest"),
    }


def offset_subaccount_position(inputs: Case) -> list[Result]:
    """One outcome for each start of the rotation."""
    return [_offset(inputs, start) for start in range(len(inputs["subaccounts"]))]


def same_offset(got: list[Result], expected: Result) -> bool:
    """Any start may have been recorded, and of the accounts only those that were looked at."""
    others = {name: value for name, value in expected.items() if name != "subaccounts"}
    return any(
        {name: outcome[name] for name in others} == others
        and all(account in outcome["subaccounts"] for account in expected["subaccounts"])
        for outcome in got
    )


GROUPS: dict[str, Callable[[Case], Any]] = {
    "bankruptcy_price": bankruptcy_price,
    "fillable_price": fillable_price,
    "fillable_price_to_subticks": fillable_price_to_subticks,
    "insurance_fund_delta": insurance_fund_delta,
    "insurance_fund_valid": insurance_fund_valid,
    "subaccount_liquidation_limits": subaccount_liquidation_limits,
    "position_liquidation_limits": position_liquidation_limits,
    "position_size_to_liquidate": position_size_to_liquidate,
    "is_liquidatable": is_subaccount_liquidatable,
    "can_deleverage": can_deleverage,
    "process_deleveraging": process_deleveraging,
    "offset_position": offset_subaccount_position,
}
COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "process_deleveraging": same_deleveraging,
    "offset_position": same_offset,
}
