"""The mode of an account: which positions share one equity.

*standard*: each dex has a pool of its own; *unified*: all dexes with one collateral token share the
account's balance of it; *portfolio_margin*: the same, with other tokens as further collateral
[documented: account abstraction modes, portfolio margin]. ``userAbstraction`` states it. Where it
says nothing, the answers may tell: what the spot answer lists, or the venue's own liquidation
prices, which stand on an equity.
"""

from msgspec import Struct

from seawall.venues.hyperliquid.account.user import UserState

STANDARD, UNIFIED, PORTFOLIO = "standard", "unified", "portfolio_margin"
STATED, INFERRED, ASSUMED = "stated", "inferred", "assumed"
_OF_ANSWER = {
    "default": STANDARD,
    "disabled": STANDARD,
    "dexAbstraction": STANDARD,
    "unifiedAccount": UNIFIED,
    "portfolioMargin": PORTFOLIO,
}


class Mode(Struct, frozen=True, kw_only=True):
    """``basis``: stated, inferred or assumed. ``stated``: the venue's word. ``reason``: a sentence
    without its end. ``reasons``: why figures that follow from it may not be exact."""

    name: str
    basis: str
    stated: str | None
    reason: str
    reasons: tuple[str, ...] = ()

    @property
    def is_pooled(self) -> bool:
        """Whether the collateral is the account's spot balances."""
        return self.name != STANDARD


def stated_mode(user: UserState) -> Mode | None:
    """The mode that ``userAbstraction`` states; None where it says nothing that is known."""
    stated = user.abstraction
    if stated not in _OF_ANSWER:
        return None
    name = _OF_ANSWER[stated]
    reasons: tuple[str, ...] = ()
    if name == STANDARD and user.spot is not None and user.spot.is_pooled:
        reasons = (
            f"the mode is stated as {stated!r}, but the spot answer is that of an account whose "
            "collateral is its spot balances",
        )
    if stated == "dexAbstraction":
        reasons = (
            "dexAbstraction moves collateral between the dexes by itself; each is measured on what "
            "it holds now",
        )
    return Mode(
        name=name,
        basis=STATED,
        stated=stated,
        reason=f"userAbstraction is {stated!r}",
        reasons=reasons,
    )


def standard_by_spot(user: UserState) -> Mode | None:
    """The standard mode where a spot answer is there and is not that of a pooled account."""
    if user.spot is None or user.spot.is_pooled:
        return None
    return inferred(
        user, STANDARD, "the spot answer has no tokenToAvailableAfterMaintenance"
    )  # fmt: skip


def mode_of_spot(user: UserState) -> Mode | None:
    """The mode that the spot answer tells; None where it tells none."""
    if user.spot is None or not user.spot.is_pooled:
        return None
    if user.spot.portfolio_margin:
        return inferred(user, PORTFOLIO, "the spot answer has a portfolio margin ratio")
    return inferred(user, UNIFIED, "the spot answer has tokenToAvailableAfterMaintenance")


def inferred(user: UserState, name: str, reason: str) -> Mode:
    """A mode that the answers tell."""
    return Mode(name=name, basis=INFERRED, stated=user.abstraction, reason=reason)


def assumed_standard(user: UserState, *, has_cross: bool) -> Mode:
    """The standard mode, because nothing tells another."""
    doubt = "nothing tells the mode of the account; in unified mode its equity is not in the answer"
    return Mode(
        name=STANDARD,
        basis=ASSUMED,
        stated=user.abstraction,
        reason="neither userAbstraction nor a liquidation price of a cross position tells it",
        reasons=(doubt,) if has_cross else (),
    )
