"""Premiums, samples, rates, the funding index and what it owes, through the engine's book."""

from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from math import gcd
from typing import Any

from seawall.domain.enums import EventKind, OrderFlag, OrderState, Side, TimeInForce
from seawall.domain.rulebook import VolumeTier
from seawall.domain.units import PPM
from seawall.engine.formulas.blocks.funding import (
    average_of_samples,
    index_delta,
    kept_sample,
    kept_samples,
    median_of_votes,
    settlement_terms,
)
from seawall.engine.formulas.blocks.impact import impact_terms
from seawall.engine.formulas.blocks.scaling import average_price
from seawall.engine.transitions.blocks.funding import run_funding_epochs, vote
from seawall.engine.transitions.shared.book import enqueue
from seawall.engine.transitions.shared.orders import reserve_order_id, take_order
from seawall.engine.transitions.shared.positions import position_of
from tests.conformance.dydx_vectors.rules import RULES, block_rules
from tests.conformance.dydx_vectors.run import same
from tests.conformance.dydx_vectors.wide import (
    NO_MARKET,
    NO_TIER,
    WideState,
    wide_markets,
    wide_state,
)

Case = Mapping[str, Any]

SECOND_MS = 1_000
NOW_MS = 10**12
RATE_PERIOD_MS = RULES.funding.rate_period_ms
RICH = 10**40
LARGEST_VOTE_PPM = 2**31 - 1
NAMELESS_ERROR = {"error": "input cannot be empty"}


def _with_premiums(table: str, values: list[int]) -> WideState:
    """A state whose only market begins the table with these values."""
    state = wide_state(block_rules())
    for row, value in enumerate(values):
        state.set(table, row, value=value)
    return state


def median(given: Case) -> Any:
    values = given["values"]
    state = _with_premiums("votes", values)
    found, result = median_of_votes(state, 0, len(values), 0)
    return {"result": int(result)} if found else NAMELESS_ERROR


def average(given: Case) -> Any:
    values = given["values"]
    state = _with_premiums("samples", values)
    return {"result": int(average_of_samples(state, 0, len(values), 0, 0))}


def remove_sample_tails(given: Case) -> Any:
    values, tail_ppm = given["values"], given["removal_rate_ppm"]
    state = _with_premiums("samples", values)
    count = len(values)
    _, kept = kept_samples(count, tail_ppm)
    return {"values": [kept_sample(state, 0, count, 0, tail_ppm, place) for place in range(kept)]}


def settlement_ppm(given: Case) -> Any:
    whole, rest = settlement_terms(
        given["funding_index"], given["position_funding_index"], given["amount"]
    )
    return {"settlement_ppm": whole * PPM + rest}


def funding_index_delta(given: Case) -> Any:
    exponent = given["price_exponent"] + given["size_exponent"] + 6
    time_ms = given["seconds"] * SECOND_MS
    rate = given["rate_8h_ppm"]
    return {"delta": index_delta(given["price"], exponent, rate, time_ms, RATE_PERIOD_MS)}


def _run_epoch(state: WideState, *, sample: bool, tick: bool) -> None:
    """A block in which a sample and a tick are due, or are not."""
    state.set("control", 0, clock_ms=NOW_MS)
    state.set(
        "block_rules",
        0,
        next_sample_ms=NOW_MS if sample else NOW_MS + 1,
        next_tick_ms=NOW_MS if tick else NOW_MS + 1,
    )
    run_funding_epochs(state)


def funding_tick(given: Case) -> Any:
    state = wide_markets(
        given["markets"],
        rulebook=block_rules(
            funding={
                "sample_ms": given["sample_duration"] * SECOND_MS,
                "tick_ms": given["tick_duration"] * SECOND_MS,
                "rate_clamp_ppm": given["funding_rate_clamp_factor_ppm"],
            }
        ),
    )
    samples = given["samples"]
    state.set("block_rules", 0, rounds_of_samples=len(samples))
    for market in state.market_of.values():
        _put_premiums(state, "samples", market, samples)
    _run_epoch(state, sample=False, tick=True)
    moved = {event["market"]: event for event in state.events(EventKind.FUNDING_INDEX_MOVED)}
    markets = [state.market_of[perpetual["id"]] for perpetual in given["markets"]]
    return {
        "index_deltas": [moved[market]["money"] for market in markets],
        "rates_ppm": [moved[market]["closed_profit"] for market in markets],
    }


def _put_premiums(state: WideState, table: str, market: int, values: list[int]) -> None:
    """The votes or the samples that a market has stored."""
    capacity = state.get("block_rules", 0, f"{table}_capacity")
    assert len(values) <= capacity, f"{len(values)} {table} need a longer table"
    for place, value in enumerate(values):
        state.set(table, market * capacity + place, value=value)
    count = {"votes": "vote_count", "samples": "sample_count"}[table]
    state.set("block_markets", market, **{count: len(values)})


def _stored(state: WideState, table: str) -> dict[str, Any]:
    """A store of premiums as the cases write one: markets without any are left out."""
    capacity = state.get("block_rules", 0, f"{table}_capacity")
    count = {"votes": "vote_count", "samples": "sample_count"}[table]
    markets = {}
    for perpetual, market in sorted(state.market_of.items()):
        used = state.get("block_markets", market, count)
        if used:
            first = market * capacity
            markets[str(perpetual)] = [
                state.get(table, row, "value") for row in range(first, first + used)
            ]
    return {"rounds": state.get("block_rules", 0, f"rounds_of_{table}"), "markets": markets}


def funding_sample(given: Case) -> Any:
    """A store with more votes than rounds cannot come to be here: every vote is in a round."""
    stores = {table: given[table] for table in ("votes", "samples")}
    most = max(map(len, stores["votes"]["markets"].values()), default=0)
    if given["new_epoch"] and most > stores["votes"]["rounds"]:
        return {"error": "panic"}
    perpetuals = sorted({int(name) for store in stores.values() for name in store["markets"]})
    state = wide_markets(
        [{**NO_MARKET, "id": perpetual, "price": 1} for perpetual in perpetuals or [0]],
        rulebook=block_rules(funding={"minimum_votes": given["minimum_votes"]}),
    )
    for table, store in stores.items():
        state.set("block_rules", 0, **{f"rounds_of_{table}": store["rounds"]})
        for name, values in store["markets"].items():
            _put_premiums(state, table, state.market_of[int(name)], values)
    _run_epoch(state, sample=given["new_epoch"], tick=False)
    return {table: _stored(state, table) for table in ("samples", "votes")}


def _rest(state: WideState, account: int, market: int, order: Case) -> None:
    """Puts an order of a case into the book; its subticks must be on a tick."""
    step = state.get("block_markets", market, "price_step")
    ticks, beside = divmod(order["order_price"], step)
    assert beside == 0, f"{order['subticks']} is not on a tick of {step}"
    side = Side.BUY if order["side"] == "BUY" else Side.SELL
    row = position_of(state, account, market)
    slot = take_order(
        state, reserve_order_id(state), row, int(side), int(OrderFlag.NO_FLAG),
        int(TimeInForce.GOOD_TIL_CANCEL), ticks, order["amount"], 0,
    )  # fmt: skip
    state.set("orders", slot, state=OrderState.RESTING)
    enqueue(state, slot)


def _common_step(orders: Iterable[Case]) -> int:
    """The largest tick that all the orders are on."""
    return gcd(*(order["order_price"] for order in orders)) or 1


def price_premium(given: Case) -> Any:
    """The vote of a market whose margin fractions give the case's bound; all owners are rich."""
    bound = given["max_abs_premium_vote_ppm"]
    if bound > LARGEST_VOTE_PPM:
        return {"error": "panic"}
    if not given["is_perpetual"]:
        return {"error": "ErrPremiumWithNonPerpetualClobPair"}
    exponents = given["base_exponent"], -given["cash_exponent"] - 6
    perpetual = {
        "id": 0,
        "size_exponent": sum(exponents),
        "price": given["index_price"],
        "price_exponent": given["index_price_exponent"],
        "tier": {
            **NO_TIER,
            "maintenance_fraction_ppm": 0,
            "impact_notional": given["impact_notional"],
        },
    }
    pair = {
        "id": 0,
        "order_price_exponent": given["order_price_exponent"],
        "order_price_step": _common_step(given["orders"]),
    }
    rulebook = block_rules(funding={"vote_clamp_ppm": bound})
    state = wide_markets([perpetual], [pair], rulebook)
    for order in given["orders"]:
        _rest(state, state.create_account(RICH), 0, order)
    unset = LARGEST_VOTE_PPM + 1
    state.set("markets", 0, last_premium=unset)
    vote(state)
    premium = state.get("markets", 0, "last_premium")
    if premium == unset:
        return {"error": "ErrZeroIndexPriceForPremiumCalculation"}
    return {"premium_ppm": premium}


def impact_price(given: Case) -> Any:
    free = VolumeTier("1", 0, 0, 0, 0, given["maker_fee_ppm"])
    rulebook = block_rules(fee={"tiers": (free,), "staking_levels": ()})
    pair = given["book"]
    state = wide_markets(given["markets"], [pair], rulebook)
    market = state.market_of[pair["id"]]
    accounts = {
        subaccount["id"]: state.create_subaccount(subaccount) for subaccount in given["accounts"]
    }
    for order in given["orders"]:
        _rest(state, accounts[order["account"]], market, order)
    side = Side.SELL if given["is_bid"] else Side.BUY
    quote, size, enough = impact_terms(state, market, int(side), given["impact_notional"])
    if not enough:
        return {"order_price": None, "has_enough_liquidity": False}
    price = Fraction(*average_price(quote, size, pair["order_price_exponent"]))
    return {
        "order_price": {"numerator": price.numerator, "denominator": price.denominator},
        "has_enough_liquidity": True,
    }


def close_price(got: Any, expected: Any) -> bool:
    """The venue's own test compares impact prices to within one subtick."""
    if got["has_enough_liquidity"] != expected["has_enough_liquidity"]:
        return False
    if expected["order_price"] is None or got["order_price"] is None:
        return expected["order_price"] is got["order_price"]
    prices = [
        Fraction(of["order_price"]["numerator"], of["order_price"]["denominator"])
        for of in (got, expected)
    ]
    return abs(prices[0] - prices[1]) <= 1


GROUPS: dict[str, Callable[[Case], Any]] = {
    "median": median,
    "average": average,
    "remove_sample_tails": remove_sample_tails,
    "settlement_ppm": settlement_ppm,
    "funding_index_delta": funding_index_delta,
    "funding_tick": funding_tick,
    "funding_sample": funding_sample,
    "price_premium": price_premium,
    "impact_price": impact_price,
}


def same_or_error(got: Any, expected: Any) -> bool:
    """The protocol's error has a text and no name, so any way to state it means the same."""
    if "error" not in got:
        return same(got, expected)
    return bool(expected.get("error")) or expected == {"result": None}


COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "impact_price": close_price,
    "median": same_or_error,
}
