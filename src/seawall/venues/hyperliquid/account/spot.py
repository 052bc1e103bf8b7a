"""A raw ``spotClearinghouseState``: what an account holds of each token, and what the venue says
that is free of it. Amounts are exact fractions of a token, whose decimals differ."""

from collections.abc import Mapping
from fractions import Fraction

from msgspec import Struct

from seawall.domain.units import UnitError, to_units
from seawall.venues.hyperliquid.account.rules import account_rules
from seawall.venues.raw_json import VenueDataError, decode

_DECIMALS = 18
_LIMIT = 10**36


class _Balance(Struct, rename="camel"):
    coin: str
    total: str
    hold: str | None = None
    token: int | str | None = None
    borrowed: str | None = None
    supplied: str | None = None
    ltv: str | None = None


class _Spot(Struct, rename="camel"):
    balances: list[_Balance]
    portfolio_margin_enabled: bool | None = None
    portfolio_margin_ratio: str | None = None
    token_to_available_after_maintenance: list[tuple[int | str, str]] | None = None


class Balance(Struct, frozen=True, kw_only=True):
    """What is held of one token; ``hold``: of it in orders. None where the answer does not say."""

    token: str
    total: Fraction
    hold: Fraction | None = None
    borrowed: Fraction | None
    supplied: Fraction | None
    ltv: Fraction | None


class SpotState(Struct, frozen=True, kw_only=True):
    """``available``: after maintenance margin, by token, as the venue says it."""

    balances: Mapping[str, Balance]
    available: Mapping[str, Fraction]
    portfolio_margin: bool
    portfolio_margin_ratio: Fraction | None

    @property
    def is_pooled(self) -> bool:
        """Whether it is that of an account whose collateral is its spot balances.

        [observed] ``tokenToAvailableAfterMaintenance`` is there in unified and portfolio margin
        mode and in no other.
        """
        return self.portfolio_margin or bool(self.available)


def spot_state(raw: bytes, path: str) -> SpotState:
    """Decode a ``spotClearinghouseState``. Raises VenueDataError naming the field."""
    message = decode(_Spot, raw, path)
    balances: dict[str, Balance] = {}
    numbers: dict[int, str] = {}
    for index, row in enumerate(message.balances):
        where = f"{path}.balances[{index}]"
        if row.coin in balances:
            raise VenueDataError(f"{where}.coin: {row.coin!r} is listed twice")
        if row.token is not None:
            numbers[_number(f"{where}.token", row.token)] = row.coin
        balances[row.coin] = Balance(
            token=row.coin,
            total=exact_amount(f"{where}.total", row.total),
            hold=_optional(f"{where}.hold", row.hold),
            borrowed=_optional(f"{where}.borrowed", row.borrowed),
            supplied=_optional(f"{where}.supplied", row.supplied),
            ltv=_optional(f"{where}.ltv", row.ltv),
        )
    available = {}
    for index, (token, text) in enumerate(message.token_to_available_after_maintenance or []):
        where = f"{path}.tokenToAvailableAfterMaintenance[{index}]"
        number = _number(f"{where}[0]", token)
        name = numbers.get(number) or account_rules().token_of_number(number) or f"token {number}"
        available[name] = exact_amount(f"{where}[1]", text)
    ratio = message.portfolio_margin_ratio
    return SpotState(
        balances=balances,
        available=available,
        portfolio_margin=bool(message.portfolio_margin_enabled) or ratio is not None,
        portfolio_margin_ratio=_optional(f"{path}.portfolioMarginRatio", ratio),
    )


def exact_amount(path: str, text: str) -> Fraction:
    """Decimal text as a fraction. Raises VenueDataError naming ``path``."""
    try:
        return Fraction(to_units(text, _DECIMALS, _LIMIT), 10**_DECIMALS)
    except UnitError as error:
        raise VenueDataError(f"{path}: {error}; must be finite decimal text") from None


def _optional(path: str, text: str | None) -> Fraction | None:
    return None if text is None else exact_amount(path, text)


def _number(path: str, value: int | str) -> int:
    """A token's number, which some clients write as text."""
    text = str(value)
    if not text.isdecimal():
        raise VenueDataError(f"{path}: {value!r} must be the number of a token")
    return int(text)
