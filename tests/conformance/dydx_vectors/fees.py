"""Fee rates of an account with these volumes, standing and discounts, from the rows of a state."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from seawall.domain.rulebook import StakingLevel, VolumeTier
from seawall.engine.formulas.blocks.fees import (
    fee_ppm,
    lowest_maker_ppm,
    staking_discount_ppm,
)
from tests.conformance.dydx_vectors.rules import SECOND_MS, block_rules
from tests.conformance.dydx_vectors.wide import NO_MARKET, WideState, wide_markets

Case = Mapping[str, Any]


def fee_state(
    tiers: Iterable[VolumeTier],
    staking_tiers: Iterable[Case],
    markets: Iterable[int] = (0,),
    referred_tier: int = 0,
) -> WideState:
    """A state with these fee tiers and levels of stake, and a market for each id."""
    tiers = tuple(tiers)
    levels = {tier["fee_tier_name"]: tier["levels"] or () for tier in staking_tiers}
    staking_levels = tuple(
        StakingLevel(tier.name, level["min_staked"], level["fee_discount_ppm"])
        for tier in tiers
        for level in levels.get(tier.name, ())
    )
    rulebook = block_rules(
        fee={"tiers": tiers, "staking_levels": staking_levels, "referred_tier": referred_tier}
    )
    state = wide_markets([{**NO_MARKET, "id": id, "price": 1} for id in markets], (), rulebook)
    for row, level in enumerate(staking_levels):
        state.set("staking_levels", row, staked=level.staked)
    return state


def tier_of(case: Case) -> VolumeTier:
    return VolumeTier(
        case["name"],
        case["absolute_volume_requirement"],
        case["total_volume_share_requirement_ppm"],
        case["maker_volume_share_requirement_ppm"],
        case["taker_fee_ppm"],
        case["maker_fee_ppm"],
    )


def charged_rates(given: Case) -> Any:
    """Stakes count only for owners that have an address of the chain."""
    discount, pair = given["market_discount"], given["book_id"]
    ids = {pair, discount["book_id"]} if discount else {pair}
    state = fee_state(
        map(tier_of, given["fee_tiers"]),
        given["staking_tiers"] or (),
        ids,
        given["referred_tier"],
    )
    account = state.create_account()
    state.set("control", 0, clock_ms=given["block_time"] * SECOND_MS)
    state.set("block_rules", 0, total_taker_volume=given["global_notional"])
    state.set(
        "accounts",
        account,
        day_taker_volume=given["taker_notional"],
        day_maker_volume=given["maker_notional"],
    )
    state.set(
        "block_accounts",
        account,
        staked=given["staked_base_tokens"] if given["has_address"] else 0,
        referred=given["referred"],
        vault=given["is_vault"],
    )
    if discount:
        state.set(
            "block_markets",
            state.market_of[discount["book_id"]],
            charge_ppm=discount["charge_ppm"],
            charge_from_ms=discount["start"] * SECOND_MS,
            charge_until_ms=discount["end"] * SECOND_MS,
        )
    market = state.market_of[pair]
    return {
        "taker_fee_ppm": fee_ppm(state, account, market, 1),
        "maker_fee_ppm": fee_ppm(state, account, market, 0),
    }


def _named(names: Iterable[str]) -> list[VolumeTier]:
    return [VolumeTier(name, 0, 0, 0, 0, 0) for name in dict.fromkeys(names)]


def lowest_maker_fee(given: Case) -> Any:
    tiers = [
        VolumeTier(str(place), 0, 0, 0, 0, ppm) for place, ppm in enumerate(given["maker_fees_ppm"])
    ]
    return {"result": lowest_maker_ppm(fee_state(tiers, ()))}


def staking_discount(given: Case) -> Any:
    wanted, staking_tiers = given["fee_tier_name"], given["staking_tiers"] or ()
    names = [wanted, *(tier["fee_tier_name"] for tier in staking_tiers)]
    state = fee_state(_named(names), staking_tiers)
    return {"discount_ppm": staking_discount_ppm(state, 0, given["staked_base_tokens"])}


GROUPS: dict[str, Callable[[Case], Any]] = {
    "fee_ppm": charged_rates,
    "lowest_maker_fee": lowest_maker_fee,
    "staking_discount": staking_discount,
}
