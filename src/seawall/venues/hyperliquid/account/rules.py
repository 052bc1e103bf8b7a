"""The rules of reading an account that are data: ``account_rules.toml``, with sources."""

import tomllib
from collections.abc import Mapping
from fractions import Fraction
from functools import cache
from pathlib import Path

from msgspec import Struct, convert

USDC = "USDC"
_FILE = Path(__file__).with_name("account_rules.toml")


class Sourced(Struct, frozen=True):
    """One value as the file gives it."""

    value: str
    source: str
    as_of: str
    mark: str
    unit: str = ""

    @property
    def number(self) -> Fraction:
        return Fraction(self.value)


class Token(Struct, frozen=True):
    """What portfolio margin says of a token. Caps are per user, in the token; empty: no cap.

    ``price_of``: the coin whose mark stands for the token's price in the settlement token; empty
    for a token that is itself one.
    """

    ltv: str
    supply_cap: str
    borrow_cap: str
    price_of: str
    source: str
    as_of: str
    mark: str


class DexCollateral(Struct, frozen=True):
    token: str
    source: str
    as_of: str
    mark: str


class PortfolioRules(Struct, frozen=True):
    liquidatable_above: Sourced
    collateral_share_base: Sourced
    collateral_share_of_ltv: Sourced
    minimum_borrow_offset: Sourced
    tokens: Mapping[str, Token]

    def collateral_share(self, ltv: Fraction) -> Fraction:
        """The share of its value with which a token counts against maintenance margin."""
        return self.collateral_share_base.number + self.collateral_share_of_ltv.number * ltv


class AccountRules(Struct, frozen=True):
    portfolio_margin: PortfolioRules
    collateral_of_dex: Mapping[str, DexCollateral]
    token_numbers: Mapping[str, int]

    def token_of_number(self, number: int) -> str | None:
        """The name of a token by its number; None for one that is not known here."""
        found = [name for name, each in self.token_numbers.items() if each == number]
        return found[0] if found else None


@cache
def account_rules() -> AccountRules:
    """The rules that ship."""
    return convert(tomllib.loads(_FILE.read_text(encoding="utf-8")), AccountRules)
