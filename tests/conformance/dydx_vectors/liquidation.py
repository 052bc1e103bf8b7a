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
PRICE_MODES = {"bankruptcy": AT_BANKRUPTCY, "oracle": AT_ORACLE}


def _error(name: str) -> Result:
    return {"error": name}


INVALID_DELTA = _error("ErrInvalidPerpetualPositionSizeDelta")
REFUSED = _error("ErrFailedToUpdateSubaccounts")


def _rules(given: Case) -> BlockRulebook:
    return block_rules(liquidation=given.get("liquidation_rules", {}))


def _markets(given: Case, rulebook: BlockRulebook | None = None) -> WideState:
    """The case's markets; prices of fills are given in the unit of order prices, not in steps."""
    pairs = [given["book"] | {"order_price_step": 1}] if "book" in given else []
    state = wide_markets(given["markets"], pairs, rulebook or _rules(given))
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


def bankruptcy_price(given: Case) -> Result:
    state = _markets(given)
    account = state.create_subaccount(given)
    row = _position(state, account, given["market"])
    delta = given["size_change"]
    if not closes(_size(state, row), delta):
        return INVALID_DELTA
    return {"quote": bankruptcy_quote(state, account, row, delta)}


def fillable_price(given: Case) -> Result:
    state = _markets(given)
    account = state.create_subaccount(given)
    row = _position(state, account, given["market"])
    size = _size(state, row)
    if not closes(size, given["size_change"]):
        return INVALID_DELTA
    base, spread, divisor = fillable_terms(state, account, row)
    numerator = prod(base) - prod(spread) if size > 0 else prod(base) + prod(spread)
    common = gcd(numerator, prod(divisor))
    return {"price": {"numerator": numerator // common, "denominator": prod(divisor) // common}}


def fillable_price_to_subticks(given: Case) -> Result:
    price, pair = given["fillable_price"], given["book"]
    step = pair["order_price_step"]
    ticks = ticks_of_fraction(
        (max(0, price["numerator"]), 1, 1),
        (max(0, -price["numerator"]), 1, 1),
        (price["denominator"], 1, 1),
        given["is_liquidating_long"],
        pair["order_price_exponent"],
        step,
        LARGEST_UNSIGNED // step,
    )
    return {"order_price": ticks * step}


def insurance_fund_delta(given: Case) -> Result:
    if given["fill_amount"] == 0:
        return _error("ErrInvalidQuantumsForInsuranceFundDeltaCalculation")
    state = _markets(given)
    account = state.create_subaccount(given)
    row = _position(state, account, given["market"])
    delta = given["fill_amount"] if given["is_buy"] else -given["fill_amount"]
    if not closes(_size(state, row), delta):
        return INVALID_DELTA
    gain, _ = liquidation_fill(state, account, row, delta, given["order_price"])
    return {"delta": gain}


def insurance_fund_valid(given: Case) -> Result:
    return {"valid": insurance_can_pay(given["balance"], given["delta"])}


def _plain_perpetual(perpetual: int, terms: Case) -> Result:
    return {
        "id": perpetual,
        "size_exponent": terms.get("size_exponent", 0),
        "price": terms.get("price", 1),
        "price_exponent": terms.get("price_exponent", 0),
        "tier": NO_TIER,
    }


def subaccount_liquidation_limits(given: Case) -> Result:
    before = given["liquidated_before"] or []
    perpetual = given["market"]
    listed = sorted({perpetual, *before})
    state = wide_markets([_plain_perpetual(one, {}) for one in listed], (), _rules(given))
    account = state.create_account()
    rows = {one: state.create_position(account, state.market_of[one], 1) for one in listed}
    for one in before:
        state.set("block_positions", rows[one], liquidated_height=1)
    notional = given["previous_notional_liquidated"]
    count_liquidation(state, account, notional, given["previous_insurance_fund_delta"])
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


def position_liquidation_limits(given: Case) -> Result:
    state = wide_markets([_plain_perpetual(0, given)], (), _rules(given))
    market = state.market_of.get(given["position"]["market"])
    if market is None:
        return _error("ErrPerpetualDoesNotExist")
    least, most = position_limits(state, market, given["position"]["amount"])
    return {"min_notional": least, "max_notional": most}


def position_size_to_liquidate(given: Case) -> Result:
    state = _markets(given)
    account = state.create_subaccount(given)
    row = _position(state, account, given["market"])
    if _size(state, row) == 0:
        return _error("ErrNoPerpetualPositionsToLiquidate")
    return {"size_change": liquidation_size(state, account, row)}


def is_subaccount_liquidatable(given: Case) -> Result:
    state = _markets(given)
    return {"liquidatable": is_liquidatable(state, state.create_subaccount(given))}


def can_deleverage(given: Case) -> Result:
    state = _markets(given)
    account = state.create_subaccount(given["account"])
    mode = deleveraging_mode(state, account, state.market_of[given["market"]])
    return {"at_bankruptcy_price": mode == AT_BANKRUPTCY, "at_oracle_price": mode == AT_ORACLE}


def _deleveraged_pair(given: Case, at_quote_0: bool) -> Result:
    state = _markets(given)
    parties = {name: given[name] for name in ("liquidated", "offsetting")}
    accounts = {name: state.create_subaccount(party) for name, party in parties.items()}
    perpetual, delta = given["market"], given["size_change"]
    rows = {name: _position(state, account, perpetual) for name, account in accounts.items()}
    if min(rows.values()) < 0 or not closes(_size(state, rows["liquidated"]), delta):
        return INVALID_DELTA
    quote = 0
    if not at_quote_0:
        mode = PRICE_MODES[given["price_mode"]]
        quote = deleveraging_quote(state, accounts["liquidated"], rows["liquidated"], delta, mode)
    reason = deleverage_pair(state, rows["liquidated"], rows["offsetting"], delta, quote)
    if reason != NO_REASON:
        return INVALID_DELTA if reason == Reason.INVALID_SIZE else REFUSED
    return {
        name: {"id": parties[name]["id"], **state.subaccount(account)}
        for name, account in accounts.items()
    }


def process_deleveraging(given: Case) -> dict[str, Result]:
    """The outcome at the quote of the price mode, and as cases were recorded that fail.

    Those of the bankruptcy price were called with quote 0, those of the oracle price were not.
    """
    at_quote_0 = given["price_mode"] == "bankruptcy"
    return {
        "priced": _deleveraged_pair(given, at_quote_0=False),
        "where it fails": _deleveraged_pair(given, at_quote_0),
    }


def same_deleveraging(got: dict[str, Result], expected: Result) -> bool:
    if "error" in expected:
        return got["where it fails"] == expected
    if expected.get("success"):
        return "error" not in got["priced"]
    return got["priced"] == expected


def _offset(given: Case, start: int) -> Result:
    """The rotation begun with opposite holder ``start``."""
    rules = block_rules(liquidation={"counterparty_offset": StartingOffset.BLOCK_HEIGHT})
    state = _markets(given, rules)
    state.set("block_rules", 0, height=start)
    accounts = {one["id"]: state.create_subaccount(one) for one in given["accounts"]}
    names = {account: name for name, account in accounts.items()}
    perpetual = given["market"]
    row = _position(state, accounts[given["liquidated"]], perpetual)
    left = deleverage_position(state, row, given["size_change"], AT_BANKRUPTCY)
    fills = [
        {"offsetting": names[event["account"]], "fill_amount": event["order_size"]}
        for event in state.events(EventKind.DELEVERAGED)
        if not event["flags"] & FillFlag.LIQUIDATED
    ]
    return {
        "accounts": [
            {"id": name, **state.subaccount(account)} for name, account in accounts.items()
        ],
        "fills": fills,
        "remaining": left,
        "open_interest": state.get("markets", state.market_of[perpetual], "open_interest"),
    }


def offset_subaccount_position(given: Case) -> list[Result]:
    """One outcome for each start of the rotation."""
    return [_offset(given, start) for start in range(len(given["accounts"]))]


def same_offset(got: list[Result], expected: Result) -> bool:
    """Any start may have been recorded, and of the accounts only those that were looked at."""
    others = {name: value for name, value in expected.items() if name != "accounts"}
    return any(
        {name: outcome[name] for name in others} == others
        and all(account in outcome["accounts"] for account in expected["accounts"])
        for outcome in got
    )


GROUPS: dict[str, Callable[[Case], Any]] = {
    "bankruptcy_price": bankruptcy_price,
    "fillable_price": fillable_price,
    "fillable_order_price": fillable_price_to_subticks,
    "insurance_fund_delta": insurance_fund_delta,
    "insurance_fund_valid": insurance_fund_valid,
    "account_liquidation_limits": subaccount_liquidation_limits,
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
