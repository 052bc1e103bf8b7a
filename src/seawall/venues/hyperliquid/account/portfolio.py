"""Portfolio margin: how much tokens other than the group's own count.

[documented, and equal to recorded answers within the price of a moment] What is supplied of a token
counts with its price times 0.5 + 0.5 LTV, up to the caps of the venue (``account_rules.toml``).
The venue's price is a median of three; here it is the mark of the token's perpetual.
"""

from fractions import Fraction

from msgspec import Struct

from seawall.domain.units import fraction_text
from seawall.venues.hyperliquid.account.rules import account_rules
from seawall.venues.hyperliquid.account.user import UserState


class Collateral(Struct, frozen=True, kw_only=True):
    """One further token: ``value`` is what it counts, in the group's collateral token."""

    token: str
    amount: Fraction
    price: Fraction
    share: Fraction
    value: Fraction


class FurtherCollateral(Struct, frozen=True, kw_only=True):
    """``value``: the sum, capped. ``reasons``: why it may not be exact."""

    rows: tuple[Collateral, ...]
    value: Fraction
    reasons: tuple[str, ...]


def further_collateral(user: UserState, token: str) -> FurtherCollateral:
    """What counts beside the balance of ``token`` itself."""
    assert user.spot is not None
    rules = account_rules().portfolio_margin
    rows: list[Collateral] = []
    reasons: list[str] = []
    for balance in user.spot.balances.values():
        known = rules.tokens.get(balance.token)
        ltv = balance.ltv
        if ltv is None and known is not None:
            ltv = Fraction(known.ltv)
        if balance.token == token or not ltv or not balance.supplied or balance.supplied < 0:
            continue
        name = known.price_of if known is not None else balance.token
        price = user.mark(name)
        if price is None:
            reasons.append(
                f"{fraction_text(balance.supplied)} {balance.token} is collateral and not counted: "
                f"no answer has the price of {name}"
            )
            continue
        amount = balance.supplied
        if known is not None and known.supply_cap:
            amount = min(amount, Fraction(known.supply_cap))
        share = rules.collateral_share(ltv)
        rows.append(
            Collateral(
                token=balance.token,
                amount=amount,
                price=price,
                share=share,
                value=amount * price * share,
            )
        )
        reasons.append(
            f"{balance.token} counts as collateral at the mark of {name}; the venue's price of it "
            "is a median with others (assumed)"
        )
    value = sum((each.value for each in rows), Fraction(0))
    own = rules.tokens.get(token)
    if own is not None and own.borrow_cap:
        value = min(value, Fraction(own.borrow_cap))
    return FurtherCollateral(rows=tuple(rows), value=value, reasons=tuple(reasons))
