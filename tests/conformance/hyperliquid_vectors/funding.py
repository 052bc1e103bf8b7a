"""Premium, rate and payment: by the formulas, and by an hour in a market with such a book."""

from fractions import Fraction
from math import lcm
from typing import Any

from seawall.domain.commands import AdvanceTime
from seawall.domain.enums import PremiumMethod, Side
from seawall.domain.events import Event, FundingPaid, FundingSampled
from seawall.domain.rulebook import Rulebook
from seawall.domain.units import FUNDING_ONE, MAX_PRICE, MICRO, MONEY_DECIMALS, from_units, to_units
from seawall.engine.formulas.continuous.funding import (
    clamp,
    funding_payment,
    premium_of,
    rate_of_premium,
)
from tests.conformance.hyperliquid_vectors.machine import (
    World,
    market,
    micro,
    single_tier,
    size_decimals_for,
    wide_rules,
)
from tests.conformance.hyperliquid_vectors.report import (
    Check,
    Group,
    decimals_of,
    first_of,
    listed,
    number,
)

FUNDING_DECIMALS = 12
PRINTED = 10
"""Decimals to which the venue prints premiums and rates."""
ORDINARY_IMPACT = 6_000 * MICRO
LARGEST_IMPACT = 10**15
HOUR_MS = 3_600_000
METHODS = {
    "main": ("impact_difference", PremiumMethod.IMPACT_DIFFERENCE),
    "hip3": ("impact_mid", PremiumMethod.IMPACT_MID),
}


def funding(group: Group, data: Any, vectors: Any) -> None:
    known = {
        "documented": _doc_examples,
        "premiums": _premiums,
        "rate": _rates,
        "payment": _payments,
        "history": _history,
    }
    for part, value in group.parts(data, known):
        known[part](group, value)


def _doc_examples(group: Group, value: Any) -> None:
    for case in listed(value):
        with group.case("documented") as check:
            prices = [case["oracle"], case["impact_bid"]]
            prices.append(case.get("impact_ask", max(int(p) for p in map(Fraction, prices)) + 1))
            rules = wide_rules(funding__interest=str(case["interest_8h"]))
            premium = _formula_premium(prices, "main")
            check.near("premium", Fraction(premium, FUNDING_ONE), case["premium"])
            policy = rules.funding
            held = int(clamp(policy.interest - premium, policy.clamp))
            check.near("clamped", Fraction(held, FUNDING_ONE), case["clamped"])
            check.near("rate of 8 h", Fraction(premium + held, FUNDING_ONE), case["rate_8h"])
            rate = Fraction(_rate_of(rules, premium), FUNDING_ONE)
            check.near("hourly rate", rate, case["hourly_rate"], PRINTED)
            _compare_hour(check, prices, rules, case["premium"], case["hourly_rate"])


def _premiums(group: Group, value: Any) -> None:
    for place, case in enumerate(value["cases"]):
        formula = case.get("formula", "hip3" if case.get("dex") else "main")
        name = f"premium {case.get('dex', '')}:{case.get('asset_index', place)}"
        with group.case(name) as check:
            if case.get("impact_prices") is None:
                _compare_thin_book(check, case, formula)
                continue
            prices = [case["oracle"], *case["impact_prices"]]
            premium = Fraction(_formula_premium(prices, formula), FUNDING_ONE)
            check.near("formula", premium, case["premium"], PRINTED)
            rules = wide_rules(funding__premium_method=METHODS[formula][0])
            _compare_hour(check, prices, rules, case["premium"], None)


def _compare_thin_book(check: Check, case: Any, formula: str) -> None:
    """Without impact prices the venue prints no premium; the machine counts a sample of 0."""
    world = World([market("X", size_decimals_for([], [case["oracle"]]), single_tier(50))])
    world.price(0, to_units(case["oracle"], world.engine.instruments[0].price_decimals))
    sample = _one(_hour(world), FundingSampled)
    check.equal("sample", from_units(sample.premium, FUNDING_DECIMALS), case["premium"] or "0")


def _formula_premium(prices: list[Any], formula: str) -> int:
    oracle, bid, ask = (to_units(str(price), FUNDING_DECIMALS) for price in prices)
    return int(premium_of(METHODS[formula][1], bid, ask, oracle))


def _compare_hour(
    check: Check, prices: list[Any], rules: Rulebook, premium: Any, rate: Any
) -> None:
    """The premium that the machine samples from such a book, and the rate it settles."""
    decimals = max(d for d in range(MONEY_DECIMALS + 1) if _carry(prices, MONEY_DECIMALS - d))
    oracle, bid, ask = (to_units(str(price), MONEY_DECIMALS - decimals) for price in prices)
    impact = _impact(oracle, bid, ask, rules)
    if impact > LARGEST_IMPACT:
        check.note("no impact notional gives both impact prices exactly: the formula alone")
        return
    world = World([market("X", decimals, single_tier(50), impact)], rules)
    world.price(0, oracle)
    maker, holder = world.account(10**16), world.account()
    world.rest(maker, 0, Side.BUY, bid, -(-impact // bid))
    world.rest(maker, 0, Side.SELL, ask, -(-impact // ask))
    world.adopt(holder, 0, 1, oracle, 1)
    events = _hour(world)
    sampled = _one(events, FundingSampled)
    check.equal("samples of the hour", sampled.samples, HOUR_MS // rules.funding.sample_ms)
    check.near("sampled premium", Fraction(sampled.premium, FUNDING_ONE), premium, PRINTED)
    if rate is not None:
        paid = Fraction(_paid(events, holder).rate, FUNDING_ONE)
        check.near("settled rate", paid, rate, PRINTED)


def _carry(prices: list[Any], decimals: int) -> bool:
    """Whether prices of so many decimals are enough."""
    return all((Fraction(str(price)) * 10**decimals).denominator == 1 for price in prices)


def _impact(oracle: int, bid: int, ask: int, rules: Rulebook) -> int:
    """An impact notional that is a whole size at the prices that count, so nothing is rounded."""
    if rules.funding.premium_method == PremiumMethod.IMPACT_MID:
        unit = lcm(bid, ask)
    else:
        unit = bid if bid > oracle else ask
    return unit * -(-ORDINARY_IMPACT // unit)


def _hour(world: World) -> list[Event]:
    """One whole hour in which nothing moves."""
    world.send(AdvanceTime(world.now))
    world.now += HOUR_MS
    return world.send(AdvanceTime(world.now))


def _one(events: list[Event], kind: Any) -> Any:
    found = [event for event in events if isinstance(event, kind)]
    if len(found) != 1:
        raise AssertionError(f"{len(found)} events {kind.__name__} in an hour")
    return found[0]


def _paid(events: list[Event], account: int) -> FundingPaid:
    found = [e for e in events if isinstance(e, FundingPaid) and e.account == account]
    return _one(list(found), FundingPaid)


def _rate_of(rules: Rulebook, premium: int) -> int:
    policy = rules.funding
    return int(
        rate_of_premium(
            premium, policy.interest, policy.clamp, policy.intervals_per_period, policy.cap
        )
    )


def _rates(group: Group, value: Any) -> None:
    for case in value["cases"]:
        with group.case(f"rate of premium {case['premium']}") as check:
            _compare_rate(check, number(case["premium"]), case["hourly_rate"])


def _history(group: Group, value: Any) -> None:
    for part in listed(value):
        for place, row in enumerate(part["rows"]):
            with group.case(f"history {part.get('coin', '')} {place + 1}") as check:
                _compare_rate(check, number(row["premium"]), row["rate"])


def _compare_rate(check: Check, premium: str, rate: Any) -> None:
    """By the formula; and by an hour, where a price can be so far from the oracle exactly."""
    rules = wide_rules()
    formula = _rate_of(rules, to_units(premium, FUNDING_DECIMALS))
    check.near("formula", Fraction(formula, FUNDING_ONE), rate, PRINTED)
    oracle = 10 ** max(4, decimals_of(premium))
    apart = Fraction(premium) * oracle
    if oracle + apart + 10 > MAX_PRICE:
        return
    bid = oracle + apart if apart > 0 else oracle + min(apart, 0) - 10
    ask = oracle + apart if apart < 0 else max(bid, oracle) + 10
    prices = [from_units(int(price), MONEY_DECIMALS) for price in (oracle, bid, ask)]
    if bid <= 0:
        check.note("no book can show this premium: the formula alone")
        return
    _compare_hour(check, prices, rules, premium, rate)


def _payments(group: Group, value: Any) -> None:
    for case in value["cases"]:
        with group.case(f"payment of {case['signed_size']} at {case['rate']}") as check:
            _compare_payment(check, case)


def _compare_payment(check: Check, case: Any) -> None:
    """The recorded amount to the micro-USD.

    A record holds no oracle price; the one in the case was found from the amount, to a few digits
    (so its last digit is uncertain), and the rate is printed to ten decimals. An oracle price
    and a rate within these bounds must pay the amount exactly, by the formula and in the machine.
    """
    szi, amount = str(case["signed_size"]), micro(case["paid"])
    rate = to_units(str(case["rate"]), FUNDING_DECIMALS)
    told = str(first_of(case, "oracle", "implied_oracle"))
    size_decimals = size_decimals_for([szi], [told])
    price_decimals = MONEY_DECIMALS - size_decimals
    size, oracle = to_units(szi, size_decimals), to_units(told, price_decimals)
    reach = 0
    if "implied_oracle" in case and "oracle" not in case:
        reach = 10 ** max(0, price_decimals - decimals_of(told))
    found = _paying(size, oracle, reach, rate, amount)
    check.equal("a price and a rate that pay it", found is not None, True)
    if found is None:
        paid = int(funding_payment(size, oracle, rate))
        check.equal("payment", from_units(paid, 6), case["paid"])
        return
    price, exact = found
    check.note(
        f"oracle {from_units(price, price_decimals)} (told {told}), "
        f"rate {from_units(exact, FUNDING_DECIMALS)}"
    )
    check.equal("formula", int(funding_payment(size, price, exact)), amount)
    world = World([market("X", size_decimals, single_tier(50))], _fixed_rate(exact))
    world.price(0, price)
    holder = world.account()
    world.adopt(holder, 0, size, abs(size) * price, 1)
    before = world.cash(holder)
    paid = _paid(_hour(world), holder)
    check.equal("settled rate", paid.rate, exact)
    check.equal("payment", paid.amount, amount)
    check.equal("cash", world.cash(holder) - before, amount)


def _paying(size: int, oracle: int, reach: int, rate: int, amount: int) -> tuple[int, int] | None:
    """(price, rate): as near to what was told as possible, both within their printed digits."""
    printed = 10 ** (FUNDING_DECIMALS - PRINTED)
    for off in sorted(range(-(printed // 2), printed // 2 + 1), key=abs):
        exact = rate + off
        if not exact:
            continue
        ideal = -amount * FUNDING_ONE // (size * exact)
        prices = {oracle, ideal, ideal + 1, ideal - 1}
        for price in sorted(prices, key=lambda p: abs(p - oracle)):
            if abs(price - oracle) > reach or price < 1:
                continue
            if int(funding_payment(size, price, exact)) == amount:
                return price, exact
    return None


def _fixed_rate(rate: int) -> Rulebook:
    """Without premium the rate is the interest over the intervals: here, this rate."""
    intervals = wide_rules().funding.intervals_per_period
    interest = from_units(rate * intervals, FUNDING_DECIMALS)
    return wide_rules(funding__interest=interest, funding__clamp="1", funding__cap="1")
